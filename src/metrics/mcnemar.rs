//! Whether two classifiers that judged the same songs differ.

/// McNemar's exact two-sided p-value: `b` songs are right under one classifier only, `c` under
/// the other only.
///
/// Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
/// percentages", Psychometrika 12 (1947). If neither were better, each of the n = b + c songs
/// would fall to either side like a coin: p = min(1, 2 · Σ_{k ≤ min(b, c)} C(n, k) / 2ⁿ).
pub fn mcnemar(b: u64, c: u64) -> f64 {
    let (n, fewer) = (b + c, b.min(c));
    // ln of C(n, k) / 2ⁿ, from one k to the next: 2ⁿ itself may not fit.
    let mut term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fewer {
        tail += term.exp();
        term += ((n - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// p-values of several tests as they count together, in the order given.
///
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
/// Statistics 6 (1979): the smallest of m times m, the next times m − 1, …, at most 1, and none
/// less than the one before it. Below α, they hold with a chance of at most α for one mistake.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let (mut adjusted, mut least) = (vec![0.0; p.len()], 0.0_f64);
    for (rank, i) in order.into_iter().enumerate() {
        least = least.max((p[i] * (p.len() - rank) as f64).min(1.0));
        adjusted[i] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From scipy.stats.binomtest(min(b, c), b + c, 0.5).pvalue of scipy 1.17, which is what
    /// statsmodels' mcnemar(exact=True) computes.
    #[test]
    fn agrees_with_scipy() {
        let cases = [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (3, 9, 0.145_996_093_75),
            (2, 2, 1.0),
            (7, 1, 0.070_312_5),
            (25, 12, 0.047_031_027_439_516_04),
            (0, 20, 1.907_348_632_812_5e-6),
            (1200, 1100, 0.038_966_852_683_820_23),
            (40, 61, 0.046_044_066_929_342_785),
        ];
        for (b, c, want) in cases {
            for got in [mcnemar(b, c), mcnemar(c, b)] {
                assert!((got - want).abs() <= 1e-9 * want, "{b} {c}: {got}, not {want}");
            }
        }
    }

    /// By hand: sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 are 0.04, 0.06, 0.06, 0.04, and
    /// none is below the one before.
    #[test]
    fn holms_steps_by_hand() {
        let close = |got: &[f64], want: &[f64]| {
            assert_eq!(got.len(), want.len());
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
        };
        close(&holm(&[0.04, 0.01, 0.03, 0.02]), &[0.06, 0.04, 0.06, 0.06]);
        close(&holm(&[0.2]), &[0.2]);
        close(&holm(&[0.9, 0.8]), &[1.0, 1.0]);
        close(&holm(&[]), &[]);
    }
}
