//! The random choices that Keras makes under `set_random_seed`, bit for bit:
//! the seeds of the layers (Python's Mersenne Twister), Glorot-uniform kernels
//! (TensorFlow's stateless Philox) and the order of samples (TensorFlow's
//! `RandomShuffle`). Checked against Keras 2.15 on TensorFlow 2.15 and Keras
//! 3.15 on TensorFlow 2.21.

use rand_mt::Mt;
use serde::{Deserialize, Serialize};

/// The seeds that initialisers draw, one each, in the order of their layers:
/// Python's `random.Random(seed).randint(1, 10**9)`.
#[derive(Debug)]
pub struct LayerSeeds(Mt);

impl LayerSeeds {
    /// The draws that follow `set_random_seed(seed)`.
    pub fn new(seed: u32) -> Self {
        // Python seeds by array even where the array has one word.
        Self(Mt::new_with_key([seed]))
    }

    /// The next layer's seed, in `1..=10^9`.
    pub fn draw(&mut self) -> u32 {
        const SPAN: u32 = 1_000_000_000;
        loop {
            // 30 bits are the fewest that hold 10^9; larger draws are rejected.
            let bits = self.0.next_u32() >> 2;
            if bits < SPAN {
                return bits + 1;
            }
        }
    }
}

/// Philox4x32-10 (Salmon et al. 2011): the four words of a counter block.
fn philox_block(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let p0 = 0xD251_1F53_u64 * u64::from(counter[0]);
        let p1 = 0xCD9E_8D57_u64 * u64::from(counter[2]);
        counter = [
            (p1 >> 32) as u32 ^ counter[1] ^ key[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ counter[3] ^ key[1],
            p0 as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// A stream of Philox words: each block in order, then the 128-bit counter goes up by one.
#[derive(Debug, Clone)]
struct Philox {
    key: [u32; 2],
    counter: u128,
    block: [u32; 4],
    used: usize,
}

impl Philox {
    fn new(key: [u32; 2], counter: u128) -> Self {
        Self { key, counter, block: [0; 4], used: 4 }
    }

    /// The stream of TensorFlow's stateless ops for the seed pair `(seed, 0)`.
    fn stateless(seed: u32) -> Self {
        let [k0, k1, c2, c3] = philox_block([seed, 0, 0, 0], [0x3EC8_F720, 0x0246_1E29]);
        Self::new([k0, k1], u128::from(c2) << 64 | u128::from(c3) << 96)
    }

    fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            let c = self.counter;
            let words = [c as u32, (c >> 32) as u32, (c >> 64) as u32, (c >> 96) as u32];
            self.block = philox_block(words, self.key);
            self.counter = c.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

/// A kernel of Keras's `GlorotUniform(seed)`, row-major over `shape`
/// (`[k_h, k_w, c_in, c_out]` or `[in, out]`).
pub fn glorot_uniform(shape: &[usize], seed: u32) -> Vec<f32> {
    let (receptive, channels) = shape.split_at(shape.len().saturating_sub(2));
    let receptive: usize = receptive.iter().product();
    let fans: usize = channels.iter().map(|c| c * receptive).sum();
    // The order of these three operations in f64 is Keras's.
    let limit = (3.0 * (1.0 / (fans as f64 / 2.0).max(1.0))).sqrt();
    let (low, high) = (-limit as f32, limit as f32);
    let range = high - low;
    let mut stream = Philox::stateless(seed);
    (0..shape.iter().product())
        .map(|_| {
            let unit = f32::from_bits(0x3F80_0000 | (stream.next_u32() & 0x007F_FFFF)) - 1.0;
            // Two roundings: a fused multiply-add would change bits.
            unit * range + low
        })
        .collect()
}

/// Which Keras's order of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shuffle {
    /// A fresh order each epoch, as TensorFlow 2.15 with Keras 2 makes it.
    #[default]
    Keras2,
    /// The first order in every epoch, as Keras 3 makes it.
    Keras3,
}

impl Shuffle {
    /// The order in which `fit(shuffle=True)` on arrays of `n` samples sees them in `epoch` (from 0).
    pub fn order(self, seed: u32, n: usize, epoch: usize) -> Vec<u32> {
        let calls_before = match self {
            Self::Keras2 => epoch,
            Self::Keras3 => 0,
        };
        // A call reserves whole blocks: the rest of its last block is thrown away.
        let blocks_per_call = n.saturating_sub(1).div_ceil(4);
        let first = (calls_before * blocks_per_call) as u128;
        // TensorFlow folds global seeds to 31 bits, and keeps the pair (0, 0) for "no seed".
        const FOLD: u32 = (1 << 31) - 1;
        let folded = seed % FOLD;
        let second = if folded == 0 { FOLD } else { 0 };
        let mut stream = Philox::new([folded, 0], u128::from(second) << 64 | first);
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in 0..n.saturating_sub(1) {
            let j = i + stream.next_u32() as usize % (n - i);
            order.swap(i, j);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([!0; 4], [!0; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, want) in cases {
            assert_eq!(philox_block(counter, key), want);
        }
    }

    #[test]
    fn the_counter_carries_through_all_its_words() {
        let mut stream = Philox::new([1, 2], u128::from(u64::MAX));
        for _ in 0..4 {
            stream.next_u32();
        }
        assert_eq!(stream.next_u32(), philox_block([0, 0, 1, 0], [1, 2])[0]);
    }

    #[test]
    fn an_order_of_none_or_one_draws_nothing() {
        assert!(Shuffle::Keras2.order(42, 0, 3).is_empty());
        assert_eq!(Shuffle::Keras2.order(42, 1, 3), [0]);
    }
}
