//! Whether a plan fits an adapter, checked before anything is allocated.

use super::adapter::AdapterFacts;
use super::memory::{Layout, UNIFORM_BYTES, WORD};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::ops::batch_norm;
use crate::plan::{LoweredOp, Plan};

/// Checks the plan's buffers; `most` is the limit of a single buffer, in bytes.
pub(super) fn check(plan: &Plan, facts: &AdapterFacts, most: u64) -> Result<()> {
    let graph = plan.graph();
    let limit = |what: String, bytes: u64, help: String| Error::DeviceLimit {
        adapter: facts.to_string(),
        what: format!("model {}, {what}", graph.model()),
        bytes,
        most,
        help,
    };
    let flat = Layout::new(graph).len as u64 * WORD + UNIFORM_BYTES;
    let largest = graph.parameters().iter().max_by_key(|p| p.len());
    if let (Some(largest), true) = (largest, flat > most) {
        let what = format!("all parameters, most of them {}", largest.name);
        return Err(limit(what, flat, "use --device cpu or a smaller model".into()));
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
        0 => "a single sample is too large for it; use --device cpu or a smaller model".into(),
        _ => format!("use --batch-size {fits}, the largest that fits, or --device cpu"),
    };
    Err(limit(what, bytes(batch), help))
}

/// Elements of the largest buffer that a node needs for a sample: its output, or the partial sums
/// of a batch norm. Those of a convolution's gradients are cut to what fits.
fn elements(plan: &Plan, id: NodeId) -> u64 {
    let output = plan.graph().node(id).shape.len();
    if let LoweredOp::BatchNorm(op) = plan.lowered(id) {
        return output.max(batch_norm::gpu::partial_sums(op, 1, plan.trains())) as u64;
    }
    output as u64
}
