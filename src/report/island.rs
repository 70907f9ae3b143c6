//! What the script is given: indices, spectrograms and maps.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::RunRecord;
use super::sound::{self, Player};
use crate::error::{Error, Result};
use crate::explain::{
    Axes, Class as ExplainedClass, ExplainedPart, ExplainedSample, Explanation, FIRST, LayerFacts,
    MapOf, ReceptiveSpan,
};

/// Bytes that recordings may fill, as Base64.
const MOST_SOUND: usize = 5_500_000;

/// Bytes that spectrograms and maps may fill: beyond, samples behind a matrix's cells are left out.
const MOST_SHOWN: usize = 8_000_000;

/// Bytes of everything that the script is given, recordings last: a page is to stay under 12 MB.
const MOST: usize = 11_000_000;

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
    place: ReceptiveSpan,
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
    /// Whether there is sound of it, here or in the run's folder.
    is_heard: bool,
}

/// JSON that may stand in a script element: it has no `<`.
pub(super) fn json(runs: &[RunRecord]) -> Result<String> {
    let plain = text(runs, 0)?;
    let room = MOST.saturating_sub(plain.len()).min(MOST_SOUND) / runs.len().max(1);
    let is_heard = |run: &RunRecord| run.explanation.shown.iter().any(|one| one.sound.is_some());
    let text = if runs.iter().any(is_heard) { text(runs, room)? } else { plain };
    // Outside of strings JSON has none.
    Ok(text.replace('<', "\\u003c"))
}

/// With so many bytes of sound for each run.
fn text(runs: &[RunRecord], room: usize) -> Result<String> {
    let most = MOST_SHOWN / runs.len().max(1);
    let all = runs.iter().map(|one| Ok(run(one, sound::players(one, room)?, most)));
    let island = Island { runs: all.collect::<Result<_>>()? };
    serde_json::to_string(&island).map_err(|e| Error::Run {
        path: runs[0].folder.path().into(),
        problem: format!("its explanation cannot be put into a page: {e}"),
    })
}

/// With so many bytes of spectrograms and maps.
fn run(run: &RunRecord, mut players: BTreeMap<usize, Vec<Player>>, most: usize) -> Run<'_> {
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
        shown: found
            .shown
            .iter()
            .take(fitting(found, most))
            .enumerate()
            .map(|(at, one)| sample(one, audio(at)))
            .collect(),
    }
}

/// How many samples fit into so many bytes; the first right and wrong of each class, which stand
/// first, are shown in any case.
fn fitting(found: &Explanation, most: usize) -> usize {
    let map = |map: &MapOf| map.grad_cam.bytes.len() + map.hires_cam.bytes.len();
    let size =
        |one: &ExplainedSample| one.picture.bytes.len() + one.maps.iter().map(map).sum::<usize>();
    let first =
        |class: &ExplainedClass| class.right.len().min(FIRST) + class.wrong.len().min(FIRST);
    let least = found.parts.first().map_or(0, |part| part.classes.iter().map(first).sum());
    let mut room = most;
    let fits = |one: &&ExplainedSample| match room.checked_sub(size(one)) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    found.shown.iter().take_while(fits).count().max(least)
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

fn sample(shown: &ExplainedSample, audio: Vec<Player>) -> Sample<'_> {
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
        is_heard: shown.sound.is_some(),
    }
}
