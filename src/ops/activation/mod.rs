//! An activation as a node of its own: `y = f(x)` for each element, with f one of
//! [`Function`]. Backward is `dx = dy · f'(x)`, from the input, which is kept.
//!
//! Both devices compute the same formulas, in which every exponential is of a number of 0 or less, so
//! that none overflows:
//! - `sigmoid(x) = s` for x ≥ 0, else `e · s`, with `e = exp(-|x|)` and `s = 1 / (1 + e)`; its derivative
//!   is `e · s²`.
//! - `tanh(x) = ± -m / (2 + m)` with `m = exp(-2|x|) - 1`; its derivative is `4 · e · s²` with
//!   `e = exp(-2|x|)`.
//! - `Φ(x)` of GELU is `1 - tail` for x ≥ 0, else `tail`, with
//!   `tail = exp(-x²/2) · t · P(t)`, `t = 1 / (1 + 0.35 |x|)` and the polynomial `TAIL`, which was fitted
//!   to `exp(x²/2) · Φ(-|x|)`. In exact arithmetic it is within 2e-9 of `Φ`, in f32 within 2e-7.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::{Pass, work};
use crate::graph::Function;
use crate::measure::Work;

/// The polynomial of the normal distribution's tail, lowest power first. It stands in
/// `shaders/include/activation_functions.wgsl` too.
pub(crate) const TAIL: [f32; 7] = [
    0.137_382_79,
    0.156_485_08,
    0.077_094_965,
    0.126_099_24,
    0.095_556_49,
    -0.124_349_03,
    0.031_730_466,
];

/// An activation of known length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activation {
    /// Elements of one sample.
    pub len: usize,
    /// The function.
    pub function: Function,
}

impl Activation {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1. An exponential
    /// and a division count as one operation each.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let len = batch * self.len;
        let (forward, backward) = match self.function {
            Function::Elu => (2, 2),
            Function::Gelu => (20, 24),
            Function::LeakyRelu { .. } => (1, 1),
            Function::Sigmoid => (4, 6),
            Function::Tanh => (5, 8),
        };
        match pass {
            Pass::Forward => work(forward * len, 2 * len),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(backward * len, 3 * len),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
