//! Comparison of tensors that leaves evidence when it fails.

use std::fmt::Write;

/// Asserts `|got − want| ≤ atol + rtol·|want|` for every element.
/// `extents` are the tensor's, outermost first, to name the worst index.
pub fn assert_close(
    name: &str,
    extents: &[usize],
    got: &[f32],
    want: &[f64],
    atol: f64,
    rtol: f64,
) {
    let excess = |g: f64, w: f64| {
        let over = (g - w).abs() - (atol + rtol * w.abs());
        // A NaN is as wrong as can be.
        if over.is_nan() { f64::INFINITY } else { over }
    };
    assert_within(name, extents, got, want, &format!("{atol:e} + {rtol:e}·|want|"), &excess);
}

/// The same where NaNs are expected: each must be where the reference has one, and nowhere else.
pub fn assert_close_with_nans(
    name: &str,
    extents: &[usize],
    got: &[f32],
    want: &[f64],
    atol: f64,
    rtol: f64,
) {
    let excess = |g: f64, w: f64| match (g.is_nan(), w.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (g - w).abs() - (atol + rtol * w.abs()),
        (true, false) | (false, true) => f64::INFINITY,
    };
    assert_within(name, extents, got, want, &format!("{atol:e} + {rtol:e}·|want|"), &excess);
}

/// Elements with an excess above 0 are wrong.
fn assert_within(
    name: &str,
    extents: &[usize],
    got: &[f32],
    want: &[f64],
    allowed: &str,
    excess: &dyn Fn(f64, f64) -> f64,
) {
    assert_eq!(got.len(), want.len(), "{name}: number of elements");
    assert_eq!(extents.iter().product::<usize>(), want.len(), "{name}: extents {extents:?}");
    let excess = |i: usize| excess(f64::from(got[i]), want[i]);
    let wrong: Vec<usize> = (0..want.len()).filter(|&i| excess(i) > 0.0).collect();
    let Some(worst) = wrong.iter().copied().max_by(|&a, &b| excess(a).total_cmp(&excess(b))) else {
        return;
    };
    let mut message = format!(
        "{name}: {} of {} elements differ by more than {allowed}; worst at {:?}: got {}, want {}",
        wrong.len(),
        want.len(),
        index(extents, worst),
        got[worst],
        want[worst],
    );
    for &i in wrong.iter().take(5) {
        write!(message, "\n  at {:?}: got {}, want {}", index(extents, i), got[i], want[i])
            .unwrap();
    }
    panic!("{message}");
}

fn index(extents: &[usize], mut flat: usize) -> Vec<usize> {
    let mut index: Vec<usize> = extents
        .iter()
        .rev()
        .map(|&extent| {
            let i = flat % extent;
            flat /= extent;
            i
        })
        .collect();
    index.reverse();
    index
}
