//! How far a tensor is from the reference, with evidence where it is too far.

use std::fmt::Write;

/// `|got − want| ≤ absolute + relative · |want|` for every element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The absolute part.
    pub absolute: f64,
    /// The relative part.
    pub relative: f64,
}

/// Whether the reference has NaNs: each must be where the reference has one, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nans {
    /// It has none.
    Never,
    /// It has some.
    AsTheReference,
}

/// The worst element of a tensor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deviation {
    /// Largest `|got − want|`.
    pub worst: f64,
    /// Largest share of the tolerance that an element uses: more than 1 is wrong.
    pub share: f64,
    /// What is wrong: the tensor, how many of its elements, and some of them.
    pub wrong: Option<String>,
}

impl Deviation {
    /// Compares a tensor with the reference. `extents` are the tensor's, outermost first.
    pub fn of(
        name: &str,
        extents: &[usize],
        got: &[f32],
        want: &[f64],
        tolerance: Tolerance,
        nans: Nans,
    ) -> Self {
        let Tolerance { absolute, relative } = tolerance;
        if got.len() != want.len() || extents.iter().product::<usize>() != want.len() {
            return Self::failure(format!(
                "{name}: expected {} elements of {extents:?}, found {}",
                want.len(),
                got.len()
            ));
        }
        let far = |i: usize| match (got[i].is_nan(), want[i].is_nan(), nans) {
            (true, true, Nans::AsTheReference) => 0.0,
            // A NaN is as wrong as can be.
            (true, ..) | (_, true, _) => f64::INFINITY,
            // Equal numbers, infinite ones too.
            (false, false, _) if f64::from(got[i]) == want[i] => 0.0,
            (false, false, _) => (f64::from(got[i]) - want[i]).abs(),
        };
        // No number is near an infinite one.
        let allowed = |i: usize| match want[i].is_finite() {
            true => absolute + relative * want[i].abs(),
            false => absolute,
        };
        let share = |i: usize| far(i) / allowed(i);
        let wrong: Vec<usize> = (0..want.len()).filter(|&i| share(i) > 1.0).collect();
        let most = |of: &dyn Fn(usize) -> f64| (0..want.len()).map(of).fold(0.0, f64::max);
        let excess = |i: usize| far(i) - allowed(i);
        let worst = wrong.iter().copied().max_by(|&a, &b| excess(a).total_cmp(&excess(b)));
        let evidence = worst.map(|worst| {
            let element =
                |i: usize| format!("at {:?}: got {}, want {}", index(extents, i), got[i], want[i]);
            let mut text = format!(
                "{name}: {} of {} elements differ by more than {absolute:e} + {relative:e}·|want|; \
                 worst {}",
                wrong.len(),
                want.len(),
                element(worst)
            );
            for &i in wrong.iter().take(5) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n  {}", element(i));
            }
            text
        });
        Self { worst: most(&far), share: most(&share), wrong: evidence }
    }

    /// `|got − want| ≤ relative · |want|` of whole tensors, by their norms.
    pub fn of_norm(name: &str, got: &[f32], want: &[f64], relative: f64) -> Self {
        if got.len() != want.len() {
            let (want, got) = (want.len(), got.len());
            return Self::failure(format!("{name}: expected {want} elements, found {got}"));
        }
        let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
        let differences = || got.iter().zip(want).map(|(got, want)| f64::from(*got) - want);
        let far = match norm(&mut differences()) {
            0.0 => 0.0,
            far => far / norm(&mut want.iter().copied()),
        };
        let share = far / relative;
        let [far, share] = [far, share].map(as_infinite);
        let wrong = (share > 1.0)
            .then(|| format!("{name} is off by {far:.1e} of its norm, more than {relative:e}"));
        let worst = differences().map(f64::abs).map(as_infinite).fold(0.0, f64::max);
        Self { worst, share, wrong }
    }

    /// One number.
    pub fn of_number(name: &str, got: f64, want: f64, tolerance: Tolerance) -> Self {
        // Equal numbers, infinite ones too.
        let far = if got == want { 0.0 } else { (got - want).abs() };
        let share = if far == 0.0 {
            0.0
        } else {
            far / (tolerance.absolute + tolerance.relative * want.abs())
        };
        let [far, share] = [far, share].map(as_infinite);
        let wrong = (share > 1.0).then(|| format!("{name}: got {got}, want {want}"));
        Self { worst: far, share, wrong }
    }

    /// Something that must be equal.
    pub fn of_equality(holds: bool, otherwise: impl FnOnce() -> String) -> Self {
        if holds { Self::default() } else { Self::failure(otherwise()) }
    }

    fn failure(wrong: String) -> Self {
        Self { worst: f64::INFINITY, share: f64::INFINITY, wrong: Some(wrong) }
    }
}

/// A NaN is as wrong as can be.
fn as_infinite(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

fn index(extents: &[usize], mut flat: usize) -> Vec<usize> {
    let mut index: Vec<usize> = (extents.iter().rev())
        .map(|&extent| {
            let i = flat % extent;
            flat /= extent;
            i
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance { absolute: 0.1, relative: 0.0 };

    #[test]
    fn the_worst_element_is_named_with_its_index() {
        let got = [0.0, 1.0, 2.05, 3.0, 4.0, 6.0];
        let want = [0.0, 1.0, 2.0, 3.5, 4.0, 5.0];
        let found = Deviation::of("y", &[2, 3], &got, &want, TOLERANCE, Nans::Never);
        assert_eq!((found.worst, (found.share - 10.0).abs() < 1e-9), (1.0, true));
        let wrong = found.wrong.unwrap();
        assert!(wrong.starts_with("y: 2 of 6 elements differ"), "{wrong}");
        assert!(wrong.contains("worst at [1, 2]: got 6, want 5"), "{wrong}");
        assert!(wrong.contains("at [1, 0]: got 3, want 3.5"), "{wrong}");
    }

    #[test]
    fn a_nan_is_wrong_unless_the_reference_has_one_there() {
        let of = |got: f32, want: f64, nans| {
            Deviation::of("y", &[1], &[got], &[want], TOLERANCE, nans).wrong.is_some()
        };
        assert!(of(f32::NAN, 1.0, Nans::Never) && of(f32::NAN, f64::NAN, Nans::Never));
        assert!(of(f32::NAN, 1.0, Nans::AsTheReference) && of(1.0, f64::NAN, Nans::AsTheReference));
        assert!(!of(f32::NAN, f64::NAN, Nans::AsTheReference) && !of(1.0, 1.05, Nans::Never));
        let nan = Deviation::of_number("loss", f64::NAN, 1.0, TOLERANCE);
        assert!(nan.wrong.is_some());
        let norm = Deviation::of_norm("w", &[f32::NAN, 1.0], &[1.0, 1.0], 1.0);
        assert!(norm.wrong.is_some());
    }

    #[test]
    fn an_infinite_number_is_near_itself_alone() {
        let tolerance = Tolerance { absolute: 0.1, relative: 0.1 };
        let of = |got: f32, want: f64| {
            Deviation::of("y", &[1], &[got], &[want], tolerance, Nans::AsTheReference)
        };
        for infinite in [f32::INFINITY, f32::NEG_INFINITY] {
            let same = of(infinite, infinite.into());
            assert_eq!((same.worst, same.share, same.wrong), (0.0, 0.0, None));
            for got in [-infinite, 5.0, f32::MAX, f32::NAN] {
                assert!(of(got, infinite.into()).wrong.is_some(), "{got} beside {infinite}");
            }
            assert!(of(infinite, 5.0).wrong.is_some());
        }
    }

    #[test]
    fn another_number_of_elements_is_wrong() {
        let found = Deviation::of("y", &[2], &[1.0], &[1.0, 2.0], TOLERANCE, Nans::Never);
        assert_eq!(found.wrong.unwrap(), "y: expected 2 elements of [2], found 1");
    }
}
