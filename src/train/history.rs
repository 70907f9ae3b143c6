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
    /// After the epoch's last step; with the penalty.
    pub val_loss: f32,
    /// Share of correct predictions after the epoch's last step.
    pub val_accuracy: f32,
    /// Wall time of the epoch, training and validation.
    pub seconds: f64,
}

/// Writes `history.csv`: epochs from 1, every digit that an f32 has.
pub fn write_csv(history: &[Epoch], to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "epoch,loss,accuracy,val_loss,val_accuracy")?;
    for (i, e) in history.iter().enumerate() {
        writeln!(to, "{},{},{},{},{}", i + 1, e.loss, e.accuracy, e.val_loss, e.val_accuracy)?;
    }
    Ok(())
}

/// The index of the epoch with the lowest validation loss, the first of equals.
pub fn best_epoch(history: &[Epoch]) -> Option<usize> {
    (0..history.len()).reduce(
        |best, i| {
            if history[i].val_loss < history[best].val_loss { i } else { best }
        },
    )
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
