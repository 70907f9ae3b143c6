//! From cuts to a song.

use std::path::PathBuf;

use super::ear::Heard;
use crate::data::SpectralDistance;
use crate::error::{Error, Result};
use crate::metrics::{SongVotes, all_song_votes, predictions};

/// A song's verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Song {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub seconds: f64,
    /// Its sample rate.
    pub sample_rate_hz: u32,
    /// What of it could not be decoded.
    pub damage: Option<String>,
    /// Mean probability of each class over cuts, by label.
    pub probabilities: Vec<f64>,
    /// What the cuts vote for.
    pub votes: Votes,
    /// The cuts in their order.
    pub cuts: Vec<Cut>,
    /// How far its average spectrum lies from the training set's, where that is known.
    pub spectrum: Option<SpectralDistance>,
}

/// The class under each vote, as label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Votes {
    /// By mean probability: the verdict.
    pub mean: u32,
    /// By the most frequent class of cuts.
    pub majority: u32,
    /// By the product of probabilities.
    pub product: u32,
    /// Cuts that each class has, by label.
    pub cuts: Vec<usize>,
}

/// A stretch of a song.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Where it begins, in seconds.
    pub start_s: f64,
    /// Where it ends.
    pub end_s: f64,
    /// Of each class, by label.
    pub probabilities: Vec<f32>,
}

impl Song {
    pub(super) fn new(
        heard: Heard,
        classes: &[String],
        probabilities: &[f32],
        spectrum: Option<SpectralDistance>,
    ) -> Result<Self> {
        let k = classes.len();
        let n = heard.spans_s.len();
        // One song of no known class.
        let song = all_song_votes(&vec![0; n], &vec![0; n], probabilities, k)?.pop();
        let song = song.ok_or_else(|| Error::Mismatch {
            what: "probabilities",
            expected: "those of at least one cut".into(),
            found: "none".into(),
        })?;
        let SongVotes { mean, majority, product, probabilities: means, .. } = song;
        let mut cuts = vec![0; k];
        for class in predictions(probabilities, k)? {
            cuts[class as usize] += 1;
        }
        let votes = Votes { mean, majority, product, cuts };
        let cut = |(&(start_s, end_s), row): (&(f64, f64), &[f32])| Cut {
            start_s,
            end_s,
            probabilities: row.to_vec(),
        };
        let Heard { path, seconds, sample_rate_hz, damage, spans_s, .. } = heard;
        let cuts = spans_s.iter().zip(probabilities.chunks_exact(k)).map(cut).collect();
        let probabilities = means;
        Ok(Self { path, seconds, sample_rate_hz, damage, probabilities, votes, cuts, spectrum })
    }

    /// Labels from the most probable down; equal ones in their own order.
    pub fn ranking(&self) -> Vec<usize> {
        let mut labels: Vec<usize> = (0..self.probabilities.len()).collect();
        labels.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        labels
    }
}
