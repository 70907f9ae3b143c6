//! How each check of a layer's maps comes out. The thresholds here decide what is claimed, and
//! every check can come out either way.

use super::{Agreement, Empty, Gain, Similarity, Trust, Views};
use crate::explain::maps::Methods;
use crate::explain::spread::Estimate;

/// Fewer songs than this bear no conclusion, as in `compare`: their interval is too narrow.
pub(crate) const FEW_UNITS: usize = 20;

/// From here on a rank correlation is called most of what there is.
pub(crate) const MOST: f64 = 0.5;

/// Below this it is called little: it explains less than 4 % of the ranks' variance.
pub(crate) const LITTLE: f64 = 0.2;

/// Below this share, empty maps are called rare.
pub(crate) const RARE: f64 = 0.1;

pub(crate) const FEW: &str = "too few songs";
const UNDECIDED: &str = "the interval does not decide";
const NOTHING: &str = "nothing measured";
const ONE_CELL: &str = "one cell along this axis";

/// One check of one kind of map at one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is checked.
    pub about: About,
    /// How it comes out.
    pub outcome: Outcome,
    /// Why, in a few words.
    pub reading: &'static str,
    /// What was measured: one number, or one for deletion and one for insertion.
    pub effects: Vec<Effect>,
}

impl Check {
    /// Whether there was something to measure, so that the check could come out either way.
    pub fn is_measured(&self) -> bool {
        self.effects.first().is_some_and(|effect| effect.mean.is_some())
    }
}

/// A mean over samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Which of several; empty where there is one.
    pub name: &'static str,
    /// The mean, to the three decimals that are printed.
    pub mean: Option<f64>,
    /// Its 95 % interval over songs, likewise.
    pub interval_95: Option<(f64, f64)>,
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
    /// What is measured, and which value is good.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Randomisation => {
                "rank correlation with the map under re-initialised weights (0 is good)"
            }
            Self::OverRandom => {
                "deletion and insertion: gain in area over random order (above 0 is good)"
            }
            Self::OverEnergy => {
                "deletion and insertion: gain in area over loudest cells first (above 0 is good)"
            }
            Self::Energy => "rank correlation with the level of the cells (0 is good)",
            Self::Empty => "maps without a positive value (0 % is good)",
            Self::OcclusionBands => "rank correlation with occlusion of bands (1 is good)",
            Self::OcclusionFrames => "rank correlation with occlusion of frames (1 is good)",
        }
    }
}

/// How a check comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The map can be trusted in this.
    Passes,
    /// It cannot.
    Fails,
    /// In part, or the samples do not decide it.
    Inconclusive,
}

use Outcome::{Fails, Inconclusive, Passes};

impl Outcome {
    /// As a table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Passes => "passes",
            Fails => "fails",
            Inconclusive => "inconclusive",
        }
    }
}

/// To the three decimals that are printed; never a negative zero.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0 + 0.0
}

impl Effect {
    fn of(name: &'static str, estimate: &Estimate) -> Self {
        Self {
            name,
            mean: estimate.spread.mean.map(rounded),
            interval_95: estimate.interval_95.map(|(low, high)| (rounded(low), rounded(high))),
        }
    }
}

/// An interval with its ends as they are printed, so that a verdict agrees with what is read.
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

fn check(about: About, (outcome, reading): (Outcome, &'static str), effect: &Estimate) -> Check {
    Check { about, outcome, reading, effects: vec![Effect::of("", effect)] }
}

/// How the checks of a layer come out, for either kind of map, in the order of [`About`].
pub fn verdicts(trust: &Trust) -> Methods<Vec<Check>> {
    let grad_cam = Method {
        similarity: |v| &v.heatmap,
        energy: &trust.energy.heatmap,
        empty: &trust.empty.grad_cam,
        gain: |m| &m.grad_cam,
        occlusion: |m| &m.grad_cam,
    };
    let hires_cam = Method {
        similarity: |v| &v.hires_cam,
        energy: &trust.energy.hires_cam,
        empty: &trust.empty.hires_cam,
        gain: |m| &m.hires_cam,
        occlusion: |m| &m.hires_cam,
    };
    Methods { grad_cam: grad_cam.checks(trust), hires_cam: hires_cam.checks(trust) }
}

/// Where a method's numbers are: Grad-CAM's heatmap is ranked, as it is what is drawn; HiResCAM is
/// ranked with its sign.
struct Method<'a> {
    similarity: fn(&Views<Similarity>) -> &Similarity,
    energy: &'a Estimate,
    empty: &'a Empty,
    gain: fn(&Methods<Gain>) -> &Gain,
    occlusion: fn(&Methods<Estimate>) -> &Estimate,
}

impl Method<'_> {
    fn checks(&self, trust: &Trust) -> Vec<Check> {
        let Self { similarity, energy, empty, gain, occlusion } = *self;
        let last = trust.randomisation.stages.last().map(|stage| similarity(&stage.similarity));
        let cells = trust.curves.as_ref().map_or(1, |curves| curves.cells);
        let mut found = vec![randomisation(last, cells)];
        if let Some(curves) = &trust.curves {
            let tests = [&curves.deletion, &curves.insertion];
            let random = against(About::OverRandom, tests.map(|test| gain(&test.over_random)));
            let mut energy = against(About::OverEnergy, tests.map(|test| gain(&test.over_energy)));
            // Loudness may be a worse guide than chance.
            if energy.outcome == Passes && random.outcome != Passes {
                energy.outcome = Inconclusive;
                energy.reading = "better than loudness, but not shown to be better than chance";
            }
            found.extend([random, energy]);
        } else {
            let (about, effects) = (About::OverRandom, Vec::new());
            found.push(Check { about, outcome: Inconclusive, reading: ONE_CELL, effects });
        }
        found.push(follows_energy(energy));
        found.push(emptiness(empty));
        let Agreement { bands, frames } = &trust.occlusion;
        found.push(occluded(About::OcclusionBands, bands.as_ref().map(occlusion)));
        found.push(occluded(About::OcclusionFrames, frames.as_ref().map(occlusion)));
        found
    }
}

/// `last` is what is left of the map once all weights are re-initialised, `cells` those of the map.
/// All samples share the draws, so that the interval is one over songs for these draws.
fn randomisation(last: Option<&Similarity>, cells: usize) -> Check {
    let about = About::Randomisation;
    let Some(last) = last else {
        let reading = "no weights to re-initialise";
        return Check { about, outcome: Inconclusive, reading, effects: Vec::new() };
    };
    let magnitude = rounded(last.magnitude.mean.unwrap_or(0.0));
    let chance = rounded(magnitude_by_chance(cells));
    let verdict = match known(&last.rho) {
        Known::Unmeasured => (Inconclusive, NOTHING),
        Known::Few => (Inconclusive, FEW),
        Known::Between(low, _) if low > MOST => (Fails, "most of the map was not learned"),
        Known::Between(..) if magnitude > MOST && magnitude > 2.0 * chance => {
            (Fails, "the same outline comes back with either sign")
        }
        Known::Between(_, high) if high < -LITTLE => {
            (Inconclusive, "in part the map comes back inverted")
        }
        Known::Between(low, high)
            if -LITTLE < low && high < LITTLE && magnitude > LITTLE && magnitude > 2.0 * chance =>
        {
            (Inconclusive, "near zero on average, but single maps keep some structure")
        }
        Known::Between(low, high) if -LITTLE < low && high < LITTLE => {
            (Passes, "the map depends on what was learned")
        }
        Known::Between(low, _) if low > 0.0 => (Inconclusive, "a part of the map was not learned"),
        Known::Between(..) => (Inconclusive, UNDECIDED),
    };
    let mut check = check(about, verdict, &last.rho);
    check.effects.push(Effect { name: "magnitude", mean: Some(magnitude), interval_95: None });
    check.effects.push(Effect { name: "by chance", mean: Some(chance), interval_95: None });
    check
}

/// Mean magnitude of the rank correlation of so many cells in random order: it is about normal
/// with standard deviation 1 / √(cells − 1).
fn magnitude_by_chance(cells: usize) -> f64 {
    let variance = 1.0 / (cells.max(2) - 1) as f64;
    (2.0 / std::f64::consts::PI * variance).sqrt()
}

/// Gains by deletion and by insertion over another order.
fn against(about: About, gains: [&Gain; 2]) -> Check {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let sides = gains.map(|gain| match known(&gain.gain) {
        Known::Unmeasured | Known::Few => None,
        Known::Between(low, _) if low > 0.0 => Some(Greater),
        Known::Between(_, high) if high < 0.0 => Some(Less),
        Known::Between(..) => Some(Equal),
    });
    let (outcome, reading) = match sides {
        [None, _] | [_, None] => (Inconclusive, FEW),
        [Some(Greater), Some(Greater)] => (Passes, "better in both tests"),
        [Some(Less), Some(Less)] => (Fails, "worse in both tests"),
        [Some(Greater), Some(Less)] | [Some(Less), Some(Greater)] => {
            (Inconclusive, "the two tests contradict each other")
        }
        [Some(Greater), Some(Equal)] => (Inconclusive, "better by deletion only"),
        [Some(Equal), Some(Greater)] => (Inconclusive, "better by insertion only"),
        [Some(Less), Some(Equal)] => (Fails, "worse by deletion, not better by insertion"),
        [Some(Equal), Some(Less)] => (Fails, "worse by insertion, not better by deletion"),
        [Some(Equal), Some(Equal)] => (Inconclusive, "both intervals include 0"),
    };
    let [deletion, insertion] = gains;
    let effects =
        vec![Effect::of("deletion", &deletion.gain), Effect::of("insertion", &insertion.gain)];
    Check { about, outcome, reading, effects }
}

fn follows_energy(energy: &Estimate) -> Check {
    let verdict = match known(energy) {
        Known::Unmeasured => (Inconclusive, NOTHING),
        Known::Few => (Inconclusive, FEW),
        Known::Between(low, _) if low > MOST => (Fails, "largely a picture of loudness"),
        Known::Between(_, high) if high < -MOST => (Fails, "largely loudness inverted"),
        Known::Between(low, high) if -LITTLE < low && high < LITTLE => {
            let beyond = |q: Option<f64>| q.is_none_or(|q| q.abs() > MOST);
            match beyond(energy.spread.q10) || beyond(energy.spread.q90) {
                true => (Inconclusive, "near zero on average, but single maps follow it"),
                false => (Passes, "hardly follows loudness"),
            }
        }
        Known::Between(low, _) if low > 0.0 => (Inconclusive, "leans towards loud cells"),
        Known::Between(_, high) if high < 0.0 => (Inconclusive, "leans towards quiet cells"),
        Known::Between(..) => (Inconclusive, UNDECIDED),
    };
    check(About::Energy, verdict, energy)
}

fn emptiness(empty: &Empty) -> Check {
    let found = empty.classes.iter().map(|class| class.right.empty + class.wrong.empty).sum();
    let verdict = match (known(&empty.share), found) {
        (Known::Unmeasured, _) => (Inconclusive, NOTHING),
        (_, 0_usize) => (Passes, "every sample has a map"),
        (Known::Few, _) => (Inconclusive, FEW),
        (Known::Between(_, high), _) if high < RARE => (Passes, "empty maps are rare"),
        (Known::Between(low, _), _) if low > RARE => (Fails, "often nothing supports the class"),
        (Known::Between(..), _) => (Inconclusive, UNDECIDED),
    };
    check(About::Empty, verdict, &empty.share)
}

fn occluded(about: About, rho: Option<&Estimate>) -> Check {
    let Some(rho) = rho else {
        return Check { about, outcome: Inconclusive, reading: ONE_CELL, effects: Vec::new() };
    };
    let verdict = match known(rho) {
        Known::Unmeasured => (Inconclusive, NOTHING),
        Known::Few => (Inconclusive, FEW),
        Known::Between(low, _) if low > MOST => (Passes, "marks what matters when muted"),
        Known::Between(_, high) if high < 0.0 => (Fails, "marks what matters less when muted"),
        Known::Between(_, high) if high < LITTLE => (Fails, "hardly marks what matters when muted"),
        Known::Between(low, _) if low > 0.0 => (Inconclusive, "marks in part what matters"),
        Known::Between(..) => (Inconclusive, UNDECIDED),
    };
    check(about, verdict, rho)
}

/// Every check can come out otherwise.
#[cfg(test)]
mod tests {
    use super::super::empty::{ClassEmpty, Count};
    use super::*;
    use crate::data::Part;
    use crate::explain::spread::{Spread, Units};

    fn estimate(low: f64, high: f64, units: usize) -> Estimate {
        let mean = Some((low + high) / 2.0);
        let spread = Spread { n: 96, mean, q10: mean, q90: mean, ..Spread::default() };
        Estimate { spread, units, by_song: true, interval_95: Some((low, high)) }
    }

    /// What each of these intervals makes of a check: outcome, and words that must be there.
    fn each(cases: &[(f64, f64, Outcome, &str)], check: impl Fn(&Estimate) -> Check) {
        for (low, high, outcome, words) in cases {
            let got = check(&estimate(*low, *high, 96));
            assert_eq!(got.outcome, *outcome, "{low} {high}: {}", got.reading);
            assert!(got.reading.contains(words), "{low} {high}: {}", got.reading);
            let Effect { mean, interval_95, .. } = got.effects[0];
            assert_eq!(interval_95, Some((*low, *high)));
            assert_eq!(mean, Some(rounded((low + high) / 2.0)));
        }
        let few = check(&estimate(0.6, 0.9, FEW_UNITS - 1));
        assert!(few.outcome == Inconclusive && few.reading == FEW, "{}", few.reading);
        let none = check(&Estimate::default());
        assert!(none.outcome == Inconclusive && none.effects[0].mean.is_none(), "{none:?}");
    }

    #[test]
    fn randomisation_can_come_out_any_way() {
        let of = |rho: &Estimate, magnitude, cells| {
            let magnitude = Spread { mean: Some(magnitude), ..Spread::default() };
            randomisation(Some(&Similarity { rho: *rho, magnitude }), cells)
        };
        let cases = [
            (0.51, 0.9, Fails, "most of the map was not learned"),
            (0.3, 0.6, Inconclusive, "a part of the map was not learned"),
            (0.001, 0.1, Passes, "depends on what was learned"),
            (-0.1, 0.1, Passes, "depends on what was learned"),
            (-0.4, 0.3, Inconclusive, UNDECIDED),
            (-0.4, -0.25, Inconclusive, "inverted"),
        ];
        each(&cases, |rho| of(rho, 0.15, 100));
        let scattered = of(&estimate(-0.1, 0.1, 96), 0.3, 100);
        assert!(scattered.outcome == Inconclusive && scattered.reading.contains("single maps"));
        let either = of(&estimate(-0.1, 0.1, 96), 0.6, 100);
        assert!(either.outcome == Fails && either.reading.contains("either sign"));
        assert_eq!((either.effects[1].mean, either.effects[2].mean), (Some(0.6), Some(0.08)));
        // Of four cells that is chance.
        assert_eq!(of(&estimate(-0.1, 0.1, 96), 0.6, 4).outcome, Passes);
        assert_eq!(randomisation(None, 100).outcome, Inconclusive);
    }

    #[test]
    fn gains_can_come_out_any_way() {
        let (more, zero, less) = ((0.1, 0.2), (-0.1, 0.1), (-0.2, -0.1));
        let gain = |(low, high)| Gain { gain: estimate(low, high, 96), better: Some(0.75) };
        let cases = [
            (more, more, Passes, "better in both"),
            (more, zero, Inconclusive, "by deletion only"),
            (zero, more, Inconclusive, "by insertion only"),
            (more, less, Inconclusive, "contradict"),
            (less, more, Inconclusive, "contradict"),
            (zero, zero, Inconclusive, "both intervals include 0"),
            (less, zero, Fails, "worse by deletion"),
            (zero, less, Fails, "worse by insertion"),
            (less, less, Fails, "worse in both"),
        ];
        for (deletion, insertion, outcome, words) in cases {
            let got = against(About::OverRandom, [&gain(deletion), &gain(insertion)]);
            assert_eq!(got.outcome, outcome, "{}", got.reading);
            assert!(got.reading.contains(words), "{}", got.reading);
            let intervals = [deletion, insertion].map(Some);
            assert_eq!([got.effects[0].interval_95, got.effects[1].interval_95], intervals);
        }
        let few = Gain { gain: estimate(0.1, 0.2, 3), better: None };
        assert_eq!(against(About::OverRandom, [&few, &gain(more)]).outcome, Inconclusive);
    }

    #[test]
    fn correlations_can_come_out_any_way() {
        let cases = [
            (0.6, 0.8, Fails, "a picture of loudness"),
            (0.3, 0.6, Inconclusive, "towards loud"),
            (-0.1, 0.1, Passes, "hardly follows loudness"),
            (0.05, 0.1, Passes, "hardly follows loudness"),
            (-0.3, 0.1, Inconclusive, UNDECIDED),
            (-0.4, -0.1, Inconclusive, "towards quiet"),
            (-0.9, -0.6, Fails, "loudness inverted"),
        ];
        each(&cases, follows_energy);
        let mut wide = estimate(-0.1, 0.1, 96);
        (wide.spread.q10, wide.spread.q90) = (Some(-0.7), Some(0.4));
        assert_eq!(follows_energy(&wide).outcome, Inconclusive);
        let cases = [
            (0.6, 0.8, Passes, "marks what matters"),
            (0.1, 0.6, Inconclusive, "in part"),
            (0.05, 0.1, Fails, "hardly marks"),
            (-0.1, 0.1, Fails, "hardly marks"),
            (-0.1, 0.4, Inconclusive, UNDECIDED),
            (-0.9, -0.1, Fails, "matters less"),
        ];
        each(&cases, |rho| occluded(About::OcclusionBands, Some(rho)));
        let none = occluded(About::OcclusionBands, None);
        assert!(none.outcome == Inconclusive && none.reading == ONE_CELL);
    }

    #[test]
    fn emptiness_can_come_out_any_way() {
        let of = |empty: usize, low, high, units| {
            let right = Count { empty, of: 80 };
            let classes = vec![ClassEmpty { right, wrong: Count { empty: 0, of: 20 } }];
            let mut share = estimate(low, high, units);
            share.spread.mean = Some(empty as f64 / 100.0);
            emptiness(&Empty { share, classes })
        };
        let got = of(4, 0.01, 0.08, 50);
        assert_eq!((got.outcome, got.reading), (Passes, "empty maps are rare"));
        assert_eq!(
            (got.effects[0].mean, got.effects[0].interval_95),
            (Some(0.04), Some((0.01, 0.08)))
        );
        assert_eq!(of(40, 0.3, 0.5, 50).outcome, Fails);
        assert_eq!(of(10, 0.05, 0.2, 50).outcome, Inconclusive);
        assert_eq!(of(10, 0.2, 0.3, 5).outcome, Inconclusive, "too few songs");
        assert_eq!(of(0, 0.0, 0.0, 50).reading, "every sample has a map");
    }

    /// The mean over all orders of four is 12 / 24, by hand.
    #[test]
    fn chance_is_large_where_cells_are_few() {
        assert!((magnitude_by_chance(4) - 0.5).abs() < 0.05);
        assert!((magnitude_by_chance(101) - 0.08).abs() < 0.001);
    }

    #[test]
    fn numbers_are_those_that_are_printed() {
        let part = Part { x: Vec::new(), y: vec![0; 3], song: Some(vec![1, 1, 2]) };
        let units = Units::new(&part, &[0, 1, 2]);
        let got = Effect::of("", &Estimate::of(&[Some(0.25), None, Some(0.75)], &units));
        assert_eq!((got.mean, got.interval_95), (Some(0.5), Some((0.25, 0.75))));
        assert_eq!(Effect::of("", &Estimate::of(&[None], &units)).mean, None);
        assert_eq!(format!("{:.3}", rounded(-0.0002)), "0.000");
    }
}
