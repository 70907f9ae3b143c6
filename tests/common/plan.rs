//! What the tests read of a plan.

use genre_gpu::graph::{Graph, NodeId};
use genre_gpu::plan::{Gradient, Plan};

pub fn of(graph: &Graph, batch: usize) -> Plan {
    Plan::new(graph.clone(), batch).unwrap()
}

/// Whether backward leaves out the gradient of a node's `input`-th input.
pub fn skips_input_gradient(plan: &Plan, id: NodeId, input: usize) -> bool {
    plan.input_gradients(id)[input] == Gradient::Skip
}
