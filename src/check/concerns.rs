//! Which kernels a comparison says something about.

use super::compare::What;
use crate::gpu::Buffer;
use crate::graph::NodeId;
use crate::plan::Plan;

/// Whether what was compared is in the buffer, or comes from it alone.
pub(super) fn concerns(plan: &Plan, buffer: Buffer, what: What) -> bool {
    let graph = plan.graph();
    let same = |a, b| plan.slot(a) == plan.slot(b);
    match (buffer, what) {
        (Buffer::Value(a), What::Value(b)) | (Buffer::Gradient(a), What::Gradient(b)) => same(a, b),
        // Where a maximum was shows in the gradients of the layer below.
        (Buffer::Argmax(a), What::ParameterGradient(b, _)) => graph.node(a).inputs.contains(&b),
        (Buffer::Argmax(a), What::Gradient(b)) => {
            let below = &graph.node(a).inputs;
            below.contains(&b) || below.iter().any(|below| graph.node(*below).inputs.contains(&b))
        }
        (
            Buffer::BatchStats(a) | Buffer::Moments(a) | Buffer::NodeParameters(a),
            What::Value(b),
        )
        | (
            Buffer::PartialSums(a) | Buffer::NodeParameterGradients(a),
            What::ParameterGradient(b, _),
        ) => a == b,
        // The moving statistics; what is trainable is the optimiser's affair.
        (
            Buffer::BatchStats(a) | Buffer::Moments(a) | Buffer::NodeParameters(a),
            What::Parameter(b, role),
        ) => a == b && !role.is_trainable(),
        (Buffer::Parameter(a, p), What::Parameter(b, q))
        | (Buffer::ParameterGradient(a, p), What::ParameterGradient(b, q)) => a == b && p == q,
        (
            Buffer::AllParameterGradients | Buffer::AllParameters | Buffer::Velocity,
            What::ParameterGradient(..) | What::Parameter(..) | What::Velocity(..),
        ) => true,
        (Buffer::LossTensors(a), What::Value(b) | What::Gradient(b)) => {
            let below = &graph.node(a).inputs;
            let input = |logits: &NodeId| graph.node(*logits).inputs.iter().any(|x| same(*x, b));
            same(a, b) || below.contains(&b) || below.iter().any(input)
        }
        (Buffer::StepMetrics | Buffer::Penalties, What::Metrics)
        | (Buffer::Probabilities, What::Probabilities) => true,
        _ => false,
    }
}
