//! Question 6: how far Grad-CAM applies, and the checks that this rests on.

use std::cmp::Ordering;

use askama::Template;

use super::filters;
use super::{CheckRow, CheckTable};
use crate::explain::trust::{About, Check, Effect, Outcome, Trust, verdicts};
use crate::explain::{Axes, LayerFacts, Methods};
use crate::graph::{Graph, NodeId, Op, Padding, Shape};
use crate::report::words::{decimals, percent, signed};

/// How far Grad-CAM applies.
#[derive(Debug, Template)]
#[template(path = "answers/grad_cam.txt", escape = "none")]
pub(super) struct GradCam {
    layer: String,
    rows: usize,
    columns: usize,
    bands: usize,
    frames: usize,
    /// Bands, frames and seconds of a cell.
    cell_bands: f64,
    cell_frames: f64,
    cell_seconds: Option<f64>,
    /// Each cell has weights of its own behind the layer.
    places: bool,
    pads: bool,
    /// None where the checks were not run.
    checked: Option<Checked>,
}

/// What the checks come to.
#[derive(Debug)]
pub(super) struct Checked {
    grad_cam: Tally,
    hires_cam: Tally,
    /// Whether HiResCAM does better: by checks that pass less those that fail.
    hires: Ordering,
    useful: bool,
    randomisation: Verdict,
    over_random: Verdict,
    /// With the rank correlation.
    occlusion: Option<(Verdict, f64)>,
    /// Intervals are over songs, not segments.
    by_song: bool,
}

/// How a check comes out, and why.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    outcome: Outcome,
    reading: &'static str,
}

impl Verdict {
    fn of(check: &Check) -> Self {
        Self { outcome: check.outcome, reading: check.reading }
    }
}

/// How many checks come out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    passes: usize,
    fails: usize,
    all: usize,
}

impl Tally {
    fn of(checks: &[Check]) -> Self {
        let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
        Self { passes: count(Outcome::Passes), fails: count(Outcome::Fails), all: checks.len() }
    }

    fn open(self) -> usize {
        self.all - self.passes - self.fails
    }

    fn balance(self) -> isize {
        self.passes as isize - self.fails as isize
    }
}

fn find(checks: &[Check], about: About) -> Option<&Check> {
    checks.iter().find(|check| check.about == about)
}

impl Checked {
    pub(super) fn of(trust: &Trust) -> Self {
        Self::new(&verdicts(trust), trust.energy.heatmap.by_song)
    }

    /// Maps are useful where their order is better than chance in both tests, they depend on what
    /// was learned as far as is known, and more checks pass than fail.
    fn new(Methods { grad_cam, hires_cam }: &Methods<Vec<Check>>, by_song: bool) -> Self {
        let open = Verdict { outcome: Outcome::Inconclusive, reading: "not measured" };
        let verdict = |about| find(grad_cam, about).map_or(open, Verdict::of);
        let (tally, other) = (Tally::of(grad_cam), Tally::of(hires_cam));
        let (randomisation, over_random) =
            (verdict(About::Randomisation), verdict(About::OverRandom));
        let occlusion = find(grad_cam, About::OcclusionBands)
            .and_then(|check| Some((Verdict::of(check), check.effects.first()?.mean?)));
        Self {
            by_song,
            useful: over_random.outcome == Outcome::Passes
                && randomisation.outcome != Outcome::Fails
                && tally.balance() > 0,
            // One check may pass by chance.
            hires: match other.balance() - tally.balance() {
                2.. => Ordering::Greater,
                ..=-2 => Ordering::Less,
                -1..=1 => Ordering::Equal,
            },
            grad_cam: tally,
            hires_cam: other,
            randomisation,
            over_random,
            occlusion,
        }
    }
}

impl GradCam {
    pub(super) fn new(
        graph: &Graph,
        layer: &LayerFacts,
        [bands, frames]: [usize; 2],
        axes: &Axes,
        checked: Option<Checked>,
    ) -> Self {
        let place = &layer.place;
        Self {
            layer: layer.name.clone(),
            rows: place.bands.count,
            columns: place.frames.count,
            bands,
            frames,
            cell_bands: place.bands.size,
            cell_frames: place.frames.size,
            cell_seconds: axes.frame_seconds.map(|seconds| seconds * place.frames.size),
            places: graph.find(&layer.name).is_some_and(|id| keeps_places(graph, id)),
            pads: pads(graph),
            checked,
        }
    }
}

/// Whether a convolution pads with zeros.
pub(super) fn pads(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| match node.op {
        Op::Conv2d { padding: Padding::Same, kernel: [h, w], .. } => h > 1 || w > 1,
        _ => false,
    })
}

/// Whether a map with several positions is flattened somewhere behind a layer, so that what follows
/// has weights of their own for each.
fn keeps_places(graph: &Graph, id: NodeId) -> bool {
    graph.readers(id).any(|reader| match graph.node(reader).op {
        Op::Flatten => matches!(graph.node(id).shape, Shape::Map { h, w, .. } if h * w > 1),
        Op::Dense { .. } | Op::Softmax => false,
        _ => keeps_places(graph, reader),
    })
}

/// A table for each layer and method. `part` is the number of samples in which empty maps are
/// counted.
pub(super) fn tables(trust: &[Trust], part: &str) -> Vec<CheckTable> {
    let of_layer = |trust: &Trust| {
        let Methods { grad_cam, hires_cam } = verdicts(trust);
        let songs = &trust.energy.heatmap;
        let measured_on = match songs.by_song {
            true => format!("{} {part} samples of {} songs", trust.samples.len(), songs.units),
            false => format!("{} {part} samples", trust.samples.len()),
        };
        [("Grad-CAM", grad_cam), ("HiResCAM", hires_cam)].map(|(method, checks)| CheckTable {
            layer: trust.layer.clone(),
            method,
            measured_on: measured_on.clone(),
            rows: checks.iter().map(row).collect(),
        })
    };
    trust.iter().flat_map(of_layer).collect()
}

fn row(check: &Check) -> CheckRow {
    let number = |value: f64| match check.about {
        About::Empty => percent(value),
        About::OverRandom | About::OverEnergy => signed(value, 3),
        _ => decimals(value, 2),
    };
    let label = |effect: &Effect, text: String| match effect.name {
        "" => text,
        name => format!("{name} {text}"),
    };
    let known = check.effects.iter().filter_map(|e| Some(label(e, number(e.mean?))));
    let intervals = check.effects.iter().filter_map(|effect| {
        let (low, high) = effect.interval_95?;
        Some(label(effect, format!("{} to {}", number(low), number(high))))
    });
    let join = |texts: Vec<String>| if texts.is_empty() { "–".into() } else { texts.join("; ") };
    CheckRow {
        check: check.about.as_str().into(),
        verdict: check.outcome.as_str(),
        effect: format!("{}: {}", join(known.collect()), check.reading),
        interval: join(intervals.collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    fn check(about: About, outcome: Outcome, mean: f64) -> Check {
        let effects = vec![Effect { name: "", mean: Some(mean), interval_95: Some((-0.004, 0.2)) }];
        Check { about, outcome, reading: "why", effects }
    }

    #[test]
    fn rows_state_effect_and_interval_without_negative_zeros() {
        let got = row(&check(About::Energy, Outcome::Passes, 0.1));
        assert_eq!((got.verdict, &got.effect[..]), ("passes", "0.10: why"));
        assert_eq!(got.interval, "0.00 to 0.20");
        let gain = |name, mean| Effect { name, mean: Some(mean), interval_95: Some((mean, mean)) };
        let both = Check {
            effects: vec![gain("deletion", -0.012), gain("insertion", 0.03)],
            ..check(About::OverRandom, Outcome::Inconclusive, 0.0)
        };
        let got = row(&both);
        assert_eq!(got.effect, "deletion −0.012; insertion +0.030: why");
        assert_eq!(got.interval, "deletion −0.012 to −0.012; insertion +0.030 to +0.030");
        let got = row(&check(About::Empty, Outcome::Fails, 0.125));
        assert_eq!(got.effect, "12.5 %: why");
        let none = Check { effects: Vec::new(), ..both };
        assert_eq!((&row(&none).effect[..], &row(&none).interval[..]), ("–: why", "–"));
    }

    #[test]
    fn the_thesis_turns_on_chance_randomisation_and_balance() {
        let of = |random, over| {
            let checks = vec![
                check(About::Randomisation, random, 0.0),
                check(About::OverRandom, over, 0.1),
                check(About::Empty, Outcome::Passes, 0.0),
            ];
            let all = Methods { hires_cam: vec![checks[2].clone()], grad_cam: checks };
            Checked::new(&all, true)
        };
        assert!(of(Outcome::Inconclusive, Outcome::Passes).useful);
        assert!(!of(Outcome::Fails, Outcome::Passes).useful);
        assert!(!of(Outcome::Passes, Outcome::Inconclusive).useful);
        assert_eq!(of(Outcome::Passes, Outcome::Passes).hires, Ordering::Less);
        assert_eq!(of(Outcome::Fails, Outcome::Fails).hires, Ordering::Greater);
        let tally = of(Outcome::Fails, Outcome::Inconclusive).grad_cam;
        assert_eq!((tally.passes, tally.fails, tally.open()), (1, 1, 1));
    }

    #[test]
    fn places_are_kept_behind_a_flatten_alone() {
        let graph = |model: &str| Model::open(model).unwrap().graph([80, 80, 1], 4).unwrap();
        let keeps = |model: &str, node: &str| {
            let graph = graph(model);
            keeps_places(&graph, graph.find(node).unwrap())
        };
        assert!(keeps("p1", "max_pooling2d_2") && keeps("p1", "conv2d"));
        assert!(keeps("p2", "band.pool2"), "along frequency");
        assert!(pads(&graph("p1")));
    }

    #[test]
    fn the_thesis_stands_first_and_fits_the_model() {
        let of = |model: &str, node: &str, shape: [usize; 3], checked| {
            let graph = Model::open(model).unwrap().graph(shape, 4).unwrap();
            let place =
                crate::explain::ReceptiveSpan::of(&graph, graph.find(node).unwrap()).unwrap();
            let layer = LayerFacts { name: node.into(), shape: [1; 3], place };
            let axes = Axes { band_hz: None, frame_seconds: Some(0.0125) };
            let found = GradCam::new(&graph, &layer, [shape[0], shape[1]], &axes, checked);
            found.render().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let checks = |over| {
            let all = vec![
                check(About::Randomisation, Outcome::Passes, 0.0),
                check(About::OverRandom, over, 0.1),
                check(About::OcclusionBands, Outcome::Fails, 0.06),
            ];
            let hires_cam = vec![all[0].clone(), all[0].clone()];
            let all = Methods { hires_cam, grad_cam: all };
            Some(Checked::new(&all, true))
        };
        let got = of("p1", "max_pooling2d_2", [80, 80, 1], checks(Outcome::Inconclusive));
        for part in [
            "Grad-CAM is of limited use here: at max_pooling2d_2 it passes 1 of 3 checks, fails 1, and 1 is inconclusive.",
            "10 × 10 cells stand for 80 bands × 80 frames, so each is enlarged 8 × 8 times (0.10 s long)",
            "separate weight for every cell",
            "it passes 2 of 2 checks and fails 0, so it is the better map here.",
            "zeros of the padding",
            "re-initialised weights give unrelated ones;",
            "is not shown in both deletion and insertion (why);",
            "do not agree with occlusion on the bands that matter (rank correlation 0.06).",
            "intervals are over songs.",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        let got = of("p1", "max_pooling2d_2", [80, 80, 1], checks(Outcome::Passes));
        for part in ["usable here with care", "fails 0, which is no clear difference."] {
            assert!(got.contains(part), "{part} in {got}");
        }
        let got = of("p2", "band.pool2", [128, 25, 1], None);
        assert!(
            got.starts_with("Grad-CAM is of limited use on spectrograms, by what follows"),
            "{got}"
        );
        assert!(got.contains("one cell along time") && !got.contains("Checks are made"), "{got}");
    }

    #[test]
    fn open_checks_state_their_reading_and_nothing_else() {
        let all: Vec<Check> = [About::Randomisation, About::OverRandom, About::OcclusionBands]
            .map(|about| Check {
                reading: "too few songs",
                ..check(about, Outcome::Inconclusive, 0.3)
            })
            .into();
        let methods = Methods { hires_cam: all.clone(), grad_cam: all };
        let graph = Model::open("p1").unwrap().graph([80, 80, 1], 4).unwrap();
        let node = "max_pooling2d_2";
        let place = crate::explain::ReceptiveSpan::of(&graph, graph.find(node).unwrap()).unwrap();
        let layer = LayerFacts { name: node.into(), shape: [1; 3], place };
        let checked = Some(Checked::new(&methods, false));
        let found = GradCam::new(&graph, &layer, [80, 80], &Axes::default(), checked);
        let got = found.render().unwrap();
        for part in [
            "Whether the maps depend on what was learned is open (too few songs)",
            "deletion and insertion (too few songs)",
            "is open (rank correlation 0.30: too few songs).",
            "intervals are over segments, as their songs are not known",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        for part in ["remains", "in part", "over songs"] {
            assert!(!got.contains(part), "{part} in {got}");
        }
        let (answer, _) = got.split_once("\n---").unwrap();
        let sentences = answer.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(sentences <= 5, "{answer}");
    }
}
