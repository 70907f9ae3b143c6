//! What the figures allow to be said: every sentence states those that it rests on, and each can
//! come out the other way.

use super::curves::{Curves, Gain};
use super::empty::Empty;
use super::figures::{counted, percent, rounded};
use super::randomisation::{Similarity, Stage};
use super::spread::Estimate;
use super::{Trust, Views};
use crate::explain::methods::Methods;

/// Fewer songs than this bear no conclusion, as in `compare`: their interval is too narrow.
const FEW_UNITS: usize = 20;

/// From here on a rank correlation is called most of what there is.
const MOST: f64 = 0.5;

/// Below this share, empty maps are called rare.
const RARE: f64 = 0.1;

/// A finding about one kind of map at one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Which question it answers.
    pub about: About,
    /// How it answers.
    pub outcome: Outcome,
    /// The answer with its figures.
    pub text: String,
}

/// What can be asked of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Does it depend on what was learned?
    Randomisation,
    /// Does it point at what the network uses?
    OverRandom,
    /// Better than loudness does?
    OverEnergy,
    /// Is it more than a picture of loudness?
    Energy,
    /// Is there one?
    Empty,
    /// Does it point at the bands that matter when muted?
    OcclusionBands,
    /// At the frames?
    OcclusionFrames,
}

impl About {
    fn as_str(self) -> &'static str {
        match self {
            Self::Randomisation => "randomised weights",
            Self::OverRandom => "deletion and insertion against random order",
            Self::OverEnergy => "deletion and insertion against loudness",
            Self::Energy => "independence of loudness",
            Self::Empty => "maps that are not empty",
            Self::OcclusionBands => "occlusion of bands",
            Self::OcclusionFrames => "occlusion of frames",
        }
    }
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The map can be trusted in this.
    For,
    /// It cannot.
    Against,
    /// In part, or nothing can be told.
    Open,
}

/// What is measured at a layer, in words, for either kind of map.
pub fn sentences(trust: &Trust) -> Methods<Vec<Sentence>> {
    let method = |name, view: fn(&Views<Similarity>) -> &Similarity, energy, empty, pick: Pick| {
        let mut found = vec![randomisation(name, &trust.randomisation.stages, view)];
        match &trust.curves {
            Some(curves) => found.extend(faithfulness(name, curves, pick)),
            None => found.push(Sentence {
                about: About::OverRandom,
                outcome: Outcome::Open,
                text: "The layer has one cell: there is no order to test.".into(),
            }),
        }
        found.extend([follows_energy(name, energy), emptiness(name, empty)]);
        let occlusion = &trust.occlusion;
        found.extend([
            occluded(name, "bands", About::OcclusionBands, occlusion.bands.as_ref().map(pick.1)),
            occluded(name, "frames", About::OcclusionFrames, occlusion.frames.as_ref().map(pick.1)),
        ]);
        found
    };
    let (energy, empty) = (&trust.energy, &trust.empty);
    let grad_cam: Pick = (|m| &m.grad_cam, |m| &m.grad_cam);
    let hires_cam: Pick = (|m| &m.hires_cam, |m| &m.hires_cam);
    Methods {
        grad_cam: method(
            "Grad-CAM's heatmap",
            |v| &v.heatmap,
            &energy.heatmap,
            &empty.grad_cam,
            grad_cam,
        ),
        hires_cam: method(
            "HiResCAM",
            |v| &v.hires_cam,
            &energy.hires_cam,
            &empty.hires_cam,
            hires_cam,
        ),
    }
}

/// Which checks speak for a map, which against it and which are open.
pub fn summary(sentences: &[Sentence]) -> String {
    let list = |outcome| {
        let found = sentences.iter().filter(|sentence| sentence.outcome == outcome);
        let names: Vec<&str> = found.map(|sentence| sentence.about.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let [for_it, against, open] = [Outcome::For, Outcome::Against, Outcome::Open].map(list);
    format!("Checks that speak for it: {for_it}. Against it: {against}. Open: {open}.")
}

/// How one method's part of a pair is had.
type Pick = (fn(&Methods<Gain>) -> &Gain, fn(&Methods<Estimate>) -> &Estimate);

/// Where an interval stands, its ends as they are printed: what is said agrees with what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Unmeasured,
    Few,
    Most,
    Above,
    HoldsZero,
    Below,
    MostBelow,
}

fn stand(estimate: &Estimate) -> Stand {
    match estimate.interval_95.map(|(low, high)| (rounded(low), rounded(high))) {
        _ if estimate.spread.n == 0 => Stand::Unmeasured,
        Some((low, _)) if low > MOST && estimate.units >= FEW_UNITS => Stand::Most,
        Some((low, _)) if low > 0.0 && estimate.units >= FEW_UNITS => Stand::Above,
        Some((_, high)) if high < -MOST && estimate.units >= FEW_UNITS => Stand::MostBelow,
        Some((_, high)) if high < 0.0 && estimate.units >= FEW_UNITS => Stand::Below,
        Some(_) if estimate.units >= FEW_UNITS => Stand::HoldsZero,
        _ => Stand::Few,
    }
}

const FEW: &str = "these are too few to conclude anything from";

fn randomisation(
    name: &str,
    stages: &[Stage],
    view: fn(&Views<Similarity>) -> &Similarity,
) -> Sentence {
    let about = About::Randomisation;
    let Some(last) = stages.last().map(|stage| view(&stage.similarity)) else {
        let text = "The network has no weights that could be drawn anew.".into();
        return Sentence { about, outcome: Outcome::Open, text };
    };
    let magnitude = rounded(last.magnitude.mean.unwrap_or(0.0));
    let either_sign = format!(
        "in magnitude it is {magnitude:.3}, though: the same pattern comes back with either sign, \
         so its outline does not come from what was learned"
    );
    let (outcome, conclusion) = match stand(&last.rho) {
        Stand::Unmeasured => (Outcome::Open, "so there is nothing to conclude".into()),
        Stand::Few => (Outcome::Open, FEW.into()),
        Stand::Most => (
            Outcome::Against,
            "most of the map survives, so it shows the sample and the network's form more than \
             what was learned"
                .into(),
        ),
        Stand::Above => (
            Outcome::Open,
            "a part of the map survives, and that part does not come from what was learned".into(),
        ),
        Stand::HoldsZero | Stand::Below | Stand::MostBelow if magnitude > MOST => {
            (Outcome::Against, either_sign)
        }
        Stand::HoldsZero => (
            Outcome::For,
            "no more than chance is left, so the map depends on what was learned".into(),
        ),
        Stand::Below | Stand::MostBelow => (
            Outcome::For,
            "it turns round instead of staying, so it depends on what was learned".into(),
        ),
    };
    let lost = |stage: &&Stage| {
        view(&stage.similarity).rho.spread.mean.is_some_and(|mean| rounded(mean) < MOST)
    };
    let lost = match stages.iter().find(lost) {
        Some(stage) => format!("The mean is first below {MOST} once {} is redrawn.", stage.node),
        None => format!("The mean is below {MOST} at no stage."),
    };
    let text = format!(
        "With all weights drawn anew, {name} and the original have a rank correlation of {}: \
         {conclusion}. {lost}",
        counted(&last.rho)
    );
    Sentence { about, outcome, text }
}

fn faithfulness(name: &str, curves: &Curves, (gain, _): Pick) -> [Sentence; 2] {
    let (deletion, insertion) = (&curves.deletion, &curves.insertion);
    let against_random = [gain(&deletion.over_random), gain(&insertion.over_random)];
    let against_energy = [gain(&deletion.over_energy), gain(&insertion.over_energy)];
    [
        against(name, About::OverRandom, "random order", against_random),
        against(name, About::OverEnergy, "loudest cells first", against_energy),
    ]
}

fn against(name: &str, about: About, other: &str, gains: [&Gain; 2]) -> Sentence {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let sides = gains.map(|gain| match stand(&gain.gain) {
        Stand::Unmeasured | Stand::Few => None,
        Stand::Most | Stand::Above => Some(Greater),
        Stand::HoldsZero => Some(Equal),
        Stand::Below | Stand::MostBelow => Some(Less),
    });
    let (outcome, conclusion) = match sides {
        [None, _] | [_, None] => (Outcome::Open, FEW.to_owned()),
        [Some(Greater), Some(Greater)] => {
            (Outcome::For, format!("its order is better than {other} in both tests"))
        }
        [Some(Less), Some(Less)] => {
            (Outcome::Against, format!("its order is worse than {other} in both tests"))
        }
        [Some(Greater), Some(Less)] | [Some(Less), Some(Greater)] => {
            (Outcome::Open, "the two tests contradict each other".to_owned())
        }
        [Some(Greater), Some(Equal)] => {
            (Outcome::Open, format!("it is better than {other} by deletion alone"))
        }
        [Some(Equal), Some(Greater)] => {
            (Outcome::Open, format!("it is better than {other} by insertion alone"))
        }
        [Some(Less), Some(Equal)] => {
            (Outcome::Against, format!("it is worse than {other} by deletion, and better by none"))
        }
        [Some(Equal), Some(Less)] => {
            (Outcome::Against, format!("it is worse than {other} by insertion, and better by none"))
        }
        [Some(Equal), Some(Equal)] => {
            (Outcome::Against, format!("both intervals hold 0, so it cannot be told from {other}"))
        }
    };
    let [deletion, insertion] = gains.map(|gain| {
        let better = gain
            .better
            .map_or(String::new(), |share| format!(", more than 0 for {} of them", percent(share)));
        format!("{}{better}", counted(&gain.gain))
    });
    let text = format!(
        "Against {other}, {name} gains in area under the curve of its class's probability, by \
         deletion {deletion}, and by insertion {insertion}: {conclusion}."
    );
    Sentence { about, outcome, text }
}

fn follows_energy(name: &str, energy: &Estimate) -> Sentence {
    let (outcome, conclusion) = match stand(energy) {
        Stand::Unmeasured => (Outcome::Open, "so there is nothing to conclude"),
        Stand::Few => (Outcome::Open, FEW),
        Stand::Most => (Outcome::Against, "it is largely a picture of loudness"),
        Stand::Above => (Outcome::Open, "it leans towards what is loud"),
        Stand::HoldsZero => (Outcome::For, "on the whole it does not follow loudness"),
        Stand::Below => (Outcome::Open, "it leans towards what is quiet"),
        Stand::MostBelow => (Outcome::Against, "it is largely a picture of loudness turned round"),
    };
    let figures = counted(energy);
    let text = format!(
        "{name} and the level of its cells have a rank correlation of {figures}: {conclusion}."
    );
    Sentence { about: About::Energy, outcome, text }
}

fn emptiness(name: &str, empty: &Empty) -> Sentence {
    let (mut right, mut wrong) = ((0, 0), (0, 0));
    for class in &empty.classes {
        right = (right.0 + class.right.empty, right.1 + class.right.of);
        wrong = (wrong.0 + class.wrong.empty, wrong.1 + class.wrong.of);
    }
    let (outcome, conclusion) = match empty.share.interval_95 {
        _ if right.1 + wrong.1 == 0 => (Outcome::Open, "so there is nothing to conclude"),
        _ if right.0 + wrong.0 == 0 => (Outcome::For, "every sample has a heatmap"),
        _ if empty.share.units < FEW_UNITS => (Outcome::Open, FEW),
        Some((_, high)) if rounded(high) < RARE => (Outcome::For, "they are rare"),
        Some((low, _)) if rounded(low) > RARE => {
            (Outcome::Against, "for so many samples nothing at this layer speaks for their class")
        }
        _ => (Outcome::Open, "whether they are rare is not decided"),
    };
    let text = format!(
        "Without a positive value are {} of {} maps of samples that are predicted rightly and {} \
         of {} of the others ({name}; share of all {}): {conclusion}.",
        right.0,
        right.1,
        wrong.0,
        wrong.1,
        counted(&empty.share)
    );
    Sentence { about: About::Empty, outcome, text }
}

fn occluded(name: &str, axis: &str, about: About, rho: Option<&Estimate>) -> Sentence {
    let Some(rho) = rho else {
        let text = format!("The layer does not tell {axis} apart: it has one cell along them.");
        return Sentence { about, outcome: Outcome::Open, text };
    };
    let (outcome, conclusion) = match stand(rho) {
        Stand::Unmeasured => (Outcome::Open, "so there is nothing to conclude".to_owned()),
        Stand::Few => (Outcome::Open, FEW.to_owned()),
        Stand::Most => (Outcome::For, format!("it marks the {axis} that matter when muted")),
        Stand::Above => {
            (Outcome::Open, format!("it marks the {axis} that matter when muted in part only"))
        }
        Stand::HoldsZero => {
            (Outcome::Against, format!("it does not tell which {axis} matter when muted"))
        }
        Stand::Below | Stand::MostBelow => {
            (Outcome::Against, format!("it marks {axis} that matter less when muted"))
        }
    };
    let text = format!(
        "Along {axis}, {name} and the fall of probability where they are muted have a rank \
         correlation of {}: {conclusion}.",
        counted(rho)
    );
    Sentence { about, outcome, text }
}
