//! Dispatches of the pooling to the standard deviation: `shaders/std_pool2d/`.

use super::StdPool2d;
use crate::ops::gpu::{DispatchDesc, Grid, NodeContext, kernels};

kernels! { "std_pool2d": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

/// The output.
pub(crate) fn forward(op: &StdPool2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let (x, y) = (node.batch * op.extents.in_len(), node.batch * op.extents.out_len());
    let mut constants = op.extents.constants();
    constants.push(("epsilon", f64::from(op.epsilon)));
    vec![DispatchDesc {
        kernel: FORWARD,
        constants,
        bindings: vec![node.x(0).with_traffic(2 * x), node.y().with_traffic(y)],
        grid: Grid::Threads(y),
        flop: 4 * x,
    }]
}

/// The gradient of the input.
pub(crate) fn backward(op: &StdPool2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let Some(input) = node.input_gradient(0) else { return Vec::new() };
    let d = &op.extents;
    let (x, y) = (node.batch * d.in_len(), node.batch * d.out_len());
    let mut constants = d.constants();
    constants.extend(input.switches());
    let threads = d.h_in.div_ceil(d.k_h) * d.w_in.div_ceil(d.k_w) * d.c;
    vec![DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.dy().with_traffic(y),
            node.y().with_traffic(y),
            node.x(0).with_traffic(2 * x),
            input.dx(x),
        ],
        grid: Grid::Threads(node.batch * threads),
        flop: 3 * x,
    }]
}
