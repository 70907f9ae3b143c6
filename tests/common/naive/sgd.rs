//! `v ← momentum · v - rate · g`, then `w ← w + v`, or with Nesterov's momentum
//! `w ← w + momentum · v - rate · g`.

pub struct Sgd {
    pub rate: f64,
    pub momentum: f64,
    pub nesterov: bool,
}

impl Sgd {
    pub fn step(&self, w: &mut [f64], v: &mut [f64], g: &[f64]) {
        for ((w, v), g) in w.iter_mut().zip(v).zip(g) {
            *v = self.momentum * *v - self.rate * g;
            *w += if self.nesterov { self.momentum * *v - self.rate * g } else { *v };
        }
    }
}
