//! Forward by tiles of outputs: `z[r, s, o] = b[o] + Σ_{i,j,c} frame[r + i, s + j, c] · w[i, j, c, o]`,
//! then [`Finish`] stores `f(z)` or pools it. As scalars, for one tile and one vector of filters `o`:
//!
//! ```text
//! z[r][s] = b
//! for f in frame rows              // f = r + i: both rows of outputs read it
//!   for taps j in groups of 5, 3 or 1
//!     for c in input channels
//!       for q in columns of the frame          // q = s + j: loaded once
//!         for r in rows, j in the group: z[r][q − j] += frame[f][q][c] · w[f − r][j][c]
//! ```
//!
//! Sums run over frame rows, groups of taps, channels and taps, in that order, after the bias.
//! Held in registers, each square a vector of filters:
//!
//! ```text
//!          COLUMNS columns of outputs          TAPS taps of a kernel row
//!         ┌───┬───┬───┬───┐                   ┌───┬───┬───┬───┬───┐
//!  ROWS   │ z │ z │ z │ z │  row 0 uses       │ w │ w │ w │ w │ w │  kernel row f
//!         ├───┼───┼───┼───┤                   ├───┼───┼───┼───┼───┤
//!         │ z │ z │ z │ z │  row 1 uses       │ w │ w │ w │ w │ w │  kernel row f − 1
//!         └───┴───┴───┴───┘                   └───┴───┴───┴───┴───┘
//!  frame  x x x x x x x x    COLUMNS + TAPS − 1 inputs stream by, each as a splat
//! ```

use fearless_simd::{Select, Simd, f32x4, f32x8, f32x16};

use super::super::Extents;
use super::packed::{Block, Packed, group};
use crate::graph::Activation;
use crate::ops::Gradient;
use crate::simd::{Floats, dispatch, holds, is_wide, level};

/// A convolution of one framed sample.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) d: Extents,
    pub(crate) activation: Activation,
    pub(crate) frame: &'a [f32],
    pub(crate) packed: &'a Packed,
}

/// All outputs into `y`, set or added: `y[r, s, o] = f(z[r, s, o])`.
pub(crate) fn forward(job: Job<'_>, rule: Gradient, y: &mut [f32]) {
    dispatch!(level(), simd => each_block(simd, job, Plain { rule, y }));
}

/// What becomes of a tile's sums.
pub(super) trait Finish {
    /// Whether they are pooled.
    const POOLS: bool;

    /// Rows and columns of outputs that are computed.
    fn extents(&self, d: Extents) -> [usize; 2];

    /// Stores the sums of `ROWS` rows and `COLUMNS` columns from `at` on, (row, column).
    fn finish<S: Simd, V: Floats<S>, const COLUMNS: usize, const ROWS: usize>(
        &mut self,
        simd: S,
        job: Job<'_>,
        block: Block,
        at: [usize; 2],
        sums: [[V; COLUMNS]; ROWS],
    );
}

/// All blocks of filters.
#[inline(always)]
pub(super) fn each_block<S: Simd, F: Finish>(simd: S, job: Job<'_>, mut finish: F) {
    for &block in &job.packed.blocks {
        match block.lanes {
            16 if const { holds::<S>(16) } => {
                each_width::<S, f32x16<S>, F>(simd, job, block, &mut finish);
            }
            8 if const { holds::<S>(8) } => {
                each_width::<S, f32x8<S>, F>(simd, job, block, &mut finish);
            }
            lanes => {
                assert_eq!(lanes, 4, "weights are packed for another vector level");
                each_width::<S, f32x4<S>, F>(simd, job, block, &mut finish);
            }
        }
    }
}

/// With few input channels the distance between columns is a constant, which saves a tenth of the
/// time or more; with many it does not matter.
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

/// All tiles of a block of filters. A function of its own for each width of vectors: the compiler runs
/// out of registers with several in one. `C_IN` is the number of input channels, or 0 for any.
#[inline(always)]
fn each_tile<S: Simd, V: Floats<S>, F: Finish, const C_IN: usize>(
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
                if const { is_wide::<S>() } {
                    while column + 6 <= columns {
                        two_rows::<S, V, F, 6, C_IN>(simd, job, block, [row, column], finish);
                        column += 6;
                    }
                }
                while column + 4 <= columns {
                    two_rows::<S, V, F, 4, C_IN>(simd, job, block, [row, column], finish);
                    column += 4;
                }
                while column + 2 <= columns {
                    two_rows::<S, V, F, 2, C_IN>(simd, job, block, [row, column], finish);
                    column += 2;
                }
                // What is pooled has even extents.
                if const { !F::POOLS } && column < columns {
                    one_row::<S, V, F, 1>(simd, job, block, [row, column], finish);
                    one_row::<S, V, F, 1>(simd, job, block, [row + 1, column], finish);
                }
                row += 2;
            }
            if const { !F::POOLS } && row < rows {
                let mut column = 0;
                // More independent sums than a product takes cycles.
                while column + 8 <= columns {
                    one_row::<S, V, F, 8>(simd, job, block, [row, column], finish);
                    column += 8;
                }
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
fn two_rows<S: Simd, V: Floats<S>, F: Finish, const COLUMNS: usize, const C_IN: usize>(
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
    let (mut top, mut bottom) = ([bias; COLUMNS], [bias; COLUMNS]);
    frame_row::<S, V, COLUMNS, 1, C_IN>(simd, d, x, [&w[..row]], [&mut top]);
    for f in 1..d.k_h {
        let weights = [&w[f * row..][..row], &w[(f - 1) * row..][..row]];
        frame_row::<S, V, COLUMNS, 2, C_IN>(
            simd,
            d,
            &x[f * stride..],
            weights,
            [&mut top, &mut bottom],
        );
    }
    let last = [&w[(d.k_h - 1) * row..]];
    frame_row::<S, V, COLUMNS, 1, C_IN>(simd, d, &x[d.k_h * stride..], last, [&mut bottom]);
    finish.finish(simd, job, block, at, [top, bottom]);
}

#[inline(always)]
fn one_row<S: Simd, V: Floats<S>, F: Finish, const COLUMNS: usize>(
    simd: S,
    job: Job<'_>,
    block: Block,
    at: [usize; 2],
    finish: &mut F,
) {
    let d = job.d;
    let (x, stride) = (&job.frame[d.patch(at[0], at[1])..], d.stride());
    let (w, row) = (job.packed.weights(d, block), d.run() * V::LEN);
    let mut sums = [V::from_slice(simd, job.packed.bias(block)); COLUMNS];
    for (f, w) in w.chunks_exact(row).enumerate() {
        frame_row::<S, V, COLUMNS, 1, 0>(simd, d, &x[f * stride..], [w], [&mut sums]);
    }
    finish.finish(simd, job, block, at, [sums]);
}

/// Adds the products of one row of the frame to `ROWS` rows of outputs, each with its kernel row.
#[inline(always)]
fn frame_row<S: Simd, V: Floats<S>, const COLUMNS: usize, const ROWS: usize, const C_IN: usize>(
    simd: S,
    d: Extents,
    x: &[f32],
    w: [&[f32]; ROWS],
    mut sums: [&mut [V; COLUMNS]; ROWS],
) {
    let mut j = 0;
    while j < d.k_w {
        let x = &x[j * d.c_in..];
        let mut row = w;
        for w in &mut row {
            *w = &w[j * d.c_in * V::LEN..];
        }
        let taps = group(d.k_w - j);
        match taps {
            5 => some_taps::<S, V, COLUMNS, 5, ROWS, C_IN>(simd, d.c_in, x, row, &mut sums),
            3 => some_taps::<S, V, COLUMNS, 3, ROWS, C_IN>(simd, d.c_in, x, row, &mut sums),
            _ => some_taps::<S, V, COLUMNS, 1, ROWS, C_IN>(simd, d.c_in, x, row, &mut sums),
        }
        j += taps;
    }
}

/// `TAPS` neighbouring taps, all input channels.
#[inline(always)]
fn some_taps<
    S: Simd,
    V: Floats<S>,
    const COLUMNS: usize,
    const TAPS: usize,
    const ROWS: usize,
    const C_IN: usize,
>(
    simd: S,
    c_in: usize,
    x: &[f32],
    mut w: [&[f32]; ROWS],
    sums: &mut [&mut [V; COLUMNS]; ROWS],
) {
    let c_in = if C_IN == 0 { c_in } else { C_IN };
    for w in &mut w {
        *w = &w[..c_in * TAPS * V::LEN];
    }
    let x = &x[..(COLUMNS + TAPS - 1) * c_in];
    for c in 0..c_in {
        let mut weights = [[V::splat(simd, 0.0); TAPS]; ROWS];
        for a in 0..ROWS {
            let w = &w[a][c * TAPS * V::LEN..][..TAPS * V::LEN];
            for j in 0..TAPS {
                weights[a][j] = V::from_slice(simd, &w[j * V::LEN..][..V::LEN]);
            }
        }
        let x = &x[c..][..(COLUMNS + TAPS - 2) * c_in + 1];
        for q in 0..COLUMNS + TAPS - 1 {
            let v = V::splat(simd, x[q * c_in]);
            for a in 0..ROWS {
                for j in 0..TAPS {
                    if q >= j && q - j < COLUMNS {
                        sums[a][q - j] = v.mul_add(weights[a][j], sums[a][q - j]);
                    }
                }
            }
        }
    }
}

/// Stores every sum, after the activation.
struct Plain<'a> {
    rule: Gradient,
    y: &'a mut [f32],
}

impl Finish for Plain<'_> {
    const POOLS: bool = false;

    #[inline(always)]
    fn extents(&self, d: Extents) -> [usize; 2] {
        [d.h_out, d.w_out]
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
        for (a, sums) in sums.into_iter().enumerate() {
            // By index: a `chunks_exact` begins with a division, as long as some ten products.
            let first = ((at[0] + a) * d.w_out + at[1]) * d.c_out + block.o;
            for (column, sum) in sums.into_iter().enumerate() {
                let y = &mut self.y[first + column * d.c_out..][..block.count];
                let sum = activate(simd, job.activation, sum);
                match self.rule {
                    Gradient::Add => y.iter_mut().zip(sum.as_slice()).for_each(|(y, v)| *y += v),
                    Gradient::Set | Gradient::Skip => store(sum, y),
                }
            }
        }
    }
}

/// Stores the first `to.len()` lanes.
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
