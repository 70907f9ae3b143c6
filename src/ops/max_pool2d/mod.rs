//! Max-pooling, stride = window: `y[r, s, c] = max_{i,j} x[r·k_h + i, s·k_w + j, c]`. The gradient
//! goes to the first maximum in row-major order, as in Keras. A NaN counts as larger than any
//! number, so that it reaches the loss; of several NaNs the first wins.

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::pool2d::Extents;
use super::{Pass, work};
use crate::measure::Work;

/// A max-pooling of known extents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Its extents.
    pub extents: Extents,
}

impl MaxPool2d {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let (x, y) = (batch * self.extents.in_len(), batch * self.extents.out_len());
        match pass {
            // The output and the argmax are written.
            Pass::Forward => work(0, x + 2 * y),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(0, 2 * y + x),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
