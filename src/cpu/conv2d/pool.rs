//! Sums on their way through a 2×2 max-pooling: of each window only the largest is kept,
//! after the activation, and which of the four it is. The first in row-major order wins
//! a tie, as in Keras.

use fearless_simd::{Select, Simd};

use super::super::simd::Floats;
use super::Dims;
use super::packed::Block;
use super::tile::{Finish, Job, activate, store};

/// `[h, w, c_out]` after the pooling.
pub(super) struct Pooled<'a> {
    pub(super) y: &'a mut [f32],
    /// The bits of 0 (top left), 1, 2 or 3 (bottom right).
    pub(super) corners: &'a mut [f32],
}

impl Finish for Pooled<'_> {
    const POOLS: bool = true;

    /// A last odd row or column is dropped: it is never computed.
    #[inline(always)]
    fn extents(&self, d: Dims) -> [usize; 2] {
        [d.h_out() / 2 * 2, d.w_out() / 2 * 2]
    }

    #[inline(always)]
    fn finish<S: Simd, V: Floats<S>, const T: usize, const R: usize>(
        &mut self,
        simd: S,
        job: Job<'_>,
        block: Block,
        at: [usize; 2],
        sums: [[V; T]; R],
    ) {
        let d = job.d;
        let first = (at[0] / 2 * (d.w_out() / 2) + at[1] / 2) * d.c_out + block.o;
        for p in 0..T / 2 {
            let window =
                [sums[0][2 * p], sums[0][2 * p + 1], sums[R - 1][2 * p], sums[R - 1][2 * p + 1]];
            let (best, corner) = largest(simd, window);
            let best = activate(simd, job.activation, best);
            let to = first + p * d.c_out..first + p * d.c_out + block.count;
            store(best, &mut self.y[to.clone()]);
            store(corner, &mut self.corners[to]);
        }
    }
}

/// The first of the largest, and the bits of its number. A NaN wins and stays, so that it
/// is met at the loss.
#[inline(always)]
pub(super) fn largest<S: Simd, V: Floats<S>>(simd: S, window: [V; 4]) -> (V, V) {
    let number = |k: u32| V::splat(simd, f32::from_bits(k));
    let (mut best, mut corner) = (window[0], number(0));
    for (k, v) in (1..).zip(&window[1..]) {
        let wins = v.simd_gt(best) | !v.simd_eq(*v);
        best = wins.select(*v, best);
        corner = wins.select(number(k), corner);
    }
    (best, corner)
}
