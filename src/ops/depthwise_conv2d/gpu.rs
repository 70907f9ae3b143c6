//! Dispatches of the depthwise convolution: `shaders/depthwise_conv2d/`. The weight gradients are partial
//! sums ([`SplitK`]), which the optimiser's dispatch reduces.

use super::DepthwiseConv2d;
use crate::graph::{Activation, Role};
use crate::ops::conv2d::gpu::extents;
use crate::ops::gpu::{
    Buffer, DispatchDesc, Grid, InputGradient, Kernel, NodeContext, kernels, switch,
};
use crate::ops::split_k::SplitK;

kernels! {
    "depthwise_conv2d":
    FORWARD = "forward",
    BACKWARD_INPUT = "backward_input",
    BACKWARD_WEIGHT = "backward_weight",
}

/// The gradients of weights.
pub(crate) const TRAINING_ONLY: &[Kernel] = &[BACKWARD_WEIGHT];

/// Rows of the output in a part of the weight gradients.
const ROWS_PER_PART: usize = 16;

/// How the weight gradients are split, in at most `limit` elements of partial sums where that is
/// possible. A part has the kernel's sums, then the bias's.
pub(crate) fn split_k(op: &DepthwiseConv2d, batch: usize, limit: usize) -> SplitK {
    let d = &op.extents;
    SplitK::by_rows(d.h_out, ROWS_PER_PART, op.kernel_len() + d.c_out).within(batch, d.h_out, limit)
}

/// The output.
pub(crate) fn forward(op: &DepthwiseConv2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let d = &op.extents;
    let mut constants = extents(d);
    constants
        .extend([switch("has_bias", op.bias), switch("relu", op.activation == Activation::Relu)]);
    let y = node.batch * d.out_len();
    vec![DispatchDesc {
        kernel: FORWARD,
        constants,
        bindings: vec![
            node.x(0).with_traffic(node.batch * d.in_len()),
            node.parameter(Role::Kernel, true).with_traffic(op.kernel_len()),
            node.parameter(Role::Bias, op.bias).with_traffic(if op.bias { d.c_out } else { 0 }),
            node.y().with_traffic(y),
        ],
        grid: Grid::Threads(y),
        flop: op.flop(node.batch),
    }]
}

/// The partial sums of the weight gradients, and the gradient of the input.
pub(crate) fn backward(
    op: &DepthwiseConv2d,
    node: &NodeContext,
    split: &SplitK,
) -> Vec<DispatchDesc> {
    let input = node.input_gradient(0).map(|input| backward_input(op, node, input));
    std::iter::once(backward_weight(op, node, split)).chain(input).collect()
}

fn backward_weight(op: &DepthwiseConv2d, node: &NodeContext, split: &SplitK) -> DispatchDesc {
    let d = &op.extents;
    let mut constants = extents(d);
    constants.extend([
        ("rows_per_part", split.rows_per_part as f64),
        ("samples_per_part", split.samples_per_part as f64),
    ]);
    DispatchDesc {
        kernel: BACKWARD_WEIGHT,
        constants,
        bindings: vec![
            node.x(0).with_traffic(node.batch * d.in_len()),
            node.dy().with_traffic(node.batch * d.out_len()),
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
        ],
        grid: Grid::Threads(split.parts(node.batch) * split.stride),
        flop: op.flop(node.batch),
    }
}

fn backward_input(op: &DepthwiseConv2d, node: &NodeContext, input: InputGradient) -> DispatchDesc {
    let d = &op.extents;
    let mut constants = extents(d);
    constants.extend(input.switches());
    let elements = node.batch * d.in_len();
    DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.dy().with_traffic(node.batch * d.out_len()),
            node.parameter(Role::Kernel, true).with_traffic(op.kernel_len()),
            input.masked_by(node.x(0), elements),
            input.dx(elements),
        ],
        grid: Grid::Threads(elements),
        flop: op.flop(node.batch),
    }
}
