//! Sums over all outputs of a convolution of one channel, from which mean, variance and gradients of its
//! outputs follow, whatever the kernel: with the input `f[p + o]` under tap `p` of output `o`,
//! `S[p] = Σ_o f[p + o]` and `R[p, q] = Σ_o f[p + o] · f[q + o]`. An output is `Σ_p w[p] · f[p + o]`,
//! so that the outputs' sum is `Σ w[p] · S[p]`, and that of their squares `Σ w[p] · R[p, q] · w[q]`.
//!
//! Products of floats are exact in f64. Pairs of taps at the same distance sum the same products but for
//! some at the borders, so only one pair of each distance is summed over the whole sample:
//!
//! ```text
//! frame row r       ░░▓▓▓▓▓▓▓▓▓▓▓░░     a: w_out inputs from column j on
//!                   ⋮
//! frame row r + i   ░░▓▓▓▓▓▓▓▓▓▓▓░░     b: as many from each column; j or the column is 0
//! ```

use fearless_simd::{Simd, SimdBase, SimdFloat};

use crate::ops::conv2d::Extents;
use crate::simd::{dispatch, level, vectorised};

/// Rows of outputs that are summed between two conversions of rows to f64.
const ROWS: usize = 8;

/// Pairs of columns, summed together.
const PAIRS: [usize; 4] = [9, 5, 3, 1];

/// The sums of some samples.
#[derive(Debug)]
pub(super) struct Moments {
    /// Outputs of each channel.
    pub(super) count: usize,
    /// `S`.
    pub(super) sums: Vec<f64>,
    /// `R`, of which only `p ≤ q` is kept.
    pub(super) products: Vec<f64>,
}

/// What the sums of a sample need.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Rows of a frame.
    wide: Vec<f64>,
    /// Of each distance of two taps a vector of sums, and one of the inputs.
    sums: Vec<f64>,
    /// Of each distance in rows `[k_w, k_w]`: products of columns.
    columns: Vec<f64>,
    groups: Vec<Group>,
}

/// Pairs of taps that are summed together: of one in the kernel's first row.
#[derive(Debug)]
struct Group {
    /// Its column.
    a: usize,
    /// Offsets in a frame of the others.
    offsets: Vec<usize>,
}

/// Most lanes of a vector of f64.
const LANES: usize = 8;

/// Calls `f` with one pair of taps of each distance: the column `a` of a tap in the kernel's first row,
/// and row and column of another, below or to the right.
#[inline(always)]
fn each_pair(d: Extents, mut f: impl FnMut(usize, [usize; 2])) {
    for a in 0..d.k_w {
        for i in usize::from(a > 0)..d.k_h {
            for j in 0..if a == 0 { d.k_w } else { 1 } {
                f(a, [i, j]);
            }
        }
    }
}

impl Scratch {
    pub(super) fn new(d: Extents) -> Self {
        let mut all = vec![Vec::new(); d.k_w];
        each_pair(d, |a, [i, j]| all[a].push(d.patch(i, j)));
        let distances: usize = all.iter().map(Vec::len).sum();
        let cut = |(a, offsets): (usize, Vec<usize>)| {
            let mut groups = Vec::new();
            let mut rest = &*offsets;
            while let Some(n) = PAIRS.into_iter().find(|n| *n <= rest.len()) {
                let (here, behind) = rest.split_at(n);
                groups.push(Group { a, offsets: here.to_vec() });
                rest = behind;
            }
            groups
        };
        Self {
            groups: all.into_iter().enumerate().flat_map(cut).collect(),
            wide: vec![0.0; (ROWS + d.k_h - 1) * d.stride()],
            sums: vec![0.0; (distances + 1) * LANES],
            columns: vec![0.0; d.k_h * d.k_w * d.k_w],
        }
    }
}

impl Moments {
    pub(super) fn new(d: Extents) -> Self {
        let taps = d.k_h * d.k_w;
        Self { count: 0, sums: vec![0.0; taps], products: vec![0.0; taps * taps] }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.sums.fill(0.0);
        self.products.fill(0.0);
    }

    /// Adds the sums of other samples.
    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sums.iter_mut().zip(&other.sums).for_each(|(to, from)| *to += from);
        self.products.iter_mut().zip(&other.products).for_each(|(to, from)| *to += from);
    }

    /// `R[p, q]`.
    pub(super) fn product(&self, p: usize, q: usize) -> f64 {
        self.products[p.min(q) * self.sums.len() + p.max(q)]
    }

    /// Adds the sums of one sample.
    pub(super) fn add_sample(&mut self, d: Extents, frame: &[f32], scratch: &mut Scratch) {
        self.count += d.h_out * d.w_out;
        scratch.sums.fill(0.0);
        for row in (0..d.h_out).step_by(ROWS) {
            let rows = ROWS.min(d.h_out - row);
            let len = (rows + d.k_h - 1) * d.stride();
            let wide = &mut scratch.wide[..len];
            vectorised(
                #[inline(always)]
                || {
                    let frame = &frame[d.patch(row, 0)..][..len];
                    wide.iter_mut().zip(frame).for_each(|(to, x)| *to = f64::from(*x));
                },
            );
            dispatch!(level(), simd => sum_rows(simd, d, rows, scratch));
        }
        let mut of_pairs = scratch.sums.chunks_exact(LANES).map(|lanes| lanes.iter().sum::<f64>());
        self.add_sums(d, frame, of_pairs.next().unwrap_or(0.0));
        let columns = &mut scratch.columns;
        each_pair(d, |a, [i, b]| {
            columns[(i * d.k_w + a) * d.k_w + b] = of_pairs.next().unwrap_or(0.0);
        });
        for (i, columns) in columns.chunks_exact_mut(d.k_w * d.k_w).enumerate() {
            self.add_products(d, frame, i, columns);
        }
    }

    /// The inputs' sums from that of the first tap.
    fn add_sums(&mut self, d: Extents, frame: &[f32], first: f64) {
        let mut of_column = first;
        for j in 0..d.k_w {
            let mut sum = of_column;
            for i in 0..d.k_h {
                self.sums[i * d.k_w + j] += sum;
                if i + 1 < d.k_h {
                    sum += row_sum(d, frame, [i + d.h_out, j]) - row_sum(d, frame, [i, j]);
                }
            }
            of_column += column_sum(d, frame, j + d.w_out) - column_sum(d, frame, j);
        }
    }

    /// The products of all pairs of taps that are `i` rows apart, from `columns[a, b]`, those of a tap
    /// in the first row and column `a` and of one in column `b`, where `a` or `b` is 0.
    fn add_products(&mut self, d: Extents, frame: &[f32], i: usize, columns: &mut [f64]) {
        let (k_w, taps) = (d.k_w, d.k_h * d.k_w);
        for a in 0..k_w {
            for b in if i == 0 { a } else { 0 }..k_w {
                if a > 0 && b > 0 {
                    let [u, v] = [a - 1, b - 1];
                    let right = column_products(d, frame, i, [u + d.w_out, v + d.w_out]);
                    columns[a * k_w + b] =
                        columns[u * k_w + v] + right - column_products(d, frame, i, [u, v]);
                }
                let mut sum = columns[a * k_w + b];
                for row in 0..d.k_h - i {
                    self.products[(row * k_w + a) * taps + (row + i) * k_w + b] += sum;
                    if row + i + 1 < d.k_h {
                        let below = row_products(d, frame, i, [row + d.h_out, a, b]);
                        sum += below - row_products(d, frame, i, [row, a, b]);
                    }
                }
            }
        }
    }
}

/// Adds `rows` rows of outputs to the vectors of sums; `wide` begins at the frame's row of the first.
#[inline(always)]
fn sum_rows<S: Simd>(simd: S, d: Extents, rows: usize, scratch: &mut Scratch) {
    let Scratch { wide, sums, groups, .. } = scratch;
    let (own, of_pairs) = sums.split_at_mut(LANES);
    for row in 0..rows {
        let wide = &wide[row * d.stride()..];
        products::<S, 0>(simd, &wide[..d.w_out], [], own, &mut []);
        let mut sums = &mut *of_pairs;
        for Group { a, offsets } in &*groups {
            let x = &wide[*a..][..d.w_out];
            let (here, rest) = sums.split_at_mut(offsets.len() * LANES);
            sums = rest;
            match offsets.len() {
                9 => products::<S, 9>(simd, x, of(wide, offsets, d.w_out), &mut [], here),
                5 => products::<S, 5>(simd, x, of(wide, offsets, d.w_out), &mut [], here),
                3 => products::<S, 3>(simd, x, of(wide, offsets, d.w_out), &mut [], here),
                _ => products::<S, 1>(simd, x, of(wide, offsets, d.w_out), &mut [], here),
            }
        }
    }
}

/// The inputs at `offsets`.
#[inline(always)]
fn of<'a, const N: usize>(wide: &'a [f64], offsets: &[usize], len: usize) -> [&'a [f64]; N] {
    let mut at = [wide; N];
    for (at, offset) in at.iter_mut().zip(offsets) {
        *at = &wide[*offset..][..len];
    }
    at
}

/// Adds the products of `a` and each `b` to a vector of sums each, and `a` alone to `own`, if it is
/// wanted.
#[inline(always)]
fn products<S: Simd, const N: usize>(
    simd: S,
    a: &[f64],
    b: [&[f64]; N],
    own: &mut [f64],
    sums: &mut [f64],
) {
    let lanes = S::f64s::LEN;
    let mut all = [S::f64s::splat(simd, 0.0); N];
    let mut alone = S::f64s::splat(simd, 0.0);
    let whole = a.len() / lanes * lanes;
    let mut b_whole = b;
    for b in &mut b_whole {
        *b = &b[..whole];
    }
    for (s, a) in a[..whole].chunks_exact(lanes).enumerate() {
        let a = S::f64s::from_slice(simd, a);
        if N == 0 {
            alone += a;
        }
        for n in 0..N {
            let b = S::f64s::from_slice(simd, &b_whole[n][s * lanes..][..lanes]);
            all[n] = a.mul_add(b, all[n]);
        }
    }
    if N == 0 {
        let own = &mut own[..lanes];
        (alone + S::f64s::from_slice(simd, own)).store_slice(own);
    }
    for (all, sums) in all.into_iter().zip(sums.chunks_exact_mut(LANES)) {
        let sums = &mut sums[..lanes];
        (all + S::f64s::from_slice(simd, sums)).store_slice(sums);
    }
    for s in whole..a.len() {
        if N == 0 {
            own[s - whole] += a[s];
        }
        for (b, sums) in b.iter().zip(sums.chunks_exact_mut(LANES)) {
            sums[s - whole] += a[s] * b[s];
        }
    }
}

/// Whether a row of the frame is one of zeros.
fn is_outside(row: usize, pad: usize, len: usize) -> bool {
    row < pad || row >= pad + len
}

/// The sum of the inputs of a row of the frame from a column on.
fn row_sum(d: Extents, frame: &[f32], [row, column]: [usize; 2]) -> f64 {
    if is_outside(row, d.pad_top, d.h_in) {
        return 0.0;
    }
    dot(&frame[d.patch(row, column)..][..d.w_out], None)
}

/// The sum of the products of two rows of the frame `i` apart, from a column each on.
fn row_products(d: Extents, frame: &[f32], i: usize, [row, a, b]: [usize; 3]) -> f64 {
    if [row, row + i].iter().any(|row| is_outside(*row, d.pad_top, d.h_in)) {
        return 0.0;
    }
    let from = |row, column| &frame[d.patch(row, column)..][..d.w_out];
    dot(from(row, a), Some(from(row + i, b)))
}

/// `Σ a · b`, or `Σ a`.
fn dot(a: &[f32], b: Option<&[f32]>) -> f64 {
    let mut sums = [0.0; 2 * LANES];
    vectorised(
        #[inline(always)]
        || match b {
            Some(b) => {
                for (a, b) in a.chunks(2 * LANES).zip(b.chunks(2 * LANES)) {
                    let all = sums.iter_mut().zip(a.iter().zip(b));
                    all.for_each(|(sum, (a, b))| *sum += f64::from(*a) * f64::from(*b));
                }
            }
            None => {
                for a in a.chunks(2 * LANES) {
                    sums.iter_mut().zip(a).for_each(|(sum, a)| *sum += f64::from(*a));
                }
            }
        },
    );
    sums.iter().sum()
}

/// The sum of a column of the frame over the first `h_out` rows.
fn column_sum(d: Extents, frame: &[f32], column: usize) -> f64 {
    if is_outside(column, d.pad_left, d.w_in) {
        return 0.0;
    }
    frame[column..].iter().step_by(d.stride()).take(d.h_out).map(|x| f64::from(*x)).sum()
}

/// The sum of the products of two columns of the frame, the second `i` rows further down.
fn column_products(d: Extents, frame: &[f32], i: usize, [u, v]: [usize; 2]) -> f64 {
    if [u, v].iter().any(|column| is_outside(*column, d.pad_left, d.w_in)) {
        return 0.0;
    }
    let u = frame[u..].iter().step_by(d.stride()).take(d.h_out);
    let v = frame[d.patch(i, v)..].iter().step_by(d.stride());
    u.zip(v).map(|(u, v)| f64::from(*u) * f64::from(*v)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Padding, Shape};

    #[test]
    fn sums_of_all_pairs_are_those_of_the_definition() {
        let kernels = [[1, 5], [9, 1], [3, 3], [2, 4], [5, 5], [1, 1], [4, 2]];
        for padding in [Padding::Same, Padding::Valid] {
            for [[h, w], kernel] in kernels.iter().flat_map(|k| [[[11, 19], *k], [[9, 80], *k]]) {
                let shape = Shape::Map { h, w, c: 1 };
                let d = Extents::new(shape, 8, [kernel, [1, 1]], padding);
                let x: Vec<f32> =
                    (0..h * w).map(|i| ((i * 7919) % 101) as f32 * 0.25 - 7.0).collect();
                let mut frame = vec![0.0; d.frame_len()];
                d.fill_frame(&x, &mut frame);
                let (mut got, mut scratch) = (Moments::new(d), Scratch::new(d));
                got.add_sample(d, &frame, &mut scratch);
                got.add_sample(d, &frame, &mut scratch);
                assert_eq!(got.count, 2 * d.h_out * d.w_out);
                let taps = d.k_h * d.k_w;
                let at = |tap: usize, output: usize| {
                    let (r, s) = (output / d.w_out, output % d.w_out);
                    f64::from(frame[d.patch(r + tap / d.k_w, s + tap % d.k_w)])
                };
                for p in 0..taps {
                    let sum: f64 = (0..d.h_out * d.w_out).map(|o| 2.0 * at(p, o)).sum();
                    assert_eq!(got.sums[p], sum, "{d}, tap {p}");
                    for q in p..taps {
                        let sum = (0..d.h_out * d.w_out).map(|o| 2.0 * at(p, o) * at(q, o));
                        let sum: f64 = sum.sum();
                        assert_eq!(got.product(q, p), sum, "{d}, taps {p} and {q}");
                    }
                }
            }
        }
    }
}
