//! Forward with a fused 2×2 max-pooling of kernels that are five columns wide, with 8 products for four
//! neighbouring outputs instead of 20: Winograd's minimal filtering F(4, 5) along the columns (Lavin
//! and Gray, *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016), with the points 0, ±1,
//! ±2, ±½ and ∞. Computes what [`super::pool`] does. A row of the frame is summed before it is added,
//! which keeps rounding errors at 1.2 to 1.4 times those of plain sums; one long sum would double them.
//! What is not finite makes NaN of all outputs of the tiles that read it, where plain sums spread it no further
//! than the kernel reaches. Equal sums at different places of a tile are rounded differently, so that of equal sums not
//! always the first is the maximum; patches of zeros give exactly the bias.
//!
//! ```text
//! for each tile of four outputs in a row, point p < 8:
//!   X[p][row, tile, c]      = Σ_{q<8} B[p][q] · frame[row, 4 · tile + q, c]
//!   W[p][i, c, o]           = Σ_{j<5} G[p][j] · w[i, j, c, o]                // once for each update
//!   M[p][row, tile, o]      = Σ_{i,c} X[p][row + i, tile, c] · W[p][i, c, o]
//!   z[row, 4 · tile + q, o] = b[o] + Σ_p A[q][p] · M[p][row, tile, o],  q < 4
//! ```

use fearless_simd::{Simd, f32x4, f32x8, f32x16};

use super::super::Extents;
use super::packed::{Block, Packed};
use super::pool::Search;
use super::tile::{activate, store};
use crate::graph::Activation;
use crate::ops::pool2d;
use crate::simd::{Aligned, Floats, dispatch, holds, is_wide, level, vectorised};

/// Outputs of a tile.
const OUTPUTS: usize = 4;
/// Columns of a kernel.
const TAPS: usize = 5;
/// Columns of the frame that a tile reads, and products that it takes.
const POINTS: usize = OUTPUTS + TAPS - 1;
/// Tiles whose sums are held in registers, at most; half as many where there are 16.
const MOST_TILES: usize = 6;

/// `G`.
const G: [[f64; TAPS]; POINTS] = [
    [-1.0, 0.0, 0.0, 0.0, 0.0],
    [-2.0 / 9.0, -2.0 / 9.0, -2.0 / 9.0, -2.0 / 9.0, -2.0 / 9.0],
    [-2.0 / 9.0, 2.0 / 9.0, -2.0 / 9.0, 2.0 / 9.0, -2.0 / 9.0],
    [1.0 / 90.0, 1.0 / 45.0, 2.0 / 45.0, 4.0 / 45.0, 8.0 / 45.0],
    [1.0 / 90.0, -1.0 / 45.0, 2.0 / 45.0, -4.0 / 45.0, 8.0 / 45.0],
    [32.0 / 45.0, 16.0 / 45.0, 8.0 / 45.0, 4.0 / 45.0, 2.0 / 45.0],
    [32.0 / 45.0, -16.0 / 45.0, 8.0 / 45.0, -4.0 / 45.0, 2.0 / 45.0],
    [0.0, 0.0, 0.0, 0.0, 1.0],
];

/// A convolution with its kernel.
#[derive(Debug)]
pub(super) struct Winograd {
    d: Extents,
    pool: pool2d::Extents,
    /// Rows of the frame that are read, and tiles of a row.
    rows: usize,
    tiles: usize,
    /// Floats of a vector of filters, at most.
    widest: usize,
    /// The kernel as packed: its points are the rows, below each other, of one of one column.
    kernel: Extents,
    /// `W`, and in the order of the loops.
    w: Aligned,
    packed: Packed,
}

impl Winograd {
    /// Whether this is the faster kernel.
    pub(super) fn suits(d: Extents) -> bool {
        d.k_w == TAPS && d.c_in.is_multiple_of(4)
    }

    /// For vectors of up to `widest` floats.
    pub(super) fn new(d: Extents, pool: pool2d::Extents, widest: usize) -> Self {
        let kernel = Extents { k_h: POINTS * d.k_h, k_w: 1, ..d };
        Self {
            d,
            pool,
            rows: 2 * pool.h_out + d.k_h - 1,
            tiles: (2 * pool.w_out).div_ceil(OUTPUTS),
            widest,
            kernel,
            w: Aligned::zeros(kernel.kernel_len()),
            packed: Packed::new(kernel, widest),
        }
    }

    /// Transforms a kernel, `[k_h, 5, c_in, c_out]`, and packs it.
    pub(super) fn pack(&mut self, w: &[f32], b: Option<&[f32]>) {
        let tap = self.d.c_in * self.d.c_out;
        for (g, transformed) in G.iter().zip(self.w.chunks_exact_mut(self.d.k_h * tap)) {
            let rows = transformed.chunks_exact_mut(tap).zip(w.chunks_exact(TAPS * tap));
            for (to, w) in rows {
                vectorised(
                    #[inline(always)]
                    || transform_row(g, w, to),
                );
            }
        }
        self.packed.pack(self.kernel, &self.w, b);
    }

    /// Floats of a row of inputs.
    fn stride(&self) -> usize {
        self.tiles * POINTS * self.d.c_in
    }

    /// Floats of the inputs, and of the products of two rows by a vector of filters.
    pub(super) fn scratch_len(&self) -> [usize; 2] {
        [self.rows * self.stride(), 2 * self.tiles * POINTS * self.widest.max(4)]
    }

    /// As [`super::pool::forward`]. Rows of zeros in `inputs` are never written.
    pub(super) fn forward(
        &self,
        activation: Activation,
        frame: &[f32],
        [inputs, products]: [&mut [f32]; 2],
        y: &mut [f32],
        argmax: &mut [u32],
    ) {
        let argmax = bytemuck::cast_slice_mut(argmax);
        let scratch = [inputs, products];
        dispatch!(level(), simd => self.all_rows(simd, activation, frame, scratch, y, argmax));
    }

    #[inline(always)]
    fn all_rows<S: Simd>(
        &self,
        simd: S,
        activation: Activation,
        frame: &[f32],
        [inputs, products]: [&mut [f32]; 2],
        y: &mut [f32],
        argmax: &mut [f32],
    ) {
        self.transform_inputs(simd, frame, inputs);
        let rows = y.chunks_exact_mut(self.pool.w_out * self.d.c_out);
        let mut rest = argmax;
        for (row, y) in rows.enumerate() {
            let (argmax, below) = rest.split_at_mut(rest.len().min(y.len()));
            rest = below;
            for &block in &self.packed.blocks {
                let job = Job { conv: self, activation, block, row };
                each_width(simd, job, inputs, products, y, argmax);
            }
        }
    }

    #[inline(always)]
    fn transform_inputs<S: Simd>(&self, simd: S, frame: &[f32], inputs: &mut [f32]) {
        if const { holds::<S>(8) } && self.d.c_in.is_multiple_of(8) {
            self.transform_channels::<S, f32x8<S>>(simd, frame, inputs);
        } else {
            self.transform_channels::<S, f32x4<S>>(simd, frame, inputs);
        }
    }

    /// `X` as `[rows, tiles, POINTS, c_in]`.
    #[inline(always)]
    fn transform_channels<S: Simd, V: Floats<S>>(
        &self,
        simd: S,
        frame: &[f32],
        inputs: &mut [f32],
    ) {
        let d = self.d;
        let rows = inputs.chunks_exact_mut(self.stride()).enumerate().skip(d.pad_top).take(d.h_in);
        for (row, inputs) in rows {
            let frame = &frame[d.patch(row, 0)..];
            for (tile, inputs) in inputs.chunks_exact_mut(POINTS * d.c_in).enumerate() {
                let frame = &frame[OUTPUTS * tile * d.c_in..][..POINTS * d.c_in];
                for c in (0..d.c_in).step_by(V::LEN) {
                    let mut x = [V::splat(simd, 0.0); POINTS];
                    for q in 0..POINTS {
                        x[q] = V::from_slice(simd, &frame[q * d.c_in + c..][..V::LEN]);
                    }
                    let x = transform_input(simd, x);
                    for p in 0..POINTS {
                        x[p].store_slice(&mut inputs[p * d.c_in + c..][..V::LEN]);
                    }
                }
            }
        }
    }
}

/// A row of one point: `to[c, o] = Σ_j g[j] · w[j, c, o]`.
#[inline(always)]
fn transform_row(g: &[f64; TAPS], w: &[f32], to: &mut [f32]) {
    let tap = to.len();
    let (a, b, c) = (&w[..tap], &w[tap..][..tap], &w[2 * tap..][..tap]);
    let (d, e) = (&w[3 * tap..][..tap], &w[4 * tap..][..tap]);
    for k in 0..tap {
        let w = [a[k], b[k], c[k], d[k], e[k]];
        let mut sum = 0.0;
        for j in 0..TAPS {
            sum += g[j] * f64::from(w[j]);
        }
        to[k] = sum as f32;
    }
}

/// `X[p] = Σ_q B[p][q] · x[q]`.
#[inline(always)]
fn transform_input<S: Simd, V: Floats<S>>(simd: S, x: [V; POINTS]) -> [V; POINTS] {
    let v = |number: f32| V::splat(simd, number);
    let even_1 = x[4].mul_add(v(-4.25), x[2] + x[6]);
    let odd_1 = x[3].mul_add(v(-4.25), x[1] + x[5]);
    let even_2 = x[2].mul_add(v(0.25), x[4].mul_add(v(-1.25), x[6]));
    let odd_2 = x[1].mul_add(v(0.5), x[3].mul_add(v(-2.5), x[5] + x[5]));
    let even_half = x[2].mul_add(v(4.0), x[4].mul_add(v(-5.0), x[6]));
    let odd_half = x[5].mul_add(v(0.5), x[3].mul_add(v(-2.5), x[1] + x[1]));
    [
        (x[2] - x[4]).mul_add(v(5.25), x[6] - x[0]),
        even_1 + odd_1,
        even_1 - odd_1,
        even_2 + odd_2,
        even_2 - odd_2,
        even_half + odd_half,
        even_half - odd_half,
        (x[3] - x[5]).mul_add(v(5.25), x[7] - x[1]),
    ]
}

/// `z[q] = b + Σ_p A[q][p] · M[p]`.
#[inline(always)]
fn transform_output<S: Simd, V: Floats<S>>(simd: S, b: V, m: [V; POINTS]) -> [V; OUTPUTS] {
    let v = |number: f32| V::splat(simd, number);
    let (even_1, odd_1) = (m[1] + m[2], m[1] - m[2]);
    let (even_2, odd_2) = (m[3] + m[4], m[3] - m[4]);
    let (even_half, odd_half) = (m[5] + m[6], m[5] - m[6]);
    let (even, odd) = (b + even_1, b + odd_1);
    [
        (m[0] + even_2) + (even + even_half),
        odd_2.mul_add(v(2.0), odd_half.mul_add(v(0.5), odd)),
        even_2.mul_add(v(4.0), even_half.mul_add(v(0.25), even)),
        odd_2.mul_add(v(8.0), odd_half.mul_add(v(0.125), odd + m[7])),
    ]
}

/// Two rows of outputs of a block of filters.
#[derive(Clone, Copy)]
struct Job<'a> {
    conv: &'a Winograd,
    activation: Activation,
    block: Block,
    /// The row of windows.
    row: usize,
}

/// [`two_rows`] for the block's vectors.
#[inline(always)]
fn each_width<S: Simd>(
    simd: S,
    job: Job<'_>,
    inputs: &[f32],
    products: &mut [f32],
    y: &mut [f32],
    argmax: &mut [f32],
) {
    match job.block.lanes {
        16 if const { holds::<S>(16) } => {
            two_rows::<S, f32x16<S>>(simd, job, inputs, products, y, argmax);
        }
        8 if const { holds::<S>(8) } => {
            two_rows::<S, f32x8<S>>(simd, job, inputs, products, y, argmax);
        }
        lanes => {
            assert_eq!(lanes, 4, "weights are packed for another vector level");
            two_rows::<S, f32x4<S>>(simd, job, inputs, products, y, argmax);
        }
    }
}

#[inline(always)]
fn two_rows<S: Simd, V: Floats<S>>(
    simd: S,
    job: Job<'_>,
    inputs: &[f32],
    products: &mut [f32],
    y: &mut [f32],
    argmax: &mut [f32],
) {
    let Winograd { d, tiles, .. } = job.conv;
    // Pieces of about one size.
    let pieces = tiles.div_ceil(if is_wide::<S>() { MOST_TILES } else { MOST_TILES / 2 });
    for piece in 0..pieces {
        let (first, end) = (piece * tiles / pieces, (piece + 1) * tiles / pieces);
        match d.c_in {
            4 => some_tiles::<S, V, 4>(simd, job, first, end - first, inputs, products),
            8 => some_tiles::<S, V, 8>(simd, job, first, end - first, inputs, products),
            _ => some_tiles::<S, V, 0>(simd, job, first, end - first, inputs, products),
        }
    }
    pooled::<S, V>(simd, job, products, y, argmax);
}

/// [`all_points`] of a number of tiles. With few input channels their number is a constant.
#[inline(always)]
fn some_tiles<S: Simd, V: Floats<S>, const C_IN: usize>(
    simd: S,
    job: Job<'_>,
    first: usize,
    tiles: usize,
    inputs: &[f32],
    products: &mut [f32],
) {
    match tiles {
        6 => all_points::<S, V, C_IN, 6>(simd, job, first, inputs, products),
        5 => all_points::<S, V, C_IN, 5>(simd, job, first, inputs, products),
        4 => all_points::<S, V, C_IN, 4>(simd, job, first, inputs, products),
        3 => all_points::<S, V, C_IN, 3>(simd, job, first, inputs, products),
        2 => all_points::<S, V, C_IN, 2>(simd, job, first, inputs, products),
        _ => all_points::<S, V, C_IN, 1>(simd, job, first, inputs, products),
    }
}

/// `M` of two rows of `TILES` tiles from `first` on, as `[2, tiles, POINTS, vector]`. Not inlined: the
/// compiler runs out of registers with several of these in one function.
#[inline(never)]
fn all_points<S: Simd, V: Floats<S>, const C_IN: usize, const TILES: usize>(
    simd: S,
    job: Job<'_>,
    first: usize,
    inputs: &[f32],
    products: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let Winograd { d, kernel, packed, .. } = job.conv;
            let c_in = if C_IN == 0 { d.c_in } else { C_IN };
            let (stride, row) = (job.conv.stride(), c_in * V::LEN);
            let weights = packed.weights(*kernel, job.block);
            let inputs = &inputs[2 * job.row * stride + first * POINTS * c_in..];
            let (to_top, to_bottom) = products.split_at_mut(job.conv.tiles * POINTS * V::LEN);
            let to_top = &mut to_top[first * POINTS * V::LEN..][..TILES * POINTS * V::LEN];
            let to_bottom = &mut to_bottom[first * POINTS * V::LEN..][..TILES * POINTS * V::LEN];
            for (p, w) in weights.chunks_exact(d.k_h * row).enumerate() {
                let x = &inputs[p * c_in..];
                let mut top = [V::splat(simd, 0.0); TILES];
                let mut bottom = top;
                input_row::<S, V, TILES, 1>(simd, c_in, x, [&w[..row]], [&mut top]);
                for f in 1..d.k_h {
                    let (x, w) =
                        (&x[f * stride..], [&w[f * row..][..row], &w[(f - 1) * row..][..row]]);
                    input_row::<S, V, TILES, 2>(simd, c_in, x, w, [&mut top, &mut bottom]);
                }
                let (x, w) = (&x[d.k_h * stride..], [&w[(d.k_h - 1) * row..][..row]]);
                input_row::<S, V, TILES, 1>(simd, c_in, x, w, [&mut bottom]);
                for n in 0..TILES {
                    top[n].store_slice(&mut to_top[(n * POINTS + p) * V::LEN..][..V::LEN]);
                    bottom[n].store_slice(&mut to_bottom[(n * POINTS + p) * V::LEN..][..V::LEN]);
                }
            }
        },
    );
}

/// Adds the products of one row of a point's inputs to `ROWS` rows, each with its kernel row.
#[inline(always)]
fn input_row<S: Simd, V: Floats<S>, const TILES: usize, const ROWS: usize>(
    simd: S,
    c_in: usize,
    x: &[f32],
    w: [&[f32]; ROWS],
    sums: [&mut [V; TILES]; ROWS],
) {
    let x = &x[..((TILES - 1) * POINTS + 1) * c_in];
    let mut row = [[V::splat(simd, 0.0); TILES]; ROWS];
    for c in 0..c_in {
        let mut weights = [V::splat(simd, 0.0); ROWS];
        for a in 0..ROWS {
            weights[a] = V::from_slice(simd, &w[a][c * V::LEN..][..V::LEN]);
        }
        for n in 0..TILES {
            let v = V::splat(simd, x[n * POINTS * c_in + c]);
            for a in 0..ROWS {
                row[a][n] = v.mul_add(weights[a], row[a][n]);
            }
        }
    }
    for (sums, row) in sums.into_iter().zip(row) {
        for n in 0..TILES {
            sums[n] += row[n];
        }
    }
}

/// The outputs of two rows of tiles, pooled and stored.
#[inline(always)]
fn pooled<S: Simd, V: Floats<S>>(
    simd: S,
    job: Job<'_>,
    products: &[f32],
    y: &mut [f32],
    argmax: &mut [f32],
) {
    let Winograd { d, pool, tiles, packed, .. } = job.conv;
    let Block { o, count, .. } = job.block;
    let bias = V::from_slice(simd, packed.bias(job.block));
    let (top, bottom) = products.split_at(tiles * POINTS * V::LEN);
    let tiles = top.chunks_exact(POINTS * V::LEN).zip(bottom.chunks_exact(POINTS * V::LEN));
    for (tile, (top, bottom)) in tiles.enumerate() {
        let mut rows = [[V::splat(simd, 0.0); OUTPUTS]; 2];
        for a in 0..2 {
            let products = [top, bottom][a];
            let mut m = [V::splat(simd, 0.0); POINTS];
            for p in 0..POINTS {
                m[p] = V::from_slice(simd, &products[p * V::LEN..][..V::LEN]);
            }
            rows[a] = transform_output(simd, bias, m);
        }
        let [top, bottom] = rows;
        let search = Search::of(simd, !argmax.is_empty(), [&top, &bottom]);
        for half in 0..2 {
            let window = 2 * tile + half;
            // The last tile may reach beyond the row.
            if window < pool.w_out {
                let at = 2 * half;
                let sums = [top[at], top[at + 1], bottom[at], bottom[at + 1]];
                let (best, index) = search.maximum(simd, sums);
                let to = window * d.c_out + o..window * d.c_out + o + count;
                store(activate(simd, job.activation, best), &mut y[to.clone()]);
                if !argmax.is_empty() {
                    store(index, &mut argmax[to]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::SimdBase;

    use super::*;
    use crate::graph::{Padding, Shape};
    use crate::random::streams::Stream;
    use crate::simd::all;

    /// The sums of each window, in f64.
    fn naive(d: Extents, pool: pool2d::Extents, x: &[f32], w: &[f32], b: &[f32]) -> Vec<[f64; 4]> {
        let sum = |row: usize, column: usize, o: usize| {
            let mut sum = f64::from(b[o]);
            for (i, j) in (0..d.k_h).flat_map(|i| (0..TAPS).map(move |j| (i, j))) {
                let place = (
                    (row + i).checked_sub(d.pad_top).filter(|r| *r < d.h_in),
                    (column + j).checked_sub(d.pad_left).filter(|s| *s < d.w_in),
                );
                let (Some(r), Some(s)) = place else { continue };
                for c in 0..d.c_in {
                    let w = w[((i * TAPS + j) * d.c_in + c) * d.c_out + o];
                    sum += f64::from(x[(r * d.w_in + s) * d.c_in + c]) * f64::from(w);
                }
            }
            sum
        };
        let of = |k: usize| {
            let (window, o) = (k / d.c_out, k % d.c_out);
            let (row, column) = (window / pool.w_out * 2, window % pool.w_out * 2);
            [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, j)| sum(row + i, column + j, o))
        };
        (0..pool.out_len()).map(of).collect()
    }

    #[test]
    fn outputs_are_those_of_plain_sums_at_every_vector_level() {
        let mut stream = Stream::new(3, "test/winograd");
        for (h, w, c_in, c_out, k_h, padding) in [
            (20, 20, 8, 16, 5, Padding::Same),
            (9, 15, 4, 8, 5, Padding::Same),
            (5, 53, 4, 21, 3, Padding::Same),
            (12, 7, 12, 3, 5, Padding::Valid),
            (2, 30, 4, 5, 1, Padding::Valid),
            (4, 18, 40, 4, 3, Padding::Valid),
        ] {
            let d =
                Extents::new(Shape::Map { h, w, c: c_in }, c_out, [[k_h, TAPS], [1, 1]], padding);
            let out = Shape::Map { h: d.h_out, w: d.w_out, c: c_out };
            let pool = pool2d::Extents::new(out, [2, 2]);
            let mut random = |n| (0..n).map(|_| stream.normal() as f32).collect::<Vec<f32>>();
            let (x, kernel, b) = (random(d.in_len()), random(d.kernel_len()), random(c_out));
            let mut frame = Aligned::zeros(d.frame_len());
            d.fill_frame(&x, &mut frame);
            let want = naive(d, pool, &x, &kernel, &b);
            let scale = want.as_flattened().iter().copied().fold(1.0, f64::max);
            for level in all() {
                let widest = dispatch!(level, simd => widest_of(simd));
                let mut conv = Winograd::new(d, pool, widest);
                conv.pack(&kernel, Some(&b));
                let [mut inputs, mut products] = conv.scratch_len().map(Aligned::zeros);
                let (mut y, mut argmax) =
                    (vec![f32::NAN; pool.out_len()], vec![0.0; pool.out_len()]);
                let scratch: [&mut [f32]; 2] = [&mut inputs, &mut products];
                dispatch!(level, simd => conv.all_rows(simd, Activation::Relu, &frame, scratch, &mut y, &mut argmax));
                for (k, window) in want.iter().enumerate() {
                    let (got, argmax) = (f64::from(y[k]), f32::to_bits(argmax[k]) as usize);
                    let max = window.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let what = format!("{d}, {k}: {got} at {argmax} of {window:?}, {level:?}");
                    assert!((got - max.max(0.0)).abs() < 5e-6 * scale, "{what}");
                    assert!(window[argmax] > max - 1e-5 * scale, "{what}");
                }
            }
        }
    }

    #[inline(always)]
    fn widest_of<S: Simd>(_: S) -> usize {
        S::f32s::LEN
    }
}
