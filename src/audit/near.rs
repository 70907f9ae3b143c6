//! Finds near duplicates: samples of different parts whose values correlate almost perfectly, such
//! as one recording that was encoded twice.
//!
//! Standardised samples are points of length 1, and r is near 1 where two of them are near each other:
//! their squared distance is 2 - 2 r. In a tree over their coordinates in some directions, distances
//! are never larger than in all, so that what it leaves out is too far: the result is that of a
//! comparison of all pairs, while samples are compared with few others. Only where hundreds are alike
//! is the nearest that of some of them.

use std::collections::BTreeSet;

use ndarray::{ArrayView2, ArrayViewMut2, linalg::general_mat_mul};
use rayon::prelude::*;

use super::samples::AllSamples;
use super::{How, Match, PAIRS, Sample};
use crate::data::PartName;
use crate::progress::Progress;

/// Directions in which samples have coordinates.
const DIRECTIONS: usize = 24;

/// And the length of what is in none of them.
const COORDINATES: usize = DIRECTIONS + 1;

/// Samples that directions are chosen among.
const POOL: usize = 256;

/// Samples in a leaf of the tree.
const LEAF: usize = 16;

/// Where this many are compared after a first that is near enough, all are near: what is nearest of
/// them is taken, as the nearest of all would take the square of the number of samples.
const MOST_ALIKE: usize = 256;

/// The largest error of a squared distance: coordinates are f32.
const SLACK: f64 = 1e-4;

/// The samples of a part that are not constant, each with mean 0 and length 1.
struct Points<'a> {
    samples: Vec<&'a Sample>,
    x: Vec<f32>,
    coordinates: Vec<[f32; COORDINATES]>,
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
    let mut parts = PartName::ALL.map(|part| standardised(all, part));
    let directions = directions(&parts, all.size);
    parts.iter_mut().for_each(|points| points.project(&directions, all.size));
    let of = |part: PartName| &parts[part as usize];
    let queries: usize = PAIRS.iter().map(|[part, _]| of(*part).samples.len()).sum();
    let mut found = Vec::new();
    progress.begin("comparing samples", queries as u64, "samples");
    for [part, other] in PAIRS {
        let (ours, theirs) = (of(part), of(other));
        let tree = Tree::new(&theirs.coordinates);
        let matched = ours.samples.par_iter().enumerate().filter_map(|(at, sample)| {
            progress.advance(1);
            if known.contains(&(**sample, other)) {
                return None;
            }
            let other =
                *theirs.samples.get(tree.nearest((ours, at), theirs, all.size, least)?)?;
            let r = correlation(all.x(sample), all.x(other));
            (r >= least).then_some(Match { sample: **sample, other: *other, how: How::Near { r } })
        });
        found.extend(matched.collect::<Vec<_>>());
    }
    progress.end();
    found
}

impl Points<'_> {
    fn x(&self, at: usize, size: usize) -> &[f32] {
        self.x.get(at * size..(at + 1) * size).unwrap_or_default()
    }

    /// Fills in the coordinates.
    fn project(&mut self, directions: &[f32], size: usize) {
        let n = directions.len() / size.max(1);
        self.coordinates = vec![[0.0; COORDINATES]; self.samples.len()];
        let blocks = self.coordinates.par_chunks_mut(POOL).zip(self.x.par_chunks(POOL * size));
        blocks.for_each(|(coordinates, x)| {
            let mut products = vec![0.0; coordinates.len() * n];
            let (Ok(x), Ok(directions), Ok(to)) = (
                ArrayView2::from_shape((coordinates.len(), size), x),
                ArrayView2::from_shape((n, size), directions),
                ArrayViewMut2::from_shape((coordinates.len(), n), &mut products),
            ) else {
                return;
            };
            let mut to = to;
            general_mat_mul(1.0, &x, &directions.t(), 0.0, &mut to);
            for (coordinates, row) in coordinates.iter_mut().zip(products.chunks_exact(n.max(1))) {
                coordinates[..n].copy_from_slice(row);
                let inside: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
                coordinates[DIRECTIONS] = (1.0 - inside).max(0.0).sqrt() as f32;
            }
        });
    }
}

/// Orthonormal directions `[n, size]` in which samples differ: of some samples, again and again what
/// is longest of them outside all directions before.
fn directions(parts: &[Points<'_>; 3], size: usize) -> Vec<f32> {
    let total: usize = parts.iter().map(|points| points.samples.len()).sum();
    let all = parts.iter().flat_map(|points| points.x.chunks_exact(size.max(1)));
    let mut pool: Vec<Vec<f64>> = (all.step_by(total.div_ceil(POOL).max(1)))
        .map(|x| x.iter().map(|x| f64::from(*x)).collect())
        .collect();
    // About their mean: what all have in common tells none apart.
    let n = pool.len() as f64;
    let mean: Vec<f64> =
        (0..size).map(|i| pool.iter().map(|x| x[i]).sum::<f64>() / n.max(1.0)).collect();
    for x in &mut pool {
        x.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut directions = Vec::new();
    while directions.len() < DIRECTIONS * size {
        let longest = pool.par_iter().map(|x| dot(x, x)).enumerate();
        let longest = longest.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let Some((at, square)) = longest.filter(|(_, square)| *square > 1e-6) else { break };
        let direction: Vec<f64> = pool[at].iter().map(|x| x / square.sqrt()).collect();
        pool.par_iter_mut().for_each(|x| {
            let along = dot(x, &direction);
            x.iter_mut().zip(&direction).for_each(|(x, d)| *x -= along * d);
        });
        directions.extend(direction.iter().map(|x| *x as f32));
    }
    directions
}

/// A k-d tree: each node's points lie in a box.
struct Tree {
    /// Indices of points, those of a node beside each other.
    order: Vec<usize>,
    nodes: Vec<Node>,
}

struct Node {
    low: [f32; COORDINATES],
    high: [f32; COORDINATES],
    /// Its points in the order.
    points: std::ops::Range<usize>,
    /// Two nodes that share its points, unless it is a leaf.
    halves: Option<[usize; 2]>,
}

/// What is nearest so far.
struct Nearest {
    /// Its squared distance.
    square: f64,
    at: Option<usize>,
    /// How many were compared in all coordinates since there was one.
    alike: usize,
}

impl Tree {
    fn new(points: &[[f32; COORDINATES]]) -> Self {
        let mut tree = Self { order: (0..points.len()).collect(), nodes: Vec::new() };
        if !points.is_empty() {
            tree.grow(points, 0..points.len());
        }
        tree
    }

    /// Makes the node of these points and all below it, and returns its index.
    fn grow(&mut self, points: &[[f32; COORDINATES]], range: std::ops::Range<usize>) -> usize {
        let (mut low, mut high) = ([f32::MAX; COORDINATES], [f32::MIN; COORDINATES]);
        for at in &self.order[range.clone()] {
            for (i, x) in points[*at].iter().enumerate() {
                (low[i], high[i]) = (low[i].min(*x), high[i].max(*x));
            }
        }
        let widest = (0..COORDINATES)
            .max_by(|a, b| (high[*a] - low[*a]).total_cmp(&(high[*b] - low[*b])))
            .unwrap_or(0);
        let own = self.nodes.len();
        self.nodes.push(Node { low, high, points: range.clone(), halves: None });
        if range.len() > LEAF && high[widest] > low[widest] {
            let middle = range.len() / 2;
            self.order[range.clone()].select_nth_unstable_by(middle, |a, b| {
                points[*a][widest].total_cmp(&points[*b][widest]).then(a.cmp(b))
            });
            let middle = range.start + middle;
            let halves =
                [self.grow(points, range.start..middle), self.grow(points, middle..range.end)];
            self.nodes[own].halves = Some(halves);
        }
        own
    }

    /// The nearest of `theirs` to a point, the first of equal ones, if their correlation may be at
    /// least `least`.
    fn nearest(
        &self,
        (ours, at): (&Points<'_>, usize),
        theirs: &Points<'_>,
        size: usize,
        least: f64,
    ) -> Option<usize> {
        let (point, x) = (ours.coordinates.get(at)?, ours.x(at, size));
        let mut best = Nearest { square: 2.0 - 2.0 * least + SLACK, at: None, alike: 0 };
        let compare = |other: usize, best: &mut Nearest| {
            let of_other = &theirs.coordinates[other];
            let mut short = 0.0f32;
            for (a, b) in point.iter().zip(of_other) {
                short += (a - b) * (a - b);
            }
            if f64::from(short) > best.square + SLACK {
                return;
            }
            best.alike += usize::from(best.at.is_some());
            let Some(square) = squared_distance(x, theirs.x(other, size), best.square) else {
                return;
            };
            if square < best.square || best.at.is_none_or(|known| other < known) {
                (best.square, best.at) = (square, Some(other));
            }
        };
        let outside = |node: &Node| {
            let mut square = 0.0f32;
            for ((x, low), high) in point.iter().zip(&node.low).zip(&node.high) {
                let out = (low - x).max(x - high).max(0.0);
                square += out * out;
            }
            f64::from(square)
        };
        let mut todo: Vec<(f64, usize)> =
            self.nodes.first().map(|root| (outside(root), 0)).into_iter().collect();
        while let Some((away, node)) = todo.pop() {
            if away > best.square + SLACK {
                continue;
            }
            if best.alike > MOST_ALIKE {
                break;
            }
            let node = &self.nodes[node];
            match node.halves {
                None => {
                    self.order[node.points.clone()].iter().for_each(|at| compare(*at, &mut best));
                }
                Some(halves) => {
                    let mut halves = halves.map(|half| (outside(&self.nodes[half]), half));
                    // The nearer half comes first: what is found in it spares most of the other.
                    halves.sort_by(|a, b| b.0.total_cmp(&a.0));
                    todo.extend(halves);
                }
            }
        }
        best.at
    }
}

/// The squared distance, unless it is more than `most`.
fn squared_distance(a: &[f32], b: &[f32], most: f64) -> Option<f64> {
    let mut sum = 0.0;
    for (a, b) in a.chunks(64).zip(b.chunks(64)) {
        sum += a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
        if sum > most {
            return None;
        }
    }
    Some(sum)
}

fn mean(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64
}

fn standardised<'a>(all: &'a AllSamples<'_>, part: PartName) -> Points<'a> {
    let samples: Vec<&Sample> = all.of_part(part).collect();
    let factor = |sample: &&Sample| {
        let x = all.x(sample);
        let mean = mean(x);
        let square: f64 = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
        (mean, if square > 0.0 { square.sqrt().recip() } else { 0.0 })
    };
    let factors: Vec<(f64, f64)> = samples.par_iter().map(factor).collect();
    let used = samples.into_iter().zip(factors).filter(|(_, (_, factor))| *factor > 0.0);
    let (samples, factors): (Vec<&Sample>, Vec<(f64, f64)>) = used.unzip();
    let mut x = vec![0.0; samples.len() * all.size];
    let rows = x.par_chunks_mut(all.size.max(1)).zip(&samples).zip(&factors);
    rows.for_each(|((to, sample), (mean, factor))| {
        let of = all.x(sample).iter();
        to.iter_mut().zip(of).for_each(|(to, x)| *to = ((f64::from(*x) - mean) * factor) as f32);
    });
    Points { samples, x, coordinates: Vec::new() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Part, Scale};
    use crate::progress::Silent;
    use crate::random::streams::Stream;

    /// The nearest by the correlation of all pairs.
    fn exact(all: &AllSamples<'_>, least: f64) -> Vec<(Sample, Sample)> {
        let mut found = Vec::new();
        for [part, other] in PAIRS {
            for sample in all.of_part(part) {
                let r = |other: &Sample| correlation(all.x(sample), all.x(other));
                let others = all.of_part(other).map(|other| (r(other), other));
                let best = others
                    .filter(|(r, _)| *r >= least)
                    .reduce(|a, b| if b.0 > a.0 { b } else { a });
                found.extend(best.map(|(_, other)| (*sample, *other)));
            }
        }
        found
    }

    /// Samples about some centres, with copies that differ a little, and constant ones.
    fn data(seed: u64, shape: [usize; 2], spread: f64) -> Dataset {
        let mut stream = Stream::new(seed, "near");
        let size = shape[0] * shape[1];
        let centres: Vec<Vec<f64>> =
            (0..3).map(|_| (0..size).map(|_| 10.0 * stream.normal()).collect()).collect();
        let mut samples: Vec<Vec<f32>> = Vec::new();
        for i in 0..240 {
            let new: Vec<f32> = match i % 8 {
                0 => vec![3.0; size],
                1 | 2 if i > 8 => {
                    let earlier = samples[stream.below(samples.len())].clone();
                    let noise = spread * 0.02 * stream.uniform();
                    let (gain, shift) = (stream.between(0.5, 2.0), stream.normal());
                    let change =
                        |x: f32| (gain * (f64::from(x) + noise * stream.normal()) + shift) as f32;
                    earlier.into_iter().map(change).collect()
                }
                _ => {
                    let centre = centres[i % 3].clone();
                    centre.into_iter().map(|x| (x + spread * stream.normal()) as f32).collect()
                }
            };
            samples.push(new);
        }
        stream.shuffle(&mut samples);
        let part = |samples: &[Vec<f32>]| Part {
            x: samples.concat(),
            y: vec![0; samples.len()],
            song: None,
        };
        let (train, rest) = samples.split_at(150);
        let (val, test) = rest.split_at(40);
        let [h, w] = shape;
        Dataset {
            source: String::new(),
            sample_shape: [h, w, 1],
            classes: vec!["a".into()],
            assumed_classes: false,
            train: part(train),
            val: part(val),
            test: part(test),
            found: Vec::new(),
            hash: String::new(),
            scale: Scale::NONE,
            disk: None,
            song_ids: Default::default(),
            val_is_test: false,
        }
    }

    #[test]
    fn the_tree_finds_what_all_pairs_do() {
        let mut total = 0;
        for (seed, shape, spread) in
            [(1, [8, 8], 5.0), (2, [5, 3], 1.0), (3, [16, 20], 0.1), (4, [2, 2], 3.0)]
        {
            let data = data(seed, shape, spread);
            let all = AllSamples::of(&data, None);
            for least in [0.999, 0.99, 0.9, 0.5] {
                let pairs = |found: Vec<Match>| -> Vec<(Sample, Sample)> {
                    found.iter().map(|m| (m.sample, m.other)).collect()
                };
                let found = pairs(find(&all, &[], least, &Silent));
                assert_eq!(found, exact(&all, least), "{seed} {least}");
                total += found.len();
            }
        }
        assert!(total > 100, "{total}");
    }

    #[test]
    fn each_of_more_that_are_alike_than_are_compared_is_found() {
        let mut data = data(5, [6, 6], 1.0);
        let mut stream = Stream::new(6, "alike");
        let centre: Vec<f64> = (0..36).map(|_| 10.0 * stream.normal()).collect();
        let n = MOST_ALIKE + 144;
        for part in [&mut data.train, &mut data.test] {
            let values = centre.iter().cycle().take(n * centre.len());
            part.x = values.map(|x| (x + 0.01 * stream.normal()) as f32).collect();
            part.y = vec![0; n];
        }
        let all = AllSamples::of(&data, None);
        let found = find(&all, &[], 0.999, &Silent);
        let of_train = found.iter().filter(|m| m.other.part == PartName::Train);
        let indices: Vec<usize> = of_train.map(|m| m.sample.index).collect();
        assert_eq!(indices, (0..n).collect::<Vec<_>>());
    }
}
