//! The three parts of a dataset.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartName {
    /// The training part, which weights are fitted to.
    Train,
    /// The validation part, which checkpoints and settings are chosen by.
    Val,
    /// The test part, which is evaluated once, at the end.
    Test,
}

impl PartName {
    /// All parts in their usual order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The short name used in files and columns: `train`, `val`, `test`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The word in a sentence: `training`, `validation`, `test`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Val => "validation",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Samples, labels and (where known) songs of one part.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Samples, `[n, h, w, c]` row-major, h = mel bands (0 lowest), w = frames; empty where samples
    /// stay on disk ([`super::Dataset::disk`]).
    pub x: Vec<f32>,
    /// The class of each sample, `[n]`.
    pub y: Vec<u32>,
    /// The song that each sample was cut from, `[n]`, where known.
    pub song: Option<Vec<i64>>,
}

impl Part {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// True if there is no sample.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }
}
