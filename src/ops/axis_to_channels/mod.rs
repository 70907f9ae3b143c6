//! Mel bands as channels: `y[0, s, r · c_in + k] = x[r, s, k]`. Frames as channels keep the order of
//! the elements, so the plan makes that an alias.

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::{Pass, work};
use crate::measure::Work;

/// Extents of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the crate's letters for extents: see ARCHITECTURE.md")]
pub struct AxisToChannels {
    pub h_in: usize,
    pub w_in: usize,
    pub c_in: usize,
}

impl AxisToChannels {
    /// Elements of one sample.
    pub fn len(&self) -> usize {
        self.h_in * self.w_in * self.c_in
    }

    /// True if a sample has no element: never in a graph that was accepted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let x = batch * self.len();
        match pass {
            Pass::Forward => work(0, 2 * x),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(0, 2 * x),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
