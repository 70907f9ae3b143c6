//! Exponents.

/// The slope of the least-squares line through (ln x, ln y); none of fewer than two different x,
/// or where a value is not positive.
pub(crate) fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    if points.iter().any(|(x, y)| !(*x > 0.0 && *y > 0.0)) {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / n;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / n;
    let xy: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let xx: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (xx > 0.0).then(|| xy / xx)
}
