//! What the script is given: indices, spectrograms and maps.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::RunRecord;
use super::sound::{self, Player};
use crate::error::{Error, Result};
use crate::explain::{Axes, ExplainedPart, LayerFacts, MapOf, Place, Shown};

/// Bytes of sound that a page holds at most, as Base64: it is to stay under 12 MB.
const MOST_SOUND: usize = 6_000_000;

#[derive(Serialize)]
struct Island<'a> {
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: &'a str,
    folder: String,
    classes: &'a [String],
    /// Bands, frames.
    shape: [usize; 2],
    axes: &'a Axes,
    layers: Vec<Layer<'a>>,
    parts: Vec<Part<'a>>,
    shown: Vec<Sample<'a>>,
}

#[derive(Serialize)]
struct Layer<'a> {
    name: &'a str,
    place: Place,
}

#[derive(Serialize)]
struct Part<'a> {
    part: &'a str,
    classes: Vec<Class<'a>>,
}

#[derive(Serialize)]
struct Class<'a> {
    right: &'a [usize],
    /// Index and predicted label.
    wrong: Vec<(usize, u32)>,
}

#[derive(Serialize)]
struct Sample<'a> {
    part: &'a str,
    index: usize,
    song: Option<i64>,
    truth: u32,
    predicted: u32,
    target: u32,
    probabilities: Vec<f32>,
    low: f32,
    high: f32,
    /// Base64 of a byte for each of `[bands, frames]`.
    bytes: &'a str,
    maps: &'a [MapOf],
    band_occlusion: &'a [f32],
    time_occlusion: &'a [f32],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audio: Vec<Player>,
}

/// JSON that may stand in a script element: it has no `<`.
pub(super) fn json(runs: &[RunRecord]) -> Result<String> {
    let share = MOST_SOUND / runs.len().max(1);
    let all = runs.iter().map(|one| Ok(run(one, sound::players(one, share)?)));
    let island = Island { runs: all.collect::<Result<_>>()? };
    let text = serde_json::to_string(&island).map_err(|e| Error::Run {
        path: runs[0].folder.path().into(),
        problem: format!("its explanation cannot be put into a page: {e}"),
    })?;
    // Outside of strings JSON has none.
    Ok(text.replace('<', "\\u003c"))
}

fn run(run: &RunRecord, mut players: BTreeMap<usize, Vec<Player>>) -> Run<'_> {
    let mut audio = |at: usize| players.remove(&at).unwrap_or_default();
    let found = &run.explanation;
    Run {
        name: &run.metrics.model,
        folder: run.path(),
        classes: &found.classes,
        shape: found.sample_shape,
        axes: &found.axes,
        layers: found.layers.iter().map(layer).collect(),
        parts: found.parts.iter().map(part).collect(),
        shown: found.shown.iter().enumerate().map(|(at, one)| sample(one, audio(at))).collect(),
    }
}

fn layer(layer: &LayerFacts) -> Layer<'_> {
    Layer { name: &layer.name, place: layer.place }
}

fn part(part: &ExplainedPart) -> Part<'_> {
    let classes = part.classes.iter().map(|class| Class {
        right: &class.right,
        wrong: class.wrong.iter().map(|w| (w.index, w.predicted)).collect(),
    });
    Part { part: &part.part, classes: classes.collect() }
}

fn sample(shown: &Shown, audio: Vec<Player>) -> Sample<'_> {
    Sample {
        part: &shown.part,
        index: shown.index,
        song: shown.song,
        truth: shown.truth,
        predicted: shown.predicted,
        target: shown.target,
        probabilities: shown.probabilities.iter().map(|p| (p * 1e4).round() / 1e4).collect(),
        low: shown.picture.low,
        high: shown.picture.high,
        bytes: &shown.picture.bytes,
        maps: &shown.maps,
        band_occlusion: &shown.band_occlusion,
        time_occlusion: &shown.time_occlusion,
        audio,
    }
}
