//! The optimiser's step on the CPU. Shader twin: `shaders/sgd/step.wgsl`.

use rayon::prelude::*;

use super::Sgd;
use crate::simd::assert_may_fork;

/// A slice of the flat buffers: parameters, their gradients and their velocity.
#[derive(Debug)]
pub(crate) struct ParamSlice<'a> {
    pub(crate) gradients: &'a mut [f32],
    pub(crate) parameters: &'a mut [f32],
    pub(crate) velocity: &'a mut [f32],
}

impl<'a> ParamSlice<'a> {
    /// The first `at` elements and the rest.
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
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

    /// Chunks of `len` elements, each a task of its own. Forks.
    pub(crate) fn par_chunks(
        &mut self,
        len: usize,
    ) -> impl IndexedParallelIterator<Item = ParamSlice<'_>> {
        assert_may_fork();
        let changed = self.parameters.par_chunks_mut(len).zip(self.velocity.par_chunks_mut(len));
        self.gradients.par_chunks_mut(len).zip(changed).map(
            |(gradients, (parameters, velocity))| ParamSlice { gradients, parameters, velocity },
        )
    }

    /// Adds the penalty's gradient `2 · l2 · w` and takes the step:
    /// `v ← momentum · v − rate · g`, then `w ← w + v`, or with Nesterov momentum
    /// `w ← w + momentum · v − rate · g`.
    pub(crate) fn step(&mut self, l2: f32, sgd: Sgd) {
        let Self { gradients, parameters, velocity } = self;
        if l2 != 0.0 {
            let factor = 2.0 * l2;
            gradients.iter_mut().zip(&**parameters).for_each(|(g, &w)| *g += factor * w);
        }
        for ((w, v), &g) in parameters.iter_mut().zip(velocity.iter_mut()).zip(&**gradients) {
            *v = sgd.momentum * *v - sgd.learning_rate * g;
            *w += if sgd.nesterov { sgd.momentum * *v - sgd.learning_rate * g } else { *v };
        }
    }
}
