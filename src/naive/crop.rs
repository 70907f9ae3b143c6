//! The lowest bands of each sample.

use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>) -> Vec<f64> {
    (0..node.len()).map(|i| node.inputs[0][source(node, i)]).collect()
}

pub(super) fn backward(node: &Node<'_>, dy: &[f64]) -> Gradients {
    let mut dx = vec![0.0; node.inputs[0].len()];
    for (i, g) in dy.iter().enumerate() {
        dx[source(node, i)] += g;
    }
    Gradients::of_input(dx)
}

/// The index in x of an element of the output.
fn source(node: &Node<'_>, i: usize) -> usize {
    let (from, to) = (node.inputs[0].len() / node.n, node.len() / node.n);
    i / to * from + i % to
}
