//! Pure functions of labels and probabilities: predictions, confusion, scores per class,
//! calibration, votes over songs, and what a comparison of two models rests on. All sums are in f64 and run in
//! index order.

mod auc;
mod bootstrap;
mod calibration;
mod confusion;
mod interval;
mod mcnemar;
mod quantile;
mod scores;
mod songs;
mod spread;
mod temperature;

pub use auc::roc_auc;
pub use bootstrap::{GroupBootstrap, bootstrap_groups, bootstrap_mean};
pub use calibration::{Calibration, ReliabilityBin};
pub use confusion::Confusion;
pub use interval::wilson;
pub use mcnemar::{holm, mcnemar};
pub use quantile::quantile;
pub use scores::{ClassificationReport, PartScores, Scores};
pub use songs::{
    SMALLEST_PROBABILITY, SongVerdict, SongVotes, Vote, all_song_votes, song_accuracy,
    song_confusion, song_votes,
};
pub use spread::mean_and_deviation;
pub use temperature::{
    Calibrated, CalibratedSongs, Fit, SongTemperature, Temperature, Temperatures, scaled,
};

use crate::error::{Error, Result};

/// The most probable class of each sample; the first of equal values.
///
/// `probabilities` is `[n, classes]` row-major. NaN never wins; a row of NaN gives class 0.
pub fn predictions(probabilities: &[f32], classes: usize) -> Result<Vec<u32>> {
    check_rows(probabilities.len(), classes)?;
    Ok(probabilities
        .chunks_exact(classes)
        .map(|row| first_maximum(row.iter().map(|&p| f64::from(p))))
        .collect())
}

/// The share of samples, 0 to 1, whose prediction is their label; NaN if there are none.
pub fn accuracy(y: &[u32], predicted: &[u32]) -> Result<f64> {
    check_same_length(y.len(), predicted.len())?;
    let right = y.iter().zip(predicted).filter(|(a, b)| a == b).count();
    Ok(right as f64 / y.len() as f64)
}

/// The index of the largest value; the first of equal ones, and NaN never.
fn first_maximum(values: impl Iterator<Item = f64>) -> u32 {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, value) in (0..).zip(values) {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

fn check_rows(values: usize, classes: usize) -> Result<()> {
    if classes == 0 || !values.is_multiple_of(classes) {
        return Err(Error::Mismatch {
            what: "probabilities",
            expected: format!("a multiple of the number of classes, {classes}"),
            found: format!("{values} values"),
        });
    }
    Ok(())
}

fn check_same_length(labels: usize, others: usize) -> Result<()> {
    if labels != others {
        return Err(Error::Mismatch {
            what: "labels and predictions",
            expected: format!("one prediction (or song id) for each of {labels} labels"),
            found: format!("{others}"),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prediction_is_the_first_of_equal_maxima() {
        let p = [0.2, 0.5, 0.3, 0.4, 0.2, 0.4, 0.1, 0.45, 0.45];
        assert_eq!(predictions(&p, 3).unwrap(), [1, 0, 1]);
    }

    #[test]
    fn nan_never_wins() {
        let p = [f32::NAN, 0.1, 0.2, f32::NAN, f32::NAN, f32::NAN];
        assert_eq!(predictions(&p, 3).unwrap(), [2, 0]);
    }

    #[test]
    fn ragged_probabilities_are_refused() {
        assert!(matches!(predictions(&[0.5; 7], 2), Err(Error::Mismatch { .. })));
        assert!(matches!(predictions(&[], 0), Err(Error::Mismatch { .. })));
    }

    #[test]
    fn accuracy_by_hand() {
        assert_eq!(accuracy(&[0, 1, 2, 2], &[0, 1, 1, 0]).unwrap(), 0.5);
        assert!(accuracy(&[], &[]).unwrap().is_nan());
        assert!(accuracy(&[0], &[]).is_err());
    }
}
