//! What the tests read of a plan.

use genre_gpu::graph::{Graph, NodeId};
use genre_gpu::plan::{Gradient, Plan};

pub fn of(graph: &Graph, batch: usize) -> Plan {
    Plan::new(graph.clone(), batch).unwrap()
}

/// Whether the gradient at a node's output is ever computed.
pub fn has_gradient(plan: &Plan, id: NodeId) -> bool {
    plan.has_gradient(plan.slot(id))
}

/// Whether backward leaves out the gradient of a node's `input`-th input.
pub fn skips_input_gradient(plan: &Plan, id: NodeId, input: usize) -> bool {
    plan.input_gradients(id)[input] == Gradient::Skip
}

/// Whether the device fuses a node with the poolings behind it, and so keeps no tensor of it.
pub fn is_fused(plan: &Plan, id: NodeId) -> bool {
    !plan.is_materialized(id)
}
