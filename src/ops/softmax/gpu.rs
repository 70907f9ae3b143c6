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

/// Elements behind the tensors of the loss that hold the classes' weights; none without them.
pub(crate) fn weights_len(op: &Softmax) -> usize {
    if op.loss.class_weights.is_empty() { 0 } else { op.classes }
}

/// What the loss depends on. Weights of classes begin at `weights_at` of the buffer with the probabilities.
pub(crate) fn loss_constants(
    op: &Softmax,
    node: &NodeContext,
    weights_at: usize,
) -> Vec<(&'static str, f64)> {
    // The logits have no other reader, so that `add` is never set.
    let input = node.input_gradient(0);
    let mut constants = constants([("classes", op.classes)]);
    constants.extend([
        switch("has_gradient", input.is_some()),
        switch("mask", input.is_some_and(|input| input.mask)),
    ]);
    // The kernels' defaults are the cross-entropy alone.
    if op.loss.label_smoothing > 0.0 {
        constants.push(("label_smoothing", f64::from(op.loss.label_smoothing)));
    }
    if weights_len(op) > 0 {
        constants.extend([switch("is_weighted", true), ("weights_at", weights_at as f64)]);
    }
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
    let (elements, weights) = (node.batch * op.classes, weights_len(op));
    let probabilities = match weights {
        0 => node.y(),
        _ => Buffer::LossTensors(node.id),
    };
    let mut bindings = loss_bindings(op, node).to_vec();
    bindings.extend([
        node.x(0).with_traffic(elements),
        probabilities.with_traffic(elements + weights),
        input.map_or(Buffer::Unused.untouched(), |input| input.dx(elements)),
    ]);
    DispatchDesc {
        kernel: FORWARD,
        constants: loss_constants(op, node, part_stride(op, node.batch)),
        bindings,
        grid: Grid::Groups(1),
        flop: 0,
    }
}
