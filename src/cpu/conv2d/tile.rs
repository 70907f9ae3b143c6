//! Sums of `R` rows by `T` columns of outputs, each a vector of output channels, in
//! registers. For one row of the frame and one input channel, the weights of up to five
//! taps stay in registers too, while the inputs stream by: each input is loaded once for
//! all taps and both rows of outputs. Sums run over frame rows, groups of taps, channels,
//! and taps, in that order, after the bias.

use fearless_simd::{Select, Simd, dispatch, f32x4, f32x8, f32x16};

use super::super::simd::{Floats, is_wide, level};
use super::Dims;
use super::packed::{Block, Packed, group};
use super::pool;
use crate::graph::Activation;
use crate::plan::Gradient;

/// A convolution of one framed sample.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) d: Dims,
    pub(super) activation: Activation,
    pub(super) frame: &'a [f32],
    pub(super) packed: &'a Packed,
}

/// All outputs into `y`, set or added.
pub(super) fn forward(job: Job<'_>, rule: Gradient, y: &mut [f32]) {
    dispatch!(level(), simd => each_block(simd, job, Plain { rule, y }));
}

/// Behind a 2×2 max-pooling: the largest of each window into `y` and which of the four it
/// is into `corners`.
pub(super) fn forward_pooled(job: Job<'_>, y: &mut [f32], corners: &mut [u32]) {
    let corners = bytemuck::cast_slice_mut(corners);
    dispatch!(level(), simd => each_block(simd, job, pool::Pooled { y, corners }));
}

/// What becomes of sums.
pub(super) trait Finish {
    /// Whether a pooling follows.
    const POOLS: bool;

    /// Rows and columns of outputs that are needed.
    fn extents(&self, d: Dims) -> [usize; 2];

    /// Takes the sums of `R` rows and `T` columns from (`row`, `column`) on.
    fn finish<S: Simd, V: Floats<S>, const T: usize, const R: usize>(
        &mut self,
        simd: S,
        job: Job<'_>,
        block: Block,
        at: [usize; 2],
        sums: [[V; T]; R],
    );
}

#[inline(always)]
fn each_block<S: Simd, F: Finish>(simd: S, job: Job<'_>, mut finish: F) {
    for &block in &job.packed.blocks {
        match block.lanes {
            16 => each_width::<S, f32x16<S>, F>(simd, job, block, &mut finish),
            8 => each_width::<S, f32x8<S>, F>(simd, job, block, &mut finish),
            _ => each_width::<S, f32x4<S>, F>(simd, job, block, &mut finish),
        }
    }
}

/// With few input channels the way from column to column is a constant, which is worth a tenth
/// of the time or more; with many it does not matter.
#[inline(always)]
fn each_width<S: Simd, V: Floats<S>, F: Finish>(
    simd: S,
    job: Job<'_>,
    block: Block,
    finish: &mut F,
) {
    match job.d.c_in {
        1 if !F::POOLS => each_tile::<S, V, F, 1>(simd, job, block, finish),
        4 if F::POOLS => each_tile::<S, V, F, 4>(simd, job, block, finish),
        8 if F::POOLS => each_tile::<S, V, F, 8>(simd, job, block, finish),
        _ => each_tile::<S, V, F, 0>(simd, job, block, finish),
    }
}

/// A call of its own for each width: the code of all in one function is more than the
/// compiler can keep in registers well. `C` is the number of input channels, or 0 for any.
#[inline(always)]
fn each_tile<S: Simd, V: Floats<S>, F: Finish, const C: usize>(
    simd: S,
    job: Job<'_>,
    block: Block,
    finish: &mut F,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let [rows, columns] = finish.extents(job.d);
            let mut row = 0;
            while row + 2 <= rows {
                let mut column = 0;
                if is_wide::<S>() {
                    while column + 6 <= columns {
                        two_rows::<S, V, F, 6, C>(simd, job, block, [row, column], finish);
                        column += 6;
                    }
                }
                while column + 4 <= columns {
                    two_rows::<S, V, F, 4, C>(simd, job, block, [row, column], finish);
                    column += 4;
                }
                while column + 2 <= columns {
                    two_rows::<S, V, F, 2, C>(simd, job, block, [row, column], finish);
                    column += 2;
                }
                if column < columns {
                    one_row::<S, V, F, 1>(simd, job, block, [row, column], finish);
                    one_row::<S, V, F, 1>(simd, job, block, [row + 1, column], finish);
                }
                row += 2;
            }
            if row < rows {
                let mut column = 0;
                while column + 4 <= columns {
                    one_row::<S, V, F, 4>(simd, job, block, [row, column], finish);
                    column += 4;
                }
                while column < columns {
                    one_row::<S, V, F, 1>(simd, job, block, [row, column], finish);
                    column += 1;
                }
            }
        },
    );
}

#[inline(always)]
fn two_rows<S: Simd, V: Floats<S>, F: Finish, const T: usize, const C: usize>(
    simd: S,
    job: Job<'_>,
    block: Block,
    at: [usize; 2],
    finish: &mut F,
) {
    let d = job.d;
    let (x, stride) = (&job.frame[d.patch(at[0], at[1])..], d.stride());
    let (w, row) = (job.packed.weights(d, block), d.run() * V::LEN);
    let bias = V::from_slice(simd, job.packed.bias(block));
    let (mut top, mut bottom) = ([bias; T], [bias; T]);
    frame_row::<S, V, T, 1, C>(simd, d, x, [&w[..row]], [&mut top]);
    for f in 1..d.k_h {
        let weights = [&w[f * row..][..row], &w[(f - 1) * row..][..row]];
        frame_row::<S, V, T, 2, C>(simd, d, &x[f * stride..], weights, [&mut top, &mut bottom]);
    }
    let last = [&w[(d.k_h - 1) * row..]];
    frame_row::<S, V, T, 1, C>(simd, d, &x[d.k_h * stride..], last, [&mut bottom]);
    finish.finish(simd, job, block, at, [top, bottom]);
}

#[inline(always)]
fn one_row<S: Simd, V: Floats<S>, F: Finish, const T: usize>(
    simd: S,
    job: Job<'_>,
    block: Block,
    at: [usize; 2],
    finish: &mut F,
) {
    let d = job.d;
    let (x, stride) = (&job.frame[d.patch(at[0], at[1])..], d.stride());
    let (w, row) = (job.packed.weights(d, block), d.run() * V::LEN);
    let mut sums = [V::from_slice(simd, job.packed.bias(block)); T];
    for (f, w) in w.chunks_exact(row).enumerate() {
        frame_row::<S, V, T, 1, 0>(simd, d, &x[f * stride..], [w], [&mut sums]);
    }
    finish.finish(simd, job, block, at, [sums]);
}

/// Adds what one row of the frame gives to `R` rows of outputs, each with its kernel row.
#[inline(always)]
fn frame_row<S: Simd, V: Floats<S>, const T: usize, const R: usize, const C: usize>(
    simd: S,
    d: Dims,
    x: &[f32],
    w: [&[f32]; R],
    mut sums: [&mut [V; T]; R],
) {
    let mut j = 0;
    while j < d.k_w {
        let x = &x[j * d.c_in..];
        let mut some = w;
        for w in &mut some {
            *w = &w[j * d.c_in * V::LEN..];
        }
        let taps = group(d.k_w - j);
        match taps {
            5 => some_taps::<S, V, T, 5, R, C>(simd, d.c_in, x, some, &mut sums),
            3 => some_taps::<S, V, T, 3, R, C>(simd, d.c_in, x, some, &mut sums),
            _ => some_taps::<S, V, T, 1, R, C>(simd, d.c_in, x, some, &mut sums),
        }
        j += taps;
    }
}

/// `K` neighbouring taps.
#[inline(always)]
fn some_taps<
    S: Simd,
    V: Floats<S>,
    const T: usize,
    const K: usize,
    const R: usize,
    const C: usize,
>(
    simd: S,
    c_in: usize,
    x: &[f32],
    mut w: [&[f32]; R],
    sums: &mut [&mut [V; T]; R],
) {
    let c_in = if C == 0 { c_in } else { C };
    for w in &mut w {
        *w = &w[..c_in * K * V::LEN];
    }
    let x = &x[..(T + K - 1) * c_in];
    for c in 0..c_in {
        let mut held = [[V::splat(simd, 0.0); K]; R];
        for a in 0..R {
            let w = &w[a][c * K * V::LEN..][..K * V::LEN];
            for j in 0..K {
                held[a][j] = V::from_slice(simd, &w[j * V::LEN..][..V::LEN]);
            }
        }
        let x = &x[c..][..(T + K - 2) * c_in + 1];
        for q in 0..T + K - 1 {
            let v = V::splat(simd, x[q * c_in]);
            for a in 0..R {
                for j in 0..K {
                    if q >= j && q - j < T {
                        sums[a][q - j] = v.mul_add(held[a][j], sums[a][q - j]);
                    }
                }
            }
        }
    }
}

/// Sums as they are, after the activation.
struct Plain<'a> {
    rule: Gradient,
    y: &'a mut [f32],
}

impl Finish for Plain<'_> {
    const POOLS: bool = false;

    #[inline(always)]
    fn extents(&self, d: Dims) -> [usize; 2] {
        [d.h_out(), d.w_out()]
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
        for (a, sums) in sums.into_iter().enumerate() {
            let y = &mut self.y[((at[0] + a) * d.w_out() + at[1]) * d.c_out..];
            for (sum, y) in sums.into_iter().zip(y.chunks_exact_mut(d.c_out)) {
                let y = &mut y[block.o..block.o + block.count];
                let sum = activate(simd, job.activation, sum);
                match self.rule {
                    Gradient::Add => y.iter_mut().zip(sum.as_slice()).for_each(|(y, v)| *y += v),
                    _ => store(sum, y),
                }
            }
        }
    }
}

/// As many lanes as there are channels.
#[inline(always)]
pub(super) fn store<S: Simd, V: Floats<S>>(v: V, to: &mut [f32]) {
    if to.len() == V::LEN {
        v.store_slice(to);
    } else {
        to.copy_from_slice(&v.as_slice()[..to.len()]);
    }
}

/// Not `max`, which would hide a NaN.
#[inline(always)]
pub(super) fn activate<S: Simd, V: Floats<S>>(simd: S, activation: Activation, sum: V) -> V {
    match activation {
        Activation::Linear => sum,
        Activation::Relu => sum.simd_lt(0.0).select(V::splat(simd, 0.0), sum),
    }
}
