//! Whether the kernels and a plan fit an adapter, checked before anything is allocated.

use super::context::Context;
use super::memory::{Layout, Memory, UNIFORM_BYTES, WORD};
use super::replicate::MOST;
use super::tiles::Tiles;
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::ops::gpu::{KernelVariant, TileConfig};
use crate::ops::{batch_norm, pool2d};
use crate::plan::{LoweredOp, Plan};

/// Buffers that a kernel reads and writes, at most: the shaders are held to it by a test.
pub const MAX_STORAGE_BUFFERS: u32 = 7;
/// Invocations of a kernel's workgroup, at most.
pub const MAX_WORKGROUP_SIZE: u32 = 256;
/// Bytes that a kernel's workgroup shares, at most.
pub const MAX_WORKGROUP_BYTES: u32 = 16_384;

/// Checks that a device has what all kernel variants need: every plan has a loss, whose kernel takes
/// most of it.
pub(super) fn device(context: &Context) -> Result<()> {
    let limits = &context.limits;
    let needs = [
        (
            "buffers that a kernel reads and writes (max_storage_buffers_per_shader_stage)",
            limits.max_storage_buffers_per_shader_stage,
            MAX_STORAGE_BUFFERS,
        ),
        (
            "invocations of a workgroup (max_compute_invocations_per_workgroup)",
            limits.max_compute_invocations_per_workgroup,
            MAX_WORKGROUP_SIZE,
        ),
        (
            "invocations of a workgroup along x (max_compute_workgroup_size_x)",
            limits.max_compute_workgroup_size_x,
            MAX_WORKGROUP_SIZE,
        ),
        (
            "bytes that a workgroup shares (max_compute_workgroup_storage_size)",
            limits.max_compute_workgroup_storage_size,
            MAX_WORKGROUP_BYTES,
        ),
    ];
    match needs.iter().find(|(_, most, needed)| most < needed) {
        None => Ok(()),
        Some((what, most, needed)) => Err(context.fault(format!(
            "{what}: the kernels need {needed}, this adapter has {most}; use --device cpu or another \
             --adapter"
        ))),
    }
}

/// Whether weights can be read through a uniform, as the tiled kernels do.
fn has_large_uniforms(context: &Context) -> bool {
    context.limits.max_uniform_buffer_binding_size >= UNIFORM_BYTES
}

/// The wanted kernels, or the plain ones where the others do not fit.
pub(super) fn variant(context: &Context, wanted: KernelVariant) -> KernelVariant {
    if has_large_uniforms(context) { wanted } else { KernelVariant::Plain }
}

/// As many replicas as are wanted, or those whose buffers can each be bound whole.
pub(super) fn replicas(
    context: &Context,
    plan: &Plan,
    variant: KernelVariant,
    tiles: &Tiles,
    wanted: usize,
) -> usize {
    let wanted = wanted.clamp(1, MOST);
    if wanted == 1 {
        return 1;
    }
    let largest = context.largest();
    let two = Memory::new(plan, variant, tiles, largest, 2);
    let widest = two.buffers.descs.iter().map(|desc| desc.len as u64 * WORD / 2).max();
    let fit = largest / widest.unwrap_or(0).max(1);
    wanted.min(usize::try_from(fit).unwrap_or(MOST)).max(1)
}

/// Says that the plain kernels are used and why, where that is so.
pub(super) fn slow(context: &Context) -> Option<String> {
    (!has_large_uniforms(context)).then(|| {
        format!(
            "{} has at most {} bytes for a uniform, and the fast kernels need {UNIFORM_BYTES}: the \
             plain ones are used, which are several times slower",
            context.facts, context.limits.max_uniform_buffer_binding_size
        )
    })
}

/// Checks the plan's buffers; `most` is the limit of a single buffer, in bytes, `instead` another way
/// for who has one.
pub(super) fn check(plan: &Plan, adapter: &str, most: u64, instead: Option<&str>) -> Result<()> {
    let smaller = match instead {
        Some(instead) => format!("use {instead} or a smaller model"),
        None => "use a smaller model".into(),
    };
    let graph = plan.graph();
    let limit = |what: String, bytes: u64, help: String| Error::DeviceLimit {
        adapter: adapter.into(),
        what: format!("model {}, {what}", graph.model()),
        bytes,
        most,
        help,
    };
    let flat = Layout::new(graph).len as u64 * WORD + UNIFORM_BYTES;
    let largest = graph.parameters().iter().max_by_key(|p| p.len());
    if let (Some(largest), true) = (largest, flat > most) {
        let what = format!("all parameters, most of them {}", largest.name);
        return Err(limit(what, flat, smaller));
    }
    // The widest node decides how large a batch can be; the first of equals is named.
    let is_materialized = |id: &NodeId| plan.is_materialized(*id);
    let nodes = graph.ids().rev().filter(is_materialized);
    let Some(widest) = nodes.max_by_key(|id| elements(plan, *id)) else { return Ok(()) };
    let (node, elements) = (graph.node(widest), elements(plan, widest));
    // Buffers are whole vec4s.
    let bytes = |batch: u64| (batch * elements * WORD).next_multiple_of(16);
    let batch = plan.batch() as u64;
    if bytes(batch) <= most {
        return Ok(());
    }
    let what = format!("node \"{}\", output for a batch of {batch}", node.name);
    let fits = most / 16 * 16 / (elements * WORD);
    let help = match fits {
        0 => format!("a single sample is too large for it; {smaller}"),
        _ => {
            let or = instead.map_or_else(String::new, |instead| format!(", or {instead}"));
            format!("use --batch-size {fits}, the largest that fits{or}")
        }
    };
    Err(limit(what, bytes(batch), help))
}

/// Checks that no window is longer than a thread's loops may be: llvmpipe ends a shader after 65,535
/// iterations, without an error. Other long sums are split: `src/ops/split_k.rs`.
pub(super) fn loops(context: &Context, plan: &Plan) -> Result<()> {
    const LONGEST: usize = 65_535;
    if !context.facts.name.contains("llvmpipe") {
        return Ok(());
    }
    let graph = plan.graph();
    for id in graph.ids() {
        let Some((d, passes)) = window(plan.lowered(id)) else { continue };
        let iterations = passes * d.k_h * (d.k_w + 1);
        if iterations > LONGEST {
            return Err(context.fault(format!(
                "model {}, node \"{}\": a window of {}×{} takes {iterations} iterations of a loop, and \
                 llvmpipe ends a kernel after {LONGEST}; use --device cpu, another --adapter or smaller \
                 windows",
                graph.model(),
                graph.node(id).name,
                d.k_h,
                d.k_w
            )));
        }
    }
    Ok(())
}

/// The windows that one thread each reads, and how often.
fn window(lowered: &LoweredOp) -> Option<(pool2d::Extents, usize)> {
    match lowered {
        LoweredOp::MaxPool2d(op) => Some((op.extents, 1)),
        LoweredOp::AvgPool2d(op) => Some((op.extents, 1)),
        // For the mean, then for the differences from it.
        LoweredOp::StdPool2d(op) => Some((op.extents, 2)),
        LoweredOp::BatchNorm(op) => op.pools.map(|pools| (pools.extents, 1)),
        LoweredOp::Input
        | LoweredOp::Alias
        | LoweredOp::FusedInto(_)
        | LoweredOp::Conv2d(_)
        | LoweredOp::DepthwiseConv2d(_)
        | LoweredOp::Activation(_)
        | LoweredOp::Dropout(_)
        | LoweredOp::Crop(_)
        | LoweredOp::AxisToChannels(_)
        | LoweredOp::Concat(_)
        | LoweredOp::Add(_)
        | LoweredOp::Dense(_)
        | LoweredOp::Softmax(_) => None,
    }
}

/// Elements of the largest buffer that a node needs for a sample: its output, or the moments of a
/// batch norm. The partial sums of a convolution's gradients are cut to what fits.
fn elements(plan: &Plan, id: NodeId) -> u64 {
    const MOST_MOMENTS: (KernelVariant, TileConfig) = (KernelVariant::Plain, TileConfig::Narrow);
    let output = plan.graph().node(id).shape.len();
    if let LoweredOp::BatchNorm(op) = plan.lowered(id) {
        return output.max(batch_norm::gpu::moments_len(op, MOST_MOMENTS, 1)) as u64;
    }
    output as u64
}
