//! The interface between the CPU's executor ([`crate::cpu`]) and an operation's `cpu.rs`. The
//! executor owns the buffers of every shard and hands them to a [`Layer`] as slices; a layer owns its
//! packed weights and its workspaces. A batch is cut into shards that are computed at the same time,
//! so `forward` and `backward` take `&self` and the index of the shard's workspace.
//!
//! No layer may fork while it computes a shard: see [`crate::simd::assert_may_fork`].

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Gradient;
use super::optimizer::cpu::{ParamSlice, Stage};
use crate::graph::Activation;

/// An operation of a plan on the CPU. There are no default methods: an operation without a
/// backward or an update does not compile.
pub(crate) trait Layer: Debug + Send + Sync {
    /// Brings the layer's weights, `parameters`, into the orders that its loops read.
    fn pack_weights(&mut self, parameters: &[f32]);

    /// Computes the output of a shard.
    fn forward(&self, io: Forward<'_>);

    /// Computes the gradients of a shard's inputs by the plan's rules, and this shard's part of the
    /// parameters' gradients. Makes `dy` the gradient at the layer's sum, before its activation.
    fn backward(&self, io: Backward<'_>);

    /// Hands what [`Layer::update`] reads of a shard from one place to another, after its backward.
    fn export_saved(&self, io: Export<'_>);

    /// Sums the parameters' gradients over the shards, in their order, and takes the optimiser's
    /// step; then the weights are repacked. Or one of both: see [`Stage`].
    fn update(&mut self, io: Update<'_>);
}

/// A layer whose forward needs sums over the whole batch, so that its shards wait for each other:
/// forward is `measure_forward` of every shard, `reduce_forward`, `forward` of every shard.
pub(crate) trait MeasuringLayer: Layer {
    /// Sums over a shard's input.
    fn measure_forward(&self, workspace: usize, x: &[f32]);

    /// Combines the sums of the first `shards` workspaces; in inference there are none.
    fn reduce_forward(&mut self, shards: usize, parameters: &[f32], mode: Mode);
}

/// A layer whose backward needs such sums, too.
pub(crate) trait BatchLayer: MeasuringLayer {
    /// Makes `dz` the gradient at the sum from that of the output `y`, and sums over it.
    fn measure_backward(&self, workspace: usize, x: &[f32], y: &[f32], dz: &mut [f32]);

    /// Combines the sums of the first `shards` workspaces into the gradients of the parameters.
    fn reduce_backward(&mut self, shards: usize, gradients: &mut [f32]);
}

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A training step: the seed of dropout and the number of the step.
    Training { seed: u32, step: u32 },
    /// Forward alone: moving statistics, no dropout. Layers keep nothing for a backward.
    Inference,
    /// The same forward, then backward from the logit of each sample's label.
    LogitGradients,
}

/// How many workspaces a layer makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shards {
    /// Number of workspaces.
    pub(crate) count: usize,
    /// Samples of each at most.
    pub(crate) samples: usize,
    /// Whether there are backward passes.
    pub(crate) trains: bool,
}

/// The shard that a pass computes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardContext<'a> {
    /// Index of its workspace.
    pub(crate) workspace: usize,
    /// Samples of the batch before its own.
    pub(crate) first: usize,
    /// Samples of the whole batch.
    pub(crate) batch: usize,
    /// Classes of its samples.
    pub(crate) labels: &'a [u32],
    /// What the pass is for.
    pub(crate) mode: Mode,
}

/// Sums of one shard's loss.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ShardLoss {
    /// Cross-entropies, without penalty.
    pub(crate) sum: f64,
    /// Correct predictions.
    pub(crate) correct: u64,
}

/// One input of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input {
    /// Index of its buffer.
    pub(crate) slot: usize,
    /// Elements of one sample.
    pub(crate) len: usize,
    /// What backward does with its gradient.
    pub(crate) rule: Gradient,
}

/// The inputs of a shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// The shard's buffers, by slot.
    pub(crate) buffers: &'a [Vec<f32>],
    /// Which of them are inputs.
    pub(crate) inputs: &'a [Input],
    /// Samples of the shard.
    pub(crate) samples: usize,
}

impl<'a> Inputs<'a> {
    /// Input `k`.
    pub(crate) fn get(self, k: usize) -> &'a [f32] {
        let Input { slot, len, .. } = self.inputs[k];
        &self.buffers[slot][..self.samples * len]
    }
}

/// The gradients of a shard's inputs.
#[derive(Debug)]
pub(crate) struct InputGradients<'a> {
    /// The gradients of the shard's buffers, by slot.
    pub(crate) buffers: &'a mut [Vec<f32>],
    /// Which of them are of inputs.
    pub(crate) inputs: &'a [Input],
    /// Samples of the shard.
    pub(crate) samples: usize,
}

impl InputGradients<'_> {
    /// The gradient of input `k` and whether it is set or added to; `None` if it is not computed.
    pub(crate) fn get(&mut self, k: usize) -> Option<(Gradient, &mut [f32])> {
        let Input { slot, len, rule } = self.inputs[k];
        (rule != Gradient::Skip).then(|| (rule, &mut self.buffers[slot][..self.samples * len]))
    }
}

/// Arguments of [`Layer::forward`].
#[derive(Debug)]
pub(crate) struct Forward<'a> {
    pub(crate) shard: ShardContext<'a>,
    pub(crate) x: Inputs<'a>,
    pub(crate) y: &'a mut [f32],
    /// The second output: of the last of two fused poolings, else empty.
    pub(crate) second: &'a mut [f32],
    /// The layer's own.
    pub(crate) parameters: &'a [f32],
    /// Written by the softmax.
    pub(crate) loss: &'a mut ShardLoss,
}

/// Arguments of [`Layer::backward`].
#[derive(Debug)]
pub(crate) struct Backward<'a> {
    pub(crate) shard: ShardContext<'a>,
    pub(crate) x: Inputs<'a>,
    pub(crate) y: &'a [f32],
    /// Empty for the softmax, whose output has no gradient.
    pub(crate) dy: &'a mut [f32],
    /// The gradient of the second output.
    pub(crate) dsecond: &'a [f32],
    pub(crate) dx: InputGradients<'a>,
    /// The layer's own.
    pub(crate) parameters: &'a [f32],
}

/// Arguments of [`Layer::export_saved`].
#[derive(Debug)]
pub(crate) struct Export<'a> {
    /// Indices of the workspaces.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Whole buffers of the first input, from and to.
    pub(crate) x: (&'a [f32], &'a mut [f32]),
    /// Whole buffers of the gradient at the sum, from and to.
    pub(crate) dz: (&'a [f32], &'a mut [f32]),
}

/// First input and gradient at the sum of one shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SavedShard<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) dz: &'a [f32],
}

/// Arguments of [`Layer::update`].
#[derive(Debug)]
pub(crate) struct Update<'a> {
    /// The shards of the batch; their workspaces have the same indices.
    pub(crate) shards: &'a [SavedShard<'a>],
    /// The layer's own parameters, gradients and moments.
    pub(crate) slice: ParamSlice<'a>,
    /// What is done.
    pub(crate) stage: Stage,
}

/// One workspace per shard. A shard is computed by one task at a time, so no lock is ever waited
/// for.
#[derive(Debug)]
pub(crate) struct Workspaces<W>(Box<[Mutex<W>]>);

impl<W> Workspaces<W> {
    /// `count` workspaces.
    pub(crate) fn new(count: usize, make: impl Fn() -> W) -> Self {
        Self((0..count).map(|_| Mutex::new(make())).collect())
    }

    /// The workspace of a shard.
    pub(crate) fn lock(&self, index: usize) -> MutexGuard<'_, W> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first `count` workspaces, in order.
    pub(crate) fn first_mut(&mut self, count: usize) -> impl Iterator<Item = &mut W> {
        self.0[..count].iter_mut().map(|w| w.get_mut().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Kernel and bias, where there is one: the bias lies right behind the kernel.
pub(crate) fn kernel_and_bias(
    parameters: &[f32],
    kernel_len: usize,
    bias: bool,
) -> (&[f32], Option<&[f32]>) {
    let (kernel, rest) = parameters.split_at(kernel_len);
    (kernel, bias.then_some(rest))
}

/// `y ← f(y)`.
#[inline(always)]
pub(crate) fn activate(activation: Activation, y: &mut [f32]) {
    match activation {
        Activation::Linear => {}
        // Not `max`, which would hide a NaN.
        Activation::Relu => y.iter_mut().for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v }),
    }
}

/// `dy ← dy · f'(z)` with `y = f(z)`, whose sign is that of `z`.
#[inline(always)]
pub(crate) fn activate_backward(activation: Activation, y: &[f32], dy: &mut [f32]) {
    match activation {
        Activation::Linear => {}
        Activation::Relu => {
            for (g, &v) in dy.iter_mut().zip(y) {
                *g = if v > 0.0 { *g } else { 0.0 };
            }
        }
    }
}
