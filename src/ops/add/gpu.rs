//! Dispatches of the sum of two inputs: `shaders/add/`.

use super::Add;
use crate::ops::gpu::{DispatchDesc, Grid, NodeContext, constants, kernels};

kernels! { "add": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

/// The output.
pub(crate) fn forward(op: &Add, node: &NodeContext) -> Vec<DispatchDesc> {
    let elements = node.batch * op.len;
    vec![DispatchDesc {
        kernel: FORWARD,
        constants: constants([("len", op.len)]),
        bindings: [node.x(0), node.x(1), node.y()].map(|b| b.with_traffic(elements)).to_vec(),
        grid: Grid::Threads(elements),
        flop: elements,
    }]
}

/// The gradients of the inputs, one dispatch each: both may be of one node.
pub(crate) fn backward(op: &Add, node: &NodeContext) -> Vec<DispatchDesc> {
    let elements = node.batch * op.len;
    let inputs = (0..2).filter_map(|k| Some((k, node.input_gradient(k)?)));
    let dispatches = inputs.map(|(k, input)| {
        let mut constants = constants([("len", op.len)]);
        constants.extend(input.switches());
        let (dy, x) = (node.dy().with_traffic(elements), input.masked_by(node.x(k), elements));
        DispatchDesc {
            kernel: BACKWARD_INPUT,
            constants,
            bindings: vec![dy, x, input.dx(elements)],
            grid: Grid::Threads(elements),
            flop: 0,
        }
    });
    dispatches.collect()
}
