//! A first layer behind which a 2×2 max-pooling stands: one input channel and at most
//! four filters fill no vector, neighbouring columns do. Sums run over frame rows and
//! taps, in that order, after the bias.

use fearless_simd::{Simd, SimdBase, dispatch};

use super::super::simd::{Floats, WIDEST, is_wide, level};
use super::Dims;
use super::pool::largest;
use super::tile::{Job, activate};

/// Filters at a time.
const C: usize = 4;

/// Whether this is the better way.
pub(super) fn suits(d: Dims) -> bool {
    d.c_in == 1 && d.c_out <= C
}

/// As [`super::tile::forward_pooled`]; the weights are packed for vectors of four.
pub(super) fn forward_pooled(job: Job<'_>, y: &mut [f32], corners: &mut [u32]) {
    let corners: &mut [f32] = bytemuck::cast_slice_mut(corners);
    dispatch!(level(), simd => rows(simd, job, y, corners));
}

#[inline(always)]
fn rows<S: Simd>(simd: S, job: Job<'_>, y: &mut [f32], corners: &mut [f32]) {
    let d = job.d;
    let (h, w) = (d.h_out() / 2, d.w_out() / 2);
    let outputs = y.chunks_exact_mut(w * d.c_out).zip(corners.chunks_exact_mut(w * d.c_out));
    for (row, (y, corners)) in outputs.take(h).enumerate() {
        let mut column = 0;
        // Two vectors at a time where there are registers for them; the last may reach
        // beyond the row, into sums that are dropped.
        while column < w {
            let wide = is_wide::<S>() && column + S::f32s::LEN / 2 < w;
            let frame = &job.frame[d.patch(2 * row, 2 * column)..];
            let to = column * d.c_out;
            let (y, corners) = (&mut y[to..], &mut corners[to..]);
            column += if wide {
                pooled::<S, S::f32s, 2>(simd, job, frame, y, corners)
            } else {
                pooled::<S, S::f32s, 1>(simd, job, frame, y, corners)
            };
        }
    }
}

/// Two rows of `N` vectors of outputs, pooled. Returns the pooled columns.
#[inline(always)]
fn pooled<S: Simd, V: Floats<S>, const N: usize>(
    simd: S,
    job: Job<'_>,
    frame: &[f32],
    y: &mut [f32],
    corners: &mut [f32],
) -> usize {
    let d = job.d;
    let block = job.packed.blocks[0];
    let (w, bias) = (job.packed.weights(d, block), job.packed.bias(block));
    let row = d.k_w * C;
    let mut sums = [[[V::splat(simd, 0.0); N]; C]; 2];
    for (c, &b) in bias.iter().enumerate().take(C) {
        sums[0][c] = [V::splat(simd, b); N];
        sums[1][c] = [V::splat(simd, b); N];
    }
    let [top, bottom] = &mut sums;
    let window = |f: usize| &frame[f * d.stride()..][..d.k_w - 1 + N * V::LEN];
    taps::<S, V, N, 1>(simd, window(0), [&w[..row]], &mut [top]);
    for f in 1..d.k_h {
        let weights = [&w[f * row..][..row], &w[(f - 1) * row..][..row]];
        taps::<S, V, N, 2>(simd, window(f), weights, &mut [top, bottom]);
    }
    taps::<S, V, N, 1>(simd, window(d.k_h), [&w[(d.k_h - 1) * row..]], &mut [bottom]);

    let mut best = [V::splat(simd, 0.0); C];
    let mut corner = best;
    for c in 0..C {
        let (top, bottom) = (sums[0][c], sums[1][c]);
        // With one vector its second half is the first again.
        let ((t0, t1), (b0, b1)) =
            (top[0].deinterleave(top[N - 1]), bottom[0].deinterleave(bottom[N - 1]));
        let (value, which) = largest(simd, [t0, t1, b0, b1]);
        (best[c], corner[c]) = (activate(simd, job.activation, value), which);
    }
    let columns = N * V::LEN / 2;
    store(d.c_out, columns, best, y);
    store(d.c_out, columns, corner, corners);
    columns
}

/// Adds what one row of the frame gives to `R` rows of outputs, each with its kernel row.
#[inline(always)]
fn taps<S: Simd, V: Floats<S>, const N: usize, const R: usize>(
    simd: S,
    x: &[f32],
    w: [&[f32]; R],
    sums: &mut [&mut [[V; N]; C]; R],
) {
    let taps = x.len() + 1 - N * V::LEN;
    for j in 0..taps {
        let mut inputs = [V::splat(simd, 0.0); N];
        for (v, input) in inputs.iter_mut().enumerate() {
            *input = V::from_slice(simd, &x[j + v * V::LEN..][..V::LEN]);
        }
        for a in 0..R {
            let Some(w) = w[a][j * C..].first_chunk::<C>() else { continue };
            for c in 0..C {
                let w = V::splat(simd, w[c]);
                for n in 0..N {
                    sums[a][c][n] = inputs[n].mul_add(w, sums[a][c][n]);
                }
            }
        }
    }
}

/// Filters side by side for each column, as many columns as there are.
#[inline(always)]
fn store<S: Simd, V: Floats<S>>(c_out: usize, columns: usize, v: [V; C], to: &mut [f32]) {
    let ((a, b), (c, d)) = (v[0].interleave(v[2]), v[1].interleave(v[3]));
    let ((p, q), (r, s)) = (a.interleave(c), b.interleave(d));
    let mut rows = [0.0; C * WIDEST];
    for (rows, v) in rows.chunks_exact_mut(V::LEN).zip([p, q, r, s]) {
        v.store_slice(rows);
    }
    if c_out == C {
        let n = to.len().min(columns * C);
        to[..n].copy_from_slice(&rows[..n]);
        return;
    }
    for (to, row) in to.chunks_exact_mut(c_out).zip(rows.chunks_exact(C)).take(columns) {
        to.copy_from_slice(&row[..c_out]);
    }
}
