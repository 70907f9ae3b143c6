//! Whether maps and occlusion point at the same bands and frames.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::rank::spearman;
use super::views::positive;
use crate::explain::grid::Grid;
use crate::explain::maps::{Maps, Methods};
use crate::explain::means::profiles;
use crate::explain::occlusion::Occlusion;
use crate::explain::spread::{Estimate, Units};

/// Rank correlation of a heatmap's profile with the occlusion curve, over samples. Both are taken
/// at the layer's resolution: the heatmap's sum over the other axis, and the mean fall of
/// probability over what each row or column of cells covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Along bands; none where the layer has one row.
    pub bands: Option<Methods<Estimate>>,
    /// Along frames; none where it has one column.
    pub frames: Option<Methods<Estimate>>,
}

/// Of samples' maps at a layer and their occlusion curves, in the same order.
pub(super) fn agreement(
    maps: &[&Maps],
    occlusions: &[Occlusion],
    grid: &Grid,
    units: &Units,
) -> Agreement {
    let axis = |axis: usize, cells: &[Range<usize>], curve: fn(&Occlusion) -> &Vec<f32>| {
        let of_map = |map: fn(&Maps) -> &[f32]| {
            let one = |(maps, occlusion): (&&Maps, &Occlusion)| {
                let profile = &profiles(&positive(map(maps)), grid)[axis];
                spearman(profile, &by_cell(curve(occlusion), cells))
            };
            let values: Vec<Option<f64>> = maps.iter().zip(occlusions).map(one).collect();
            Estimate::of(&values, units)
        };
        (cells.len() > 1).then(|| Methods::of(of_map))
    };
    Agreement {
        bands: axis(0, &grid.rows, |one| &one.bands),
        frames: axis(1, &grid.columns, |one| &one.frames),
    }
}

fn by_cell(curve: &[f32], cells: &[Range<usize>]) -> Vec<f64> {
    let mean = |cell: &Range<usize>| {
        let sum = curve[cell.clone()].iter().map(|v| f64::from(*v)).sum::<f64>();
        sum / cell.len() as f64
    };
    cells.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Part;
    use crate::explain::{CellGrid, ReceptiveSpan};

    #[test]
    fn profiles_are_held_against_curves_at_the_layers_resolution() {
        let bands = CellGrid { first: 0.0, size: 2.0, count: 3 };
        let place = ReceptiveSpan { bands, frames: CellGrid { first: 0.0, size: 4.0, count: 1 } };
        let grid = Grid::new(&place, [7, 4, 1]);
        // Means of cells 3, 2, 5; the seventh band has none.
        let bands = vec![6.0, 0.0, 2.0, 2.0, 4.0, 6.0, 99.0];
        let occlusion = Occlusion { bands, frames: vec![0.0; 4] };
        // The negative values are a tie at 0.
        let maps = Maps { grad_cam: vec![2.0, 1.0, 9.0], hires_cam: vec![-1.0, -2.0, -3.0] };
        let units = Units::new(&Part::default(), &[0]);
        let got = agreement(&[&maps], &[occlusion], &grid, &units);
        let bands = got.bands.unwrap();
        assert_eq!(bands.grad_cam.spread.mean, Some(1.0));
        assert_eq!((bands.hires_cam.spread.n, bands.hires_cam.spread.without), (0, 1));
        assert_eq!(got.frames, None, "one column has no profile");
    }
}
