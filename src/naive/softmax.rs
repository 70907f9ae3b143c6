//! `p = exp(z - max z) / Σ exp(z - max z)` for each sample, and the cross-entropy from the logits.

use super::{Gradients, Mode, Node};

pub(super) fn forward(node: &Node<'_>) -> Vec<f64> {
    let mut probabilities = Vec::new();
    for z in node.inputs[0].chunks(node.shape[2]) {
        let (top, sum) = top_and_sum(z);
        probabilities.extend(z.iter().map(|z| (z - top).exp() / sum));
    }
    probabilities
}

/// Mean over the batch of `-ln p[label]`, and how many samples' first largest logit is that of
/// their label.
pub(super) fn loss(node: &Node<'_>) -> (f64, usize) {
    let (mut loss, mut correct) = (0.0, 0);
    for (z, label) in node.inputs[0].chunks(node.shape[2]).zip(node.labels) {
        let (top, sum) = top_and_sum(z);
        loss += (sum.ln() + top - z[*label as usize]) / node.n as f64;
        correct += usize::from(z.iter().position(|&v| v == top) == Some(*label as usize));
    }
    (loss, correct)
}

/// In training the gradient of the mean cross-entropy, `(p - target) / n`; in evaluation that
/// of the logit of each sample's label.
pub(super) fn backward(node: &Node<'_>, p: &[f64]) -> Gradients {
    let classes = node.shape[2];
    let mut dz = vec![0.0; p.len()];
    for s in 0..node.n {
        for c in 0..classes {
            let target = if c == node.labels[s] as usize { 1.0 } else { 0.0 };
            dz[s * classes + c] = match node.mode {
                Mode::Train => (p[s * classes + c] - target) / node.n as f64,
                Mode::Evaluate => target,
            };
        }
    }
    Gradients::of_input(dz)
}

fn top_and_sum(z: &[f64]) -> (f64, f64) {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (top, z.iter().map(|z| (z - top).exp()).sum())
}
