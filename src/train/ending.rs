//! When training ends, and whose weights a run keeps: by its settings and the epochs so far alone, so that a
//! resumed run ends as one that was never stopped.

use std::fmt;

use super::history::{Epoch, best_epoch};
use super::settings::{CheckpointSelection, Config};
use crate::models::{EarlyStopping, Patience};

/// Why training ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending {
    /// All epochs are done.
    AllEpochs,
    /// The validation loss no longer fell.
    Early(Early),
}

/// A run that stopped early; as text the reason.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Early {
    /// Epochs that were trained.
    pub epochs: usize,
    /// Epochs that were planned.
    pub of: usize,
    /// The last epoch that improved, from 1.
    pub best: usize,
    /// Its validation loss.
    pub val_loss: f32,
    min_delta: f64,
}

impl Early {
    /// The same of a run of which so many epochs were planned.
    #[must_use]
    pub fn of(self, of: usize) -> Self {
        Self { of, ..self }
    }
}

impl fmt::Display for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epochs, of, best, val_loss, min_delta } = self;
        let by =
            if *min_delta > 0.0 { format!(" by more than {min_delta}") } else { String::new() };
        write!(
            f,
            "training stopped early, after epoch {epochs} of {of}: in the {} epochs after epoch {best} the \
             validation loss did not fall{by} below its {val_loss:.4}",
            epochs - best
        )
    }
}

fn patience(config: &Config, history: &[Epoch]) -> Option<Patience> {
    config.early_stopping.patience(history.iter().map(|epoch| epoch.val_loss))
}

/// Why training ends after these epochs; nothing if it goes on.
pub fn ending(config: &Config, history: &[Epoch]) -> Option<Ending> {
    if history.len() == config.epochs {
        return Some(Ending::AllEpochs);
    }
    let Patience { best, .. } = patience(config, history).filter(|patience| patience.is_over)?;
    let EarlyStopping::After { min_delta, .. } = config.early_stopping else { return None };
    let val_loss = history.get(best)?.val_loss;
    let (epochs, of) = (history.len(), config.epochs);
    Some(Ending::Early(Early { epochs, of, best: best + 1, val_loss, min_delta }))
}

/// The epoch, from 0, whose weights a run keeps; nothing if it keeps those of the last.
pub fn kept_epoch(config: &Config, history: &[Epoch]) -> Option<usize> {
    match (config.keep, patience(config, history)) {
        (CheckpointSelection::Last, _) => None,
        (CheckpointSelection::Best, Some(patience)) => Some(patience.best),
        (CheckpointSelection::Best, None) => best_epoch(history),
    }
}
