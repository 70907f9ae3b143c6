//! Optimisers by their names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which optimiser trains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    /// Stochastic gradient descent, with momentum or without.
    #[default]
    Sgd,
    /// Adam.
    Adam,
    /// Adam with weight decay.
    AdamW,
}

impl OptimizerName {
    /// Its name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Adam => "adam",
            Self::AdamW => "adamw",
        }
    }

    /// Whether its rule is Adam's.
    pub fn is_adam(self) -> bool {
        match self {
            Self::Sgd => false,
            Self::Adam | Self::AdamW => true,
        }
    }

    /// Whether it is gradient descent.
    pub fn is_sgd(self) -> bool {
        self == Self::Sgd
    }
}

/// As people write it.
impl fmt::Display for OptimizerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sgd => "SGD",
            Self::Adam => "Adam",
            Self::AdamW => "AdamW",
        })
    }
}
