//! The gradients of a convolution most of whose outputs have none: behind a
//! max-pool and a ReLU that is at least three of four. Walks the outputs and skips
//! those without.

use rayon::prelude::*;

use super::conv2d::{Dims, Room};
use super::dense::axpy;
use super::threads::{SAMPLES_PER_PART, sum_parts};
use super::vectorised::vectorised;
use crate::plan::Gradient;

/// Gradients of kernel and bias from the inputs of the last forward:
/// `dw[i, j, c, o] = Σ_{n,r,s} dz[n, r, s, o] · x[n, r + i − p_h, s + j − p_w, c]`,
/// by positions within a part, then by parts.
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
                    || backward_weight_sample(d, frame, dz, dw, db),
                );
            }
        });
    sum_parts(&room.partial[..used], &mut room.sum);
    let (dw_transposed, db_sum) = room.sum.split_at(d.kernel_len());
    transpose(d.c_out, dw_transposed, dw);
    if let Some(db) = db {
        db.copy_from_slice(db_sum);
    }
}

#[inline(always)]
fn backward_weight_sample(d: Dims, frame: &[f32], dz: &[f32], dw: &mut [f32], db: &mut [f32]) {
    let run = d.run();
    for (position, dz) in dz.chunks_exact(d.c_out).enumerate() {
        let (row, column) = (position / d.w_out(), position % d.w_out());
        for (o, &g) in dz.iter().enumerate().filter(|(_, g)| **g != 0.0) {
            db[o] += g;
            let dw = &mut dw[o * d.k_h * run..][..d.k_h * run];
            for (i, dw) in dw.chunks_exact_mut(run).enumerate() {
                axpy(g, &frame[d.patch(row, column, i)..][..run], dw);
            }
        }
    }
}

/// `dx[n, r, s, c] = Σ_{i,j,o} dz[n, r − i + p_h, s − j + p_w, o] · w[i, j, c, o]`,
/// scattered position by position.
pub(super) fn backward_input(
    d: Dims,
    dz: &[f32],
    w: &[f32],
    rule: Gradient,
    dx: &mut [f32],
    room: &mut Room,
) {
    transpose(d.kernel_len() / d.c_out, w, &mut room.transposed);
    let w = &room.transposed;
    dx.par_chunks_mut(d.in_len() * SAMPLES_PER_PART)
        .zip(dz.par_chunks(d.out_len() * SAMPLES_PER_PART))
        .zip(room.frame_gradient.par_chunks_mut(d.frame_len() * SAMPLES_PER_PART))
        .for_each(|((dx, dz), frame)| {
            let samples = dx.chunks_exact_mut(d.in_len()).zip(dz.chunks_exact(d.out_len()));
            for ((dx, dz), frame) in samples.zip(frame.chunks_exact_mut(d.frame_len())) {
                vectorised(
                    #[inline(always)]
                    || backward_input_sample(d, dz, w, frame),
                );
                read_frame(d, frame, rule, dx);
            }
        });
}

#[inline(always)]
fn backward_input_sample(d: Dims, dz: &[f32], w: &[f32], frame: &mut [f32]) {
    let run = d.run();
    frame.fill(0.0);
    for (position, dz) in dz.chunks_exact(d.c_out).enumerate() {
        let (row, column) = (position / d.w_out(), position % d.w_out());
        for (o, &g) in dz.iter().enumerate().filter(|(_, g)| **g != 0.0) {
            let w = &w[o * d.k_h * run..][..d.k_h * run];
            for (i, w) in w.chunks_exact(run).enumerate() {
                axpy(g, w, &mut frame[d.patch(row, column, i)..][..run]);
            }
        }
    }
}

/// Gives the inside of a frame to `dx`.
fn read_frame(d: Dims, frame: &[f32], rule: Gradient, dx: &mut [f32]) {
    let [top, left, ..] = d.pad;
    let row = d.w_in * d.c_in;
    for (r, dx) in dx.chunks_exact_mut(row).enumerate() {
        let inside = &frame[d.patch(r, left, top)..][..row];
        match rule {
            Gradient::Add => axpy(1.0, inside, dx),
            Gradient::Set | Gradient::Skip => dx.copy_from_slice(inside),
        }
    }
}

/// `[rows, columns]` as `[columns, rows]`.
fn transpose(rows: usize, from: &[f32], to: &mut [f32]) {
    let columns = from.len() / rows;
    for (c, to) in to.chunks_exact_mut(rows).enumerate() {
        for (r, to) in to.iter_mut().enumerate() {
            *to = from[r * columns + c];
        }
    }
}
