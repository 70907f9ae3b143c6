//! The optimiser's step on the flat buffers, and the penalty.

use rayon::prelude::*;

use crate::backend::Sgd;
use crate::graph::Graph;

/// Elements of one task.
const CHUNK: usize = 1 << 12;

/// `Σ l2 · Σ w²` over the kernels that have a penalty, in f64.
pub(super) fn penalty(graph: &Graph, parameters: &[f32]) -> f64 {
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

/// Adds the penalty's gradient `2 · l2 · w`.
pub(super) fn penalty_gradient(graph: &Graph, parameters: &[f32], gradients: &mut [f32]) {
    for p in graph.parameters().iter().filter(|p| p.l2 != 0.0) {
        let factor = 2.0 * p.l2;
        let chunks = gradients[p.range()].par_chunks_mut(CHUNK);
        chunks.zip(parameters[p.range()].par_chunks(CHUNK)).for_each(|(g, w)| {
            g.iter_mut().zip(w).for_each(|(g, &w)| *g += factor * w);
        });
    }
}

/// `v ← momentum · v − rate · g`, `w ← w + v`; with Nesterov's look ahead
/// `w ← w + momentum · v − rate · g`.
pub(super) fn step(sgd: Sgd, gradients: &[f32], parameters: &mut [f32], velocity: &mut [f32]) {
    let chunks = parameters.par_chunks_mut(CHUNK).zip(velocity.par_chunks_mut(CHUNK));
    chunks.zip(gradients.par_chunks(CHUNK)).for_each(|((w, v), g)| {
        for ((w, v), &g) in w.iter_mut().zip(v).zip(g) {
            *v = sgd.momentum * *v - sgd.learning_rate * g;
            *w += if sgd.nesterov { sgd.momentum * *v - sgd.learning_rate * g } else { *v };
        }
    });
}
