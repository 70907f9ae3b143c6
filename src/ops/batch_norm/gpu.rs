//! Dispatches of batch normalisation, alone or fused with the poolings that read it:
//! `shaders/batch_norm/`. Mean, variance and the gradients of gamma and beta are partial sums
//! ([`SplitK`]) of two elements for each channel, few enough that each workgroup of the kernels that
//! read them reduces them for itself. The optimiser reduces those of the gradients, too.

use super::{BatchNorm, FusedPools};
use crate::graph::{Activation, NodeId};
use crate::ops::gpu::{
    Binding, Buffer, DispatchDesc, Grid, InputGradient, Kernel, KernelVariant, NodeContext,
    constants, kernels, switch,
};
use crate::ops::split_k::{MAX_POSITIONS, SplitK};

kernels! {
    "batch_norm":
    MOMENTS = "moments",
    MOMENTS_TILED = "moments_tiled",
    FORWARD = "forward",
    BACKWARD_WEIGHT = "backward_weight",
    BACKWARD_INPUT = "backward_input",
    POOL2D_FORWARD = "pool2d_forward",
    POOL2D_BACKWARD_WEIGHT = "pool2d_backward_weight",
    POOL2D_BACKWARD_INPUT = "pool2d_backward_input",
}

/// A batch's moments, and the gradients of gamma and beta: those of the input need them in training.
pub(crate) const TRAINING_ONLY: &[Kernel] =
    &[MOMENTS, MOMENTS_TILED, BACKWARD_WEIGHT, POOL2D_BACKWARD_WEIGHT];

/// Elements of a channel in [`Buffer::BatchStats`]: mean, inverse standard deviation, scale, shift.
pub(crate) const STATS_PER_CHANNEL: usize = 4;
/// Sums of a channel in a part.
const SUMS: usize = 2;
/// Parameters of a channel: gamma, beta, moving mean and variance.
const PARAMETERS: usize = 4;
/// Threads of a workgroup.
const GROUP: usize = 64;
/// Most parts of a batch where their rows are few enough: all workgroups of the next dispatch read
/// them all.
const MAX_PARTS: usize = 128;
/// Channels of a column of the kernels that take four at once.
const FOUR: usize = 4;

/// Channels of a column.
#[derive(Debug, Clone, Copy)]
struct Columns {
    channels: usize,
    count: usize,
}

impl Columns {
    /// Columns of `channels` channels each.
    fn of(op: &BatchNorm, channels: usize) -> Self {
        Self { channels, count: op.c / channels }
    }

    /// Threads that share a column in a workgroup.
    fn lanes(self) -> usize {
        GROUP / self.count.min(GROUP)
    }

    /// Splits rows of `window` positions each into parts of which a workgroup has one: as many as
    /// keep all lanes at work, and not more than [`MAX_PARTS`] unless a thread had too many positions.
    fn split(self, rows: usize, window: usize, batch: usize) -> SplitK {
        let most = self.lanes() * (MAX_POSITIONS / window).max(1);
        let stride = SUMS * self.count * self.channels;
        let samples = batch.div_ceil(MAX_PARTS).max(self.lanes() / rows).min(batch);
        if samples > 1 && samples * rows <= most {
            return SplitK::by_samples(samples, samples * rows, stride);
        }
        let parts = (MAX_PARTS / batch).clamp(1, rows.div_ceil(self.lanes()));
        SplitK::by_rows(rows, rows.div_ceil(parts).min(most), stride)
    }

    /// The workgroups of a split.
    fn grid(self, split: &SplitK, batch: usize) -> Grid {
        Grid::Groups(split.parts(batch) * self.count.div_ceil(GROUP))
    }
}

/// The positions of the batch, as all kernels but those with poolings walk them.
fn positions(op: &BatchNorm, columns: Columns, batch: usize) -> SplitK {
    columns.split(op.rows, 1, batch)
}

/// Windows of a sample, each of so many positions.
fn windows(pools: &FusedPools) -> (usize, usize) {
    let d = &pools.extents;
    (d.h_out * d.w_out, d.k_h * d.k_w)
}

/// The columns of moments.
fn moment_columns(op: &BatchNorm, variant: KernelVariant) -> Columns {
    let tiled = variant != KernelVariant::Plain && op.c.is_multiple_of(FOUR);
    Columns::of(op, if tiled { FOUR } else { 1 })
}

/// How mean and variance are split.
fn split_moments(op: &BatchNorm, variant: KernelVariant, batch: usize) -> SplitK {
    positions(op, moment_columns(op, variant), batch)
}

/// How the gradients of gamma and beta are split: by windows where poolings are fused.
pub(crate) fn split_gradients(op: &BatchNorm, batch: usize) -> SplitK {
    match &op.pools {
        Some(pools) => {
            let (rows, window) = windows(pools);
            Columns::of(op, FOUR).split(rows, window, batch)
        }
        None => positions(op, Columns::of(op, 1), batch),
    }
}

/// Elements of the moments of all parts.
pub(crate) fn moments_len(op: &BatchNorm, variant: KernelVariant, batch: usize) -> usize {
    split_moments(op, variant, batch).len(batch)
}

/// The split of a kernel's grid.
fn split_constants(split: &SplitK, rows: usize, columns: Columns) -> Vec<(&'static str, f64)> {
    constants([
        ("columns", columns.count),
        ("rows", rows),
        ("rows_per_part", split.rows_per_part),
        ("parts_per_sample", split.parts_per_sample),
        ("samples_per_part", split.samples_per_part),
    ])
}

/// The split of the partial sums that a kernel reads.
fn sum_constants(split: &SplitK, rows: usize) -> [(&'static str, f64); 4] {
    [
        ("sum_rows", rows as f64),
        ("sum_rows_per_part", split.rows_per_part as f64),
        ("sum_parts_per_sample", split.parts_per_sample as f64),
        ("sum_samples_per_part", split.samples_per_part as f64),
    ]
}

impl BatchNorm {
    fn is_relu(&self) -> bool {
        self.activation == Activation::Relu
    }
}

/// The first `rows` of the statistics `[4, c]`.
fn stats(op: &BatchNorm, node: &NodeContext, rows: usize) -> Binding {
    Buffer::BatchStats(node.id).with_traffic(rows * op.c)
}

/// Moments, then the output or that of the fused poolings.
pub(crate) fn forward(op: &BatchNorm, node: &NodeContext) -> Vec<DispatchDesc> {
    let last = match op.pools {
        Some(pools) => pool2d_forward(op, node, &pools),
        None => normalise(op, node),
    };
    vec![moments(op, node), last]
}

fn moments(op: &BatchNorm, node: &NodeContext) -> DispatchDesc {
    let columns = moment_columns(op, node.variant);
    let split = positions(op, columns, node.batch);
    let elements = node.batch * op.len();
    DispatchDesc {
        kernel: if columns.channels == 1 { MOMENTS } else { MOMENTS_TILED },
        constants: split_constants(&split, op.rows, columns),
        // Read twice, for the mean and then for the squares about it, but by then from a cache.
        bindings: vec![
            node.x(0).with_traffic(elements),
            Buffer::Moments(node.id).with_traffic(split.len(node.batch)),
        ],
        grid: columns.grid(&split, node.batch),
        flop: 4 * elements,
    }
}

/// What a kernel needs that makes the statistics from the moments.
fn statistics(
    op: &BatchNorm,
    node: &NodeContext,
    channels: usize,
) -> (Vec<(&'static str, f64)>, [Binding; 4]) {
    let split = split_moments(op, node.variant, node.batch);
    let constants = vec![
        ("momentum", f64::from(op.momentum)),
        ("epsilon", f64::from(op.epsilon)),
        ("tensor_stride", (node.tensor_stride / channels) as f64),
    ];
    let bindings = [
        node.x(0).with_traffic(node.batch * op.len()),
        Buffer::Moments(node.id).with_traffic(split.len(node.batch)),
        // The moving statistics are written, too.
        Buffer::NodeParameters(node.id).with_traffic((PARAMETERS + 2) * op.c),
        stats(op, node, STATS_PER_CHANNEL),
    ];
    (constants, bindings)
}

fn normalise(op: &BatchNorm, node: &NodeContext) -> DispatchDesc {
    let columns = Columns::of(op, 1);
    let split = positions(op, columns, node.batch);
    let moments = split_moments(op, node.variant, node.batch);
    let elements = node.batch * op.len();
    let mut constants = split_constants(&split, op.rows, columns);
    constants.extend(sum_constants(&moments, op.rows));
    constants.push(switch("relu", op.is_relu()));
    let (more, bindings) = statistics(op, node, columns.channels);
    constants.extend(more);
    DispatchDesc {
        kernel: FORWARD,
        constants,
        bindings: bindings.into_iter().chain([node.y().with_traffic(elements)]).collect(),
        grid: columns.grid(&split, node.batch),
        flop: 3 * elements,
    }
}

/// The gradients of gamma, beta and the input.
pub(crate) fn backward(op: &BatchNorm, node: &NodeContext, split: &SplitK) -> Vec<DispatchDesc> {
    let weight = match op.pools {
        Some(pools) => pool2d_backward_weight(op, node, &pools, split),
        None => backward_weight(op, node, split),
    };
    let input = node.input_gradient(0).map(|input| match op.pools {
        Some(pools) => pool2d_backward_input(op, node, &pools, split, input),
        None => backward_input(op, node, split, input),
    });
    std::iter::once(weight).chain(input).collect()
}

fn backward_weight(op: &BatchNorm, node: &NodeContext, split: &SplitK) -> DispatchDesc {
    let columns = Columns::of(op, 1);
    let elements = node.batch * op.len();
    DispatchDesc {
        kernel: BACKWARD_WEIGHT,
        constants: split_constants(split, op.rows, columns),
        bindings: vec![
            node.x(0).with_traffic(elements),
            node.dy().with_traffic(elements),
            stats(op, node, 2),
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
        ],
        grid: columns.grid(split, node.batch),
        flop: 5 * elements,
    }
}

fn backward_input(
    op: &BatchNorm,
    node: &NodeContext,
    split: &SplitK,
    input: InputGradient,
) -> DispatchDesc {
    let columns = Columns::of(op, 1);
    let elements = node.batch * op.len();
    let mut constants = split_constants(split, op.rows, columns);
    constants.extend(input.switches());
    DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.x(0).with_traffic(elements),
            node.dy().with_traffic(elements),
            stats(op, node, STATS_PER_CHANNEL - 1),
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
            input.dx(elements),
        ],
        grid: columns.grid(split, node.batch),
        flop: 6 * elements,
    }
}

fn pool_constants(op: &BatchNorm, pools: &FusedPools) -> Vec<(&'static str, f64)> {
    let mut constants = pools.extents.constants();
    constants.extend([
        switch("relu", op.is_relu()),
        switch("has_max", pools.max.is_some()),
        switch("has_mean", pools.mean.is_some()),
    ]);
    constants
}

/// Values or gradients of the max-pooling, its argmax, and those of the average pooling.
fn pool_bindings(
    node: &NodeContext,
    pools: &FusedPools,
    buffer: impl Fn(NodeId) -> Buffer,
) -> [Binding; 3] {
    let elements = node.batch * pools.extents.out_len();
    let bind = |buffer: Option<Buffer>| {
        buffer.map_or(Buffer::Unused.untouched(), |buffer| buffer.with_traffic(elements))
    };
    [
        bind(pools.max.map(&buffer)),
        bind(pools.max.map(Buffer::Argmax)),
        bind(pools.mean.map(&buffer)),
    ]
}

fn pool2d_forward(op: &BatchNorm, node: &NodeContext, pools: &FusedPools) -> DispatchDesc {
    let columns = Columns::of(op, FOUR);
    let (rows, window) = windows(pools);
    let split = columns.split(rows, window, node.batch);
    let moments = split_moments(op, node.variant, node.batch);
    let mut constants = pool_constants(op, pools);
    constants.extend(split_constants(&split, rows, columns));
    constants.extend(sum_constants(&moments, op.rows));
    let (more, bindings) = statistics(op, node, columns.channels);
    constants.extend(more);
    DispatchDesc {
        kernel: POOL2D_FORWARD,
        constants,
        bindings: bindings.into_iter().chain(pool_bindings(node, pools, Buffer::Value)).collect(),
        grid: columns.grid(&split, node.batch),
        flop: 4 * node.batch * op.len(),
    }
}

fn pool2d_backward_weight(
    op: &BatchNorm,
    node: &NodeContext,
    pools: &FusedPools,
    split: &SplitK,
) -> DispatchDesc {
    let columns = Columns::of(op, FOUR);
    let elements = node.batch * op.len();
    let [dmax, argmax, dmean] = pool_bindings(node, pools, Buffer::Gradient);
    let mut constants = pool_constants(op, pools);
    constants.extend(split_constants(split, windows(pools).0, columns));
    DispatchDesc {
        kernel: POOL2D_BACKWARD_WEIGHT,
        constants,
        bindings: vec![
            node.x(0).with_traffic(elements),
            stats(op, node, STATS_PER_CHANNEL),
            dmax,
            argmax,
            dmean,
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
        ],
        grid: columns.grid(split, node.batch),
        flop: 6 * elements,
    }
}

fn pool2d_backward_input(
    op: &BatchNorm,
    node: &NodeContext,
    pools: &FusedPools,
    summed: &SplitK,
    input: InputGradient,
) -> DispatchDesc {
    let d = &pools.extents;
    let columns = Columns::of(op, FOUR);
    let elements = node.batch * op.len();
    let [dmax, argmax, dmean] = pool_bindings(node, pools, Buffer::Gradient);
    let rows = d.h_in.div_ceil(d.k_h) * d.w_in.div_ceil(d.k_w);
    let (summed_rows, window) = windows(pools);
    let split = columns.split(rows, window, node.batch);
    let mut constants = pool_constants(op, pools);
    constants.extend(split_constants(&split, rows, columns));
    constants.extend(sum_constants(summed, summed_rows));
    constants.extend(input.switches());
    DispatchDesc {
        kernel: POOL2D_BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.x(0).with_traffic(elements),
            stats(op, node, STATS_PER_CHANNEL),
            Buffer::PartialSums(node.id).with_traffic(summed.len(node.batch)),
            dmax,
            argmax,
            dmean,
            input.dx(elements),
        ],
        grid: columns.grid(&split, node.batch),
        flop: 7 * elements,
    }
}
