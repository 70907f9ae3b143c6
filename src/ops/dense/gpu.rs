//! Dispatches of dense layers: `shaders/dense/`.

use super::Dense;
use crate::graph::{Activation, Role};
use crate::ops::dropout;
use crate::ops::gpu::{
    Buffer, DispatchDesc, Grid, InputGradient, Kernel, KernelVariant, NodeContext, constants,
    kernels, switch,
};
use crate::ops::softmax::Softmax;
use crate::ops::softmax::gpu as softmax;

kernels! {
    "dense":
    FORWARD = "forward",
    FORWARD_TILED = "forward_tiled",
    BACKWARD_INPUT = "backward_input",
    BACKWARD_WEIGHT = "backward_weight",
    BACKWARD_TILED = "backward_tiled",
    SOFTMAX_FORWARD = "softmax_forward",
}

/// The gradients of weights, where they are a dispatch of their own.
pub(crate) const TRAINING_ONLY: &[Kernel] = &[BACKWARD_WEIGHT];

/// Threads of a workgroup.
const GROUP: usize = 64;
/// Samples, or rows of the kernel, that a thread owns.
const ROWS: usize = 8;
/// Columns that a thread owns.
const COLUMNS: usize = 4;

fn extents(op: &Dense) -> Vec<(&'static str, f64)> {
    constants([("n_in", op.n_in), ("n_out", op.n_out)])
}

/// Elements of the kernel and of the bias.
fn parameters(op: &Dense) -> (usize, usize) {
    (op.n_in * op.n_out, if op.bias { op.n_out } else { 0 })
}

/// The dropout of the input, which only the tiled kernels have.
fn dropout(op: &Dense) -> Vec<(&'static str, f64)> {
    let none = [("node", 0.0), ("threshold", 0.0), ("scale", 1.0)];
    let survival = op.dropout.as_ref().map_or(none, dropout::gpu::survival);
    survival.into_iter().chain([switch("has_dropout", op.dropout.is_some())]).collect()
}

/// The output, and the softmax, loss and gradient of it.
pub(crate) fn softmax_forward(
    op: &Dense,
    node: &NodeContext,
    (loss, loss_node): (&Softmax, &NodeContext),
) -> DispatchDesc {
    let (x, y) = (node.batch * op.n_in, node.batch * op.n_out);
    let (w, b) = parameters(op);
    let mut constants = softmax::loss_constants(loss, loss_node);
    constants.extend([
        ("n_in", op.n_in as f64),
        switch("has_bias", op.bias),
        switch("relu", op.activation == Activation::Relu),
        ("bias_at", node.tensor_stride as f64),
        ("part_stride", softmax::part_stride(loss, node.batch) as f64),
    ]);
    let mut bindings = softmax::loss_bindings(loss, loss_node).to_vec();
    bindings.extend([
        node.x(0).with_traffic(x),
        Buffer::NodeParameters(node.id).with_traffic(w + b),
        Buffer::LossTensors(loss_node.id).with_traffic(3 * y),
    ]);
    DispatchDesc {
        kernel: SOFTMAX_FORWARD,
        constants,
        bindings,
        grid: Grid::Groups(1),
        flop: op.flop(node.batch),
    }
}

/// The output.
pub(crate) fn forward(op: &Dense, node: &NodeContext) -> Vec<DispatchDesc> {
    let (x, y) = (node.batch * op.n_in, node.batch * op.n_out);
    let (w, b) = parameters(op);
    let mut constants = extents(op);
    constants
        .extend([switch("has_bias", op.bias), switch("relu", op.activation == Activation::Relu)]);
    let (kernel, grid) = match node.variant {
        KernelVariant::Plain => (FORWARD, Grid::Threads(y)),
        KernelVariant::Tiled | KernelVariant::Fused | KernelVariant::Sparse => {
            constants.extend(dropout(op));
            let groups = node.batch.div_ceil(ROWS) * op.n_out.div_ceil(COLUMNS);
            (FORWARD_TILED, Grid::Groups(groups))
        }
    };
    vec![DispatchDesc {
        kernel,
        constants,
        bindings: vec![
            node.x(0).with_traffic(x),
            node.parameter(Role::Kernel, true).with_traffic(w),
            node.parameter(Role::Bias, op.bias).with_traffic(b),
            node.y().with_traffic(y),
        ],
        grid,
        flop: op.flop(node.batch),
    }]
}

/// The gradients of kernel and bias, and of the input.
pub(crate) fn backward(op: &Dense, node: &NodeContext) -> Vec<DispatchDesc> {
    match node.variant {
        KernelVariant::Plain => {
            let input = node.input_gradient(0).map(|input| backward_input(op, node, input));
            std::iter::once(backward_weight(op, node)).chain(input).collect()
        }
        KernelVariant::Tiled | KernelVariant::Fused | KernelVariant::Sparse => {
            vec![backward_tiled(op, node)]
        }
    }
}

/// All gradients in one dispatch.
fn backward_tiled(op: &Dense, node: &NodeContext) -> DispatchDesc {
    let (x, y) = (node.batch * op.n_in, node.batch * op.n_out);
    let (w, b) = parameters(op);
    let input = node.input_gradient(0);
    let mut constants = extents(op);
    constants.extend([switch("has_bias", op.bias), switch("has_dx", input.is_some())]);
    constants.extend(dropout(op));
    let [mask, add] =
        input.map_or([switch("mask", false), switch("add", false)], InputGradient::switches);
    constants.extend([mask, add]);
    let of_weights = ((op.n_in.div_ceil(ROWS) + 1) * op.n_out.div_ceil(COLUMNS)).div_ceil(GROUP);
    let of_inputs = (node.batch.div_ceil(ROWS) * op.n_in.div_ceil(COLUMNS)).div_ceil(GROUP);
    let (products, groups) =
        if input.is_some() { (2, of_weights + of_inputs) } else { (1, of_weights) };
    DispatchDesc {
        kernel: BACKWARD_TILED,
        constants,
        bindings: vec![
            // Read for the kernel's gradient already: the mask reads it once more, from a cache.
            node.x(0).with_traffic(x),
            node.dy().with_traffic(y),
            node.parameter(Role::Kernel, true).with_traffic(if input.is_some() { w } else { 0 }),
            node.parameter_gradient(Role::Kernel, true).with_traffic(w),
            node.parameter_gradient(Role::Bias, op.bias).with_traffic(b),
            input.map_or(Buffer::Unused.untouched(), |input| input.dx(x)),
        ],
        grid: Grid::Groups(groups),
        flop: products * op.flop(node.batch),
    }
}

fn backward_weight(op: &Dense, node: &NodeContext) -> DispatchDesc {
    let (x, y) = (node.batch * op.n_in, node.batch * op.n_out);
    let (w, b) = parameters(op);
    let mut constants = extents(op);
    constants.push(switch("has_bias", op.bias));
    DispatchDesc {
        kernel: BACKWARD_WEIGHT,
        constants,
        bindings: vec![
            node.x(0).with_traffic(x),
            node.dy().with_traffic(y),
            node.parameter_gradient(Role::Kernel, true).with_traffic(w),
            node.parameter_gradient(Role::Bias, op.bias).with_traffic(b),
        ],
        grid: Grid::Threads((op.n_in + 1) * op.n_out),
        flop: op.flop(node.batch),
    }
}

fn backward_input(op: &Dense, node: &NodeContext, input: InputGradient) -> DispatchDesc {
    let (x, y) = (node.batch * op.n_in, node.batch * op.n_out);
    let mut constants = extents(op);
    constants.extend(input.switches());
    DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.dy().with_traffic(y),
            node.parameter(Role::Kernel, true).with_traffic(parameters(op).0),
            input.masked_by(node.x(0), x),
            input.dx(x),
        ],
        grid: Grid::Threads(x),
        flop: op.flop(node.batch),
    }
}
