//! One finding in words. Whoever changes a threshold here changes what is claimed.

use crate::explain::trust::curves::Gain;
use crate::explain::trust::empty::Empty;
use crate::explain::trust::figures::{counted, percent, rounded};
use crate::explain::trust::randomisation::Similarity;
use crate::explain::trust::spread::Estimate;
use crate::explain::trust::verdict::{About, Outcome, Sentence};

#[cfg(test)]
mod tests;

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
pub(in crate::explain::trust) fn randomisation(
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
pub(in crate::explain::trust) fn against(
    name: &str,
    about: About,
    other: &str,
    gains: [&Gain; 2],
) -> Sentence {
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

pub(in crate::explain::trust) fn follows_energy(map: &str, energy: &Estimate) -> Sentence {
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

pub(in crate::explain::trust) fn emptiness(name: &str, empty: &Empty) -> Sentence {
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

pub(in crate::explain::trust) fn occluded(
    name: &str,
    axis: &str,
    about: About,
    rho: Option<&Estimate>,
) -> Sentence {
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
