//! Batch normalisation over samples and positions, for each channel:
//! `y = f(gamma · (x − mean) · inv_std + beta)` with `inv_std = 1 / √(variance + epsilon)`.
//! Backward, with `x̂ = (x − mean) · inv_std` and N elements for each channel:
//! `dbeta = Σ dz`, `dgamma = Σ dz · x̂`, `dx = gamma · inv_std · (dz − dbeta / N − x̂ · dgamma / N)`.
//!
//! Sums run in f64 over each part of a batch, then over the parts in order; mean and squared
//! deviations of parts are put together as in Chan, Golub and LeVeque 1979.

use super::activation;
use super::simd::vectorised;
use crate::graph::Activation;
use crate::plan::Gradient;

/// What one batch norm is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    /// Channels.
    pub(super) c: usize,
    pub(super) momentum: f32,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
}

/// What a pass needs of the batch, each `[c]` repeated to a period.
#[derive(Debug)]
pub(super) struct Figures {
    mean: Vec<f32>,
    inv_std: Vec<f32>,
    /// `gamma · inv_std` and beta: forward.
    scale: Vec<f32>,
    beta: Vec<f32>,
    /// What backward takes off for each unit of `x − mean`, and in any case.
    slope: Vec<f32>,
    level: Vec<f32>,
    /// `[c]`: the batch's variance, for the moving one.
    variance: Vec<f32>,
    /// Whether they are a batch's, not the moving ones.
    of_batch: bool,
}

/// What one part of a batch adds up.
#[derive(Debug)]
pub(super) struct Room {
    /// Elements that each channel has in it.
    count: f64,
    /// Two sums for each channel, `[2, c]`: mean and squared deviations; `Σ dz · x̂` and `Σ dz`.
    sums: Vec<f64>,
    /// `[2, period]`.
    rows: Vec<f64>,
    /// What is taken off each input before it is squared, `[period]`.
    shift: Vec<f64>,
}

/// Channels side by side so often that a row of them fills vector units.
fn period(c: usize) -> usize {
    c * 64usize.div_ceil(c)
}

/// `[c]` repeated over `row`.
fn repeat(row: &mut [f32], c: usize, value: impl Fn(usize) -> f32) {
    row.iter_mut().enumerate().for_each(|(i, v)| *v = value(i % c));
}

impl Norm {
    /// Gamma, beta, moving mean and moving variance, as they lie in the parameters.
    pub(super) fn split(self, parameters: &[f32]) -> [&[f32]; 4] {
        [0, 1, 2, 3].map(|k| &parameters[k * self.c..(k + 1) * self.c])
    }
}

impl Room {
    pub(super) fn new(norm: Norm) -> Self {
        Self {
            count: 0.0,
            sums: vec![0.0; 2 * norm.c],
            rows: vec![0.0; 2 * period(norm.c)],
            shift: vec![0.0; period(norm.c)],
        }
    }

    /// Sums of the rows for each channel.
    fn gather(&mut self, c: usize) {
        let rows = self.rows.chunks_exact(period(c));
        for (sums, row) in self.sums.chunks_exact_mut(c).zip(rows) {
            sums.fill(0.0);
            row.chunks_exact(c).for_each(|row| {
                sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            });
        }
    }

    /// Takes mean and squared deviations of a part's inputs, in one pass: one of the inputs is
    /// taken off first, which is at most `√n` standard deviations off the mean, so that taking
    /// the mean off the sum of squares afterwards costs no more than a factor `n` of f64's precision.
    pub(super) fn measure(&mut self, norm: Norm, x: &[f32]) {
        let c = norm.c;
        self.count = (x.len() / c) as f64;
        self.rows.fill(0.0);
        self.shift.iter_mut().zip(x[..c].iter().cycle()).for_each(|(to, x)| *to = f64::from(*x));
        let (row, squares) = self.rows.split_at_mut(period(c));
        let shift = &*self.shift;
        vectorised(
            #[inline(always)]
            || {
                for x in x.chunks(row.len()) {
                    let of = row.iter_mut().zip(squares.iter_mut()).zip(shift);
                    for (&x, ((sum, squares), &shift)) in x.iter().zip(of) {
                        let v = f64::from(x) - shift;
                        *sum += v;
                        *squares += v * v;
                    }
                }
            },
        );
        self.gather(c);
        let (sums, squares) = self.sums.split_at_mut(c);
        for ((sum, squares), &shift) in sums.iter_mut().zip(squares).zip(&self.shift) {
            *squares -= *sum * *sum / self.count;
            *sum = shift + *sum / self.count;
        }
    }

    /// Makes `dz` the gradient at the sum from that of `y`, and takes a part's `Σ dz · x̂` and
    /// `Σ dz`.
    pub(super) fn backward_weight(
        &mut self,
        norm: Norm,
        figures: &Figures,
        x: &[f32],
        y: &[f32],
        dz: &mut [f32],
    ) {
        self.count = (x.len() / norm.c) as f64;
        self.rows.fill(0.0);
        let (dx_hat, d) = self.rows.split_at_mut(period(norm.c));
        let Figures { mean, inv_std, .. } = figures;
        vectorised(
            #[inline(always)]
            || {
                let p = d.len();
                for ((x, y), dz) in x.chunks(p).zip(y.chunks(p)).zip(dz.chunks_mut(p)) {
                    activation::backward(norm.activation, y, dz);
                    let of = mean.iter().zip(inv_std).zip(dx_hat.iter_mut().zip(d.iter_mut()));
                    for ((&x, &g), ((m, s), (dx_hat, d))) in x.iter().zip(&*dz).zip(of) {
                        *dx_hat += f64::from(g * ((x - m) * s));
                        *d += f64::from(g);
                    }
                }
            },
        );
        self.gather(norm.c);
    }
}

impl Figures {
    pub(super) fn new(norm: Norm) -> Self {
        let row = || vec![0.0; period(norm.c)];
        Self {
            mean: row(),
            inv_std: row(),
            scale: row(),
            beta: row(),
            slope: row(),
            level: row(),
            variance: vec![0.0; norm.c],
            of_batch: false,
        }
    }

    fn set(&mut self, norm: Norm, of: impl Fn(usize) -> [f64; 2], parameters: &[f32]) {
        let [gamma, beta, ..] = norm.split(parameters);
        for k in 0..norm.c {
            let [mean, variance] = of(k);
            let inv_std = (1.0 / (variance + f64::from(norm.epsilon)).sqrt()) as f32;
            self.variance[k] = variance as f32;
            for i in (k..self.mean.len()).step_by(norm.c) {
                self.mean[i] = mean as f32;
                self.inv_std[i] = inv_std;
                self.scale[i] = gamma[k] * inv_std;
                self.beta[i] = beta[k];
            }
        }
    }

    /// Takes mean and variance of the batch from its parts.
    pub(super) fn measure<'a>(
        &mut self,
        norm: Norm,
        parts: &(impl Iterator<Item = &'a Room> + Clone),
        parameters: &[f32],
    ) {
        let of = |k: usize| {
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for part in parts.clone() {
                let (shift, total) = (part.sums[k] - mean, count + part.count);
                mean += shift * part.count / total;
                squares += part.sums[norm.c + k] + shift * shift * count * part.count / total;
                count = total;
            }
            [mean, squares / count]
        };
        self.set(norm, of, parameters);
        self.of_batch = true;
    }

    /// Takes the moving mean and variance.
    pub(super) fn recall(&mut self, norm: Norm, parameters: &[f32]) {
        let [.., mean, variance] = norm.split(parameters);
        self.set(norm, |k| [f64::from(mean[k]), f64::from(variance[k])], parameters);
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

    /// `dgamma` and `dbeta` from the sums of all parts, and what [`backward_input`] needs.
    /// The moving mean and variance do not depend on the input: with them nothing is taken off.
    pub(super) fn backward_weight<'a>(
        &mut self,
        norm: Norm,
        parts: impl Iterator<Item = &'a Room>,
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let mut totals = vec![0.0; 2 * norm.c];
        let mut count = 0.0;
        for part in parts {
            count += part.count as f32;
            totals.iter_mut().zip(&part.sums).for_each(|(t, v)| *t += v);
        }
        for (to, from) in [(&mut *dgamma, &totals[..norm.c]), (&mut *dbeta, &totals[norm.c..])] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
        }
        let kept = if self.of_batch { 1.0 } else { 0.0 };
        let inv_std = &self.inv_std;
        repeat(&mut self.slope, norm.c, |k| kept * (inv_std[k] * dgamma[k] / count));
        repeat(&mut self.level, norm.c, |k| kept * (dbeta[k] / count));
    }
}

/// `y` of one part.
pub(super) fn forward(norm: Norm, figures: &Figures, x: &[f32], y: &mut [f32]) {
    let Figures { mean, scale, beta, .. } = figures;
    vectorised(
        #[inline(always)]
        || {
            for (y, x) in y.chunks_mut(scale.len()).zip(x.chunks(scale.len())) {
                let of = scale.iter().zip(mean).zip(beta);
                for ((y, &x), ((&a, &m), &b)) in y.iter_mut().zip(x).zip(of) {
                    *y = (x - m) * a + b;
                }
                activation::forward(norm.activation, y);
            }
        },
    );
}

/// `dx` of one part; `rule` says whether it is overwritten or added to.
pub(super) fn backward_input(
    figures: &Figures,
    x: &[f32],
    dz: &[f32],
    rule: Gradient,
    dx: &mut [f32],
) {
    let Figures { mean, scale, slope, level, .. } = figures;
    vectorised(
        #[inline(always)]
        || {
            let p = scale.len();
            for ((dx, x), dz) in dx.chunks_mut(p).zip(x.chunks(p)).zip(dz.chunks(p)) {
                let of = scale.iter().zip(mean).zip(slope.iter().zip(level));
                for (((dx, &x), &g), ((&a, &m), (&k, &l))) in dx.iter_mut().zip(x).zip(dz).zip(of) {
                    let v = a * (g - l - (x - m) * k);
                    *dx = if rule == Gradient::Add { *dx + v } else { v };
                }
            }
        },
    );
}
