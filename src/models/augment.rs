//! Augmentation of training samples, written as `bands=0.1,frames=0.16,roll,gain=3`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::number::number_in;

/// Random augmentation of each sample in each epoch. By default none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Augment {
    /// Largest share of the mel bands that a mask covers, 0 to 1 (Park et al. 2019, SpecAugment).
    pub bands: f32,
    /// The same share of the frames.
    pub frames: f32,
    /// Whether the sample is rolled along time by a random number of frames.
    pub roll: bool,
    /// Largest change of level either way, in the unit of the arrays (dB), but at most their
    /// standard deviation.
    pub gain: f32,
}

impl Augment {
    /// Whether samples are left unchanged.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        let number = |name: &str, value: f32| (value != 0.0).then(|| format!("{name}={value}"));
        let parts = [
            number("bands", self.bands),
            number("frames", self.frames),
            self.roll.then(|| "roll".to_owned()),
            number("gain", self.gain),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

impl From<Augment> for String {
    fn from(augment: Augment) -> Self {
        augment.to_string()
    }
}

impl TryFrom<String> for Augment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Augment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut augment = Self::default();
        if text.trim() == "none" {
            return Ok(augment);
        }
        let mut seen = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (name, value) = part.split_once('=').map_or((part, None), |(n, v)| (n, Some(v)));
            let number = |most: f32, what: &str| {
                let value = value.and_then(|v| number_in(v.trim(), &(0.0..=most)));
                value.ok_or_else(|| format!("expected {name}={what}, found \"{part}\""))
            };
            if seen.contains(&name.trim()) {
                return Err(format!("{} is given twice", name.trim()));
            }
            seen.push(name.trim());
            match name.trim() {
                "bands" => augment.bands = number(1.0, "a share from 0 to 1")?,
                "frames" => augment.frames = number(1.0, "a share from 0 to 1")?,
                "gain" => augment.gain = number(1e6, "a number of decibels")?,
                "roll" if value.is_none() => augment.roll = true,
                _ => {
                    return Err(format!(
                        "expected none, or some of bands=SHARE, frames=SHARE, roll, gain=DB with \
                         commas between, found \"{part}\""
                    ));
                }
            }
        }
        Ok(augment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_text_is_read_back() {
        for text in ["none", "bands=0.1,frames=0.16,roll,gain=3", "roll", "gain=1.5"] {
            assert_eq!(text.parse::<Augment>().unwrap().to_string(), text);
        }
        let spaced: Augment = " bands = 0.1 , roll".parse().unwrap();
        assert_eq!(spaced.to_string(), "bands=0.1,roll");
        for text in [
            "",
            "bands",
            "bands=2",
            "bands=-1",
            "roll=1",
            "roll,roll",
            "bands=0.1,bands=0.5",
            "gain=nan",
            "pitch=2",
        ] {
            assert!(text.parse::<Augment>().is_err(), "{text}");
        }
    }
}
