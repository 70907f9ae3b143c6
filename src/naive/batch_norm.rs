//! `z = gamma · (x - mean) / √(variance + epsilon) + beta`, element by element: in training with
//! the batch's statistics over all but the last axis, in evaluation with the moving ones.

use crate::graph::Role;

use super::{Gradients, Mode, Node};

/// Mean and (population) variance of each channel.
pub(super) struct Statistics {
    pub(super) mean: Vec<f64>,
    pub(super) variance: Vec<f64>,
    epsilon: f64,
}

impl Statistics {
    pub(super) fn of(node: &Node<'_>, epsilon: f32) -> Self {
        let epsilon = f64::from(epsilon);
        let moving = |role| node.weights(role).to_vec();
        match node.mode {
            Mode::Train => {
                let (x, c) = (node.inputs[0], node.shape[2]);
                let count = (x.len() / c) as f64;
                let over = |ch: usize, f: &dyn Fn(f64) -> f64| {
                    (0..x.len()).filter(|i| i % c == ch).map(|i| f(x[i])).sum::<f64>() / count
                };
                let mean: Vec<f64> = (0..c).map(|ch| over(ch, &|v| v)).collect();
                let variance = (0..c).map(|ch| over(ch, &|v| (v - mean[ch]).powi(2))).collect();
                Self { mean, variance, epsilon }
            }
            Mode::Evaluate => Self {
                mean: moving(Role::MovingMean),
                variance: moving(Role::MovingVariance),
                epsilon,
            },
        }
    }

    fn inv_std(&self, ch: usize) -> f64 {
        1.0 / (self.variance[ch] + self.epsilon).sqrt()
    }

    /// `(x - mean) / √(variance + epsilon)`.
    fn normalised(&self, x: &[f64]) -> Vec<f64> {
        let c = self.mean.len();
        x.iter().enumerate().map(|(i, v)| (v - self.mean[i % c]) * self.inv_std(i % c)).collect()
    }
}

pub(super) fn forward(node: &Node<'_>, epsilon: f32) -> Vec<f64> {
    let [gamma, beta] = [Role::Gamma, Role::Beta].map(|role| node.weights(role));
    let (statistics, c) = (Statistics::of(node, epsilon), node.shape[2]);
    let normalised = statistics.normalised(node.inputs[0]);
    normalised.iter().enumerate().map(|(i, v)| gamma[i % c] * v + beta[i % c]).collect()
}

pub(super) fn backward(node: &Node<'_>, epsilon: f32, dz: &[f64]) -> Gradients {
    let (x, gamma) = (node.inputs[0], node.weights(Role::Gamma));
    let statistics = Statistics::of(node, epsilon);
    let [dx, dgamma, dbeta] = match node.mode {
        Mode::Train => through_statistics(&statistics, x, gamma, dz),
        Mode::Evaluate => with_fixed_statistics(&statistics, x, gamma, dz),
    };
    Gradients { inputs: vec![dx], parameters: vec![(Role::Gamma, dgamma), (Role::Beta, dbeta)] }
}

/// dx, dgamma and dbeta. Written as the chain through the mean and the variance, term by term,
/// not as the formula that the crate uses.
fn through_statistics(of: &Statistics, x: &[f64], gamma: &[f64], dz: &[f64]) -> [Vec<f64>; 3] {
    let c = gamma.len();
    let count = (x.len() / c) as f64;
    let normalised = of.normalised(x);
    let (mut dx, mut dgamma, mut dbeta) = (vec![0.0; x.len()], vec![0.0; c], vec![0.0; c]);
    for ch in 0..c {
        let at: Vec<usize> = (ch..x.len()).step_by(c).collect();
        let inv_std = of.inv_std(ch);
        let (mut d_variance, mut d_mean, mut sum_of_distances) = (0.0, 0.0, 0.0);
        for &i in &at {
            dgamma[ch] += dz[i] * normalised[i];
            dbeta[ch] += dz[i];
            let d_normalised = dz[i] * gamma[ch];
            d_variance += d_normalised * (x[i] - of.mean[ch]) * -0.5 * inv_std.powi(3);
            d_mean -= d_normalised * inv_std;
            sum_of_distances += x[i] - of.mean[ch];
        }
        d_mean += d_variance * -2.0 * sum_of_distances / count;
        for &i in &at {
            dx[i] = dz[i] * gamma[ch] * inv_std
                + d_variance * 2.0 * (x[i] - of.mean[ch]) / count
                + d_mean / count;
        }
    }
    [dx, dgamma, dbeta]
}

/// The same where mean and variance do not depend on the input.
fn with_fixed_statistics(of: &Statistics, x: &[f64], gamma: &[f64], dz: &[f64]) -> [Vec<f64>; 3] {
    let c = gamma.len();
    let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
    for (i, (g, normalised)) in dz.iter().zip(of.normalised(x)).enumerate() {
        dgamma[i % c] += g * normalised;
        dbeta[i % c] += g;
    }
    let dx = dz.iter().enumerate().map(|(i, g)| g * gamma[i % c] * of.inv_std(i % c));
    [dx.collect(), dgamma, dbeta]
}

/// The moving statistic after a step: `momentum · old + (1 - momentum) · batch`.
pub(super) fn moved(momentum: f32, old: &[f64], batch: &[f64]) -> Vec<f64> {
    let keep = f64::from(momentum);
    old.iter().zip(batch).map(|(old, batch)| keep * old + (1.0 - keep) * batch).collect()
}
