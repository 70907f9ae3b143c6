//! From a plan to dispatches: which kernels a node needs, forward and backward.

use super::batch_norm::Norm;
use super::batch_norm_pool2d::Pools;
use super::context::Context;
use super::kernels::Kernel;
use super::memory::{Memory, Slice};
use super::recorder::{Call, Dispatch, Grid, Recorder};
use super::tiles::Tiles;
use super::{
    avg_pool2d, axis_to_channels, batch_norm, concat, conv2d, crop, dense, dropout, max_pool2d,
};
use crate::error::Result;
use crate::graph::{Axis, NodeId, Op, Role, Shape};
use crate::plan::{Gradient, Plan};

/// Which of the kernels for an op are used. Where one does not fit a shape, the
/// form before it does that node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// The obvious ones: one thread for each element of the result.
    Plain,
    /// Tiles in registers; every tensor of the graph is kept.
    Tiled,
    /// As tiled, but a convolution and the 2×2 max-pooling that alone reads it are one
    /// pass, and so are a batch norm and the poolings that alone read it; the output in
    /// between is never written.
    #[default]
    Fused,
    /// As fused, with the convolution's gradients summed over the pooling's winners alone.
    Sparse,
}

impl Form {
    /// All of them, plainest first.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Tiled, Self::Fused, Self::Sparse];

    /// Its name on the command line and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tiled => "tiled",
            Self::Fused => "fused",
            Self::Sparse => "sparse",
        }
    }

    fn fuses(self) -> bool {
        match self {
            Self::Plain | Self::Tiled => false,
            Self::Fused | Self::Sparse => true,
        }
    }

    /// Whether a node's output and its gradient are ever written: fused passes keep them to
    /// themselves.
    pub(super) fn keeps(self, plan: &Plan, id: NodeId) -> bool {
        self.fused_pool(plan, id).is_none() && self.normed_pools(plan, id).is_none()
    }

    /// The poolings that a batch norm is fused with.
    pub(super) fn normed_pools(self, plan: &Plan, id: NodeId) -> Option<Pools> {
        Pools::of(plan, id).filter(|_| self.fuses())
    }

    /// The pooling that a convolution is fused with.
    pub(super) fn fused_pool(self, plan: &Plan, id: NodeId) -> Option<NodeId> {
        let pool = plan.pooled_by(id).filter(|_| self.fuses())?;
        let two = plan.graph().node(pool).op == Op::MaxPool2d { window: [2, 2] };
        (two && conv2d::fits_uniform(plan, id)).then_some(pool)
    }
}

/// Records the dispatches of one node.
pub(super) struct Site<'a> {
    pub(super) context: &'a Context,
    pub(super) recorder: &'a mut Recorder,
    pub(super) plan: &'a Plan,
    pub(super) memory: &'a Memory,
    pub(super) form: Form,
    pub(super) tiles: Tiles,
    pub(super) id: NodeId,
    pub(super) dispatches: Vec<Dispatch>,
}

/// Where the gradient of an input goes, and how.
pub(super) struct InputGradient {
    pub(super) dx: Slice,
    /// Add to what another reader wrote.
    pub(super) add: bool,
    /// The layer below ends in a ReLU, whose derivative is taken here.
    pub(super) mask: bool,
}

impl InputGradient {
    /// Those two as the kernels' constants.
    pub(super) fn switches(&self) -> [(&'static str, usize); 2] {
        [("mask", usize::from(self.mask)), ("add", usize::from(self.add))]
    }
}

impl Site<'_> {
    pub(super) fn batch(&self) -> usize {
        self.plan.batch()
    }

    pub(super) fn shape(&self) -> Shape {
        self.plan.graph().node(self.id).shape
    }

    pub(super) fn input_shape(&self, input: usize) -> Shape {
        self.plan.graph().node(self.plan.graph().node(self.id).inputs[input]).shape
    }

    pub(super) fn x(&self, input: usize) -> Slice {
        self.memory.value(self.plan, self.plan.graph().node(self.id).inputs[input])
    }

    pub(super) fn y(&self) -> Slice {
        self.memory.value(self.plan, self.id)
    }

    /// The gradient at the node's output; nothing of a node that nothing learns from has one.
    pub(super) fn dy(&self) -> Option<Slice> {
        self.memory.gradient(self.plan, self.id)
    }

    /// Where backward puts an input's gradient, if it is wanted.
    pub(super) fn dx(&self, input: usize) -> Option<InputGradient> {
        let graph = self.plan.graph();
        let rule = self.plan.input_gradients(self.id)[input];
        let below = graph.node(self.id).inputs[input];
        let dx = self.memory.gradient(self.plan, below)?;
        let mask = graph.ends_in_relu(below);
        let dx = if rule == Gradient::Add { dx.updated() } else { dx };
        (rule != Gradient::Skip).then_some(InputGradient { dx, add: rule == Gradient::Add, mask })
    }

    /// Kernel and bias. Where there is none, elements that nobody reads stand in.
    pub(super) fn weights(&self) -> (Slice, Slice) {
        self.tensors(&self.memory.parameters)
    }

    /// Their gradients.
    pub(super) fn weight_gradients(&self) -> (Slice, Slice) {
        self.tensors(&self.memory.parameter_gradients)
    }

    fn tensors(&self, flat: &wgpu::Buffer) -> (Slice, Slice) {
        let tensor = |role| self.memory.tensor(flat, self.plan.graph(), self.id, role);
        let unused = || self.memory.unused(flat);
        (tensor(Role::Kernel).unwrap_or_else(unused), tensor(Role::Bias).unwrap_or_else(unused))
    }

    /// The pooling that this convolution is fused with.
    pub(super) fn fused_pool(&self) -> Option<NodeId> {
        self.form.fused_pool(self.plan, self.id)
    }

    /// The poolings that this batch norm is fused with.
    pub(super) fn normed_pools(&self) -> Option<Pools> {
        self.form.normed_pools(self.plan, self.id)
    }

    /// Whether this pooling is done by the batch norm that it reads.
    pub(super) fn is_normed_away(&self) -> bool {
        let below = self.plan.graph().node(self.id).inputs[0];
        self.form.normed_pools(self.plan, below).is_some_and(|pools| pools.has(self.id))
    }

    /// Whether this pooling is done by the convolution that it reads.
    pub(super) fn is_fused_away(&self) -> bool {
        let below = self.plan.graph().node(self.id).inputs[0];
        self.form.fused_pool(self.plan, below) == Some(self.id)
    }

    pub(super) fn record(
        &mut self,
        kernel: Kernel,
        constants: &[(&str, usize)],
        buffers: &[Slice],
        grid: Grid,
        flop: usize,
    ) -> Result<()> {
        let constants: Vec<(&str, f64)> =
            constants.iter().map(|(name, value)| (*name, *value as f64)).collect();
        self.record_with(kernel, &constants, buffers, grid, flop)
    }

    /// The same with constants that are no extents.
    pub(super) fn record_with(
        &mut self,
        kernel: Kernel,
        constants: &[(&str, f64)],
        buffers: &[Slice],
        grid: Grid,
        flop: usize,
    ) -> Result<()> {
        let node = &self.plan.graph().node(self.id).name;
        let call = Call { kernel, node, constants, buffers, grid, flop };
        self.dispatches.push(self.recorder.record(self.context, &call)?);
        Ok(())
    }

    /// The node's output from its inputs; the softmax is recorded with the data it reads.
    pub(super) fn forward(&mut self) -> Result<()> {
        match self.plan.graph().node(self.id).op {
            Op::Input | Op::Flatten | Op::AxisToChannels { axis: Axis::Time } | Op::Softmax => {
                Ok(())
            }
            Op::Conv2d { .. } => conv2d::forward(self),
            Op::MaxPool2d { window } => max_pool2d::forward(self, window),
            Op::AvgPool2d { window } => avg_pool2d::forward(self, window),
            Op::BatchNorm { momentum, epsilon, activation } => {
                batch_norm::forward(self, Norm { momentum, epsilon, activation })
            }
            Op::Dropout { rate } => dropout::forward(self, rate),
            Op::Crop { .. } => crop::forward(self),
            Op::AxisToChannels { axis: Axis::Mel } => axis_to_channels::forward(self),
            Op::Concat => concat::forward(self),
            Op::Dense { .. } => dense::forward(self),
        }
    }

    /// The gradients of the node's parameters and of its inputs.
    pub(super) fn backward(&mut self) -> Result<()> {
        let Some(dy) = self.dy() else { return Ok(()) };
        match self.plan.graph().node(self.id).op {
            Op::Input | Op::Flatten | Op::AxisToChannels { axis: Axis::Time } | Op::Softmax => {
                Ok(())
            }
            Op::Conv2d { .. } => conv2d::backward(self, &dy),
            Op::MaxPool2d { window } => max_pool2d::backward(self, window, &dy),
            Op::AvgPool2d { window } => avg_pool2d::backward(self, window, &dy),
            Op::BatchNorm { momentum, epsilon, activation } => {
                batch_norm::backward(self, Norm { momentum, epsilon, activation }, &dy)
            }
            Op::Dropout { rate } => dropout::backward(self, rate, &dy),
            Op::Crop { .. } => crop::backward(self, &dy),
            Op::AxisToChannels { axis: Axis::Mel } => axis_to_channels::backward(self, &dy),
            Op::Concat => concat::backward(self, &dy),
            Op::Dense { .. } => dense::backward(self, &dy),
        }
    }
}

/// `[h, w, c]` of a map; a vector is a map of one position.
pub(super) fn map(shape: Shape) -> [usize; 3] {
    match shape {
        Shape::Map { h, w, c } => [h, w, c],
        Shape::Flat(n) => [1, 1, n],
    }
}
