//! Dispatches of batch normalisation, alone or fused with the poolings that read it:
//! `shaders/batch_norm/`. Mean, variance and the gradients of gamma and beta are partial sums
//! ([`SplitK`]) of two elements for each channel, which a second dispatch reduces.

use super::{BatchNorm, FusedPools};
use crate::graph::{Activation, NodeId, Role};
use crate::ops::gpu::{
    Binding, Buffer, DispatchDesc, Grid, InputGradient, Kernel, KernelVariant, NodeContext,
    constants, kernels, switch,
};
use crate::ops::split_k::SplitK;

kernels! {
    "batch_norm":
    MOMENTS = "moments",
    MOMENTS_TILED = "moments_tiled",
    STATS = "stats",
    FORWARD = "forward",
    BACKWARD_WEIGHT = "backward_weight",
    SUM_PARTS = "sum_parts",
    BACKWARD_INPUT = "backward_input",
    POOL2D_FORWARD = "pool2d_forward",
    POOL2D_BACKWARD_WEIGHT = "pool2d_backward_weight",
    POOL2D_BACKWARD_INPUT = "pool2d_backward_input",
}

/// A batch's moments, and the gradients of gamma and beta: those of the input need them in training.
pub(crate) const TRAINING_ONLY: &[Kernel] =
    &[MOMENTS, MOMENTS_TILED, BACKWARD_WEIGHT, POOL2D_BACKWARD_WEIGHT, SUM_PARTS];

/// Elements of a channel in [`Buffer::BatchStats`]: mean, inverse standard deviation, scale, shift.
pub(crate) const STATS_PER_CHANNEL: usize = 4;
/// Sums of a channel in a part.
const SUMS: usize = 2;
/// Elements that a workgroup of `sum_parts` reduces.
const SUMMED_BY_A_GROUP: usize = 16;

/// How mean and variance are split.
fn split_moments(op: &BatchNorm) -> SplitK {
    SplitK::by_positions(op.rows, 1, SUMS * op.c)
}

/// How the gradients of gamma and beta are split: by windows where poolings are fused.
fn split_gradients(op: &BatchNorm) -> SplitK {
    match op.pools {
        Some(FusedPools { extents: d, .. }) => {
            SplitK::by_positions(d.h_out * d.w_out, d.k_h * d.k_w, SUMS * op.c)
        }
        None => split_moments(op),
    }
}

/// Elements of the partial sums: one buffer serves both passes.
pub(crate) fn partial_sums(op: &BatchNorm, batch: usize, trains: bool) -> usize {
    let gradients = if trains { split_gradients(op).len(batch) } else { 0 };
    split_moments(op).len(batch).max(gradients)
}

fn extents(op: &BatchNorm) -> Vec<(&'static str, f64)> {
    constants([("rows", op.rows), ("c", op.c)])
}

fn split_extents(op: &BatchNorm, split: &SplitK) -> Vec<(&'static str, f64)> {
    constants([
        ("rows", op.rows),
        ("c", op.c),
        ("rows_per_part", split.rows_per_part),
        ("parts_per_sample", split.parts_per_sample),
    ])
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

/// Mean and variance, then the output or that of the fused poolings.
pub(crate) fn forward(op: &BatchNorm, node: &NodeContext) -> Vec<DispatchDesc> {
    let last = match op.pools {
        Some(pools) => pool2d_forward(op, node, &pools),
        None => normalise(op, node),
    };
    vec![moments(op, node), batch_stats(op, node), last]
}

fn moments(op: &BatchNorm, node: &NodeContext) -> DispatchDesc {
    let split = split_moments(op);
    let elements = node.batch * op.len();
    let sums = op.c * split.parts(node.batch);
    let tiled = node.variant != KernelVariant::Plain && op.c.is_multiple_of(4);
    DispatchDesc {
        kernel: if tiled { MOMENTS_TILED } else { MOMENTS },
        constants: split_extents(op, &split),
        // Read twice, for the mean and then for the squares about it, but by then from a cache.
        bindings: vec![
            node.x(0).with_traffic(elements),
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
        ],
        grid: Grid::Threads(if tiled { sums / 4 } else { sums }),
        flop: 4 * elements,
    }
}

fn batch_stats(op: &BatchNorm, node: &NodeContext) -> DispatchDesc {
    let split = split_moments(op);
    let mut constants = split_extents(op, &split);
    constants.push(("momentum", f64::from(op.momentum)));
    constants.push(("epsilon", f64::from(op.epsilon)));
    let parameter = |role, elements| Buffer::Parameter(node.id, role).with_traffic(elements);
    DispatchDesc {
        kernel: STATS,
        constants,
        bindings: vec![
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
            parameter(Role::Gamma, op.c),
            parameter(Role::Beta, op.c),
            parameter(Role::MovingMean, 2 * op.c),
            parameter(Role::MovingVariance, 2 * op.c),
            stats(op, node, STATS_PER_CHANNEL),
        ],
        grid: Grid::Groups(op.c),
        flop: 9 * op.c * split.parts(node.batch),
    }
}

fn normalise(op: &BatchNorm, node: &NodeContext) -> DispatchDesc {
    let elements = node.batch * op.len();
    let mut constants = constants([("len", op.len()), ("c", op.c)]);
    constants.push(switch("relu", op.is_relu()));
    DispatchDesc {
        kernel: FORWARD,
        constants,
        bindings: vec![
            node.x(0).with_traffic(elements),
            stats(op, node, 2),
            Buffer::Parameter(node.id, Role::Gamma).with_traffic(op.c),
            Buffer::Parameter(node.id, Role::Beta).with_traffic(op.c),
            node.y().with_traffic(elements),
        ],
        grid: Grid::Threads(elements),
        flop: 3 * elements,
    }
}

/// The gradients of gamma, beta and the input.
pub(crate) fn backward(op: &BatchNorm, node: &NodeContext) -> Vec<DispatchDesc> {
    let weight = match op.pools {
        Some(pools) => pool2d_backward_weight(op, node, &pools),
        None => backward_weight(op, node),
    };
    let input = node.input_gradient(0).map(|input| match op.pools {
        Some(pools) => pool2d_backward_input(op, node, &pools, input),
        None => backward_input(op, node, input),
    });
    [weight, sum_parts(op, node)].into_iter().chain(input).collect()
}

fn backward_weight(op: &BatchNorm, node: &NodeContext) -> DispatchDesc {
    let split = split_gradients(op);
    let elements = node.batch * op.len();
    DispatchDesc {
        kernel: BACKWARD_WEIGHT,
        constants: split_extents(op, &split),
        bindings: vec![
            node.x(0).with_traffic(elements),
            node.dy().with_traffic(elements),
            stats(op, node, 2),
            Buffer::PartialSums(node.id).with_traffic(split.len(node.batch)),
        ],
        grid: Grid::Threads(op.c * split.parts(node.batch)),
        flop: 5 * elements,
    }
}

fn sum_parts(op: &BatchNorm, node: &NodeContext) -> DispatchDesc {
    let split = split_gradients(op);
    let sums = split.len(node.batch);
    DispatchDesc {
        kernel: SUM_PARTS,
        constants: constants([("c", op.c), ("parts_per_sample", split.parts_per_sample)]),
        bindings: vec![
            Buffer::PartialSums(node.id).with_traffic(sums),
            Buffer::ParameterGradient(node.id, Role::Gamma).with_traffic(op.c),
            Buffer::ParameterGradient(node.id, Role::Beta).with_traffic(op.c),
        ],
        grid: Grid::Groups((SUMS * op.c).div_ceil(SUMMED_BY_A_GROUP)),
        flop: sums,
    }
}

fn backward_input(op: &BatchNorm, node: &NodeContext, input: InputGradient) -> DispatchDesc {
    let elements = node.batch * op.len();
    let mut constants = extents(op);
    constants.extend(input.switches());
    DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.x(0).with_traffic(elements),
            node.dy().with_traffic(elements),
            stats(op, node, 2),
            Buffer::Parameter(node.id, Role::Gamma).with_traffic(op.c),
            Buffer::ParameterGradient(node.id, Role::Gamma).with_traffic(op.c),
            Buffer::ParameterGradient(node.id, Role::Beta).with_traffic(op.c),
            input.dx(elements),
        ],
        grid: Grid::Threads(elements),
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
    let elements = node.batch * op.len();
    let [max, argmax, mean] = pool_bindings(node, pools, Buffer::Value);
    DispatchDesc {
        kernel: POOL2D_FORWARD,
        constants: pool_constants(op, pools),
        bindings: vec![
            node.x(0).with_traffic(elements),
            // All but the inverse standard deviation.
            stats(op, node, STATS_PER_CHANNEL - 1),
            max,
            argmax,
            mean,
        ],
        grid: Grid::Threads(node.batch * pools.extents.out_len() / 4),
        flop: 4 * elements,
    }
}

fn pool2d_backward_weight(op: &BatchNorm, node: &NodeContext, pools: &FusedPools) -> DispatchDesc {
    let split = split_gradients(op);
    let elements = node.batch * op.len();
    let [dmax, argmax, dmean] = pool_bindings(node, pools, Buffer::Gradient);
    let mut constants = pool_constants(op, pools);
    constants.extend([
        ("windows_per_part", split.rows_per_part as f64),
        ("parts_per_sample", split.parts_per_sample as f64),
    ]);
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
        grid: Grid::Threads(split.parts(node.batch) * op.c / 4),
        flop: 6 * elements,
    }
}

fn pool2d_backward_input(
    op: &BatchNorm,
    node: &NodeContext,
    pools: &FusedPools,
    input: InputGradient,
) -> DispatchDesc {
    let d = &pools.extents;
    let elements = node.batch * op.len();
    let [dmax, argmax, dmean] = pool_bindings(node, pools, Buffer::Gradient);
    let mut constants = pool_constants(op, pools);
    constants.push(("beta_at", node.beta_offset as f64));
    constants.extend(input.switches());
    let windows = d.h_in.div_ceil(d.k_h) * d.w_in.div_ceil(d.k_w);
    DispatchDesc {
        kernel: POOL2D_BACKWARD_INPUT,
        constants,
        bindings: vec![
            node.x(0).with_traffic(elements),
            stats(op, node, STATS_PER_CHANNEL),
            // In one binding: a kernel has seven at most.
            Buffer::NormGradients(node.id).with_traffic(2 * op.c),
            dmax,
            argmax,
            dmean,
            input.dx(elements),
        ],
        grid: Grid::Threads(node.batch * windows * op.c / 4),
        flop: 7 * elements,
    }
}
