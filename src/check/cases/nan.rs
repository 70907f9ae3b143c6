//! Samples with NaNs: a NaN at each position of a pooling window. The pooled value is NaN, and the
//! gradient goes to the window's first NaN in row-major order.

use super::{Case, fill};

/// Which gradients are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Logit gradients and those of training.
    All,
    /// Logit gradients: in training a NaN reaches the gradients by another way too, such as
    /// a product with 0.
    Logits,
    /// Logit gradients where the node's output is a number: a NaN there may reach the
    /// gradient by another way.
    LogitsAtNumbers,
    /// None: the derivative of a ReLU at a NaN is left open.
    None,
}

/// A case whose samples have NaNs. Values are compared in any case.
#[derive(Debug, Clone)]
pub struct Poisoned {
    /// The case.
    pub case: Case,
    /// `[batch, h, w, c]`, one batch.
    pub x: Vec<f32>,
    /// Which gradients are compared.
    pub gradients: Compare,
}

impl Poisoned {
    /// Puts NaNs into a case's samples. `window` is that of the pooling that follows, whose
    /// windows the sample is cut into; each window of each sample gets another set of
    /// positions: none, each one alone, each pair of neighbours, first and last, all. Enough
    /// samples for every set to be in every window, each channel with a set of its own.
    pub(super) fn new(mut case: Case, [h, w, c]: [usize; 3], [k_h, k_w]: [usize; 2]) -> Self {
        let k = k_h * k_w;
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        sets.extend((0..k).map(|i| vec![i]));
        sets.extend((1..k).map(|i| vec![i - 1, i]));
        sets.extend([vec![0, k - 1], (0..k).collect()]);
        case.batch = sets.len();
        let (mut x, ..) = fill(&case, case.batch);
        for (i, v) in x.iter_mut().enumerate() {
            let (s, r, q, ch) = (i / (h * w * c), i / (w * c) % h, i / c % w, i % c);
            let window = r / k_h * (w / k_w).max(1) + q / k_w;
            let set = &sets[(s + window + 3 * ch) % sets.len()];
            if set.contains(&(r % k_h * k_w + q % k_w)) {
                *v = f32::NAN;
            }
        }
        Self { case, x, gradients: Compare::All }
    }

    /// One NaN in each sample, at each position of the `[h, w]` map in turn.
    pub(super) fn one_by_one(mut case: Case, [h, w]: [usize; 2]) -> Self {
        case.batch = h * w;
        let (mut x, ..) = fill(&case, case.batch);
        (0..case.batch).for_each(|s| x[s * h * w + s] = f32::NAN);
        Self { case, x, gradients: Compare::Logits }
    }
}
