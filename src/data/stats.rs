//! Range, sum and squared deviations of many values, bit-identical for any number of threads:
//! chunks of 65,536 values; in each, lane i of eight adds the values i, i + 8, …
//! in f64; the lanes are added in order, then the chunks in order.

use rayon::prelude::*;

const CHUNK: usize = 1 << 16;
const LANES: usize = 8;

/// Range and sum of values. NaN and infinities always show in `sum`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stats {
    pub(crate) min: f32,
    pub(crate) max: f32,
    pub(crate) sum: f64,
}

/// Range and sum; `min` is +∞ and `max` −∞ where there are no values.
pub(crate) fn stats(x: &[f32]) -> Stats {
    let mut chunks = Chunks::new(chunk_stats);
    chunks.add(x);
    chunks.stats()
}

/// Sum of squared distances from `mean`.
pub(crate) fn squares_about(x: &[f32], mean: f64) -> f64 {
    let mut chunks = Chunks::new(|chunk: &[f32]| chunk_squares(chunk, mean));
    chunks.add(x);
    chunks.finish().iter().sum()
}

/// Applies a function to each chunk of values that are added in pieces of any length: the result is
/// that of all values at once.
pub(super) struct Chunks<T, F> {
    of_chunk: F,
    results: Vec<T>,
    /// The values of a chunk that is not complete yet.
    rest: Vec<f32>,
}

impl<T: Send, F: Fn(&[f32]) -> T + Sync> Chunks<T, F> {
    pub(super) fn new(of_chunk: F) -> Self {
        Self { of_chunk, results: Vec::new(), rest: Vec::new() }
    }

    pub(super) fn add(&mut self, mut x: &[f32]) {
        if !self.rest.is_empty() {
            let (now, later) = x.split_at((CHUNK - self.rest.len()).min(x.len()));
            self.rest.extend_from_slice(now);
            x = later;
            if self.rest.len() < CHUNK {
                return;
            }
            self.results.push((self.of_chunk)(&self.rest));
            self.rest.clear();
        }
        let (whole, rest) = x.split_at(x.len() / CHUNK * CHUNK);
        self.results.par_extend(whole.par_chunks(CHUNK).map(&self.of_chunk));
        self.rest.extend_from_slice(rest);
    }

    /// One for each chunk, in their order.
    pub(super) fn finish(mut self) -> Vec<T> {
        if !self.rest.is_empty() {
            self.results.push((self.of_chunk)(&self.rest));
        }
        self.results
    }
}

impl<F: Fn(&[f32]) -> Stats + Sync> Chunks<Stats, F> {
    /// Range and sum of all chunks.
    pub(super) fn stats(self) -> Stats {
        let none = Stats { min: f32::INFINITY, max: f32::NEG_INFINITY, sum: 0.0 };
        self.finish().iter().fold(none, |all, chunk| Stats {
            min: all.min.min(chunk.min),
            max: all.max.max(chunk.max),
            sum: all.sum + chunk.sum,
        })
    }
}

/// Sum of squared distances from `mean` in a chunk.
pub(super) fn chunk_squares(chunk: &[f32], mean: f64) -> f64 {
    sum(chunk, |value| (value - mean).powi(2))
}

/// Range and sum of a chunk.
pub(super) fn chunk_stats(chunk: &[f32]) -> Stats {
    let (mut min, mut max) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let (blocks, rest) = chunk.as_chunks::<LANES>();
    let mut widen = |values: &[f32]| {
        for ((min, max), &value) in min.iter_mut().zip(&mut max).zip(values) {
            *min = min.min(value);
            *max = max.max(value);
        }
    };
    blocks.iter().for_each(|block| widen(block));
    widen(rest);
    Stats {
        min: min.into_iter().fold(f32::INFINITY, f32::min),
        max: max.into_iter().fold(f32::NEG_INFINITY, f32::max),
        sum: sum(chunk, |value| value),
    }
}

fn sum(chunk: &[f32], term: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (blocks, rest) = chunk.as_chunks::<LANES>();
    // Whole blocks of a known length compile to vector instructions.
    let mut add = |values: &[f32]| {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane += term(f64::from(value));
        }
    };
    blocks.iter().for_each(|block| add(block));
    add(rest);
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_the_bits_of_the_whole() {
        let x: Vec<f32> = (0..3 * CHUNK + 17).map(|i| (i as f32 * 0.37).sin() - 0.2).collect();
        let (whole, squares) = (stats(&x), squares_about(&x, 0.3));
        for piece in [1000, 65_535, CHUNK, CHUNK + 1, 2 * CHUNK + 5] {
            let mut values = Chunks::new(chunk_stats);
            let mut about = Chunks::new(|chunk: &[f32]| chunk_squares(chunk, 0.3));
            for x in x.chunks(piece) {
                values.add(x);
                about.add(x);
            }
            assert_eq!(values.stats(), whole, "{piece}");
            assert_eq!(about.finish().iter().sum::<f64>().to_bits(), squares.to_bits(), "{piece}");
        }
    }
}
