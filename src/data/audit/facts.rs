//! Each part by itself.

use serde::Serialize;

use super::EXAMPLES;
use super::all::All;
use super::songs::songs_of;
use crate::data::PartName;
use crate::data::stats::{squares_about, stats};

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
    /// The least value; all are finite, loading sees to that.
    pub min: f32,
    /// The greatest value.
    pub max: f32,
    /// The mean of all values.
    pub mean: f64,
    /// Their standard deviation (of the whole, divided by n).
    pub deviation: f64,
    /// Samples that have one value everywhere.
    pub constant: usize,
    /// The first of them, by index.
    pub constant_examples: Vec<usize>,
}

/// The parts that have samples.
pub(super) fn facts(all: &All<'_>, constant: &[bool]) -> Vec<PartFacts> {
    let of = |part: PartName| {
        let loaded = all.data.part(part);
        let n = loaded.len();
        let class = |(label, class): (u32, &String)| {
            let samples = loaded.y.iter().filter(|&&y| y == label).count();
            ClassFacts { class: class.clone(), samples, share: samples as f64 / n as f64 }
        };
        let values = stats(&loaded.x);
        let count = loaded.x.len() as f64;
        let mean = values.sum / count;
        let of_part = all.samples.iter().zip(constant).filter(|(s, _)| s.part == part);
        let flat: Vec<usize> = of_part.filter(|(_, c)| **c).map(|(s, _)| s.index).collect();
        PartFacts {
            part,
            samples: n,
            songs: loaded.song.is_some().then(|| songs_of(loaded).len()),
            classes: (0..).zip(&all.data.classes).map(class).collect(),
            min: values.min,
            max: values.max,
            mean,
            deviation: (squares_about(&loaded.x, mean) / count).sqrt(),
            constant: flat.len(),
            constant_examples: flat.into_iter().take(EXAMPLES).collect(),
        }
    };
    let there = PartName::ALL.into_iter().filter(|part| !all.data.part(*part).is_empty());
    there.map(of).collect()
}
