//! From a plan to dispatches: the operations' dispatches of each node, forward and backward.

use super::memory::Memory;
use super::tiles::{Phase, Tiles};
use crate::graph::NodeId;
use crate::ops::gpu::{DispatchDesc, InputContext, Kernel, KernelVariant, NodeContext, switch};
use crate::ops::optimizer::gpu::Form;
use crate::ops::{
    activation, add, avg_pool2d, axis_to_channels, batch_norm, concat, conv2d, crop, dense,
    depthwise_conv2d, dropout, max_pool2d, optimizer, penalty, sgd, softmax, std_pool2d,
};
use crate::plan::{LoweredOp, Plan};

/// The steps that a dispatch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// In all.
    Always,
    /// In training, where alone what it computes is read.
    Training,
    /// In evaluation and explanation: in training another kernel computes it, too.
    Inference,
}

impl When {
    pub(super) fn of(desc: &DispatchDesc) -> Self {
        let training_only = [
            batch_norm::gpu::TRAINING_ONLY,
            conv2d::gpu::TRAINING_ONLY,
            dense::gpu::TRAINING_ONLY,
            depthwise_conv2d::gpu::TRAINING_ONLY,
            optimizer::gpu::KERNELS,
            sgd::gpu::KERNELS,
        ];
        let has = |kernels: &[Kernel]| kernels.iter().any(|one| one.name == desc.kernel.name);
        // All gradients of a layer, without the input's.
        let of_weights = desc.constants.contains(&switch("has_dx", false));
        match () {
            () if of_weights || training_only.into_iter().any(has) => Self::Training,
            () if has(penalty::gpu::INFERENCE_ONLY) => Self::Inference,
            () => Self::Always,
        }
    }

    /// Whether that is in training, or in inference.
    pub(super) fn includes(self, training: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Training => training,
            Self::Inference => !training,
        }
    }
}

/// A plan and the kernels that compute it.
#[derive(Clone, Copy)]
pub(super) struct Dispatches<'a> {
    pub(super) plan: &'a Plan,
    pub(super) memory: &'a Memory,
    pub(super) variant: KernelVariant,
    pub(super) tiles: &'a Tiles,
}

impl Dispatches<'_> {
    /// What the plan knows of a node, for one of its phases.
    pub(super) fn context(&self, id: NodeId, phase: Phase) -> NodeContext {
        let graph = self.plan.graph();
        let inputs = (self.plan.inputs(id).into_iter())
            .map(|(input, gradient)| InputContext {
                id: input,
                gradient,
                relu: graph.ends_in_relu(input),
                slot: self.plan.slot(input).0,
            })
            .collect();
        NodeContext {
            id,
            inputs,
            batch: self.plan.batch(),
            variant: self.variant,
            tiles: self.tiles.of(&graph.node(id).name, phase),
            tensor_stride: self.memory.layout.tensor_stride(graph, id),
        }
    }

    /// A node's output from its inputs. The input and the softmax read the data set: their
    /// dispatches are recorded with it.
    pub(super) fn forward(&self, id: NodeId) -> Vec<DispatchDesc> {
        let node = self.context(id, Phase::Forward);
        match self.plan.lowered(id) {
            LoweredOp::Input
            | LoweredOp::Alias
            | LoweredOp::FusedInto(_)
            | LoweredOp::Softmax(_) => Vec::new(),
            LoweredOp::Conv2d(op) => conv2d::gpu::forward(op, &node),
            LoweredOp::DepthwiseConv2d(op) => depthwise_conv2d::gpu::forward(op, &node),
            LoweredOp::MaxPool2d(op) => max_pool2d::gpu::forward(op, &node),
            LoweredOp::AvgPool2d(op) => avg_pool2d::gpu::forward(op, &node),
            LoweredOp::StdPool2d(op) => std_pool2d::gpu::forward(op, &node),
            LoweredOp::BatchNorm(op) => batch_norm::gpu::forward(op, &node),
            LoweredOp::Activation(op) => activation::gpu::forward(op, &node),
            LoweredOp::Dropout(op) => dropout::gpu::forward(op, &node),
            LoweredOp::Crop(op) => crop::gpu::forward(op, &node),
            LoweredOp::AxisToChannels(op) => axis_to_channels::gpu::forward(op, &node),
            LoweredOp::Concat(op) => concat::gpu::forward(op, &node),
            LoweredOp::Add(op) => add::gpu::forward(op, &node),
            LoweredOp::Dense(_) if self.dense_with_loss() == Some(id) => Vec::new(),
            LoweredOp::Dense(op) => dense::gpu::forward(op, &node),
        }
    }

    /// The gradients of a node's parameters and inputs. The softmax's is computed with the loss.
    pub(super) fn backward(&self, id: NodeId) -> Vec<DispatchDesc> {
        // Nothing at or before such a node learns.
        if !self.plan.has_gradient(self.plan.slot(id)) {
            return Vec::new();
        }
        let (node, split) = (self.context(id, Phase::Backward), self.memory.split_k(id));
        match self.plan.lowered(id) {
            LoweredOp::Input
            | LoweredOp::Alias
            | LoweredOp::FusedInto(_)
            | LoweredOp::Softmax(_) => Vec::new(),
            LoweredOp::Conv2d(op) => {
                split.map_or_else(Vec::new, |split| conv2d::gpu::backward(op, &node, &split))
            }
            LoweredOp::DepthwiseConv2d(op) => split
                .map_or_else(Vec::new, |split| depthwise_conv2d::gpu::backward(op, &node, &split)),
            LoweredOp::MaxPool2d(op) => max_pool2d::gpu::backward(op, &node),
            LoweredOp::AvgPool2d(op) => avg_pool2d::gpu::backward(op, &node),
            LoweredOp::StdPool2d(op) => std_pool2d::gpu::backward(op, &node),
            LoweredOp::BatchNorm(op) => {
                split.map_or_else(Vec::new, |split| batch_norm::gpu::backward(op, &node, &split))
            }
            LoweredOp::Activation(op) => activation::gpu::backward(op, &node),
            LoweredOp::Dropout(op) => dropout::gpu::backward(op, &node),
            LoweredOp::Crop(op) => crop::gpu::backward(op, &node),
            LoweredOp::AxisToChannels(op) => axis_to_channels::gpu::backward(op, &node),
            LoweredOp::Concat(op) => concat::gpu::backward(op, &node),
            LoweredOp::Add(op) => add::gpu::backward(op, &node),
            LoweredOp::Dense(_) if self.dense_with_loss() == Some(id) => Vec::new(),
            LoweredOp::Dense(op) => dense::gpu::backward(op, &node),
        }
    }

    /// The dense layer that is computed with the loss.
    fn dense_with_loss(&self) -> Option<NodeId> {
        match self.plan.lowered(self.plan.graph().output()) {
            LoweredOp::Softmax(op) => op.dense,
            _ => None,
        }
    }

    /// What touches the results of a data set, after the forward pass: probabilities, metrics and the
    /// gradient at the logits, and the penalty.
    pub(super) fn loss(&self) -> Vec<DispatchDesc> {
        let output = self.plan.graph().output();
        let LoweredOp::Softmax(op) = self.plan.lowered(output) else { return Vec::new() };
        let penalty = penalty::gpu::forward(&self.memory.chunks, self.memory.layout.len);
        let node = self.context(output, Phase::Forward);
        let dense = op.dense.map(|id| (self.plan.lowered(id), self.context(id, Phase::Forward)));
        let loss = match &dense {
            Some((LoweredOp::Dense(dense), below)) => {
                dense::gpu::with_softmax(dense, below, (op, &node))
            }
            _ => softmax::gpu::forward(op, &node),
        };
        std::iter::once(loss).chain(penalty).collect()
    }

    /// The optimiser's step, with the penalty of training; none if the plan is for inference.
    pub(super) fn update(&self, form: Form) -> Vec<DispatchDesc> {
        let Memory { chunks, layout, .. } = self.memory;
        let partial_sums = self.memory.partial_sums(self.plan.batch());
        match self.plan.trains() {
            true => optimizer::gpu::update(form, chunks, layout.len, partial_sums),
            false => Vec::new(),
        }
    }
}
