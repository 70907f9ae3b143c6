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
    let chunk = |chunk: &[f32]| {
        let mut lanes = [0.0f64; LANES];
        let (blocks, rest) = chunk.as_chunks::<LANES>();
        for block in blocks.iter().map(|block| block.as_slice()).chain([rest]) {
            for (lane, &value) in lanes.iter_mut().zip(block) {
                *lane += (f64::from(value) - mean).powi(2);
            }
        }
        lanes.iter().sum::<f64>()
    };
    let chunks: Vec<f64> = x.par_chunks(CHUNK).map(chunk).collect();
    chunks.iter().sum()
}

fn chunk_stats(chunk: &[f32]) -> Stats {
    let (mut min, mut max) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let mut sum = [0.0f64; LANES];
    let (blocks, rest) = chunk.as_chunks::<LANES>();
    for block in blocks.iter().map(|block| block.as_slice()).chain([rest]) {
        let lanes = min.iter_mut().zip(&mut max).zip(&mut sum);
        for (((min, max), sum), &value) in lanes.zip(block) {
            *min = min.min(value);
            *max = max.max(value);
            *sum += f64::from(value);
        }
    }
    Stats {
        min: min.into_iter().fold(f32::INFINITY, f32::min),
        max: max.into_iter().fold(f32::NEG_INFINITY, f32::max),
        sum: sum.iter().sum(),
    }
}
