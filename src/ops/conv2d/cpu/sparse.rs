//! The gradient of the weights behind a fused 2×2 max-pooling, where one of four sums has a gradient:
//! `dw[o, i, j, c] = Σ_windows dz[window, o] · frame[patch(window, o) + (i, j, c)]`, windows in
//! row-major order.
//!
//! ```text
//!                       VECTORS vectors of a kernel row (j, c …)
//!                      ┌───────┬───────┬───────┐
//!  ROWS kernel rows i  │  sums in registers    │  × CHAINS, of one filter o
//!                      └───────┴───────┴───────┘
//! ```
//!
//! The filter's maxima stream by, of which only those with a gradient are listed ([`super::maxima`]): a branch
//! here would be mispredicted too often.

use fearless_simd::{Simd, f32x8};

use super::super::Extents;
use super::frame::cuts;
use super::maxima::Maxima;
use crate::simd::{Floats, dispatch, is_wide, level};

/// Floats of a kernel row in this file's layout: whole vectors of eight.
pub(super) fn padded_run(d: Extents) -> usize {
    d.run().next_multiple_of(8)
}

/// Elements of one filter in that layout.
fn filter_len(d: Extents) -> usize {
    d.k_h * padded_run(d)
}

/// Elements of a kernel in that layout, `[c_out, k_h, padded run]`.
pub(super) fn padded_len(d: Extents) -> usize {
    d.c_out * filter_len(d)
}

/// From the layout of [`backward_weight`] to `[k_h, k_w, c_in, c_out]`.
pub(super) fn unpack(d: Extents, packed: &[f32], w: &mut [f32]) {
    for (o, filter) in packed.chunks_exact(filter_len(d)).enumerate() {
        let rows = filter.chunks_exact(padded_run(d)).zip(w.chunks_exact_mut(d.run() * d.c_out));
        for (from, to) in rows {
            to.chunks_exact_mut(d.c_out).zip(from).for_each(|(to, w)| to[o] = *w);
        }
    }
}

/// Adds the gradients of one sample, `dw` as `[c_out, k_h, padded run]`, and `db`.
pub(super) fn backward_weight(
    d: Extents,
    maxima: &Maxima,
    frame: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
) {
    dispatch!(level(), simd => all_blocks(simd, Job { d, maxima, frame }, dw, db));
}

/// One sample.
#[derive(Clone, Copy)]
struct Job<'a> {
    d: Extents,
    maxima: &'a Maxima,
    frame: &'a [f32],
}

/// Calls [`block`] with the constants of the listed `[chains, rows, vectors]`; those after `wide`
/// are compiled for levels with 32 registers alone.
macro_rules! call_block {
    (
        $shape:expr, $args:tt,
        $([$chains:literal, $rows:literal, $vectors:literal],)+
        wide: $([$wide_chains:literal, $wide_rows:literal, $wide_vectors:literal],)+
    ) => {
        match $shape {
            $([$chains, $rows, $vectors] => call_block!(@ $chains, $rows, $vectors, $args),)+
            $([$wide_chains, $wide_rows, $wide_vectors] if const { is_wide::<S>() } => {
                call_block!(@ $wide_chains, $wide_rows, $wide_vectors, $args)
            })+
            shape => unreachable!("no block of {shape:?}"),
        }
    };
    (@ $chains:literal, $rows:literal, $vectors:literal,
        ($simd:ident, $job:ident, $at:expr, $dw:ident)) => {
        block::<S, f32x8<S>, $chains, $rows, $vectors>($simd, $job, $at, $dw)
    };
}

/// Cuts the kernel into blocks of vectors and rows whose sums fit registers.
#[inline(always)]
fn all_blocks<S: Simd>(simd: S, job: Job<'_>, dw: &mut [f32], db: &mut [f32]) {
    let (d, vectors) = (job.d, padded_run(job.d) / 8);
    for (o, db) in db.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (v, vectors) in cuts(vectors, &[5, 3, 1]) {
            let (chains, row_sizes): (_, &[usize]) = match (vectors, is_wide::<S>()) {
                (5, true) => (1, &[5, 2, 1]),
                (5, false) => (1, &[2, 1]),
                (3, true) => (1, &[5, 3, 1]),
                (3, false) => (1, &[3, 2, 1]),
                (_, true) => (4, &[5, 1]),
                (_, false) => (2, &[5, 1]),
            };
            for (i, rows) in cuts(d.k_h, row_sizes) {
                sum = call_block!(
                    [chains, rows, vectors],
                    (simd, job, [o, i, v * 8], dw),
                    [1, 2, 5],
                    [1, 1, 5],
                    [1, 3, 3],
                    [1, 2, 3],
                    [1, 1, 3],
                    [2, 5, 1],
                    [2, 1, 1],
                    wide:
                    [1, 5, 5],
                    [1, 5, 3],
                    [4, 5, 1],
                    [4, 1, 1],
                );
            }
        }
        *db += sum;
    }
}

/// The sums of one filter, `ROWS` kernel rows and `VECTORS` vectors from (filter, row, float) on, and
/// of the gradients alone. Maxima go to `CHAINS` sums in turn, which are independent chains of
/// additions. Not inlined: the compiler runs out of registers with several of these in one function.
#[inline(never)]
fn block<S: Simd, V: Floats<S>, const CHAINS: usize, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    Job { d, maxima, frame }: Job<'_>,
    [o, i, float]: [usize; 3],
    dw: &mut [f32],
) -> f32 {
    simd.vectorize(
        #[inline(always)]
        || {
            // Rows of one length, so that one bounds check is enough for all.
            let len = frame.len() - ((i + ROWS - 1) * d.stride() + float);
            let mut rows = [frame; ROWS];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = &frame[(i + r) * d.stride() + float..][..len];
            }
            let mut sums = [[[V::splat(simd, 0.0); VECTORS]; ROWS]; CHAINS];
            let mut gradients = [V::splat(simd, 0.0); CHAINS];
            let (patches, dz) = maxima.of(o);
            let (patch_groups, last_patches) = patches.as_chunks::<CHAINS>();
            let (dz_groups, last_dz) = dz.as_chunks::<CHAINS>();
            for (patches, dz) in patch_groups.iter().zip(dz_groups) {
                for k in 0..CHAINS {
                    let (at, g) = (patches[k] as usize, V::splat(simd, dz[k]));
                    gradients[k] += g;
                    for r in 0..ROWS {
                        let x = &rows[r][at..][..VECTORS * V::LEN];
                        for n in 0..VECTORS {
                            let x = V::from_slice(simd, &x[n * V::LEN..][..V::LEN]);
                            sums[k][r][n] = x.mul_add(g, sums[k][r][n]);
                        }
                    }
                }
            }
            for (&at, &g) in last_patches.iter().zip(last_dz) {
                let (at, g) = (at as usize, V::splat(simd, g));
                gradients[0] += g;
                for r in 0..ROWS {
                    let x = &rows[r][at..][..VECTORS * V::LEN];
                    for n in 0..VECTORS {
                        let x = V::from_slice(simd, &x[n * V::LEN..][..V::LEN]);
                        sums[0][r][n] = x.mul_add(g, sums[0][r][n]);
                    }
                }
            }
            let mut total = sums[0];
            for chain in &sums[1..] {
                for r in 0..ROWS {
                    for n in 0..VECTORS {
                        total[r][n] += chain[r][n];
                    }
                }
            }
            for (r, total) in total.iter().enumerate() {
                let row = (o * d.k_h + i + r) * padded_run(d) + float;
                for (sum, dw) in total.iter().zip(dw[row..].chunks_exact_mut(V::LEN)) {
                    (*sum + V::from_slice(simd, dw)).store_slice(dw);
                }
            }
            let mut sum = 0.0;
            for gradients in gradients {
                sum += gradients.as_slice()[0];
            }
            sum
        },
    )
}
