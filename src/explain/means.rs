//! Mean heatmaps of each class, right and wrong, and where on the frequency axis they lie.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::axes::{Axes, NamedBand};
use super::cells::LayerFacts;
use super::grid::Grid;
use super::maps::{Maps, Methods, SampleMaps};
use super::quantize::SignedMap;
use super::spread::Spread;

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

/// Samples that are predicted rightly beside those that are not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightAndWrong {
    /// Of samples that are predicted rightly.
    pub right: MeanOf,
    /// Of the others.
    pub wrong: MeanOf,
    /// Right less wrong, `[h, w]`; none where either has no map.
    pub difference: Option<SignedMap>,
}

/// The mean of heatmaps, each with maximum 1 first.
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
}

/// The part of heatmaps that lies in a named band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandShare {
    /// Which.
    pub band: NamedBand,
    /// Its share of the mel bands that cells cover: what a map that is the same everywhere has.
    pub of_bands: f64,
    /// Share of the map's sum, 0 to 1, over samples.
    pub of_map: Spread,
}

/// Mean maps of each layer and of so many classes, by layer, then label. `maps` are samples'
/// maps, `y` their labels and `predicted` what they are taken for; `shape` is a sample's.
pub fn mean_maps(
    layers: &[LayerFacts],
    maps: &[SampleMaps],
    y: &[u32],
    predicted: &[u32],
    classes: usize,
    shape: [usize; 3],
    axes: &Axes,
) -> Vec<MeanMap> {
    let mut found = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let grid = Grid::new(&layer.place, shape);
        for label in 0..classes as u32 {
            let of = |map: fn(&Maps) -> &[f32], wanted_right: bool| -> Vec<&[f32]> {
                let samples = maps.iter().zip(y).zip(predicted);
                let own = samples
                    .filter(|((_, y), predicted)| **y == label && (y == predicted) == wanted_right);
                own.filter_map(|((maps, _), _)| maps.layers.get(l).map(map)).collect()
            };
            let maps = Methods::of(|map| {
                let [(right, a), (wrong, b)] =
                    [true, false].map(|right| mean_of(&of(map, right), &grid, shape, axes));
                let difference = (right.n.min(wrong.n) > 0).then(|| {
                    SignedMap::of(&a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>())
                });
                RightAndWrong { right, wrong, difference }
            });
            found.push(MeanMap { layer: layer.name.clone(), label, maps });
        }
    }
    found
}

/// And the mean map itself; empty if there is none.
fn mean_of(maps: &[&[f32]], grid: &Grid, [h, w, _]: [usize; 3], axes: &Axes) -> (MeanOf, Vec<f32>) {
    let heatmaps: Vec<Vec<f64>> = maps.iter().filter_map(|map| heatmap(map)).collect();
    let n = heatmaps.len();
    if n == 0 {
        return (MeanOf { empty: maps.len(), ..MeanOf::default() }, Vec::new());
    }
    let cell = |i: usize| heatmaps.iter().map(|map| map[i]).sum::<f64>() / n as f64;
    let map: Vec<f64> = (0..grid.cells()).map(cell).collect();
    let [by_row, by_column] = profiles(&map, grid);
    let spread_on = |cells: &[Range<usize>], profile: &[f64], others: usize, length: usize| {
        let mut along = vec![0.0; if cells.len() > 1 { length } else { 0 }];
        for (cell, sum) in cells.iter().zip(profile) {
            for value in along.get_mut(cell.clone()).into_iter().flatten() {
                *value = (sum / others as f64) as f32;
            }
        }
        along
    };
    let map: Vec<f32> = map.into_iter().map(|v| v as f32).collect();
    let found = MeanOf {
        n,
        empty: maps.len() - n,
        map: Some(SignedMap::of(&map)),
        bands: spread_on(&grid.rows, &by_row, grid.columns.len(), h),
        frames: spread_on(&grid.columns, &by_column, grid.rows.len(), w),
        shares: match &axes.band_hz {
            Some(hz) if hz.len() == h && grid.rows.len() > 1 => shares(&heatmaps, grid, hz),
            _ => Vec::new(),
        },
    };
    (found, map)
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

/// A row's mass lies evenly on the bands that it covers.
fn shares(heatmaps: &[Vec<f64>], grid: &Grid, hz: &[f64]) -> Vec<BandShare> {
    let covered: usize = grid.rows.iter().map(ExactSizeIterator::len).sum();
    let by_row = |map: &Vec<f64>| {
        let [by_row, _] = profiles(map, grid);
        by_row
    };
    let by_row: Vec<Vec<f64>> = heatmaps.iter().map(by_row).collect();
    let share = |band: NamedBand| {
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
    NamedBand::ALL.into_iter().filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{CellGrid, ReceptiveSpan};

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
        let axes = Axes { band_hz, frame_seconds: None };
        mean_maps(&[layer()], &maps, &[0; 4], &[0, 0, 0, 1], 2, [5, 2, 1], &axes)
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
        let RightAndWrong { right, wrong, difference } = &found[0].maps.grad_cam;
        assert_eq!((right.n, right.empty, wrong.n, wrong.empty), (2, 1, 1, 0));
        assert_eq!(values(&right.map), [0.75, 0.25, 0.5, 0.0]);
        assert_eq!(values(&wrong.map), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(values(difference), [0.75, 0.25, 0.5, -1.0]);
        assert_eq!(right.bands, [0.5, 0.5, 0.25, 0.25, 0.0]);
        assert_eq!(right.frames, [0.625, 0.125]);
        assert!(right.shares.is_empty(), "without frequencies");
        let hires = &found[0].maps.hires_cam;
        assert_eq!(values(&hires.right.map), [0.5, 0.5, 0.5, 0.0]);
        assert_eq!((hires.right.n, hires.wrong.empty), (2, 1));
        assert!(hires.difference.is_none(), "the wrong ones have no map");
    }

    #[test]
    fn shares_of_named_bands_by_hand() {
        // A cell of sub and bass, a cell of bass and air; the fifth band belongs to none.
        let found = found(Some(vec![30.0, 100.0, 200.0, 7000.0, 9000.0]));
        let right = &found[0].maps.grad_cam.right;
        let bands: Vec<_> = right.shares.iter().map(|share| (share.band, share.of_bands)).collect();
        let want = [(NamedBand::Sub, 0.25), (NamedBand::Bass, 0.5), (NamedBand::Air, 0.25)];
        assert_eq!(bands, want);
        // All mass of the first lies in the low cell, half of the second's.
        let of = |i: usize| (right.shares[i].of_map.mean, right.shares[i].of_map.q50);
        assert_eq!(of(0), (Some(0.375), Some(0.375)));
        assert_eq!(of(1), (Some(0.5), Some(0.5)));
        assert_eq!(of(2), (Some(0.125), Some(0.125)));
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
        let found = mean_maps(&[layer], &maps, &[0], &[0], 1, [5, 2, 1], &axes);
        let right = &found[0].maps.grad_cam.right;
        assert!(right.bands.is_empty() && right.shares.is_empty());
        assert_eq!(right.frames, [1.0 / 3.0, 1.0]);
        assert_eq!(found[0].maps.hires_cam.right.n, 0, "what is not finite is no map");
    }
}
