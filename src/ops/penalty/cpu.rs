//! The penalty on the CPU. Shader twin: `shaders/penalty/forward.wgsl`.

use rayon::prelude::*;

use crate::graph::Graph;
use crate::simd::{assert_may_fork, vectorised};

/// Elements of one task.
const CHUNK: usize = 1 << 12;

/// `Σ l2 · Σ w²` over the kernels that have a penalty, in f64: chunks of [`CHUNK`] elements, then
/// the chunks in order. Forks.
pub(crate) fn penalty(graph: &Graph, parameters: &[f32]) -> f64 {
    assert_may_fork();
    (graph.parameters().iter().filter(|p| p.l2 != 0.0))
        .map(|p| f64::from(p.l2) * sum_of_squares(&parameters[p.range()]))
        .sum()
}

/// `Σ w²` in the same order. Forks.
pub(crate) fn sum_of_squares(w: &[f32]) -> f64 {
    assert_may_fork();
    w.par_chunks(CHUNK).map(of_chunk).collect::<Vec<f64>>().iter().sum()
}

/// Eight interleaved sums: a fixed order that vectorises.
fn of_chunk(w: &[f32]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (eights, rest) = w.as_chunks::<8>();
    vectorised(
        #[inline(always)]
        || {
            for eight in eights {
                for (lane, &w) in lanes.iter_mut().zip(eight) {
                    *lane += f64::from(w) * f64::from(w);
                }
            }
        },
    );
    for (lane, &w) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(w) * f64::from(w);
    }
    lanes.iter().sum()
}
