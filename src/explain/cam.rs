//! From a layer's output and gradient to a map. Outputs and gradients of one sample are
//! `[h, w, c]`; maps are `[h, w]`, signed: a heatmap is their positive part over its maximum.

/// Grad-CAM before its ReLU (Selvaraju et al. 2017): `Σ_c α_c · a[·, ·, c]` with `α_c` the mean
/// over positions of the gradient. Sums run in f64.
pub fn grad_cam(c: usize, output: &[f32], gradient: &[f32]) -> Vec<f32> {
    let mut alpha = vec![0.0; c];
    for row in gradient.chunks_exact(c) {
        alpha.iter_mut().zip(row).for_each(|(alpha, g)| *alpha += f64::from(*g));
    }
    let positions = (gradient.len() / c) as f64;
    let sum = |row: &[f32]| {
        let products = row.iter().zip(&alpha).map(|(a, alpha)| f64::from(*a) * alpha);
        (products.sum::<f64>() / positions) as f32
    };
    output.chunks_exact(c).map(sum).collect()
}

/// HiResCAM before its ReLU (Draelos and Carin 2020): `Σ_c g[·, ·, c] · a[·, ·, c]`. Nothing is
/// averaged away, so that behind flatten and dense each position keeps its own gradient.
pub fn hires_cam(c: usize, output: &[f32], gradient: &[f32]) -> Vec<f32> {
    let product = |(a, g): (&f32, &f32)| f64::from(*a) * f64::from(*g);
    let rows = output.chunks_exact(c).zip(gradient.chunks_exact(c));
    rows.map(|(a, g)| a.iter().zip(g).map(product).sum::<f64>() as f32).collect()
}
