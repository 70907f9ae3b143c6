//! What has a gradient of one sample's sums where a 2×2 max-pooling stands behind them.

use super::super::simd::vectorised;
use super::Dims;

/// The winners of the pooling's windows, `[windows, c_out]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs<'a> {
    /// The gradient at the sum that won, 0 where its ReLU is off.
    pub(super) dz: &'a [f32],
    /// Which of the window's sums that is: 0, 1 (right), 2 (below) or 3.
    pub(super) corners: &'a [u32],
    /// Where its patch begins in the frame.
    pub(super) places: &'a [u32],
}

/// Where the patch of each window's first sum begins in the frame, `[windows, c_out]`.
pub(super) fn first_places(d: Dims) -> Vec<u32> {
    let columns = d.w_out() / 2;
    let windows = d.h_out() / 2 * columns;
    let first = |window| d.patch(2 * (window / columns), 2 * (window % columns)) as u32;
    (0..windows * d.c_out).map(|i| first(i / d.c_out)).collect()
}

/// Writes the places of corners.
pub(super) fn place(d: Dims, first: &[u32], corners: &[u32], places: &mut [u32]) {
    let (right, below) = (d.c_in as u32, d.stride() as u32);
    vectorised(
        #[inline(always)]
        || {
            for ((place, first), corner) in places.iter_mut().zip(first).zip(corners) {
                *place = first + (corner & 1) * right + (corner >> 1 & 1) * below;
            }
        },
    );
}
