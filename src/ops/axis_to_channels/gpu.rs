//! Dispatches of mel bands as channels: `shaders/axis_to_channels/`.

use super::AxisToChannels;
use crate::ops::gpu::{DispatchDesc, Grid, NodeContext, constants, kernels};

kernels! { "axis_to_channels": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

fn extents(op: &AxisToChannels) -> Vec<(&'static str, f64)> {
    constants([("h_in", op.h_in), ("w_in", op.w_in), ("c_in", op.c_in)])
}

/// The output.
pub(crate) fn forward(op: &AxisToChannels, node: &NodeContext) -> Vec<DispatchDesc> {
    let elements = node.batch * op.len();
    vec![DispatchDesc {
        kernel: FORWARD,
        constants: extents(op),
        bindings: vec![node.x(0).with_traffic(elements), node.y().with_traffic(elements)],
        grid: Grid::Threads(elements),
        flop: 0,
    }]
}

/// The gradient of the input.
pub(crate) fn backward(op: &AxisToChannels, node: &NodeContext) -> Vec<DispatchDesc> {
    let Some(input) = node.input_gradient(0) else { return Vec::new() };
    let elements = node.batch * op.len();
    let mut constants = extents(op);
    constants.extend(input.switches());
    vec![DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.dy().with_traffic(elements),
            input.masked_by(node.x(0), elements),
            input.dx(elements),
        ],
        grid: Grid::Threads(elements),
        flop: 0,
    }]
}
