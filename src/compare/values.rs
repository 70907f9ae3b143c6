//! The figures of a comparison, as plain values.

use std::collections::BTreeMap;

use serde::Serialize;

use super::paired::Difference;
use crate::data::PartName;

/// All that is known of one data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataReport {
    /// Its short name.
    pub name: String,
    /// What the data are.
    pub source: String,
    /// Their hash.
    pub hash: String,
    /// The parts that are spoken of, that which conclusions are drawn on first.
    #[serde(skip)]
    pub shown: Vec<PartName>,
    /// Samples and songs of each part shown.
    pub sizes: BTreeMap<&'static str, PartSize>,
    /// Number of classes.
    pub classes: usize,
    /// The model that the others are compared with.
    pub baseline: String,
    /// The seeds, in order.
    pub seeds: Vec<u32>,
    /// In the order asked for.
    pub models: Vec<ModelReport>,
}

/// How much a part rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PartSize {
    /// Number of samples.
    pub samples: usize,
    /// Number of songs, where they are known.
    pub songs: Option<usize>,
}

/// A model's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// Its short name.
    pub model: String,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Median over all epochs of all runs.
    pub seconds_per_epoch: f64,
    /// Over seeds, by part: `val`, `test`.
    pub parts: BTreeMap<&'static str, PartReport>,
    /// What may be concluded of it against the baseline.
    pub conclusion: Option<String>,
    /// Each run.
    pub runs: Vec<RunReport>,
}

/// A model on a part, over seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartReport {
    /// By sample.
    pub accuracy: Spread,
    /// By song, where songs are known.
    pub songs: Option<Votes<Spread>>,
    /// Against the baseline; none for the baseline itself.
    pub against_baseline: Option<Difference>,
}

/// An accuracy under each vote of a song's samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Votes<T> {
    /// The largest mean probability.
    pub mean_probability: T,
    /// The most often predicted class.
    pub majority: T,
    /// The largest product of probabilities.
    pub product: T,
}

/// A figure over seeds, in shares of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation; none of a single seed.
    pub deviation: Option<f64>,
}

/// One run's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// Its seed.
    pub seed: u32,
    /// What it was trained on.
    pub device: String,
    /// Median wall time of an epoch.
    pub seconds_per_epoch: f64,
    /// Training accuracy in the last epoch, as a share of 1.
    pub train_accuracy: Option<f64>,
    /// Validation accuracy by sample, by epoch.
    pub val_accuracy_by_epoch: Vec<f32>,
    /// By part: `val`, `test`.
    pub parts: BTreeMap<&'static str, RunPart>,
}

/// One run on a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunPart {
    /// Share of samples that are classified correctly.
    pub accuracy: f64,
    /// Share of songs that are classified correctly, where songs are known.
    pub songs: Option<Votes<f64>>,
}
