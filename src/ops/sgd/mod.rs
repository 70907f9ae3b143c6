//! The optimiser: stochastic gradient descent with momentum and L2 penalty, as Keras computes it:
//! `g ← g + 2 · l2 · w`, `v ← momentum · v − rate · g`, `w ← w + v`, or with Nesterov momentum
//! `w ← w + momentum · v − rate · g`.

pub(crate) mod gpu;
