//! 2-D cross-correlation, stride 1:
//! `y[r, s, o] = f(b[o] + Σ_{i,j,c} x[r + i − p_h, s + j − p_w, c] · w[i, j, c, o])`.
//!
//! The input is copied once into a frame of zeros, so no loop tests a border.
//! With channels last, the patch under a kernel is then `k_h` contiguous runs
//! of `k_w · c_in` values. Its gradients are in `conv2d_sparse` and `conv2d_dense`.

use rayon::prelude::*;

use super::activation;
use super::threads::SAMPLES_PER_PART;
use super::vectorised::vectorised;
use crate::graph::{Activation, Padding};

/// Extents of one convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dims {
    pub(super) h_in: usize,
    pub(super) w_in: usize,
    pub(super) c_in: usize,
    pub(super) c_out: usize,
    pub(super) k_h: usize,
    pub(super) k_w: usize,
    /// Rows and columns of zeros before the input, and in all.
    pub(super) pad: [usize; 4],
}

/// The zeros around an input, as [`Dims`] has them.
pub(super) fn pad(padding: Padding, [k_h, k_w]: [usize; 2]) -> [usize; 4] {
    match padding {
        Padding::Same => [(k_h - 1) / 2, (k_w - 1) / 2, k_h - 1, k_w - 1],
        Padding::Valid => [0; 4],
    }
}

impl Dims {
    pub(super) fn w_frame(self) -> usize {
        self.w_in + self.pad[3]
    }

    /// Elements of one framed sample.
    pub(super) fn frame_len(self) -> usize {
        (self.h_in + self.pad[2]) * self.w_frame() * self.c_in
    }

    pub(super) fn h_out(self) -> usize {
        self.h_in + self.pad[2] + 1 - self.k_h
    }

    pub(super) fn w_out(self) -> usize {
        self.w_frame() + 1 - self.k_w
    }

    pub(super) fn in_len(self) -> usize {
        self.h_in * self.w_in * self.c_in
    }

    pub(super) fn out_len(self) -> usize {
        self.h_out() * self.w_out() * self.c_out
    }

    /// A kernel row as it lies in a framed sample.
    pub(super) fn run(self) -> usize {
        self.k_w * self.c_in
    }

    /// Elements of the kernel.
    pub(super) fn kernel_len(self) -> usize {
        self.k_h * self.run() * self.c_out
    }

    /// Where the patch of the output at (row, column) begins in a framed sample, kernel row `i`.
    pub(super) fn patch(self, row: usize, column: usize, i: usize) -> usize {
        ((row + i) * self.w_frame() + column) * self.c_in
    }
}

/// Room that one convolution needs, allocated once.
#[derive(Debug)]
pub(super) struct Room {
    /// `[n, h_frame, w_frame, c_in]`: the inputs of the last forward, framed.
    pub(super) frame: Vec<f32>,
    /// The same for the input's gradient, where it is computed; dense, for the output's.
    pub(super) frame_gradient: Vec<f32>,
    /// The kernel as `[c_out, k_h, k_w · c_in]`; dense, as [`super::conv2d_dense`] has it.
    pub(super) transposed: Vec<f32>,
    /// For each part of the batch: kernel gradient (transposed, unless dense), then bias gradient.
    pub(super) partial: Vec<Vec<f32>>,
    pub(super) sum: Vec<f32>,
}

impl Room {
    /// For gradients that are mostly zero, or `dense` ones.
    pub(super) fn new(d: Dims, batch: usize, with_input_gradient: bool, dense: bool) -> Self {
        let gradients = d.kernel_len() + d.c_out;
        let framed = if dense { d.reversed() } else { d }.frame_len();
        Self {
            frame: vec![0.0; batch * d.frame_len()],
            frame_gradient: vec![0.0; if with_input_gradient { batch * framed } else { 0 }],
            transposed: vec![0.0; d.kernel_len()],
            partial: vec![vec![0.0; gradients]; batch.div_ceil(SAMPLES_PER_PART)],
            sum: vec![0.0; gradients],
        }
    }
}

/// Sums over i, j, c in that order, after the bias.
pub(super) fn forward(
    d: Dims,
    act: Activation,
    x: &[f32],
    w: &[f32],
    b: Option<&[f32]>,
    y: &mut [f32],
    room: &mut Room,
) {
    correlate(d, act, x, w, b, y, &mut room.frame);
}

/// The same with the frames alone.
pub(super) fn correlate(
    d: Dims,
    act: Activation,
    x: &[f32],
    w: &[f32],
    b: Option<&[f32]>,
    y: &mut [f32],
    frames: &mut [f32],
) {
    frames
        .par_chunks_mut(d.frame_len() * SAMPLES_PER_PART)
        .zip(x.par_chunks(d.in_len() * SAMPLES_PER_PART))
        .zip(y.par_chunks_mut(d.out_len() * SAMPLES_PER_PART))
        .for_each(|((frame, x), y)| {
            let frames = frame.chunks_exact_mut(d.frame_len());
            let samples = x.chunks_exact(d.in_len()).zip(y.chunks_exact_mut(d.out_len()));
            for (frame, (x, y)) in frames.zip(samples) {
                fill_frame(d, x, frame);
                vectorised(
                    #[inline(always)]
                    || {
                        forward_sample(d, frame, w, b, y);
                        activation::forward(act, y);
                    },
                );
            }
        });
}

/// The border is zero from the start and is never written.
fn fill_frame(d: Dims, x: &[f32], frame: &mut [f32]) {
    let [top, left, ..] = d.pad;
    let row = d.w_in * d.c_in;
    for (r, x) in x.chunks_exact(row).enumerate() {
        let at = d.patch(r, left, top);
        frame[at..at + row].copy_from_slice(x);
    }
}

/// Cuts the channels into blocks whose sums fit registers. With one input
/// channel neighbouring columns fill a vector, else the output channels do;
/// both add the same terms in the same order.
#[inline(always)]
fn forward_sample(d: Dims, frame: &[f32], w: &[f32], b: Option<&[f32]>, y: &mut [f32]) {
    let mut o = 0;
    while o < d.c_out {
        o += match (d.c_in, d.c_out - o) {
            (1, 4..) => forward_block::<16, 4, true>(d, o, frame, w, b, y),
            (_, 16..) => forward_block::<4, 16, false>(d, o, frame, w, b, y),
            (_, 8..) => forward_block::<8, 8, false>(d, o, frame, w, b, y),
            (_, 4..) => forward_block::<8, 4, false>(d, o, frame, w, b, y),
            _ => forward_block::<8, 1, false>(d, o, frame, w, b, y),
        };
    }
}

/// Where a tile of sums stands: its first output channel, row and column, and
/// what each channel's sum starts from.
#[derive(Clone, Copy)]
struct At<const C: usize> {
    o: usize,
    row: usize,
    column: usize,
    start: [f32; C],
}

/// Output channels `o..o + C` at all positions, `T` neighbouring columns at a
/// time (as vectors of columns for one input channel), and the last few one by
/// one. Returns C.
#[inline(always)]
fn forward_block<const T: usize, const C: usize, const BY_COLUMNS: bool>(
    d: Dims,
    o: usize,
    frame: &[f32],
    w: &[f32],
    b: Option<&[f32]>,
    y: &mut [f32],
) -> usize {
    let mut start = [0.0; C];
    if let Some(b) = b {
        start.copy_from_slice(&b[o..o + C]);
    }
    for (row, y) in y.chunks_exact_mut(d.w_out() * d.c_out).enumerate() {
        let mut column = 0;
        while column + T <= d.w_out() {
            let at = At { o, row, column, start };
            let sums = if BY_COLUMNS {
                columns::<T, C>(d, at, frame, w)
            } else {
                tile::<T, C>(d, at, frame, w)
            };
            for (sum, y) in sums.iter().zip(y[column * d.c_out..].chunks_exact_mut(d.c_out)) {
                y[o..o + C].copy_from_slice(sum);
            }
            column += T;
        }
        for column in column..d.w_out() {
            let [sum] = tile::<1, C>(d, At { o, row, column, start }, frame, w);
            y[column * d.c_out + o..][..C].copy_from_slice(&sum);
        }
    }
    C
}

/// A vector of C output channels for each of T columns: one row of weights
/// serves all columns.
#[inline(always)]
fn tile<const T: usize, const C: usize>(
    d: Dims,
    at: At<C>,
    frame: &[f32],
    w: &[f32],
) -> [[f32; C]; T] {
    let run = d.run();
    let mut sums = [at.start; T];
    for i in 0..d.k_h {
        let patch = &frame[d.patch(at.row, at.column, i)..];
        let mut x = [patch; T];
        for (t, x) in x.iter_mut().enumerate() {
            *x = &patch[t * d.c_in..][..run];
        }
        let w = &w[i * run * d.c_out..][..run * d.c_out];
        for (j, w) in w.chunks_exact(d.c_out).enumerate() {
            let Some(w) = w[at.o..].first_chunk::<C>() else { continue };
            for t in 0..T {
                let v = x[t][j];
                for c in 0..C {
                    sums[t][c] += v * w[c];
                }
            }
        }
    }
    sums
}

/// A vector of T columns for each of C output channels, an even number; for one
/// input channel, where the columns under a weight lie side by side.
#[inline(always)]
fn columns<const T: usize, const C: usize>(
    d: Dims,
    at: At<C>,
    frame: &[f32],
    w: &[f32],
) -> [[f32; C]; T] {
    let mut by_column = [[0.0; C]; T];
    // Two channels at a time: two sums in flight hide the time that each addition takes.
    for c in (0..C).step_by(2) {
        let (mut even, mut odd) = ([at.start[c]; T], [at.start[c + 1]; T]);
        for i in 0..d.k_h {
            let patch = &frame[d.patch(at.row, at.column, i)..][..d.k_w + T - 1];
            let w = &w[i * d.k_w * d.c_out..][..d.k_w * d.c_out];
            for (x, w) in patch.windows(T).zip(w[at.o + c..].chunks(d.c_out)) {
                let [w_even, w_odd, ..] = *w else { continue };
                for (sum, x) in even.iter_mut().zip(x) {
                    *sum += x * w_even;
                }
                for (sum, x) in odd.iter_mut().zip(x) {
                    *sum += x * w_odd;
                }
            }
        }
        for t in 0..T {
            by_column[t][c] = even[t];
            by_column[t][c + 1] = odd[t];
        }
    }
    by_column
}
