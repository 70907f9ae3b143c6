//! Frames: a sample is copied once into a frame of zeros, so no loop tests a border. With channels
//! last, the patch under a kernel is then `k_h` runs of `k_w · c_in` contiguous values.
//!
//! ```text
//!            ┌── stride = (w_out + k_w − 1) · c_in ──┐
//!            0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0    pad_top rows
//!  pad_left  0 0 x x x x x x x x x x x x x x x x x 0 0    h_in rows
//!            0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0    h_out + k_h − 1 in all
//! ```

use super::super::Extents;
use crate::ops::Gradient;
use crate::simd::{LINE, vectorised};

/// Floats behind a frame that a vector may read; their products are dropped.
const SLACK: usize = 64;

impl Extents {
    /// The convolution that computes the input's gradient from that of the output: with the kernel
    /// rotated by 180° and its channels exchanged, over all positions where it touches the output.
    pub(super) fn reversed(self) -> Self {
        Self {
            h_in: self.h_out,
            w_in: self.w_out,
            c_in: self.c_out,
            h_out: self.h_in,
            w_out: self.w_in,
            c_out: self.c_in,
            pad_top: self.k_h - 1 - self.pad_top,
            pad_left: self.k_w - 1 - self.pad_left,
            ..self
        }
    }

    /// Elements of one row of a frame.
    pub(crate) fn stride(self) -> usize {
        (self.w_out + self.k_w - 1) * self.c_in
    }

    /// Elements of one frame, with slack.
    pub(crate) fn frame_len(self) -> usize {
        // Tiles of four outputs reach up to three columns beyond the last.
        let slack = SLACK.max(3 * self.c_in);
        ((self.h_out + self.k_h - 1) * self.stride() + slack).next_multiple_of(LINE)
    }

    /// Elements of a kernel row, which are contiguous in a frame.
    pub(super) fn run(self) -> usize {
        self.k_w * self.c_in
    }

    /// Offset in a frame of the patch of the output at (row, column).
    pub(crate) fn patch(self, row: usize, column: usize) -> usize {
        row * self.stride() + column * self.c_in
    }

    /// Copies a sample into a frame, whose border is zero from the start and is never written.
    pub(crate) fn fill_frame(self, x: &[f32], frame: &mut [f32]) {
        let row = self.w_in * self.c_in;
        for (r, x) in x.chunks_exact(row).enumerate() {
            frame[self.patch(self.pad_top + r, self.pad_left)..][..row].copy_from_slice(x);
        }
    }

    /// Copies the inside of a frame to `dx`, or adds it.
    pub(super) fn read_frame(self, frame: &[f32], rule: Gradient, dx: &mut [f32]) {
        let row = self.w_in * self.c_in;
        for (r, dx) in dx.chunks_exact_mut(row).enumerate() {
            let inside = &frame[self.patch(self.pad_top + r, self.pad_left)..][..row];
            match rule {
                Gradient::Add => dx.iter_mut().zip(inside).for_each(|(dx, g)| *dx += g),
                Gradient::Set | Gradient::Skip => dx.copy_from_slice(inside),
            }
        }
    }
}

/// Cuts `0..len` from the left into pieces of the first of `sizes` that fits: (start, size). The
/// last size is 1.
pub(super) fn cuts(len: usize, sizes: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let size = *sizes.iter().find(|size| at + **size <= len)?;
        at += size;
        Some((at - size, size))
    })
}

/// `db[o] += Σ dz[…, o]`. Few filters fill no vector; several positions side by side do.
pub(super) fn backward_bias(dz: &[f32], db: &mut [f32]) {
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

#[cfg(test)]
mod tests {
    use super::cuts;

    #[test]
    fn a_length_is_cut_into_the_largest_sizes_first() {
        let of = |len, sizes: &[usize]| cuts(len, sizes).collect::<Vec<_>>();
        assert_eq!(of(9, &[5, 3, 1]), [(0, 5), (5, 3), (8, 1)]);
        assert_eq!(of(4, &[2, 1]), [(0, 2), (2, 2)]);
        assert_eq!(of(0, &[1]), []);
    }
}
