//! The weights' gradients of a convolution behind which a 2×2 max-pooling stands: three of
//! four sums have none. Filter by filter, all its gradients in registers, the winners of the
//! windows stream by, those whose ReLU is off with a gradient of 0: a branch on it would cost
//! more than the work, because nothing foresees it.

use fearless_simd::{Simd, dispatch, f32x8};

use super::super::simd::{Floats, is_wide, level};
use super::Dims;
use super::bias;
use super::outputs::Outputs;

/// Floats of a kernel row in the layouts of this file: whole vectors of eight.
pub(super) fn padded_run(d: Dims) -> usize {
    d.run().next_multiple_of(8)
}

/// Elements of one filter there.
fn filter_len(d: Dims) -> usize {
    d.k_h * padded_run(d)
}

/// Elements of a kernel there.
pub(super) fn padded_len(d: Dims) -> usize {
    d.c_out * filter_len(d)
}

/// From the layout of [`backward_weight`] to `[k_h, k_w, c_in, c_out]`.
pub(super) fn unpack(d: Dims, packed: &[f32], w: &mut [f32]) {
    for (o, filter) in packed.chunks_exact(filter_len(d)).enumerate() {
        let rows = filter.chunks_exact(padded_run(d)).zip(w.chunks_exact_mut(d.run() * d.c_out));
        for (from, to) in rows {
            to.chunks_exact_mut(d.c_out).zip(from).for_each(|(to, w)| to[o] = *w);
        }
    }
}

/// Adds the gradients of one sample, `dw` as `[c_out, k_h, padded run]`:
/// `dw[o, i, j, c] += Σ g · frame[patch + (i, j, c)]` over the windows in row-major order.
pub(super) fn backward_weight(
    d: Dims,
    outputs: Outputs<'_>,
    frame: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
) {
    dispatch!(level(), simd => filters(simd, d, outputs, frame, dw));
    bias(outputs.dz, db);
}

/// Cuts filters into blocks of rows and vectors whose sums fit registers; small filters go
/// several at a time, so that no sum has to wait for its last addition.
#[inline(always)]
fn filters<S: Simd>(simd: S, d: Dims, outputs: Outputs<'_>, frame: &[f32], dw: &mut [f32]) {
    let job = Job { d, outputs, frame };
    let vectors = padded_run(d) / 8;
    let (mut o, mut v, mut i) = (0, 0, 0);
    while o < d.c_out {
        let several = match d.c_out - o {
            4.. if is_wide::<S>() && vectors == 1 => 4,
            2.. if vectors == 1 => 2,
            _ => 1,
        };
        while v < vectors {
            let n = match vectors - v {
                5.. => 5,
                3.. => 3,
                _ => 1,
            };
            while i < d.k_h {
                let at = [o, i, v * 8];
                i += match (several, n, d.k_h - i) {
                    (4, _, 5..) => block::<S, f32x8<S>, 4, 5, 1>(simd, job, at, dw),
                    (4, _, _) => block::<S, f32x8<S>, 4, 1, 1>(simd, job, at, dw),
                    (2, _, 5..) => block::<S, f32x8<S>, 2, 5, 1>(simd, job, at, dw),
                    (2, _, _) => block::<S, f32x8<S>, 2, 1, 1>(simd, job, at, dw),
                    (_, 5, 5..) if is_wide::<S>() => {
                        block::<S, f32x8<S>, 1, 5, 5>(simd, job, at, dw)
                    }
                    (_, 5, 2..) => block::<S, f32x8<S>, 1, 2, 5>(simd, job, at, dw),
                    (_, 5, _) => block::<S, f32x8<S>, 1, 1, 5>(simd, job, at, dw),
                    (_, 3, 5..) if is_wide::<S>() => {
                        block::<S, f32x8<S>, 1, 5, 3>(simd, job, at, dw)
                    }
                    (_, 3, 3..) => block::<S, f32x8<S>, 1, 3, 3>(simd, job, at, dw),
                    (_, 3, _) => block::<S, f32x8<S>, 1, 1, 3>(simd, job, at, dw),
                    (_, _, 5..) => block::<S, f32x8<S>, 1, 5, 1>(simd, job, at, dw),
                    (_, _, _) => block::<S, f32x8<S>, 1, 1, 1>(simd, job, at, dw),
                };
            }
            (v, i) = (v + n, 0);
        }
        (o, v) = (o + several, 0);
    }
}

/// One sample.
#[derive(Clone, Copy)]
struct Job<'a> {
    d: Dims,
    outputs: Outputs<'a>,
    frame: &'a [f32],
}

/// The sums of `F` filters, `R` kernel rows and `N` vectors from (filter, row, float) on.
/// Returns R. A function of its own, because the compiler runs out of registers where several
/// of these are in one.
#[inline(never)]
fn block<S: Simd, V: Floats<S>, const F: usize, const R: usize, const N: usize>(
    simd: S,
    Job { d, outputs, frame }: Job<'_>,
    [o, i, float]: [usize; 3],
    dw: &mut [f32],
) -> usize {
    simd.vectorize(
        #[inline(always)]
        || {
            let Outputs { dz, places, .. } = outputs;
            // Rows of one length, so that one look at it is enough for all.
            let len = frame.len() - ((i + R - 1) * d.stride() + float);
            let mut rows = [frame; R];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = &frame[(i + r) * d.stride() + float..][..len];
            }
            let mut sums = [[[V::splat(simd, 0.0); N]; R]; F];
            for (dz, places) in dz.chunks_exact(d.c_out).zip(places.chunks_exact(d.c_out)) {
                let (dz, places) = (&dz[o..][..F], &places[o..][..F]);
                for k in 0..F {
                    let (at, g) = (places[k] as usize, V::splat(simd, dz[k]));
                    for r in 0..R {
                        let x = &rows[r][at..][..N * V::LEN];
                        for n in 0..N {
                            let x = V::from_slice(simd, &x[n * V::LEN..][..V::LEN]);
                            sums[k][r][n] = x.mul_add(g, sums[k][r][n]);
                        }
                    }
                }
            }
            for (k, sums) in sums.iter().enumerate() {
                for (r, sums) in sums.iter().enumerate() {
                    let row = ((o + k) * d.k_h + i + r) * padded_run(d) + float;
                    for (sum, dw) in sums.iter().zip(dw[row..].chunks_exact_mut(V::LEN)) {
                        (*sum + V::from_slice(simd, dw)).store_slice(dw);
                    }
                }
            }
        },
    );
    R
}
