//! The mean of each window.

use super::max_pool2d::windows;
use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>, window: [usize; 2]) -> Vec<f64> {
    let mean = |under: &Vec<usize>| {
        under.iter().map(|at| node.inputs[0][*at]).sum::<f64>() / under.len() as f64
    };
    windows(node, window).iter().map(mean).collect()
}

pub(super) fn backward(node: &Node<'_>, window: [usize; 2], dy: &[f64]) -> Gradients {
    let mut dx = vec![0.0; node.inputs[0].len()];
    for (g, under) in dy.iter().zip(windows(node, window)) {
        for at in &under {
            dx[*at] += g / under.len() as f64;
        }
    }
    Gradients::of_input(dx)
}
