//! The optimiser's step on the CPU. Shader twins: `shaders/sgd/`, `shaders/optimizer/`.

use rayon::iter::Either;
use rayon::prelude::*;

use super::{Adam, Numbers, StepRule, clip_factor};
use crate::ops::penalty::cpu::sum_of_squares;
use crate::ops::sgd;
use crate::simd::{assert_may_fork, vectorised};

/// A slice of the flat buffers: parameters, their gradients and their moments.
#[derive(Debug)]
pub(crate) struct ParamSlice<'a> {
    pub(crate) gradients: &'a mut [f32],
    pub(crate) parameters: &'a mut [f32],
    /// The velocity, or the first moment.
    pub(crate) velocity: &'a mut [f32],
    /// Empty where the optimiser has none.
    pub(crate) second_moment: &'a mut [f32],
}

/// What is done of an update.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// Gradients and step in one pass.
    Whole(Numbers),
    /// The gradients, with the penalty's: clipping needs the norm of all before the first step.
    Gradients,
    /// The step, from the gradients that are there times a factor.
    Step(Numbers, f32),
}

impl Stage {
    /// Whether gradients are summed over the shards.
    pub(crate) fn sums(self) -> bool {
        match self {
            Self::Whole(_) | Self::Gradients => true,
            Self::Step(..) => false,
        }
    }

    /// Whether weights move.
    pub(crate) fn steps(self) -> bool {
        match self {
            Self::Whole(_) | Self::Step(..) => true,
            Self::Gradients => false,
        }
    }

    /// The same for what does not decay.
    pub(crate) fn without_decay(self) -> Self {
        let keeps = |numbers| Numbers { decay: 0.0, ..numbers };
        match self {
            Self::Whole(numbers) => Self::Whole(keeps(numbers)),
            Self::Gradients => self,
            Self::Step(numbers, factor) => Self::Step(keeps(numbers), factor),
        }
    }
}

impl<'a> ParamSlice<'a> {
    /// The first `at` elements and the rest.
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let (gradients, more_gradients) = self.gradients.split_at_mut(at);
        let (parameters, more_parameters) = self.parameters.split_at_mut(at);
        let (velocity, more_velocity) = self.velocity.split_at_mut(at);
        let own = at.min(self.second_moment.len());
        let (second_moment, more_second_moment) = self.second_moment.split_at_mut(own);
        let rest = Self {
            gradients: more_gradients,
            parameters: more_parameters,
            velocity: more_velocity,
            second_moment: more_second_moment,
        };
        (Self { gradients, parameters, velocity, second_moment }, rest)
    }

    /// Chunks of `len` elements, each a task of its own. Forks.
    pub(crate) fn par_chunks(
        &mut self,
        len: usize,
    ) -> impl IndexedParallelIterator<Item = ParamSlice<'_>> {
        assert_may_fork();
        let chunks = self.parameters.len().div_ceil(len);
        let second = match self.second_moment.is_empty() {
            true => Either::Left((0..chunks).into_par_iter().map(|_| <&mut [f32]>::default())),
            false => Either::Right(self.second_moment.par_chunks_mut(len)),
        };
        let moments = self.velocity.par_chunks_mut(len).zip(second);
        let changed = self.parameters.par_chunks_mut(len).zip(moments);
        self.gradients.par_chunks_mut(len).zip(changed).map(
            |(gradients, (parameters, (velocity, second_moment)))| ParamSlice {
                gradients,
                parameters,
                velocity,
                second_moment,
            },
        )
    }

    /// Adds the penalty's gradient `2 · l2 · w` to the sums over the shards, and takes the step.
    pub(crate) fn update(&mut self, l2: f32, stage: Stage) {
        if stage.sums() && l2 != 0.0 {
            let factor = 2.0 * l2;
            let Self { gradients, parameters, .. } = self;
            vectorised(
                #[inline(always)]
                || gradients.iter_mut().zip(&**parameters).for_each(|(g, &w)| *g += factor * w),
            );
        }
        match stage {
            Stage::Whole(numbers) => self.step(numbers, 1.0),
            Stage::Gradients => {}
            Stage::Step(numbers, factor) => self.step(numbers, factor),
        }
    }

    /// The step from the gradients times `factor`.
    fn step(&mut self, numbers: Numbers, factor: f32) {
        let Self { gradients, parameters, velocity, second_moment } = self;
        let decay = numbers.decay;
        match numbers.rule {
            // Of gradients that are not clipped.
            StepRule::Sgd(sgd) if decay == 0.0 && factor == 1.0 => vectorised(
                #[inline(always)]
                || sgd::cpu::step(sgd, gradients, parameters, velocity),
            ),
            StepRule::Sgd(sgd) => vectorised(
                #[inline(always)]
                || {
                    let moved = parameters.iter_mut().zip(velocity.iter_mut());
                    for ((w, v), &g) in moved.zip(&**gradients) {
                        let g = g * factor;
                        *w -= decay * *w;
                        sgd::cpu::step_of_one(sgd, g, w, v);
                    }
                },
            ),
            StepRule::Adam(adam) => vectorised(
                #[inline(always)]
                || {
                    let moments = velocity.iter_mut().zip(second_moment.iter_mut());
                    let moved = parameters.iter_mut().zip(moments);
                    for ((w, (m, v)), &g) in moved.zip(&**gradients) {
                        let g = g * factor;
                        *w -= decay * *w;
                        step_of_one(adam, g, w, m, v);
                    }
                },
            ),
        }
    }
}

/// Adam's step of one weight.
#[inline(always)]
fn step_of_one(adam: Adam, g: f32, w: &mut f32, m: &mut f32, v: &mut f32) {
    *m += (g - *m) * adam.gain_1;
    *v += (g * g - *v) * adam.gain_2;
    *w -= *m * adam.rate / (v.sqrt() + adam.epsilon);
}

/// The factor that clips all gradients together. Forks.
pub(crate) fn factor(gradients: &[f32], clip_norm: f64) -> f32 {
    clip_factor(sum_of_squares(gradients), clip_norm)
}
