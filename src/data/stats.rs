//! Range, sum and spread of many values, the same for any number of threads:
//! chunks of 65,536 values; in each, lane i of eight adds the values i, i + 8, …
//! in f64; the lanes are added in order, then the chunks in order.

use rayon::prelude::*;

const CHUNK: usize = 1 << 16;
const LANES: usize = 8;

/// What a pass over values finds. All NaN or infinite input shows in `sum`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stats {
    pub(super) min: f32,
    pub(super) max: f32,
    pub(super) sum: f64,
}

/// Range and sum; `min` is +∞ and `max` −∞ where there are no values.
pub(super) fn stats(x: &[f32]) -> Stats {
    let none = Stats { min: f32::INFINITY, max: f32::NEG_INFINITY, sum: 0.0 };
    let chunks: Vec<Stats> = x.par_chunks(CHUNK).map(chunk_stats).collect();
    chunks.iter().fold(none, |all, chunk| Stats {
        min: all.min.min(chunk.min),
        max: all.max.max(chunk.max),
        sum: all.sum + chunk.sum,
    })
}

/// Sum of squared distances from `mean`.
pub(super) fn squares_about(x: &[f32], mean: f64) -> f64 {
    let chunk = |chunk: &[f32]| sum(chunk, |value| (value - mean).powi(2));
    let chunks: Vec<f64> = x.par_chunks(CHUNK).map(chunk).collect();
    chunks.iter().sum()
}

fn chunk_stats(chunk: &[f32]) -> Stats {
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
