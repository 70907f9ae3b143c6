//! How far an accuracy from so many samples can be trusted.

/// The 0.975 quantile of the standard normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % score interval for a proportion of `correct` in `n` independent trials,
/// as (low, high) from 0 to 1.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// JASA 22 (1927): centre (p + z²/2n) / (1 + z²/n), half width
/// z·√(p(1−p)/n + z²/4n²) / (1 + z²/n). It supposes independent trials: give it songs, not
/// segments of the same songs. Without trials it is (0, 1).
pub fn wilson(correct: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (k, n, z2) = (correct as f64, n as f64, Z_95 * Z_95);
    let p = k / n;
    let scale = 1.0 + z2 / n;
    let centre = (p + z2 / (2.0 * n)) / scale;
    let half = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / scale;
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From scipy.stats.binomtest(k, n).proportion_ci(method="wilson").
    #[test]
    fn agrees_with_scipy() {
        let cases = [
            (84, 119, 0.618_611_882_251_114_6, 0.780_276_249_413_969),
            (0, 10, 0.0, 0.277_532_799_862_889_26),
            (10, 10, 0.722_467_200_137_110_7, 1.0),
            (7, 10, 0.396_778_147_461_145_26, 0.892_208_732_593_699),
        ];
        for (k, n, low, high) in cases {
            let got = wilson(k, n);
            assert!((got.0 - low).abs() < 1e-12, "{k} of {n}: {got:?}");
            assert!((got.1 - high).abs() < 1e-12, "{k} of {n}: {got:?}");
        }
    }

    #[test]
    fn nothing_known_without_trials() {
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }
}
