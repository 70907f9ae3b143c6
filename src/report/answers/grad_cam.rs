//! Question 6: how far Grad-CAM applies, and the checks that this rests on.

use std::cmp::Ordering;

use askama::Template;

use super::filters;
use super::{CheckRow, CheckTable};
use crate::explain::trust::{
    About, Check, Effect, FEW, FEW_UNITS, LITTLE, MOST, Outcome, RARE, Trust, verdicts,
};
use crate::explain::{Axes, LayerFacts, Methods};
use crate::graph::{Graph, NodeId, Op, Shape};
use crate::report::words::{decimals, percent, signed};
use crate::text::listed;

/// How far Grad-CAM applies.
#[derive(Debug, Template)]
#[template(path = "answers/grad_cam.txt", escape = "none")]
pub(super) struct GradCam {
    layer: String,
    /// The further layers that are explained, as a list; empty where there are none.
    others: String,
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
    /// `is usable here with care`.
    thesis: &'static str,
    randomisation: Verdict,
    /// What deletion and insertion say, and what occlusion does.
    over_random: String,
    occlusion: Option<String>,
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

/// How many of the checks that could be measured come out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    passes: usize,
    fails: usize,
    all: usize,
}

impl Tally {
    fn of(checks: &[Check]) -> Self {
        let measured = || checks.iter().filter(|check| check.is_measured());
        let count = |outcome| measured().filter(|check| check.outcome == outcome).count();
        let (passes, fails) = (count(Outcome::Passes), count(Outcome::Fails));
        Self { passes, fails, all: measured().count() }
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

    fn new(Methods { grad_cam, hires_cam }: &Methods<Vec<Check>>, by_song: bool) -> Self {
        let open = Verdict { outcome: Outcome::Inconclusive, reading: "not measured" };
        let verdict = |about| find(grad_cam, about).map_or(open, Verdict::of);
        let (tally, other) = (Tally::of(grad_cam), Tally::of(hires_cam));
        let randomisation = verdict(About::Randomisation);
        let over_random = find(grad_cam, About::OverRandom);
        Self {
            by_song,
            thesis: thesis(tally, randomisation.outcome, verdict(About::OverRandom).outcome),
            // One check may pass by chance.
            hires: match other.balance() - tally.balance() {
                2.. => Ordering::Greater,
                ..=-2 => Ordering::Less,
                -1..=1 => Ordering::Equal,
            },
            grad_cam: tally,
            hires_cam: other,
            randomisation,
            over_random: over_random_words(over_random),
            occlusion: find(grad_cam, About::OcclusionBands).and_then(occlusion_words),
        }
    }
}

/// What the counts allow to be said: maps are usable where most checks pass, they depend on what
/// was learned as far as is known, and their order is better than chance in both tests.
fn thesis(tally: Tally, randomisation: Outcome, over_random: Outcome) -> &'static str {
    let sound = randomisation != Outcome::Fails && over_random == Outcome::Passes;
    match tally.balance() {
        _ if tally.all == 0 => "could not be checked here",
        ..=-1 => "is hardly of use here",
        1.. if sound && 2 * tally.passes > tally.all => "is usable here with care",
        1.. if sound => "is usable here in part",
        _ => "is of limited use here",
    }
}

/// Whether marked cells matter more than random ones.
fn over_random_words(check: Option<&Check>) -> String {
    const MATTER: &str = "the cells that they mark matter to the network more than random cells do";
    let Some(check) = check.filter(|check| check.is_measured()) else {
        return format!("whether {MATTER} was not measured");
    };
    let sides: Vec<Ordering> = (check.effects.iter().filter_map(|effect| effect.interval_95))
        .map(|(low, high)| match () {
            () if low > 0.0 => Ordering::Greater,
            () if high < 0.0 => Ordering::Less,
            () => Ordering::Equal,
        })
        .collect();
    match (check.outcome, &sides[..]) {
        (Outcome::Passes, _) => MATTER.into(),
        (Outcome::Fails, _) => format!(
            "the cells that they mark matter to the network no more than random cells do ({})",
            check.reading
        ),
        (Outcome::Inconclusive, _) if check.reading == FEW => {
            format!("whether {MATTER} cannot be told ({FEW})")
        }
        (_, [Ordering::Equal, Ordering::Equal]) => {
            format!("neither deletion nor insertion shows that {MATTER}")
        }
        (_, [Ordering::Greater, Ordering::Equal]) => {
            format!("deletion shows that {MATTER}, insertion does not")
        }
        (_, [Ordering::Equal, Ordering::Greater]) => {
            format!("insertion shows that {MATTER}, deletion does not")
        }
        _ => format!("deletion and insertion contradict each other on whether {MATTER}"),
    }
}

/// Whether the maps mark the bands that matter when muted; none where that was not measured.
fn occlusion_words(check: &Check) -> Option<String> {
    let effect = check.effects.first()?;
    let rho = format!("rank correlation {}", decimals(effect.mean?, 2));
    let is_above_0 = effect.interval_95.is_some_and(|(low, _)| low > 0.0);
    let bands = "with occlusion on the bands that matter";
    Some(match check.outcome {
        Outcome::Passes => format!("they agree {bands} ({rho})"),
        Outcome::Fails => format!("they do not agree {bands} ({rho})"),
        Outcome::Inconclusive if is_above_0 && check.reading != FEW => {
            format!("they agree only in part {bands} ({rho})")
        }
        Outcome::Inconclusive => {
            format!("whether they agree {bands} cannot be told ({rho}: {})", check.reading)
        }
    })
}

impl GradCam {
    pub(super) fn new(
        graph: &Graph,
        layer: &LayerFacts,
        others: &[LayerFacts],
        [bands, frames]: [usize; 2],
        axes: &Axes,
        checked: Option<Checked>,
    ) -> Self {
        let place = &layer.place;
        Self {
            layer: layer.name.clone(),
            others: listed(&others.iter().map(|layer| &layer.name).collect::<Vec<_>>()),
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
        Op::Conv2d { padding, kernel: [k_h, k_w], strides: [s_h, s_w], .. }
        | Op::DepthwiseConv2d { padding, kernel: [k_h, k_w], strides: [s_h, s_w], .. } => {
            let input = node.inputs.first().map_or([1; 3], |map| graph.node(*map).shape.as_map());
            [(input[0], k_h, s_h), (input[1], k_w, s_w)].into_iter().any(|(n, k, s)| {
                padding.along(n, k, s).is_some_and(|border| border.before + border.after > 0)
            })
        }
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
        verdict: if check.is_measured() { check.outcome.as_str() } else { "not measured" },
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
    fn the_thesis_turns_on_chance_randomisation_and_counts() {
        let of = |random, over| {
            let checks = vec![
                check(About::Randomisation, random, 0.0),
                check(About::OverRandom, over, 0.1),
                check(About::Empty, Outcome::Passes, 0.0),
            ];
            let all = Methods { hires_cam: vec![checks[2].clone()], grad_cam: checks };
            Checked::new(&all, true)
        };
        let said = |random, over| of(random, over).thesis;
        assert_eq!(said(Outcome::Inconclusive, Outcome::Passes), "is usable here with care");
        assert_eq!(said(Outcome::Fails, Outcome::Passes), "is of limited use here");
        assert_eq!(said(Outcome::Passes, Outcome::Inconclusive), "is of limited use here");
        assert_eq!(said(Outcome::Fails, Outcome::Fails), "is hardly of use here");
        // Two of six pass and none fails: not most.
        let few = Tally { passes: 2, fails: 0, all: 6 };
        let partly = thesis(few, Outcome::Inconclusive, Outcome::Passes);
        assert_eq!(partly, "is usable here in part");
        let none = Tally { passes: 0, fails: 0, all: 0 };
        let unknown = thesis(none, Outcome::Inconclusive, Outcome::Inconclusive);
        assert_eq!(unknown, "could not be checked here");
        assert_eq!(of(Outcome::Passes, Outcome::Passes).hires, Ordering::Less);
        assert_eq!(of(Outcome::Fails, Outcome::Fails).hires, Ordering::Greater);
        let tally = of(Outcome::Fails, Outcome::Inconclusive).grad_cam;
        assert_eq!((tally.passes, tally.fails, tally.open()), (1, 1, 1));
    }

    #[test]
    fn what_cannot_be_measured_is_no_check() {
        let mut checks = vec![check(About::Empty, Outcome::Passes, 0.0)];
        checks.push(Check {
            effects: Vec::new(),
            ..check(About::OverRandom, Outcome::Inconclusive, 0.0)
        });
        checks.push(Check {
            effects: vec![Effect { name: "", mean: None, interval_95: None }],
            ..check(About::OcclusionFrames, Outcome::Inconclusive, 0.0)
        });
        let tally = Tally::of(&checks);
        assert_eq!((tally.all, tally.passes, tally.open()), (1, 1, 0));
        assert_eq!(row(&checks[1]).verdict, "not measured");
        assert_eq!(row(&checks[0]).verdict, "passes");
        assert!(over_random_words(checks.get(1)).ends_with("was not measured"));
        assert!(occlusion_words(&checks[2]).is_none());
    }

    #[test]
    fn each_way_that_gains_come_out_has_its_words() {
        let (more, zero, less) = ((0.1, 0.2), (-0.1, 0.1), (-0.2, -0.1));
        let of = |deletion, insertion, outcome, reading| {
            let gain = |name, ends| Effect { name, mean: Some(0.0), interval_95: Some(ends) };
            let effects = vec![gain("deletion", deletion), gain("insertion", insertion)];
            let check = Check { about: About::OverRandom, outcome, reading, effects };
            over_random_words(Some(&check))
        };
        let open = Outcome::Inconclusive;
        let cases = [
            (
                of(more, more, Outcome::Passes, ""),
                "the cells that they mark matter to the network more",
            ),
            (of(less, zero, Outcome::Fails, "why"), "no more than random cells do (why)"),
            (of(zero, zero, open, ""), "neither deletion nor insertion shows that the cells"),
            (of(more, zero, open, ""), "deletion shows that the cells"),
            (of(zero, more, open, ""), "insertion shows that the cells"),
            (of(more, less, open, ""), "deletion and insertion contradict each other"),
            (of(more, more, open, FEW), "cannot be told (too few songs)"),
        ];
        for (got, words) in cases {
            assert!(got.contains(words), "{words} in {got}");
        }
        let occluded = |outcome, ends, reading| {
            let effects = vec![Effect { name: "", mean: Some(0.19), interval_95: Some(ends) }];
            occlusion_words(&Check { about: About::OcclusionBands, outcome, reading, effects })
        };
        let got = occluded(open, (0.1, 0.28), "");
        assert_eq!(
            got.unwrap(),
            "they agree only in part with occlusion on the bands that matter (rank correlation 0.19)"
        );
        let got = occluded(open, (-0.1, 0.4), "why");
        assert!(got.unwrap().ends_with("cannot be told (rank correlation 0.19: why)"));
        assert!(occluded(Outcome::Fails, zero, "").unwrap().starts_with("they do not agree"));
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
            let found = GradCam::new(&graph, &layer, &[], [shape[0], shape[1]], &axes, checked);
            found.render().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let checks = |over| {
            let all = vec![
                check(About::Randomisation, Outcome::Passes, 0.0),
                Check {
                    effects: [check(About::OverRandom, over, 0.1).effects.as_slice(); 2].concat(),
                    ..check(About::OverRandom, over, 0.1)
                },
                check(About::OcclusionBands, Outcome::Fails, 0.06),
            ];
            let hires_cam = vec![all[0].clone(), all[0].clone()];
            let all = Methods { hires_cam, grad_cam: all };
            Some(Checked::new(&all, true))
        };
        let got = of("p1", "max_pooling2d_2", [80, 80, 1], checks(Outcome::Inconclusive));
        for part in [
            "Grad-CAM is of limited use here: at max_pooling2d_2 it passes 1 of 3 checks that could be measured, fails 1, and 1 is inconclusive.",
            "10 × 10 cells stand for 80 bands × 80 frames, so each is enlarged 8 × 8 times (0.10 s long)",
            "separate weight for every cell",
            "it passes 2 of 2 checks and fails 0, so it is the better map here.",
            "zeros of the padding",
            "re-initialised weights give unrelated ones;",
            "neither deletion nor insertion shows that",
            "within ±0.2 counts as none and one above 0.5 as strong; empty maps count as rare below 10 %; fewer than 20 songs",
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
        let found = GradCam::new(
            &graph,
            &layer,
            std::slice::from_ref(&layer),
            [80, 80],
            &Axes::default(),
            checked,
        );
        let got = found.render().unwrap();
        for part in [
            "This is said of max_pooling2d_2; separate pictures and checks show max_pooling2d_2.",
            "That the maps depend on what was learned is not shown (too few songs)",
            "cannot be told (too few songs);",
            "cannot be told (rank correlation 0.30: too few songs).",
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
