//! Dispatch of the softmax, the loss and its gradient: `shaders/softmax/`.

use super::Softmax;
use crate::ops::gpu::{
    Binding, Buffer, DispatchDesc, Grid, NodeContext, constants, kernels, switch,
};

kernels! { "softmax": FORWARD = "forward" }

/// Elements of a step's metrics: loss and correct predictions.
pub(crate) const METRICS: usize = 2;

/// Elements from the logits to their gradient, and on to the probabilities, where they are one buffer.
pub(crate) fn part_stride(op: &Softmax, batch: usize) -> usize {
    (batch * op.classes).next_multiple_of(FLOATS_OF_A_BINDING)
}

/// Where the input of the last dense layer and its gradient begin behind the logits, their gradient and the
/// probabilities; then the end of all.
pub(crate) fn input_places(op: &Softmax, batch: usize, n_in: usize) -> [usize; 3] {
    let x = 3 * part_stride(op, batch);
    let len = (batch * n_in).next_multiple_of(FLOATS_OF_A_BINDING);
    [x, x + len, x + 2 * len]
}

/// Floats that a binding begins at a multiple of.
const FLOATS_OF_A_BINDING: usize = 64;

/// What the loss depends on.
pub(crate) fn loss_constants(op: &Softmax, node: &NodeContext) -> Vec<(&'static str, f64)> {
    // The logits have no other reader, so that `add` is never set.
    let input = node.input_gradient(0);
    let mut constants = constants([("classes", op.classes)]);
    constants.extend([
        switch("has_gradient", input.is_some()),
        switch("mask", input.is_some_and(|input| input.mask)),
    ]);
    constants
}

/// Labels, and where probabilities and metrics go.
pub(crate) fn loss_bindings(op: &Softmax, node: &NodeContext) -> [Binding; 4] {
    [
        Buffer::Order.with_traffic(node.batch),
        Buffer::Labels.with_traffic(node.batch),
        Buffer::Probabilities.with_traffic(node.batch * op.classes),
        Buffer::StepMetrics.with_traffic(METRICS),
    ]
}

/// Probabilities, metrics, and the gradient at the logits.
pub(crate) fn forward(op: &Softmax, node: &NodeContext) -> DispatchDesc {
    let input = node.input_gradient(0);
    let elements = node.batch * op.classes;
    let mut bindings = loss_bindings(op, node).to_vec();
    bindings.extend([
        node.x(0).with_traffic(elements),
        node.y().with_traffic(elements),
        input.map_or(Buffer::Unused.untouched(), |input| input.dx(elements)),
    ]);
    DispatchDesc {
        kernel: FORWARD,
        constants: loss_constants(op, node),
        bindings,
        grid: Grid::Groups(1),
        flop: 0,
    }
}
