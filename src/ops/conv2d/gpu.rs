//! Dispatches of convolution, alone or fused with the max-pooling that reads it: `shaders/conv2d/`.
//! The weight gradients are partial sums ([`SplitK`]), which the optimiser's dispatch reduces.

mod staged;

use super::{Conv2d, Extents};
use crate::graph::{Activation, Role};
use crate::ops::gpu::{
    Binding, Buffer, DispatchDesc, Grid, InputGradient, Kernel, KernelVariant, NodeContext,
    TileConfig, UNIFORM_ELEMENTS, constants, kernels, switch,
};
use crate::ops::split_k::SplitK;

kernels! {
    "conv2d":
    FORWARD = "forward",
    FORWARD_TILED = "forward_tiled",
    FORWARD_STAGED = "forward_staged",
    BACKWARD_INPUT = "backward_input",
    BACKWARD_WEIGHT = "backward_weight",
    BACKWARD_TILED = "backward_tiled",
    BACKWARD_STAGED = "backward_staged",
    MAX_POOL2D_FORWARD = "max_pool2d_forward",
    MAX_POOL2D_BACKWARD_INPUT = "max_pool2d_backward_input",
    MAX_POOL2D_BACKWARD_WEIGHT = "max_pool2d_backward_weight",
}

/// The gradients of weights, where they are a dispatch of their own.
pub(crate) const TRAINING_ONLY: &[Kernel] = &[BACKWARD_WEIGHT, MAX_POOL2D_BACKWARD_WEIGHT];

/// Threads of a workgroup of a tiled kernel.
const GROUP: usize = 64;
/// Columns that a thread of a tiled kernel owns.
const COLUMNS: usize = 8;
/// Kernel columns of a tile of weight gradients.
const TAPS: usize = 5;
/// Most blocks of four output channels that a thread sums over 8 columns.
const FORWARD_BLOCKS: usize = 4;
/// The same over 8 columns of 2 rows, under a pooling.
const POOLED_BLOCKS: usize = 2;
/// Pooled rows in a part of the sparse weight gradients.
const POOLED_ROWS_PER_PART: usize = 5;

/// Extents of the tiles. Wide ones are sums of many columns in registers; narrow and small ones read
/// from workgroup memory ([`staged`]) where that holds what a workgroup reads, else as wide ones do.
impl TileConfig {
    /// Whether a workgroup stages what its threads share.
    fn is_staged(self) -> bool {
        self != Self::Wide
    }

    /// Most input channels whose gradients a thread sums: over 8 columns, or 4 staged ones.
    fn input_channels(self) -> usize {
        self.choose(8, 4, 2)
    }

    /// Blocks of four output channels whose weight gradients a thread sums.
    fn weight_blocks(self) -> usize {
        self.choose(2, 1, 1)
    }

    /// Pairs of kernel row and input channel whose weight gradients a thread sums, over 5 columns.
    fn weight_pairs(self) -> usize {
        self.choose(5, 5, 3)
    }

    /// Rows of the output in a part of the weight gradients. Even, so that pooling windows stay
    /// whole.
    fn rows_per_part(self) -> usize {
        self.choose(10, 8, 8)
    }
}

fn extents(d: &Extents) -> Vec<(&'static str, f64)> {
    constants([
        ("h_in", d.h_in),
        ("w_in", d.w_in),
        ("c_in", d.c_in),
        ("h_out", d.h_out),
        ("w_out", d.w_out),
        ("c_out", d.c_out),
        ("k_h", d.k_h),
        ("k_w", d.k_w),
        ("pad_top", d.pad_top),
        ("pad_left", d.pad_left),
    ])
}

/// Whether the tiled kernels, which read the weights through a uniform by four channels, compute
/// this node. A fused pooling has tiled kernels only.
fn is_tiled(op: &Conv2d, node: &NodeContext) -> bool {
    let d = &op.extents;
    op.max_pool2d.is_some()
        || node.variant != KernelVariant::Plain
            && d.kernel_len() <= UNIFORM_ELEMENTS
            && d.c_out.is_multiple_of(4)
}

/// How the weight gradients are split, in at most `limit` elements of partial sums where that is
/// possible. A part has the kernel's sums, then the bias's.
pub(crate) fn split_k(
    op: &Conv2d,
    variant: KernelVariant,
    tiles: TileConfig,
    batch: usize,
    limit: usize,
) -> SplitK {
    let d = &op.extents;
    let stride = d.kernel_len() + d.c_out;
    match (variant, op.max_pool2d) {
        (KernelVariant::Sparse, Some((_, pool))) => {
            SplitK::by_rows(pool.h_out, pool.h_out.min(POOLED_ROWS_PER_PART), stride)
        }
        _ => SplitK::by_rows(d.h_out, tiles.rows_per_part(), stride).within(
            batch,
            d.h_out.next_multiple_of(2),
            limit,
        ),
    }
}

/// The output, or that of the fused pooling and its argmax.
pub(crate) fn forward(op: &Conv2d, node: &NodeContext) -> Vec<DispatchDesc> {
    let d = &op.extents;
    let mut constants = extents(d);
    constants
        .extend([switch("has_bias", op.bias), switch("relu", op.activation == Activation::Relu)]);
    let fours = d.c_out / 4;
    let y = node.batch * op.written_len();
    let mut bindings = vec![
        node.x(0).with_traffic(node.batch * d.in_len()),
        node.parameter(Role::Kernel, true).with_traffic(d.kernel_len()),
        node.parameter(Role::Bias, op.bias).with_traffic(if op.bias { d.c_out } else { 0 }),
    ];
    let written = op.max_pool2d.map_or(node.y(), |(pool, _)| Buffer::Value(pool));
    bindings.push(written.with_traffic(y));
    let (kernel, grid) = if !is_tiled(op, node) {
        (FORWARD, Grid::Threads(y))
    } else {
        let argmax = op.max_pool2d.map(|(pool, _)| Buffer::Argmax(pool).with_traffic(y));
        let staged = node.tiles.is_staged().then(|| staged::Forward::new(op)).flatten();
        let most = match (&staged, op.max_pool2d) {
            (Some(staged), _) => staged.blocks(fours, node.batch),
            (None, Some(_)) => POOLED_BLOCKS,
            (None, None) => FORWARD_BLOCKS,
        };
        let blocks = fours.min(most);
        constants.push(("blocks_o", blocks as f64));
        let layers = fours.div_ceil(blocks);
        match (staged, op.max_pool2d) {
            (Some(staged), _) => {
                constants.extend(staged.constants());
                constants.push(switch("pooled", op.max_pool2d.is_some()));
                bindings.push(argmax.unwrap_or(Buffer::Unused.untouched()));
                let threads = node.batch * staged.groups * GROUP;
                (FORWARD_STAGED, Grid::Layers(threads, layers))
            }
            (None, Some((_, pool))) => {
                bindings.extend(argmax);
                let threads = node.batch * pool.h_out * pool.w_out.div_ceil(COLUMNS / 2);
                (MAX_POOL2D_FORWARD, Grid::Layers(threads, layers))
            }
            (None, None) => {
                let threads = node.batch * d.h_out * d.w_out.div_ceil(COLUMNS);
                (FORWARD_TILED, Grid::Layers(threads, layers))
            }
        }
    };
    vec![DispatchDesc { kernel, constants, bindings, grid, flop: d.flop(node.batch) }]
}

/// The partial sums of the weight gradients, and the gradient of the input.
pub(crate) fn backward(op: &Conv2d, node: &NodeContext, split: &SplitK) -> Vec<DispatchDesc> {
    let input = node.input_gradient(0);
    let is_sparse = node.variant == KernelVariant::Sparse && op.max_pool2d.is_some();
    if node.variant == KernelVariant::Plain || is_sparse || !op.extents.c_out.is_multiple_of(4) {
        let input = input.map(|input| backward_input(op, node, input));
        return std::iter::once(backward_weight(op, node, split)).chain(input).collect();
    }
    match input {
        // A uniform does not hold the weights.
        Some(input) if !is_tiled(op, node) => {
            vec![backward_tiled(op, node, split, None), backward_input(op, node, input)]
        }
        input => vec![backward_tiled(op, node, split, input)],
    }
}

/// The gradient at the output and the argmax: those of the fused pooling if there is one.
fn output_gradient(op: &Conv2d, node: &NodeContext) -> [Binding; 2] {
    let y = node.batch * op.written_len();
    match op.max_pool2d {
        Some((pool, _)) => {
            [Buffer::Gradient(pool).with_traffic(y), Buffer::Argmax(pool).with_traffic(y)]
        }
        None => [node.dy().with_traffic(y), Buffer::Unused.untouched()],
    }
}

/// What the kernels of the weight gradients read and write: x, then dz and argmax, then the sums.
fn weight_bindings(op: &Conv2d, node: &NodeContext, split: &SplitK) -> [Binding; 4] {
    let x = node.x(0).with_traffic(node.batch * op.extents.in_len());
    let [dz, argmax] = output_gradient(op, node);
    [x, dz, argmax, Buffer::PartialSums(node.id).with_traffic(split.len(node.batch))]
}

/// The weight gradients and, if it is wanted, that of the input in one dispatch.
fn backward_tiled(
    op: &Conv2d,
    node: &NodeContext,
    split: &SplitK,
    input: Option<InputGradient>,
) -> DispatchDesc {
    let d = &op.extents;
    let mut constants = extents(d);
    constants.extend([
        ("rows_per_part", split.rows_per_part as f64),
        ("samples_per_part", split.samples_per_part as f64),
        switch("has_dx", input.is_some()),
        switch("pooled", op.max_pool2d.is_some()),
    ]);
    let staged =
        node.tiles.is_staged().then(|| staged::Backward::new(op, node.tiles, split, node.batch));
    let parts = split.parts(node.batch);
    let (kernel, of_inputs, of_weights) = if let Some(staged) = staged.flatten() {
        let of_inputs = node.batch * staged.input_groups;
        constants.extend(staged.constants());
        constants.push(("input_groups", of_inputs as f64));
        (BACKWARD_STAGED, of_inputs, parts * staged.weight_groups)
    } else {
        let blocks = (d.c_out / 4).min(node.tiles.weight_blocks());
        let pairs = node.tiles.weight_pairs();
        let tiles =
            (d.k_h * d.c_in).div_ceil(pairs) * d.k_w.div_ceil(TAPS) * d.c_out.div_ceil(4 * blocks);
        let channels = d.c_in.min(node.tiles.input_channels());
        let input_groups = (node.batch * d.h_in * d.w_in.div_ceil(COLUMNS)).div_ceil(GROUP);
        constants.extend([
            ("pairs", pairs as f64),
            ("blocks_o", blocks as f64),
            ("channels", channels as f64),
            ("input_groups", input_groups as f64),
        ]);
        let of_weights = (parts * (tiles + d.c_out / 4)).div_ceil(GROUP);
        (BACKWARD_TILED, input_groups * d.c_in.div_ceil(channels), of_weights)
    };
    let no_switches = [switch("mask", false), switch("add", false)];
    constants.extend(input.map_or(no_switches, InputGradient::switches));
    let [x, dz, argmax, sums] = weight_bindings(op, node, split);
    let (products, groups, w) = match input {
        Some(_) => (2, of_inputs + of_weights, d.kernel_len()),
        None => (1, of_weights, 0),
    };
    DispatchDesc {
        kernel,
        constants,
        bindings: vec![
            // Read for the weights' gradient already: the mask reads it once more, from a cache.
            x,
            dz,
            argmax,
            node.parameter(Role::Kernel, true).with_traffic(w),
            sums,
            input.map_or(Buffer::Unused.untouched(), |input| input.dx(node.batch * d.in_len())),
        ],
        grid: Grid::Groups(groups),
        flop: products * d.flop(node.batch),
    }
}

fn backward_weight(op: &Conv2d, node: &NodeContext, split: &SplitK) -> DispatchDesc {
    let d = &op.extents;
    let parts = split.parts(node.batch);
    let mut constants = extents(d);
    constants.push(("rows_per_part", split.rows_per_part as f64));
    let [x, dz, argmax, sums] = weight_bindings(op, node, split);
    let flop = d.flop(node.batch);
    if op.max_pool2d.is_some() {
        let threads = (d.k_h * d.c_in * d.k_w.div_ceil(TAPS) + 1) * d.c_out;
        return DispatchDesc {
            kernel: MAX_POOL2D_BACKWARD_WEIGHT,
            constants,
            bindings: vec![x, dz, argmax, sums],
            grid: Grid::Threads(parts * threads),
            // One of the four outputs under a window has a gradient.
            flop: flop / 4,
        };
    }
    constants.push(("samples_per_part", split.samples_per_part as f64));
    DispatchDesc {
        kernel: BACKWARD_WEIGHT,
        constants,
        bindings: vec![x, dz, sums],
        grid: Grid::Threads(parts * split.stride),
        flop,
    }
}

fn backward_input(op: &Conv2d, node: &NodeContext, input: InputGradient) -> DispatchDesc {
    let d = &op.extents;
    let mut constants = extents(d);
    constants.extend(input.switches());
    let elements = node.batch * d.in_len();
    let w = node.parameter(Role::Kernel, true).with_traffic(d.kernel_len());
    let x = input.masked_by(node.x(0), elements);
    let dx = input.dx(elements);
    let [dz, argmax] = output_gradient(op, node);
    let flop = d.flop(node.batch);
    if op.max_pool2d.is_some() {
        return DispatchDesc {
            kernel: MAX_POOL2D_BACKWARD_INPUT,
            constants,
            bindings: vec![dz, argmax, w, x, dx],
            grid: Grid::Threads(elements),
            // One of the four outputs under a window has a gradient.
            flop: flop / 4,
        };
    }
    DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![dz, w, x, dx],
        grid: Grid::Threads(elements),
        flop,
    }
}
