//! Whether probabilities can be taken at their word.

use serde::{Deserialize, Serialize};

use super::{check_rows, check_same_length, first_maximum};
use crate::error::Result;

/// Number of bins of the reliability curve.
const BINS: usize = 10;

/// The reliability curve of predicted classes: of samples that are predicted with about the same
/// probability, the share that is correct.
///
/// C. Guo et al., "On calibration of modern neural networks", ICML 2017: bins of equal width, from
/// their lower end (excluded) to their upper one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Ten bins, lowest probability first.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: the mean over samples of the distance between the confidence
    /// and the accuracy of their bin. None without samples.
    pub expected_error: Option<f64>,
    /// The mean over samples of −ln p of the true class, p at least the least normal f32. None without
    /// samples, and in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
}

/// Samples whose predicted class has a probability in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The lower end of the interval, not in it.
    pub low: f64,
    /// The upper end, in it.
    pub high: f64,
    /// Number of samples.
    pub samples: u64,
    /// Mean probability of their predicted classes; none without samples.
    pub confidence: Option<f64>,
    /// Share of them that is correct; none without samples.
    pub accuracy: Option<f64>,
}

impl Calibration {
    /// Of `probabilities`, `[n, classes]`. A sample whose largest probability is not a number is
    /// left out.
    ///
    /// # Errors
    /// If labels and probabilities do not fit together.
    pub fn new(y: &[u32], probabilities: &[f32], classes: usize) -> Result<Self> {
        check_rows(probabilities.len(), classes)?;
        check_same_length(y.len(), probabilities.len() / classes)?;
        let rows = probabilities.chunks_exact(classes).map(|row| row.iter().map(|p| f64::from(*p)));
        Ok(Self::of(y.iter().copied().zip(rows.map(Iterator::collect))))
    }

    /// The same of labels, each with its row of probabilities.
    pub(super) fn of(rows: impl Iterator<Item = (u32, Vec<f64>)>) -> Self {
        let (mut sums, mut log_loss) = ([(0_u64, 0.0, 0.0); BINS], 0.0);
        for (y, row) in rows {
            let predicted = first_maximum(row.iter().copied());
            let confidence = row[predicted as usize];
            if !confidence.is_finite() {
                continue;
            }
            let bin = (confidence * BINS as f64).ceil() as usize;
            let (samples, sum, correct) = &mut sums[bin.clamp(1, BINS) - 1];
            *samples += 1;
            *sum += confidence;
            *correct += f64::from(u8::from(predicted == y));
            log_loss -= logit(row[y as usize]);
        }
        let total: u64 = sums.iter().map(|(samples, ..)| samples).sum();
        let gap: f64 = sums.iter().map(|(_, sum, correct)| (sum - correct).abs()).sum();
        let bin = |(i, (samples, sum, correct)): (usize, (u64, f64, f64))| {
            let mean = |sum: f64| (samples > 0).then(|| sum / samples as f64);
            let [low, high] = [i, i + 1].map(|i| i as f64 / BINS as f64);
            ReliabilityBin { low, high, samples, confidence: mean(sum), accuracy: mean(correct) }
        };
        Self {
            bins: sums.into_iter().enumerate().map(bin).collect(),
            expected_error: (total > 0).then(|| gap / total as f64),
            log_loss: (total > 0).then(|| log_loss / total as f64),
        }
    }
}

/// The logarithm of a probability, finite where it was rounded to 0.
pub(super) fn logit(p: f64) -> f64 {
    if p < f64::from(f32::MIN_POSITIVE) { f64::from(f32::MIN_POSITIVE).ln() } else { p.ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes; exact in binary. In (0.6, 0.7]: 0.625 correct and 0.6875 wrong, so confidence
    /// 0.65625 and accuracy 1/2; in (0.9, 1]: 1 correct; in (0.7, 0.8]: 0.75 wrong.
    #[test]
    fn bins_by_hand() {
        let p = [0.625, 0.375, 0.3125, 0.6875, 1.0, 0.0, 0.25, 0.75];
        let got = Calibration::new(&[0, 0, 0, 0], &p, 2).unwrap();
        assert_eq!(got.bins.len(), 10);
        let bin = got.bins[6];
        assert_eq!((bin.samples, bin.confidence, bin.accuracy), (2, Some(0.65625), Some(0.5)));
        assert_eq!((got.bins[9].samples, got.bins[9].accuracy), (1, Some(1.0)));
        assert_eq!((got.bins[7].samples, got.bins[7].accuracy), (1, Some(0.0)));
        assert_eq!((got.bins[0].samples, got.bins[0].confidence), (0, None));
        // (2 · 0.15625 + 0.75 + 0) / 4.
        assert_eq!(got.expected_error, Some(0.265_625));
        let loss = -(0.625_f64 * 0.3125 * 0.25).ln() / 4.0;
        assert!((got.log_loss.unwrap() - loss).abs() < 1e-15);
    }

    /// scikit-learn 1.9.1, calibration_curve(correct, confidence, n_bins=10).
    #[test]
    fn agrees_with_scikit_learn() {
        let p = [
            0.72, 0.18, 0.1, 0.41, 0.49, 0.1, 0.55, 0.25, 0.2, 0.3, 0.33, 0.37, 0.19, 0.62, 0.19,
            0.42, 0.33, 0.25, 0.1, 0.81, 0.09, 0.2, 0.17, 0.63, 0.05, 0.04, 0.91, 0.3, 0.43, 0.27,
        ];
        let y = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2];
        let got = Calibration::new(&y, &p, 3).unwrap();
        let curve: Vec<(f64, f64)> =
            got.bins.iter().filter_map(|bin| bin.accuracy.zip(bin.confidence)).collect();
        let want = [
            (0.0, 0.37),
            (0.0, 0.4466666666666666),
            (1.0, 0.55),
            (1.0, 0.625),
            (1.0, 0.72),
            (1.0, 0.81),
            (1.0, 0.91),
        ];
        assert_eq!(curve.len(), want.len());
        for (got, want) in curve.iter().zip(want) {
            let close = (got.0 - want.0).abs() < 1e-6 && (got.1 - want.1).abs() < 1e-6;
            assert!(close, "{got:?}, not {want:?}");
        }
    }

    #[test]
    fn nothing_has_no_error_and_ragged_rows_are_refused() {
        assert_eq!(Calibration::new(&[], &[], 3).unwrap().expected_error, None);
        assert_eq!(Calibration::new(&[0], &[f32::NAN; 3], 3).unwrap().expected_error, None);
        assert!(Calibration::new(&[0], &[0.5; 3], 2).is_err());
        assert!(Calibration::new(&[0, 1], &[0.5; 2], 2).is_err());
    }
}
