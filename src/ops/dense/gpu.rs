//! Dispatches of dense layers: `shaders/dense/`.

use super::Dense;
use crate::graph::{Activation, Role};
use crate::ops::dropout;
use crate::ops::gpu::{
    Buffer, DispatchDesc, Grid, InputGradient, Kernel, KernelVariant, NodeContext, TileConfig,
    constants, kernels, switch,
};
use crate::ops::softmax::Softmax;
use crate::ops::softmax::gpu as softmax;

kernels! {
    "dense":
    FORWARD = "forward",
    FORWARD_TILED = "forward_tiled",
    FORWARD_STAGED = "forward_staged",
    BACKWARD_INPUT = "backward_input",
    BACKWARD_WEIGHT = "backward_weight",
    BACKWARD_TILED = "backward_tiled",
    BACKWARD_STAGED = "backward_staged",
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
/// Outputs of a workgroup of the staged forward kernel, which owns [`ROWS`] samples.
const STAGED_OUTPUTS: usize = 16;
/// Rows and columns of a workgroup's tile of the kernel's gradient, staged.
const STAGED_TILE: (usize, usize) = (32, 60);
/// Samples and inputs of a workgroup's tile of the input's gradient, staged.
const STAGED_INPUTS: (usize, usize) = (32, 32);

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

/// The output, the softmax, loss and gradient of it, and all gradients of the layer.
pub(crate) fn with_softmax(
    op: &Dense,
    node: &NodeContext,
    (loss, loss_node): (&Softmax, &NodeContext),
) -> DispatchDesc {
    let (x, y) = (node.batch * op.n_in, node.batch * op.n_out);
    let (w, b) = parameters(op);
    let input = node.input_gradient(0);
    let [x_at, dx_at, end] = softmax::input_places(loss, node.batch, op.n_in);
    let has_gradient = loss_node.input_gradient(0).is_some();
    let mut constants = softmax::loss_constants(loss, loss_node, end);
    constants.extend([
        ("batch", node.batch as f64),
        ("n_in", op.n_in as f64),
        switch("has_bias", op.bias),
        switch("relu", op.activation == Activation::Relu),
        ("bias_at", node.tensor_stride as f64),
        ("part_stride", softmax::part_stride(loss, node.batch) as f64),
        ("x_at", x_at as f64),
        ("dx_at", dx_at as f64),
        // Not `has_dx`, without which a dispatch is of training alone.
        switch("needs_dx", input.is_some()),
        switch("mask_x", input.is_some_and(|input| input.mask)),
    ]);
    let (products, dx) = match (has_gradient, &input) {
        (false, _) => (1, 0),
        (true, None) => (2, 0),
        (true, Some(_)) => (3, x),
    };
    let mut bindings = softmax::loss_bindings(loss, loss_node).to_vec();
    bindings.extend([
        Buffer::NodeParameters(node.id).with_traffic(w + b),
        Buffer::LossTensors(loss_node.id).with_traffic(3 * y + x + dx + softmax::weights_len(loss)),
        match has_gradient {
            true => Buffer::NodeParameterGradients(node.id).with_traffic(w + b),
            false => Buffer::Unused.untouched(),
        },
    ]);
    DispatchDesc {
        kernel: SOFTMAX_FORWARD,
        constants,
        bindings,
        grid: Grid::Groups(1),
        flop: products * op.flop(node.batch),
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
            let (kernel, columns) = match node.tiles {
                TileConfig::Wide => (FORWARD_TILED, COLUMNS),
                TileConfig::Narrow | TileConfig::Small => (FORWARD_STAGED, STAGED_OUTPUTS),
            };
            let groups = node.batch.div_ceil(ROWS) * op.n_out.div_ceil(columns);
            (kernel, Grid::Groups(groups))
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
            vec![backward_of_all(op, node)]
        }
    }
}

/// All gradients in one dispatch.
fn backward_of_all(op: &Dense, node: &NodeContext) -> DispatchDesc {
    let (x, y) = (node.batch * op.n_in, node.batch * op.n_out);
    let (w, b) = parameters(op);
    let input = node.input_gradient(0);
    let mut constants = extents(op);
    constants.extend([switch("has_bias", op.bias), switch("has_dx", input.is_some())]);
    constants.extend(dropout(op));
    let [mask, add] =
        input.map_or([switch("mask", false), switch("add", false)], InputGradient::switches);
    constants.extend([mask, add]);
    let tiles =
        |(n, of_n): (usize, usize), (m, of_m): (usize, usize)| n.div_ceil(of_n) * m.div_ceil(of_m);
    let (kernel, of_weights, of_inputs) = match node.tiles {
        TileConfig::Wide => {
            let of_weights = (op.n_in.div_ceil(ROWS) + 1) * op.n_out.div_ceil(COLUMNS);
            let of_inputs = tiles((node.batch, ROWS), (op.n_in, COLUMNS));
            (BACKWARD_TILED, of_weights.div_ceil(GROUP), of_inputs.div_ceil(GROUP))
        }
        TileConfig::Narrow | TileConfig::Small => {
            let ((rows, outputs), (samples, inputs)) = (STAGED_TILE, STAGED_INPUTS);
            // The bias is one more row.
            let of_weights = tiles((op.n_in + 1, rows), (op.n_out, outputs));
            (BACKWARD_STAGED, of_weights, tiles((node.batch, samples), (op.n_in, inputs)))
        }
    };
    let (products, groups) =
        if input.is_some() { (2, of_weights + of_inputs) } else { (1, of_weights) };
    DispatchDesc {
        kernel,
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
