//! Quantiles of sorted values.

/// The quantile at `thousandths` / 1000 (25 for 0.025), linear between neighbours as
/// `numpy.quantile` computes it; none without values. `sorted` ascends.
pub fn quantile(sorted: &[f64], thousandths: usize) -> Option<f64> {
    let position = thousandths * sorted.len().checked_sub(1)?;
    let (low, high) = (*sorted.get(position / 1000)?, *sorted.get(position.div_ceil(1000))?);
    // Whole numbers are multiplied before they are divided, so that between whole values the
    // result is 0 exactly where it should be.
    Some(low + (high - low) * (position % 1000) as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From numpy.quantile([3, 1, 2, 10, 7], [0.025, 0.1, 0.5, 0.975]).
    #[test]
    fn quantiles_are_numpys() {
        let sorted = [1.0, 2.0, 3.0, 7.0, 10.0];
        for (thousandths, want) in [(25, 1.1), (100, 1.4), (500, 3.0), (975, 9.7), (1000, 10.0)] {
            assert_eq!(quantile(&sorted, thousandths), Some(want), "{thousandths}");
        }
        assert_eq!(quantile(&[4.0], 975), Some(4.0));
        assert_eq!(quantile(&[], 500), None);
    }
}
