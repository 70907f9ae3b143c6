//! The lowest bands: `y[r, s, c] = x[r, s, c]` for `r < h_out`. They are the first elements of each
//! sample.

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::{Pass, work};
use crate::measure::Work;

/// A crop of known lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// Elements of one sample of the input.
    pub len_in: usize,
    /// Elements of one sample of the output.
    pub len_out: usize,
}

impl Crop {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let (x, y) = (batch * self.len_in, batch * self.len_out);
        match pass {
            Pass::Forward => work(0, 2 * y),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(0, y + x),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
