//! Checks of the samples' shapes.

use super::dataset::Known;
use super::npy::Npy;
use crate::error::{DataProblem, Result};

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
