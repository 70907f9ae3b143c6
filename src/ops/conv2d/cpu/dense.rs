//! The gradient of the weights where every output has a gradient, as behind a batch norm:
//! `dw[i, j, c, o] = Σ_{r,s} dz[r, s, o] · x[r + i − pad_top, s + j − pad_left, c]`.
//!
//! ```text
//!                     vector of filters o …
//!                    ┌─────────────────────┐
//!  TAPS taps (i,j,c) │  sums in registers  │  × ROWS rows of outputs, added at the end
//!                    └─────────────────────┘
//! ```

use fearless_simd::{Simd, f32x4, f32x8, f32x16};

use super::super::Extents;
use super::frame::backward_bias;
use super::packed::{Block, Packed};
use crate::simd::{Floats, dispatch, holds, is_wide, level};

/// Adds the gradients of one sample: `dw` (`[k_h, k_w, c_in, c_out]`) and `db`.
/// each sum runs over the columns of a row of outputs, then over the rows.
pub(crate) fn backward_weight(
    d: Extents,
    packed: &Packed,
    frame: &[f32],
    dz: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
) {
    for &block in &packed.blocks {
        match block {
            Block { lanes, count, .. } if count < lanes => {
                for o in block.o..block.o + count {
                    one_channel(d, o, frame, dz, dw);
                }
            }
            Block { lanes, o, .. } => {
                dispatch!(level(), simd => each_width(simd, lanes, d, o, frame, dz, dw));
            }
        }
    }
    backward_bias(dz, db);
}

/// A block of `lanes` channels from `o` on, all taps.
#[inline(always)]
fn each_width<S: Simd>(
    simd: S,
    lanes: usize,
    d: Extents,
    o: usize,
    frame: &[f32],
    dz: &[f32],
    dw: &mut [f32],
) {
    match lanes {
        16 if const { holds::<S>(16) } => channels::<S, f32x16<S>>(simd, d, o, frame, dz, dw),
        8 if const { holds::<S>(8) } => channels::<S, f32x8<S>>(simd, d, o, frame, dz, dw),
        _ => {
            assert_eq!(lanes, 4, "weights are packed for another vector level");
            channels::<S, f32x4<S>>(simd, d, o, frame, dz, dw);
        }
    }
}

/// Offset of a tap's input from that of the first tap.
fn tap_offset(d: Extents, tap: usize) -> usize {
    tap / d.run() * d.stride() + tap % d.run()
}

/// A vector of output channels from `o` on, all taps.
#[inline(always)]
fn channels<S: Simd, V: Floats<S>>(
    simd: S,
    d: Extents,
    o: usize,
    frame: &[f32],
    dz: &[f32],
    dw: &mut [f32],
) {
    let taps = d.k_h * d.run();
    let mut tap = 0;
    while tap < taps {
        tap += match taps - tap {
            10.. => some_taps::<S, V, 10>(simd, d, [tap, o], frame, dz, dw),
            9 => some_taps::<S, V, 9>(simd, d, [tap, o], frame, dz, dw),
            5.. => some_taps::<S, V, 5>(simd, d, [tap, o], frame, dz, dw),
            _ => some_taps::<S, V, 1>(simd, d, [tap, o], frame, dz, dw),
        };
    }
}

/// `TAPS` taps from `tap` on. Returns `TAPS`.
#[inline(always)]
fn some_taps<S: Simd, V: Floats<S>, const TAPS: usize>(
    simd: S,
    d: Extents,
    [tap, o]: [usize; 2],
    frame: &[f32],
    dz: &[f32],
    dw: &mut [f32],
) -> usize {
    let offsets: [usize; TAPS] = std::array::from_fn(|k| tap_offset(d, tap + k));
    let mut row = 0;
    if const { TAPS <= 5 || is_wide::<S>() } {
        while row + 2 <= d.h_out {
            some_rows::<S, V, TAPS, 2>(simd, d, [tap, o, row], offsets, frame, dz, dw);
            row += 2;
        }
    }
    while row < d.h_out {
        some_rows::<S, V, TAPS, 1>(simd, d, [tap, o, row], offsets, frame, dz, dw);
        row += 1;
    }
    TAPS
}

/// `ROWS` rows of outputs from `row` on, each with its own sums: independent chains of additions.
#[inline(always)]
fn some_rows<S: Simd, V: Floats<S>, const TAPS: usize, const ROWS: usize>(
    simd: S,
    d: Extents,
    [tap, o, row]: [usize; 3],
    offsets: [usize; TAPS],
    frame: &[f32],
    dz: &[f32],
    dw: &mut [f32],
) {
    let len = (d.w_out - 1) * d.c_in + 1;
    let mut x = [[frame; TAPS]; ROWS];
    let mut g = [dz; ROWS];
    for r in 0..ROWS {
        let width = d.w_out * d.c_out;
        g[r] = &dz[(row + r) * width..][..width];
        for k in 0..TAPS {
            x[r][k] = &frame[d.patch(row + r, 0) + offsets[k]..][..len];
        }
    }
    let mut sums = [[V::splat(simd, 0.0); TAPS]; ROWS];
    for column in 0..d.w_out {
        for r in 0..ROWS {
            let g = V::from_slice(simd, &g[r][column * d.c_out + o..][..V::LEN]);
            for k in 0..TAPS {
                sums[r][k] = V::splat(simd, x[r][k][column * d.c_in]).mul_add(g, sums[r][k]);
            }
        }
    }
    for sums in sums {
        for (sum, dw) in sums.iter().zip(dw[tap * d.c_out..].chunks_exact_mut(d.c_out)) {
            let dw = &mut dw[o..][..V::LEN];
            (*sum + V::from_slice(simd, dw)).store_slice(dw);
        }
    }
}

/// One filter of a block that does not fill its vector.
fn one_channel(d: Extents, o: usize, frame: &[f32], dz: &[f32], dw: &mut [f32]) {
    for (tap, dw) in dw.chunks_exact_mut(d.c_out).enumerate() {
        for (row, dz) in dz.chunks_exact(d.w_out * d.c_out).enumerate() {
            let x = frame[d.patch(row, 0) + tap_offset(d, tap)..].iter().step_by(d.c_in);
            let dz = dz.iter().skip(o).step_by(d.c_out);
            dw[o] += x.zip(dz).map(|(x, g)| x * g).sum::<f32>();
        }
    }
}

/// Rotates `w` (`[k_h, k_w, c_in, c_out]`) by 180° into `flipped` (`[k_h, k_w, c_out, c_in]`): with it
/// the input's gradient is a convolution of the output's.
pub(super) fn rotate_180(d: Extents, w: &[f32], flipped: &mut [f32]) {
    let tap = d.c_in * d.c_out;
    for (from, to) in w.chunks_exact(tap).rev().zip(flipped.chunks_exact_mut(tap)) {
        for (c, from) in from.chunks_exact(d.c_out).enumerate() {
            for (o, w) in from.iter().enumerate() {
                to[o * d.c_in + c] = *w;
            }
        }
    }
}
