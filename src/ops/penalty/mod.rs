//! The L2 penalty `Σ l2 · Σ w²` over the kernels that have one, added to the loss once per batch.
//! Its gradient `2 · l2 · w` is added by the optimiser ([`super::sgd`]).

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::work;
use crate::graph::{Graph, Parameter};
use crate::measure::Work;

/// Arithmetic and bytes of the penalty of a graph.
pub fn penalty_work(graph: &Graph) -> Work {
    let parameters = graph.parameters().iter();
    let penalised: usize = parameters.filter(|p| p.l2 != 0.0).map(Parameter::len).sum();
    work(2 * penalised, penalised)
}
