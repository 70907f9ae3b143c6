//! Average pooling, stride = window: `y[r, s, c] = (1 / (k_h · k_w)) Σ_{i,j} x[r·k_h + i, s·k_w + j, c]`.

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::pool2d::Extents;
use super::{Pass, work};
use crate::measure::Work;

/// An average pooling of known extents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Its extents.
    pub extents: Extents,
}

impl AvgPool2d {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let (x, y) = (batch * self.extents.in_len(), batch * self.extents.out_len());
        match pass {
            Pass::Forward => work(x, x + y),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(x, y + x),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
