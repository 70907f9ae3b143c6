//! Rank correlation.

/// Spearman's rank correlation, ties at their mean rank; none where either side is constant, holds
/// what is not finite, or they differ in length.
///
/// C. Spearman, "The proof and measurement of association between two things", American Journal of
/// Psychology 15 (1904): Pearson's correlation of the ranks.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.iter().chain(b).any(|v| !v.is_finite()) {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    // Mid-ranks sum to the same with ties as without.
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let products =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let scale = (products(&a, &a) * products(&b, &b)).sqrt();
    (scale > 0.0).then(|| products(&a, &b) / scale)
}

/// Ranks from 1, least first; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    // The sum makes -0 a 0: they are equal.
    let value = |i: usize| values[i] + 0.0;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| value(i).total_cmp(&value(j)));
    let (mut ranks, mut first) = (vec![0.0; values.len()], 0);
    for tied in order.chunk_by(|&i, &j| value(i) == value(j)) {
        let mean = first as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&i| ranks[i] = mean);
        first += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(ranks(&[2.0, 7.0, 2.0, 1.0, 2.0]), [3.0, 5.0, 3.0, 1.0, 3.0]);
        assert_eq!(ranks(&[0.0, -0.0, -1.0]), [2.5, 2.5, 1.0]);
    }

    /// By hand: 8 / √(10 · 9.5), and 5 / √(10 · 5).
    #[test]
    fn correlations_by_hand() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        let cases = [
            ([2.0, 4.0, 6.0, 8.0, 100.0], 1.0),
            ([5.0, 4.0, 3.0, 2.0, -9.0], -1.0),
            ([5.0, 6.0, 7.0, 8.0, 7.0], 0.820_782_681_668_123_3),
            ([0.0, 0.0, 0.0, 0.0, 1.0], 0.707_106_781_186_547_5),
        ];
        for (b, want) in cases {
            let got = spearman(&a, &b).unwrap();
            assert!((got - want).abs() < 1e-12, "{b:?}: {got}, not {want}");
        }
    }

    #[test]
    fn a_constant_has_no_rank_correlation() {
        assert_eq!(spearman(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(spearman(&[0.0, -0.0], &[1.0, 3.0]), None);
        assert_eq!(spearman(&[1.0], &[3.0]), None);
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0, f64::NAN], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[1.0]), None);
    }
}
