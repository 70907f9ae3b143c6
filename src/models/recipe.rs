//! How a model asks to be trained.

use serde::{Deserialize, Serialize};

/// Defaults for training that a model file may carry; flags override them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Passes over the training set.
    pub epochs: Option<usize>,
    /// Samples per step.
    pub batch_size: Option<usize>,
    /// Step size of the gradient descent.
    pub learning_rate: Option<f32>,
    /// Share of the last step's velocity that the next keeps.
    pub momentum: Option<f32>,
}
