//! How well a probability ranks the samples of its class above the others.

/// The area under the ROC curve of `scores` for the samples that are `positive`: the share of pairs
/// of a positive and a negative sample in which the positive one has the higher score, ties as half.
/// None without both kinds, or where a score is not a number.
///
/// D. Bamber, "The area above the ordinal dominance graph and the area below the receiver operating
/// characteristic graph", Journal of Mathematical Psychology 12 (1975): from the sum R of the
/// positive samples' ranks, ties at their mean rank, (R − p(p + 1)/2) / (p · n).
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut pairs: Vec<(f64, bool)> =
        scores.iter().copied().zip(positive.iter().copied()).collect();
    if scores.len() != positive.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut below, mut positives) = (0.0, 0, 0);
    for tied in pairs.chunk_by(|a, b| a.0 == b.0) {
        let own = tied.iter().filter(|(_, positive)| *positive).count();
        ranks += own as f64 * (below as f64 + (tied.len() as f64 + 1.0) / 2.0);
        below += tied.len();
        positives += own;
    }
    let (p, n) = (positives as f64, (pairs.len() - positives) as f64);
    (p * n > 0.0).then(|| (ranks - p * (p + 1.0) / 2.0) / (p * n))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 2 · 3 pairs: 0.35 is above 0.1 and ties with one 0.35, 0.8 is above all three.
    #[test]
    fn areas_by_hand() {
        let scores = [0.1, 0.35, 0.35, 0.8, 0.7];
        let got = roc_auc(&scores, &[false, false, true, true, false]).unwrap();
        assert!((got - 4.5 / 6.0).abs() < 1e-12, "{got}");
        assert_eq!(roc_auc(&[0.9, 0.1], &[true, false]), Some(1.0));
        assert_eq!(roc_auc(&[0.1, 0.9], &[true, false]), Some(0.0));
        assert_eq!(roc_auc(&[0.5; 4], &[true, false, true, false]), Some(0.5));
    }

    #[test]
    fn one_kind_alone_has_no_area() {
        assert_eq!(roc_auc(&[0.5, 0.1], &[true, true]), None);
        assert_eq!(roc_auc(&[], &[]), None);
        assert_eq!(roc_auc(&[f64::NAN, 0.1], &[true, false]), None);
        assert_eq!(roc_auc(&[0.1], &[true, false]), None);
    }
}
