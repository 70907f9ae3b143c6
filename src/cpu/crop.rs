//! Only the lowest bands: `y[r, s, c] = x[r, s, c]` for `r < h_out`. They are the first
//! elements of each sample.

use crate::plan::Gradient;

/// Elements of one sample, before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dims {
    pub(super) len_in: usize,
    pub(super) len_out: usize,
}

pub(super) fn forward(d: Dims, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.chunks_exact_mut(d.len_out).zip(x.chunks_exact(d.len_in)) {
        y.copy_from_slice(&x[..d.len_out]);
    }
}

/// What was cropped gets no gradient; `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(d: Dims, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    for (dx, dy) in dx.chunks_exact_mut(d.len_in).zip(dy.chunks_exact(d.len_out)) {
        if rule == Gradient::Set {
            dx.fill(0.0);
        }
        dx.iter_mut().zip(dy).for_each(|(dx, g)| *dx += g);
    }
}
