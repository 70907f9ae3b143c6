//! The optimiser: stochastic gradient descent with momentum and L2 penalty, as Keras computes it:
//! `g ← g + 2 · l2 · w`, `v ← momentum · v − rate · g`, `w ← w + v`, or with Nesterov momentum
//! `w ← w + momentum · v − rate · g`.

pub(crate) mod cpu;
pub(crate) mod gpu;

/// Stochastic gradient descent, as Keras computes it:
/// `v ← momentum · v − rate · g`, `w ← w + v`, or with `nesterov`
/// `w ← w + momentum · v − rate · g`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub learning_rate: f32,
    /// Factor of the velocity; 0 is plain gradient descent.
    pub momentum: f32,
    /// Nesterov momentum.
    pub nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent.
    pub const fn plain(learning_rate: f32) -> Self {
        Self { learning_rate, momentum: 0.0, nesterov: false }
    }
}
