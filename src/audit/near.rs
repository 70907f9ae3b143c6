//! Finds near duplicates: samples of different parts whose values correlate almost perfectly, such
//! as one recording that was encoded twice.
//!
//! All pairs are compared, by products of blocks of matrices: 66 thousand million
//! multiplications for the course's 6,000 samples of 80×80, which take seconds. A projection to
//! fewer dimensions would have to be checked in full, since it is least precise for r near 1.

use std::collections::BTreeSet;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::samples::AllSamples;
use super::{How, Match, PAIRS, Sample};
use crate::data::PartName;
use crate::progress::Progress;

/// Samples in a block.
const BLOCK: usize = 128;

/// The largest error of a sum of products in f32.
const SLACK: f32 = 1e-4;

/// The samples of a part, each with mean 0 and length 1; constant ones are 0.
struct Standardised<'a> {
    samples: Vec<&'a Sample>,
    x: Vec<f32>,
}

/// For each sample and part that must not share it, the sample there with the largest correlation, if
/// r is at least `least`. Pairs that are `known` to be identical are not reported again.
pub(super) fn find(
    all: &AllSamples<'_>,
    known: &[Match],
    least: f64,
    progress: &dyn Progress,
) -> Vec<Match> {
    let known: BTreeSet<(Sample, PartName)> =
        known.iter().map(|m| (m.sample, m.other.part)).collect();
    let parts = PartName::ALL.map(|part| standardised(all, part));
    let of = |part: PartName| &parts[part as usize];
    let blocks: usize = PAIRS.iter().map(|[part, _]| of(*part).samples.len().div_ceil(BLOCK)).sum();
    let mut found = Vec::new();
    progress.begin("comparing samples", blocks as u64, "blocks");
    for [part, other] in PAIRS {
        let (ours, theirs) = (of(part), of(other));
        let blocks = ours.samples.par_chunks(BLOCK).zip(ours.x.par_chunks(BLOCK * all.size));
        let matched = blocks.flat_map_iter(|(samples, x)| {
            let nearest = nearest(x, &theirs.x, all.size);
            progress.advance(1);
            let matched = samples.iter().zip(nearest).filter_map(|(sample, (index, r))| {
                if r < least as f32 - SLACK || known.contains(&(**sample, other)) {
                    return None;
                }
                let other = *theirs.samples.get(index)?;
                let r = correlation(all.x(sample), all.x(other));
                let how = How::Near { r };
                (r >= least).then_some(Match { sample: **sample, other: *other, how })
            });
            matched.collect::<Vec<_>>()
        });
        found.extend(matched.collect::<Vec<_>>());
    }
    progress.end();
    found
}

/// For each row of `x` the row of `others` with the largest product, the first of equal ones.
fn nearest(x: &[f32], others: &[f32], size: usize) -> Vec<(usize, f32)> {
    let mut best = vec![(usize::MAX, f32::NEG_INFINITY); x.len() / size];
    let rows = |x| ArrayView2::from_shape((<[f32]>::len(x) / size, size), x);
    for (block, others) in others.chunks(BLOCK * size).enumerate() {
        let (Ok(ours), Ok(others)) = (rows(x), rows(others)) else { continue };
        let products = ours.dot(&others.t());
        for (best, row) in best.iter_mut().zip(products.rows()) {
            for (j, &r) in row.iter().enumerate() {
                if r > best.1 {
                    *best = (block * BLOCK + j, r);
                }
            }
        }
    }
    best
}

fn mean(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64
}

fn standardised<'a>(all: &'a AllSamples<'_>, part: PartName) -> Standardised<'a> {
    let samples: Vec<&Sample> = all.of_part(part).collect();
    let mut x = all.data.part(part).x.clone();
    x.par_chunks_mut(all.size).for_each(|x| {
        let mean = mean(x);
        let square: f64 = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
        let factor = if square > 0.0 { square.sqrt().recip() } else { 0.0 };
        x.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) * factor) as f32);
    });
    Standardised { samples, x }
}

/// Pearson's r; NaN where one is constant.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    ab / (aa * bb).sqrt()
}
