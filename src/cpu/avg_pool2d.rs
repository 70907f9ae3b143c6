//! Average pooling, stride = window:
//! `y[r, s, c] = (1 / (k_h · k_w)) Σ_{i,j} x[r·k_h + i, s·k_w + j, c]`. Narrow windows are
//! summed row-major, wide ones by lanes.

use std::ops::Range;

use super::max_pool2d::{Dims, LANES};
use super::simd::vectorised;
use crate::plan::Gradient;

/// Channels side by side that one loop takes at a time.
const C: usize = 8;

/// Cuts the channels of each cell into vectors; calls `f` with the cell and its channels.
#[inline(always)]
fn cells(d: Dims, mut f: impl FnMut(usize, Range<usize>)) {
    for cell in 0..d.out_len() / d.c {
        for c in (0..d.c).step_by(C) {
            f(cell, c..d.c.min(c + C));
        }
    }
}

pub(super) fn forward(d: Dims, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(d.in_len()).zip(y.chunks_exact_mut(d.out_len())) {
        vectorised(
            #[inline(always)]
            || if d.fills_lanes() { forward_lanes(d, x, y) } else { forward_cells(d, x, y) },
        );
    }
}

#[inline(always)]
fn forward_cells(d: Dims, x: &[f32], y: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    cells(d, |cell, channels| {
        let mut sums = [0.0; C];
        for row in d.rows(cell) {
            for x in x[row..].chunks_exact(d.c).take(d.k_w) {
                sums.iter_mut().zip(&x[channels.clone()]).for_each(|(sum, x)| *sum += x);
            }
        }
        let y = &mut y[cell * d.c..][channels];
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum / count);
    });
}

/// Wide windows: each lane has the sum of its own positions; then halves of the lanes are
/// added until one position is left.
#[inline(always)]
fn forward_lanes(d: Dims, x: &[f32], y: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    for (cell, y) in y.chunks_exact_mut(d.c).enumerate() {
        let mut sums = [0.0; LANES];
        for row in d.rows(cell) {
            let x = x[row..][..d.k_w * d.c].chunks_exact(LANES);
            let rest = x.remainder();
            for x in x {
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            }
            sums.iter_mut().zip(rest).for_each(|(sum, x)| *sum += x);
        }
        let mut half = LANES / 2;
        while half >= d.c {
            let (low, high) = sums.split_at_mut(half);
            low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
            half /= 2;
        }
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum / count);
    }
}

/// Spreads `dy` evenly; `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(d: Dims, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    let lanes = d.fills_lanes();
    // What lies in no window has no gradient.
    let covered = d.h_in.is_multiple_of(d.k_h) && d.w_in.is_multiple_of(d.k_w);
    let sets = rule == Gradient::Set && lanes && covered;
    if rule == Gradient::Set && !sets {
        dx.fill(0.0);
    }
    for (dx, dy) in dx.chunks_exact_mut(d.in_len()).zip(dy.chunks_exact(d.out_len())) {
        vectorised(
            #[inline(always)]
            || match (lanes, sets) {
                (true, true) => spread_lanes(d, dy, dx, |dx, g| *dx = g),
                (true, false) => spread_lanes(d, dy, dx, |dx, g| *dx += g),
                (false, _) => spread_cells(d, dy, dx),
            },
        );
    }
}

#[inline(always)]
fn spread_cells(d: Dims, dy: &[f32], dx: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    cells(d, |cell, channels| {
        let mut share = [0.0; C];
        let dy = &dy[cell * d.c..][channels.clone()];
        share.iter_mut().zip(dy).for_each(|(share, g)| *share = g / count);
        for row in d.rows(cell) {
            for dx in dx[row..].chunks_exact_mut(d.c).take(d.k_w) {
                dx[channels.clone()].iter_mut().zip(share).for_each(|(dx, g)| *dx += g);
            }
        }
    });
}

#[inline(always)]
fn spread_lanes(d: Dims, dy: &[f32], dx: &mut [f32], put: impl Fn(&mut f32, f32)) {
    let count = (d.k_h * d.k_w) as f32;
    for (cell, dy) in dy.chunks_exact(d.c).enumerate() {
        let mut share = [0.0; LANES];
        share.iter_mut().enumerate().for_each(|(k, share)| *share = dy[k % d.c] / count);
        for row in d.rows(cell) {
            for dx in dx[row..][..d.k_w * d.c].chunks_mut(LANES) {
                dx.iter_mut().zip(&share).for_each(|(dx, g)| put(dx, *g));
            }
        }
    }
}
