//! Whether what maps point at is what the network uses.
//!
//! V. Petsiuk et al., "RISE: Randomized input sampling for explanation", BMVC 2018: delete the
//! cells of a sample in the order of the map, highest first, and see how fast the class loses its
//! probability; insert them into nothing, and see how fast it comes. Deleted is what became the
//! training set's mean in its band. What no layer's cell covers stays as it is throughout.

use serde::{Deserialize, Serialize};

use super::explained::Explained;
use super::orders::{Orders, RANDOM_DRAWS};
use crate::error::Result;
use crate::explain::grid::{Grid, muted};
use crate::explain::maps::Methods;
use crate::explain::network::{Network, samples_at_once, target_probabilities};
use crate::explain::occlusion::MeanCurve;
use crate::explain::spread::{Estimate, Spread, Units};
use crate::progress::Progress;

/// Steps from none to all cells, where there are as many.
const STEPS: usize = 20;

/// Deletion and insertion at one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Number of cells that are ordered.
    pub cells: usize,
    /// Share of cells that are deleted or inserted, at each point of the curves.
    pub shares: Vec<f64>,
    /// Random orders for each sample; its figure is their mean.
    pub random_draws: usize,
    /// The target's probability as cells are deleted; low is good.
    pub deletion: Test,
    /// The same as they are inserted; high is good.
    pub insertion: Test,
}

/// One of the two tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// In the order of the map, as signed, highest first.
    pub by_map: Methods<Course>,
    /// Loudest cell first.
    pub by_energy: Course,
    /// In random order.
    pub by_random: Course,
    /// How much better a map's order is than that of energy.
    pub over_energy: Methods<Gain>,
    /// How much better a map's order is than random order.
    pub over_random: Methods<Gain>,
}

/// The target's probability along an order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// At each share, over samples.
    pub curve: MeanCurve,
    /// Area under a sample's curve over shares from 0 to 1.
    pub area: Spread,
}

/// A map's order against another on the same samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// Difference of areas, so that more than 0 speaks for the map: other less map in deletion,
    /// map less other in insertion.
    pub gain: Estimate,
    /// Share of samples whose gain is more than 0; none without samples.
    pub better: Option<f64>,
}

/// Curves of the chosen samples at a layer, some 230 forward passes for each of them; none where
/// the layer has fewer than two cells.
pub(super) fn curves(
    network: &mut dyn Network,
    explained: &Explained<'_>,
    chosen: &[usize],
    layer: usize,
    grid: &Grid,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Option<Curves>> {
    let cells = grid.cells();
    if cells < 2 {
        return Ok(None);
    }
    let counts = counts(cells);
    let shares: Vec<f64> = counts.iter().map(|k| *k as f64 / cells as f64).collect();
    let nothing = muted(explained.fill, explained.shape);
    let variants = 2 + 2 * Orders::COUNT * (counts.len() - 2);
    let at_once = samples_at_once(explained.len(), variants);
    let mut found = Vec::with_capacity(chosen.len());
    progress.begin("deletion and insertion", chosen.len() as u64, "samples");
    for chosen in chosen.chunks(at_once) {
        let mut input = Vec::with_capacity(chosen.len() * variants * explained.len());
        for &i in chosen {
            let x = explained.sample(i);
            let orders = Orders::new(explained.maps(i, layer), &grid.levels(x), seed, i);
            push_variants(x, &nothing, &orders, &counts, grid, &mut input);
        }
        let (_, targets) = explained.gather(chosen);
        let p = target_probabilities(network, &input, &targets, variants)?;
        found.extend(p.chunks_exact(variants).map(|p| SampleCurves::new(p, counts.len())));
        progress.advance(chosen.len() as u64);
    }
    progress.end();
    let units = Units::new(explained.part, chosen);
    Ok(Some(Curves {
        cells,
        deletion: test(&found, &shares, &units, |one| &one.deletion, -1.0),
        insertion: test(&found, &shares, &units, |one| &one.insertion, 1.0),
        shares,
        random_draws: RANDOM_DRAWS,
    }))
}

/// Cells at each point, none first, all last.
fn counts(cells: usize) -> Vec<usize> {
    let steps = STEPS.min(cells);
    (0..=steps).map(|step| (2 * step * cells + steps) / (2 * steps)).collect()
}

/// The sample, the same with all cells deleted, then for each order the points between as cells
/// are deleted, then as they are inserted.
fn push_variants(
    x: &[f32],
    nothing: &[f32],
    orders: &Orders,
    counts: &[usize],
    grid: &Grid,
    input: &mut Vec<f32>,
) {
    let all: Vec<usize> = (0..grid.cells()).collect();
    let mut deleted = x.to_vec();
    grid.copy(&all, nothing, &mut deleted);
    input.extend_from_slice(x);
    input.extend_from_slice(&deleted);
    for order in &orders.cells {
        for (begin, cells_from) in [(x, nothing), (&deleted[..], x)] {
            let mut now = begin.to_vec();
            for step in counts[..counts.len() - 1].windows(2) {
                grid.copy(&order[step[0]..step[1]], cells_from, &mut now);
                input.extend_from_slice(&now);
            }
        }
    }
}

/// A sample's probabilities along each order.
struct SampleCurves {
    deletion: Vec<Vec<f64>>,
    insertion: Vec<Vec<f64>>,
}

impl SampleCurves {
    /// From the probabilities of what `push_variants` pushed.
    fn new(p: &[f64], points: usize) -> Self {
        let (mut deletion, mut insertion) = (Vec::new(), Vec::new());
        let mut rest = &p[2..];
        for _ in 0..Orders::COUNT {
            for (curves, begin, end) in [(&mut deletion, p[0], p[1]), (&mut insertion, p[1], p[0])]
            {
                let (between, others) = rest.split_at(points - 2);
                curves.push([&[begin], between, &[end]].concat());
                rest = others;
            }
        }
        Self { deletion, insertion }
    }
}

fn test(
    found: &[SampleCurves],
    shares: &[f64],
    units: &Units,
    of: fn(&SampleCurves) -> &Vec<Vec<f64>>,
    sign: f64,
) -> Test {
    let mean_curve = |curves: &[Vec<f64>]| -> Vec<f64> {
        let at = |i| curves.iter().map(|curve| curve[i]).sum::<f64>() / curves.len() as f64;
        (0..shares.len()).map(at).collect()
    };
    // Of random orders, a sample's mean curve stands for them all.
    let of_order = |orders: std::ops::Range<usize>| -> Vec<Vec<f64>> {
        found.iter().map(|one| mean_curve(&of(one)[orders.clone()])).collect()
    };
    let areas = |curves: &[Vec<f64>]| -> Vec<f64> {
        curves.iter().map(|curve| area(shares, curve)).collect()
    };
    let course = |curves: &[Vec<f64>]| Course {
        curve: MeanCurve::of(curves.iter().map(Vec::as_slice)),
        area: Spread::of(&areas(curves).into_iter().map(Some).collect::<Vec<_>>()),
    };
    let gain = |map: &[Vec<f64>], other: &[Vec<f64>]| {
        let pairs = areas(map).into_iter().zip(areas(other));
        let gains: Vec<Option<f64>> =
            pairs.map(|(map, other)| Some(sign * (map - other))).collect();
        let gain = Estimate::of(&gains, units);
        let better = gains.iter().flatten().filter(|gain| **gain > 0.0).count() as f64;
        Gain { gain, better: (gain.spread.n > 0).then(|| better / gain.spread.n as f64) }
    };
    let maps = Methods {
        grad_cam: of_order(Orders::GRAD_CAM..Orders::GRAD_CAM + 1),
        hires_cam: of_order(Orders::HIRES_CAM..Orders::HIRES_CAM + 1),
    };
    let energy = of_order(Orders::ENERGY..Orders::ENERGY + 1);
    let random = of_order(Orders::RANDOM..Orders::COUNT);
    let over = |other: &[Vec<f64>]| Methods {
        grad_cam: gain(&maps.grad_cam, other),
        hires_cam: gain(&maps.hires_cam, other),
    };
    Test {
        by_map: Methods { grad_cam: course(&maps.grad_cam), hires_cam: course(&maps.hires_cam) },
        by_energy: course(&energy),
        by_random: course(&random),
        over_energy: over(&energy),
        over_random: over(&random),
    }
}

/// By trapezoids.
fn area(shares: &[f64], curve: &[f64]) -> f64 {
    let pairs = shares.windows(2).zip(curve.windows(2));
    pairs.map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{CellGrid, Maps, ReceptiveSpan};

    #[test]
    fn points_are_spaced_over_cells() {
        assert_eq!(counts(2), [0, 1, 2]);
        assert_eq!(counts(7), [0, 1, 2, 3, 4, 5, 6, 7]);
        let many = counts(100);
        assert_eq!((many.len(), many[1], many[20]), (21, 5, 100));
        assert_eq!(counts(30)[..4], [0, 2, 3, 5]);
    }

    #[test]
    fn areas_by_hand() {
        assert_eq!(area(&[0.0, 0.5, 1.0], &[1.0, 0.5, 0.0]), 0.5);
        assert_eq!(area(&[0.0, 0.25, 1.0], &[1.0, 0.0, 0.0]), 0.125);
    }

    /// Three cells of one element each; the fourth element belongs to none.
    #[test]
    fn variants_by_hand() {
        let frames = CellGrid { first: 0.0, size: 1.0, count: 3 };
        let place = ReceptiveSpan { bands: CellGrid { first: 0.0, size: 1.0, count: 1 }, frames };
        let grid = Grid::new(&place, [1, 4, 1]);
        let (x, nothing) = ([1.0, 2.0, 3.0, 4.0], [0.0; 4]);
        let maps = Maps { grad_cam: vec![0.5, 2.0, 1.0], hires_cam: vec![3.0, 2.0, 1.0] };
        let orders = Orders::new(&maps, &grid.levels(&x), 1, 0);
        let mut input = Vec::new();
        push_variants(&x, &nothing, &orders, &counts(3), &grid, &mut input);
        let rows: Vec<&[f32]> = input.chunks_exact(4).collect();
        assert_eq!(rows.len(), 2 + 2 * Orders::COUNT * 2);
        assert_eq!(rows[..2], [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 4.0]]);
        assert_eq!(rows[2..4], [[1.0, 0.0, 3.0, 4.0], [1.0, 0.0, 0.0, 4.0]], "deletion");
        assert_eq!(rows[4..6], [[0.0, 2.0, 0.0, 4.0], [0.0, 2.0, 3.0, 4.0]], "insertion");
        assert_eq!(rows[6], [0.0, 2.0, 3.0, 4.0], "HiResCAM begins elsewhere");
        assert_eq!(rows[10], [1.0, 2.0, 0.0, 4.0], "energy begins with the loudest");
        let sums: Vec<f64> =
            rows.iter().map(|row| row.iter().map(|v| f64::from(*v)).sum()).collect();
        let curves = SampleCurves::new(&sums, 4);
        assert_eq!(curves.deletion[0], [10.0, 8.0, 5.0, 4.0]);
        assert_eq!(curves.insertion[0], [4.0, 6.0, 9.0, 10.0]);
    }
}
