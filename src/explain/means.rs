//! Mean heatmaps of each class, correct and incorrect, and where their heat lies.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::axes::{Axes, BandRange};
use super::cells::LayerFacts;
use super::grid::Grid;
use super::maps::{Maps, Methods, SampleMaps};
use super::quantize::SignedMap;
use super::spread::{Spread, Units, ratio_interval};
use crate::data::Part;

/// Mean heatmaps of one class at one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeanMap {
    /// The layer's name.
    pub layer: String,
    /// The samples' true class.
    pub label: u32,
    /// Of either kind.
    pub maps: Methods<RightAndWrong>,
}

/// Correctly classified samples beside the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightAndWrong {
    /// Of samples that are classified correctly.
    pub right: MeanOf,
    /// Of the others.
    pub wrong: MeanOf,
    /// Correct minus incorrect, `[h, w]`; none where either has no map.
    pub difference: Option<SignedMap>,
    /// The incorrect ones by predicted class, in order of labels.
    pub confused: Vec<ConfusedMap>,
}

/// The mean heatmap of samples of one class that are misclassified as another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfusedMap {
    /// The predicted class.
    pub predicted: u32,
    /// Number of heatmaps.
    pub n: usize,
    /// `[h, w]`, 0 to 1.
    pub map: SignedMap,
}

/// The mean of heatmaps, each scaled to maximum 1 first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanOf {
    /// Number of heatmaps.
    pub n: usize,
    /// Maps without a positive value: they have no heatmap and are left out.
    pub empty: usize,
    /// `[h, w]`, 0 to 1; none if `n` is 0.
    pub map: Option<SignedMap>,
    /// The mean over frames for each band of the sample, 0 where no cell covers it; empty where
    /// the layer has one row.
    pub bands: Vec<f32>,
    /// The mean over bands for each frame; empty where the layer has one column.
    pub frames: Vec<f32>,
    /// How the heatmaps' mass falls on named bands; empty where the bands' frequencies are not
    /// known or the layer has one row.
    pub shares: Vec<BandShare>,
    /// How the heat falls on zones of the map, as far as the layer resolves them.
    pub heat: Vec<HeatShare>,
}

/// The part of heatmaps that lies in a named band, or in several that a cell of the layer is wider than.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandShare {
    /// Which.
    pub band: BandRange,
    /// Its share of the mel bands that cells cover: what a map that is the same everywhere has.
    pub of_bands: f64,
    /// Share of the map's sum, 0 to 1, over samples.
    pub of_map: Spread,
}

/// A part of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// A quarter of the bands that cells cover, 0 the lowest.
    Quarter(usize),
    /// The outermost rows of cells, an eighth of them.
    LowestBands,
    /// The same at the other end.
    HighestBands,
    /// The outermost columns of cells, a tenth of them.
    FirstFrames,
    /// The same at the other end.
    LastFrames,
    /// The quarter of the cells in which the sample's level is lowest.
    QuietCells,
}

/// The share of the heat that lies in a zone. Heat is the sum of heatmaps that are each scaled to
/// maximum 1, so this is the zone's share of the mean map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeatShare {
    /// Which part.
    pub zone: Zone,
    /// From and to (excluded), in bands or frames of the sample; none for quiet cells.
    pub span: Option<(usize, usize)>,
    /// The zone's share of the map's area: what a map that is the same everywhere has.
    pub flat: f64,
    /// The share of the heat, 0 to 1.
    pub heat: f64,
    /// Its 95 % percentile interval under the bootstrap over songs (samples, where songs are not
    /// known); none below two.
    pub interval_95: Option<(f64, f64)>,
}

impl MeanOf {
    /// The heat of a zone, where the layer resolves it.
    pub fn heat_in(&self, zone: Zone) -> Option<&HeatShare> {
        self.heat.iter().find(|share| share.zone == zone)
    }
}

/// Of one class's samples, those that are averaged: their indices and maps.
type Chosen<'a> = Vec<(usize, &'a [f32])>;

/// Mean maps of each layer and of so many classes, by layer, then label. `maps` are the maps of
/// the samples of `part` and `predicted` their predicted classes; `shape` is a sample's.
pub fn mean_maps(
    layers: &[LayerFacts],
    maps: &[SampleMaps],
    part: &Part,
    predicted: &[u32],
    classes: usize,
    shape: [usize; 3],
    axes: &Axes,
) -> Vec<MeanMap> {
    let all: Vec<usize> = (0..part.len()).collect();
    let units = Units::new(part, &all);
    let mut found = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let grid = Grid::new(&layer.place, shape);
        let len = shape.iter().product::<usize>();
        let quiet: Vec<Vec<bool>> =
            part.x.chunks_exact(len.max(1)).map(|x| quiet_cells(&grid.levels(x))).collect();
        let zones = zones(&grid, shape);
        let averaged =
            Averaged { grid: &grid, zones: &zones, quiet: &quiet, units: &units, shape, axes };
        for label in 0..classes as u32 {
            let of = |map: fn(&Maps) -> &[f32], wanted: &dyn Fn(u32) -> bool| -> Chosen<'_> {
                let samples = maps.iter().zip(&part.y).zip(predicted).enumerate();
                let own =
                    samples.filter(|(_, ((_, y), predicted))| **y == label && wanted(**predicted));
                own.filter_map(|(i, ((maps, _), _))| Some((i, map(maps.layers.get(l)?)))).collect()
            };
            let maps = Methods::of(|map| {
                let [(right, a), (wrong, b)] = [true, false]
                    .map(|right| averaged.mean_of(&of(map, &|p| (p == label) == right)));
                let difference = (right.n.min(wrong.n) > 0).then(|| {
                    SignedMap::of(&a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>())
                });
                let confused = (0..classes as u32).filter(|other| *other != label);
                let confused = confused.filter_map(|predicted| {
                    let (n, mean) = mean(&heatmaps(&of(map, &|p| p == predicted)), grid.cells())?;
                    Some(ConfusedMap { predicted, n, map: SignedMap::of(&mean) })
                });
                RightAndWrong { right, wrong, difference, confused: confused.collect() }
            });
            found.push(MeanMap { layer: layer.name.clone(), label, maps });
        }
    }
    found
}

/// A zone with its extent and the weight of each cell in it; quiet cells differ from sample to
/// sample and have no weights here.
struct Weighted {
    zone: Zone,
    span: Option<(usize, usize)>,
    flat: f64,
    cells: Vec<f64>,
}

/// The outermost of so many rows or columns, one in `part`; none where that is more than a fifth.
fn outermost(count: usize, part: usize) -> Option<usize> {
    let edge = ((count as f64 / part as f64).round() as usize).max(1);
    (5 * edge <= count).then_some(edge)
}

/// The zones that a layer resolves.
fn zones(grid: &Grid, [h, _, _]: [usize; 3]) -> Vec<Weighted> {
    let (rows, columns) = (&grid.rows, &grid.columns);
    let spread = |by_row: Vec<f64>| -> Vec<f64> {
        by_row.into_iter().flat_map(|w| std::iter::repeat_n(w, columns.len())).collect()
    };
    let mut found = Vec::new();
    // A row's heat lies evenly on the bands that it covers.
    let covered: Vec<usize> = rows.iter().flat_map(Clone::clone).collect();
    let mut bands = |zone: Zone, inside: &dyn Fn(usize) -> bool| {
        let own: Vec<usize> = covered.iter().copied().filter(|band| inside(*band)).collect();
        let (Some(first), Some(last)) = (own.first(), own.last()) else { return };
        let of_row = |row: &Range<usize>| {
            row.clone().filter(|band| inside(*band)).count() as f64 / row.len().max(1) as f64
        };
        found.push(Weighted {
            zone,
            span: Some((*first, last + 1)),
            flat: own.len() as f64 / covered.len() as f64,
            cells: spread(rows.iter().map(of_row).collect()),
        });
    };
    // No quarter is narrower than a cell.
    if rows.len() > 3 {
        let at = |i: usize| covered.get(i * covered.len() / 4).copied().unwrap_or(h);
        for quarter in 0..4 {
            bands(Zone::Quarter(quarter), &|b| at(quarter) <= b && b < at(quarter + 1));
        }
    }
    if let Some(edge) = outermost(rows.len(), 8) {
        let (low, high) = (rows[edge - 1].end, rows[rows.len() - edge].start);
        bands(Zone::LowestBands, &|b| b < low);
        bands(Zone::HighestBands, &|b| b >= high);
    }
    if let Some(edge) = outermost(columns.len(), 10) {
        let n = columns.len();
        let ends = [(Zone::FirstFrames, 0..edge), (Zone::LastFrames, n - edge..n)];
        found.extend(ends.map(|(zone, wanted)| {
            Weighted {
                zone,
                span: Some((columns[wanted.start].start, columns[wanted.end - 1].end)),
                flat: edge as f64 / n as f64,
                cells: (0..grid.cells())
                    .map(|cell| f64::from(u8::from(wanted.contains(&(cell % n)))))
                    .collect(),
            }
        }));
    }
    if grid.cells() > 3 {
        let flat = quiet_count(grid.cells()) as f64 / grid.cells() as f64;
        found.push(Weighted { zone: Zone::QuietCells, span: None, flat, cells: Vec::new() });
    }
    found
}

fn quiet_count(cells: usize) -> usize {
    (cells / 4).max(1)
}

/// Which quarter of the cells has the lowest level; of equal ones the first.
fn quiet_cells(levels: &[f64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..levels.len()).collect();
    order.sort_by(|&i, &j| levels[i].total_cmp(&levels[j]));
    let mut quiet = vec![false; levels.len()];
    order.iter().take(quiet_count(levels.len())).for_each(|&i| quiet[i] = true);
    quiet
}

/// What means are computed with.
struct Averaged<'a> {
    grid: &'a Grid,
    zones: &'a [Weighted],
    quiet: &'a [Vec<bool>],
    units: &'a Units,
    shape: [usize; 3],
    axes: &'a Axes,
}

impl Averaged<'_> {
    /// And the mean map itself; empty if there is none.
    fn mean_of(&self, maps: &Chosen<'_>) -> (MeanOf, Vec<f32>) {
        let (grid, [h, w, _]) = (self.grid, self.shape);
        let heatmaps = heatmaps(maps);
        let Some((n, mean)) = mean(&heatmaps, grid.cells()) else {
            return (MeanOf { empty: maps.len(), ..MeanOf::default() }, Vec::new());
        };
        let [by_row, by_column] =
            profiles(&mean.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), grid);
        let spread_on = |cells: &[Range<usize>], profile: &[f64], others: usize, length: usize| {
            let mut along = vec![0.0; if cells.len() > 1 { length } else { 0 }];
            for (cell, sum) in cells.iter().zip(profile) {
                for value in along.get_mut(cell.clone()).into_iter().flatten() {
                    *value = (sum / others as f64) as f32;
                }
            }
            along
        };
        let found = MeanOf {
            n,
            empty: maps.len() - n,
            map: Some(SignedMap::of(&mean)),
            bands: spread_on(&grid.rows, &by_row, grid.columns.len(), h),
            frames: spread_on(&grid.columns, &by_column, grid.rows.len(), w),
            shares: match &self.axes.band_hz {
                Some(hz) if hz.len() == h && grid.rows.len() > 1 => shares(&heatmaps, grid, hz),
                _ => Vec::new(),
            },
            heat: self.zones.iter().filter_map(|zone| self.heat(zone, &heatmaps)).collect(),
        };
        (found, mean)
    }

    fn heat(&self, zone: &Weighted, heatmaps: &[(usize, Vec<f64>)]) -> Option<HeatShare> {
        let inside = |(i, map): &(usize, Vec<f64>)| -> f64 {
            let quiet = self.quiet.get(*i);
            let weight = |cell: usize| match (zone.zone, quiet) {
                (Zone::QuietCells, Some(quiet)) => f64::from(u8::from(quiet[cell])),
                _ => zone.cells.get(cell).copied().unwrap_or(0.0),
            };
            map.iter().enumerate().map(|(cell, value)| weight(cell) * value).sum()
        };
        let mut songs: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for heatmap in heatmaps {
            let (own, all) = songs.entry(self.units.of(heatmap.0)).or_default();
            *own += inside(heatmap);
            *all += heatmap.1.iter().sum::<f64>();
        }
        let songs: Vec<(f64, f64)> = songs.into_values().collect();
        let sum = |of: fn(&(f64, f64)) -> f64| songs.iter().map(of).sum::<f64>();
        let heat = sum(|song| song.0) / sum(|song| song.1);
        let Weighted { zone, span, flat, .. } = *zone;
        let interval_95 = ratio_interval(&songs);
        heat.is_finite().then_some(HeatShare { zone, span, flat, heat, interval_95 })
    }
}

/// Heatmaps of maps that have one, with the samples' indices.
fn heatmaps(maps: &Chosen<'_>) -> Vec<(usize, Vec<f64>)> {
    maps.iter().filter_map(|(i, map)| Some((*i, heatmap(map)?))).collect()
}

/// How many, and their mean; none of none.
fn mean(heatmaps: &[(usize, Vec<f64>)], cells: usize) -> Option<(usize, Vec<f32>)> {
    let n = heatmaps.len();
    let cell = |i: usize| (heatmaps.iter().map(|(_, map)| map[i]).sum::<f64>() / n as f64) as f32;
    (n > 0).then(|| (n, (0..cells).map(cell).collect()))
}

/// The positive part over its maximum; none of a map without a positive value, or that is not finite.
fn heatmap(map: &[f32]) -> Option<Vec<f64>> {
    let most = map.iter().copied().fold(0.0, f32::max);
    let usable = most > 0.0 && map.iter().all(|v| v.is_finite());
    usable.then(|| map.iter().map(|v| f64::from(v.max(0.0)) / f64::from(most)).collect())
}

/// A map's sums along rows and along columns of cells.
pub(super) fn profiles(map: &[f64], grid: &Grid) -> [Vec<f64>; 2] {
    let rows: Vec<&[f64]> = map.chunks(grid.columns.len().max(1)).collect();
    let by_row = rows.iter().map(|row| row.iter().sum()).collect();
    let column = |j: usize| rows.iter().map(|row| row[j]).sum();
    [by_row, (0..grid.columns.len()).map(column).collect()]
}

/// A row's mass lies evenly on the bands that it covers. No part is narrower than a row.
fn shares(heatmaps: &[(usize, Vec<f64>)], grid: &Grid, hz: &[f64]) -> Vec<BandShare> {
    let covered: usize = grid.rows.iter().map(ExactSizeIterator::len).sum();
    let widest = grid.rows.iter().map(ExactSizeIterator::len).max().unwrap_or(1);
    let read: Vec<f64> = grid.rows.iter().cloned().flatten().map(|band| hz[band]).collect();
    let by_row = |(_, map): &(usize, Vec<f64>)| {
        let [by_row, _] = profiles(map, grid);
        by_row
    };
    let by_row: Vec<Vec<f64>> = heatmaps.iter().map(by_row).collect();
    let share = |band: BandRange| {
        let holds = |row: &Range<usize>| row.clone().filter(|b| band.holds(hz[*b])).count();
        let of_rows: Vec<f64> =
            grid.rows.iter().map(|row| holds(row) as f64 / row.len().max(1) as f64).collect();
        let of_map = |sums: &Vec<f64>| {
            let inside: f64 = sums.iter().zip(&of_rows).map(|(sum, share)| sum * share).sum();
            Some(inside / sums.iter().sum::<f64>())
        };
        let values: Vec<Option<f64>> = by_row.iter().map(of_map).collect();
        let own: usize = grid.rows.iter().map(holds).sum();
        let of_bands = own as f64 / covered as f64;
        (own > 0).then(|| BandShare { band, of_bands, of_map: Spread::of(&values) })
    };
    BandRange::resolved(&read, widest).into_iter().filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{CellGrid, NamedBand, ReceptiveSpan};

    /// Two rows of two bands and two columns of one frame; the fifth band has no cell.
    fn layer() -> LayerFacts {
        let bands = CellGrid { first: 0.0, size: 2.0, count: 2 };
        let frames = CellGrid { first: 0.0, size: 1.0, count: 2 };
        LayerFacts { name: "pool".into(), shape: [2, 2, 1], place: ReceptiveSpan { bands, frames } }
    }

    fn sample(map: [f32; 4]) -> SampleMaps {
        let maps = Maps { grad_cam: map.to_vec(), hires_cam: map.map(|v| -v).to_vec() };
        SampleMaps { probabilities: Vec::new(), layers: vec![maps] }
    }

    fn found(band_hz: Option<Vec<f64>>) -> Vec<MeanMap> {
        let maps = [
            sample([4.0, -8.0, 0.0, 0.0]),
            sample([0.5, 0.5, 1.0, 0.0]),
            sample([-1.0, 0.0, -1.0, 0.0]),
            sample([0.0, 0.0, 0.0, 3.0]),
        ];
        // The last of the four cells is quiet.
        let x = [3.0, 3.0, 3.0, 3.0, 2.0, 1.0, 2.0, 1.0, 0.0, 0.0].repeat(4);
        let part = Part { x, y: vec![0; 4], song: None };
        let axes = Axes { band_hz, frame_seconds: None };
        mean_maps(&[layer()], &maps, &part, &[0, 0, 0, 1], 2, [5, 2, 1], &axes)
    }

    /// To a hundredth: a map is kept in 127 steps.
    fn values(map: &Option<SignedMap>) -> Vec<f32> {
        let values = map.as_ref().unwrap().values().unwrap();
        values.into_iter().map(|v| (v * 100.0).round() / 100.0).collect()
    }

    #[test]
    fn means_and_profiles_by_hand() {
        let found = found(None);
        assert_eq!((found.len(), found[1].label, found[1].maps.grad_cam.right.n), (2, 1, 0));
        let RightAndWrong { right, wrong, difference, confused } = &found[0].maps.grad_cam;
        assert_eq!((right.n, right.empty, wrong.n, wrong.empty), (2, 1, 1, 0));
        assert_eq!(values(&right.map), [0.75, 0.25, 0.5, 0.0]);
        assert_eq!(values(&wrong.map), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(values(difference), [0.75, 0.25, 0.5, -1.0]);
        assert_eq!(right.bands, [0.5, 0.5, 0.25, 0.25, 0.0]);
        assert_eq!(right.frames, [0.625, 0.125]);
        assert!(right.shares.is_empty(), "without frequencies");
        let [confused] = &confused[..] else { panic!() };
        assert_eq!((confused.predicted, confused.n), (1, 1));
        assert_eq!(confused.map.values().unwrap(), [0.0, 0.0, 0.0, 1.0]);
        let hires = &found[0].maps.hires_cam;
        assert_eq!(values(&hires.right.map), [0.5, 0.5, 0.5, 0.0]);
        assert_eq!((hires.right.n, hires.wrong.empty), (2, 1));
        assert!(hires.difference.is_none(), "the wrong ones have no map");
    }

    #[test]
    fn shares_of_named_bands_by_hand() {
        // A cell of sub and bass, a cell of mid and air; the fifth band belongs to none. A cell is
        // two bands, so sub is no part of its own.
        let found = found(Some(vec![30.0, 100.0, 600.0, 7000.0, 9000.0]));
        let right = &found[0].maps.grad_cam.right;
        let bands: Vec<_> = right.shares.iter().map(|share| (share.band, share.of_bands)).collect();
        let (low, high) = (NamedBand::Sub, NamedBand::Bass);
        let (mid, air) = (NamedBand::Mid, NamedBand::Air);
        let want = [(BandRange { low, high }, 0.5), (BandRange { low: mid, high: air }, 0.5)];
        assert_eq!(bands, want);
        // All mass of the first lies in the low cell, half of the second's.
        let of = |i: usize| (right.shares[i].of_map.mean, right.shares[i].of_map.q50);
        assert_eq!(of(0), (Some(0.75), Some(0.75)));
        assert_eq!(of(1), (Some(0.25), Some(0.25)));
    }

    #[test]
    fn quiet_cells_and_quarters_by_hand() {
        let found = found(None);
        let RightAndWrong { right, wrong, .. } = &found[0].maps.grad_cam;
        let of = |mean: &MeanOf, zone| mean.heat_in(zone).map(|share| (share.flat, share.heat));
        assert_eq!(of(right, Zone::QuietCells), Some((0.25, 0.0)));
        assert_eq!(of(wrong, Zone::QuietCells), Some((0.25, 1.0)));
        assert_eq!(of(right, Zone::Quarter(0)), None, "half a cell");
        assert_eq!(of(right, Zone::FirstFrames), None, "two columns have no edges");
        let share = right.heat_in(Zone::QuietCells).unwrap();
        assert_eq!((share.interval_95, share.span), (Some((0.0, 0.0)), None));
        assert_eq!(wrong.heat_in(Zone::QuietCells).unwrap().interval_95, None, "one map alone");
    }

    /// Ten rows of one band and twenty columns of one frame.
    #[test]
    fn edges_are_the_outermost_cells() {
        let cells = |count| CellGrid { first: 0.0, size: 1.0, count };
        let place = ReceptiveSpan { bands: cells(10), frames: cells(20) };
        let layer = LayerFacts { name: "pool".into(), shape: [10, 20, 1], place };
        // Heat 3 in the topmost row, 1 in each of the first two columns of the row below.
        let mut map = vec![0.0; 200];
        (map[9 * 20 + 10], map[8 * 20], map[8 * 20 + 1]) = (3.0, 1.0, 1.0);
        let maps = [SampleMaps {
            probabilities: Vec::new(),
            layers: vec![Maps { hires_cam: map.clone(), grad_cam: map }],
        }];
        let part = Part { x: vec![0.0; 200], y: vec![0], song: None };
        let axes = Axes::default();
        let found = mean_maps(&[layer], &maps, &part, &[0], 1, [10, 20, 1], &axes);
        let right = &found[0].maps.grad_cam.right;
        let want = [
            // Bands 7 to 9: 3 of 5, and the 2 below them.
            (Zone::Quarter(3), (7, 10), 0.3, 1.0),
            (Zone::Quarter(0), (0, 2), 0.2, 0.0),
            (Zone::LowestBands, (0, 1), 0.1, 0.0),
            (Zone::HighestBands, (9, 10), 0.1, 0.6),
            (Zone::FirstFrames, (0, 2), 0.1, 0.4),
            (Zone::LastFrames, (18, 20), 0.1, 0.0),
        ];
        for (zone, span, flat, heat) in want {
            let share = right.heat_in(zone).unwrap();
            assert_eq!((share.span, share.flat), (Some(span), flat), "{zone:?}");
            assert!((share.heat - heat).abs() < 1e-12, "{zone:?}: {}", share.heat);
        }
    }

    #[test]
    fn one_row_has_no_profile_along_bands() {
        let mut layer = layer();
        layer.place.bands = CellGrid { first: 0.0, size: 5.0, count: 1 };
        let maps = [SampleMaps {
            probabilities: Vec::new(),
            layers: vec![Maps { grad_cam: vec![1.0, 3.0], hires_cam: vec![f32::NAN, 1.0] }],
        }];
        let axes = Axes { band_hz: Some(vec![100.0; 5]), frame_seconds: None };
        let part = Part { x: vec![0.0; 10], y: vec![0], song: None };
        let found = mean_maps(&[layer], &maps, &part, &[0], 1, [5, 2, 1], &axes);
        let right = &found[0].maps.grad_cam.right;
        assert!(right.bands.is_empty() && right.shares.is_empty() && right.heat.is_empty());
        assert_eq!(right.frames, [1.0 / 3.0, 1.0]);
        assert_eq!(found[0].maps.hires_cam.right.n, 0, "what is not finite is no map");
    }
}
