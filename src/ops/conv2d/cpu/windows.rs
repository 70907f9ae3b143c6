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

use fearless_simd::{Select, Simd, SimdBase, SimdMask, f32x8, u32x8};

use super::super::Extents;
use super::frame::cuts;
use super::maxima::Pooled;
use crate::graph::Activation;
use crate::simd::{Floats, dispatch, holds, is_wide, level};

/// Floats of a vector in this file.
const LANES: usize = 8;

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

    /// Vectors of a patch's row, and by how many the next window's patch begins later: all of them
    /// where that is no whole number of vectors.
    fn vectors(self) -> [usize; 2] {
        let (vectors, step) = (self.row() / 8, 2 * self.0.c_in);
        [vectors, if step.is_multiple_of(8) { step / 8 } else { vectors }]
    }
}

/// The maxima with a gradient of one row of windows, by windows, filters in order.
#[derive(Debug)]
pub(super) struct Entries {
    /// Of each filter's maximum at argmax 0, the offset in the packed kernel of the row that meets the
    /// patch's first row.
    first: Vec<u32>,
    /// How much further it lies if the maximum is to the right; how much less if it is below.
    right: u32,
    below: u32,
    /// That offset of each maximum, and its gradient.
    offsets: Vec<u32>,
    gradients: Vec<f32>,
    /// Where each window's maxima end.
    ends: Vec<usize>,
}

impl Entries {
    /// For rows of `w_out` windows.
    pub(super) fn new(layout: Layout, w_out: usize) -> Self {
        let c_out = layout.0.c_out;
        // A whole vector is written wherever the list ends.
        let len = w_out * c_out + LANES;
        let first = |o| 2 * o * layout.column() + layout.row();
        Self {
            first: (0..c_out).map(|o| first(o) as u32).collect(),
            right: layout.column() as u32,
            below: layout.row() as u32,
            offsets: vec![0; len],
            gradients: vec![0.0; len],
            ends: vec![0; w_out],
        }
    }

    /// Lists row `r` of a sample's windows.
    #[inline(always)]
    fn list<S: Simd>(&mut self, simd: S, r: usize, sample: Pooled<'_>) {
        let c_out = self.first.len();
        let mut end = 0;
        for window in 0..self.ends.len() {
            let at = (r * self.ends.len() + window) * c_out;
            let y = &sample.y[at..][..c_out];
            let dy = &sample.dy[at..][..c_out];
            let argmax = &sample.argmax[at..][..c_out];
            // Narrow vectors have no quick `compress`.
            let whole = if const { holds::<S>(LANES) } { c_out / LANES * LANES } else { 0 };
            for o in (0..whole).step_by(LANES) {
                let first = u32x8::from_slice(simd, &self.first[o..][..LANES]);
                let y = f32x8::from_slice(simd, &y[o..][..LANES]);
                let dy = f32x8::from_slice(simd, &dy[o..][..LANES]);
                let argmax = u32x8::from_slice(simd, &argmax[o..][..LANES]);
                let mut on = !dy.simd_eq(0.0);
                if sample.activation == Activation::Relu {
                    on &= y.simd_gt(0.0);
                }
                let zero = u32x8::splat(simd, 0);
                let right = (argmax & 1).simd_eq(1).select(u32x8::splat(simd, self.right), zero);
                let below = (argmax & 2).simd_eq(2).select(u32x8::splat(simd, self.below), zero);
                let offsets = (first + right - below).compress(on);
                offsets.store_slice(&mut self.offsets[end..][..LANES]);
                dy.compress(on).store_slice(&mut self.gradients[end..][..LANES]);
                end += on.to_bitmask().count_ones() as usize;
            }
            for o in whole..c_out {
                let on = sample.activation == Activation::Linear || y[o] > 0.0;
                // Written in any case and kept if it has a gradient: a branch would often be mispredicted.
                self.offsets[end] = self.first[o] + (argmax[o] & 1) * self.right
                    - (argmax[o] >> 1 & 1) * self.below;
                self.gradients[end] = dy[o];
                end += usize::from(on & (dy[o] != 0.0));
            }
            self.ends[window] = end;
        }
    }
}

/// The gradient of one sample's frame, which is cleared first.
pub(super) fn backward_input(
    layout: Layout,
    sample: Pooled<'_>,
    w: &[f32],
    entries: &mut Entries,
    frame: &mut [f32],
) {
    frame.fill(0.0);
    let d = layout.0;
    let rows = sample.y.len() / (entries.ends.len() * d.c_out);
    for r in 0..rows {
        let frame = &mut frame[d.patch(2 * r, 0)..];
        dispatch!(level(), simd => {
            entries.list(simd, r, sample);
            patches(simd, layout, entries, w, frame);
        });
    }
}

/// Calls [`block`] with the constants of the listed `[rows, vectors, step]`; those after `wide` are
/// compiled for levels with 32 registers alone.
macro_rules! call_block {
    (
        $shape:expr, $args:tt,
        $([$rows:literal, $vectors:literal, $step:literal],)+
        wide: $([$wide_rows:literal, $wide_vectors:literal, $wide_step:literal],)+
    ) => {
        match $shape {
            $([$rows, $vectors, $step] => call_block!(@ $rows, $vectors, $step, $args),)+
            $([$wide_rows, $wide_vectors, $wide_step] if const { is_wide::<S>() } => {
                call_block!(@ $wide_rows, $wide_vectors, $wide_step, $args);
            })+
            shape => unreachable!("no block of {shape:?}"),
        }
    };
    (@ $rows:literal, $vectors:literal, $step:literal,
        ($simd:ident, $layout:ident, $at:expr, $entries:ident, $w:ident, $frame:ident)) => {
        block::<S, f32x8<S>, $rows, $vectors, $step>($simd, $layout, $at, $entries, $w, $frame)
    };
}

/// The patches of a row of windows, cut into blocks of rows and vectors whose sums fit registers;
/// the part of the kernel that a block reads stays in the nearest cache.
#[inline(always)]
fn patches<S: Simd>(simd: S, layout: Layout, entries: &Entries, w: &[f32], frame: &mut [f32]) {
    let [vectors, step] = layout.vectors();
    // Whole rows of patches, where neighbours share vectors that can stay in registers: these shapes alone
    // have blocks.
    let slides = [[3, 1], [6, 2]].contains(&[vectors, step]);
    let vector_sizes: &[usize] = if slides { &[6, 3] } else { &[3, 1] };
    for (v, vectors) in cuts(vectors, vector_sizes) {
        let step = if slides { step } else { vectors };
        let row_sizes: &[usize] = match (vectors, is_wide::<S>()) {
            (6, true) => &[3, 2, 1],
            (6, false) => &[2, 1],
            (_, true) => &[6, 3, 2, 1],
            (_, false) => &[3, 2, 1],
        };
        for (f, rows) in cuts(layout.rows(), row_sizes) {
            call_block!(
                [rows, vectors, step],
                (simd, layout, [f, v * 8], entries, w, frame),
                [2, 6, 2],
                [1, 6, 2],
                [3, 3, 1],
                [2, 3, 1],
                [1, 3, 1],
                [3, 3, 3],
                [2, 3, 3],
                [1, 3, 3],
                [3, 1, 1],
                [2, 1, 1],
                [1, 1, 1],
                wide:
                [3, 6, 2],
                [6, 3, 1],
                [6, 3, 3],
                [6, 1, 1],
            );
        }
    }
}

/// `ROWS` rows of the patch by `VECTORS` vectors from (row, float) on, window after window, each
/// `STEP` vectors further. Not inlined: the compiler runs out of registers with several of these in
/// one function.
#[inline(never)]
fn block<S: Simd, V: Floats<S>, const ROWS: usize, const VECTORS: usize, const STEP: usize>(
    simd: S,
    layout: Layout,
    [f, float]: [usize; 2],
    entries: &Entries,
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
            let (mut begin, mut at) = (0, f * d.stride() + float);
            let mut sums = [[V::splat(simd, 0.0); VECTORS]; ROWS];
            for &end in &entries.ends {
                let (offsets, gradients) =
                    (&entries.offsets[begin..end], &entries.gradients[begin..end]);
                begin = end;
                for (&offset, &g) in offsets.iter().zip(gradients) {
                    let g = V::splat(simd, g);
                    for r in 0..ROWS {
                        let w = &rows[r][offset as usize..][..VECTORS * V::LEN];
                        for n in 0..VECTORS {
                            let w = V::from_slice(simd, &w[n * V::LEN..][..V::LEN]);
                            sums[r][n] = w.mul_add(g, sums[r][n]);
                        }
                    }
                }
                // What the next window does not reach is complete.
                for r in 0..ROWS {
                    let frame = &mut frame[at + r * d.stride()..][..STEP * V::LEN];
                    for n in 0..STEP {
                        let frame = &mut frame[n * V::LEN..][..V::LEN];
                        (sums[r][n] + V::from_slice(simd, frame)).store_slice(frame);
                    }
                    for n in 0..VECTORS {
                        sums[r][n] = if n + STEP < VECTORS {
                            sums[r][n + STEP]
                        } else {
                            V::splat(simd, 0.0)
                        };
                    }
                }
                at += 2 * d.c_in;
            }
            for r in 0..ROWS {
                let frame = &mut frame[at + r * d.stride()..];
                for n in 0..VECTORS - STEP {
                    let frame = &mut frame[n * V::LEN..][..V::LEN];
                    (sums[r][n] + V::from_slice(simd, frame)).store_slice(frame);
                }
            }
        },
    );
}
