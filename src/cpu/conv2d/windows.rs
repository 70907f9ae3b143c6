//! The input's gradient of a convolution behind which a 2×2 max-pooling stands: three of four
//! sums have none. All sums of a window reach the same patch of the input, so rows of that
//! patch stay in registers while the window's winners, one for each filter, stream by.

use fearless_simd::{Simd, dispatch, f32x8};

use super::super::simd::{Floats, level};
use super::Dims;
use super::outputs::Outputs;

/// How kernels lie here: for each filter and each column of a window, the kernel's rows as
/// they touch the window's patch, with zeros where they do not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout(Dims);

impl Layout {
    pub(super) fn new(d: Dims) -> Self {
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

    /// A filter in one column: a row of zeros before and one behind.
    fn column(self) -> usize {
        (self.0.k_h + 2) * self.row()
    }

    /// Elements of a kernel.
    pub(super) fn len(self) -> usize {
        self.0.c_out * 2 * self.column()
    }

    /// From `[k_h, k_w, c_in, c_out]`; the zeros stand from the start.
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

    /// Where a filter's rows begin, as the patch sees them, for each of a window's sums.
    fn corners(self) -> [u32; 4] {
        [0, 1, 2, 3].map(|q| {
            let (row, column) = (q / 2, q % 2);
            (column * self.column() + (1 - row) * self.row()) as u32
        })
    }
}

/// Where an output's rows begin in the kernel, and its gradient.
pub(super) type Entry = (u32, f32);

/// `frame[patch + (i, j, c)] += g · w[i, j, c, o]` over the outputs of one sample; the frame is
/// cleared first. `entries` is room for one row of windows.
pub(super) fn backward_input(
    layout: Layout,
    outputs: Outputs<'_>,
    w: &[f32],
    entries: &mut [Entry],
    frame: &mut [f32],
) {
    frame.fill(0.0);
    let d = layout.0;
    let corners = layout.corners();
    let filter = (2 * layout.column()) as u32;
    let row = d.w_out() / 2 * d.c_out;
    let entries = &mut entries[..row];
    let Outputs { dz, corners: which, .. } = outputs;
    for (r, (dz, which)) in dz.chunks_exact(row).zip(which.chunks_exact(row)).enumerate() {
        let values = dz.chunks_exact(d.c_out).zip(which.chunks_exact(d.c_out));
        for (entries, (dz, which)) in entries.chunks_exact_mut(d.c_out).zip(values) {
            let mut first = 0;
            for ((entry, &g), &corner) in entries.iter_mut().zip(dz).zip(which) {
                *entry = (first + corners[corner as usize & 3], g);
                first += filter;
            }
        }
        let frame = &mut frame[d.patch(2 * r, 0)..];
        dispatch!(level(), simd => patches(simd, layout, entries, w, frame));
    }
}

/// The patches of a row of windows: cut into blocks of rows and vectors whose sums fit
/// registers; what a block reads of the kernel stays in the nearest cache.
#[inline(always)]
fn patches<S: Simd>(simd: S, layout: Layout, entries: &[Entry], w: &[f32], frame: &mut [f32]) {
    let (mut v, mut f) = (0, 0);
    while v < layout.row() {
        let n = match (layout.row() - v) / 8 {
            6.. => 6,
            3.. => 3,
            _ => 1,
        };
        while f < layout.rows() {
            let at = [f, v];
            f += match (n, layout.rows() - f) {
                (6, 2..) => block::<S, f32x8<S>, 2, 6>(simd, layout, at, entries, w, frame),
                (6, _) => block::<S, f32x8<S>, 1, 6>(simd, layout, at, entries, w, frame),
                (3, 3..) => block::<S, f32x8<S>, 3, 3>(simd, layout, at, entries, w, frame),
                (3, _) => block::<S, f32x8<S>, 1, 3>(simd, layout, at, entries, w, frame),
                (_, 3..) => block::<S, f32x8<S>, 3, 1>(simd, layout, at, entries, w, frame),
                (_, _) => block::<S, f32x8<S>, 1, 1>(simd, layout, at, entries, w, frame),
            };
        }
        (v, f) = (v + n * 8, 0);
    }
}

/// `R` rows by `N` vectors from (row, float) on, window after window. Returns R.
/// A function of its own, because the compiler runs out of registers where several of these
/// are in one.
#[inline(never)]
fn block<S: Simd, V: Floats<S>, const R: usize, const N: usize>(
    simd: S,
    layout: Layout,
    [f, float]: [usize; 2],
    entries: &[Entry],
    w: &[f32],
    frame: &mut [f32],
) -> usize {
    simd.vectorize(
        #[inline(always)]
        || {
            let d = layout.0;
            // Rows of one length, so that one look at it is enough for all.
            let len = w.len() - ((f + R - 1) * layout.row() + float);
            let mut rows = [w; R];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = &w[(f + r) * layout.row() + float..][..len];
            }
            for (window, entries) in entries.chunks_exact(d.c_out).enumerate() {
                let first = f * d.stride() + float + window * 2 * d.c_in;
                // From zero, so that a window need not wait for what its neighbour leaves there.
                let mut sums = [[V::splat(simd, 0.0); N]; R];
                for &(at, g) in entries {
                    let g = V::splat(simd, g);
                    for r in 0..R {
                        let w = &rows[r][at as usize..][..N * V::LEN];
                        for n in 0..N {
                            let w = V::from_slice(simd, &w[n * V::LEN..][..V::LEN]);
                            sums[r][n] = w.mul_add(g, sums[r][n]);
                        }
                    }
                }
                for r in 0..R {
                    let frame = &mut frame[first + r * d.stride()..][..N * V::LEN];
                    for n in 0..N {
                        let frame = &mut frame[n * V::LEN..][..V::LEN];
                        (sums[r][n] + V::from_slice(simd, frame)).store_slice(frame);
                    }
                }
            }
        },
    );
    R
}
