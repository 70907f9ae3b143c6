//! Softmax with the cross-entropy taken from the logits, as Keras fuses them:
//! `loss = log Σ exp(z − m) − (z_t − m)` with `m = max z`; `dz = (p − onehot) / n`.

/// Probabilities, sum of losses and number of right predictions.
/// `z` and `p` are `[n, classes]`.
pub(super) fn forward(classes: usize, z: &[f32], y: &[u32], p: &mut [f32]) -> (f64, u64) {
    let (mut loss, mut correct) = (0.0, 0);
    let rows = z.chunks_exact(classes).zip(p.chunks_exact_mut(classes));
    for ((z, p), &label) in rows.zip(y) {
        let label = label as usize;
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
        loss += f64::from(sum.ln() - (z[label] - top));
        correct += u64::from(best == label);
    }
    (loss, correct)
}

/// The gradient at the logits of each sample's own logit.
pub(super) fn logit_gradient(classes: usize, y: &[u32], dz: &mut [f32]) {
    dz.fill(0.0);
    for (dz, &label) in dz.chunks_exact_mut(classes).zip(y) {
        dz[label as usize] = 1.0;
    }
}

/// The gradient at the logits of the mean loss over the `batch` samples of which these are some.
pub(super) fn backward_input(classes: usize, batch: usize, p: &[f32], y: &[u32], dz: &mut [f32]) {
    let n = batch as f32;
    for ((p, dz), &label) in p.chunks_exact(classes).zip(dz.chunks_exact_mut(classes)).zip(y) {
        for (c, (p, dz)) in p.iter().zip(dz).enumerate() {
            *dz = (p - f32::from(u8::from(c == label as usize))) / n;
        }
    }
}
