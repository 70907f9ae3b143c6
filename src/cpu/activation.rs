//! What follows a layer's sum.

use rayon::prelude::*;

use crate::graph::Activation;

/// Elements per task: large enough to be worth a task, fixed so that it is the same for all.
const CHUNK: usize = 1 << 14;

/// `y ← f(y)` for one row of sums, inside the op that made it.
#[inline(always)]
pub(super) fn forward(activation: Activation, y: &mut [f32]) {
    match activation {
        Activation::Linear => {}
        // Not `max`, which would hide a NaN.
        Activation::Relu => y.iter_mut().for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v }),
    }
}

/// `dy ← dy · f'(z)`, where `y = f(z)` tells the sign of `z`.
pub(super) fn backward(activation: Activation, y: &[f32], dy: &mut [f32]) {
    match activation {
        Activation::Linear => {}
        Activation::Relu => {
            dy.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).for_each(|(dy, y)| {
                for (g, &v) in dy.iter_mut().zip(y) {
                    *g = if v > 0.0 { *g } else { 0.0 };
                }
            });
        }
    }
}
