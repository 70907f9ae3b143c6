//! Checks of the samples' shapes and values.

use super::Values;
use super::dataset::Known;
use super::npy::Npy;
use super::stats::stats;
use crate::error::{DataProblem, Error, Result};

/// n, h and w of an array of samples, compared with the parts before.
pub(super) fn sample_shape(
    npy: &Npy<'_>,
    transpose: bool,
    known: &mut Known,
) -> Result<[usize; 3]> {
    let shape = npy.shape.clone();
    let (n, mut size) = match shape.as_slice() {
        &[n, h, w] | &[n, h, w, 1] => (n, [h, w]),
        _ => return Err(npy.problem(DataProblem::SampleShape { found: shape })),
    };
    if transpose {
        size.reverse();
    }
    if n == 0 {
        return Err(npy.problem(DataProblem::NoSamples { shape }));
    }
    if size.contains(&0) {
        return Err(npy.problem(DataProblem::ZeroSize { shape }));
    }
    let (expected, other) = known.size.get_or_insert_with(|| (size, npy.place.clone()));
    if *expected != size {
        let (other, expected) = (other.clone(), *expected);
        return Err(npy.problem(DataProblem::ShapesDiffer { other, expected, found: size }));
    }
    Ok([n, size[0], size[1]])
}

/// The range and mean of samples that are all finite.
pub(super) fn check_samples(x: &[f32], [h, w]: [usize; 2], place: &str) -> Result<Values> {
    let found = stats(x);
    if !found.sum.is_finite() {
        let mut bad = x.iter().enumerate().filter(|(_, value)| !value.is_finite());
        if let Some((at, &value)) = bad.next() {
            let count = 1 + bad.count();
            let (sample, h, w) = (at / (h * w), at / w % h, at % w);
            return Err(Error::data(place, DataProblem::NotFinite { count, value, sample, h, w }));
        }
    }
    Ok(Values::Samples { min: found.min, max: found.max, mean: found.sum / x.len() as f64 })
}
