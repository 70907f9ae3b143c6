//! Copying a batch out of a data set, each sample augmented on the way:
//! `y[n, r, s, c] = masked(r, s) ? fill : x[order[n], r, (s + roll) mod w, c] + gain`.

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::work;
use crate::graph::Shape;
use crate::measure::Work;

/// How one sample is augmented when it is copied into a batch: rolled along time, shifted in level,
/// then masked over a range of bands and a range of frames. Values are in units of the scaled input.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Augmentation {
    /// Frame `s` is taken from frame `(s + roll) mod w`; below `w`.
    pub roll: u32,
    /// First masked band.
    pub band: u32,
    /// Number of masked bands.
    pub bands: u32,
    /// First masked frame.
    pub frame: u32,
    /// Number of masked frames.
    pub frames: u32,
    /// Added to every element.
    pub gain: f32,
    /// Value of masked elements.
    pub fill: f32,
}

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
