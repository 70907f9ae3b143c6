//! Only the lowest bands: `y[r, s, c] = x[r, s, c]` for `r < h_out`. They are the first
//! elements of each sample.

use rayon::prelude::*;

use crate::plan::Gradient;

/// Elements of one sample, before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dims {
    pub(super) len_in: usize,
    pub(super) len_out: usize,
}

pub(super) fn forward(d: Dims, x: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(d.len_out)
        .zip(x.par_chunks(d.len_in))
        .for_each(|(y, x)| y.copy_from_slice(&x[..d.len_out]));
}

/// What was cropped gets no gradient; `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(d: Dims, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    dx.par_chunks_mut(d.len_in).zip(dy.par_chunks(d.len_out)).for_each(|(dx, dy)| {
        if rule == Gradient::Set {
            dx.fill(0.0);
        }
        dx.iter_mut().zip(dy).for_each(|(dx, g)| *dx += g);
    });
}
