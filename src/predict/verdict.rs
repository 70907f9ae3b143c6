//! From cuts to a song.

use std::path::PathBuf;

use super::ear::Heard;
use crate::audio::{FrontEnd, mel};
use crate::data::{Property, SpectralDistance, Typicality, Unlike};
use crate::error::{Error, Result};
use crate::metrics::{SongVotes, all_song_votes, predictions, scaled};
use crate::train::ModelFacts;

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
    /// Of each class, by label: the mean over cuts, calibrated by the temperature of songs.
    pub probabilities: Vec<f64>,
    /// That mean.
    pub uncalibrated: Vec<f64>,
    /// The temperature of the song and that of its cuts; none in a run of an older version.
    pub temperatures: Option<[f64; 2]>,
    /// What the cuts vote for.
    pub votes: Votes,
    /// The cuts in their order.
    pub cuts: Vec<Cut>,
    /// How far its average spectrum lies from the training set's, where that is known.
    pub spectrum: Option<SpectralDistance>,
    /// How like the training songs it is, where they are known.
    pub typicality: Option<Typicality>,
    /// Why no class is claimed, if none is: the song is unlike the training songs.
    pub unsure: Option<String>,
    /// In what the song is unlike the training songs, though a class is claimed.
    pub remark: Option<String>,
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
    /// Of each class, by label, calibrated by the temperature of segments.
    pub probabilities: Vec<f64>,
    /// As the network gives them.
    pub uncalibrated: Vec<f32>,
}

impl Song {
    pub(super) fn new(
        heard: Heard,
        front_end: &FrontEnd,
        spans_s: &[(f64, f64)],
        probabilities: &[f32],
        spectrum: Option<SpectralDistance>,
        typicality: Option<Typicality>,
        facts: &ModelFacts,
    ) -> Result<Self> {
        let k = facts.classes.len();
        let n = spans_s.len();
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
        let temperatures = facts.temperatures.map(|t| [t.of_song(n), t.segments.value]);
        let [of_song, of_cut] = temperatures.unwrap_or([1.0; 2]);
        let cut = |(&(start_s, end_s), row): (&(f64, f64), &[f32])| Cut {
            start_s,
            end_s,
            probabilities: scaled(row.iter().map(|p| f64::from(*p)), of_cut),
            uncalibrated: row.to_vec(),
        };
        let Heard { path, seconds, sample_rate_hz, damage, nothing, .. } = heard;
        let cuts = spans_s.iter().zip(probabilities.chunks_exact(k)).map(cut).collect();
        let probabilities = scaled(means.iter().copied(), of_song);
        let unsure = nothing.or_else(|| unlike(spectrum.as_ref(), typicality.as_ref()));
        let remark = typicality.as_ref().filter(|_| unsure.is_none());
        let remark = remark.and_then(|typicality| partly_unlike(typicality, front_end));
        Ok(Self {
            path,
            seconds,
            sample_rate_hz,
            damage,
            probabilities,
            uncalibrated: means,
            temperatures,
            votes,
            cuts,
            spectrum,
            typicality,
            unsure,
            remark,
        })
    }

    /// Labels from the most probable down; equal ones in their own order.
    pub fn ranking(&self) -> Vec<usize> {
        let mut labels: Vec<usize> = (0..self.probabilities.len()).collect();
        labels.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        labels
    }
}

/// How a song is unlike the training songs, if it is.
fn unlike(spectrum: Option<&SpectralDistance>, typicality: Option<&Typicality>) -> Option<String> {
    let Some(typicality) = typicality else {
        // A run of an older version, which has no limits.
        let extreme = spectrum.is_some_and(SpectralDistance::is_extreme);
        return extreme.then(|| "its average spectrum is far from theirs".into());
    };
    let property = match typicality.unlike()? {
        Unlike::Noise => {
            return Some("it is like noise: nothing in it but its loudness lasts from one moment to the next".into());
        }
        Unlike::FewBands => {
            let share = 100.0 * typicality.bands;
            return Some(format!(
                "it has sound in only {share:.0} % of the bands, as single tones do"
            ));
        }
        Unlike::Property(property) => property,
    };
    let less = typicality.is_less(property);
    let steady = typicality.is_less(Property::Variation) && typicality.is_less(Property::Steps);
    Some(
        match property {
            Property::Variation | Property::Steps if steady => {
                "it changes less over time than they do, as noise and tones do"
            }
            Property::Spectrum => "its level and spectrum are far from theirs",
            Property::Variation if less => "its bands change less over time than theirs",
            Property::Variation => "its bands change more over time than theirs",
            Property::Steps if less => "it changes more slowly than they do",
            Property::Steps => "it changes more from one frame to the next than they do",
        }
        .into(),
    )
}

/// A missing top is reported only if the highest band with sound is below this share of all bands.
const NEARLY_ALL: f64 = 0.9;

/// In which bands a song of a known kind is unlike the training songs, if it is.
fn partly_unlike(typicality: &Typicality, front_end: &FrontEnd) -> Option<String> {
    let property = typicality.beyond()?;
    let &Typicality { highest_band, all_bands, far_bands, .. } = typicality;
    let edges = mel::band_edges_hz(front_end);
    let top = (highest_band as f64) < NEARLY_ALL * all_bands as f64;
    let what = match (property, edges.get(highest_band + 1).filter(|_| top)) {
        (_, Some(hz)) => format!("no sound above {:.1} kHz", hz / 1000.0),
        (property, None) => {
            let what = match property {
                Property::Spectrum => "level and spectrum",
                Property::Variation | Property::Steps => "changes over time",
            };
            let far = far_bands[property as usize];
            format!("{what} unlike the training songs' in {far} of {all_bands} bands")
        }
    };
    Some(format!("{what}; it is like the training songs in the other bands"))
}
