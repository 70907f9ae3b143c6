//! Dispatch of the softmax, the loss and its gradient: `shaders/softmax/`.

use super::Softmax;
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, NodeContext, constants, kernels, switch};

kernels! { "softmax": FORWARD = "forward" }

/// Elements of a step's metrics: loss and correct predictions.
pub(crate) const METRICS: usize = 2;

/// Probabilities, metrics, and the gradient at the logits.
pub(crate) fn forward(op: &Softmax, node: &NodeContext) -> Vec<DispatchDesc> {
    // The logits have no other reader, so that `add` is never set.
    let input = node.input_gradient(0);
    let elements = node.batch * op.classes;
    let mut constants = constants([("classes", op.classes)]);
    constants.extend([
        switch("has_gradient", input.is_some()),
        switch("mask", input.is_some_and(|input| input.mask)),
    ]);
    vec![DispatchDesc {
        kernel: FORWARD,
        constants,
        bindings: vec![
            Buffer::Order.with_traffic(node.batch),
            Buffer::Labels.with_traffic(node.batch),
            node.x(0).with_traffic(elements),
            node.y().with_traffic(elements),
            Buffer::Probabilities.with_traffic(elements),
            Buffer::StepMetrics.with_traffic(METRICS),
            input.map_or(Buffer::Unused.untouched(), |input| input.dx(elements)),
        ],
        grid: Grid::Groups(1),
        flop: 0,
    }]
}
