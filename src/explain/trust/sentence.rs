//! One finding as a sentence with its figures. The thresholds here decide what is claimed.

use super::curves::Gain;
use super::empty::Empty;
use super::figures::{counted, percent, rounded};
use super::randomisation::Similarity;
use crate::explain::spread::Estimate;

/// Fewer songs than this bear no conclusion, as in `compare`: their interval is too narrow.
const FEW_UNITS: usize = 20;

/// From here on a rank correlation is called most of what there is.
const MOST: f64 = 0.5;

/// Below this it is called little: it explains less than 4 % of the ranks' variance.
const LITTLE: f64 = 0.2;

/// Below this share, empty maps are called rare.
const RARE: f64 = 0.1;

const FEW: &str = "these are too few to conclude anything from";

const NOTHING: &str = "so there is nothing to conclude";

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
    /// As a list names it.
    pub fn as_str(self) -> &'static str {
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

/// An interval with its ends as they are printed, so that what is said agrees with what is read.
enum Known {
    Unmeasured,
    Few,
    Between(f64, f64),
}

fn known(estimate: &Estimate) -> Known {
    match estimate.interval_95 {
        _ if estimate.spread.n == 0 => Known::Unmeasured,
        Some((low, high)) if estimate.units >= FEW_UNITS => {
            Known::Between(rounded(low), rounded(high))
        }
        _ => Known::Few,
    }
}

/// `stages` are nodes and what is left once they are redrawn, `cells` those of the map. All
/// samples share the draws, so that the interval is one over songs for these draws.
pub(super) fn randomisation(
    map: &str,
    stages: &[(&str, &Similarity)],
    draws: usize,
    cells: usize,
) -> Sentence {
    let about = About::Randomisation;
    let Some((_, last)) = stages.last() else {
        let text = "The network has no weights that could be drawn anew.".into();
        return Sentence { about, outcome: Outcome::Open, text };
    };
    let magnitude = rounded(last.magnitude.mean.unwrap_or(0.0));
    let chance = rounded(magnitude_by_chance(cells));
    let (outcome, conclusion) = match known(&last.rho) {
        Known::Unmeasured => (Outcome::Open, NOTHING.to_owned()),
        Known::Few => (Outcome::Open, FEW.to_owned()),
        Known::Between(low, _) if low > MOST => (
            Outcome::Against,
            "most of the map survives, so it shows the sample and the network's form more than \
             what was learned"
                .to_owned(),
        ),
        Known::Between(..) if magnitude > MOST && magnitude > 2.0 * chance => (
            Outcome::Against,
            format!(
                "its magnitude is {magnitude:.3}, though, where chance gives some {chance:.3}: the \
                 same pattern comes back with either sign, so its outline was not learned"
            ),
        ),
        Known::Between(_, high) if high < -LITTLE => {
            (Outcome::Open, "in part the map comes back turned round".to_owned())
        }
        Known::Between(low, high)
            if -LITTLE < low && high < LITTLE && magnitude > LITTLE && magnitude > 2.0 * chance =>
        {
            let said = format!(
                "on average little is left, but its magnitude is {magnitude:.3}, where chance gives \
                 some {chance:.3}: of single samples a part comes back with either sign"
            );
            (Outcome::Open, said)
        }
        Known::Between(low, high) if -LITTLE < low && high < LITTLE => (
            Outcome::For,
            format!("less than {LITTLE} is left, so the map depends on what was learned"),
        ),
        Known::Between(low, _) if low > 0.0 => {
            (Outcome::Open, "a part of the map survives, and that part was not learned".to_owned())
        }
        Known::Between(..) => {
            (Outcome::Open, "whether a part of the map survives is not decided".to_owned())
        }
    };
    let lost = |(_, left): &&(&str, &Similarity)| {
        left.rho.spread.mean.is_some_and(|mean| rounded(mean) < MOST)
    };
    let lost = match stages.iter().find(lost) {
        Some((node, _)) => format!("The mean is first below {MOST} once {node} is redrawn."),
        None => format!("The mean is below {MOST} at no stage."),
    };
    let text = format!(
        "With all weights drawn anew, {draws} times (the interval is of songs, for these draws), \
         {map} and the original have a rank correlation of {}: {conclusion}. {lost}",
        counted(&last.rho)
    );
    Sentence { about, outcome, text }
}

/// Mean magnitude of the rank correlation of so many cells in random order: it is about normal
/// with deviation 1 / √(cells − 1).
fn magnitude_by_chance(cells: usize) -> f64 {
    let variance = 1.0 / (cells.max(2) - 1) as f64;
    (2.0 / std::f64::consts::PI * variance).sqrt()
}

/// Gains by deletion and by insertion.
pub(super) fn against(name: &str, about: About, other: &str, gains: [&Gain; 2]) -> Sentence {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let sides = gains.map(|gain| match known(&gain.gain) {
        Known::Unmeasured | Known::Few => None,
        Known::Between(low, _) if low > 0.0 => Some(Greater),
        Known::Between(_, high) if high < 0.0 => Some(Less),
        Known::Between(..) => Some(Equal),
    });
    let (outcome, conclusion) = match sides {
        [None, _] | [_, None] => (Outcome::Open, FEW.to_owned()),
        [Some(Greater), Some(Greater)] => {
            (Outcome::For, format!("it is better than {other} in both tests"))
        }
        [Some(Less), Some(Less)] => {
            (Outcome::Against, format!("it is worse than {other} in both tests"))
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
        [Some(Equal), Some(Equal)] => (
            Outcome::Open,
            format!("both intervals hold 0, so it is not shown to be better than {other}"),
        ),
    };
    let [deletion, insertion] = gains.map(|gain| {
        let better = gain
            .better
            .map_or(String::new(), |share| format!(", more than 0 for {} of them", percent(share)));
        format!("{}{better}", counted(&gain.gain))
    });
    let text = format!(
        "The order of {name} against {other}, by the area under the probability of the class: \
         deletion gains {deletion}; insertion gains {insertion}: {conclusion}."
    );
    Sentence { about, outcome, text }
}

pub(super) fn follows_energy(map: &str, energy: &Estimate) -> Sentence {
    let (outcome, conclusion) = match known(energy) {
        Known::Unmeasured => (Outcome::Open, NOTHING),
        Known::Few => (Outcome::Open, FEW),
        Known::Between(low, _) if low > MOST => {
            (Outcome::Against, "it is largely a picture of loudness")
        }
        Known::Between(_, high) if high < -MOST => {
            (Outcome::Against, "it is largely a picture of loudness turned round")
        }
        Known::Between(low, high) if -LITTLE < low && high < LITTLE => {
            let beyond = |q: Option<f64>| q.is_none_or(|q| q.abs() > MOST);
            match beyond(energy.spread.q10) || beyond(energy.spread.q90) {
                true => (Outcome::Open, "it does not on average, but single samples do either way"),
                false => (Outcome::For, "it hardly follows loudness"),
            }
        }
        Known::Between(low, _) if low > 0.0 => (Outcome::Open, "it leans towards what is loud"),
        Known::Between(_, high) if high < 0.0 => (Outcome::Open, "it leans towards what is quiet"),
        Known::Between(..) => (Outcome::Open, "whether it follows loudness is not decided"),
    };
    let text = format!(
        "{map} and the level of its cells have a rank correlation of {}: {conclusion}.",
        counted(energy)
    );
    Sentence { about: About::Energy, outcome, text }
}

pub(super) fn emptiness(name: &str, empty: &Empty) -> Sentence {
    let (mut right, mut wrong) = ((0, 0), (0, 0));
    for class in &empty.classes {
        right = (right.0 + class.right.empty, right.1 + class.right.of);
        wrong = (wrong.0 + class.wrong.empty, wrong.1 + class.wrong.of);
    }
    let found = right.0 + wrong.0;
    let (outcome, conclusion) = match known(&empty.share) {
        Known::Unmeasured => (Outcome::Open, NOTHING),
        _ if found == 0 => (Outcome::For, "every sample has a heatmap"),
        Known::Few => (Outcome::Open, FEW),
        Known::Between(_, high) if high < RARE => (Outcome::For, "they are rare"),
        Known::Between(low, _) if low > RARE => {
            (Outcome::Against, "so often nothing at this layer speaks for the class")
        }
        Known::Between(..) => (Outcome::Open, "whether they are rare is not decided"),
    };
    let interval = match empty.share.interval_95.filter(|_| found > 0) {
        Some((low, high)) => {
            let units = if empty.share.by_song { "songs" } else { "samples" };
            let n = empty.share.units;
            format!(" (95 % interval {} to {}, {n} {units})", percent(low), percent(high))
        }
        None => String::new(),
    };
    let share = percent(empty.share.spread.mean.unwrap_or(0.0));
    let text = format!(
        "{share}{interval} of maps of {name} have no positive value, {} of {} where the \
         prediction is right and {} of {} where it is wrong: {conclusion}.",
        right.0, right.1, wrong.0, wrong.1,
    );
    Sentence { about: About::Empty, outcome, text }
}

pub(super) fn occluded(name: &str, axis: &str, about: About, rho: Option<&Estimate>) -> Sentence {
    let Some(rho) = rho else {
        let text = format!("The layer does not tell {axis} apart: it has one cell along them.");
        return Sentence { about, outcome: Outcome::Open, text };
    };
    let (outcome, conclusion) = match known(rho) {
        Known::Unmeasured => (Outcome::Open, NOTHING.to_owned()),
        Known::Few => (Outcome::Open, FEW.to_owned()),
        Known::Between(low, _) if low > MOST => {
            (Outcome::For, format!("it marks the {axis} that matter when muted"))
        }
        Known::Between(_, high) if high < 0.0 => {
            (Outcome::Against, format!("it marks {axis} that matter less when muted"))
        }
        Known::Between(_, high) if high < LITTLE => {
            (Outcome::Against, format!("it hardly tells which {axis} matter when muted"))
        }
        Known::Between(low, _) if low > 0.0 => {
            (Outcome::Open, format!("it tells in part which {axis} matter when muted"))
        }
        Known::Between(..) => {
            (Outcome::Open, format!("whether it tells which {axis} matter is not decided"))
        }
    };
    let text = format!(
        "Along {axis}, the heatmap of {name} and the fall of probability where they are muted have \
         a rank correlation of {}: {conclusion}.",
        counted(rho)
    );
    Sentence { about, outcome, text }
}

/// Every sentence can come out otherwise.
#[cfg(test)]
mod tests {
    use super::super::empty::{ClassEmpty, Count};
    use super::*;
    use crate::explain::spread::Spread;

    fn estimate(low: f64, high: f64, units: usize) -> Estimate {
        let mean = Some((low + high) / 2.0);
        let spread = Spread { n: 96, mean, q10: mean, q90: mean, ..Spread::default() };
        Estimate { spread, units, by_song: true, interval_95: Some((low, high)) }
    }

    /// What each of these intervals makes of a finding: outcome, and words that must be there.
    fn each(cases: &[(f64, f64, Outcome, &str)], sentence: impl Fn(&Estimate) -> Sentence) {
        for (low, high, outcome, words) in cases {
            let got = sentence(&estimate(*low, *high, 96));
            assert_eq!(got.outcome, *outcome, "{low} {high}: {}", got.text);
            assert!(got.text.contains(words), "{low} {high}: {}", got.text);
            let interval = format!("95 % interval {low:.3} to {high:.3}");
            assert!(
                got.text.contains(&interval) && got.text.contains("96 samples"),
                "{}",
                got.text
            );
        }
        let few = sentence(&estimate(0.6, 0.9, FEW_UNITS - 1));
        assert!(few.outcome == Open && few.text.contains(FEW), "{}", few.text);
        let none = sentence(&Estimate::default());
        assert!(none.outcome == Open && none.text.contains("0 samples"), "{}", none.text);
    }

    use Outcome::{Against, For, Open};

    #[test]
    fn randomisation_can_come_out_any_way() {
        let similarity = |rho: &Estimate, magnitude| {
            let magnitude = Spread { mean: Some(magnitude), ..Spread::default() };
            Similarity { rho: *rho, magnitude }
        };
        let said = |rho: &Estimate, magnitude, cells| {
            let first = similarity(&estimate(0.7, 0.8, 96), 0.75);
            let last = similarity(rho, magnitude);
            randomisation("HiResCAM", &[("dense", &first), ("conv2d", &last)], 3, cells)
        };
        let cases = [
            (0.51, 0.9, Against, "most of the map survives"),
            (0.3, 0.6, Open, "a part of the map survives"),
            (0.001, 0.1, For, "less than 0.2 is left"),
            (-0.1, 0.1, For, "less than 0.2 is left"),
            (-0.4, 0.3, Open, "is not decided"),
            (-0.4, -0.25, Open, "turned round"),
        ];
        each(&cases, |rho| said(rho, 0.15, 100));
        let scattered = said(&estimate(-0.1, 0.1, 96), 0.3, 100);
        assert!(scattered.outcome == Open && scattered.text.contains("either sign"));
        let either = said(&estimate(-0.1, 0.1, 96), 0.6, 100);
        assert_eq!(either.outcome, Against);
        assert!(either.text.contains("with either sign"), "{}", either.text);
        // Of four cells that is chance.
        assert_eq!(said(&estimate(-0.1, 0.1, 96), 0.6, 4).outcome, For);
        assert!(either.text.contains("first below 0.5 once conv2d is redrawn"), "{}", either.text);
        let never = said(&estimate(0.6, 0.9, 96), 0.75, 100);
        assert!(never.text.contains("below 0.5 at no stage"), "{}", never.text);
        assert_eq!(randomisation("HiResCAM", &[], 3, 100).outcome, Open);
    }

    #[test]
    fn gains_can_come_out_any_way() {
        let (more, zero, less) = ((0.1, 0.2), (-0.1, 0.1), (-0.2, -0.1));
        let gain = |(low, high)| Gain { gain: estimate(low, high, 96), better: Some(0.75) };
        let cases = [
            (more, more, For, "better than random order in both"),
            (more, zero, Open, "by deletion alone"),
            (zero, more, Open, "by insertion alone"),
            (more, less, Open, "contradict"),
            (less, more, Open, "contradict"),
            (zero, zero, Open, "both intervals hold 0"),
            (less, zero, Against, "worse than random order by deletion"),
            (zero, less, Against, "worse than random order by insertion"),
            (less, less, Against, "worse than random order in both"),
        ];
        for (deletion, insertion, outcome, words) in cases {
            let gains = [&gain(deletion), &gain(insertion)];
            let got = against("Grad-CAM", About::OverRandom, "random order", gains);
            assert_eq!(got.outcome, outcome, "{}", got.text);
            assert!(got.text.contains(words), "{}", got.text);
            assert!(got.text.contains("more than 0 for 75.0 % of them"), "{}", got.text);
        }
        let few = Gain { gain: estimate(0.1, 0.2, 3), better: None };
        let got = against("Grad-CAM", About::OverRandom, "random order", [&few, &gain(more)]);
        assert_eq!(got.outcome, Open);
    }

    #[test]
    fn correlations_can_come_out_any_way() {
        let cases = [
            (0.6, 0.8, Against, "a picture of loudness."),
            (0.3, 0.6, Open, "leans towards what is loud"),
            (-0.1, 0.1, For, "hardly follows loudness"),
            (0.05, 0.1, For, "hardly follows loudness"),
            (-0.3, 0.1, Open, "is not decided"),
            (-0.4, -0.1, Open, "leans towards what is quiet"),
            (-0.9, -0.6, Against, "loudness turned round"),
        ];
        each(&cases, |rho| follows_energy("HiResCAM", rho));
        let mut wide = estimate(-0.1, 0.1, 96);
        (wide.spread.q10, wide.spread.q90) = (Some(-0.7), Some(0.4));
        assert_eq!(follows_energy("HiResCAM", &wide).outcome, Open);
        let cases = [
            (0.6, 0.8, For, "marks the bands that matter"),
            (0.1, 0.6, Open, "tells in part"),
            (0.05, 0.1, Against, "hardly tells"),
            (-0.1, 0.1, Against, "hardly tells"),
            (-0.1, 0.4, Open, "is not decided"),
            (-0.9, -0.1, Against, "matter less"),
        ];
        each(&cases, |rho| occluded("HiResCAM", "bands", About::OcclusionBands, Some(rho)));
        let none = occluded("HiResCAM", "bands", About::OcclusionBands, None);
        assert!(none.outcome == Open && none.text.contains("one cell along them"));
    }

    #[test]
    fn emptiness_can_come_out_any_way() {
        let said = |empty: usize, low, high, units| {
            let right = Count { empty, of: 80 };
            let classes = vec![ClassEmpty { right, wrong: Count { empty: 0, of: 20 } }];
            let mut share = estimate(low, high, units);
            share.spread.mean = Some(empty as f64 / 100.0);
            emptiness("Grad-CAM", &Empty { share, classes })
        };
        let got = said(4, 0.01, 0.08, 50);
        assert_eq!(
            got.text,
            "4.0 % (95 % interval 1.0 % to 8.0 %, 50 songs) of maps of Grad-CAM have no positive \
         value, 4 of 80 where the prediction is right and 0 of 20 where it is wrong: they are \
         rare."
        );
        assert_eq!(got.outcome, For);
        assert_eq!(said(40, 0.3, 0.5, 50).outcome, Against);
        assert_eq!(said(10, 0.05, 0.2, 50).outcome, Open);
        assert_eq!(said(10, 0.2, 0.3, 5).outcome, Open, "too few songs");
        assert!(said(0, 0.0, 0.0, 50).text.contains("every sample has a heatmap"));
    }

    /// The mean over all orders of four is 12 / 24, by hand.
    #[test]
    fn chance_is_large_where_cells_are_few() {
        assert!((magnitude_by_chance(4) - 0.5).abs() < 0.05);
        assert!((magnitude_by_chance(101) - 0.08).abs() < 0.001);
    }
}
