//! `√(v + epsilon)` of each window, with the mean `v` of the squared differences from its mean.

use super::max_pool2d::windows;
use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>, window: [usize; 2], epsilon: f32) -> Vec<f64> {
    let x = node.inputs[0];
    let deviation = |under: &Vec<usize>| {
        let mean = mean(x, under);
        let squares: f64 = under.iter().map(|at| (x[*at] - mean).powi(2)).sum();
        (squares / under.len() as f64 + f64::from(epsilon)).sqrt()
    };
    windows(node, window).iter().map(deviation).collect()
}

/// `dy/dx_i = (x_i - mean) / (count · y)`: the mean's own derivative has the factor
/// `Σ (x - mean) = 0`.
pub(super) fn backward(node: &Node<'_>, window: [usize; 2], y: &[f64], dy: &[f64]) -> Gradients {
    let x = node.inputs[0];
    let mut dx = vec![0.0; x.len()];
    for ((g, y), under) in dy.iter().zip(y).zip(windows(node, window)) {
        let mean = mean(x, &under);
        for at in &under {
            dx[*at] += g * (x[*at] - mean) / (under.len() as f64 * y);
        }
    }
    Gradients::of_input(dx)
}

fn mean(x: &[f64], under: &[usize]) -> f64 {
    under.iter().map(|at| x[*at]).sum::<f64>() / under.len() as f64
}
