//! Sum of two inputs, for residual models: `y[k] = a[k] + b[k]`. Backward, both inputs have the
//! gradient of the output.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::{Pass, work};
use crate::measure::Work;

/// A sum of known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Add {
    /// Elements of one sample.
    pub len: usize,
}

impl Add {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 to 2.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let y = batch * self.len;
        match pass {
            Pass::Forward => work(y, 3 * y),
            Pass::BackwardInput => work(0, 2 * inputs_with_gradient * y),
            Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
