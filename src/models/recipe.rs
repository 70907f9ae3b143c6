//! How a model asks to be trained.

use serde::{Deserialize, Serialize};

use super::{Augment, Schedule};

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
    /// Whether weights go where the velocity would take them next.
    pub nesterov: Option<bool>,
    /// How the step size goes from epoch to epoch.
    pub schedule: Option<Schedule>,
    /// How samples are varied.
    pub augment: Option<Augment>,
}
