//! The penalty on the CPU. Shader twin: `shaders/penalty/forward.wgsl`.

use rayon::prelude::*;

use crate::graph::Graph;
use crate::simd::assert_may_fork;

/// Elements of one task.
const CHUNK: usize = 1 << 12;

/// `Σ l2 · Σ w²` over the kernels that have a penalty, in f64: chunks of [`CHUNK`] elements, then
/// the chunks in order. Forks.
pub(crate) fn penalty(graph: &Graph, parameters: &[f32]) -> f64 {
    assert_may_fork();
    (graph.parameters().iter().filter(|p| p.l2 != 0.0))
        .map(|p| {
            let chunks = parameters[p.range()].par_chunks(CHUNK).map(sum_of_squares);
            f64::from(p.l2) * chunks.collect::<Vec<f64>>().iter().sum::<f64>()
        })
        .sum()
}

fn sum_of_squares(w: &[f32]) -> f64 {
    // Eight interleaved sums: a fixed order that vectorises.
    let mut lanes = [0.0f64; 8];
    for eight in w.chunks(8) {
        for (lane, &w) in lanes.iter_mut().zip(eight) {
            *lane += f64::from(w) * f64::from(w);
        }
    }
    lanes.iter().sum()
}
