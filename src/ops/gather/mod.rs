//! Copying a batch out of a data set, each sample augmented on the way:
//! `y[n, r, s, c] = masked(r, s) ? fill : x[order[n], r, (s + roll) mod w, c] + gain`.

pub(crate) mod gpu;

use super::work;
use crate::graph::Shape;
use crate::measure::Work;

/// Copies of samples of a known shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gather {
    /// The shape of one sample.
    pub sample: Shape,
}

impl Gather {
    /// Bytes of copying `batch` samples and their labels.
    pub fn work(&self, batch: usize) -> Work {
        work(0, batch * (2 * self.sample.len() + 1))
    }
}
