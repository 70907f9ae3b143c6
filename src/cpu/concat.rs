//! Concatenation: rows of each input side by side. For maps a row is the
//! channels of one position, for vectors the whole sample.

use crate::plan::Gradient;

/// Copies `x` (`[rows, width]`) into columns `offset..offset + width` of `y` (`[rows, total]`).
pub(super) fn forward(width: usize, total: usize, offset: usize, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(total)) {
        y[offset..offset + width].copy_from_slice(x);
    }
}

/// Gives those columns of `dy` back to `dx`.
pub(super) fn backward_input(
    width: usize,
    total: usize,
    offset: usize,
    dy: &[f32],
    rule: Gradient,
    dx: &mut [f32],
) {
    for (dx, dy) in dx.chunks_exact_mut(width).zip(dy.chunks_exact(total)) {
        for (dx, &g) in dx.iter_mut().zip(&dy[offset..offset + width]) {
            *dx = if rule == Gradient::Add { *dx + g } else { g };
        }
    }
}
