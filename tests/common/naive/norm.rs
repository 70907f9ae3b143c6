//! Batch norm and dropout, element by element.

/// Mean and inverse deviation that a batch norm divides by, for each channel.
pub struct Figures {
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
    pub epsilon: f64,
}

impl Figures {
    /// Those of a batch, over all but the last axis.
    pub fn of(x: &[f64], c: usize, epsilon: f32) -> Self {
        let count = (x.len() / c) as f64;
        let over = |ch: usize, f: &dyn Fn(f64) -> f64| {
            (0..x.len()).filter(|i| i % c == ch).map(|i| f(x[i])).sum::<f64>() / count
        };
        let mean: Vec<f64> = (0..c).map(|ch| over(ch, &|v| v)).collect();
        let variance = (0..c).map(|ch| over(ch, &|v| (v - mean[ch]).powi(2))).collect();
        Self { mean, variance, epsilon: f64::from(epsilon) }
    }

    fn inv_std(&self, ch: usize) -> f64 {
        1.0 / (self.variance[ch] + self.epsilon).sqrt()
    }

    /// `(x - mean) / √(variance + epsilon)`.
    pub fn normal(&self, x: &[f64]) -> Vec<f64> {
        let c = self.mean.len();
        x.iter().enumerate().map(|(i, v)| (v - self.mean[i % c]) * self.inv_std(i % c)).collect()
    }

    /// The gradient at the input, dgamma and dbeta. Written as the chain through the mean and
    /// the variance, term by term, not as the formula that the crate uses.
    pub fn backward(&self, x: &[f64], gamma: &[f64], dz: &[f64]) -> [Vec<f64>; 3] {
        let c = gamma.len();
        let count = (x.len() / c) as f64;
        let normal = self.normal(x);
        let (mut dx, mut dgamma, mut dbeta) = (vec![0.0; x.len()], vec![0.0; c], vec![0.0; c]);
        for ch in 0..c {
            let at: Vec<usize> = (ch..x.len()).step_by(c).collect();
            let inv_std = self.inv_std(ch);
            let (mut d_variance, mut d_mean, mut sum_of_distances) = (0.0, 0.0, 0.0);
            for &i in &at {
                dgamma[ch] += dz[i] * normal[i];
                dbeta[ch] += dz[i];
                let d_normal = dz[i] * gamma[ch];
                d_variance += d_normal * (x[i] - self.mean[ch]) * -0.5 * inv_std.powi(3);
                d_mean -= d_normal * inv_std;
                sum_of_distances += x[i] - self.mean[ch];
            }
            d_mean += d_variance * -2.0 * sum_of_distances / count;
            for &i in &at {
                dx[i] = dz[i] * gamma[ch] * inv_std
                    + d_variance * 2.0 * (x[i] - self.mean[ch]) / count
                    + d_mean / count;
            }
        }
        [dx, dgamma, dbeta]
    }

    /// The same where mean and variance are fixed, whatever the input.
    pub fn backward_fixed(&self, x: &[f64], gamma: &[f64], dz: &[f64]) -> [Vec<f64>; 3] {
        let c = gamma.len();
        let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
        for (i, (g, normal)) in dz.iter().zip(self.normal(x)).enumerate() {
            dgamma[i % c] += g * normal;
            dbeta[i % c] += g;
        }
        let dx = { dz.iter().enumerate() }.map(|(i, g)| g * gamma[i % c] * self.inv_std(i % c));
        [dx.collect(), dgamma, dbeta]
    }
}

/// What a dropout multiplies each of `len` elements by, from its published recipe.
pub fn mask(len: usize, rate: f32, [seed, node, step]: [u32; 3]) -> Vec<f64> {
    let scramble = |v: u32| {
        let v = (v ^ (v >> 16)).wrapping_mul(0x7feb_352d);
        let v = (v ^ (v >> 15)).wrapping_mul(0x846c_a68b);
        v ^ (v >> 16)
    };
    let key = scramble(scramble(scramble(seed).wrapping_add(node)).wrapping_add(step));
    let falls = |i: usize| {
        f64::from(scramble(scramble(i as u32) ^ key)) < (f64::from(rate) * 2f64.powi(32)).floor()
    };
    let kept = 1.0 / (1.0 - f64::from(rate));
    (0..len).map(|i| if falls(i) { 0.0 } else { kept }).collect()
}
