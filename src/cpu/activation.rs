//! What follows a layer's sum.

use crate::graph::Activation;

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
#[inline(always)]
pub(super) fn backward(activation: Activation, y: &[f32], dy: &mut [f32]) {
    match activation {
        Activation::Linear => {}
        Activation::Relu => {
            for (g, &v) in dy.iter_mut().zip(y) {
                *g = if v > 0.0 { *g } else { 0.0 };
            }
        }
    }
}
