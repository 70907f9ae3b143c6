//! Why a model is built so, and what its own bands are in this run's data.

use askama::Template;

use super::filters;
use crate::demo;
use crate::explain::Axes;
use crate::graph::{Graph, Op, Shape};

/// The model file's rationale with what depends on the data.
#[derive(Debug, Template)]
#[template(path = "answers/rationale.txt", escape = "none")]
pub(super) struct Rationale {
    /// A paragraph on each line.
    text: String,
    /// Bands that are kept, of so many, and the upper end in Hz where that is known.
    crop: Option<(usize, usize, Option<f64>)>,
    bands: usize,
    frames: usize,
    seconds: Option<f64>,
    /// The data are no recordings.
    synthesised: bool,
}

impl Rationale {
    /// `data` is the name of the data set.
    pub(super) fn new(text: &str, graph: &Graph, axes: &Axes, data: &str) -> Self {
        let input = graph.node(graph.input()).shape;
        let [bands, frames, _] = input.as_map();
        let crop = graph.nodes().iter().find_map(|node| match (node.op, node.shape) {
            (Op::Crop { bands: kept }, Shape::Map { .. }) if kept < bands => Some(kept),
            _ => None,
        });
        let end = |kept: usize| axes.band_hz.as_ref()?.get(kept.checked_sub(1)?).copied();
        Self {
            text: paragraphs(text),
            crop: crop.map(|kept| (kept, bands, end(kept))),
            bands,
            frames,
            seconds: axes.frame_seconds.map(|seconds| seconds * frames as f64),
            synthesised: data == demo::SOURCE,
        }
    }
}

/// Paragraphs are parted by an empty line; one is a line here.
fn paragraphs(text: &str) -> String {
    let all = text.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    all.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    #[test]
    fn what_depends_on_the_data_is_of_the_data() {
        let model = Model::open("p2").unwrap();
        let of = |model: &Model, shape: [usize; 3], axes: &Axes, data: &str| {
            let graph = model.graph(shape, 4).unwrap();
            Rationale::new(&model.rationale, &graph, axes, data).render().unwrap()
        };
        let text = |shape, axes: &Axes| of(&model, shape, axes, "songs.npz");
        let hz = (0..80).map(|band| 100.0 * f64::from(band)).collect();
        let got = text([80, 80, 1], &Axes { band_hz: Some(hz), frame_seconds: Some(0.0125) });
        let end = "80 bands × 80 frames (1.00 s), of which the lowest 70 of 80 bands are used (up to 6.9 kHz).";
        assert!(got.trim_end().ends_with(end), "{got}");
        let got = text([128, 25, 1], &Axes::default());
        assert!(
            got.trim_end().ends_with("of which the lowest 112 of 128 bands are used."),
            "{got}"
        );
        for word in ["Hz", "GTZAN", "codec"] {
            assert!(!got.contains(word), "{word} in {got}");
        }
        assert!(got.lines().count() > 1, "{got}");
        let demo = of(&model, [80, 80, 1], &Axes::default(), demo::SOURCE);
        let words = "70 of 80 bands are used. The demo corpus is synthesised and has no recordings";
        assert!(demo.contains(words) && !got.contains("demo corpus"), "{demo}");
        let whole = of(&Model::open("p1").unwrap(), [80, 80, 1], &Axes::default(), demo::SOURCE);
        assert!(!whole.contains("demo corpus"), "{whole}");
    }
}
