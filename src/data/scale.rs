//! The input scale, fitted to the training set: x' = (x − offset) · factor.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::stats::{squares_about, stats};
use crate::error::{DataProblem, Error, Result};

/// How inputs are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScaleKind {
    /// Mean 0 and (population) standard deviation 1 over the training set.
    #[default]
    Standard,
    /// The training set's least value becomes 0 and its greatest 1.
    MinMax,
    /// Not at all.
    None,
}

impl ScaleKind {
    /// The word in flags and files: `standard`, `minmax`, `none`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::MinMax => "minmax",
            Self::None => "none",
        }
    }
}

impl fmt::Display for ScaleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fitted scale. The numbers are exactly those that are applied, and are saved with the weights:
/// later inputs are scaled in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// How it was fitted.
    pub kind: ScaleKind,
    /// Subtracted first, in the input's unit (dB for log-mel spectrograms).
    pub offset: f32,
    /// Multiplied next, per unit of the input.
    pub factor: f32,
}

/// `standardised (training mean -42.60, standard deviation 21.18)`.
impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (offset, spread) = (self.offset, 1.0 / self.factor);
        match self.kind {
            ScaleKind::Standard => write!(
                f,
                "standardised (training mean {offset:.2}, standard deviation {spread:.2})"
            ),
            ScaleKind::MinMax => write!(
                f,
                "scaled to 0 to 1 (training values {offset:.2} to {:.2})",
                offset + spread
            ),
            ScaleKind::None => f.write_str("not scaled"),
        }
    }
}

impl Scale {
    /// Leaves values as they are.
    pub const NONE: Self = Self { kind: ScaleKind::None, offset: 0.0, factor: 1.0 };

    /// Subtracts a mean and divides by a deviation.
    ///
    /// # Errors
    /// If the mean is not finite or the deviation not above 0.
    pub fn standard(mean: f32, deviation: f32) -> Result<Self> {
        let factor = (1.0 / f64::from(deviation)) as f32;
        if !mean.is_finite() || deviation <= 0.0 || !factor.is_normal() {
            return Err(Error::Setting {
                name: "deviation",
                expected: "a finite mean and a deviation above 0",
                found: format!("{mean} and {deviation}"),
            });
        }
        Ok(Self { kind: ScaleKind::Standard, offset: mean, factor })
    }

    /// Fits to the training samples `x`, in f64 and bit-identical for any number of threads.
    ///
    /// # Errors
    /// If all values are equal: there is nothing to scale by.
    pub fn fit(kind: ScaleKind, x: &[f32]) -> Result<Self> {
        let (stats, n) = (stats(x), x.len() as f64);
        let mean = stats.sum / n;
        let deviation = || Ok((squares_about(x, mean) / n).sqrt());
        Self::of(kind, [stats.min, stats.max], mean, deviation)
    }

    /// Fits to values of this range and mean; the standard deviation is computed only if it is used.
    pub(super) fn of(
        kind: ScaleKind,
        [min, max]: [f32; 2],
        mean: f64,
        deviation: impl FnOnce() -> Result<f64>,
    ) -> Result<Self> {
        let (offset, spread) = match kind {
            ScaleKind::None => return Ok(Self::NONE),
            ScaleKind::Standard => (mean as f32, deviation()?),
            ScaleKind::MinMax => (min, f64::from(max) - f64::from(min)),
        };
        let factor = (1.0 / spread) as f32;
        // One value everywhere (its mean can be off by a rounding), no values, or a spread beyond f32.
        if min == max || !offset.is_finite() || !factor.is_normal() {
            let problem = DataProblem::Unscalable { scale: kind.as_str(), min, max };
            return Err(Error::data("training samples", problem));
        }
        Ok(Self { kind, offset, factor })
    }

    /// Scales values in place: (x − offset) · factor in f32, each by itself.
    pub fn apply(&self, x: &mut [f32]) {
        let Self { kind, offset, factor } = *self;
        if kind != ScaleKind::None {
            x.par_chunks_mut(1 << 16).for_each(|chunk| {
                for value in chunk {
                    *value = (*value - offset) * factor;
                }
            });
        }
    }
}
