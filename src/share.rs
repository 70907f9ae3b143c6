//! A share of some work: every `of`-th piece, so that several processes or machines divide it.

use std::fmt;
use std::str::FromStr;

/// The pieces `number - 1`, `number - 1 + of`, … of some work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    number: usize,
    of: usize,
}

impl Share {
    /// Whether the piece of this index, from 0, is in it.
    pub fn has(self, index: usize) -> bool {
        index % self.of == self.number - 1
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.trim().parse().ok()?, of.trim().parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("expected NUMBER/OF such as 1/4, the first of four shares".into()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_in_one_share() {
        for of in 1..6 {
            let shares: Vec<Share> =
                (1..=of).map(|number| format!("{number}/{of}").parse().unwrap()).collect();
            for piece in 0..20 {
                assert_eq!(shares.iter().filter(|share| share.has(piece)).count(), 1);
            }
        }
        for wrong in ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
