//! Pooling to the standard deviation, stride = window:
//! `y[r, s, c] = √((1 / k) Σ_{i,j} (x[r·k_h + i, s·k_w + j, c] - mean)² + epsilon)` with the window's
//! mean and `k = k_h · k_w`. Its derivative is `(x - mean) / (k · y)`, at most `1 / √k` and defined
//! everywhere: `y` is `√epsilon` or more. The mean is subtracted before squaring, since a difference
//! of squares would lose a small variance beside a large mean.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::pool2d::Extents;
use super::{Pass, work};
use crate::measure::Work;

/// A pooling to the standard deviation, of known extents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StdPool2d {
    /// Its extents.
    pub extents: Extents,
    /// Added to the variance.
    pub epsilon: f32,
}

impl StdPool2d {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let (x, y) = (batch * self.extents.in_len(), batch * self.extents.out_len());
        match pass {
            // A sum, then a difference, its square and their sum.
            Pass::Forward => work(4 * x, x + y),
            // The input is read for its differences from the mean, which is summed again.
            Pass::BackwardInput if inputs_with_gradient > 0 => work(3 * x, 2 * x + 2 * y),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
