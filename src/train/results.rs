//! Metrics of a part of the data under final weights.

use serde::{Deserialize, Serialize};

use crate::backend::{Backend, DatasetRef, StepMetrics};
use crate::data::{Dataset, Part, PartName};
use crate::error::Result;
use crate::metrics::{
    Calibrated, Confusion, PartScores, SongVotes, Temperatures, Vote, all_song_votes, predictions,
    song_accuracy, wilson,
};

/// Predictions and metrics of a model on a part.
#[derive(Debug, Clone)]
pub struct Results {
    /// Which part.
    pub part: PartName,
    /// Mean loss, penalty included.
    pub loss: f32,
    /// `[n, classes]`.
    pub probabilities: Vec<f32>,
    /// The most probable class of each sample.
    pub predicted: Vec<u32>,
    /// By sample.
    pub confusion: Confusion,
    /// By class, and how well the probabilities are calibrated.
    pub scores: PartScores,
    /// By song under the mean probability, where songs are known.
    pub songs: Option<Confusion>,
    /// Votes of each song's samples, in order of id, then label.
    pub song_votes: Option<Vec<SongVotes>>,
}

/// The object that `metrics.json` has for each part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartMetrics {
    /// Mean loss, penalty included.
    pub loss: f32,
    /// Share of samples that are classified correctly.
    pub accuracy: f64,
    /// Share of songs that are classified correctly under the mean probability.
    pub song_accuracy: Option<f64>,
    /// Share of songs that are classified correctly under the majority vote.
    pub song_accuracy_majority: Option<f64>,
    /// Share of songs that are classified correctly under the product of probabilities.
    pub song_accuracy_product: Option<f64>,
    /// Wilson's 95 % interval of `song_accuracy`. Samples of one song are not
    /// independent, so the share of samples gets none.
    pub song_interval_95: Option<(f64, f64)>,
    /// Number of samples.
    pub samples: u64,
    /// Number of songs.
    pub songs: Option<u64>,
    /// By sample, rows true.
    pub confusion: Vec<Vec<u64>>,
    /// By song, rows true.
    pub song_confusion: Option<Vec<Vec<u64>>>,
    /// By sample: precision, recall, F1 and area under the ROC curve by class, calibration. Absent
    /// in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<PartScores>,
    /// How well the probabilities are calibrated with the model's temperatures; without them, see
    /// `scores`. Absent in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated: Option<Calibrated>,
    /// Which samples, labels and songs these are of ([`crate::data::Dataset::part_hash`]). Absent in
    /// runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_hash: Option<String>,
}

impl Results {
    /// Runs a part through the backend; `samples` are those of `part`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn of(
        backend: &mut dyn Backend,
        name: PartName,
        part: &Part,
        samples: DatasetRef<'_>,
    ) -> Result<Self> {
        let classes = backend.plan().graph().classes();
        let mut probabilities = Vec::new();
        let metrics = backend.evaluate(samples, &mut probabilities)?.into_iter().sum();
        Self::new(name, part, classes, metrics, probabilities)
    }

    /// From a backend's metrics and `probabilities`, `[n, classes]`, of a part.
    pub(super) fn new(
        name: PartName,
        part: &Part,
        classes: usize,
        metrics: StepMetrics,
        probabilities: Vec<f32>,
    ) -> Result<Self> {
        let predicted = predictions(&probabilities, classes)?;
        let confusion = Confusion::new(&part.y, &predicted, classes)?;
        let scores = PartScores::new(&part.y, &probabilities, classes)?;
        let votes = |song: &Vec<i64>| all_song_votes(song, &part.y, &probabilities, classes);
        let song_votes = part.song.as_ref().map(votes).transpose()?;
        let by_mean = |songs: &Vec<SongVotes>| {
            let y: Vec<u32> = songs.iter().map(|song| song.label).collect();
            let mean: Vec<u32> = songs.iter().map(|song| song.mean).collect();
            Confusion::new(&y, &mean, classes)
        };
        let songs = song_votes.as_ref().map(by_mean).transpose()?;
        let loss = metrics.mean_loss();
        Ok(Self {
            part: name,
            loss,
            probabilities,
            predicted,
            confusion,
            scores,
            songs,
            song_votes,
        })
    }

    /// The share of songs that a vote classifies correctly, where songs are known.
    pub fn song_accuracy(&self, vote: Vote) -> Option<f64> {
        self.song_votes.as_ref().map(|songs| song_accuracy(songs, vote))
    }

    /// How well its probabilities are calibrated with these temperatures; `part` is what it is of.
    ///
    /// # Errors
    /// If it is of another part.
    pub fn calibrated(&self, part: &Part, temperatures: &Temperatures) -> Result<Calibrated> {
        let classes = self.confusion.classes();
        let songs = self.song_votes.as_deref();
        temperatures.calibrated(&part.y, &self.probabilities, classes, songs)
    }

    /// As `metrics.json` has it.
    pub fn metrics(&self) -> PartMetrics {
        PartMetrics {
            loss: self.loss,
            accuracy: self.confusion.accuracy(),
            song_accuracy: self.song_accuracy(Vote::MeanProbability),
            song_accuracy_majority: self.song_accuracy(Vote::Majority),
            song_accuracy_product: self.song_accuracy(Vote::Product),
            song_interval_95: self.songs.as_ref().map(|s| wilson(s.correct(), s.total())),
            samples: self.confusion.total(),
            songs: self.songs.as_ref().map(Confusion::total),
            confusion: self.confusion.counts.clone(),
            song_confusion: self.songs.as_ref().map(|songs| songs.counts.clone()),
            scores: Some(self.scores.clone()),
            calibrated: None,
            data_hash: None,
        }
    }
}

/// The temperatures of a model, fitted on the validation part.
///
/// # Errors
/// If the results are not of these data.
pub fn temperatures(results: &[Results], data: &Dataset) -> Result<Temperatures> {
    let val = results.iter().find(|result| result.part == PartName::Val);
    let part = data.part(PartName::Val);
    match val {
        Some(val) => {
            let classes = val.confusion.classes();
            Temperatures::fit(&part.y, &val.probabilities, classes, part.song.as_deref())
        }
        None => Temperatures::fit(&[], &[], data.classes.len(), None),
    }
}
