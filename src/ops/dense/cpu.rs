//! Dense layers on the CPU. Shader twins: `shaders/dense/forward_tiled.wgsl`,
//! `shaders/dense/backward_input.wgsl`, `shaders/dense/backward_weight.wgsl`.
//!
//! Every product keeps a block of sums in registers: of two samples by up to four vectors of outputs
//! forward, of two samples by four rows of the kernel for `dx`, of four rows by up to four vectors
//! of outputs for `dw`. Products are fused multiply-adds, summed in the order that each states.

use fearless_simd::{Simd, SimdBase, f32x4};
use rayon::prelude::*;

use super::Dense;
use crate::ops::Gradient;
use crate::ops::cpu::{
    Backward, Export, Forward, Layer, Update, activate, activate_backward, kernel_and_bias,
};
use crate::simd::{Floats, WIDEST, dispatch, is_wide, level};

/// Rows of the kernel that one task updates.
const ROWS: usize = 64;

/// Input and gradient at the sum of one sample.
type Sample<'a> = (&'a [f32], &'a [f32]);

#[derive(Debug)]
pub(crate) struct DenseLayer(pub(crate) Dense);

impl DenseLayer {
    fn kernel_len(&self) -> usize {
        self.0.n_in * self.0.n_out
    }
}

impl Layer for DenseLayer {
    /// The loops read the kernel as it is.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    /// For each output the sum over `i` in order, then the bias is added to it.
    fn forward(&self, io: Forward<'_>) {
        let d = self.0;
        let (w, b) = kernel_and_bias(io.parameters, self.kernel_len(), d.bias);
        for y in io.y.chunks_exact_mut(d.n_out) {
            match b {
                Some(b) => y.copy_from_slice(b),
                None => y.fill(0.0),
            }
        }
        let (x, y) = (io.x.get(0), &mut *io.y);
        dispatch!(level(), simd => matmul(simd, d, x, w, y));
        activate(d.activation, y);
    }

    /// `dw` and `db` are computed by the update, from all samples.
    fn backward(&self, mut io: Backward<'_>) {
        let d = self.0;
        activate_backward(d.activation, io.y, io.dy);
        let Some((rule, dx)) = io.dx.get(0) else { return };
        if rule == Gradient::Set {
            dx.fill(0.0);
        }
        let (w, dz) = (&io.parameters[..self.kernel_len()], &*io.dy);
        dispatch!(level(), simd => matmul_nt(simd, d, dz, w, dx));
    }

    /// Copied, not exchanged: another dense layer may read the same input.
    fn export_saved(&self, io: Export<'_>) {
        io.x.1.copy_from_slice(io.x.0);
        io.dz.1.copy_from_slice(io.dz.0);
    }

    /// The kernel by tasks of [`ROWS`] rows, each of which computes its gradient and takes its step.
    fn update(&mut self, io: Update<'_>) {
        let d = self.0;
        let (sums, mut samples): (bool, Vec<Sample<'_>>) = (io.stage.sums(), Vec::new());
        for shard in io.shards {
            samples.extend(shard.x.chunks_exact(d.n_in).zip(shard.dz.chunks_exact(d.n_out)));
        }
        let (mut kernel, mut bias) = io.slice.split_at(self.kernel_len());
        if sums {
            backward_bias(&samples, bias.gradients);
        }
        bias.update(0.0, io.stage);
        let samples = &samples[..];
        kernel.par_chunks(d.n_out * ROWS).enumerate().for_each(|(task, mut rows)| {
            if sums {
                dispatch!(level(), simd => matmul_tn(simd, d, task * ROWS, samples, rows.gradients));
            }
            rows.update(d.l2, io.stage);
        });
    }
}

/// `dx[n, i] += Σ_o dz[n, o] · w[i, o]`, the product with the transposed kernel: two samples at a
/// time, so that each row of the kernel is loaded once for both.
#[inline(always)]
fn matmul_nt<S: Simd>(simd: S, d: Dense, dz: &[f32], w: &[f32], dx: &mut [f32]) {
    for (dz, dx) in dz.chunks(2 * d.n_out).zip(dx.chunks_mut(2 * d.n_in)) {
        let ((z, z_second), (x, x_second)) = (dz.split_at(d.n_out), dx.split_at_mut(d.n_in));
        if z_second.is_empty() {
            matmul_nt_rows::<S, 1>(simd, d, [z], w, [x]);
        } else {
            matmul_nt_rows::<S, 2>(simd, d, [z, z_second], w, [x, x_second]);
        }
    }
}

#[inline(always)]
fn matmul_nt_rows<S: Simd, const SAMPLES: usize>(
    simd: S,
    d: Dense,
    dz: [&[f32]; SAMPLES],
    w: &[f32],
    mut dx: [&mut [f32]; SAMPLES],
) {
    let rows = if d.n_out >= S::f32s::LEN {
        matmul_nt_by_4::<S, S::f32s, SAMPLES>(simd, d, dz, w, &mut dx)
    } else if d.n_out >= 4 {
        matmul_nt_by_4::<S, f32x4<S>, SAMPLES>(simd, d, dz, w, &mut dx)
    } else {
        0
    };
    for (i, w) in (rows..).zip(w[rows * d.n_out..].chunks_exact(d.n_out)) {
        for (dz, dx) in dz.iter().zip(&mut dx) {
            dx[i] += dz.iter().zip(w).map(|(z, w)| z * w).sum::<f32>();
        }
    }
}

/// All whole groups of four rows of the kernel. Returns the number of these rows.
#[inline(always)]
fn matmul_nt_by_4<S: Simd, V: Floats<S>, const SAMPLES: usize>(
    simd: S,
    d: Dense,
    dz: [&[f32]; SAMPLES],
    w: &[f32],
    dx: &mut [&mut [f32]; SAMPLES],
) -> usize {
    let tails = pad_tails::<S, V, SAMPLES>(simd, d, dz);
    let fours = w.chunks_exact(4 * d.n_out);
    let rows = 4 * fours.len();
    for (four, w) in fours.enumerate() {
        matmul_nt_4::<S, V, SAMPLES>(simd, d, dz, tails, w, 4 * four, dx);
    }
    rows
}

/// The last vector of each sample's `dz` where the outputs do not fill it: it begins earlier, with
/// zeros for the outputs that the vector before covers.
#[inline(always)]
fn pad_tails<S: Simd, V: Floats<S>, const SAMPLES: usize>(
    simd: S,
    d: Dense,
    dz: [&[f32]; SAMPLES],
) -> [V; SAMPLES] {
    let mut tails = [V::splat(simd, 0.0); SAMPLES];
    let whole = d.n_out / V::LEN * V::LEN;
    let first = d.n_out - V::LEN;
    for (tail, dz) in tails.iter_mut().zip(dz) {
        let mut lanes = [0.0; WIDEST];
        lanes[whole - first..V::LEN].copy_from_slice(&dz[whole..]);
        *tail = V::from_slice(simd, &lanes[..V::LEN]);
    }
    tails
}

/// Rows `i..i + 4` of the kernel: `dx[s, i + r] += Σ_o dz[s, o] · w[i + r, o]`, by vectors of
/// outputs, whose lanes are summed at the end.
#[inline(always)]
fn matmul_nt_4<S: Simd, V: Floats<S>, const SAMPLES: usize>(
    simd: S,
    d: Dense,
    dz: [&[f32]; SAMPLES],
    tails: [V; SAMPLES],
    w: &[f32],
    i: usize,
    dx: &mut [&mut [f32]; SAMPLES],
) {
    let n_out = d.n_out;
    let rows =
        [&w[..n_out], &w[n_out..][..n_out], &w[2 * n_out..][..n_out], &w[3 * n_out..][..n_out]];
    let dz = dz.map(|dz| &dz[..n_out]);
    let mut sums = [[V::splat(simd, 0.0); 4]; SAMPLES];
    let whole = n_out / V::LEN * V::LEN;
    let mut o = 0;
    while o < whole {
        for r in 0..4 {
            let w = V::from_slice(simd, &rows[r][o..][..V::LEN]);
            for s in 0..SAMPLES {
                let z = V::from_slice(simd, &dz[s][o..][..V::LEN]);
                sums[s][r] = z.mul_add(w, sums[s][r]);
            }
        }
        o += V::LEN;
    }
    if whole < n_out {
        for r in 0..4 {
            let w = V::from_slice(simd, &rows[r][n_out - V::LEN..]);
            for s in 0..SAMPLES {
                sums[s][r] = tails[s].mul_add(w, sums[s][r]);
            }
        }
    }
    for s in 0..SAMPLES {
        let [a, b, c, e] = sums[s];
        // Lanes of the four rows side by side, then the lanes of each row are added.
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

/// `y[n, o] += Σ_i x[n, i] · w[i, o]`, by `i` in order, two samples at a time.
#[inline(always)]
fn matmul<S: Simd>(simd: S, d: Dense, x: &[f32], w: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks(2 * d.n_in).zip(y.chunks_mut(2 * d.n_out)) {
        let (first, second) = x.split_at(d.n_in);
        if second.is_empty() {
            matmul_rows::<S, 1>(simd, [first], w, d.n_out, y);
        } else {
            matmul_rows::<S, 2>(simd, [first, second], w, d.n_out, y);
        }
    }
}

/// All outputs of `SAMPLES` samples, by vectors where the outputs fill one.
#[inline(always)]
fn matmul_rows<S: Simd, const SAMPLES: usize>(
    simd: S,
    x: [&[f32]; SAMPLES],
    w: &[f32],
    n_out: usize,
    y: &mut [f32],
) {
    if n_out >= S::f32s::LEN {
        matmul_blocks::<S, S::f32s, SAMPLES>(simd, x, w, n_out, y);
    } else if n_out >= 4 {
        matmul_blocks::<S, f32x4<S>, SAMPLES>(simd, x, w, n_out, y);
    } else {
        for (x, y) in x.iter().zip(y.chunks_exact_mut(n_out)) {
            for (&v, w) in x.iter().zip(w.chunks_exact(n_out)) {
                y.iter_mut().zip(w).for_each(|(y, w)| *y += v * w);
            }
        }
    }
}

/// Up to four vectors of outputs at a time. The last begins earlier where it would reach beyond
/// the outputs; its lanes that an earlier vector covers are dropped.
#[inline(always)]
fn matmul_blocks<S: Simd, V: Floats<S>, const SAMPLES: usize>(
    simd: S,
    x: [&[f32]; SAMPLES],
    w: &[f32],
    n_out: usize,
    y: &mut [f32],
) {
    let mut o = 0;
    while o < n_out {
        o += match (n_out - o).div_ceil(V::LEN) {
            4.. => matmul_block::<S, V, SAMPLES, 4>(simd, x, w, n_out, o, y),
            3 => matmul_block::<S, V, SAMPLES, 3>(simd, x, w, n_out, o, y),
            2 => matmul_block::<S, V, SAMPLES, 2>(simd, x, w, n_out, o, y),
            _ => matmul_block::<S, V, SAMPLES, 1>(simd, x, w, n_out, o, y),
        };
    }
}

/// `VECTORS` vectors of outputs from `o` on, their sums in registers:
/// `y[s, o + k] += Σ_i x[s, i] · w[i, o + k]`. Returns the number of outputs, at most.
#[inline(always)]
fn matmul_block<S: Simd, V: Floats<S>, const SAMPLES: usize, const VECTORS: usize>(
    simd: S,
    x: [&[f32]; SAMPLES],
    w: &[f32],
    n_out: usize,
    o: usize,
    y: &mut [f32],
) -> usize {
    let starts: [usize; VECTORS] = std::array::from_fn(|n| (o + n * V::LEN).min(n_out - V::LEN));
    let mut sums = [[V::splat(simd, 0.0); VECTORS]; SAMPLES];
    for (i, w) in w.chunks_exact(n_out).enumerate().take(x[0].len()) {
        for n in 0..VECTORS {
            let w = V::from_slice(simd, &w[starts[n]..][..V::LEN]);
            for s in 0..SAMPLES {
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
    VECTORS * V::LEN
}

/// `dw[i, o] = Σ_n x[n, i] · dz[n, o]`, the product with the transposed input, for the rows of `dw`,
/// which begin at `first`; four rows at a time, samples in order.
#[inline(always)]
fn matmul_tn<S: Simd>(simd: S, d: Dense, first: usize, samples: &[Sample<'_>], dw: &mut [f32]) {
    for (i, dw) in (first..).step_by(4).zip(dw.chunks_mut(4 * d.n_out)) {
        if dw.len() == 4 * d.n_out && d.n_out >= S::f32s::LEN {
            let mut o = 0;
            while o < d.n_out {
                o += match (d.n_out - o).div_ceil(S::f32s::LEN) {
                    4.. if is_wide::<S>() => {
                        matmul_tn_block::<S, S::f32s, 4>(simd, d, [i, o], samples, dw)
                    }
                    2.. => matmul_tn_block::<S, S::f32s, 2>(simd, d, [i, o], samples, dw),
                    _ => matmul_tn_block::<S, S::f32s, 1>(simd, d, [i, o], samples, dw),
                };
            }
        } else {
            for (i, dw) in (i..).zip(dw.chunks_exact_mut(d.n_out)) {
                dw.fill(0.0);
                for (x, dz) in samples {
                    dw.iter_mut().zip(*dz).for_each(|(dw, g)| *dw += x[i] * g);
                }
            }
        }
    }
}

/// Rows `i..i + 4` by `VECTORS` vectors of outputs from `o` on, their sums in registers. A vector
/// that would reach beyond the row begins earlier, and has the same sums there. Returns the number
/// of outputs, at most.
#[inline(always)]
fn matmul_tn_block<S: Simd, V: Floats<S>, const VECTORS: usize>(
    simd: S,
    d: Dense,
    [i, o]: [usize; 2],
    samples: &[Sample<'_>],
    dw: &mut [f32],
) -> usize {
    let starts: [usize; VECTORS] = std::array::from_fn(|n| (o + n * V::LEN).min(d.n_out - V::LEN));
    let mut sums = [[V::splat(simd, 0.0); VECTORS]; 4];
    for (x, dz) in samples {
        let (x, dz) = (&x[i..][..4], &dz[..d.n_out]);
        for n in 0..VECTORS {
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
    VECTORS * V::LEN
}

/// `db[o] = Σ_n dz[n, o]`, samples in order; `db` is empty where there is no bias.
fn backward_bias(samples: &[Sample<'_>], db: &mut [f32]) {
    db.fill(0.0);
    for (_, dz) in samples {
        db.iter_mut().zip(*dz).for_each(|(db, g)| *db += g);
    }
}
