//! The best rates of the processor's arithmetic and memory with the pool's threads, by loops
//! compiled for the same vector level as the layers.

use std::hint::black_box;
use std::time::Instant;

use fearless_simd::{Simd, SimdBase, SimdFloat};
use rayon::prelude::*;

use super::Cpu;
use crate::measure::{Budget, Rates};
use crate::simd::{dispatch, lanes, level, vectorised};

/// Floats that are copied: more than caches hold.
const COPY: usize = 16 << 20;
/// Least seconds that the arithmetic runs for.
const LEAST: f64 = 0.01;

impl Cpu {
    /// Measures the processor: the best of `tries`.
    pub fn rates(&self, tries: Budget) -> Rates {
        let copied = (2 * COPY * size_of::<f32>()) as f64;
        // How many chains hide a sum's latency, and how many registers there are for them,
        // differs between processors.
        let rates = [
            self.arithmetic(chains::<6>, 6 * lanes(), tries),
            self.arithmetic(chains::<10>, 10 * lanes(), tries),
            self.arithmetic(chains::<14>, 14 * lanes(), tries),
        ];
        Rates {
            flop_per_second: rates.into_iter().fold(0.0, f64::max),
            bytes_per_second: copied / self.copy(tries),
        }
    }

    /// Seconds of a copy.
    fn copy(&self, tries: Budget) -> f64 {
        let (x, mut y) = (vec![1.0f32; COPY], vec![2.0f32; COPY]);
        let each = COPY.div_ceil(self.pool.current_num_threads());
        let once = |_| {
            let begin = Instant::now();
            self.pool.install(|| {
                let chunks = y.par_chunks_mut(each).zip(x.par_chunks(each));
                chunks.for_each(|(y, x)| vectorised(|| y.copy_from_slice(x)));
            });
            black_box(&mut y);
            begin.elapsed().as_secs_f64()
        };
        tries.repetitions().map(once).fold(f64::INFINITY, f64::min)
    }

    /// Operations per second of a loop that `run`s on every thread, `floats` wide.
    fn arithmetic(&self, run: fn(u32) -> f32, floats: usize, tries: Budget) -> f64 {
        let time = |rounds| {
            let begin = Instant::now();
            self.pool.broadcast(|_| black_box(run(black_box(rounds))));
            begin.elapsed().as_secs_f64()
        };
        let mut rounds = 1 << 10;
        while time(rounds) < LEAST && rounds < u32::MAX / 2 {
            rounds *= 2;
        }
        let seconds = tries.repetitions().map(|_| time(rounds)).fold(f64::INFINITY, f64::min);
        let threads = self.pool.current_num_threads();
        2.0 * f64::from(rounds) * (floats * threads) as f64 / seconds
    }
}

/// `VECTORS` independent chains of fused multiply-adds.
fn chains<const VECTORS: usize>(rounds: u32) -> f32 {
    dispatch!(level(), simd => multiply_add::<_, VECTORS>(simd, rounds))
}

#[inline(always)]
fn multiply_add<S: Simd, const VECTORS: usize>(simd: S, rounds: u32) -> f32 {
    // The sums stay far from 0 and infinity.
    let factor = S::f32s::splat(simd, black_box(0.5));
    let summand = S::f32s::splat(simd, black_box(0.5));
    let mut sums = [summand; VECTORS];
    for (v, sum) in sums.iter_mut().enumerate() {
        *sum = S::f32s::splat(simd, black_box(0.1 + v as f32));
    }
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = sum.mul_add(factor, summand);
        }
    }
    sums.iter().flat_map(SimdBase::as_slice).sum()
}
