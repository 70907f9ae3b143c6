//! The gradient of the input behind a fused 2×2 max-pooling, where one of four sums has a gradient.
//! As scalars, with the argmax `(r, s)` of each window and filter `o`, 0 or 1 each:
//!
//! ```text
//! for each window, filter o, i < k_h, j < k_w, c:
//!   dframe[2 · window row + r + i][2 · window column + s + j][c] += dz[window, o] · w[i, j, c, o]
//! ```
//!
//! All four sums of a window reach the same patch of `k_h + 1` rows by `k_w + 1` columns, so rows of
//! that patch stay in registers while the window's maxima, one for each filter, stream by:
//!
//! ```text
//!                 VECTORS vectors of a patch row (j, c …)
//!                ┌───────┬───────┬───────┐
//!  ROWS rows of  │  sums in registers    │ += dz[o] · w[o], shifted by the argmax: packed for both
//!  the patch     └───────┴───────┴───────┘    columns s, with a row of zeros before and behind for r
//! ```

use fearless_simd::{Simd, f32x8};

use super::super::Extents;
use super::frame::cuts;
use super::maxima::Maxima;
use crate::simd::{Floats, dispatch, level};

/// The layout of kernels in this file: for each filter and each column of a window, the rows of the
/// kernel at their columns of the window's patch, with zeros elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout(Extents);

impl Layout {
    pub(super) fn new(d: Extents) -> Self {
        Self(d)
    }

    /// Rows of the patch.
    fn rows(self) -> usize {
        self.0.k_h + 1
    }

    /// Floats in one of its rows: whole vectors of eight.
    fn row(self) -> usize {
        ((self.0.k_w + 1) * self.0.c_in).next_multiple_of(8)
    }

    /// Elements of a filter for one column of a window: a row of zeros before and one behind.
    fn column(self) -> usize {
        (self.0.k_h + 2) * self.row()
    }

    /// Elements of a kernel.
    pub(super) fn len(self) -> usize {
        self.0.c_out * 2 * self.column()
    }

    /// Packs `[k_h, k_w, c_in, c_out]`; the zeros are never written.
    pub(super) fn pack(self, w: &[f32], packed: &mut [f32]) {
        let d = self.0;
        for (k, filter) in packed.chunks_exact_mut(self.column()).enumerate() {
            let (o, column) = (k / 2, k % 2);
            let rows = filter.chunks_exact_mut(self.row()).skip(1);
            for (row, w) in rows.zip(w.chunks_exact(d.run() * d.c_out)) {
                let row = &mut row[column * d.c_in..];
                row.iter_mut().zip(w.chunks_exact(d.c_out)).for_each(|(to, w)| *to = w[o]);
            }
        }
    }

    /// Offset of the row that meets the patch's first row, for each argmax.
    fn offsets(self) -> [u32; 4] {
        [0, 1, 2, 3].map(|q| {
            let (row, column) = (q / 2, q % 2);
            (column * self.column() + (1 - row) * self.row()) as u32
        })
    }
}

/// Offset of a maximum's rows in the packed kernel, and its gradient.
pub(super) type Entry = (u32, f32);

/// The gradient of one sample's frame, which is cleared first. `entries` are those of one row of
/// windows.
pub(super) fn backward_input(
    layout: Layout,
    maxima: Maxima<'_>,
    w: &[f32],
    entries: &mut [Entry],
    frame: &mut [f32],
) {
    frame.fill(0.0);
    let d = layout.0;
    let offsets = layout.offsets();
    let filter = (2 * layout.column()) as u32;
    let row = entries.len();
    let Maxima { dz, argmax, .. } = maxima;
    for (r, (dz, argmax)) in dz.chunks_exact(row).zip(argmax.chunks_exact(row)).enumerate() {
        let values = dz.chunks_exact(d.c_out).zip(argmax.chunks_exact(d.c_out));
        for (entries, (dz, argmax)) in entries.chunks_exact_mut(d.c_out).zip(values) {
            let mut first = 0;
            for ((entry, &g), &argmax) in entries.iter_mut().zip(dz).zip(argmax) {
                *entry = (first + offsets[argmax as usize & 3], g);
                first += filter;
            }
        }
        let frame = &mut frame[d.patch(2 * r, 0)..];
        dispatch!(level(), simd => patches(simd, layout, entries, w, frame));
    }
}

/// Calls [`block`] with the constants of the listed `[rows, vectors]`.
macro_rules! call_block {
    ($shape:expr, $args:tt, $([$rows:literal, $vectors:literal]),+ $(,)?) => {
        match $shape {
            $([$rows, $vectors] => call_block!(@ $rows, $vectors, $args),)+
            shape => debug_assert!(false, "no block of {shape:?}"),
        }
    };
    (@ $rows:literal, $vectors:literal,
        ($simd:ident, $layout:ident, $at:expr, $entries:ident, $w:ident, $frame:ident)) => {
        block::<S, f32x8<S>, $rows, $vectors>($simd, $layout, $at, $entries, $w, $frame)
    };
}

/// The patches of a row of windows, cut into blocks of rows and vectors whose sums fit registers;
/// the part of the kernel that a block reads stays in the nearest cache.
#[inline(always)]
fn patches<S: Simd>(simd: S, layout: Layout, entries: &[Entry], w: &[f32], frame: &mut [f32]) {
    for (v, vectors) in cuts(layout.row() / 8, &[6, 3, 1]) {
        let row_sizes: &[usize] = if vectors == 6 { &[2, 1] } else { &[3, 1] };
        for (f, rows) in cuts(layout.rows(), row_sizes) {
            call_block!(
                [rows, vectors],
                (simd, layout, [f, v * 8], entries, w, frame),
                [2, 6],
                [1, 6],
                [3, 3],
                [1, 3],
                [3, 1],
                [1, 1],
            );
        }
    }
}

/// `ROWS` rows of the patch by `VECTORS` vectors from (row, float) on, window after window. Not
/// inlined: the compiler runs out of registers with several of these in one function.
#[inline(never)]
fn block<S: Simd, V: Floats<S>, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    layout: Layout,
    [f, float]: [usize; 2],
    entries: &[Entry],
    w: &[f32],
    frame: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let d = layout.0;
            // Rows of one length, so that one bounds check is enough for all.
            let len = w.len() - ((f + ROWS - 1) * layout.row() + float);
            let mut rows = [w; ROWS];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = &w[(f + r) * layout.row() + float..][..len];
            }
            for (window, entries) in entries.chunks_exact(d.c_out).enumerate() {
                let first = f * d.stride() + float + window * 2 * d.c_in;
                // From zero, so that no window waits for its neighbour's stores.
                let mut sums = [[V::splat(simd, 0.0); VECTORS]; ROWS];
                for &(at, g) in entries {
                    let g = V::splat(simd, g);
                    for r in 0..ROWS {
                        let w = &rows[r][at as usize..][..VECTORS * V::LEN];
                        for n in 0..VECTORS {
                            let w = V::from_slice(simd, &w[n * V::LEN..][..V::LEN]);
                            sums[r][n] = w.mul_add(g, sums[r][n]);
                        }
                    }
                }
                for r in 0..ROWS {
                    let frame = &mut frame[first + r * d.stride()..][..VECTORS * V::LEN];
                    for n in 0..VECTORS {
                        let frame = &mut frame[n * V::LEN..][..V::LEN];
                        (sums[r][n] + V::from_slice(simd, frame)).store_slice(frame);
                    }
                }
            }
        },
    );
}
