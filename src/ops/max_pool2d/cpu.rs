//! Max-pooling on the CPU. Shader twins: `shaders/max_pool2d/forward.wgsl`,
//! `shaders/max_pool2d/backward_input.wgsl`, `shaders/max_pool2d/backward_input_tiled.wgsl`.

use super::MaxPool2d;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Shards, Update, Workspaces};
use crate::ops::pool2d::{Extents, LANES};
use crate::simd::vectorised;

#[derive(Debug)]
pub(crate) struct MaxPool2dLayer {
    extents: Extents,
    /// Index of each maximum within its sample, `[samples, h_out, w_out, c]`.
    argmax: Workspaces<Vec<u32>>,
}

impl MaxPool2dLayer {
    pub(crate) fn new(op: MaxPool2d, shards: Shards) -> Self {
        let len = shards.samples * op.extents.out_len();
        Self { extents: op.extents, argmax: Workspaces::new(shards.count, || vec![0; len]) }
    }
}

impl Layer for MaxPool2dLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let mut argmax = self.argmax.lock(io.shard.workspace);
        forward(self.extents, io.x.get(0), io.y, &mut argmax[..io.y.len()]);
    }

    fn backward(&self, mut io: Backward<'_>) {
        let Some((rule, dx)) = io.dx.get(0) else { return };
        let argmax = self.argmax.lock(io.shard.workspace);
        backward_input(self.extents, &argmax[..io.dy.len()], io.dy, rule, dx);
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}

/// `y[r, s, c] = max_{i,j} x[r·k_h + i, s·k_w + j, c]`; `argmax` gets the index of each maximum
/// within its sample.
fn forward(d: Extents, x: &[f32], y: &mut [f32], argmax: &mut [u32]) {
    let (len_in, len_out) = (d.in_len(), d.out_len());
    let samples = x.chunks_exact(len_in).zip(y.chunks_exact_mut(len_out));
    for ((x, y), argmax) in samples.zip(argmax.chunks_exact_mut(len_out)) {
        vectorised(
            #[inline(always)]
            || forward_sample(d, x, y, argmax),
        );
    }
}

/// Cuts a window's rows, or else the channels, into blocks that fit registers.
#[inline(always)]
fn forward_sample(d: Extents, x: &[f32], y: &mut [f32], argmax: &mut [u32]) {
    if d.fills_lanes() && d.c == 1 {
        forward_single(d, x, y, argmax);
    } else if d.fills_lanes() {
        forward_lanes(d, x, y, argmax);
    } else {
        let mut c = 0;
        while c < d.c {
            c += match d.c - c {
                16.. => forward_channels::<16>(d, c, x, y, argmax),
                8.. => forward_channels::<8>(d, c, x, y, argmax),
                4.. => forward_channels::<4>(d, c, x, y, argmax),
                _ => forward_channels::<1>(d, c, x, y, argmax),
            };
        }
    }
    for (window, (y, argmax)) in
        y.chunks_exact_mut(d.c).zip(argmax.chunks_exact_mut(d.c)).enumerate()
    {
        if y.iter().fold(false, |any, y| any | y.is_nan()) {
            first_nans(d, window, x, y, argmax);
        }
    }
}

/// Channels `c..c + CHANNELS` of all windows. Returns `CHANNELS`.
#[inline(always)]
fn forward_channels<const CHANNELS: usize>(
    d: Extents,
    c: usize,
    x: &[f32],
    y: &mut [f32],
    argmax: &mut [u32],
) -> usize {
    let windows = y.chunks_exact_mut(d.c).zip(argmax.chunks_exact_mut(d.c));
    for (window, (y, argmax)) in windows.enumerate() {
        let (mut max, mut index) = ([f32::NEG_INFINITY; CHANNELS], [u32::MAX; CHANNELS]);
        for row in d.window_rows(window) {
            for at in (row + c..).step_by(d.c).take(d.k_w) {
                let x = &x[at..][..CHANNELS];
                for k in 0..CHANNELS {
                    max_first(&mut max[k], &mut index[k], x[k], (at + k) as u32);
                }
            }
        }
        y[c..c + CHANNELS].copy_from_slice(&max);
        argmax[c..c + CHANNELS].copy_from_slice(&index);
    }
    CHANNELS
}

/// Wide windows: each lane has the first maximum of its own positions, so that no comparison
/// waits for the one before; then halves of the lanes are combined until one position is left.
#[inline(always)]
fn forward_lanes(d: Extents, x: &[f32], y: &mut [f32], argmax: &mut [u32]) {
    let windows = y.chunks_exact_mut(d.c).zip(argmax.chunks_exact_mut(d.c));
    for (window, (y, argmax)) in windows.enumerate() {
        let (mut max, mut index) = ([f32::NEG_INFINITY; LANES], [u32::MAX; LANES]);
        for row in d.window_rows(window) {
            // The last begins earlier where it would reach beyond the row: elements that are
            // compared twice change nothing.
            let last = d.k_w * d.c - LANES;
            for at in (0..last + LANES).step_by(LANES) {
                let at = row + at.min(last);
                let x = &x[at..][..LANES];
                for k in 0..LANES {
                    max_first(&mut max[k], &mut index[k], x[k], (at + k) as u32);
                }
            }
        }
        const { assert!(LANES == 32) };
        max_halves::<16>(d.c, &mut max, &mut index);
        max_halves::<8>(d.c, &mut max, &mut index);
        max_halves::<4>(d.c, &mut max, &mut index);
        max_halves::<2>(d.c, &mut max, &mut index);
        max_halves::<1>(d.c, &mut max, &mut index);
        y.copy_from_slice(&max[..d.c]);
        argmax.copy_from_slice(&index[..d.c]);
    }
}

/// Wide windows of one channel: the maximum without its place, which is looked for afterwards.
#[inline(always)]
fn forward_single(d: Extents, x: &[f32], y: &mut [f32], argmax: &mut [u32]) {
    for (window, (y, argmax)) in y.iter_mut().zip(argmax).enumerate() {
        let mut max = [f32::NEG_INFINITY; LANES];
        for row in d.window_rows(window) {
            let x = x[row..][..d.k_w].chunks_exact(LANES);
            let rest = x.remainder();
            for x in x {
                max.iter_mut().zip(x).for_each(|(max, x)| larger(max, *x));
            }
            max.iter_mut().zip(rest).for_each(|(max, x)| larger(max, *x));
        }
        const { assert!(LANES == 32) };
        larger_halves::<16>(&mut max);
        larger_halves::<8>(&mut max);
        larger_halves::<4>(&mut max);
        larger_halves::<2>(&mut max);
        larger_halves::<1>(&mut max);
        *y = max[0];
        // Of a NaN see `first_nans`.
        'rows: for row in d.window_rows(window) {
            for (k, some) in x[row..][..d.k_w].chunks(LANES).enumerate() {
                if some.iter().fold(false, |any, x| any | (*x == max[0])) {
                    let place = some.iter().position(|x| *x == max[0]).unwrap_or(0);
                    *argmax = (row + k * LANES + place) as u32;
                    // One of two zeros of unlike signs.
                    *y = some[place];
                    break 'rows;
                }
            }
        }
    }
}

/// Replaces a maximum by `v` if `v` is larger or NaN.
#[inline(always)]
fn larger(max: &mut f32, v: f32) {
    *max = if (v > *max) | v.is_nan() { v } else { *max };
}

/// Combines the upper half of the lanes with the lower.
#[inline(always)]
fn larger_halves<const HALF: usize>(max: &mut [f32; LANES]) {
    for k in 0..HALF {
        let v = max[k + HALF];
        larger(&mut max[k], v);
    }
}

/// Combines the upper half of the lanes with the lower, unless less than one position would be left.
#[inline(always)]
fn max_halves<const HALF: usize>(c: usize, max: &mut [f32; LANES], index: &mut [u32; LANES]) {
    if HALF >= c {
        for k in 0..HALF {
            let (v, at) = (max[k + HALF], index[k + HALF]);
            max_first(&mut max[k], &mut index[k], v, at);
        }
    }
}

/// Replaces a maximum and its index by `v` at index `at` if `v` is larger, equal at a lower index, or
/// NaN. The start, minus infinity at an index beyond all others, loses to any element. Without
/// branches, so that it vectorises; that leaves one of several NaNs, see [`first_nans`].
#[inline(always)]
fn max_first(max: &mut f32, index: &mut u32, v: f32, at: u32) {
    let wins = (v > *max) | ((v == *max) & (at < *index)) | v.is_nan();
    *max = if wins { v } else { *max };
    *index = if wins { at } else { *index };
}

/// Of each channel whose maximum is NaN the first NaN in row-major order, and its index.
#[cold]
fn first_nans(d: Extents, window: usize, x: &[f32], y: &mut [f32], argmax: &mut [u32]) {
    for (c, (y, argmax)) in y.iter_mut().zip(argmax).enumerate().filter(|(_, (y, _))| y.is_nan()) {
        let mut places = d.window_rows(window).flat_map(|row| (row + c..).step_by(d.c).take(d.k_w));
        if let Some(first) = places.find(|at| x[*at].is_nan()) {
            (*y, *argmax) = (x[first], first as u32);
        }
    }
}

/// `dx[argmax[r, s, c]] += dy[r, s, c]`; `rule` says whether `dx` is cleared first.
fn backward_input(d: Extents, argmax: &[u32], dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    let (len_in, len_out) = (d.in_len(), d.out_len());
    if rule == Gradient::Set {
        dx.fill(0.0);
    }
    let samples = dx.chunks_exact_mut(len_in).zip(dy.chunks_exact(len_out));
    for ((dx, dy), argmax) in samples.zip(argmax.chunks_exact(len_out)) {
        for (&g, &at) in dy.iter().zip(argmax) {
            dx[at as usize] += g;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;

    /// The rule, one comparison after another.
    fn naive(d: Extents, x: &[f32]) -> (Vec<f32>, Vec<u32>) {
        let of = |k: usize| {
            let (window, c) = (k / d.c, k % d.c);
            let places = d.window_rows(window).flat_map(|row| (0..d.k_w).map(move |j| (row, j)));
            let mut places = places.map(|(row, j)| row + j * d.c + c);
            let first = places.next().unwrap();
            places.fold(first, |best, at| {
                let larger = x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan());
                if larger { at } else { best }
            })
        };
        let argmax: Vec<usize> = (0..d.out_len()).map(of).collect();
        (argmax.iter().map(|&at| x[at]).collect(), argmax.iter().map(|&at| at as u32).collect())
    }

    fn check(d: Extents, x: &[f32], what: &str) {
        let (mut y, mut argmax) = (vec![0.0; d.out_len()], vec![0; d.out_len()]);
        forward(d, x, &mut y, &mut argmax);
        let (max, index) = naive(d, x);
        assert_eq!(argmax, index, "{what}");
        let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&y), bits(&max), "{what}");
    }

    #[test]
    fn the_first_nan_of_a_window_is_its_argmax_wherever_it_is() {
        // By blocks of 1, 4 and 16 channels, by lanes, and by lanes of one channel.
        let few = [([4, 6, 3], [2, 3]), ([4, 4, 21], [2, 2]), ([3, 40, 2], [3, 20])];
        for (shape, window) in few.into_iter().chain([([4, 45, 1], [2, 45]), ([2, 80, 1], [1, 40])])
        {
            let [h, w, c] = shape;
            let d = Extents::new(Shape::Map { h, w, c }, window);
            let x: Vec<f32> = (0..d.in_len()).map(|i| ((i * 7919) % 13) as f32 - 6.0).collect();
            check(d, &x, "numbers");
            for at in 0..d.in_len() {
                let mut x = x.clone();
                x[at] = f32::NAN;
                check(d, &x, &format!("{shape:?}, NaN at {at}"));
                // A second NaN with other bits, before or after.
                x[(at * 5 + 11) % d.in_len()] = -f32::NAN;
                check(d, &x, &format!("{shape:?}, NaN at {at} and another"));
            }
            check(d, &vec![f32::NEG_INFINITY; d.in_len()], "minus infinity");
            check(d, &vec![f32::NAN; d.in_len()], "nothing but NaN");
            let zeros: Vec<f32> =
                (0..d.in_len()).map(|i| if i % 3 == 0 { -0.0 } else { 0.0 }).collect();
            check(d, &zeros, "zeros of both signs");
        }
    }
}
