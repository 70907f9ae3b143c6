//! Average pooling, stride = window:
//! `y[r, s, c] = (1 / (k_h · k_w)) Σ_{i,j} x[r·k_h + i, s·k_w + j, c]`, row-major.

use rayon::prelude::*;

use super::max_pool2d::Dims;
use super::threads::SAMPLES_PER_PART;
use crate::plan::Gradient;

/// Calls `f` with each cell of the output and each element under it, as indices of their channels.
fn pairs(d: Dims, mut f: impl FnMut(usize, usize)) {
    let (h_out, w_out) = (d.h_in / d.k_h, d.w_in / d.k_w);
    for r in 0..h_out * d.k_h {
        for s in 0..w_out * d.k_w {
            let cell = (r / d.k_h * w_out + s / d.k_w) * d.c;
            f(cell, (r * d.w_in + s) * d.c);
        }
    }
}

pub(super) fn forward(d: Dims, x: &[f32], y: &mut [f32]) {
    let (len_in, len_out) = (d.in_len(), d.out_len());
    let count = (d.k_h * d.k_w) as f32;
    x.par_chunks(len_in * SAMPLES_PER_PART)
        .zip(y.par_chunks_mut(len_out * SAMPLES_PER_PART))
        .for_each(|(x, y)| {
            for (x, y) in x.chunks_exact(len_in).zip(y.chunks_exact_mut(len_out)) {
                y.fill(0.0);
                pairs(d, |cell, at| {
                    for (y, &x) in y[cell..cell + d.c].iter_mut().zip(&x[at..at + d.c]) {
                        *y += x;
                    }
                });
                y.iter_mut().for_each(|y| *y /= count);
            }
        });
}

/// Spreads `dy` evenly; `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(d: Dims, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    let (len_in, len_out) = (d.in_len(), d.out_len());
    let count = (d.k_h * d.k_w) as f32;
    dx.par_chunks_mut(len_in * SAMPLES_PER_PART)
        .zip(dy.par_chunks(len_out * SAMPLES_PER_PART))
        .for_each(|(dx, dy)| {
            if rule == Gradient::Set {
                dx.fill(0.0);
            }
            for (dx, dy) in dx.chunks_exact_mut(len_in).zip(dy.chunks_exact(len_out)) {
                pairs(d, |cell, at| {
                    for (dx, &g) in dx[at..at + d.c].iter_mut().zip(&dy[cell..cell + d.c]) {
                        *dx += g / count;
                    }
                });
            }
        });
}
