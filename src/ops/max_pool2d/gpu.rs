//! Dispatches of max-pooling: `shaders/max_pool2d/`.

use super::MaxPool2d;
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, KernelVariant, NodeContext, kernels};

kernels! {
    "max_pool2d":
    FORWARD = "forward",
    BACKWARD_INPUT = "backward_input",
    BACKWARD_INPUT_TILED = "backward_input_tiled",
}

/// The output and the argmax.
pub(crate) fn forward(op: &MaxPool2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let (x, y) = (node.batch * op.extents.in_len(), node.batch * op.extents.out_len());
    vec![DispatchDesc {
        kernel: FORWARD,
        constants: op.extents.constants(),
        bindings: vec![
            node.x(0).with_traffic(x),
            node.y().with_traffic(y),
            Buffer::Argmax(node.id).with_traffic(y),
        ],
        grid: Grid::Threads(y),
        flop: 0,
    }]
}

/// The gradient of the input.
pub(crate) fn backward(op: &MaxPool2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let Some(input) = node.input_gradient(0) else { return Vec::new() };
    let d = &op.extents;
    let (x, y) = (node.batch * d.in_len(), node.batch * d.out_len());
    let mut constants = d.constants();
    constants.extend(input.switches());
    let (kernel, threads) = match node.variant {
        KernelVariant::Plain => (BACKWARD_INPUT, d.in_len()),
        KernelVariant::Tiled | KernelVariant::Fused | KernelVariant::Sparse => {
            (BACKWARD_INPUT_TILED, d.h_in.div_ceil(d.k_h) * d.w_in.div_ceil(d.k_w) * d.c)
        }
    };
    vec![DispatchDesc {
        kernel,
        constants,
        bindings: vec![
            node.dy().with_traffic(y),
            Buffer::Argmax(node.id).with_traffic(y),
            input.masked_by(node.y(), y),
            input.dx(x),
        ],
        grid: Grid::Threads(node.batch * threads),
        flop: 0,
    }]
}
