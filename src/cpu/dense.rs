//! Dense layer: `y[n, o] = f(b[o] + Σ_i x[n, i] · w[i, o])`, kernel `[in, out]`.

use fearless_simd::{Simd, SimdBase, dispatch, f32x4};
use rayon::prelude::*;

use super::activation;
use super::sgd::Stretch;
use super::simd::{Floats, WIDEST, is_wide, level};
use crate::backend::Sgd;
use crate::graph::Activation;
use crate::plan::Gradient;

/// Rows of the kernel that one task learns.
const ROWS: usize = 64;

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
    dispatch!(level(), simd => product(simd, d, x, w, y));
    activation::forward(act, y);
}

/// `dx[n, i] = Σ_o dz[n, o] · w[i, o]`: four rows of the kernel at a time by vectors of outputs,
/// whose lanes are summed at last; what fills none, one output after the other.
pub(super) fn backward_input(d: Dims, dz: &[f32], w: &[f32], rule: Gradient, dx: &mut [f32]) {
    if rule == Gradient::Set {
        dx.fill(0.0);
    }
    dispatch!(level(), simd => dots(simd, d, dz, w, dx));
}

/// Two samples at a time.
#[inline(always)]
fn dots<S: Simd>(simd: S, d: Dims, dz: &[f32], w: &[f32], dx: &mut [f32]) {
    for (dz, dx) in dz.chunks(2 * d.n_out).zip(dx.chunks_mut(2 * d.n_in)) {
        let ((z, z_second), (x, x_second)) = (dz.split_at(d.n_out), dx.split_at_mut(d.n_in));
        if z_second.is_empty() {
            some_dots::<S, 1>(simd, d, [z], w, [x]);
        } else {
            some_dots::<S, 2>(simd, d, [z, z_second], w, [x, x_second]);
        }
    }
}

#[inline(always)]
fn some_dots<S: Simd, const X: usize>(
    simd: S,
    d: Dims,
    dz: [&[f32]; X],
    w: &[f32],
    mut dx: [&mut [f32]; X],
) {
    let rows = if d.n_out >= S::f32s::LEN {
        fours::<S, S::f32s, X>(simd, d, dz, w, &mut dx)
    } else if d.n_out >= 4 {
        fours::<S, f32x4<S>, X>(simd, d, dz, w, &mut dx)
    } else {
        0
    };
    for (i, w) in (rows..).zip(w[rows * d.n_out..].chunks_exact(d.n_out)) {
        for (dz, dx) in dz.iter().zip(&mut dx) {
            dx[i] += dz.iter().zip(w).map(|(z, w)| z * w).sum::<f32>();
        }
    }
}

/// As many whole fours of rows as there are. Returns their rows.
#[inline(always)]
fn fours<S: Simd, V: Floats<S>, const X: usize>(
    simd: S,
    d: Dims,
    dz: [&[f32]; X],
    w: &[f32],
    dx: &mut [&mut [f32]; X],
) -> usize {
    let tails = tails::<S, V, X>(simd, d, dz);
    let fours = w.chunks_exact(4 * d.n_out);
    let rows = 4 * fours.len();
    for (four, w) in fours.enumerate() {
        four_dots::<S, V, X>(simd, d, dz, tails, w, 4 * four, dx);
    }
    rows
}

/// The last vector of each sample where the outputs fill no whole one: it begins earlier, with
/// zeros for those that the one before has.
#[inline(always)]
fn tails<S: Simd, V: Floats<S>, const X: usize>(simd: S, d: Dims, dz: [&[f32]; X]) -> [V; X] {
    let mut tails = [V::splat(simd, 0.0); X];
    let whole = d.n_out / V::LEN * V::LEN;
    let first = d.n_out - V::LEN;
    for (tail, dz) in tails.iter_mut().zip(dz) {
        let mut lanes = [0.0; WIDEST];
        lanes[whole - first..V::LEN].copy_from_slice(&dz[whole..]);
        *tail = V::from_slice(simd, &lanes[..V::LEN]);
    }
    tails
}

/// Four rows from `i` on.
#[inline(always)]
fn four_dots<S: Simd, V: Floats<S>, const X: usize>(
    simd: S,
    d: Dims,
    dz: [&[f32]; X],
    tails: [V; X],
    w: &[f32],
    i: usize,
    dx: &mut [&mut [f32]; X],
) {
    let n_out = d.n_out;
    let rows =
        [&w[..n_out], &w[n_out..][..n_out], &w[2 * n_out..][..n_out], &w[3 * n_out..][..n_out]];
    let dz = dz.map(|dz| &dz[..n_out]);
    let mut sums = [[V::splat(simd, 0.0); 4]; X];
    let whole = n_out / V::LEN * V::LEN;
    let mut o = 0;
    while o < whole {
        for r in 0..4 {
            let w = V::from_slice(simd, &rows[r][o..][..V::LEN]);
            for s in 0..X {
                let z = V::from_slice(simd, &dz[s][o..][..V::LEN]);
                sums[s][r] = z.mul_add(w, sums[s][r]);
            }
        }
        o += V::LEN;
    }
    if whole < n_out {
        for r in 0..4 {
            let w = V::from_slice(simd, &rows[r][n_out - V::LEN..]);
            for s in 0..X {
                sums[s][r] = tails[s].mul_add(w, sums[s][r]);
            }
        }
    }
    for s in 0..X {
        let [a, b, c, e] = sums[s];
        // Lanes of the four rows side by side, then those of each row together.
        let ((ac, ac_high), (be, be_high)) = (a.interleave(c), b.interleave(e));
        let ((p, q), (r, t)) = (ac.interleave(be), ac_high.interleave(be_high));
        let sums = (p + q) + (r + t);
        let mut four = f32x4::splat(simd, 0.0);
        for lanes in sums.as_slice().chunks_exact(4) {
            four += f32x4::from_slice(simd, lanes);
        }
        let dx = &mut dx[s][i..][..4];
        (four + f32x4::from_slice(simd, dx)).store_slice(dx);
    }
}

/// `y[s, o] += Σ_i x[s, i] · w[i, o]` for the samples at hand, by `i` in order.
#[inline(always)]
fn product<S: Simd>(simd: S, d: Dims, x: &[f32], w: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks(2 * d.n_in).zip(y.chunks_mut(2 * d.n_out)) {
        let (first, second) = x.split_at(d.n_in);
        if second.is_empty() {
            columns::<S, 1>(simd, [first], w, d.n_out, y);
        } else {
            columns::<S, 2>(simd, [first, second], w, d.n_out, y);
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

/// The kernel's step, by tasks of [`ROWS`] rows, each from its gradient
/// `dw[i, o] = Σ_n x[n, i] · dz[n, o]`, first sample first.
pub(super) fn learn(
    d: Dims,
    pairs: &[Pair<'_>],
    l2: f32,
    sgd: Option<Sgd>,
    mut kernel: Stretch<'_>,
) {
    kernel.chunks(d.n_out * ROWS).enumerate().for_each(|(task, mut own)| {
        dispatch!(level(), simd => weight_rows(simd, d, task * ROWS, pairs, own.gradients));
        own.step(l2, sgd);
    });
}

/// Rows of the kernel from `first` on, four at a time.
#[inline(always)]
fn weight_rows<S: Simd>(simd: S, d: Dims, first: usize, pairs: &[Pair<'_>], dw: &mut [f32]) {
    for (i, dw) in (first..).step_by(4).zip(dw.chunks_mut(4 * d.n_out)) {
        if dw.len() == 4 * d.n_out && d.n_out >= S::f32s::LEN {
            let mut o = 0;
            while o < d.n_out {
                o += match (d.n_out - o).div_ceil(S::f32s::LEN) {
                    4.. if is_wide::<S>() => {
                        weight_vectors::<S, S::f32s, 4>(simd, d, [i, o], pairs, dw)
                    }
                    2.. => weight_vectors::<S, S::f32s, 2>(simd, d, [i, o], pairs, dw),
                    _ => weight_vectors::<S, S::f32s, 1>(simd, d, [i, o], pairs, dw),
                };
            }
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

/// Four rows from `i` on by `N` vectors from `o` on; a vector that would reach beyond the row
/// begins earlier, and has the same sums there. Returns how many outputs that are at most.
#[inline(always)]
fn weight_vectors<S: Simd, V: Floats<S>, const N: usize>(
    simd: S,
    d: Dims,
    [i, o]: [usize; 2],
    pairs: &[Pair<'_>],
    dw: &mut [f32],
) -> usize {
    let starts: [usize; N] = std::array::from_fn(|n| (o + n * V::LEN).min(d.n_out - V::LEN));
    let mut sums = [[V::splat(simd, 0.0); N]; 4];
    for (x, dz) in pairs {
        let (x, dz) = (&x[i..][..4], &dz[..d.n_out]);
        for n in 0..N {
            let g = V::from_slice(simd, &dz[starts[n]..][..V::LEN]);
            for r in 0..4 {
                sums[r][n] = V::splat(simd, x[r]).mul_add(g, sums[r][n]);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (sum, start) in sums.iter().zip(starts) {
            sum.store_slice(&mut dw[r * d.n_out + start..][..V::LEN]);
        }
    }
    N * V::LEN
}

/// `db[o] = Σ_n dz[n, o]`, first sample first; `db` is empty where there is no bias.
pub(super) fn backward_bias(pairs: &[Pair<'_>], db: &mut [f32]) {
    db.fill(0.0);
    for (_, dz) in pairs {
        db.iter_mut().zip(*dz).for_each(|(db, g)| *db += g);
    }
}
