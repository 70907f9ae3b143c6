//! From a plan to dispatches: the operations' dispatches of each node, forward and backward.

use super::memory::Memory;
use super::tiles::{Phase, Tiles};
use crate::graph::{NodeId, Role};
use crate::ops::gpu::{DispatchDesc, InputContext, Kernel, KernelVariant, NodeContext};
use crate::ops::{
    add, avg_pool2d, axis_to_channels, batch_norm, concat, conv2d, crop, dense, dropout,
    max_pool2d, sgd, softmax,
};
use crate::plan::{LoweredOp, Plan};

/// Whether what a kernel computes is read in training alone.
pub(super) fn is_training_only(kernel: Kernel) -> bool {
    let lists = [
        batch_norm::gpu::TRAINING_ONLY,
        conv2d::gpu::TRAINING_ONLY,
        dense::gpu::TRAINING_ONLY,
        sgd::gpu::KERNELS,
    ];
    lists.into_iter().flatten().any(|one| one.name == kernel.name)
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
        let inputs = (graph.node(id).inputs.iter().zip(self.plan.input_gradients(id)))
            .map(|(input, gradient)| InputContext {
                id: *input,
                gradient: *gradient,
                relu: graph.ends_in_relu(*input),
                slot: self.plan.slot(*input).0,
            })
            .collect();
        let start = |role| self.memory.layout.start(graph, id, role).unwrap_or(0);
        NodeContext {
            id,
            inputs,
            batch: self.plan.batch(),
            variant: self.variant,
            tiles: self.tiles.of(&graph.node(id).name, phase),
            beta_offset: start(Role::Beta) - start(Role::Gamma),
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
            LoweredOp::MaxPool2d(op) => max_pool2d::gpu::forward(op, &node),
            LoweredOp::AvgPool2d(op) => avg_pool2d::gpu::forward(op, &node),
            LoweredOp::BatchNorm(op) => batch_norm::gpu::forward(op, &node),
            LoweredOp::Dropout(op) => dropout::gpu::forward(op, &node),
            LoweredOp::Crop(op) => crop::gpu::forward(op, &node),
            LoweredOp::AxisToChannels(op) => axis_to_channels::gpu::forward(op, &node),
            LoweredOp::Concat(op) => concat::gpu::forward(op, &node),
            LoweredOp::Add(op) => add::gpu::forward(op, &node),
            LoweredOp::Dense(op) => dense::gpu::forward(op, &node),
        }
    }

    /// The gradients of a node's parameters and inputs. The softmax's is computed with the loss.
    pub(super) fn backward(&self, id: NodeId) -> Vec<DispatchDesc> {
        // Nothing at or before such a node learns.
        if !self.plan.has_gradient(self.plan.slot(id)) {
            return Vec::new();
        }
        let node = self.context(id, Phase::Backward);
        match self.plan.lowered(id) {
            LoweredOp::Input
            | LoweredOp::Alias
            | LoweredOp::FusedInto(_)
            | LoweredOp::Softmax(_) => Vec::new(),
            LoweredOp::Conv2d(op) => {
                let split = self.memory.split_k(id);
                split.map_or_else(Vec::new, |split| conv2d::gpu::backward(op, &node, &split))
            }
            LoweredOp::MaxPool2d(op) => max_pool2d::gpu::backward(op, &node),
            LoweredOp::AvgPool2d(op) => avg_pool2d::gpu::backward(op, &node),
            LoweredOp::BatchNorm(op) => batch_norm::gpu::backward(op, &node),
            LoweredOp::Dropout(op) => dropout::gpu::backward(op, &node),
            LoweredOp::Crop(op) => crop::gpu::backward(op, &node),
            LoweredOp::AxisToChannels(op) => axis_to_channels::gpu::backward(op, &node),
            LoweredOp::Concat(op) => concat::gpu::backward(op, &node),
            LoweredOp::Add(op) => add::gpu::backward(op, &node),
            LoweredOp::Dense(op) => dense::gpu::backward(op, &node),
        }
    }

    /// Probabilities, metrics and the gradient at the logits, after the forward pass.
    pub(super) fn loss(&self) -> Vec<DispatchDesc> {
        let output = self.plan.graph().output();
        let LoweredOp::Softmax(op) = self.plan.lowered(output) else { return Vec::new() };
        softmax::gpu::forward(op, &self.context(output, Phase::Forward))
    }
}
