//! The step of gradient descent on the CPU. Shader twin: `shaders/sgd/step.wgsl`.

use super::Sgd;

/// The step of all parameters: `v ← momentum · v − rate · g`, then `w ← w + v`, or with Nesterov
/// momentum `w ← w + momentum · v − rate · g`.
#[inline(always)]
pub(crate) fn step(sgd: Sgd, gradients: &[f32], parameters: &mut [f32], velocity: &mut [f32]) {
    for ((w, v), &g) in parameters.iter_mut().zip(velocity.iter_mut()).zip(gradients) {
        step_of_one(sgd, g, w, v);
    }
}

/// The step of one.
#[inline(always)]
pub(crate) fn step_of_one(sgd: Sgd, g: f32, w: &mut f32, v: &mut f32) {
    *v = sgd.momentum * *v - sgd.learning_rate * g;
    *w += if sgd.nesterov { sgd.momentum * *v - sgd.learning_rate * g } else { *v };
}
