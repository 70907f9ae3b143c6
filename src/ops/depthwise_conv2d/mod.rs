//! Depthwise 2-D cross-correlation, channels last: each channel has `m` filters of its own, and none sums
//! over channels:
//! `y[n, r, s, c·m + q] = f(b[c·m + q] + Σ_{i,j} x[n, r·s_h + i − pad_top, s·s_w + j − pad_left, c] · w[i, j, c, q])`,
//! with `x = 0` outside its borders. The kernel `[k_h, k_w, c_in, m]` lies in memory as
//! `[k_h, k_w, c_out]`, which is how both devices read it.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::conv2d::Extents;
use super::{Pass, update_work, work};
use crate::graph::Activation;
use crate::measure::Work;

/// A depthwise convolution as both devices run it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthwiseConv2d {
    /// Those of a convolution with as many outputs.
    pub extents: Extents,
    /// Whether a bias is added.
    pub bias: bool,
    /// What follows the sum.
    pub activation: Activation,
}

impl DepthwiseConv2d {
    /// Elements of the kernel.
    pub fn kernel_len(&self) -> usize {
        let d = &self.extents;
        d.k_h * d.k_w * d.c_out
    }

    /// Filters of each channel.
    pub fn multiplier(&self) -> usize {
        self.extents.c_out / self.extents.c_in
    }

    /// Multiplications and additions of one pass: forward, or either gradient.
    pub fn flop(&self, batch: usize) -> usize {
        let d = &self.extents;
        2 * batch * d.out_len() * d.k_h * d.k_w
    }

    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let d = &self.extents;
        let (x, y) = (batch * d.in_len(), batch * d.out_len());
        let parameters = self.kernel_len() + if self.bias { d.c_out } else { 0 };
        let flop = self.flop(batch);
        // The ReLU's derivative reads the output and changes the gradient there.
        let read_back = if self.activation == Activation::Relu { 3 * y } else { y };
        match pass {
            Pass::Forward => work(flop, x + parameters + y),
            Pass::BackwardWeight => work(flop, x + read_back + parameters),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(flop, y + parameters + x),
            Pass::BackwardInput => Work::default(),
            Pass::Update => update_work(parameters, 0),
        }
    }
}
