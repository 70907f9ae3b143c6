//! Mean and deviation of a few figures.

/// The mean and the sample deviation (divisor n − 1); no mean of nothing, no deviation of one.
pub fn mean_and_deviation(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (Some(mean), (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From numpy.mean and numpy.std(ddof=1) of [86.05, 83.72, 90.7].
    #[test]
    fn agrees_with_numpy() {
        let (mean, deviation) = mean_and_deviation(&[86.05, 83.72, 90.7]);
        assert!((mean.unwrap() - 86.823_333_333_333_32).abs() < 1e-12);
        assert!((deviation.unwrap() - 3.553_678_844_990_547_4).abs() < 1e-12);
    }

    #[test]
    fn one_has_no_deviation_and_none_no_mean() {
        assert_eq!(mean_and_deviation(&[0.5]), (Some(0.5), None));
        assert_eq!(mean_and_deviation(&[]), (None, None));
    }
}
