//! Softmax and cross-entropy on the CPU. Shader twin: `shaders/softmax/forward.wgsl`.

use super::{Loss, Softmax};
use crate::ops::cpu::{Backward, Export, Forward, Layer, Mode, ShardLoss, Update};

#[derive(Debug)]
pub(crate) struct SoftmaxLayer(pub(crate) Softmax);

impl Layer for SoftmaxLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let (sum, correct) = forward(&self.0, io.shard.mode, io.x.get(0), io.shard.labels, io.y);
        *io.loss = ShardLoss { sum, correct };
    }

    /// The logits have no other reader: their gradient is set.
    fn backward(&self, mut io: Backward<'_>) {
        let Some((_, dz)) = io.dx.get(0) else { return };
        let (classes, labels) = (self.0.classes, io.shard.labels);
        match io.shard.mode {
            Mode::Training { .. } => backward_input(&self.0, io.shard.batch, io.y, labels, dz),
            Mode::Inference | Mode::LogitGradients => logit_gradient(classes, labels, dz),
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}

/// Probabilities, sum of losses and number of correct predictions.
/// `z` and `p` are `[n, classes]`.
fn forward(op: &Softmax, mode: Mode, z: &[f32], y: &[u32], p: &mut [f32]) -> (f64, u64) {
    let Softmax { classes, loss: Loss { label_smoothing: share, .. }, .. } = *op;
    let is_weighted = matches!(mode, Mode::Training { .. }) && !op.loss.class_weights.is_empty();
    let (mut loss, mut correct) = (0.0, 0);
    let rows = z.chunks_exact(classes).zip(p.chunks_exact_mut(classes));
    for ((z, p), &label) in rows.zip(y) {
        let (weight, label) = (op.loss.weight(label), label as usize);
        // The first of equal logits is the prediction, as in Keras.
        let best = (1..classes).fold(0, |best, c| if z[c] > z[best] { c } else { best });
        let top = z[best];
        let mut sum = 0.0;
        for (p, &z) in p.iter_mut().zip(z) {
            *p = (z - top).exp();
            sum += *p;
        }
        for p in p.iter_mut() {
            *p /= sum;
        }
        let mut own = z[label] - top;
        if share > 0.0 {
            let all: f32 = z.iter().map(|z| z - top).sum();
            own = (1.0 - share) * own + share / classes as f32 * all;
        }
        let own = sum.ln() - own;
        loss += f64::from(if is_weighted { weight * own } else { own });
        correct += u64::from(best == label);
    }
    (loss, correct)
}

/// The gradient at the logits of each sample's own logit.
fn logit_gradient(classes: usize, y: &[u32], dz: &mut [f32]) {
    dz.fill(0.0);
    for (dz, &label) in dz.chunks_exact_mut(classes).zip(y) {
        dz[label as usize] = 1.0;
    }
}

/// The gradient at the logits of the mean loss over the `batch` samples that these belong to.
fn backward_input(op: &Softmax, batch: usize, p: &[f32], y: &[u32], dz: &mut [f32]) {
    let (classes, n, share) = (op.classes, batch as f32, op.loss.label_smoothing);
    let (low, high) = (share / classes as f32, 1.0 - share + share / classes as f32);
    for ((p, dz), &label) in p.chunks_exact(classes).zip(dz.chunks_exact_mut(classes)).zip(y) {
        for (c, (p, dz)) in p.iter().zip(&mut *dz).enumerate() {
            *dz = (p - if c == label as usize { high } else { low }) / n;
        }
        if !op.loss.class_weights.is_empty() {
            let weight = op.loss.weight(label);
            dz.iter_mut().for_each(|dz| *dz *= weight);
        }
    }
}
