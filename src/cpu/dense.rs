//! Dense layer: `y[n, o] = f(b[o] + Σ_i x[n, i] · w[i, o])`, kernel `[in, out]`.

use rayon::prelude::*;

use super::activation;
use super::threads::SAMPLES_PER_PART;
use super::vectorised::vectorised;
use crate::graph::Activation;
use crate::plan::Gradient;

/// Rows of the kernel that one task owns in the weight gradient.
const ROWS: usize = 32;

/// Sums over `i` in order, one accumulator for each output.
pub(super) fn forward(
    n_in: usize,
    n_out: usize,
    act: Activation,
    x: &[f32],
    w: &[f32],
    b: Option<&[f32]>,
    y: &mut [f32],
) {
    x.par_chunks(n_in * SAMPLES_PER_PART).zip(y.par_chunks_mut(n_out * SAMPLES_PER_PART)).for_each(
        |(x, y)| {
            for (x, y) in x.chunks_exact(n_in).zip(y.chunks_exact_mut(n_out)) {
                match b {
                    Some(b) => y.copy_from_slice(b),
                    None => y.fill(0.0),
                }
                vectorised(
                    #[inline(always)]
                    || {
                        for (&v, row) in x.iter().zip(w.chunks_exact(n_out)) {
                            axpy(v, row, y);
                        }
                        activation::forward(act, y);
                    },
                );
            }
        },
    );
}

/// `dw[i, o] = Σ_n x[n, i] · dz[n, o]`, first sample first.
pub(super) fn backward_weight(n_in: usize, n_out: usize, x: &[f32], dz: &[f32], dw: &mut [f32]) {
    dw.par_chunks_mut(n_out * ROWS).enumerate().for_each(|(task, rows)| {
        rows.fill(0.0);
        vectorised(
            #[inline(always)]
            || {
                for (x, dz) in x.chunks_exact(n_in).zip(dz.chunks_exact(n_out)) {
                    for (&v, row) in x[task * ROWS..].iter().zip(rows.chunks_exact_mut(n_out)) {
                        axpy(v, dz, row);
                    }
                }
            },
        );
    });
}

/// `db[o] = Σ_n dz[n, o]`, first sample first.
pub(super) fn backward_bias(n_out: usize, dz: &[f32], db: &mut [f32]) {
    db.fill(0.0);
    for dz in dz.chunks_exact(n_out) {
        axpy(1.0, dz, db);
    }
}

/// `dx[n, i] = Σ_o dz[n, o] · w[i, o]`.
pub(super) fn backward_input(
    n_in: usize,
    n_out: usize,
    dz: &[f32],
    w: &[f32],
    rule: Gradient,
    dx: &mut [f32],
) {
    dx.par_chunks_mut(n_in * SAMPLES_PER_PART)
        .zip(dz.par_chunks(n_out * SAMPLES_PER_PART))
        .for_each(|(dx, dz)| {
            vectorised(
                #[inline(always)]
                || {
                    for (dx, dz) in dx.chunks_exact_mut(n_in).zip(dz.chunks_exact(n_out)) {
                        for (dx, row) in dx.iter_mut().zip(w.chunks_exact(n_out)) {
                            let sum = dot(dz, row);
                            *dx = if rule == Gradient::Add { *dx + sum } else { sum };
                        }
                    }
                },
            );
        });
}

/// `y ← y + a · x`.
#[inline(always)]
pub(super) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// Eight interleaved sums, then those in order: a stated order that vectorises.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a_eights, b_eights) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_eights.remainder().iter().zip(b_eights.remainder());
    let rest: f32 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a_eights.zip(b_eights) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest
}
