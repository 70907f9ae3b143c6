//! What the script is given: indices, and pictures of further samples of a matrix's cells.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pictures::{Plot, Tiles};
use super::record::RunRecord;
use super::sound::{self, Player};
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::explain::{ExplainedPart, ExplainedSample};

/// Bytes of pictures and recordings: a page is to stay under 12 MB.
const MOST: usize = 11_000_000;

/// Bytes that pictures behind matrices' cells may fill.
const MOST_PICTURES: usize = 2_500_000;

/// Bytes that recordings may fill, as Base64.
const MOST_SOUND: usize = 4_500_000;

#[derive(Serialize)]
struct Island<'a> {
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: String,
    folder: String,
    classes: &'a [String],
    /// Of a sample's picture; none if unknown.
    seconds: Option<f64>,
    parts: Vec<Part<'a>>,
    shown: Vec<Sample>,
}

#[derive(Serialize)]
struct Part<'a> {
    part: PartName,
    classes: Vec<Class<'a>>,
}

#[derive(Serialize)]
struct Class<'a> {
    right: &'a [usize],
    /// Index and predicted label.
    wrong: Vec<(usize, u32)>,
}

#[derive(Serialize)]
struct Sample {
    part: PartName,
    index: usize,
    song: Option<i64>,
    truth: u32,
    predicted: u32,
    probabilities: Vec<f32>,
    /// Spectrogram and maps, where the page has no figure of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<Plot>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audio: Vec<Player>,
    /// Whether there is sound of it, here or in the run's folder.
    is_heard: bool,
}

/// A run, the layers whose maps are shown, and the samples of which the page has a figure.
pub(super) struct Shown<'a> {
    pub(super) run: &'a RunRecord,
    pub(super) layers: &'a [usize],
    pub(super) figures: Vec<usize>,
}

/// JSON that may stand in a script element: it has no `<`. `taken` bytes are filled already.
pub(super) fn json(runs: &[Shown<'_>], tiles: Tiles, taken: usize) -> Result<String> {
    let room = MOST.saturating_sub(taken);
    // Sound first: half of what is left at most.
    let sound = MOST_SOUND.min(room / 2) / runs.len().max(1);
    let pictures = MOST_PICTURES.min(room / 2) / runs.len().max(1);
    let all = runs.iter().map(|one| run(one, tiles, pictures, sound));
    let island = Island { runs: all.collect::<Result<_>>()? };
    let text = serde_json::to_string(&island).map_err(|e| Error::Run {
        path: runs[0].run.folder.path().into(),
        problem: format!("its explanation cannot be put into a page: {e}"),
    })?;
    // Outside of strings JSON has none.
    Ok(text.replace('<', "\\u003c"))
}

fn run<'a>(shown: &Shown<'a>, tiles: Tiles, mut room: usize, sound: usize) -> Result<Run<'a>> {
    let found = &shown.run.explanation;
    let mut players: BTreeMap<usize, Vec<Player>> = sound::players(shown.run, sound)?;
    let mut samples = Vec::new();
    for (at, one) in found.shown.iter().enumerate() {
        let mut pictures: Vec<Plot> = Vec::new();
        if room > 0 && !shown.figures.contains(&at) {
            pictures = tiles.plots(found, one, shown.layers)?;
            let size = pictures.iter().flat_map(|plot| &plot.sources).map(String::len).sum();
            room = room.saturating_sub(size);
        }
        samples.push(sample(one, pictures, players.remove(&at).unwrap_or_default()));
    }
    Ok(Run {
        name: shown.run.heading(),
        folder: shown.run.path(),
        classes: &found.classes,
        seconds: found.axes.frame_seconds.map(|step| step * found.sample_shape[1] as f64),
        parts: found.parts.iter().map(part).collect(),
        shown: samples,
    })
}

fn part(part: &ExplainedPart) -> Part<'_> {
    let classes = part.classes.iter().map(|class| Class {
        right: &class.right,
        wrong: class.wrong.iter().map(|w| (w.index, w.predicted)).collect(),
    });
    Part { part: part.part, classes: classes.collect() }
}

fn sample(shown: &ExplainedSample, pictures: Vec<Plot>, audio: Vec<Player>) -> Sample {
    Sample {
        part: shown.part,
        index: shown.index,
        song: shown.song,
        truth: shown.truth,
        predicted: shown.predicted,
        probabilities: shown.probabilities.iter().map(|p| (p * 1e4).round() / 1e4).collect(),
        pictures,
        audio,
        is_heard: shown.sound.is_some(),
    }
}
