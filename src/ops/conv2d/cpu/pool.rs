//! Forward with a fused 2×2 max-pooling: of each window of four sums only the largest is stored,
//! after the activation, and its argmax. Of equal sums the first in row-major order is the argmax, as
//! in Keras.

use fearless_simd::{Select, Simd, SimdMask};

use super::super::Extents;
use super::packed::Block;
use super::tile::{Finish, Job, activate, each_block, store};
use crate::ops::pool2d;
use crate::simd::{Floats, dispatch, level};

/// The maximum of each window into `y` and its argmax, 0 to 3, into `argmax`, unless that is empty:
/// `y[r, s, o] = f(max_{i,j<2} z[2r + i, 2s + j, o])` with the sums `z` of [`super::tile`].
pub(super) fn forward(job: Job<'_>, pool: pool2d::Extents, y: &mut [f32], argmax: &mut [u32]) {
    let argmax = bytemuck::cast_slice_mut(argmax);
    dispatch!(level(), simd => each_block(simd, job, Pooled { pool, y, argmax }));
}

/// The output, `[pool.h_out, pool.w_out, c_out]`.
struct Pooled<'a> {
    pool: pool2d::Extents,
    y: &'a mut [f32],
    /// The bits of 0 (top left), 1, 2 or 3 (bottom right); or empty.
    argmax: &'a mut [f32],
}

impl Finish for Pooled<'_> {
    const POOLS: bool = true;

    /// A last odd row or column is dropped: it is never computed.
    #[inline(always)]
    fn extents(&self, _: Extents) -> [usize; 2] {
        [self.pool.h_out * 2, self.pool.w_out * 2]
    }

    #[inline(always)]
    fn finish<S: Simd, V: Floats<S>, const COLUMNS: usize, const ROWS: usize>(
        &mut self,
        simd: S,
        job: Job<'_>,
        block: Block,
        at: [usize; 2],
        sums: [[V; COLUMNS]; ROWS],
    ) {
        let d = job.d;
        let first = (at[0] / 2 * self.pool.w_out + at[1] / 2) * d.c_out + block.o;
        let search = Search::of(simd, !self.argmax.is_empty(), [&sums[0], &sums[ROWS - 1]]);
        for p in 0..COLUMNS / 2 {
            let window = [
                sums[0][2 * p],
                sums[0][2 * p + 1],
                sums[ROWS - 1][2 * p],
                sums[ROWS - 1][2 * p + 1],
            ];
            let to = first + p * d.c_out..first + p * d.c_out + block.count;
            let (best, argmax) = search.maximum(simd, window);
            if !self.argmax.is_empty() {
                store(argmax, &mut self.argmax[to.clone()]);
            }
            store(activate(simd, job.activation, best), &mut self.y[to]);
        }
    }
}

/// What is searched in the windows of some sums.
#[derive(Debug, Clone, Copy)]
pub(super) enum Search {
    /// The maximum alone.
    Maximum,
    /// The first maximum of numbers.
    FirstOfNumbers,
    /// The first maximum, where NaN may occur.
    First,
}

impl Search {
    /// Of all windows of these sums.
    #[inline(always)]
    pub(super) fn of<S: Simd, V: Floats<S>>(simd: S, keeps_argmax: bool, sums: [&[V]; 2]) -> Self {
        if !keeps_argmax {
            return Self::Maximum;
        }
        let mut total = V::splat(simd, 0.0);
        for sums in sums {
            for sum in sums {
                total += *sum;
            }
        }
        // NaN if any of them is.
        if total.simd_eq(total).all_true() { Self::FirstOfNumbers } else { Self::First }
    }

    /// The maximum of a window, and the bits of its number where that is searched.
    #[inline(always)]
    pub(super) fn maximum<S: Simd, V: Floats<S>>(self, simd: S, window: [V; 4]) -> (V, V) {
        match self {
            Self::Maximum => (max_of(window), V::splat(simd, 0.0)),
            Self::FirstOfNumbers => max_first_of_numbers(simd, window),
            Self::First => max_first(simd, window),
        }
    }
}

/// [`max_first`] of windows without NaN.
#[inline(always)]
fn max_first_of_numbers<S: Simd, V: Floats<S>>(simd: S, window: [V; 4]) -> (V, V) {
    let number = |k: u32| V::splat(simd, f32::from_bits(k));
    let (mut best, mut argmax) = (window[0], number(0));
    for (k, v) in (1..).zip(&window[1..]) {
        let wins = v.simd_gt(best);
        best = wins.select(*v, best);
        argmax = wins.select(number(k), argmax);
    }
    (best, argmax)
}

/// The first maximum and the bits of its number. A NaN is larger than any number, so that it
/// reaches the loss; of several the first is the maximum.
#[inline(always)]
fn max_first<S: Simd, V: Floats<S>>(simd: S, window: [V; 4]) -> (V, V) {
    let number = |k: u32| V::splat(simd, f32::from_bits(k));
    let (mut best, mut argmax) = (window[0], number(0));
    for (k, v) in (1..).zip(&window[1..]) {
        let larger = v.simd_gt(best) | !v.simd_eq(*v);
        let wins = larger & best.simd_eq(best);
        best = wins.select(*v, best);
        argmax = wins.select(number(k), argmax);
    }
    (best, argmax)
}

/// The maximum alone: that of [`max_first`], but which NaN it is may differ.
#[inline(always)]
fn max_of<S: Simd, V: Floats<S>>([a, b, c, d]: [V; 4]) -> V {
    // The first unless the second is larger. x86 has one instruction for that.
    let larger = |best: V, v: V| match cfg!(target_arch = "x86_64") {
        true => v.max(best),
        false => v.simd_gt(best).select(v, best),
    };
    // A NaN of `a` stays, those of the others are lost.
    let best = larger(larger(larger(a, b), c), d);
    let numbers = b.simd_eq(b) & c.simd_eq(c) & d.simd_eq(d);
    numbers.select(best, b + c + d)
}

#[cfg(test)]
mod tests {
    use fearless_simd::SimdBase;

    use super::*;
    use crate::simd::{all, dispatch};

    /// Maximum and argmax of a window by [`max_first`], from the first lane.
    #[inline(always)]
    fn first_lane<S: Simd>(simd: S, window: [f32; 4]) -> (f32, u32) {
        let (max, argmax) = max_first(simd, window.map(|v| S::f32s::splat(simd, v)));
        (max.as_slice()[0], argmax.as_slice()[0].to_bits())
    }

    /// The maximum by [`max_of`].
    #[inline(always)]
    fn max_alone<S: Simd>(simd: S, window: [f32; 4]) -> f32 {
        max_of(window.map(|v| S::f32s::splat(simd, v))).as_slice()[0]
    }

    #[test]
    fn the_first_nan_of_a_window_is_its_argmax_wherever_it_is() {
        let values = [f32::NEG_INFINITY, -1.0, -0.0, 0.0, 2.0, f32::INFINITY, f32::NAN, -f32::NAN];
        let all_windows = (0..values.len().pow(4))
            .map(|k| [0, 1, 2, 3].map(|place| values[k / values.len().pow(place) % values.len()]));
        let windows: Vec<[f32; 4]> = all_windows.collect();
        for level in all() {
            for &window in &windows {
                let expected = (1..4).fold(0, |best: usize, k| {
                    let (v, max) = (window[k], window[best]);
                    if v > max || (v.is_nan() && !max.is_nan()) { k } else { best }
                });
                let (max, argmax) = dispatch!(level, simd => first_lane(simd, window));
                assert_eq!(argmax as usize, expected, "{window:?} at {level:?}");
                assert_eq!(max.to_bits(), window[expected].to_bits(), "{window:?} at {level:?}");
                let alone = dispatch!(level, simd => max_alone(simd, window));
                let same = alone.to_bits() == max.to_bits() || (alone.is_nan() && max.is_nan());
                assert!(same, "{alone} of {window:?} at {level:?}");
            }
        }
    }
}
