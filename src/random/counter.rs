//! Counter-based random bits: element `index` of a draw is a function of a key and the index, so that
//! threads and shaders produce the same bits in any order.

/// A permutation of 32-bit words that mixes all bits ("lowbias32" of C. Wellons,
/// "Prospecting for hash functions", 2018).
pub fn mix(mut bits: u32) -> u32 {
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x7FEB_352D);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x846C_A68B);
    bits ^ (bits >> 16)
}

/// The key of one draw, for a node in a step of a run.
pub fn key(seed: u32, node: u32, step: u32) -> u32 {
    mix(mix(mix(seed).wrapping_add(node)).wrapping_add(step))
}

/// Whether element `index` of the draw survives a dropout of [`threshold`].
pub fn survives(key: u32, index: u32, threshold: u32) -> bool {
    mix(mix(index) ^ key) >= threshold
}

/// `rate` (from 0 to below 1) as a share of 2^32: a random word is below it with that probability.
pub fn threshold(rate: f32) -> u32 {
    (f64::from(rate) * 4_294_967_296.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dropped_share_is_the_rate_and_draws_differ() {
        let n = 100_000;
        for rate in [0.1, 0.3, 0.5] {
            let dropped = |key| (0..n).filter(|i| !survives(key, *i, threshold(rate))).count();
            for step in 0..5 {
                let share = dropped(key(42, 3, step)) as f64 / f64::from(n);
                // Five standard deviations of a binomial share.
                let far = 5.0 * (f64::from(rate) * f64::from(1.0 - rate) / f64::from(n)).sqrt();
                assert!((share - f64::from(rate)).abs() < far, "{rate}, step {step}: {share}");
            }
        }
        // Two draws agree on half of the elements: neither alike nor opposed.
        for other in [key(42, 3, 1), key(42, 4, 0), key(43, 3, 0)] {
            let half = threshold(0.5);
            let same = |i: &u32| survives(key(42, 3, 0), *i, half) == survives(other, *i, half);
            let share = (0..n).filter(same).count() as f64 / f64::from(n);
            assert!((share - 0.5).abs() < 0.008, "{share}");
        }
        assert!((0..n).all(|i| survives(7, i, threshold(0.0))));
    }
}
