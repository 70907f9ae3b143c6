//! The loops of [`super::convolved`] over a row of outputs: pooling it, and its gradients. For the kernels
//! of P2, whose taps the compiler knows, outputs are pooled from the registers: the general loops
//! (`src/ops/conv2d/cpu/tile.rs`, `src/ops/conv2d/cpu/dense.rs`) take twice as long where there is one
//! input channel.

use fearless_simd::{Select, Simd, SimdMask, f32x4, f32x8, f32x16};

use crate::ops::conv2d::Extents;
use crate::ops::conv2d::cpu::Block;
use crate::simd::{Floats, dispatch, holds, is_wide, level};

/// Whether the taps are those of a kernel of P2.
pub(super) fn suits(d: Extents) -> bool {
    matches!([d.k_h, d.k_w], [1, 5] | [9, 1])
}

/// Calls a function with the vector of a block of channels.
macro_rules! each_width {
    ($lanes:expr, $f:ident::<$S:ident, _ $(, $k:tt)*>($($arg:expr),* $(,)?)) => {
        match $lanes {
            16 if const { holds::<$S>(16) } => $f::<$S, f32x16<$S> $(, $k)*>($($arg),*),
            8 if const { holds::<$S>(8) } => $f::<$S, f32x8<$S> $(, $k)*>($($arg),*),
            lanes => {
                assert_eq!(lanes, 4, "weights are packed for another vector level");
                $f::<$S, f32x4<$S> $(, $k)*>($($arg),*)
            }
        }
    };
}

/// Independent chains of maxima and sums.
const CHAINS: usize = 4;

/// What is found of a row of outputs, for a vector of channels.
pub(super) struct Row<'a> {
    /// The largest outputs, or 0; empty where they are not wanted.
    pub(super) max: &'a mut [f32],
    /// The mean of outputs above 0, counting others as 0; empty where it is not wanted.
    pub(super) mean: &'a mut [f32],
    /// The columns of the largest.
    pub(super) argmax: &'a mut [u32],
    /// Of each column the channels whose output is 0 or less, as bits.
    pub(super) off: &'a mut [u16],
}

impl Row<'_> {
    /// The same, to be written more than once.
    pub(super) fn reborrow(&mut self) -> Row<'_> {
        let Self { max, mean, argmax, off } = self;
        Row { max, mean, argmax, off }
    }
}

/// Maxima, sums and places so far.
#[derive(Clone, Copy)]
struct Pool<V> {
    best: [V; CHAINS],
    /// Tile of the largest.
    tile: [V; CHAINS],
    sums: [V; CHAINS],
}

impl<V: Copy> Pool<V> {
    #[inline(always)]
    fn new<S: Simd>(simd: S) -> Self
    where
        V: Floats<S>,
    {
        let zero = V::splat(simd, 0.0);
        let least = V::splat(simd, f32::NEG_INFINITY);
        Self { best: [least; CHAINS], tile: [zero; CHAINS], sums: [zero; CHAINS] }
    }

    /// Adds a column of tile number `tile` to chain `n`. Returns the bits of the channels that are 0 or
    /// less: a NaN is not, and is added.
    #[inline(always)]
    fn add<S: Simd>(&mut self, n: usize, v: V, tile: V, zero: V) -> u16
    where
        V: Floats<S>,
    {
        let off = v.simd_le(zero);
        let larger = v.simd_gt(self.best[n]);
        self.best[n] = larger.select(v, self.best[n]);
        self.tile[n] = larger.select(tile, self.tile[n]);
        self.sums[n] += off.select(zero, v);
        off.to_bitmask() as u16
    }

    /// Adds a column to the chain that its number gives.
    #[inline(always)]
    fn add_at<S: Simd>(&mut self, simd: S, column: usize, v: V) -> u16
    where
        V: Floats<S>,
    {
        let (tile, zero) = (V::splat(simd, (column / CHAINS) as f32), V::splat(simd, 0.0));
        match column % CHAINS {
            0 => self.add(0, v, tile, zero),
            1 => self.add(1, v, tile, zero),
            2 => self.add(2, v, tile, zero),
            _ => self.add(3, v, tile, zero),
        }
    }

    /// Writes all but the bits. Returns whether all columns were numbers.
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, to: Row<'_>) -> bool
    where
        V: Floats<S>,
    {
        let Row { max, mean, argmax, off } = to;
        let (zero, chains) = (V::splat(simd, 0.0), V::splat(simd, CHAINS as f32));
        let [mut best, others @ ..] = self.best;
        let mut place = self.tile[0] * chains;
        for (n, other) in (1..).zip(others) {
            let at = self.tile[n].mul_add(chains, V::splat(simd, n as f32));
            let wins = other.simd_gt(best) | (other.simd_eq(best) & at.simd_lt(place));
            best = wins.select(other, best);
            place = wins.select(at, place);
        }
        let sum = (self.sums[0] + self.sums[1]) + (self.sums[2] + self.sums[3]);
        let maximum = best.simd_gt(zero).select(best, zero);
        let average = sum / V::splat(simd, off.len() as f32);
        argmax.iter_mut().zip(place.as_slice()).for_each(|(to, at)| *to = *at as u32);
        max.iter_mut().zip(maximum.as_slice()).for_each(|(to, v)| *to = *v);
        mean.iter_mut().zip(average.as_slice()).for_each(|(to, v)| *to = *v);
        sum.simd_eq(sum).all_true()
    }
}

/// One row of outputs of the channels of a block, from a frame that begins at its first row: `bias + Σ w · x`
/// is pooled. `w` is `[taps, lanes]` and, behind them, the bias. Returns whether all outputs are numbers; if
/// not, what is written is not what it should be.
pub(super) fn convolve(d: Extents, block: Block, frame: &[f32], w: &[f32], to: Row<'_>) -> bool {
    dispatch!(level(), simd => match d.k_h {
        1 => convolve_block::<_, 1, 5>(simd, block, d.stride(), frame, w, to),
        _ => convolve_block::<_, 9, 1>(simd, block, d.stride(), frame, w, to),
    })
}

#[inline(always)]
fn convolve_block<S: Simd, const K_H: usize, const K_W: usize>(
    simd: S,
    block: Block,
    stride: usize,
    frame: &[f32],
    w: &[f32],
    to: Row<'_>,
) -> bool {
    // Each chain takes two columns of a tile where there are registers for their sums.
    if const { is_wide::<S>() } {
        each_width!(block.lanes, tiles::<S, _, K_H, K_W, 8>(simd, stride, frame, w, to))
    } else {
        each_width!(block.lanes, tiles::<S, _, K_H, K_W, 4>(simd, stride, frame, w, to))
    }
}

#[inline(always)]
fn tiles<S: Simd, V: Floats<S>, const K_H: usize, const K_W: usize, const COLUMNS: usize>(
    simd: S,
    stride: usize,
    frame: &[f32],
    w: &[f32],
    to: Row<'_>,
) -> bool {
    let (zero, columns) = (V::splat(simd, 0.0), to.off.len());
    let mut pool = Pool::new(simd);
    let w = &w[..(K_H * K_W + 1) * V::LEN];
    let mut rows = [frame; K_H];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = &frame[i * stride..][..columns + K_W - 1];
    }
    let mut column = 0;
    let mut number = zero;
    while column + COLUMNS <= columns {
        let v = sums::<S, V, K_H, K_W, COLUMNS>(simd, rows, column, w);
        let off = &mut to.off[column..][..COLUMNS];
        for n in 0..COLUMNS {
            let tile = if n < CHAINS { number } else { number + V::splat(simd, 1.0) };
            off[n] = pool.add(n % CHAINS, v[n], tile, zero);
        }
        number += V::splat(simd, (COLUMNS / CHAINS) as f32);
        column += COLUMNS;
    }
    while column < columns {
        let [v] = sums::<S, V, K_H, K_W, 1>(simd, rows, column, w);
        to.off[column] = pool.add_at(simd, column, v);
        column += 1;
    }
    pool.finish(simd, to)
}

/// `COLUMNS` outputs of a row from `column` on.
#[inline(always)]
fn sums<S: Simd, V: Floats<S>, const K_H: usize, const K_W: usize, const COLUMNS: usize>(
    simd: S,
    rows: [&[f32]; K_H],
    column: usize,
    w: &[f32],
) -> [V; COLUMNS] {
    let mut sums = [V::from_slice(simd, &w[K_H * K_W * V::LEN..][..V::LEN]); COLUMNS];
    for i in 0..K_H {
        let x = &rows[i][column..][..COLUMNS + K_W - 1];
        let mut taps = [V::splat(simd, 0.0); K_W];
        for (j, tap) in taps.iter_mut().enumerate() {
            *tap = V::from_slice(simd, &w[(i * K_W + j) * V::LEN..][..V::LEN]);
        }
        for q in 0..COLUMNS + K_W - 1 {
            let x = V::splat(simd, x[q]);
            for j in 0..K_W {
                if q >= j && q - j < COLUMNS {
                    sums[q - j] = x.mul_add(taps[j], sums[q - j]);
                }
            }
        }
    }
    sums
}

/// As [`convolve`], of a row of outputs, `[w, c]`.
pub(super) fn pool(c: usize, block: Block, row: &[f32], to: Row<'_>) {
    let row = &row[block.o..];
    dispatch!(level(), simd => pool_block(simd, c, block, row, to));
}

#[inline(always)]
fn pool_block<S: Simd>(simd: S, c: usize, block: Block, row: &[f32], to: Row<'_>) {
    each_width!(block.lanes, pool_lanes::<S, _>(simd, c, row, to));
}

#[inline(always)]
fn pool_lanes<S: Simd, V: Floats<S>>(simd: S, c: usize, row: &[f32], mut to: Row<'_>) {
    let zero = V::splat(simd, 0.0);
    let (mut pool, mut tile) = (Pool::new(simd), zero);
    for (x, off) in row.chunks(CHAINS * c).zip(to.off.chunks_mut(CHAINS)) {
        if off.len() == CHAINS {
            let x = &x[..(CHAINS - 1) * c + V::LEN];
            for n in 0..CHAINS {
                off[n] = pool.add(n, V::from_slice(simd, &x[n * c..][..V::LEN]), tile, zero);
            }
        } else {
            for (n, off) in off.iter_mut().enumerate() {
                *off = pool.add(n, V::from_slice(simd, &x[n * c..][..V::LEN]), tile, zero);
            }
        }
        tile += V::splat(simd, 1.0);
    }
    if !pool.finish(simd, to.reborrow()) {
        first_nans(c, row, to);
    }
}

/// A NaN is larger than any number and the first one is the maximum; it has no gradient.
#[cold]
fn first_nans(c: usize, row: &[f32], to: Row<'_>) {
    let Row { max, argmax, off, .. } = to;
    for o in 0..argmax.len() {
        let values = || row[o..].iter().step_by(c).enumerate().filter(|(_, v)| v.is_nan());
        if let Some((column, v)) = values().next() {
            argmax[o] = column as u32;
            max.get_mut(o).into_iter().for_each(|to| *to = *v);
        }
        values().for_each(|(column, _)| off[column] |= 1 << o);
    }
}

/// The gradients of a row of outputs, `[w, c]`, for the channels of a block: of the means' gradients
/// `dmean` (`[c]`, empty where there is no mean) what falls to a column, where outputs are above 0.
pub(super) fn spread(c: usize, block: Block, dmean: &[f32], off: &[u16], row: &mut [f32]) {
    let (dmean, row) = (dmean.get(block.o..).unwrap_or_default(), &mut row[block.o..]);
    dispatch!(level(), simd => spread_block(simd, c, block, dmean, off, row));
}

#[inline(always)]
fn spread_block<S: Simd>(
    simd: S,
    c: usize,
    block: Block,
    dmean: &[f32],
    off: &[u16],
    row: &mut [f32],
) {
    each_width!(block.lanes, spread_lanes::<S, _>(simd, c, dmean, off, row));
}

#[inline(always)]
fn spread_lanes<S: Simd, V: Floats<S>>(
    simd: S,
    c: usize,
    dmean: &[f32],
    off: &[u16],
    row: &mut [f32],
) {
    let zero = V::splat(simd, 0.0);
    let share = match dmean.get(..V::LEN) {
        Some(dmean) => V::from_slice(simd, dmean) / V::splat(simd, off.len() as f32),
        None => zero,
    };
    for (off, g) in off.iter().zip(row.chunks_mut(c)) {
        let off = V::Mask::from_bitmask(simd, u64::from(*off));
        off.select(zero, share).store_slice(&mut g[..V::LEN]);
    }
}

/// Adds to `dw` (`[taps, c]`) the products of a row of gradients, `[w, c]`, with the inputs under it, and
/// to `db` (`[c]`) the gradients, both of the channels of a block.
pub(super) fn products(
    d: Extents,
    block: Block,
    frame: &[f32],
    row: &[f32],
    [dw, db]: [&mut [f32]; 2],
) {
    let to = [&mut dw[block.o..], &mut db[block.o..]];
    let row = &row[block.o..];
    dispatch!(level(), simd => match d.k_h {
        1 => products_block::<_, 1, 5>(simd, block, d, frame, row, to),
        _ => products_block::<_, 9, 1>(simd, block, d, frame, row, to),
    });
}

#[inline(always)]
fn products_block<S: Simd, const K_H: usize, const K_W: usize>(
    simd: S,
    block: Block,
    d: Extents,
    frame: &[f32],
    row: &[f32],
    to: [&mut [f32]; 2],
) {
    each_width!(block.lanes, products_lanes::<S, _, K_H, K_W>(simd, d, frame, row, to));
}

#[inline(always)]
fn products_lanes<S: Simd, V: Floats<S>, const K_H: usize, const K_W: usize>(
    simd: S,
    d: Extents,
    frame: &[f32],
    row: &[f32],
    [dw, db]: [&mut [f32]; 2],
) {
    let (c, columns) = (d.c_out, d.w_out);
    let row = &row[..(columns - 1) * c + V::LEN];
    let mut rows = [frame; K_H];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = &frame[i * d.stride()..][..columns + K_W - 1];
    }
    // Two sums of each tap where there are registers for them: independent chains.
    let mut even = [[V::splat(simd, 0.0); K_W]; K_H];
    let mut odd = even;
    let (mut total, mut column) = (V::splat(simd, 0.0), 0);
    while column + 2 <= columns {
        let g0 = V::from_slice(simd, &row[column * c..][..V::LEN]);
        let g1 = V::from_slice(simd, &row[(column + 1) * c..][..V::LEN]);
        total += g0 + g1;
        for i in 0..K_H {
            let x = &rows[i][column..][..K_W + 1];
            for j in 0..K_W {
                even[i][j] = V::splat(simd, x[j]).mul_add(g0, even[i][j]);
                if const { is_wide::<S>() || K_H * K_W <= 5 } {
                    odd[i][j] = V::splat(simd, x[j + 1]).mul_add(g1, odd[i][j]);
                } else {
                    even[i][j] = V::splat(simd, x[j + 1]).mul_add(g1, even[i][j]);
                }
            }
        }
        column += 2;
    }
    if column < columns {
        let g = V::from_slice(simd, &row[column * c..][..V::LEN]);
        total += g;
        for i in 0..K_H {
            for j in 0..K_W {
                even[i][j] = V::splat(simd, rows[i][column + j]).mul_add(g, even[i][j]);
            }
        }
    }
    for i in 0..K_H {
        for j in 0..K_W {
            let dw = &mut dw[(i * K_W + j) * c..][..V::LEN];
            (even[i][j] + odd[i][j] + V::from_slice(simd, dw)).store_slice(dw);
        }
    }
    let db = &mut db[..V::LEN];
    (total + V::from_slice(simd, db)).store_slice(db);
}
