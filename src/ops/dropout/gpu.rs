//! Dispatches of dropout: `shaders/dropout/`.

use super::Dropout;
use crate::ops::gpu::{DispatchDesc, Grid, NodeContext, kernels};
use crate::random::counter::threshold;

kernels! { "dropout": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

/// Which elements survive, and what of them.
pub(crate) fn survival(op: &Dropout) -> [(&'static str, f64); 3] {
    [
        ("node", f64::from(op.node)),
        ("threshold", f64::from(threshold(op.rate))),
        // Computed in f32, as on the CPU.
        ("scale", f64::from(1.0 / (1.0 - op.rate))),
    ]
}

fn constants(op: &Dropout) -> Vec<(&'static str, f64)> {
    std::iter::once(("len", op.len as f64)).chain(survival(op)).collect()
}

/// The output.
pub(crate) fn forward(op: &Dropout, node: &NodeContext) -> Vec<DispatchDesc> {
    let elements = node.batch * op.len;
    vec![DispatchDesc {
        kernel: FORWARD,
        constants: constants(op),
        bindings: vec![node.x(0).with_traffic(elements), node.y().with_traffic(elements)],
        grid: Grid::Threads(elements),
        flop: elements,
    }]
}

/// The gradient of the input.
pub(crate) fn backward(op: &Dropout, node: &NodeContext) -> Vec<DispatchDesc> {
    let Some(input) = node.input_gradient(0) else { return Vec::new() };
    let elements = node.batch * op.len;
    let mut constants = constants(op);
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
        flop: elements,
    }]
}
