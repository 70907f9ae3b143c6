//! `v ← momentum · v - rate · g`, then `w ← w + v`, or with Nesterov's momentum
//! `w ← w + momentum · v - rate · g`.

/// The optimiser's settings.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    /// Learning rate.
    pub rate: f64,
    /// Share of the velocity that stays.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
}

impl Sgd {
    /// Updates weights and velocity from gradients.
    pub fn step(&self, w: &mut [f64], v: &mut [f64], g: &[f64]) {
        for ((w, v), g) in w.iter_mut().zip(v).zip(g) {
            *v = self.momentum * *v - self.rate * g;
            *w += if self.nesterov { self.momentum * *v - self.rate * g } else { *v };
        }
    }
}
