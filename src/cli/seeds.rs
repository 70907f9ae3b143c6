//! The flag for seeds.

/// Different seeds, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seeds(pub(super) Vec<u32>);

/// Counts start at this seed.
const FIRST: u32 = 42;
/// A larger number alone is more likely a seed than a count.
const MOST: u32 = 20;

/// `5` is 42 to 46; `42,43` are these two, `42,` is that one.
pub(super) fn parse(text: &str) -> Result<Seeds, String> {
    let number = |word: &str| {
        word.trim().parse::<u32>().map_err(|_| {
            format!("expected seeds from 0 to {}, comma-separated, found \"{word}\"", u32::MAX)
        })
    };
    let Some(list) = text.contains(',').then(|| text.trim_end_matches(',')) else {
        return match number(text)? {
            count @ 1..=MOST => Ok(Seeds((FIRST..FIRST + count).collect())),
            0 => Err("expected at least one seed".into()),
            seed => Err(format!(
                "a single number is the number of seeds, at most {MOST}; for seed {seed} alone \
                 write {seed},"
            )),
        };
    };
    let seeds = list.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
    let twice = seeds.iter().enumerate().find(|(i, seed)| seeds[..*i].contains(seed));
    match twice {
        Some((_, seed)) => Err(format!("seed {seed} is given twice")),
        None => Ok(Seeds(seeds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_or_a_list() {
        assert_eq!(parse("3").unwrap().0, [42, 43, 44]);
        assert_eq!(parse("7,1,4294967295").unwrap().0, [7, 1, u32::MAX]);
        assert_eq!(parse("42,").unwrap().0, [42]);
        for bad in ["0", "42", "a", "1,1", "", ",", "1,,2", "4294967296,", "-1,2"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
