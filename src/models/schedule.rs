//! Learning-rate schedules, written as `constant`, `cosine` or `step:10:0.1`.

use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::number::number_in;

/// The learning rate by epoch; all steps of an epoch have the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Schedule {
    /// The same in all epochs.
    #[default]
    Constant,
    /// Half a cosine from the rate to almost 0: `rate / 2 · (1 + cos(π · epoch / epochs))`, epochs
    /// from 0 (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// Multiplied by `factor` after each `every` epochs.
    Step {
        /// Number of epochs with the same rate.
        every: usize,
        /// Factor from one rate to the next.
        factor: f32,
    },
}

impl Schedule {
    /// Whether the rates of early epochs depend on the total number of epochs.
    pub fn depends_on_total_epochs(self) -> bool {
        match self {
            Self::Constant | Self::Step { .. } => false,
            Self::Cosine => true,
        }
    }

    /// The rate in `epoch` (from 0) of `epochs`.
    pub fn rate(self, rate: f32, epoch: usize, epochs: usize) -> f32 {
        match self {
            Self::Constant => rate,
            Self::Cosine => {
                let share = epoch as f64 / epochs as f64;
                (f64::from(rate) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos())) as f32
            }
            Self::Step { every, factor } => {
                let times = (epoch / every.max(1)).min(i32::MAX as usize) as i32;
                (f64::from(rate) * f64::from(factor).powi(times)) as f32
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step { every, factor } => write!(f, "step:{every}:{factor}"),
        }
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

impl TryFrom<String> for Schedule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let step = || {
            let (every, factor) = text.strip_prefix("step:")?.split_once(':')?;
            let every = number_in(every, &(1..))?;
            let factor = number_in(factor, &(Bound::Excluded(0.0), Bound::Included(1.0)))?;
            Some(Self::Step { every, factor })
        };
        match text {
            "constant" => Ok(Self::Constant),
            "cosine" => Ok(Self::Cosine),
            _ => step().ok_or_else(|| {
                format!(
                    "expected constant, cosine or step:EPOCHS:FACTOR (such as step:10:0.1), found \
                     \"{text}\""
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_hand() {
        let rates = |text: &str| -> Vec<f32> {
            let schedule: Schedule = text.parse().unwrap();
            assert_eq!(schedule.to_string(), text);
            (0..4).map(|epoch| schedule.rate(0.5, epoch, 4)).collect()
        };
        assert_eq!(rates("constant"), [0.5; 4]);
        assert_eq!(rates("step:2:0.5"), [0.5, 0.5, 0.25, 0.25]);
        let half = std::f32::consts::FRAC_1_SQRT_2 / 4.0;
        let cosine = rates("cosine");
        for (got, want) in cosine.iter().zip([0.5, 0.25 + half, 0.25, 0.25 - half]) {
            assert!((got - want).abs() < 1e-7, "{cosine:?}");
        }
        for text in ["step", "step:0:0.1", "step:2:0", "step:2:2", "linear", ""] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
