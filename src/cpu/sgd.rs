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

/// A stretch of the flat buffers: what learns, and by how much.
pub(super) struct Stretch<'a> {
    pub(super) gradients: &'a mut [f32],
    pub(super) parameters: &'a mut [f32],
    pub(super) velocity: &'a mut [f32],
}

impl<'a> Stretch<'a> {
    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        let (gradients, more_gradients) = self.gradients.split_at_mut(at);
        let (parameters, more_parameters) = self.parameters.split_at_mut(at);
        let (velocity, more_velocity) = self.velocity.split_at_mut(at);
        let rest = Self {
            gradients: more_gradients,
            parameters: more_parameters,
            velocity: more_velocity,
        };
        (Self { gradients, parameters, velocity }, rest)
    }

    /// In tasks of so many elements.
    pub(super) fn chunks(
        &mut self,
        len: usize,
    ) -> impl IndexedParallelIterator<Item = Stretch<'_>> {
        let learning = self.parameters.par_chunks_mut(len).zip(self.velocity.par_chunks_mut(len));
        self.gradients
            .par_chunks_mut(len)
            .zip(learning)
            .map(|(gradients, (parameters, velocity))| Stretch { gradients, parameters, velocity })
    }

    /// Adds the penalty's gradient `2 · l2 · w`, and takes the step, unless it is none:
    /// `v ← momentum · v − rate · g`, `w ← w + v`; with Nesterov's look ahead
    /// `w ← w + momentum · v − rate · g`.
    pub(super) fn step(&mut self, l2: f32, sgd: Option<Sgd>) {
        let Self { gradients, parameters, velocity } = self;
        if l2 != 0.0 {
            let factor = 2.0 * l2;
            gradients.iter_mut().zip(&**parameters).for_each(|(g, &w)| *g += factor * w);
        }
        let Some(sgd) = sgd else { return };
        for ((w, v), &g) in parameters.iter_mut().zip(velocity.iter_mut()).zip(&**gradients) {
            *v = sgd.momentum * *v - sgd.learning_rate * g;
            *w += if sgd.nesterov { sgd.momentum * *v - sgd.learning_rate * g } else { *v };
        }
    }
}
