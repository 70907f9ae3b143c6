//! The figures of a part under final weights.

use serde::Serialize;

use crate::backend::{Backend, Samples};
use crate::data::{Part, PartName};
use crate::error::Result;
use crate::metrics::{Confusion, Vote, predictions, song_confusion, song_votes, wilson};

/// What a model makes of a part.
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
    /// By song under the mean probability, where songs are known.
    pub songs: Option<Confusion>,
}

/// The object that `metrics.json` has for each part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartMetrics {
    /// Mean loss, penalty included.
    pub loss: f32,
    /// Share of samples that are right.
    pub accuracy: f64,
    /// Share of songs that are right under the mean probability.
    pub song_accuracy: Option<f64>,
    /// Wilson's 95 % interval of that share. Samples of one song are not
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
        samples: Samples<'_>,
    ) -> Result<Self> {
        let classes = backend.plan().graph().classes();
        let mut probabilities = Vec::new();
        let tally = backend.evaluate(samples, &mut probabilities)?;
        let predicted = predictions(&probabilities, classes)?;
        let confusion = Confusion::new(&part.y, &predicted, classes)?;
        let vote = |song: &Vec<i64>| {
            let vote = Vote::MeanProbability;
            song_confusion(&song_votes(song, &part.y, &probabilities, classes, vote)?, classes)
        };
        let songs = part.song.as_ref().map(vote).transpose()?;
        let loss = tally.mean_loss();
        Ok(Self { part: name, loss, probabilities, predicted, confusion, songs })
    }

    /// As `metrics.json` has it.
    pub fn metrics(&self) -> PartMetrics {
        PartMetrics {
            loss: self.loss,
            accuracy: self.confusion.accuracy(),
            song_accuracy: self.songs.as_ref().map(Confusion::accuracy),
            song_interval_95: self.songs.as_ref().map(|s| wilson(s.correct(), s.total())),
            samples: self.confusion.total(),
            songs: self.songs.as_ref().map(Confusion::total),
            confusion: self.confusion.counts.clone(),
            song_confusion: self.songs.as_ref().map(|songs| songs.counts.clone()),
        }
    }
}
