//! Dense layer: `y[n, o] = f(b[o] + Σ_i x[n, i] · w[i, o])`, kernel `[in, out]`; backward
//! `dw[i, o] = Σ_n x[n, i] · dz[n, o]`, `db[o] = Σ_n dz[n, o]`, `dx[n, i] = Σ_o dz[n, o] · w[i, o]`.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::dropout::Dropout;
use super::{Pass, update_work, work};
use crate::graph::Activation;
use crate::measure::Work;

/// A dense layer as both devices run it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense {
    /// Input features.
    pub n_in: usize,
    /// Output features.
    pub n_out: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// What follows the sum.
    pub activation: Activation,
    /// Penalty `l2 · Σ w²` on the kernel.
    pub l2: f32,
    /// A dropout of the input, in the same pass.
    pub dropout: Option<Dropout>,
}

impl Dense {
    /// Multiplications and additions of one of the three products.
    pub fn flop(&self, batch: usize) -> usize {
        2 * batch * self.n_in * self.n_out
    }

    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let (x, y, kernel) = (batch * self.n_in, batch * self.n_out, self.n_in * self.n_out);
        let parameters = kernel + if self.bias { self.n_out } else { 0 };
        // The ReLU's derivative reads the output and changes the gradient there.
        let relu = if self.activation == Activation::Relu { 2 * y } else { 0 };
        match pass {
            Pass::Forward => work(self.flop(batch), x + parameters + y),
            Pass::BackwardWeight => work(self.flop(batch), x + y + relu + parameters),
            Pass::BackwardInput if inputs_with_gradient > 0 => {
                work(self.flop(batch), parameters + x)
            }
            Pass::BackwardInput => Work::default(),
            Pass::Update => update_work(parameters, if self.l2 == 0.0 { 0 } else { kernel }),
        }
    }
}
