//! The optimisers, one tensor after another: clipping by the norm of all gradients, weight decay, then
//! gradient descent ([`super::sgd`]) or Adam,
//! `m ← m + (1 − beta_1) · (g − m)`, `v ← v + (1 − beta_2) · (g² − v)`,
//! `w ← w − rate · √(1 − beta_2^t) / (1 − beta_1^t) · m / (√v + epsilon)`.

use super::sgd::Sgd;
use crate::backend::{Optimizer, Rule};
use crate::graph::Graph;

/// Weights and moments of each parameter tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Weights.
    pub w: Vec<Vec<f64>>,
    /// Velocities, or first moments.
    pub m: Vec<Vec<f64>>,
    /// Second moments, where the optimiser has them.
    pub v: Vec<Vec<f64>>,
}

impl State {
    /// These weights, with moments of zero.
    pub fn new(w: Vec<Vec<f64>>) -> Self {
        let zeros: Vec<Vec<f64>> = w.iter().map(|w| vec![0.0; w.len()]).collect();
        Self { w, m: zeros.clone(), v: zeros }
    }
}

/// Step `t` of a run, from 1, with a learning rate of its own. Tensors that are not trained stay.
pub fn step(
    optimizer: &Optimizer,
    (rate, t): (f64, u32),
    graph: &Graph,
    state: &mut State,
    gradients: &[Vec<f64>],
) {
    let trained = || graph.parameters().iter().enumerate().filter(|(_, p)| p.role.is_trainable());
    let squares: f64 = trained().flat_map(|(i, _)| &gradients[i]).map(|g| g * g).sum();
    let factor = match optimizer.clip_norm {
        Some(most) if squares.sqrt() > most => most / squares.sqrt(),
        _ => 1.0,
    };
    for (i, _) in trained() {
        let (w, m, v) = (&mut state.w[i], &mut state.m[i], &mut state.v[i]);
        let g: Vec<f64> = gradients[i].iter().map(|g| g * factor).collect();
        w.iter_mut().for_each(|w| *w -= rate * optimizer.weight_decay * *w);
        match optimizer.rule {
            Rule::Sgd { momentum, nesterov } => {
                Sgd { rate, momentum: f64::from(momentum), nesterov }.step(w, m, &g);
            }
            Rule::Adam { beta_1, beta_2, epsilon } => {
                // As Keras: powers of the betas in f32, whatever the weights are in.
                let bias = |beta: f64| 1.0 - f64::from(beta as f32).powf(f64::from(t));
                let rate = rate * bias(beta_2).sqrt() / bias(beta_1);
                for (k, g) in g.iter().enumerate() {
                    m[k] += (1.0 - beta_1) * (g - m[k]);
                    v[k] += (1.0 - beta_2) * (g * g - v[k]);
                    w[k] -= rate * m[k] / (v[k].sqrt() + epsilon);
                }
            }
        }
    }
}
