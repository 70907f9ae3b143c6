//! 2-D cross-correlation, stride 1:
//! `y[r, s, o] = f(b[o] + Σ_{i,j,c} x[r + i − p_h, s + j − p_w, c] · w[i, j, c, o])`.
//!
//! The input is copied once into a frame of zeros, so no loop tests a border.
//! With channels last, the patch under a kernel is then `k_h` contiguous runs
//! of `k_w · c_in` values.
//!
//! - `tile`: sums of a few positions by a vector of output channels in registers;
//!   `columns`: by a vector of columns, for the few channels of a first layer.
//! - `pool`: what a 2×2 max-pooling behind it makes of such sums, so that nothing of
//!   the full size is written.
//! - `sparse`, `windows`: gradients of weights and input where such a pooling leaves three of
//!   four sums without one; `dense`: where it does not.

mod columns;
mod dense;
mod layer;
mod outputs;
mod packed;
mod pool;
mod sparse;
mod tile;
mod windows;

pub(in crate::cpu) use layer::{Conv2d, Room};

use super::aligned::LINE;
use super::simd::vectorised;
use crate::graph::Padding;
use crate::plan::Gradient;

/// Floats behind a frame that a vector may read, and that count for nothing.
const SLACK: usize = 64;

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
    pad: [usize; 4],
}

impl Dims {
    pub(super) fn new(
        [h_in, w_in, c_in]: [usize; 3],
        c_out: usize,
        [k_h, k_w]: [usize; 2],
        padding: Padding,
    ) -> Self {
        let pad = match padding {
            Padding::Same => [(k_h - 1) / 2, (k_w - 1) / 2, k_h - 1, k_w - 1],
            Padding::Valid => [0; 4],
        };
        let d = Self { h_in, w_in, c_in, c_out, k_h, k_w, pad };
        if w_in == 1 && k_w == 1 { d.lying() } else { d }
    }

    /// One column is as good as one row, and rows are what the kernels go along.
    fn lying(self) -> Self {
        let Self { h_in, w_in, k_h, k_w, pad: [top, left, rows, columns], .. } = self;
        let pad = [left, top, columns, rows];
        Self { h_in: w_in, w_in: h_in, k_h: k_w, k_w: k_h, pad, ..self }
    }

    /// The convolution that leads from the output's gradient to the input's: the kernel
    /// turned by half a turn, its channels exchanged, over all places where it touches.
    fn reversed(self) -> Self {
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

    /// Elements in one row of a framed sample.
    fn stride(self) -> usize {
        (self.w_in + self.pad[3]) * self.c_in
    }

    /// Elements of one framed sample, with slack.
    fn frame_len(self) -> usize {
        ((self.h_in + self.pad[2]) * self.stride() + SLACK).next_multiple_of(LINE)
    }

    fn h_out(self) -> usize {
        self.h_in + self.pad[2] + 1 - self.k_h
    }

    fn w_out(self) -> usize {
        self.w_in + self.pad[3] + 1 - self.k_w
    }

    pub(super) fn in_len(self) -> usize {
        self.h_in * self.w_in * self.c_in
    }

    pub(super) fn out_len(self) -> usize {
        self.h_out() * self.w_out() * self.c_out
    }

    /// A kernel row as it lies in a framed sample.
    fn run(self) -> usize {
        self.k_w * self.c_in
    }

    /// Elements of the kernel.
    fn kernel_len(self) -> usize {
        self.k_h * self.run() * self.c_out
    }

    /// Where the patch of the output at (row, column) begins in a framed sample.
    fn patch(self, row: usize, column: usize) -> usize {
        row * self.stride() + column * self.c_in
    }

    /// The border is zero from the start and is never written.
    fn fill_frame(self, x: &[f32], frame: &mut [f32]) {
        let [top, left, ..] = self.pad;
        let row = self.w_in * self.c_in;
        for (r, x) in x.chunks_exact(row).enumerate() {
            frame[self.patch(top + r, left)..][..row].copy_from_slice(x);
        }
    }

    /// Gives the inside of a frame to `dx`.
    fn read_frame(self, frame: &[f32], rule: Gradient, dx: &mut [f32]) {
        let [top, left, ..] = self.pad;
        let row = self.w_in * self.c_in;
        for (r, dx) in dx.chunks_exact_mut(row).enumerate() {
            let inside = &frame[self.patch(top + r, left)..][..row];
            match rule {
                Gradient::Add => dx.iter_mut().zip(inside).for_each(|(dx, g)| *dx += g),
                Gradient::Set | Gradient::Skip => dx.copy_from_slice(inside),
            }
        }
    }
}

/// `db[o] += Σ dz`. Few filters fill no vector; several positions side by side do.
fn bias(dz: &[f32], db: &mut [f32]) {
    const WIDE: usize = 64;
    let c = db.len();
    let mut sums = [0.0; WIDE];
    let row = WIDE / c * c;
    if row == 0 {
        for dz in dz.chunks_exact(c) {
            db.iter_mut().zip(dz).for_each(|(db, g)| *db += g);
        }
        return;
    }
    let sums = &mut sums[..row];
    vectorised(
        #[inline(always)]
        || {
            for dz in dz.chunks(row) {
                sums.iter_mut().zip(dz).for_each(|(sum, g)| *sum += g);
            }
        },
    );
    for sums in sums.chunks_exact(c) {
        db.iter_mut().zip(sums).for_each(|(db, sum)| *db += sum);
    }
}
