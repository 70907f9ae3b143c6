//! Learning-rate schedules, written as `constant`, `cosine`, `step:10:0.1` or `plateau:3:0.5`.

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
    /// Multiplied by `factor` after each `patience` epochs in a row without an improvement: as Keras's
    /// `ReduceLROnPlateau` on the validation loss, which improves if it is lower than the best before by more than
    /// 0.0001, with a cooldown and a least rate of 0.
    Plateau {
        /// Number of epochs.
        patience: usize,
        /// Factor from one rate to the next. In f64, as Keras multiplies.
        factor: f64,
    },
}

/// Fall of the validation loss that improves it.
const MIN_DELTA: f64 = 1e-4;

impl Schedule {
    /// Whether the rates of early epochs depend on the total number of epochs.
    pub fn depends_on_total_epochs(self) -> bool {
        match self {
            Self::Constant | Self::Step { .. } | Self::Plateau { .. } => false,
            Self::Cosine => true,
        }
    }

    /// Whether rates depend on the validation losses, so that runs of several seeds have rates of their own.
    pub fn depends_on_losses(self) -> bool {
        matches!(self, Self::Plateau { .. })
    }

    /// The rate in `epoch` (from 0) of `epochs`, from the validation losses of the epochs before.
    pub fn rate(self, rate: f32, epoch: usize, epochs: usize, val_losses: &[f32]) -> f32 {
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
            Self::Plateau { patience, factor } => {
                let (mut rate, mut best, mut wait) = (rate, f64::INFINITY, 0);
                for loss in val_losses.iter().take(epoch).copied().map(f64::from) {
                    wait += 1;
                    if loss < best - MIN_DELTA {
                        (best, wait) = (loss, 0);
                    } else if wait >= patience {
                        (rate, wait) = ((f64::from(rate) * factor) as f32, 0);
                    }
                }
                rate
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
            Self::Plateau { patience, factor } => write!(f, "plateau:{patience}:{factor}"),
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
        let plateau = || {
            let (patience, factor) = text.strip_prefix("plateau:")?.split_once(':')?;
            let patience = number_in(patience, &(1..))?;
            let factor = number_in(factor, &(Bound::Excluded(0.0), Bound::Excluded(1.0)))?;
            Some(Self::Plateau { patience, factor })
        };
        match text {
            "constant" => Ok(Self::Constant),
            "cosine" => Ok(Self::Cosine),
            _ => step().or_else(plateau).ok_or_else(|| {
                format!(
                    "expected constant, cosine, step:EPOCHS:FACTOR (such as step:10:0.1) or \
                     plateau:PATIENCE:FACTOR (such as plateau:3:0.5), found \"{text}\""
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
            (0..4).map(|epoch| schedule.rate(0.5, epoch, 4, &[])).collect()
        };
        assert_eq!(rates("constant"), [0.5; 4]);
        assert_eq!(rates("step:2:0.5"), [0.5, 0.5, 0.25, 0.25]);
        let half = std::f32::consts::FRAC_1_SQRT_2 / 4.0;
        let cosine = rates("cosine");
        for (got, want) in cosine.iter().zip([0.5, 0.25 + half, 0.25, 0.25 - half]) {
            assert!((got - want).abs() < 1e-7, "{cosine:?}");
        }
        for text in [
            "step",
            "step:0:0.1",
            "step:2:0",
            "step:2:2",
            "plateau:0:0.1",
            "plateau:2:1",
            "linear",
            "",
        ] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_plateau_by_hand() {
        let schedule: Schedule = "plateau:2:0.1".parse().unwrap();
        assert_eq!(schedule.to_string(), "plateau:2:0.1");
        // Neither the same loss nor one lower by 0.00005 improves it; what comes later changes no rate before.
        let losses = [2.0, 1.5, 1.5, 1.49995, 1.6, 1.4, 1.7, 1.7, 1.7, 1.7];
        let rates: Vec<f32> =
            (0..=10).map(|epoch| schedule.rate(0.5, epoch, 20, &losses)).collect();
        let (second, third) =
            ((0.5f64 * 0.1) as f32, (f64::from((0.5f64 * 0.1) as f32) * 0.1) as f32);
        let fourth = (f64::from(third) * 0.1) as f32;
        let mut expected = [0.5; 4].to_vec();
        expected.extend([second; 4]);
        expected.extend([third, third, fourth]);
        assert_eq!(rates, expected);
    }
}
