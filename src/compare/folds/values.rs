//! The figures of a comparison by folds, as plain values.

use serde::Serialize;

/// All that is known of one data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoldsReport {
    /// Its short name.
    pub name: String,
    /// What the data are.
    pub source: String,
    /// Their hash.
    pub hash: String,
    /// What was pooled, in words.
    pub pooled: String,
    /// Samples in the pool.
    pub samples: usize,
    /// Songs in the pool.
    pub songs: usize,
    /// What stays in one fold.
    pub group_by: String,
    /// Number of groups.
    pub groups: usize,
    /// Whether the test part is in the pool.
    pub with_test: bool,
    /// Number of folds.
    pub folds: usize,
    /// Each division into folds.
    pub divisions: Vec<DivisionReport>,
    /// Number of classes.
    pub classes: usize,
    /// The model that the others are compared with.
    pub baseline: String,
    /// The seeds of the runs, in order.
    pub seeds: Vec<u32>,
    /// In the order asked for.
    pub models: Vec<FoldsModelReport>,
    /// The model that the one-standard-error rule chooses, where it may.
    pub chosen: Option<Chosen>,
}

/// A division into folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DivisionReport {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// Songs in each fold.
    pub songs: Vec<usize>,
}

/// A model's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoldsModelReport {
    /// Its short name.
    pub model: String,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Median over all epochs of all runs.
    pub seconds_per_epoch: f64,
    /// Share of songs that are classified correctly by the mean probability of their samples.
    pub song_accuracy: Figure,
    /// Mean log loss of these mean probabilities.
    pub song_log_loss: Figure,
    /// Share of samples that are classified correctly.
    pub accuracy: Figure,
    /// Mean log loss of samples.
    pub log_loss: Figure,
    /// Against the baseline; none for the baseline itself.
    pub against_baseline: Option<Against>,
    /// What may be concluded of it against the baseline.
    pub conclusion: Option<String>,
    /// Each run.
    pub runs: Vec<FoldRunReport>,
}

/// A figure over all samples or songs, each by the runs that held it out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The mean over seeds, divisions and songs.
    pub mean: f64,
    /// The sample standard deviation over seeds; none of one.
    pub over_seeds: Option<f64>,
    /// The sample standard deviation over folds, each a mean over seeds; of songs only.
    pub over_folds: Option<f64>,
    /// The standard error of the mean, by the bootstrap over groups and seeds; of songs only.
    pub standard_error: Option<f64>,
    /// The mean of each seed.
    pub seeds: Vec<f64>,
}

/// A model against the baseline, paired by song and seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Against {
    /// Of song accuracy, in shares of 1.
    pub accuracy: Interval,
    /// Of song log loss.
    pub log_loss: Interval,
}

/// A mean difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The model's mean less the baseline's.
    pub difference: f64,
    /// Its 95 % interval under the bootstrap over groups and seeds; none of fewer than two groups.
    pub interval_95: Option<(f64, f64)>,
}

/// What the one-standard-error rule chose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chosen {
    /// The model.
    pub model: String,
    /// The model of the least song log loss.
    pub best: String,
    /// That loss.
    pub least_song_log_loss: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoldRunReport {
    /// Number of the division, from 1.
    pub division: usize,
    /// The fold that it held out, from 1.
    pub fold: usize,
    /// Its seed.
    pub seed: u32,
    /// What it was trained on.
    pub device: String,
    /// Median wall time of an epoch.
    pub seconds_per_epoch: f64,
    /// Training accuracy in the last epoch, as a share of 1.
    pub train_accuracy: Option<f64>,
}
