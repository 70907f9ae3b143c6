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

/// Mean over the batch of `-Σ_c q[c] ln p[c]`, in training times the weight of the label's class, and how many samples' first largest logit is that of
/// their label.
pub(super) fn loss(node: &Node<'_>) -> (f64, usize) {
    let (mut loss, mut correct) = (0.0, 0);
    for (z, label) in node.inputs[0].chunks(node.shape[2]).zip(node.labels) {
        let (top, sum) = top_and_sum(z);
        let term = |(c, z): (usize, &f64)| match node.target(*label, c) {
            // Also where the logit is not finite.
            0.0 => 0.0,
            target => target * (sum.ln() + top - z),
        };
        let own: f64 = z.iter().enumerate().map(term).sum();
        loss += node.weight(*label) * own / node.n as f64;
        correct += usize::from(z.iter().position(|&v| v == top) == Some(*label as usize));
    }
    (loss, correct)
}

/// In training the gradient of the mean loss, `weight · (p - q) / n`; in evaluation that
/// of the logit of each sample's label.
pub(super) fn backward(node: &Node<'_>, p: &[f64]) -> Gradients {
    let classes = node.shape[2];
    let mut dz = vec![0.0; p.len()];
    for s in 0..node.n {
        for c in 0..classes {
            let label = node.labels[s];
            dz[s * classes + c] = match node.mode {
                Mode::Train => {
                    node.weight(label) * (p[s * classes + c] - node.target(label, c))
                        / node.n as f64
                }
                Mode::Evaluate => f64::from(u8::from(c == label as usize)),
            };
        }
    }
    Gradients::of_input(dz)
}

impl Node<'_> {
    /// What the probability of class `c` is to be: `(1 - s) · [c = label] + s / classes`.
    fn target(&self, label: u32, c: usize) -> f64 {
        let share = f64::from(self.loss.label_smoothing);
        let own = if c == label as usize { 1.0 - share } else { 0.0 };
        own + share / self.shape[2] as f64
    }

    /// The weight of a label's class: 1 in evaluation, and if there are none.
    fn weight(&self, label: u32) -> f64 {
        match (self.mode, self.loss.class_weights.get(label as usize)) {
            (Mode::Train, Some(weight)) => f64::from(*weight),
            _ => 1.0,
        }
    }
}

fn top_and_sum(z: &[f64]) -> (f64, f64) {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (top, z.iter().map(|z| (z - top).exp()).sum())
}
