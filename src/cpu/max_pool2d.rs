//! Max-pooling, stride = window: `y[r, s, c] = max x[r·k_h + i, s·k_w + j, c]`.
//! The gradient goes to the first maximum in row-major order, as in Keras.

use super::simd::vectorised;
use crate::plan::Gradient;

/// Extents of one pooling; `h_out = h_in / k_h` and `w_out = w_in / k_w`, rounded down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dims {
    pub(super) h_in: usize,
    pub(super) w_in: usize,
    pub(super) c: usize,
    pub(super) k_h: usize,
    pub(super) k_w: usize,
}

impl Dims {
    pub(super) fn in_len(self) -> usize {
        self.h_in * self.w_in * self.c
    }

    pub(super) fn out_len(self) -> usize {
        (self.h_in / self.k_h) * (self.w_in / self.k_w) * self.c
    }
}

/// `winner` gets the index of each maximum within its sample.
pub(super) fn forward(d: Dims, x: &[f32], y: &mut [f32], winner: &mut [u32]) {
    let (len_in, len_out) = (d.in_len(), d.out_len());
    let samples = x.chunks_exact(len_in).zip(y.chunks_exact_mut(len_out));
    for ((x, y), winner) in samples.zip(winner.chunks_exact_mut(len_out)) {
        vectorised(
            #[inline(always)]
            || forward_sample(d, x, y, winner),
        );
    }
}

/// Cuts the channels into blocks that fit registers.
#[inline(always)]
fn forward_sample(d: Dims, x: &[f32], y: &mut [f32], winner: &mut [u32]) {
    let mut c = 0;
    while c < d.c {
        c += match d.c - c {
            16.. => forward_block::<16>(d, c, x, y, winner),
            8.. => forward_block::<8>(d, c, x, y, winner),
            4.. => forward_block::<4>(d, c, x, y, winner),
            _ => forward_block::<1>(d, c, x, y, winner),
        };
    }
}

/// Channels `c..c + C` of all windows. Returns C.
#[inline(always)]
fn forward_block<const C: usize>(
    d: Dims,
    c: usize,
    x: &[f32],
    y: &mut [f32],
    winner: &mut [u32],
) -> usize {
    let w_out = d.w_in / d.k_w;
    let cells = y.chunks_exact_mut(d.c).zip(winner.chunks_exact_mut(d.c));
    for (cell, (y, winner)) in cells.enumerate() {
        let (top, left) = (cell / w_out * d.k_h, cell % w_out * d.k_w);
        let mut best = [f32::NEG_INFINITY; C];
        let mut place = [0; C];
        for i in 0..d.k_h {
            let row = ((top + i) * d.w_in + left) * d.c + c;
            for j in 0..d.k_w {
                let at = row + j * d.c;
                let first = (i, j) == (0, 0);
                for k in 0..C {
                    let v = x[at..][..C][k];
                    // A NaN wins and stays, so that it is met at the loss. Both sides
                    // are chosen from, none jumped to: this vectorises.
                    let wins = first | (v > best[k]) | v.is_nan();
                    best[k] = if wins { v } else { best[k] };
                    place[k] = if wins { (at + k) as u32 } else { place[k] };
                }
            }
        }
        y[c..c + C].copy_from_slice(&best);
        winner[c..c + C].copy_from_slice(&place);
    }
    C
}

/// Routes `dy` to the winners; `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(d: Dims, winner: &[u32], dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    let (len_in, len_out) = (d.in_len(), d.out_len());
    if rule == Gradient::Set {
        dx.fill(0.0);
    }
    let samples = dx.chunks_exact_mut(len_in).zip(dy.chunks_exact(len_out));
    for ((dx, dy), winner) in samples.zip(winner.chunks_exact(len_out)) {
        for (&g, &at) in dy.iter().zip(winner) {
            dx[at as usize] += g;
        }
    }
}
