//! Batch normalisation over samples and positions, for each channel (Ioffe and Szegedy 2015, as in
//! Keras 3): `y = f(gamma · (x − mean) · inv_std + beta)` with `inv_std = 1 / √(variance + epsilon)`.
//! In training, mean and (population) variance are the batch's, and the moving ones become
//! `momentum · old + (1 − momentum) · new`; in inference they are the moving ones.
//! Backward, with `x̂ = (x − mean) · inv_std` and N elements per channel: `dbeta = Σ dz`,
//! `dgamma = Σ dz · x̂`, `dx = gamma · inv_std · (dz − dbeta / N − x̂ · dgamma / N)`; in inference
//! the last two terms are 0. Poolings over equal windows that alone read the output can be fused, and
//! with those over whole rows a convolution below.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::{Pass, update_work, work};
use super::{conv2d, pool2d};
use crate::graph::{Activation, NodeId};
use crate::measure::Work;

/// The poolings that are computed in a batch norm's pass, over the same windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FusedPools {
    /// Extents of both.
    pub extents: pool2d::Extents,
    /// The max-pooling, if there is one.
    pub max: Option<NodeId>,
    /// The average pooling, if there is one.
    pub mean: Option<NodeId>,
}

/// A batch norm as both devices run it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Positions of one sample.
    pub rows: usize,
    /// Channels.
    pub c: usize,
    /// Factor of the moving statistics at each step.
    pub momentum: f32,
    /// Added to the variance.
    pub epsilon: f32,
    /// What follows.
    pub activation: Activation,
    /// Poolings in the same pass.
    pub pools: Option<FusedPools>,
    /// The convolution below, without bias and activation, in the same pass: what it computes is
    /// never written, and its input has no gradient.
    pub conv: Option<conv2d::Extents>,
}

impl BatchNorm {
    /// Elements of one sample.
    pub fn len(&self) -> usize {
        self.rows * self.c
    }

    /// True if a sample has no element: never in a graph that was accepted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        if let (Some(conv), Some(pools)) = (self.conv, self.pools) {
            return self.work_with_conv(pass, batch, conv, pools);
        }
        let x = batch * self.len();
        let relu = if self.activation == Activation::Relu { 2 * x } else { 0 };
        match pass {
            // Mean and squares over the whole batch, then the pass that writes.
            Pass::Forward => work(7 * x, 3 * x),
            Pass::BackwardWeight => work(5 * x, 2 * x + relu),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(6 * x, 3 * x),
            Pass::BackwardInput => Work::default(),
            Pass::Update => update_work(4 * self.c, 0),
        }
    }

    /// The same where the convolution and the poolings are in the pass: only the convolution's input
    /// and the poolings' outputs are in memory.
    fn work_with_conv(
        &self,
        pass: Pass,
        batch: usize,
        conv: conv2d::Extents,
        pools: FusedPools,
    ) -> Work {
        let outputs = [pools.max, pools.mean].into_iter().flatten().count();
        let (x, y) = (batch * conv.in_len(), batch * outputs * pools.extents.out_len());
        match pass {
            // Normalised, compared with 0, compared with the largest, and added.
            Pass::Forward => work(conv.flop(batch) + 4 * batch * self.len(), x + y),
            Pass::BackwardWeight => work(conv.flop(batch) + batch * self.len(), x + 2 * y),
            Pass::BackwardInput => Work::default(),
            Pass::Update => update_work(conv.kernel_len() + 4 * self.c, 0),
        }
    }
}
