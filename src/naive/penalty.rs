//! `l2 · Σ w²`, added to the loss once for each batch.

pub(super) fn value(l2: f32, w: &[f64]) -> f64 {
    f64::from(l2) * w.iter().map(|w| w * w).sum::<f64>()
}

pub(super) fn gradient(l2: f32, w: &[f64]) -> Vec<f64> {
    w.iter().map(|w| 2.0 * f64::from(l2) * w).collect()
}
