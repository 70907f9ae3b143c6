//! Extents that all poolings share.

use std::fmt;

#[cfg(feature = "gpu")]
use super::gpu::constants;
use crate::graph::Shape;

/// Extents of a pooling with stride = window: `h_out = h_in / k_h`, `w_out = w_in / k_w`, rounded
/// down; a remainder at the border is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the crate's letters for extents: see ARCHITECTURE.md")]
pub struct Extents {
    pub h_in: usize,
    pub w_in: usize,
    pub c: usize,
    pub h_out: usize,
    pub w_out: usize,
    pub k_h: usize,
    pub k_w: usize,
}

impl Extents {
    /// From the shape of the input and the window.
    pub fn new(input: Shape, [k_h, k_w]: [usize; 2]) -> Self {
        let [h_in, w_in, c] = input.as_map();
        Self { h_in, w_in, c, h_out: h_in / k_h, w_out: w_in / k_w, k_h, k_w }
    }

    /// As constants of the GPU's kernels.
    #[cfg(feature = "gpu")]
    pub(crate) fn constants(&self) -> Vec<(&'static str, f64)> {
        constants([
            ("h_in", self.h_in),
            ("w_in", self.w_in),
            ("c", self.c),
            ("h_out", self.h_out),
            ("w_out", self.w_out),
            ("k_h", self.k_h),
            ("k_w", self.k_w),
        ])
    }

    /// Elements of one sample of the input.
    pub fn in_len(&self) -> usize {
        self.h_in * self.w_in * self.c
    }

    /// Elements of one sample of the output.
    pub fn out_len(&self) -> usize {
        self.h_out * self.w_out * self.c
    }
}

/// Floats of a window's row that the CPU takes side by side: a power of two, so that halves can be
/// combined.
pub(crate) const LANES: usize = 32;

/// Adds the upper half of the lanes to the lower, again and again, until one position of `c` channels
/// is left. The halves are constants, so that all but the last are vectors.
#[inline(always)]
pub(crate) fn add_halves(c: usize, lanes: &mut [f32; LANES]) {
    #[inline(always)]
    fn add<const HALF: usize>(c: usize, lanes: &mut [f32; LANES]) {
        if HALF >= c {
            for k in 0..HALF {
                lanes[k] += lanes[k + HALF];
            }
        }
    }
    const { assert!(LANES == 32) };
    add::<16>(c, lanes);
    add::<8>(c, lanes);
    add::<4>(c, lanes);
    add::<2>(c, lanes);
    add::<1>(c, lanes);
}

/// How the CPU walks windows.
impl Extents {
    /// Whether [`LANES`] hold whole positions, and a row of a window fills them.
    pub(crate) fn fills_lanes(&self) -> bool {
        LANES.is_multiple_of(self.c) && self.k_w * self.c >= LANES
    }

    /// Offsets of the rows of window number `window` in the input.
    pub(crate) fn window_rows(&self, window: usize) -> impl Iterator<Item = usize> + use<> {
        let Self { w_in, w_out, c, k_h, k_w, .. } = *self;
        let (top, left) = (window / w_out * k_h, window % w_out * k_w);
        (top..top + k_h).map(move |row| (row * w_in + left) * c)
    }
}

impl fmt::Display for Extents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { h_in, w_in, c, h_out, w_out, k_h, k_w } = self;
        write!(f, "{h_in}×{w_in}×{c} → {h_out}×{w_out}×{c}, window {k_h}×{k_w}")
    }
}
