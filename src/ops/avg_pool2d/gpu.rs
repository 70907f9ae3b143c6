//! Dispatches of average pooling: `shaders/avg_pool2d/`.

use super::AvgPool2d;
use crate::ops::gpu::{DispatchDesc, Grid, NodeContext, kernels};

kernels! { "avg_pool2d": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

/// The output.
pub(crate) fn forward(op: &AvgPool2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let (x, y) = (node.batch * op.extents.in_len(), node.batch * op.extents.out_len());
    vec![DispatchDesc {
        kernel: FORWARD,
        constants: op.extents.constants(),
        bindings: vec![node.x(0).with_traffic(x), node.y().with_traffic(y)],
        grid: Grid::Threads(y),
        flop: x,
    }]
}

/// The gradient of the input.
pub(crate) fn backward(op: &AvgPool2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let Some(input) = node.input_gradient(0) else { return Vec::new() };
    let (x, y) = (node.batch * op.extents.in_len(), node.batch * op.extents.out_len());
    let mut constants = op.extents.constants();
    constants.extend(input.switches());
    let bindings = vec![node.dy().with_traffic(y), input.masked_by(node.x(0), x), input.dx(x)];
    vec![DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings,
        grid: Grid::Threads(x),
        flop: x,
    }]
}
