//! Max-pooling, stride = window: `y[r, s, c] = max x[r·k_h + i, s·k_w + j, c]`.
//! The gradient goes to the first maximum in row-major order, as in Keras.

use super::simd::vectorised;
use crate::plan::Gradient;

/// Floats of a row of a window that are looked at side by side: a power of two, so that halves
/// can meet.
pub(super) const LANES: usize = 32;

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

    /// Whether [`LANES`] hold whole positions, and the row of a window fills them.
    pub(super) fn fills_lanes(self) -> bool {
        LANES.is_multiple_of(self.c) && self.k_w * self.c >= LANES
    }

    /// Where the rows of a cell's window begin in the input.
    pub(super) fn rows(self, cell: usize) -> impl Iterator<Item = usize> {
        let w_out = self.w_in / self.k_w;
        let (top, left) = (cell / w_out * self.k_h, cell % w_out * self.k_w);
        (top..top + self.k_h).map(move |row| (row * self.w_in + left) * self.c)
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

/// Cuts a window's rows, or else the channels, into blocks that fit registers.
#[inline(always)]
fn forward_sample(d: Dims, x: &[f32], y: &mut [f32], winner: &mut [u32]) {
    if d.fills_lanes() {
        return forward_lanes(d, x, y, winner);
    }
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
    let cells = y.chunks_exact_mut(d.c).zip(winner.chunks_exact_mut(d.c));
    for (cell, (y, winner)) in cells.enumerate() {
        let (mut best, mut place) = ([f32::NEG_INFINITY; C], [u32::MAX; C]);
        for row in d.rows(cell) {
            for at in (row + c..).step_by(d.c).take(d.k_w) {
                let x = &x[at..][..C];
                for k in 0..C {
                    meet(&mut best[k], &mut place[k], x[k], (at + k) as u32);
                }
            }
        }
        y[c..c + C].copy_from_slice(&best);
        winner[c..c + C].copy_from_slice(&place);
    }
    C
}

/// Wide windows: each lane has the first maximum of its own positions, so that no comparison
/// waits for the one before; then halves of the lanes meet until one position is left.
#[inline(always)]
fn forward_lanes(d: Dims, x: &[f32], y: &mut [f32], winner: &mut [u32]) {
    let cells = y.chunks_exact_mut(d.c).zip(winner.chunks_exact_mut(d.c));
    for (cell, (y, winner)) in cells.enumerate() {
        let (mut best, mut place) = ([f32::NEG_INFINITY; LANES], [u32::MAX; LANES]);
        for row in d.rows(cell) {
            // The last begins earlier where it would reach beyond the row: meeting again what
            // was met changes nothing.
            let last = d.k_w * d.c - LANES;
            for at in (0..last + LANES).step_by(LANES) {
                let at = row + at.min(last);
                let x = &x[at..][..LANES];
                for k in 0..LANES {
                    meet(&mut best[k], &mut place[k], x[k], (at + k) as u32);
                }
            }
        }
        let mut half = LANES / 2;
        while half >= d.c {
            let (low, high) = best.split_at_mut(half);
            let (low_place, high_place) = place.split_at_mut(half);
            for k in 0..half {
                meet(&mut low[k], &mut low_place[k], high[k], high_place[k]);
            }
            half /= 2;
        }
        y.copy_from_slice(&best[..d.c]);
        winner.copy_from_slice(&place[..d.c]);
    }
}

/// The larger of two, or the first of two that are equal; the least of all numbers in a place
/// beyond all others loses to any. A NaN wins and stays, so that it is met at the loss. Both
/// sides are chosen from, none jumped to: this vectorises.
#[inline(always)]
fn meet(best: &mut f32, place: &mut u32, v: f32, at: u32) {
    let wins = (v > *best) | ((v == *best) & (at < *place)) | v.is_nan();
    *best = if wins { v } else { *best };
    *place = if wins { at } else { *place };
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
