//! Pooling to the standard deviation on the CPU. Narrow windows are summed row-major, wide ones by
//! lanes. Shader twins: `shaders/std_pool2d/forward.wgsl`, `shaders/std_pool2d/backward_input.wgsl`.

use super::StdPool2d;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Shards, Update, Workspaces};
use crate::ops::pool2d::{Extents, LANES, add_halves};
use crate::simd::vectorised;

#[derive(Debug)]
pub(crate) struct StdPool2dLayer {
    op: StdPool2d,
    /// The mean of each window, `[samples, h_out, w_out, c]`.
    means: Workspaces<Vec<f32>>,
}

impl StdPool2dLayer {
    pub(crate) fn new(op: StdPool2d, shards: Shards) -> Self {
        let len = shards.samples * op.extents.out_len();
        Self { op, means: Workspaces::new(shards.count, || vec![0.0; len]) }
    }
}

impl Layer for StdPool2dLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let mut means = self.means.lock(io.shard.workspace);
        let (d, epsilon) = (self.op.extents, self.op.epsilon);
        let len = d.out_len();
        let samples = io.x.get(0).chunks_exact(d.in_len()).zip(io.y.chunks_exact_mut(len));
        for ((x, y), means) in samples.zip(means.chunks_exact_mut(len)) {
            vectorised(
                #[inline(always)]
                || forward(d, epsilon, x, y, means),
            );
        }
    }

    fn backward(&self, mut io: Backward<'_>) {
        let Some((rule, dx)) = io.dx.get(0) else { return };
        let means = self.means.lock(io.shard.workspace);
        let d = self.op.extents;
        let len = d.out_len();
        // Elements in no window have a gradient of 0.
        let covered = d.h_in.is_multiple_of(d.k_h) && d.w_in.is_multiple_of(d.k_w);
        let sets = rule == Gradient::Set && covered;
        if rule == Gradient::Set && !sets {
            dx.fill(0.0);
        }
        let samples = io.x.get(0).chunks_exact(d.in_len()).zip(dx.chunks_exact_mut(d.in_len()));
        let results = io.y.chunks_exact(len).zip(io.dy.chunks_exact(len));
        for (((x, dx), (y, dy)), means) in samples.zip(results).zip(means.chunks_exact(len)) {
            vectorised(
                #[inline(always)]
                || match sets {
                    true => backward_input(d, [x, means, y, dy], dx, |dx, g| *dx = g),
                    false => backward_input(d, [x, means, y, dy], dx, |dx, g| *dx += g),
                },
            );
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}

/// The outputs of a sample, and the means of its windows.
#[inline(always)]
fn forward(d: Extents, epsilon: f32, x: &[f32], y: &mut [f32], means: &mut [f32]) {
    let count = (d.k_h * d.k_w) as f32;
    sum_windows(d, x, means, |sum, x, _| *sum += x);
    means.iter_mut().for_each(|mean| *mean /= count);
    y.copy_from_slice(means);
    sum_windows(d, x, y, |sum, x, mean| *sum += (x - mean) * (x - mean));
    y.iter_mut().for_each(|y| *y = (*y / count + epsilon).sqrt());
}

/// For each window and channel, `add(&mut sum, x, start)` of its elements from a sum of 0, where
/// `start` is what `y` held there; then the sum is stored in `y`.
#[inline(always)]
fn sum_windows(d: Extents, x: &[f32], y: &mut [f32], add: impl Fn(&mut f32, f32, f32)) {
    for (window, y) in y.chunks_exact_mut(d.c).enumerate() {
        if d.fills_lanes() {
            let (mut start, mut sums) = ([0.0; LANES], [0.0; LANES]);
            start.iter_mut().enumerate().for_each(|(k, start)| *start = y[k % d.c]);
            for row in d.window_rows(window) {
                let x = x[row..][..d.k_w * d.c].chunks_exact(LANES);
                let rest = x.remainder();
                for x in x {
                    let all = sums.iter_mut().zip(x).zip(start);
                    all.for_each(|((sum, x), start)| add(sum, *x, start));
                }
                let all = sums.iter_mut().zip(rest).zip(start);
                all.for_each(|((sum, x), start)| add(sum, *x, start));
            }
            add_halves(d.c, &mut sums);
            y.copy_from_slice(&sums[..d.c]);
        } else {
            sum_channels::<16>(d, window, x, y, &add);
        }
    }
}

/// The same for one window, `C` channels side by side.
#[inline(always)]
fn sum_channels<const C: usize>(
    d: Extents,
    window: usize,
    x: &[f32],
    y: &mut [f32],
    add: &impl Fn(&mut f32, f32, f32),
) {
    for (block, y) in y.chunks_mut(C).enumerate() {
        let (mut start, mut sums) = ([0.0; C], [0.0; C]);
        start[..y.len()].copy_from_slice(y);
        for row in d.window_rows(window) {
            for x in x[row..].chunks_exact(d.c).take(d.k_w) {
                let x = &x[block * C..][..y.len()];
                // Whole blocks have a length that the compiler knows.
                match <&[f32; C]>::try_from(x) {
                    Ok(x) => (0..C).for_each(|k| add(&mut sums[k], x[k], start[k])),
                    Err(_) => (0..x.len()).for_each(|k| add(&mut sums[k], x[k], start[k])),
                }
            }
        }
        y.copy_from_slice(&sums[..y.len()]);
    }
}

/// `put(&mut dx, dy · (x - mean) / (k_h · k_w · y))` over each window of a sample.
#[inline(always)]
fn backward_input(
    d: Extents,
    [x, means, y, dy]: [&[f32]; 4],
    dx: &mut [f32],
    put: impl Fn(&mut f32, f32),
) {
    let count = (d.k_h * d.k_w) as f32;
    for (window, dy) in dy.chunks_exact(d.c).enumerate() {
        let (y, means) = (&y[window * d.c..][..d.c], &means[window * d.c..][..d.c]);
        if d.fills_lanes() {
            let (mut factors, mut centre) = ([0.0; LANES], [0.0; LANES]);
            for k in 0..LANES {
                factors[k] = dy[k % d.c] / (count * y[k % d.c]);
                centre[k] = means[k % d.c];
            }
            for row in d.window_rows(window) {
                let here = row..row + d.k_w * d.c;
                let dx = dx[here.clone()].chunks_mut(LANES);
                for (dx, x) in dx.zip(x[here].chunks(LANES)) {
                    let all = dx.iter_mut().zip(x).zip(&factors).zip(&centre);
                    all.for_each(|(((dx, x), factor), mean)| put(dx, factor * (x - mean)));
                }
            }
        } else {
            for row in d.window_rows(window) {
                let here = row..row + d.k_w * d.c;
                let dx = dx[here.clone()].chunks_exact_mut(d.c);
                for (dx, x) in dx.zip(x[here].chunks_exact(d.c)) {
                    for k in 0..d.c {
                        put(&mut dx[k], dy[k] / (count * y[k]) * (x[k] - means[k]));
                    }
                }
            }
        }
    }
}
