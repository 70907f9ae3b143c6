//! Metrics of each epoch.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// Metrics of one epoch, as in Keras's history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean over the epoch's batches, each before its step; with the penalty.
    pub loss: f32,
    /// Share of correct predictions in the same passes.
    pub accuracy: f32,
    /// After the epoch's last step; with the penalty. NaN where there are no validation samples.
    #[serde(deserialize_with = "number_or_nan")]
    pub val_loss: f32,
    /// Share of correct predictions after the epoch's last step. NaN where there are no validation samples.
    #[serde(deserialize_with = "number_or_nan")]
    pub val_accuracy: f32,
    /// Wall time of the epoch, training and validation.
    pub seconds: f64,
}

/// JSON has no NaN; it is written as null.
fn number_or_nan<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    Option::<f32>::deserialize(from).map(|number| number.unwrap_or(f32::NAN))
}

/// Writes `history.csv`: epochs from 1, every digit that an f32 has.
pub fn write_csv(history: &[Epoch], to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "epoch,loss,accuracy,val_loss,val_accuracy")?;
    for (i, e) in history.iter().enumerate() {
        writeln!(to, "{},{},{},{},{}", i + 1, e.loss, e.accuracy, e.val_loss, e.val_accuracy)?;
    }
    Ok(())
}

/// The index of the epoch with the lowest validation loss, the first of equals; none without validation.
pub fn best_epoch(history: &[Epoch]) -> Option<usize> {
    (0..history.len())
        .filter(|i| !history[*i].val_loss.is_nan())
        .reduce(|best, i| if history[i].val_loss < history[best].val_loss { i } else { best })
}

/// With fewer epochs after the lowest validation loss, a rise may be noise.
const FEW_EPOCHS: usize = 5;

/// What validation loss did after its lowest epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// There are fewer than two epochs.
    Unknown,
    /// The lowest epoch is too late in training to tell.
    TooLate,
    /// No clear rise.
    Flat {
        /// Mean validation loss after the lowest epoch.
        mean: f64,
        /// See [`median_step`].
        noise: f64,
    },
    /// It rises while training loss falls further.
    Rises {
        /// Mean validation loss after the lowest epoch.
        mean: f64,
        /// See [`median_step`].
        noise: f64,
    },
}

/// Validation loss turns where its mean after the lowest epoch lies above it by more than twice the
/// median step from epoch to epoch, while training loss falls further: the lowest of a noisy series
/// is below its mean in any case.
pub fn turn(history: &[Epoch]) -> Turn {
    let (Some(best), Some(end)) = (best_epoch(history), history.last()) else {
        return Turn::Unknown;
    };
    if history.len() < 2 {
        return Turn::Unknown;
    }
    let (low, after) = (&history[best], &history[best + 1..]);
    if after.len() < FEW_EPOCHS {
        return Turn::TooLate;
    }
    let mean = after.iter().map(|e| f64::from(e.val_loss)).sum::<f64>() / after.len() as f64;
    let noise = median_step(history);
    match mean - f64::from(low.val_loss) > 2.0 * noise && end.loss < low.loss {
        true => Turn::Rises { mean, noise },
        false => Turn::Flat { mean, noise },
    }
}

/// The median change of validation loss from epoch to epoch, 0 below two epochs.
pub fn median_step(history: &[Epoch]) -> f64 {
    let mut steps: Vec<f32> =
        history.windows(2).map(|pair| (pair[1].val_loss - pair[0].val_loss).abs()).collect();
    steps.sort_by(f32::total_cmp);
    steps.get(steps.len() / 2).map_or(0.0, |step| f64::from(*step))
}

/// Epochs of these training and validation losses.
#[cfg(test)]
pub(crate) fn of_losses(rows: &[(f32, f32)]) -> Vec<Epoch> {
    let epoch = |&(loss, val_loss): &(f32, f32)| Epoch {
        loss,
        accuracy: 0.5,
        val_loss,
        val_accuracy: 0.25,
        seconds: 1.0,
    };
    rows.iter().map(epoch).collect()
}

/// The median wall time of an epoch, 0 without epochs.
pub fn seconds_per_epoch(history: &[Epoch]) -> f64 {
    let mut seconds: Vec<f64> = history.iter().map(|e| e.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    match (seconds.len(), seconds.len() / 2) {
        (0, _) => 0.0,
        (n, half) if n % 2 == 1 => seconds[half],
        (_, half) => (seconds[half - 1] + seconds[half]) / 2.0,
    }
}
