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
    BACKWARD_INPUT_TILED = "backward_input_tiled",
    BACKWARD_WEIGHT = "backward_weight",
    BACKWARD_WEIGHT_TILED = "backward_weight_tiled",
    BACKWARD_STAGED = "backward_staged",
    MAX_POOL2D_FORWARD = "max_pool2d_forward",
    MAX_POOL2D_BACKWARD_INPUT = "max_pool2d_backward_input",
    MAX_POOL2D_BACKWARD_WEIGHT = "max_pool2d_backward_weight",
}

/// The gradients of weights, where they are a dispatch of their own.
pub(crate) const TRAINING_ONLY: &[Kernel] =
    &[BACKWARD_WEIGHT, BACKWARD_WEIGHT_TILED, MAX_POOL2D_BACKWARD_WEIGHT];

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
/// from workgroup memory (`staged`) where that holds what a workgroup reads, else as wide ones do.
impl TileConfig {
    /// Whether a workgroup stages what its threads share.
    fn is_staged(self) -> bool {
        self != Self::Wide
    }

    /// Most input channels whose gradients a thread sums: over 8 columns, or 4 staged ones.
    fn input_channels(self) -> usize {
        self.choose(8, 4, 4)
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
        self.choose(10, 16, 16)
    }
}

/// Extents as constants of the kernels.
pub(crate) fn extents(d: &Extents) -> Vec<(&'static str, f64)> {
    let mut all = constants([
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
    ]);
    // The other kernels have no strides.
    if d.is_strided() {
        all.extend(constants([("s_h", d.s_h), ("s_w", d.s_w)]));
    }
    all
}

/// Whether the tiled kernels, which read the weights through a uniform by four channels, compute
/// this node. A fused pooling has tiled kernels only.
fn is_tiled(op: &Conv2d, node: &NodeContext) -> bool {
    let d = &op.extents;
    op.max_pool2d.is_some()
        || node.variant != KernelVariant::Plain
            && !d.is_strided()
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

/// Whether the wide kernels write out the five taps of a kernel row. With one channel the loop is
/// faster on llvmpipe.
fn five_taps(d: &Extents) -> bool {
    d.k_w == 5 && d.c_in > 1
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
    let is_staged = is_tiled(op, node) && node.tiles.is_staged();
    let (kernel, grid) = if let Some(staged) = is_staged.then(|| staged::Forward::new(op)).flatten()
    {
        let blocks = staged.blocks(fours, node.batch, node.tiles);
        constants.extend(staged.constants());
        constants.extend([("blocks_o", blocks as f64), switch("pooled", op.max_pool2d.is_some())]);
        bindings.push(argmax(op).with_traffic(y));
        let threads = node.batch * staged.groups * GROUP;
        (FORWARD_STAGED, Grid::Layers(threads, fours.div_ceil(blocks)))
    } else if let Some((_, pool)) = op.max_pool2d {
        let blocks = fours.min(POOLED_BLOCKS);
        constants.extend([("blocks_o", blocks as f64), switch("five_taps", five_taps(d))]);
        bindings.push(argmax(op).with_traffic(y));
        let threads = node.batch * pool.h_out * pool.w_out.div_ceil(COLUMNS / 2);
        (MAX_POOL2D_FORWARD, Grid::Layers(threads, fours.div_ceil(blocks)))
    } else if is_tiled(op, node) {
        let blocks = fours.min(FORWARD_BLOCKS);
        constants.push(("blocks_o", blocks as f64));
        let threads = node.batch * d.h_out * d.w_out.div_ceil(COLUMNS);
        (FORWARD_TILED, Grid::Layers(threads, fours.div_ceil(blocks)))
    } else {
        (FORWARD, Grid::Threads(y))
    };
    vec![DispatchDesc { kernel, constants, bindings, grid, flop: d.flop(node.batch) }]
}

/// The partial sums of the weight gradients, and the gradient of the input.
pub(crate) fn backward(op: &Conv2d, node: &NodeContext, split: &SplitK) -> Vec<DispatchDesc> {
    let input = node.input_gradient(0);
    if let Some(both) = backward_staged(op, node, split, input) {
        return vec![both];
    }
    let input = input.map(|input| backward_input(op, node, input));
    std::iter::once(backward_weight(op, node, split)).chain(input).collect()
}

/// The argmax of the fused pooling, if there is one.
fn argmax(op: &Conv2d) -> Buffer {
    op.max_pool2d.map_or(Buffer::Unused, |(pool, _)| Buffer::Argmax(pool))
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

/// All gradients in one dispatch, where workgroup memory holds what a workgroup reads.
fn backward_staged(
    op: &Conv2d,
    node: &NodeContext,
    split: &SplitK,
    input: Option<InputGradient>,
) -> Option<DispatchDesc> {
    let d = &op.extents;
    let is_sparse = node.variant == KernelVariant::Sparse && op.max_pool2d.is_some();
    if !node.tiles.is_staged() || is_sparse || !is_tiled(op, node) {
        return None;
    }
    let staged = staged::Backward::new(op, node.tiles, split, node.batch)?;
    let (parts, input_groups) = (split.parts(node.batch), node.batch * staged.input_groups);
    let mut constants = extents(d);
    constants.extend(staged.constants());
    constants.extend([
        ("rows_per_part", split.rows_per_part as f64),
        ("samples_per_part", split.samples_per_part as f64),
        switch("has_dx", input.is_some()),
        ("input_groups", input_groups as f64),
        switch("pooled", op.max_pool2d.is_some()),
    ]);
    let no_switches = [switch("mask", false), switch("add", false)];
    constants.extend(input.map_or(no_switches, InputGradient::switches));
    let [dz, argmax] = output_gradient(op, node);
    let of_weights = parts * staged.weight_groups;
    let (products, groups, w) = match input {
        Some(_) => (2, input_groups + of_weights, d.kernel_len()),
        None => (1, of_weights, 0),
    };
    let elements = node.batch * d.in_len();
    Some(DispatchDesc {
        kernel: BACKWARD_STAGED,
        constants,
        bindings: vec![
            // Read for the weights' gradient already: the mask reads it once more, from a cache.
            node.x(0).with_traffic(elements),
            dz,
            argmax,
            node.parameter(Role::Kernel, true).with_traffic(w),
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
            input.map_or(Buffer::Unused.untouched(), |input| input.dx(elements)),
        ],
        grid: Grid::Groups(groups),
        flop: products * d.flop(node.batch),
    })
}

fn backward_weight(op: &Conv2d, node: &NodeContext, split: &SplitK) -> DispatchDesc {
    let d = &op.extents;
    let parts = split.parts(node.batch);
    let mut constants = extents(d);
    constants.push(("rows_per_part", split.rows_per_part as f64));
    let samples = ("samples_per_part", split.samples_per_part as f64);
    let x = node.x(0).with_traffic(node.batch * d.in_len());
    let [dz, argmax] = output_gradient(op, node);
    let sums = Buffer::PartialSums(node.id).with_traffic(split.len(node.batch));
    let flop = d.flop(node.batch);
    let pooled = op.max_pool2d.is_some();
    if pooled && node.variant == KernelVariant::Sparse {
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
    constants.push(samples);
    if node.variant == KernelVariant::Plain || !d.c_out.is_multiple_of(4) || d.is_strided() {
        return DispatchDesc {
            kernel: BACKWARD_WEIGHT,
            constants,
            bindings: vec![x, dz, sums],
            grid: Grid::Threads(parts * split.stride),
            flop,
        };
    }
    let blocks = (d.c_out / 4).min(node.tiles.weight_blocks());
    let pairs = node.tiles.weight_pairs();
    let tiles =
        (d.k_h * d.c_in).div_ceil(pairs) * d.k_w.div_ceil(TAPS) * d.c_out.div_ceil(4 * blocks);
    constants.extend([
        ("pairs", pairs as f64),
        ("blocks_o", blocks as f64),
        switch("pooled", pooled),
    ]);
    DispatchDesc {
        kernel: BACKWARD_WEIGHT_TILED,
        constants,
        bindings: vec![x, dz, argmax, sums],
        grid: Grid::Threads(parts * (tiles + d.c_out / 4)),
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
    let pooled = op.max_pool2d.is_some();
    if pooled && node.variant == KernelVariant::Sparse {
        return DispatchDesc {
            kernel: MAX_POOL2D_BACKWARD_INPUT,
            constants,
            bindings: vec![dz, argmax, w, x, dx],
            grid: Grid::Threads(elements),
            // One of the four outputs under a window has a gradient.
            flop: flop / 4,
        };
    }
    if !is_tiled(op, node) {
        return DispatchDesc {
            kernel: BACKWARD_INPUT,
            constants,
            bindings: vec![dz, w, x, dx],
            grid: Grid::Threads(elements),
            flop,
        };
    }
    let channels = d.c_in.min(node.tiles.input_channels());
    constants.extend([
        ("channels", channels as f64),
        switch("pooled", pooled),
        switch("five_taps", five_taps(d)),
    ]);
    let threads = node.batch * d.h_in * d.w_in.div_ceil(COLUMNS);
    DispatchDesc {
        kernel: BACKWARD_INPUT_TILED,
        constants,
        bindings: vec![dz, argmax, w, x, dx],
        grid: Grid::Layers(threads, d.c_in.div_ceil(channels)),
        flop,
    }
}
