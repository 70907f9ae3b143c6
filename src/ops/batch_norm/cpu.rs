//! Batch normalisation on the CPU. Shader twins: `shaders/batch_norm/moments.wgsl`,
//! `shaders/include/batch_norm_stats.wgsl`, `shaders/batch_norm/forward.wgsl`,
//! `shaders/batch_norm/backward_weight.wgsl`, `shaders/batch_norm/backward_input.wgsl`.
//!
//! Sums run in f64 over each shard of a batch, then over the shards in order.

mod convolved;
mod moments;
mod rows;

pub(crate) use convolved::ConvolvedNormLayer;

use super::BatchNorm;
use crate::ops::Gradient;
use crate::ops::cpu::{
    Backward, BatchLayer, Export, Forward, Layer, MeasuringLayer, Mode, Shards, Update, Workspaces,
    activate, activate_backward,
};
use crate::simd::vectorised;

#[derive(Debug)]
pub(crate) struct BatchNormLayer {
    op: BatchNorm,
    stats: BatchStats,
    sums: Workspaces<ShardSums>,
}

impl BatchNormLayer {
    pub(crate) fn new(op: BatchNorm, shards: Shards) -> Self {
        let sums = Workspaces::new(shards.count, || ShardSums::new(op));
        Self { op, stats: BatchStats::new(op), sums }
    }
}

impl Layer for BatchNormLayer {
    /// The loops read gamma and beta from the statistics.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        forward(self.op, &self.stats, io.x.get(0), io.y);
    }

    fn backward(&self, mut io: Backward<'_>) {
        let Some((rule, dx)) = io.dx.get(0) else { return };
        backward_input(&self.stats, io.x.get(0), io.dy, rule, dx);
    }

    /// Its shards wait for each other, so nothing is streamed.
    fn export_saved(&self, _io: Export<'_>) {}

    /// The gradients of gamma and beta were computed by `reduce_backward`.
    fn update(&mut self, io: Update<'_>) {
        let Update { slice, stage, .. } = io;
        let (mut trained, mut moving) = slice.split_at(2 * self.op.c);
        trained.update(0.0, stage);
        moving.update(0.0, stage.without_decay());
        if stage.steps() {
            let (mean, variance) = moving.parameters.split_at_mut(self.op.c);
            self.stats.update_moving(self.op, mean, variance);
        }
    }
}

impl MeasuringLayer for BatchNormLayer {
    fn measure_forward(&self, workspace: usize, x: &[f32]) {
        self.sums.lock(workspace).measure(self.op, x);
    }

    fn reduce_forward(&mut self, shards: usize, parameters: &[f32], mode: Mode) {
        match mode {
            Mode::Training { .. } => {
                let sums: Vec<&mut ShardSums> = self.sums.first_mut(shards).collect();
                self.stats.reduce(self.op, &sums, parameters);
            }
            Mode::Inference | Mode::LogitGradients => self.stats.set_moving(self.op, parameters),
        }
    }
}

impl BatchLayer for BatchNormLayer {
    fn measure_backward(&self, workspace: usize, x: &[f32], y: &[f32], dz: &mut [f32]) {
        self.sums.lock(workspace).backward_weight(self.op, &self.stats, x, y, dz);
    }

    fn reduce_backward(&mut self, shards: usize, gradients: &mut [f32]) {
        let (dgamma, rest) = gradients.split_at_mut(self.op.c);
        let sums = self.sums.first_mut(shards);
        self.stats.backward_weight(self.op, sums, dgamma, &mut rest[..self.op.c]);
    }
}

/// Statistics of a batch and the factors that they give, each `[c]` repeated to a [`period`].
#[derive(Debug)]
struct BatchStats {
    mean: Vec<f32>,
    inv_std: Vec<f32>,
    /// `gamma · inv_std` and beta: forward.
    scale: Vec<f32>,
    beta: Vec<f32>,
    /// `inv_std · dgamma / N` and `dbeta / N`: backward.
    slope: Vec<f32>,
    level: Vec<f32>,
    /// `[c]`: the batch's variance, for the moving one.
    variance: Vec<f32>,
    /// Whether they are of a batch, not the moving ones.
    of_batch: bool,
}

/// Sums over one shard.
#[derive(Debug)]
struct ShardSums {
    /// Elements of each channel.
    count: usize,
    /// Two sums for each channel, `[2, c]`: mean and squared deviations; `Σ dz · x̂` and `Σ dz`.
    sums: Vec<f64>,
    /// `[2, period]`.
    rows: Vec<f64>,
    /// Subtracted from each input before it is squared, `[period]`.
    shift: Vec<f64>,
}

/// Elements of whole positions that fill vector registers: a multiple of `c`, at least 64.
fn period(c: usize) -> usize {
    c * 64usize.div_ceil(c)
}

/// `[c]` repeated over `row`.
fn repeat(row: &mut [f32], c: usize, value: impl Fn(usize) -> f32) {
    row.iter_mut().enumerate().for_each(|(i, v)| *v = value(i % c));
}

/// Gamma, beta, moving mean and moving variance, in the order of the parameters.
fn split(c: usize, parameters: &[f32]) -> [&[f32]; 4] {
    [0, 1, 2, 3].map(|k| &parameters[k * c..(k + 1) * c])
}

impl ShardSums {
    fn new(norm: BatchNorm) -> Self {
        Self {
            count: 0,
            sums: vec![0.0; 2 * norm.c],
            rows: vec![0.0; 2 * period(norm.c)],
            shift: vec![0.0; period(norm.c)],
        }
    }

    /// Sums the rows by channel.
    fn sum_rows(&mut self, c: usize) {
        let rows = self.rows.chunks_exact(period(c));
        for (sums, row) in self.sums.chunks_exact_mut(c).zip(rows) {
            sums.fill(0.0);
            row.chunks_exact(c).for_each(|row| {
                sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            });
        }
    }

    /// Mean and sum of squared deviations of a shard's inputs, in one pass. The first position's
    /// inputs are subtracted from all: they are at most `√n` standard deviations off the mean, so that
    /// subtracting the mean's square afterwards costs at most a factor `n` of f64's precision.
    fn measure(&mut self, norm: BatchNorm, x: &[f32]) {
        let c = norm.c;
        self.count = x.len() / c;
        let n = self.count as f64;
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
        self.sum_rows(c);
        let (sums, squares) = self.sums.split_at_mut(c);
        for ((sum, squares), &shift) in sums.iter_mut().zip(squares).zip(&self.shift) {
            *squares -= *sum * *sum / n;
            *sum = shift + *sum / n;
        }
    }

    /// Makes `dz` the gradient at the sum from that of `y`; then a shard's `Σ dz · x̂` and `Σ dz`.
    fn backward_weight(
        &mut self,
        norm: BatchNorm,
        stats: &BatchStats,
        x: &[f32],
        y: &[f32],
        dz: &mut [f32],
    ) {
        self.count = x.len() / norm.c;
        self.rows.fill(0.0);
        let (dx_hat, d) = self.rows.split_at_mut(period(norm.c));
        let BatchStats { mean, inv_std, .. } = stats;
        vectorised(
            #[inline(always)]
            || {
                let p = d.len();
                for ((x, y), dz) in x.chunks(p).zip(y.chunks(p)).zip(dz.chunks_mut(p)) {
                    activate_backward(norm.activation, y, dz);
                    let of = mean.iter().zip(inv_std).zip(dx_hat.iter_mut().zip(d.iter_mut()));
                    for ((&x, &g), ((m, s), (dx_hat, d))) in x.iter().zip(&*dz).zip(of) {
                        *dx_hat += f64::from(g * ((x - m) * s));
                        *d += f64::from(g);
                    }
                }
            },
        );
        self.sum_rows(norm.c);
    }
}

impl BatchStats {
    fn new(norm: BatchNorm) -> Self {
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

    fn set(&mut self, norm: BatchNorm, of: impl Fn(usize) -> [f64; 2], parameters: &[f32]) {
        let [gamma, beta, ..] = split(norm.c, parameters);
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

    /// Mean and variance of the batch from its shards, combined in order as in Chan, Golub and
    /// LeVeque 1979.
    fn reduce(&mut self, norm: BatchNorm, shards: &[&mut ShardSums], parameters: &[f32]) {
        let of = |k: usize| {
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for shard in shards {
                let n = shard.count as f64;
                let (shift, total) = (shard.sums[k] - mean, count + n);
                mean += shift * n / total;
                squares += shard.sums[norm.c + k] + shift * shift * count * n / total;
                count = total;
            }
            [mean, squares / count]
        };
        self.set(norm, of, parameters);
        self.of_batch = true;
    }

    /// The moving mean and variance.
    fn set_moving(&mut self, norm: BatchNorm, parameters: &[f32]) {
        let [.., mean, variance] = split(norm.c, parameters);
        self.set(norm, |k| [f64::from(mean[k]), f64::from(variance[k])], parameters);
        self.of_batch = false;
    }

    /// Moves the moving mean and variance towards those of the last batch.
    fn update_moving(&self, norm: BatchNorm, mean: &mut [f32], variance: &mut [f32]) {
        if !self.of_batch {
            return;
        }
        for (moving, now) in [(mean, &self.mean), (variance, &self.variance)] {
            for (m, &now) in moving.iter_mut().zip(now) {
                *m = norm.momentum * *m + (1.0 - norm.momentum) * now;
            }
        }
    }

    /// `dgamma` and `dbeta` from the sums of all shards, and the factors of [`backward_input`]. The
    /// moving mean and variance do not depend on the input: with them both factors are 0.
    fn backward_weight<'a>(
        &mut self,
        norm: BatchNorm,
        shards: impl Iterator<Item = &'a mut ShardSums>,
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let mut totals = vec![0.0; 2 * norm.c];
        let mut count = 0;
        for shard in shards {
            count += shard.count;
            totals.iter_mut().zip(&shard.sums).for_each(|(t, v)| *t += v);
        }
        for (to, from) in [(&mut *dgamma, &totals[..norm.c]), (&mut *dbeta, &totals[norm.c..])] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
        }
        let count = count as f32;
        // Not a product with 0, which would spread the NaN of one sample over all.
        let of_batch = |factor: f32| if self.of_batch { factor } else { 0.0 };
        let inv_std = &self.inv_std;
        repeat(&mut self.slope, norm.c, |k| of_batch(inv_std[k] * dgamma[k] / count));
        repeat(&mut self.level, norm.c, |k| of_batch(dbeta[k] / count));
    }
}

/// `y = f((x − mean) · gamma · inv_std + beta)` of one shard.
fn forward(norm: BatchNorm, stats: &BatchStats, x: &[f32], y: &mut [f32]) {
    let BatchStats { mean, scale, beta, .. } = stats;
    vectorised(
        #[inline(always)]
        || {
            for (y, x) in y.chunks_mut(scale.len()).zip(x.chunks(scale.len())) {
                let of = scale.iter().zip(mean).zip(beta);
                for ((y, &x), ((&a, &m), &b)) in y.iter_mut().zip(x).zip(of) {
                    *y = (x - m) * a + b;
                }
                activate(norm.activation, y);
            }
        },
    );
}

/// `dx = gamma · inv_std · (dz − level − (x − mean) · slope)` of one shard; `rule` says whether it is
/// set or added to.
fn backward_input(stats: &BatchStats, x: &[f32], dz: &[f32], rule: Gradient, dx: &mut [f32]) {
    let BatchStats { mean, scale, slope, level, .. } = stats;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Activation;

    #[test]
    fn more_elements_than_f32_counts_are_counted() {
        let op = BatchNorm {
            rows: 1,
            c: 1,
            momentum: 0.9,
            epsilon: 0.0,
            activation: Activation::Linear,
            pools: None,
            conv: None,
        };
        let mut stats = BatchStats::new(op);
        stats.of_batch = true;
        stats.inv_std.fill(1.0);
        // In f32, 2^24 + 1 + 1 + 1 + 1 is 2^24.
        let counts = [1 << 24, 1, 1, 1, 1];
        let mut shards: Vec<ShardSums> = (counts.into_iter())
            .map(|count| ShardSums { count, sums: vec![1.0; 2], ..ShardSums::new(op) })
            .collect();
        let (mut dgamma, mut dbeta) = ([0.0], [0.0]);
        stats.backward_weight(op, shards.iter_mut(), &mut dgamma, &mut dbeta);
        assert_eq!((dgamma, dbeta), ([5.0], [5.0]));
        assert_eq!(stats.level[0], 5.0 / 16_777_220.0);
        assert_ne!(stats.level[0], 5.0 / 16_777_216.0);
    }
}
