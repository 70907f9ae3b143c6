//! The gradients of a convolution most of whose outputs have one: there is no
//! pooling behind it, but a batch norm, say. Nothing is skipped, and sums stay in
//! registers.

use rayon::prelude::*;

use super::conv2d::{Dims, Room, correlate};
use super::threads::{SAMPLES_PER_PART, sum_parts};
use super::vectorised::vectorised;
use crate::graph::Activation;
use crate::plan::Gradient;

impl Dims {
    /// The convolution that leads from the output's gradient to the input's: the kernel
    /// turned by half a turn, its channels exchanged, over all places where it touches.
    pub(super) fn reversed(self) -> Self {
        let [top, left, rows, columns] = self.pad;
        Self {
            h_in: self.h_out(),
            w_in: self.w_out(),
            c_in: self.c_out,
            c_out: self.c_in,
            pad: [
                self.k_h - 1 - top,
                self.k_w - 1 - left,
                2 * (self.k_h - 1) - rows,
                2 * (self.k_w - 1) - columns,
            ],
            ..self
        }
    }
}

/// As [`super::conv2d_sparse::backward_weight`]: by columns within a row of outputs, by rows within
/// a part, then by parts.
pub(super) fn backward_weight(
    d: Dims,
    dz: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
    room: &mut Room,
) {
    let parts = dz.par_chunks(d.out_len() * SAMPLES_PER_PART);
    let used = parts.len();
    parts
        .zip(room.frame.par_chunks(d.frame_len() * SAMPLES_PER_PART))
        .zip(&mut room.partial)
        .for_each(|((dz, frame), partial)| {
            partial.fill(0.0);
            let (dw, db) = partial.split_at_mut(d.kernel_len());
            let samples = dz.chunks_exact(d.out_len()).zip(frame.chunks_exact(d.frame_len()));
            for (dz, frame) in samples {
                vectorised(
                    #[inline(always)]
                    || weight_sample(d, frame, dz, dw),
                );
                for dz in dz.chunks_exact(d.c_out) {
                    db.iter_mut().zip(dz).for_each(|(db, g)| *db += g);
                }
            }
        });
    sum_parts(&room.partial[..used], &mut room.sum);
    let (dw_sum, db_sum) = room.sum.split_at(d.kernel_len());
    dw.copy_from_slice(dw_sum);
    if let Some(db) = db {
        db.copy_from_slice(db_sum);
    }
}

/// Cuts output channels and taps into blocks whose sums fit registers.
#[inline(always)]
fn weight_sample(d: Dims, frame: &[f32], dz: &[f32], dw: &mut [f32]) {
    let mut o = 0;
    while o < d.c_out {
        o += match d.c_out - o {
            16.. => weight_taps::<6, 16>(d, o, frame, dz, dw),
            8.. => weight_taps::<9, 8>(d, o, frame, dz, dw),
            4.. => weight_taps::<9, 4>(d, o, frame, dz, dw),
            _ => weight_taps::<9, 1>(d, o, frame, dz, dw),
        };
    }
}

/// Output channels `o..o + C` of all taps, K at a time. Returns C.
#[inline(always)]
fn weight_taps<const K: usize, const C: usize>(
    d: Dims,
    o: usize,
    frame: &[f32],
    dz: &[f32],
    dw: &mut [f32],
) -> usize {
    let taps = d.k_h * d.run();
    // Where each tap's input lies, from that of the first. A last block begins earlier, and
    // sums of taps that an earlier block has are dropped.
    let place = |tap: usize| tap / d.run() * d.w_frame() * d.c_in + tap % d.run();
    let mut done = 0;
    while done < taps {
        let first = if taps < K { 0 } else { done.min(taps - K) };
        let mut places = [0; K];
        for (k, at) in places.iter_mut().enumerate() {
            *at = place((first + k).min(taps - 1));
        }
        for (row, dz) in dz.chunks_exact(d.w_out() * d.c_out).enumerate() {
            let sums = weight_row::<K, C>(d, o, &frame[d.patch(row, 0, 0)..], dz, places);
            for (tap, sum) in (first..taps).zip(&sums).skip(done - first) {
                let dw = &mut dw[tap * d.c_out + o..][..C];
                dw.iter_mut().zip(sum).for_each(|(dw, s)| *dw += s);
            }
        }
        done = first + K;
    }
    C
}

/// Sums over one row of outputs: each of K inputs times a vector of C gradients.
#[inline(always)]
fn weight_row<const K: usize, const C: usize>(
    d: Dims,
    o: usize,
    frame: &[f32],
    dz: &[f32],
    places: [usize; K],
) -> [[f32; C]; K] {
    let len = (d.w_out() - 1) * d.c_in + 1;
    let mut x = [&frame[..len]; K];
    for (x, at) in x.iter_mut().zip(places) {
        *x = &frame[at..][..len];
    }
    let mut sums = [[0.0; C]; K];
    for (column, dz) in dz.chunks_exact(d.c_out).enumerate() {
        let Some(g) = dz[o..].first_chunk::<C>() else { continue };
        for k in 0..K {
            let v = x[k][column * d.c_in];
            for c in 0..C {
                sums[k][c] += v * g[c];
            }
        }
    }
    sums
}

/// As [`super::conv2d_sparse::backward_input`], as a convolution of the gradient: sums over the
/// turned kernel's rows, columns and channels in that order.
pub(super) fn backward_input(
    d: Dims,
    dz: &[f32],
    w: &[f32],
    rule: Gradient,
    dx: &mut [f32],
    room: &mut Room,
) {
    turn(d, w, &mut room.transposed);
    let n = dz.len() / d.out_len();
    let dx = &mut dx[..n * d.in_len()];
    let (kernel, frames) = (&room.transposed, &mut room.frame_gradient);
    let reversed = d.reversed();
    if rule == Gradient::Add {
        let mut more = vec![0.0; dx.len()];
        correlate(reversed, Activation::Linear, dz, kernel, None, &mut more, frames);
        dx.iter_mut().zip(more).for_each(|(dx, g)| *dx += g);
    } else {
        correlate(reversed, Activation::Linear, dz, kernel, None, dx, frames);
    }
}

/// `[k_h, k_w, c_in, c_out]` by half a turn, as `[k_h, k_w, c_out, c_in]`.
fn turn(d: Dims, w: &[f32], turned: &mut [f32]) {
    let tap = d.c_in * d.c_out;
    for (from, to) in w.chunks_exact(tap).rev().zip(turned.chunks_exact_mut(tap)) {
        for c in 0..d.c_in {
            for o in 0..d.c_out {
                to[o * d.c_in + c] = from[c * d.c_out + o];
            }
        }
    }
}
