//! The maxima of one sample's pooling windows, as backward sees them: of four sums only the largest
//! has a gradient, and not even that where its ReLU is off or nothing depends on it. Those with a
//! gradient are listed, filter by filter, so that loops over them test nothing.

use fearless_simd::{Select, Simd, SimdBase, SimdMask};

use super::super::Extents;
use crate::graph::Activation;
use crate::ops::pool2d;
use crate::simd::{WIDEST, dispatch, holds, level};

/// What backward reads of one sample behind a fused pooling, each `[windows, c_out]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pooled<'a> {
    pub(super) activation: Activation,
    /// The outputs, their gradients, and the argmax within each window: 0, 1 (right), 2 (below) or 3.
    pub(super) y: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) argmax: &'a [u32],
}

/// Filters that are listed side by side.
const FILTERS: usize = 4;

/// The maxima with a gradient of one sample, by filters.
#[derive(Debug)]
pub(super) struct Maxima {
    /// The offset in the frame of the patch of each window's first sum.
    first_patches: Vec<u32>,
    /// Offsets between patches of neighbouring columns, and rows.
    right: u32,
    below: u32,
    /// `[c_out, capacity]`, each row as far as its count: the offset in the frame of the maximum's
    /// patch, and its gradient.
    patches: Vec<u32>,
    gradients: Vec<f32>,
    /// `[c_out]`.
    counts: Vec<usize>,
}

impl Maxima {
    pub(super) fn new(d: Extents, pool: pool2d::Extents) -> Self {
        let windows = pool.h_out * pool.w_out;
        let patch = |window| d.patch(2 * (window / pool.w_out), 2 * (window % pool.w_out)) as u32;
        // A whole vector is written wherever a list ends.
        let len = (windows + WIDEST) * d.c_out;
        Self {
            first_patches: (0..windows).map(patch).collect(),
            right: d.patch(0, 1) as u32,
            below: d.patch(1, 0) as u32,
            patches: vec![0; len],
            gradients: vec![0.0; len],
            counts: vec![0; d.c_out],
        }
    }

    /// Patches and gradients of a filter, in the order of the windows.
    pub(super) fn of(&self, o: usize) -> (&[u32], &[f32]) {
        let (first, count) = (o * self.capacity(), self.counts[o]);
        (&self.patches[first..][..count], &self.gradients[first..][..count])
    }

    fn capacity(&self) -> usize {
        self.first_patches.len() + WIDEST
    }

    /// Lists the maxima of a sample.
    pub(super) fn list(&mut self, sample: Pooled<'_>) {
        dispatch!(level(), simd => self.list_all(simd, sample));
    }

    #[inline(always)]
    fn list_all<S: Simd>(&mut self, simd: S, sample: Pooled<'_>) {
        let (windows, c_out) = (self.first_patches.len(), self.counts.len());
        self.counts.fill(0);
        // Narrow vectors have no quick `compress`.
        let side_by_side = if const { holds::<S>(8) } { c_out / FILTERS * FILTERS } else { 0 };
        let whole = windows / S::f32s::LEN * S::f32s::LEN;
        for o in (0..side_by_side).step_by(FILTERS) {
            self.list_filters(simd, o, whole, sample);
        }
        for o in 0..c_out {
            let from = if o < side_by_side { whole } else { 0 };
            self.list_filter(o, from, sample);
        }
    }

    /// Filters `o..o + FILTERS` of the first `whole` windows, a vector of windows after another.
    #[inline(always)]
    fn list_filters<S: Simd>(&mut self, simd: S, o: usize, whole: usize, sample: Pooled<'_>) {
        let (c_out, capacity) = (self.counts.len(), self.capacity());
        let Pooled { activation, y, dy, argmax } = sample;
        let mut counts = [0; FILTERS];
        for window in (0..whole).step_by(S::f32s::LEN) {
            let at = window * c_out + o;
            let first = S::u32s::from_slice(simd, &self.first_patches[window..][..S::f32s::LEN]);
            let dy = by_filter::<S, S::f32s>(simd, &dy[at..], c_out);
            let y = by_filter::<S, S::f32s>(simd, &y[at..], c_out);
            let argmax = by_filter::<S, S::u32s>(simd, &argmax[at..], c_out);
            for k in 0..FILTERS {
                let mut on = !dy[k].simd_eq(0.0);
                if activation == Activation::Relu {
                    on &= y[k].simd_gt(0.0);
                }
                let zero = S::u32s::splat(simd, 0);
                let right =
                    (argmax[k] & 1).simd_eq(1).select(S::u32s::splat(simd, self.right), zero);
                let below =
                    (argmax[k] & 2).simd_eq(2).select(S::u32s::splat(simd, self.below), zero);
                let to = (o + k) * capacity + counts[k];
                (first + right + below)
                    .compress(on)
                    .store_slice(&mut self.patches[to..][..S::f32s::LEN]);
                dy[k].compress(on).store_slice(&mut self.gradients[to..][..S::f32s::LEN]);
                counts[k] += on.to_bitmask().count_ones() as usize;
            }
        }
        self.counts[o..][..FILTERS].copy_from_slice(&counts);
    }

    /// Filter `o` from a window on, one after another.
    #[inline(always)]
    fn list_filter(&mut self, o: usize, from: usize, sample: Pooled<'_>) {
        let (c_out, capacity) = (self.counts.len(), self.capacity());
        let Pooled { activation, y, dy, argmax } = sample;
        let patches = &mut self.patches[o * capacity..][..capacity];
        let gradients = &mut self.gradients[o * capacity..][..capacity];
        let firsts = self.first_patches.iter().enumerate().skip(from);
        let mut count = self.counts[o];
        for (window, first) in firsts {
            let at = window * c_out + o;
            let (g, argmax) = (dy[at], argmax[at]);
            let on = activation == Activation::Linear || y[at] > 0.0;
            // Written in any case and kept if it has a gradient: a branch would often be mispredicted.
            patches[count] = first + (argmax & 1) * self.right + (argmax >> 1 & 1) * self.below;
            gradients[count] = g;
            count += usize::from(on & (g != 0.0));
        }
        self.counts[o] = count;
    }
}

/// The first [`FILTERS`] filters of a vector of windows, from `[windows, c_out]`: a vector for each.
#[inline(always)]
fn by_filter<S: Simd, V: SimdBase<S, Element: Copy + Default>>(
    simd: S,
    from: &[V::Element],
    c_out: usize,
) -> [V; FILTERS] {
    let windows = V::LEN / FILTERS;
    let mut rows = [V::splat(simd, V::Element::default()); FILTERS];
    for (r, row) in rows.iter_mut().enumerate() {
        let from = &from[r * windows * c_out..];
        if c_out == FILTERS {
            *row = V::from_slice(simd, &from[..V::LEN]);
            continue;
        }
        let mut values = [V::Element::default(); WIDEST];
        for k in 0..windows {
            values[k * FILTERS..][..FILTERS].copy_from_slice(&from[k * c_out..][..FILTERS]);
        }
        *row = V::from_slice(simd, &values[..V::LEN]);
    }
    let (even, odd) = (rows[0].deinterleave(rows[1]), rows[2].deinterleave(rows[3]));
    let ((a, c), (b, d)) = (even.0.deinterleave(odd.0), even.1.deinterleave(odd.1));
    [a, b, c, d]
}
