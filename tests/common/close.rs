//! Comparison of tensors that leaves evidence when it fails.

use genre_gpu::check::{Deviation, Nans, Tolerance};

/// Asserts `|got − want| ≤ absolute + relative·|want|` for every element.
/// `extents` are the tensor's, outermost first, to name the worst index.
pub fn assert_close(
    name: &str,
    extents: &[usize],
    got: &[f32],
    want: &[f64],
    absolute: f64,
    relative: f64,
) {
    let tolerance = Tolerance { absolute, relative };
    let deviation = Deviation::of(name, extents, got, want, tolerance, Nans::Never);
    if let Some(wrong) = deviation.wrong {
        panic!("{wrong}");
    }
}
