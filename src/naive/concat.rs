//! The inputs' channels one after another at each position.

use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>) -> Vec<f64> {
    let mut y = vec![0.0; node.len()];
    for (x, pairs) in node.inputs.iter().zip(pairs(node)) {
        for (from, to) in pairs {
            y[to] = x[from];
        }
    }
    y
}

pub(super) fn backward(node: &Node<'_>, dy: &[f64]) -> Gradients {
    let mut inputs: Vec<Vec<f64>> = node.inputs.iter().map(|x| vec![0.0; x.len()]).collect();
    for (dx, pairs) in inputs.iter_mut().zip(pairs(node)) {
        for (from, to) in pairs {
            dx[from] += dy[to];
        }
    }
    Gradients { inputs, parameters: Vec::new() }
}

/// For each input: pairs of (index in the input, index in the output).
fn pairs(node: &Node<'_>) -> Vec<Vec<(usize, usize)>> {
    let [h, w, total] = node.shape;
    let mut offset = 0;
    let mut all = Vec::new();
    for [_, _, c] in node.input_shapes.iter().copied() {
        let mut pairs = Vec::new();
        for position in 0..node.n * h * w {
            for ch in 0..c {
                pairs.push((position * c + ch, position * total + offset + ch));
            }
        }
        offset += c;
        all.push(pairs);
    }
    all
}
