//! Stochastic gradient descent with momentum and L2 penalty, as Keras computes it:
//! `g ← g + 2 · l2 · w`, `v ← momentum · v − rate · g`, `w ← w + v`, or with Nesterov momentum
//! `w ← w + momentum · v − rate · g`. What else an optimiser does: [`super::optimizer`].

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

/// The numbers of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sgd {
    /// Learning rate.
    pub(crate) learning_rate: f32,
    /// Factor of the velocity; 0 is plain gradient descent.
    pub(crate) momentum: f32,
    /// Nesterov momentum.
    pub(crate) nesterov: bool,
}
