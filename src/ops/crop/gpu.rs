//! Dispatches of the crop to the lowest bands: `shaders/crop/`.

use super::Crop;
use crate::ops::gpu::{DispatchDesc, Grid, NodeContext, constants, kernels};

kernels! { "crop": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

fn extents(op: &Crop) -> Vec<(&'static str, f64)> {
    constants([("len_in", op.len_in), ("len_out", op.len_out)])
}

/// The output.
pub(crate) fn forward(op: &Crop, node: &NodeContext) -> Vec<DispatchDesc> {
    let elements = node.batch * op.len_out;
    vec![DispatchDesc {
        kernel: FORWARD,
        constants: extents(op),
        bindings: vec![node.x(0).with_traffic(elements), node.y().with_traffic(elements)],
        grid: Grid::Threads(elements),
        flop: 0,
    }]
}

/// The gradient of the input.
pub(crate) fn backward(op: &Crop, node: &NodeContext) -> Vec<DispatchDesc> {
    let Some(input) = node.input_gradient(0) else { return Vec::new() };
    let (x, y) = (node.batch * op.len_in, node.batch * op.len_out);
    let mut constants = extents(op);
    constants.extend(input.switches());
    vec![DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![node.dy().with_traffic(y), input.masked_by(node.x(0), x), input.dx(x)],
        grid: Grid::Threads(x),
        flop: 0,
    }]
}
