//! Songs as JSON.

use std::path::PathBuf;

use serde::Serialize;
use serde::ser::Serializer;

use super::Song;
use crate::data::{SpectralDistance, Typicality};
use crate::error::{Error, Result};

/// Values under the classes' names, in the order of labels.
struct ByClass<'a, T>(&'a [String], &'a [T]);

impl<T: Serialize> Serialize for ByClass<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1))
    }
}

#[derive(Serialize)]
struct SongObject<'a> {
    path: String,
    seconds: f64,
    sample_rate_hz: u32,
    damage: Option<&'a str>,
    /// The most probable class; null where the song is unlike the training songs.
    verdict: Option<&'a str>,
    unsure: bool,
    /// Why the song is unlike the training songs.
    reason: Option<&'a str>,
    /// In what it is unlike them, though a class is claimed.
    remark: Option<&'a str>,
    /// The most probable class, claimed or not.
    nearest: &'a str,
    /// The mean over cuts, calibrated.
    probabilities: ByClass<'a, f64>,
    /// That mean.
    uncalibrated: ByClass<'a, f64>,
    /// Null in a run of an older version.
    temperature: Option<TemperatureObject>,
    votes: VotesObject<'a>,
    distance: Option<SpectralDistance>,
    typicality: Option<Typicality>,
    cuts: Vec<CutObject<'a>>,
}

#[derive(Serialize)]
struct VotesObject<'a> {
    mean: &'a str,
    majority: &'a str,
    product: &'a str,
    cuts: ByClass<'a, usize>,
}

#[derive(Serialize)]
struct CutObject<'a> {
    start_s: f64,
    end_s: f64,
    /// Calibrated.
    probabilities: ByClass<'a, f64>,
    /// As the network gives them.
    uncalibrated: ByClass<'a, f32>,
}

#[derive(Serialize)]
struct TemperatureObject {
    song: f64,
    cuts: f64,
}

/// A file that could not be used.
#[derive(Serialize)]
struct FailedObject {
    path: String,
    error: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum FileObject<'a> {
    Song(Box<SongObject<'a>>),
    Failed(FailedObject),
}

/// Files as an array of objects: songs, and what is wrong with files that could not be used.
///
/// # Errors
/// If a number has no place in JSON.
pub fn json(files: &[(PathBuf, Result<Song>)], classes: &[String]) -> Result<String> {
    let songs: Vec<FileObject<'_>> = (files.iter())
        .map(|(path, song)| match song {
            Ok(song) => FileObject::Song(Box::new(object(song, classes))),
            Err(error) => FileObject::Failed(FailedObject {
                path: path.display().to_string(),
                error: error.to_string(),
            }),
        })
        .collect();
    serde_json::to_string_pretty(&songs).map_err(|e| Error::Mismatch {
        what: "verdicts",
        expected: "numbers that JSON knows".into(),
        found: e.to_string(),
    })
}

fn object<'a>(song: &'a Song, classes: &'a [String]) -> SongObject<'a> {
    let name = |label: u32| classes.get(label as usize).map_or("", String::as_str);
    let Song { path, seconds, sample_rate_hz, damage, votes, cuts, .. } = song;
    let Song { probabilities, uncalibrated, temperatures, .. } = song;
    SongObject {
        path: path.display().to_string(),
        seconds: *seconds,
        sample_rate_hz: *sample_rate_hz,
        damage: damage.as_deref(),
        verdict: song.unsure.is_none().then(|| name(votes.mean)),
        unsure: song.unsure.is_some(),
        reason: song.unsure.as_deref(),
        remark: song.remark.as_deref(),
        nearest: name(votes.mean),
        probabilities: ByClass(classes, probabilities),
        uncalibrated: ByClass(classes, uncalibrated),
        temperature: temperatures.map(|[song, cuts]| TemperatureObject { song, cuts }),
        votes: VotesObject {
            mean: name(votes.mean),
            majority: name(votes.majority),
            product: name(votes.product),
            cuts: ByClass(classes, &votes.cuts),
        },
        distance: song.spectrum,
        typicality: song.typicality,
        cuts: cuts
            .iter()
            .map(|cut| CutObject {
                start_s: cut.start_s,
                end_s: cut.end_s,
                probabilities: ByClass(classes, &cut.probabilities),
                uncalibrated: ByClass(classes, &cut.uncalibrated),
            })
            .collect(),
    }
}
