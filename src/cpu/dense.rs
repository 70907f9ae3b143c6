//! Dense layer: `y[n, o] = f(b[o] + Σ_i x[n, i] · w[i, o])`, kernel `[in, out]`.

use fearless_simd::{Simd, SimdBase, dispatch, f32x4};
use rayon::prelude::*;

use super::activation;
use super::simd::{Floats, level};
use crate::graph::Activation;
use crate::plan::Gradient;

/// Rows of the kernel that one task owns in the weight gradient.
const ROWS: usize = 32;

/// Input and gradient at the sum of one sample.
pub(super) type Pair<'a> = (&'a [f32], &'a [f32]);

/// Extents of one dense layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dims {
    pub(super) n_in: usize,
    pub(super) n_out: usize,
}

/// Sums over `i` in order, one accumulator for each output, after the bias.
pub(super) fn forward(
    d: Dims,
    act: Activation,
    x: &[f32],
    w: &[f32],
    b: Option<&[f32]>,
    y: &mut [f32],
) {
    for y in y.chunks_exact_mut(d.n_out) {
        match b {
            Some(b) => y.copy_from_slice(b),
            None => y.fill(0.0),
        }
    }
    dispatch!(level(), simd => product(simd, d.n_in, x, w, y));
    activation::forward(act, y);
}

/// `dx[n, i] = Σ_o dz[n, o] · w[i, o]`, sums over `o` in order; `transposed` is `[out, in]`.
pub(super) fn backward_input(
    d: Dims,
    dz: &[f32],
    transposed: &[f32],
    rule: Gradient,
    dx: &mut [f32],
) {
    if rule == Gradient::Set {
        dx.fill(0.0);
    }
    dispatch!(level(), simd => product(simd, d.n_out, dz, transposed, dx));
}

/// `w` (`[in, out]`) as `[out, in]`, in squares that caches hold.
pub(super) fn transpose(d: Dims, w: &[f32], transposed: &mut [f32]) {
    const SIDE: usize = 16;
    transposed.par_chunks_mut(d.n_in * SIDE).enumerate().for_each(|(band, to)| {
        for first in (0..d.n_in).step_by(SIDE) {
            for (o, to) in (band * SIDE..).zip(to.chunks_exact_mut(d.n_in)) {
                let to = to[first..].iter_mut().take(SIDE);
                to.enumerate().for_each(|(i, to)| *to = w[(first + i) * d.n_out + o]);
            }
        }
    });
}

/// `y[s, o] += Σ_i x[s, i] · w[i, o]` for the samples at hand, by `i` in order.
#[inline(always)]
fn product<S: Simd>(simd: S, n_in: usize, x: &[f32], w: &[f32], y: &mut [f32]) {
    let n_out = w.len() / n_in;
    for (x, y) in x.chunks(2 * n_in).zip(y.chunks_mut(2 * n_out)) {
        let (first, second) = x.split_at(n_in);
        if second.is_empty() {
            columns::<S, 1>(simd, [first], w, n_out, y);
        } else {
            columns::<S, 2>(simd, [first, second], w, n_out, y);
        }
    }
}

/// All outputs of `X` samples.
#[inline(always)]
fn columns<S: Simd, const X: usize>(
    simd: S,
    x: [&[f32]; X],
    w: &[f32],
    n_out: usize,
    y: &mut [f32],
) {
    if n_out >= S::f32s::LEN {
        vectors::<S, S::f32s, X>(simd, x, w, n_out, y);
    } else if n_out >= 4 {
        vectors::<S, f32x4<S>, X>(simd, x, w, n_out, y);
    } else {
        for (x, y) in x.iter().zip(y.chunks_exact_mut(n_out)) {
            for (&v, w) in x.iter().zip(w.chunks_exact(n_out)) {
                y.iter_mut().zip(w).for_each(|(y, w)| *y += v * w);
            }
        }
    }
}

/// Up to four vectors of outputs at a time. The last begins earlier where it would reach
/// beyond the outputs, and what an earlier one has of it is dropped.
#[inline(always)]
fn vectors<S: Simd, V: Floats<S>, const X: usize>(
    simd: S,
    x: [&[f32]; X],
    w: &[f32],
    n_out: usize,
    y: &mut [f32],
) {
    let mut o = 0;
    while o < n_out {
        o += match (n_out - o).div_ceil(V::LEN) {
            4.. => some::<S, V, X, 4>(simd, x, w, n_out, o, y),
            3 => some::<S, V, X, 3>(simd, x, w, n_out, o, y),
            2 => some::<S, V, X, 2>(simd, x, w, n_out, o, y),
            _ => some::<S, V, X, 1>(simd, x, w, n_out, o, y),
        };
    }
}

/// `N` vectors of outputs from `o` on. Returns how many outputs that are at most.
#[inline(always)]
fn some<S: Simd, V: Floats<S>, const X: usize, const N: usize>(
    simd: S,
    x: [&[f32]; X],
    w: &[f32],
    n_out: usize,
    o: usize,
    y: &mut [f32],
) -> usize {
    let starts: [usize; N] = std::array::from_fn(|n| (o + n * V::LEN).min(n_out - V::LEN));
    let mut sums = [[V::splat(simd, 0.0); N]; X];
    for (i, w) in w.chunks_exact(n_out).enumerate().take(x[0].len()) {
        for n in 0..N {
            let w = V::from_slice(simd, &w[starts[n]..][..V::LEN]);
            for s in 0..X {
                sums[s][n] = V::splat(simd, x[s][i]).mul_add(w, sums[s][n]);
            }
        }
    }
    for (sums, y) in sums.iter().zip(y.chunks_exact_mut(n_out)) {
        for (n, (sum, start)) in sums.iter().zip(starts).enumerate() {
            let new = (o + n * V::LEN).min(n_out) - start;
            let to = y[start + new..].iter_mut().zip(&sum.as_slice()[new..]);
            to.for_each(|(y, sum)| *y += sum);
        }
    }
    N * V::LEN
}

/// `dw[i, o] = Σ_n x[n, i] · dz[n, o]`, first sample first, of the samples at hand.
pub(super) fn backward_weight(d: Dims, pairs: &[Pair<'_>], dw: &mut [f32]) {
    dw.par_chunks_mut(d.n_out * ROWS).enumerate().for_each(|(task, rows)| {
        dispatch!(level(), simd => weight_rows(simd, d, task * ROWS, pairs, rows));
    });
}

/// Rows of the kernel from `first` on, four at a time.
#[inline(always)]
fn weight_rows<S: Simd>(simd: S, d: Dims, first: usize, pairs: &[Pair<'_>], dw: &mut [f32]) {
    for (i, dw) in (first..).step_by(4).zip(dw.chunks_mut(4 * d.n_out)) {
        if dw.len() == 4 * d.n_out && d.n_out >= S::f32s::LEN {
            weight_vectors::<S, S::f32s, 4>(simd, d, i, pairs, dw);
        } else {
            for (i, dw) in (i..).zip(dw.chunks_exact_mut(d.n_out)) {
                dw.fill(0.0);
                for (x, dz) in pairs {
                    dw.iter_mut().zip(*dz).for_each(|(dw, g)| *dw += x[i] * g);
                }
            }
        }
    }
}

/// `R` rows from `i` on, vector by vector; the last begins earlier where it would reach
/// beyond the row, and has the same sums there.
#[inline(always)]
fn weight_vectors<S: Simd, V: Floats<S>, const R: usize>(
    simd: S,
    d: Dims,
    i: usize,
    pairs: &[Pair<'_>],
    dw: &mut [f32],
) {
    for o in (0..d.n_out).step_by(V::LEN) {
        let o = o.min(d.n_out - V::LEN);
        let mut sums = [V::splat(simd, 0.0); R];
        for (x, dz) in pairs {
            let g = V::from_slice(simd, &dz[o..][..V::LEN]);
            let x = &x[i..][..R];
            for r in 0..R {
                sums[r] = V::splat(simd, x[r]).mul_add(g, sums[r]);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            sum.store_slice(&mut dw[r * d.n_out + o..][..V::LEN]);
        }
    }
}

/// `db[o] = Σ_n dz[n, o]`, first sample first; `db` is empty where there is no bias.
pub(super) fn backward_bias(pairs: &[Pair<'_>], db: &mut [f32]) {
    db.fill(0.0);
    for (_, dz) in pairs {
        db.iter_mut().zip(*dz).for_each(|(db, g)| *db += g);
    }
}
