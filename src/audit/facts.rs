//! Size, classes and values of each part.

use serde::Serialize;

use super::EXAMPLES;
use super::samples::AllSamples;
use crate::data::stats::{squares_about, stats};
use crate::data::{Fingerprint, PartName, Values};

/// How often a class occurs in a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFacts {
    /// Its name.
    pub class: String,
    /// Samples of it.
    pub samples: usize,
    /// Their share of the part, 0 to 1.
    pub share: f64,
}

/// A part's size, classes and values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartFacts {
    /// Which part.
    pub part: PartName,
    /// Number of samples.
    pub samples: usize,
    /// Number of songs, where known.
    pub songs: Option<usize>,
    /// By label.
    pub classes: Vec<ClassFacts>,
    /// The least value; loading has checked that all are finite.
    pub min: f32,
    /// The greatest value.
    pub max: f32,
    /// The mean of all values.
    pub mean: f64,
    /// Their (population) standard deviation.
    pub deviation: f64,
    /// Samples whose values are all equal.
    pub constant: usize,
    /// The first of them, by index.
    pub constant_examples: Vec<usize>,
}

/// The facts of a part that need no pass over its values.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) part: PartName,
    pub(super) samples: usize,
    pub(super) songs: Option<usize>,
    pub(super) classes: Vec<ClassFacts>,
    /// Samples whose values are all equal.
    pub(super) constant: Vec<usize>,
}

/// For the parts that have samples.
pub(super) fn counts(all: &AllSamples<'_>, fingerprints: &[Fingerprint]) -> Vec<Counts> {
    let of = |part: PartName| {
        let loaded = all.data.part(part);
        let n = loaded.len();
        let class = |(label, class): (u32, &String)| {
            let samples = loaded.y.iter().filter(|&&y| y == label).count();
            ClassFacts { class: class.clone(), samples, share: samples as f64 / n as f64 }
        };
        let of_part = all.samples.iter().zip(fingerprints).filter(|(s, _)| s.part == part);
        Counts {
            part,
            samples: n,
            songs: loaded.song.is_some().then(|| all.songs_of(part).len()),
            classes: (0..).zip(&all.data.classes).map(class).collect(),
            constant: of_part.filter(|(_, p)| p.constant).map(|(s, _)| s.index).collect(),
        }
    };
    let loaded = PartName::ALL.into_iter().filter(|part| !all.data.part(*part).is_empty());
    loaded.map(of).collect()
}

impl PartFacts {
    pub(super) fn of(all: &AllSamples<'_>, counts: Counts) -> Self {
        let Counts { part, samples, songs, classes, constant } = counts;
        let x = &all.data.part(part).x;
        let (values, n) = (stats(x), x.len() as f64);
        let mean = values.sum / n;
        Self {
            part,
            samples,
            songs,
            classes,
            min: values.min,
            max: values.max,
            mean,
            deviation: (squares_about(x, mean) / n).sqrt(),
            constant: constant.len(),
            constant_examples: constant.into_iter().take(EXAMPLES).collect(),
        }
    }
}

/// The ranges of two parts' values are those of two scales if they share less than this of the shorter
/// one, or if that is less than this of the longer one …
const LEAST_SHARED: f64 = 0.1;
/// … and the means are apart by more than this of the longer one: few samples of values with rare
/// peaks, as powers have, have a short range too.
const LEAST_APART: f64 = 0.2;

/// The parts whose values are on another scale than those of training, as where only one was
/// normalised: their ranges hardly overlap, or one is a small piece of the other,
/// away from its mean.
pub(super) fn other_scales(all: &AllSamples<'_>) -> Vec<String> {
    let values = |part: PartName| {
        let known = all.data.found.iter().find_map(|facts| match &facts.values {
            Values::Samples { min, max, mean, .. } if facts.name.part == part => {
                Some((*min, *max, *mean))
            }
            _ => None,
        });
        let (min, max, mean) = known.unwrap_or_else(|| {
            let x = &all.data.part(part).x;
            let values = stats(x);
            (values.min, values.max, values.sum / x.len() as f64)
        });
        (f64::from(min), f64::from(max), mean)
    };
    let loaded = |part: &PartName| !all.data.part(*part).is_empty();
    if !loaded(&PartName::Train) {
        return Vec::new();
    }
    let (least, most, train_mean) = values(PartName::Train);
    let others = PartName::ALL.into_iter().filter(|part| *part != PartName::Train && loaded(part));
    let differs = |part: PartName| {
        let (min, max, mean) = values(part);
        let shared = max.min(most) - min.max(least);
        let (shorter, longer) = {
            let (one, other) = (max - min, most - least);
            (one.min(other), one.max(other))
        };
        // A constant part is told as such.
        let is_piece =
            shorter < LEAST_SHARED * longer && (mean - train_mean).abs() > LEAST_APART * longer;
        let is_other = shorter > 0.0 && (shared < LEAST_SHARED * shorter || is_piece);
        is_other.then(|| {
            format!(
                "values of {part} are {min} to {max}, those of train {least} to {most}: they seem to \
                 be on different scales (decibels, 0 to 1, standardised); scale all parts alike"
            )
        })
    };
    others.filter_map(differs).collect()
}

/// The bands that have one value throughout each sample, such as those of mel filters that are
/// narrower than a bin of the FFT.
pub(super) fn constant_bands(all: &AllSamples<'_>) -> Vec<usize> {
    let [h, w, c] = all.data.sample_shape;
    let mut bands: Vec<usize> = (0..h).collect();
    for sample in &all.samples {
        let x = all.x(sample);
        let is_constant = |band: &usize| {
            let row = x.get(band * w * c..(band + 1) * w * c).unwrap_or_default();
            row.iter().all(|x| Some(x) == row.first())
        };
        bands.retain(is_constant);
        if bands.is_empty() {
            break;
        }
    }
    // Samples of one frame, or of one value, tell nothing of bands.
    if w * c < 2 || bands.len() == h { Vec::new() } else { bands }
}
