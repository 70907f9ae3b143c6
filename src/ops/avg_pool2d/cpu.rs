//! Average pooling on the CPU. Narrow windows are summed row-major, wide ones by lanes. Shader twins:
//! `shaders/avg_pool2d/forward.wgsl`, `shaders/avg_pool2d/backward_input.wgsl`.

use std::ops::Range;

use super::AvgPool2d;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Update};
use crate::ops::pool2d::{Extents, LANES, add_halves};
use crate::simd::vectorised;

/// Channels that one loop takes side by side.
const C: usize = 8;

#[derive(Debug)]
pub(crate) struct AvgPool2dLayer(pub(crate) AvgPool2d);

impl Layer for AvgPool2dLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        forward(self.0.extents, io.x.get(0), io.y);
    }

    fn backward(&self, mut io: Backward<'_>) {
        let Some((rule, dx)) = io.dx.get(0) else { return };
        backward_input(self.0.extents, io.dy, rule, dx);
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}

/// Cuts the channels of each window into blocks of [`C`]; calls `f` with the window and the channels.
#[inline(always)]
fn windows(d: Extents, mut f: impl FnMut(usize, Range<usize>)) {
    for window in 0..d.out_len() / d.c {
        for c in (0..d.c).step_by(C) {
            f(window, c..d.c.min(c + C));
        }
    }
}

/// The output of all samples.
fn forward(d: Extents, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(d.in_len()).zip(y.chunks_exact_mut(d.out_len())) {
        vectorised(
            #[inline(always)]
            || if d.fills_lanes() { forward_lanes(d, x, y) } else { forward_channels(d, x, y) },
        );
    }
}

#[inline(always)]
fn forward_channels(d: Extents, x: &[f32], y: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    windows(d, |window, channels| {
        let mut sums = [0.0; C];
        for row in d.window_rows(window) {
            for x in x[row..].chunks_exact(d.c).take(d.k_w) {
                sums.iter_mut().zip(&x[channels.clone()]).for_each(|(sum, x)| *sum += x);
            }
        }
        let y = &mut y[window * d.c..][channels];
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum / count);
    });
}

/// Wide windows: each lane sums its own positions; then halves of the lanes are added until one
/// position is left.
#[inline(always)]
fn forward_lanes(d: Extents, x: &[f32], y: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    for (window, y) in y.chunks_exact_mut(d.c).enumerate() {
        let mut sums = [0.0; LANES];
        for row in d.window_rows(window) {
            let x = x[row..][..d.k_w * d.c].chunks_exact(LANES);
            let rest = x.remainder();
            for x in x {
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            }
            sums.iter_mut().zip(rest).for_each(|(sum, x)| *sum += x);
        }
        add_halves(d.c, &mut sums);
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum / count);
    }
}

/// `dx[…] = dy / (k_h · k_w)` over each window; `rule` says whether `dx` is set or added to.
fn backward_input(d: Extents, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    let lanes = d.fills_lanes();
    // Elements in no window have a gradient of 0.
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
                (false, _) => spread_channels(d, dy, dx),
            },
        );
    }
}

#[inline(always)]
fn spread_channels(d: Extents, dy: &[f32], dx: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    windows(d, |window, channels| {
        let mut share = [0.0; C];
        let dy = &dy[window * d.c..][channels.clone()];
        share.iter_mut().zip(dy).for_each(|(share, g)| *share = g / count);
        for row in d.window_rows(window) {
            for dx in dx[row..].chunks_exact_mut(d.c).take(d.k_w) {
                dx[channels.clone()].iter_mut().zip(share).for_each(|(dx, g)| *dx += g);
            }
        }
    });
}

#[inline(always)]
fn spread_lanes(d: Extents, dy: &[f32], dx: &mut [f32], put: impl Fn(&mut f32, f32)) {
    let count = (d.k_h * d.k_w) as f32;
    for (window, dy) in dy.chunks_exact(d.c).enumerate() {
        let mut share = [0.0; LANES];
        share.iter_mut().enumerate().for_each(|(k, share)| *share = dy[k % d.c] / count);
        for row in d.window_rows(window) {
            for dx in dx[row..][..d.k_w * d.c].chunks_mut(LANES) {
                dx.iter_mut().zip(&share).for_each(|(dx, g)| put(dx, *g));
            }
        }
    }
}
