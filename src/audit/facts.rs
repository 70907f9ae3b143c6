//! Size, classes and values of each part.

use serde::Serialize;

use super::EXAMPLES;
use super::samples::{AllSamples, songs_of};
use crate::data::stats::{squares_about, stats};
use crate::data::{Fingerprint, PartName};

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
            songs: loaded.song.is_some().then(|| songs_of(loaded).len()),
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
