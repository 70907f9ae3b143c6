//! Activations on the CPU, as loops that vectorise. Shader twins: `shaders/activation/forward.wgsl`,
//! `shaders/activation/backward_input.wgsl`.

use super::{Activation, TAIL};
use crate::graph::Function;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Update};
use crate::simd::vectorised;

#[derive(Debug)]
pub(crate) struct ActivationLayer(pub(crate) Activation);

impl Layer for ActivationLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let (x, y) = (io.x.get(0), io.y);
        match self.0.function {
            Function::Elu => map(x, y, elu),
            Function::Gelu => map(x, y, gelu),
            Function::LeakyRelu { slope } => map(x, y, |x| if x > 0.0 { x } else { slope * x }),
            Function::Sigmoid => map(x, y, sigmoid),
            Function::Tanh => map(x, y, tanh),
        }
    }

    fn backward(&self, mut io: Backward<'_>) {
        let Some((rule, dx)) = io.dx.get(0) else { return };
        let at = (io.x.get(0), &*io.dy);
        match self.0.function {
            Function::Elu => multiply(at, rule, dx, elu_slope),
            Function::Gelu => multiply(at, rule, dx, gelu_slope),
            Function::LeakyRelu { slope } => {
                multiply(at, rule, dx, |x| if x > 0.0 { 1.0 } else { slope });
            }
            Function::Sigmoid => multiply(at, rule, dx, |x| bell(x.abs())),
            Function::Tanh => multiply(at, rule, dx, |x| 4.0 * bell(2.0 * x.abs())),
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}

/// `y = f(x)`.
fn map(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    vectorised(
        #[inline(always)]
        || y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*x)),
    );
}

/// `dx (+)= dy · slope(x)`.
fn multiply((x, dy): (&[f32], &[f32]), rule: Gradient, dx: &mut [f32], slope: impl Fn(f32) -> f32) {
    let all = dx.iter_mut().zip(x.iter().zip(dy));
    vectorised(
        #[inline(always)]
        || match rule {
            Gradient::Add => all.for_each(|(dx, (x, g))| *dx += g * slope(*x)),
            Gradient::Set | Gradient::Skip => all.for_each(|(dx, (x, g))| *dx = g * slope(*x)),
        },
    );
}

#[inline(always)]
fn elu(x: f32) -> f32 {
    // Only one of the two is above or below 0; a NaN stays one.
    let (_, m) = exponential(if x > 0.0 { 0.0 } else { x });
    if x > 0.0 { x } else { m }
}

#[inline(always)]
fn elu_slope(x: f32) -> f32 {
    let (e, _) = exponential(if x > 0.0 { 0.0 } else { x });
    e
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    let (_, below) = normal(x);
    x * below
}

#[inline(always)]
fn gelu_slope(x: f32) -> f32 {
    const DENSITY: f32 = 0.398_942_3;
    let (e, below) = normal(x);
    below + x * (DENSITY * e)
}

/// `exp(-x²/2)` and `Φ(x)`.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let (e, _) = exponential(-0.5 * (x * x));
    let t = 1.0 / (1.0 + 0.35 * x.abs());
    let [low @ .., highest] = TAIL;
    let polynomial = low.iter().rev().fold(highest, |sum, coefficient| sum * t + coefficient);
    let tail = polynomial * t * e;
    (e, if x < 0.0 { tail } else { 1.0 - tail })
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let (e, _) = exponential(-x.abs());
    let s = 1.0 / (1.0 + e);
    if x < 0.0 { e * s } else { s }
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let (_, m) = exponential(-2.0 * x.abs());
    (-m / (2.0 + m)).copysign(x)
}

/// The derivative of the sigmoid at ±a: `e · s²` with `e = exp(-a)` and `s = 1 / (1 + e)`.
#[inline(always)]
fn bell(a: f32) -> f32 {
    let (e, _) = exponential(-a);
    let s = 1.0 / (1.0 + e);
    e * s * s
}

/// `exp(x)` and `exp(x) - 1` for x of 0 or less: `x = n · ln 2 + r` with a whole n and |r| ≤ ln 2 / 2,
/// `exp(x) = 2^n + 2^n · (exp(r) - 1)`, and a polynomial for the last (Cephes, relative error 2e-8).
/// Below -87 they are 0 and -1. A NaN gives NaNs.
#[inline(always)]
fn exponential(x: f32) -> (f32, f32) {
    use std::f32::consts::LOG2_E;
    /// ln 2 in two parts: the first has so few bits that its products with n are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// 1.5 · 2^23: where it is added, the unit is the last place.
    const UNITS: f32 = 12_582_912.0;
    const P: [f32; 6] =
        [0.5, 0.166_666_65, 4.166_579_6e-2, 8.333_452e-3, 1.398_2e-3, 1.987_569_1e-4];
    let is_zero = x < -87.0;
    let x = if is_zero { -87.0 } else { x };
    let rounded = x * LOG2_E + UNITS;
    let n = rounded - UNITS;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let [low @ .., highest] = P;
    let polynomial = low.iter().rev().fold(highest, |sum, coefficient| sum * r + coefficient);
    let m = r + r * r * polynomial;
    // The low bits of `rounded` are n, here moved to the place of the exponent.
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    let both = (scale + scale * m, (scale - 1.0) + scale * m);
    if is_zero { (0.0, -1.0) } else { both }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest `|f(x) - want(x)| / (1 + |want(x)|)` over many x from -100 to 100.
    fn worst(f: fn(f32) -> f32, want: fn(f64) -> f64) -> f64 {
        let x = (-400_000..=400_000).map(|i| (i as f32 / 4e5).powi(3) * 100.0);
        let far = x.map(|x| {
            let want = want(f64::from(x));
            (f64::from(f(x)) - want).abs() / (1.0 + want.abs())
        });
        far.fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_as_exact_as_f32_allows() {
        let below = |x: f64| if x > 0.0 { x } else { x.exp_m1() };
        assert!(worst(elu, below) < 1e-7, "{:e}", worst(elu, below));
        assert!(worst(elu_slope, |x| x.min(0.0).exp()) < 1.2e-7);
        let s = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(worst(sigmoid, s) < 1e-7, "{:e}", worst(sigmoid, s));
        assert!(worst(tanh, f64::tanh) < 1.2e-7, "{:e}", worst(tanh, f64::tanh));
        let e = |x: f64| (-x * x / 2.0).exp();
        assert!(worst(|x| normal(x).0, e) < 4e-7, "{:e}", worst(|x| normal(x).0, e));
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        for x in [1e-30f32, 1e-10, 1e-5, 1e-3, 0.1] {
            let apart = |got: f32, want: f64| (f64::from(got) / want - 1.0).abs();
            assert!(apart(tanh(x), f64::from(x).tanh()) < 3e-7, "tanh({x})");
            assert!(apart(elu(-x), f64::from(-x).exp_m1()) < 2e-7, "elu(-{x})");
            assert_eq!(tanh(-x), -tanh(x));
        }
    }
}
