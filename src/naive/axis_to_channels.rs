//! `[h, w, c]` to `[1, w, h · c]` (mel) or `[h, 1, w · c]` (time).

use crate::graph::Axis;

use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>, axis: Axis) -> Vec<f64> {
    sources(node, axis).into_iter().map(|at| node.inputs[0][at]).collect()
}

pub(super) fn backward(node: &Node<'_>, axis: Axis, dy: &[f64]) -> Gradients {
    let mut dx = vec![0.0; node.inputs[0].len()];
    for (g, at) in dy.iter().zip(sources(node, axis)) {
        dx[at] += g;
    }
    Gradients::of_input(dx)
}

/// For each element of the output, its index in x.
fn sources(node: &Node<'_>, axis: Axis) -> Vec<usize> {
    let [h, w, c] = node.input_shapes[0];
    let mut from = Vec::new();
    for s in 0..node.n {
        let (kept, given) = if axis == Axis::Mel { (w, h) } else { (h, w) };
        for k in 0..kept {
            for g in 0..given {
                let (r, q) = if axis == Axis::Mel { (g, k) } else { (k, g) };
                (0..c).for_each(|ch| from.push(((s * h + r) * w + q) * c + ch));
            }
        }
    }
    from
}
