//! The maxima of one sample's pooling windows, as backward sees them: of four sums only the largest
//! has a gradient.

use super::super::Extents;
use crate::ops::pool2d;
use crate::simd::vectorised;

/// Maxima of the windows, `[windows, c_out]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maxima<'a> {
    /// The gradient at the largest sum, 0 where its ReLU is off.
    pub(super) dz: &'a [f32],
    /// The argmax within the window: 0, 1 (right), 2 (below) or 3.
    pub(super) argmax: &'a [u32],
    /// The offset of its patch in the frame.
    pub(super) patches: &'a [u32],
}

/// The offset in the frame of the patch of each window's first sum, `[windows, c_out]`.
pub(super) fn first_patches(d: Extents, pool: pool2d::Extents) -> Vec<u32> {
    let columns = pool.w_out;
    let windows = pool.h_out * columns;
    let first = |window| d.patch(2 * (window / columns), 2 * (window % columns)) as u32;
    (0..windows * d.c_out).map(|i| first(i / d.c_out)).collect()
}

/// `patches[i] = first[i]`, moved right and down as `argmax[i]` says.
pub(super) fn patches_of_maxima(d: Extents, first: &[u32], argmax: &[u32], patches: &mut [u32]) {
    let (right, below) = (d.c_in as u32, d.stride() as u32);
    vectorised(
        #[inline(always)]
        || {
            for ((patch, first), argmax) in patches.iter_mut().zip(first).zip(argmax) {
                *patch = first + (argmax & 1) * right + (argmax >> 1 & 1) * below;
            }
        },
    );
}
