//! How far the maps can be trusted: sentences, tables and pictures.

use super::tables::Table;
use crate::explain::{Explanation, LayerFacts, MapOf, Shown};
use crate::metrics::mean_and_deviation;
use crate::page::words::counted;

/// An answer from measured figures.
#[derive(Debug, Default)]
pub(super) struct TrustView {
    pub(super) sentences: Vec<String>,
    pub(super) tables: Vec<Table>,
    pub(super) pictures: Vec<PictureView>,
}

/// A PNG file inside the page.
#[derive(Debug)]
pub(super) struct PictureView {
    pub(super) caption: String,
    /// `data:image/png;base64,…`.
    pub(super) source: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl TrustView {
    pub(super) fn new(found: &Explanation) -> Self {
        let shown: Vec<&Shown> = found.shown.iter().collect();
        let sentences = agreement(found, &shown);
        Self { sentences, tables: Vec::new(), pictures: Vec::new() }
    }
}

/// How alike Grad-CAM and HiResCAM are.
fn agreement(found: &Explanation, shown: &[&Shown]) -> Vec<String> {
    let of_layer = |(i, layer): (usize, &LayerFacts)| {
        let r: Vec<f64> = shown
            .iter()
            .filter_map(|s| {
                let MapOf { grad_cam, hires_cam } = &s.maps[i];
                correlation(&grad_cam.values()?, &hires_cam.values()?)
            })
            .collect();
        let (mean, deviation) = mean_and_deviation(&r);
        Some(format!(
            "At {} the signed maps of Grad-CAM and HiResCAM, which does not average the gradient \
             over positions, correlate by {:.2} ± {:.2} (mean and deviation over {}).",
            layer.name,
            mean?,
            deviation?,
            counted(r.len(), "sample")
        ))
    };
    found.layers.iter().enumerate().filter_map(of_layer).collect()
}

/// Pearson's r; none where one of the two does not vary.
fn correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    let mean = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| of(f64::from(*a) - ma, f64::from(*b) - mb)).sum()
    };
    let spread = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    (spread > 0.0).then(|| sum(&|a, b| a * b) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_by_hand() {
        let r = correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 7.0]).unwrap();
        assert!((r - 5.0 / (2.0_f64 * (38.0 / 3.0)).sqrt()).abs() < 1e-12, "{r}");
        assert!(correlation(&[1.0, 2.0], &[3.0, 1.0]).unwrap() < -0.999);
        assert_eq!(correlation(&[1.0, 1.0], &[3.0, 1.0]), None);
    }
}
