//! A function of each element, and its derivative.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use crate::graph::Function;

use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>, function: Function) -> Vec<f64> {
    let y = |x: f64| match function {
        Function::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Function::Gelu => x * normal_below(x),
        Function::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
    };
    node.inputs[0].iter().map(|x| y(*x)).collect()
}

pub(super) fn backward(node: &Node<'_>, function: Function, dy: &[f64]) -> Gradients {
    let slope = |x: f64| match function {
        // A NaN stays a NaN.
        Function::Elu => {
            if x > 0.0 {
                1.0
            } else {
                x.exp()
            }
        }
        Function::Gelu => normal_below(x) + x * (-x * x / 2.0).exp() / (2.0 * PI).sqrt(),
        Function::LeakyRelu { slope } => {
            if x > 0.0 {
                1.0
            } else {
                f64::from(slope)
            }
        }
        Function::Sigmoid => {
            let y = 1.0 / (1.0 + (-x).exp());
            y * (1.0 - y)
        }
        Function::Tanh => 1.0 - x.tanh().powi(2),
    };
    let x = node.inputs[0].iter().zip(dy);
    Gradients::of_input(x.map(|(x, g)| g * slope(*x)).collect())
}

/// `Φ(x)`: how much of a standard normal lies below x.
fn normal_below(x: f64) -> f64 {
    0.5 * (1.0 + erf(x * FRAC_1_SQRT_2))
}

/// `2/√π · exp(-x²) Σ_k 2^k x^(2k+1) / (1 · 3 · … · (2k+1))`: all terms have one sign.
fn erf(x: f64) -> f64 {
    if x.abs() > 7.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, 0.0);
    for k in 1..300 {
        sum += term;
        term *= 2.0 * x * x / f64::from(2 * k + 1);
    }
    FRAC_2_SQRT_PI * (-x * x).exp() * sum
}
