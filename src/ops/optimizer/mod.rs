//! The optimisers beyond plain gradient descent ([`super::sgd`]), as Keras 3 computes them: Adam and
//! AdamW, weight decay that is apart from the gradient, and clipping by the norm of all gradients.
//!
//! With `g` the gradient with the penalty's, `t` the number of the step from 1, in this order:
//! - clipping: `g ← g · min(1, clip_norm / ‖g‖)`, the norm over all parameters that are trained. A norm
//!   whose square is beyond f32 makes all weights NaN, as in Keras;
//! - decay: `w ← w − rate · weight_decay · w`, of all parameters that are trained;
//! - the rule: [`super::sgd`]'s, or Adam's
//!   `m ← m + (1 − beta_1) · (g − m)`, `v ← v + (1 − beta_2) · (g² − v)`,
//!   `w ← w − rate · √(1 − beta_2^t) / (1 − beta_1^t) · m / (√v + epsilon)`.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::sgd::Sgd;

/// How weights follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Stochastic gradient descent: `v ← momentum · v − rate · g`, `w ← w + v`, or with `nesterov`
    /// `w ← w + momentum · v − rate · g`.
    Sgd {
        /// Factor of the velocity; 0 is plain gradient descent.
        momentum: f32,
        /// Nesterov momentum.
        nesterov: bool,
    },
    /// Adam (Kingma and Ba 2015), the correction of its biases in the rate, as Keras has it.
    Adam {
        /// Share of the first moment that stays.
        beta_1: f64,
        /// Share of the second moment that stays.
        beta_2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
    },
}

/// An optimiser, by Keras's names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimizer {
    /// Learning rate of the steps that are given none of their own.
    pub learning_rate: f32,
    /// How weights follow their gradients.
    pub rule: Rule,
    /// Share of each weight that a step takes away, times the learning rate; 0 for none.
    pub weight_decay: f64,
    /// Largest norm of all gradients together (Keras's `global_clipnorm`).
    pub clip_norm: Option<f64>,
}

impl Optimizer {
    /// Plain gradient descent.
    pub const fn sgd(learning_rate: f32) -> Self {
        let rule = Rule::Sgd { momentum: 0.0, nesterov: false };
        Self { learning_rate, rule, weight_decay: 0.0, clip_norm: None }
    }

    /// Gradient descent with momentum.
    pub const fn momentum(learning_rate: f32, momentum: f32, nesterov: bool) -> Self {
        Self { rule: Rule::Sgd { momentum, nesterov }, ..Self::sgd(learning_rate) }
    }

    /// Adam with Keras's defaults.
    pub const fn adam(learning_rate: f32) -> Self {
        let rule = Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };
        Self { rule, ..Self::sgd(learning_rate) }
    }

    /// Whether it keeps a second moment of the gradients.
    pub const fn has_second_moment(&self) -> bool {
        match self.rule {
            Rule::Sgd { .. } => false,
            Rule::Adam { .. } => true,
        }
    }

    /// The numbers of a step of the run, counted from 0, with a learning rate of its own.
    pub(crate) fn numbers(&self, learning_rate: f32, step: u32) -> Numbers {
        let rate = f64::from(learning_rate);
        let rule = match self.rule {
            Rule::Sgd { momentum, nesterov } => {
                StepRule::Sgd(Sgd { learning_rate, momentum, nesterov })
            }
            Rule::Adam { beta_1, beta_2, epsilon } => {
                let t = f64::from(step) + 1.0;
                // Keras's powers are those of the betas in f32, whatever the weights are in.
                let bias = |beta: f64| 1.0 - f64::from(beta as f32).powf(t);
                let corrected = rate * bias(beta_2).sqrt() / bias(beta_1);
                StepRule::Adam(Adam {
                    rate: corrected as f32,
                    gain_1: (1.0 - beta_1) as f32,
                    gain_2: (1.0 - beta_2) as f32,
                    epsilon: epsilon as f32,
                })
            }
        };
        Numbers { rule, decay: (rate * self.weight_decay) as f32 }
    }
}

/// What a step is computed with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) rule: StepRule,
    /// Share of each weight that the step takes away.
    pub(crate) decay: f32,
}

/// The rule with the numbers of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum StepRule {
    Sgd(Sgd),
    Adam(Adam),
}

/// The numbers of a step of Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Adam {
    /// The learning rate with the correction of both biases.
    pub(crate) rate: f32,
    /// `1 − beta_1`, rounded once.
    pub(crate) gain_1: f32,
    /// `1 − beta_2`, rounded once.
    pub(crate) gain_2: f32,
    pub(crate) epsilon: f32,
}

/// The factor of all gradients whose squares sum up to `squares`.
pub(crate) fn clip_factor(squares: f64, most: f64) -> f32 {
    let norm = squares.sqrt();
    match squares {
        // As Keras, whose norm is infinite in f32.
        _ if squares.is_nan() || squares > f64::from(f32::MAX) => f32::NAN,
        _ if norm <= most => 1.0,
        _ => (most / norm) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_hand() {
        let adam = Optimizer { weight_decay: 0.5, ..Optimizer::adam(0.25) };
        let StepRule::Adam(first) = adam.numbers(0.25, 0).rule else { panic!() };
        // √0.001 / 0.1, of 0.999 and 0.9 in f32.
        let want = (1.0 - f64::from(0.999_f32)).sqrt() / (1.0 - f64::from(0.9_f32));
        assert!((f64::from(first.rate) / 0.25 - want).abs() < 1e-7);
        assert_eq!((first.gain_1, first.gain_2, first.epsilon), (0.1, 0.001, 1e-7));
        let last = adam.numbers(0.25, u32::MAX);
        let StepRule::Adam(of_last) = last.rule else { panic!() };
        assert_eq!((of_last.rate, last.decay), (0.25, 0.125));
    }

    #[test]
    fn factors_of_clipping() {
        assert_eq!(clip_factor(4.0, 2.0), 1.0);
        assert_eq!(clip_factor(16.0, 2.0), 0.5);
        assert_eq!(clip_factor(0.0, 2.0), 1.0);
        for squares in [f64::NAN, f64::INFINITY, 1e39] {
            assert!(clip_factor(squares, 2.0).is_nan());
        }
    }
}
