//! Average pooling, stride = window:
//! `y[r, s, c] = (1 / (k_h · k_w)) Σ_{i,j} x[r·k_h + i, s·k_w + j, c]`, row-major.

use super::max_pool2d::Dims;
use super::simd::vectorised;
use crate::plan::Gradient;

/// Channels side by side that one loop takes at a time.
const C: usize = 8;

/// Cuts the channels of each cell into vectors; calls `f` with the cell's place in the
/// output, that of its first element in the input, and how many channels there are.
#[inline(always)]
fn cells(d: Dims, mut f: impl FnMut(usize, usize, usize)) {
    let (h_out, w_out) = (d.h_in / d.k_h, d.w_in / d.k_w);
    for cell in 0..h_out * w_out {
        let (r, s) = (cell / w_out * d.k_h, cell % w_out * d.k_w);
        for c in (0..d.c).step_by(C) {
            f(cell * d.c + c, (r * d.w_in + s) * d.c + c, C.min(d.c - c));
        }
    }
}

pub(super) fn forward(d: Dims, x: &[f32], y: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    for (x, y) in x.chunks_exact(d.in_len()).zip(y.chunks_exact_mut(d.out_len())) {
        vectorised(
            #[inline(always)]
            || {
                cells(d, |cell, first, channels| {
                    let mut sums = [0.0; C];
                    for i in 0..d.k_h {
                        let x = &x[first + i * d.w_in * d.c..];
                        if let (C, true) = (channels, d.c == C) {
                            for x in x.chunks_exact(C).take(d.k_w) {
                                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
                            }
                        } else {
                            for x in x.chunks(d.c).take(d.k_w) {
                                sums.iter_mut().zip(&x[..channels]).for_each(|(sum, x)| *sum += x);
                            }
                        }
                    }
                    let y = &mut y[cell..cell + channels];
                    y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum / count);
                });
            },
        );
    }
}

/// Spreads `dy` evenly; `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(d: Dims, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    if rule == Gradient::Set {
        dx.fill(0.0);
    }
    for (dx, dy) in dx.chunks_exact_mut(d.in_len()).zip(dy.chunks_exact(d.out_len())) {
        vectorised(
            #[inline(always)]
            || {
                cells(d, |cell, first, channels| {
                    let mut share = [0.0; C];
                    let dy = &dy[cell..cell + channels];
                    share.iter_mut().zip(dy).for_each(|(share, g)| *share = g / count);
                    for i in 0..d.k_h {
                        let dx = &mut dx[first + i * d.w_in * d.c..];
                        if let (C, true) = (channels, d.c == C) {
                            for dx in dx.chunks_exact_mut(C).take(d.k_w) {
                                dx.iter_mut().zip(share).for_each(|(dx, g)| *dx += g);
                            }
                        } else {
                            for dx in dx.chunks_mut(d.c).take(d.k_w) {
                                dx[..channels].iter_mut().zip(share).for_each(|(dx, g)| *dx += g);
                            }
                        }
                    }
                });
            },
        );
    }
}
