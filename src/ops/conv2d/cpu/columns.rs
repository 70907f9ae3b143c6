//! A first layer with a fused 2×2 max-pooling: one input channel and at most four filters fill no
//! vector, neighbouring columns do. Computes what [`super::pool`] does. Each sum begins at the bias
//! and runs over frame rows and taps, in that order.
//!
//! ```text
//!                columns of outputs, VECTORS vectors of them
//!             ┌───────────────┬───────────────┐
//!  top row    │ filters 0 … 3 │ filters 0 … 3 │  ⎫ windows of 2×2: one
//!  bottom row │ filters 0 … 3 │ filters 0 … 3 │  ⎭ maximum per pair of columns
//!             └───────────────┴───────────────┘
//! ```

use fearless_simd::{Simd, SimdBase};

use super::super::Extents;
use super::pool::Search;
use super::tile::{Job, activate};
use crate::ops::pool2d;
use crate::simd::{Floats, WIDEST, dispatch, is_wide, level};

/// Filters at a time.
const C: usize = 4;

/// Whether this is the faster kernel.
pub(super) fn suits(d: Extents) -> bool {
    d.c_in == 1 && d.c_out <= C
}

/// As [`super::pool::forward`]; the weights are packed for vectors of four.
pub(super) fn forward(job: Job<'_>, pool: pool2d::Extents, y: &mut [f32], argmax: &mut [u32]) {
    let argmax: &mut [f32] = bytemuck::cast_slice_mut(argmax);
    dispatch!(level(), simd => rows(simd, job, pool, y, argmax));
}

#[inline(always)]
fn rows<S: Simd>(simd: S, job: Job<'_>, pool: pool2d::Extents, y: &mut [f32], argmax: &mut [f32]) {
    let d = job.d;
    let (h, w) = (pool.h_out, pool.w_out);
    let mut rest = argmax;
    for (row, y) in y.chunks_exact_mut(w * d.c_out).take(h).enumerate() {
        let (argmax, below) = rest.split_at_mut(rest.len().min(y.len()));
        rest = below;
        let mut column = 0;
        // Two vectors at a time where there are registers for them; the last may reach beyond the
        // row: its sums there are dropped.
        while column < w {
            let two = column + S::f32s::LEN / 2 < w;
            let frame = &job.frame[d.patch(2 * row, 2 * column)..];
            let to = column * d.c_out;
            let (y, argmax) = (&mut y[to..], argmax.get_mut(to..).unwrap_or_default());
            column += match (two, is_wide::<S>()) {
                (true, true) => pooled::<S, S::f32s, C, 2>(simd, job, frame, y, argmax),
                (true, false) => pooled::<S, S::f32s, 2, 2>(simd, job, frame, y, argmax),
                (false, _) => pooled::<S, S::f32s, C, 1>(simd, job, frame, y, argmax),
            };
        }
    }
}

/// Two rows of `VECTORS` vectors of outputs, pooled, `FILTERS` filters at a time. Returns the pooled
/// columns.
#[inline(always)]
fn pooled<S: Simd, V: Floats<S>, const FILTERS: usize, const VECTORS: usize>(
    simd: S,
    job: Job<'_>,
    frame: &[f32],
    y: &mut [f32],
    argmax: &mut [f32],
) -> usize {
    let mut best = [V::splat(simd, 0.0); C];
    let mut index = best;
    let keeps_argmax = !argmax.is_empty();
    for first in (0..C).step_by(FILTERS) {
        let [top, bottom] = two_rows::<S, V, FILTERS, VECTORS>(simd, job, first, frame);
        let sums = [top.as_flattened(), bottom.as_flattened()];
        let search = Search::of(simd, keeps_argmax, sums);
        for c in 0..FILTERS {
            let (top, bottom) = (top[c], bottom[c]);
            // With one vector its second half is the first again.
            let (t0, t1) = top[0].deinterleave(top[VECTORS - 1]);
            let (b0, b1) = bottom[0].deinterleave(bottom[VECTORS - 1]);
            let (value, which) = search.maximum(simd, [t0, t1, b0, b1]);
            best[first + c] = activate(simd, job.activation, value);
            index[first + c] = which;
        }
    }
    let columns = VECTORS * V::LEN / 2;
    store(job.d.c_out, columns, best, y);
    if keeps_argmax {
        store(job.d.c_out, columns, index, argmax);
    }
    columns
}

/// The sums of two rows of `VECTORS` vectors of outputs, of `FILTERS` filters from `first` on.
#[inline(always)]
fn two_rows<S: Simd, V: Floats<S>, const FILTERS: usize, const VECTORS: usize>(
    simd: S,
    job: Job<'_>,
    first: usize,
    frame: &[f32],
) -> [[[V; VECTORS]; FILTERS]; 2] {
    let d = job.d;
    let block = job.packed.blocks[0];
    let (w, bias) = (&job.packed.weights(d, block)[first..], job.packed.bias(block));
    let mut sums = [[[V::splat(simd, 0.0); VECTORS]; FILTERS]; 2];
    for c in 0..FILTERS {
        let bias = V::splat(simd, bias[first + c]);
        sums[0][c] = [bias; VECTORS];
        sums[1][c] = [bias; VECTORS];
    }
    let [top, bottom] = &mut sums;
    let row = d.k_w * C;
    let window = |f: usize| &frame[f * d.stride()..][..d.k_w - 1 + VECTORS * V::LEN];
    taps::<S, V, FILTERS, VECTORS, 1>(simd, window(0), [w], &mut [top]);
    for f in 1..d.k_h {
        let weights = [&w[f * row..], &w[(f - 1) * row..]];
        taps::<S, V, FILTERS, VECTORS, 2>(simd, window(f), weights, &mut [top, bottom]);
    }
    taps::<S, V, FILTERS, VECTORS, 1>(
        simd,
        window(d.k_h),
        [&w[(d.k_h - 1) * row..]],
        &mut [bottom],
    );
    sums
}

/// Adds the products of one row of the frame to `ROWS` rows of outputs, each with its kernel row.
#[inline(always)]
fn taps<S: Simd, V: Floats<S>, const FILTERS: usize, const VECTORS: usize, const ROWS: usize>(
    simd: S,
    x: &[f32],
    w: [&[f32]; ROWS],
    sums: &mut [&mut [[V; VECTORS]; FILTERS]; ROWS],
) {
    let taps = x.len() + 1 - VECTORS * V::LEN;
    for j in 0..taps {
        let mut inputs = [V::splat(simd, 0.0); VECTORS];
        for (v, input) in inputs.iter_mut().enumerate() {
            *input = V::from_slice(simd, &x[j + v * V::LEN..][..V::LEN]);
        }
        for a in 0..ROWS {
            let Some(w) = w[a][j * C..].first_chunk::<FILTERS>() else { continue };
            for c in 0..FILTERS {
                let w = V::splat(simd, w[c]);
                for n in 0..VECTORS {
                    sums[a][c][n] = inputs[n].mul_add(w, sums[a][c][n]);
                }
            }
        }
    }
}

/// Transposes filters to `[column, filter]` and stores up to `columns` columns.
#[inline(always)]
fn store<S: Simd, V: Floats<S>>(c_out: usize, columns: usize, v: [V; C], to: &mut [f32]) {
    let ((a, b), (c, d)) = (v[0].interleave(v[2]), v[1].interleave(v[3]));
    let ((p, q), (r, s)) = (a.interleave(c), b.interleave(d));
    let rows = [p, q, r, s];
    let vectors = columns * C / V::LEN;
    if c_out == C && to.len() >= vectors * V::LEN {
        for n in 0..vectors {
            rows[n].store_slice(&mut to[n * V::LEN..][..V::LEN]);
        }
        return;
    }
    let mut values = [0.0; C * WIDEST];
    for (values, row) in values.chunks_exact_mut(V::LEN).zip(rows) {
        row.store_slice(values);
    }
    for (to, row) in to.chunks_exact_mut(c_out).zip(values.chunks_exact(C)).take(columns) {
        to.copy_from_slice(&row[..c_out]);
    }
}
