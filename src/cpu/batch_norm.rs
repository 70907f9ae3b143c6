//! Batch normalisation over samples and positions, for each channel:
//! `y = f(gamma · (x − mean) · inv_std + beta)` with `inv_std = 1 / √(variance + epsilon)`.
//! Backward, with `x̂ = (x − mean) · inv_std` and N elements for each channel:
//! `dbeta = Σ dz`, `dgamma = Σ dz · x̂`, `dx = gamma · inv_std · (dz − dbeta / N − x̂ · dgamma / N)`.
//!
//! Sums run in f64 over parts of two samples, then over the parts in order.

use rayon::prelude::*;

use super::activation;
use super::threads::SAMPLES_PER_PART;
use super::vectorised::vectorised;
use crate::graph::Activation;
use crate::plan::Gradient;

/// What one batch norm is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    /// Channels, and elements of one sample.
    pub(super) c: usize,
    pub(super) len: usize,
    pub(super) momentum: f32,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
}

/// The figures of the last batch, `[c]`, and room for sums.
#[derive(Debug)]
pub(super) struct Room {
    mean: Vec<f32>,
    variance: Vec<f32>,
    inv_std: Vec<f32>,
    /// Two rows of sums for each part.
    parts: Vec<f64>,
    /// Whether they are a batch's, not the moving ones.
    of_batch: bool,
}

/// Channels side by side so often that a row of them fills vector units.
fn period(c: usize) -> usize {
    c * 64usize.div_ceil(c)
}

/// `[c]` repeated to a period.
fn repeated(v: &[f32]) -> Vec<f32> {
    v.iter().copied().cycle().take(period(v.len())).collect()
}

impl Norm {
    /// Gamma, beta, moving mean and moving variance, as they lie in the parameters.
    pub(super) fn split(self, parameters: &[f32]) -> [&[f32]; 4] {
        [0, 1, 2, 3].map(|k| &parameters[k * self.c..(k + 1) * self.c])
    }

    fn part(self) -> usize {
        self.len * SAMPLES_PER_PART
    }

    /// `totals[c] = Σ terms`, two sums at once: by parts, then in their order.
    fn sums(
        self,
        parts: &mut [f64],
        n: usize,
        part: impl Fn(usize, &mut [f64], &mut [f64]) + Sync,
    ) -> [Vec<f64>; 2] {
        let count = n.div_ceil(SAMPLES_PER_PART);
        parts[..2 * self.c * count].par_chunks_mut(2 * self.c).enumerate().for_each(|(p, sums)| {
            let mut rows = vec![0.0; 2 * period(self.c)];
            let (a, b) = rows.split_at_mut(period(self.c));
            vectorised(
                #[inline(always)]
                || part(p, a, b),
            );
            for (sums, row) in sums.chunks_exact_mut(self.c).zip([&*a, &*b]) {
                sums.fill(0.0);
                for (i, v) in row.iter().enumerate() {
                    sums[i % self.c] += v;
                }
            }
        });
        let mut totals = [vec![0.0; self.c], vec![0.0; self.c]];
        for sums in parts[..2 * self.c * count].chunks_exact(2 * self.c) {
            for (total, sums) in totals.iter_mut().zip(sums.chunks_exact(self.c)) {
                total.iter_mut().zip(sums).for_each(|(t, v)| *t += v);
            }
        }
        totals
    }

    /// Part `p` of a batch's elements.
    fn of(self, x: &[f32], p: usize) -> &[f32] {
        &x[p * self.part()..((p + 1) * self.part()).min(x.len())]
    }
}

impl Room {
    pub(super) fn new(norm: Norm, batch: usize) -> Self {
        let row = || vec![0.0; norm.c];
        let parts = vec![0.0; 2 * norm.c * batch.div_ceil(SAMPLES_PER_PART)];
        Self { mean: row(), variance: row(), inv_std: row(), parts, of_batch: false }
    }

    /// Takes mean and variance from the batch `x`.
    pub(super) fn measure(&mut self, norm: Norm, x: &[f32]) {
        let n = x.len() / norm.len;
        let count = (x.len() / norm.c) as f64;
        let [sums, _] = norm.sums(&mut self.parts, n, |p, sum, _| {
            for x in norm.of(x, p).chunks(sum.len()) {
                for (s, &x) in sum.iter_mut().zip(x) {
                    *s += f64::from(x);
                }
            }
        });
        let mean: Vec<f64> = sums.iter().map(|s| s / count).collect();
        let centre: Vec<f64> = mean.iter().copied().cycle().take(period(norm.c)).collect();
        let [squares, _] = norm.sums(&mut self.parts, n, |p, sum, _| {
            for x in norm.of(x, p).chunks(sum.len()) {
                for ((s, &x), m) in sum.iter_mut().zip(x).zip(&centre) {
                    let d = f64::from(x) - m;
                    *s += d * d;
                }
            }
        });
        for c in 0..norm.c {
            let variance = squares[c] / count;
            self.mean[c] = mean[c] as f32;
            self.variance[c] = variance as f32;
            self.inv_std[c] = (1.0 / (variance + f64::from(norm.epsilon)).sqrt()) as f32;
        }
        self.of_batch = true;
    }

    /// Takes the moving mean and variance.
    pub(super) fn recall(&mut self, norm: Norm, mean: &[f32], variance: &[f32]) {
        self.mean.copy_from_slice(mean);
        for (inv_std, &v) in self.inv_std.iter_mut().zip(variance) {
            *inv_std = (1.0 / f64::from(v + norm.epsilon).sqrt()) as f32;
        }
        self.of_batch = false;
    }

    /// Moves the moving figures towards those of the last batch.
    pub(super) fn update(&self, norm: Norm, mean: &mut [f32], variance: &mut [f32]) {
        if !self.of_batch {
            return;
        }
        for (moving, now) in [(mean, &self.mean), (variance, &self.variance)] {
            for (m, &now) in moving.iter_mut().zip(now) {
                *m = norm.momentum * *m + (1.0 - norm.momentum) * now;
            }
        }
    }
}

/// With the figures that `room` holds.
pub(super) fn forward(
    norm: Norm,
    room: &Room,
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    y: &mut [f32],
) {
    let scale: Vec<f32> = gamma.iter().zip(&room.inv_std).map(|(g, s)| g * s).collect();
    let [scale, mean, beta] = [&scale[..], &room.mean, beta].map(repeated);
    y.par_chunks_mut(norm.part()).zip(x.par_chunks(norm.part())).for_each(|(y, x)| {
        vectorised(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_mut(scale.len()).zip(x.chunks(scale.len())) {
                    let of = scale.iter().zip(&mean).zip(&beta);
                    for ((y, &x), ((&a, &m), &b)) in y.iter_mut().zip(x).zip(of) {
                        *y = (x - m) * a + b;
                    }
                    activation::forward(norm.activation, y);
                }
            },
        );
    });
}

/// `dgamma` and `dbeta`, from the gradient at the sum.
pub(super) fn backward_weight(
    norm: Norm,
    room: &mut Room,
    x: &[f32],
    dz: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) {
    let [mean, inv_std] = [&room.mean, &room.inv_std].map(|v| repeated(v));
    let [dx_hat, d] = norm.sums(&mut room.parts, x.len() / norm.len, |p, dx_hat, d| {
        let pairs = norm.of(x, p).chunks(d.len()).zip(norm.of(dz, p).chunks(d.len()));
        for (x, dz) in pairs {
            let of = mean.iter().zip(&inv_std).zip(dx_hat.iter_mut().zip(d.iter_mut()));
            for ((&x, &g), ((m, s), (dx_hat, d))) in x.iter().zip(dz).zip(of) {
                *dx_hat += f64::from(g * ((x - m) * s));
                *d += f64::from(g);
            }
        }
    });
    for (to, from) in [(dgamma, dx_hat), (dbeta, d)] {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = from as f32);
    }
}

/// The moving mean and variance do not depend on `x`: with them only `gamma · inv_std · dz` is
/// left. `weights` are `[gamma, dgamma, dbeta]`; `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(
    norm: Norm,
    room: &Room,
    x: &[f32],
    dz: &[f32],
    [gamma, dgamma, dbeta]: [&[f32]; 3],
    rule: Gradient,
    dx: &mut [f32],
) {
    let count = (x.len() / norm.c) as f32;
    let per = |c: usize| {
        let scale = gamma[c] * room.inv_std[c];
        let (slope, level) = (room.inv_std[c] * dgamma[c] / count, dbeta[c] / count);
        let [slope, level] = if room.of_batch { [slope, level] } else { [0.0; 2] };
        [scale, room.mean[c], slope, level]
    };
    let rows: Vec<[f32; 4]> = (0..norm.c).map(per).collect();
    let [scale, mean, slope, level] =
        [0, 1, 2, 3].map(|k| repeated(&rows.iter().map(|row| row[k]).collect::<Vec<_>>()));
    let parts = dx.par_chunks_mut(norm.part()).zip(x.par_chunks(norm.part()));
    parts.zip(dz.par_chunks(norm.part())).for_each(|((dx, x), dz)| {
        vectorised(
            #[inline(always)]
            || {
                let p = scale.len();
                for ((dx, x), dz) in dx.chunks_mut(p).zip(x.chunks(p)).zip(dz.chunks(p)) {
                    let of = scale.iter().zip(&mean).zip(slope.iter().zip(&level));
                    for (((dx, &x), &g), ((&a, &m), (&k, &l))) in
                        dx.iter_mut().zip(x).zip(dz).zip(of)
                    {
                        let v = a * (g - l - (x - m) * k);
                        *dx = if rule == Gradient::Add { *dx + v } else { v };
                    }
                }
            },
        );
    });
}
