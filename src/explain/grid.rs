//! A layer's cells as bands and frames of a sample.

use std::ops::Range;

use super::cells::{CellGrid, ReceptiveSpan};

/// Which elements of a sample `[h, w, c]` each cell of a layer covers. A band or frame belongs to
/// the cell that its middle lies in. What no cell covers (a rest that pooling drops, bands that are
/// cropped away) belongs to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Bands of each row of cells.
    pub rows: Vec<Range<usize>>,
    /// Frames of each column of cells.
    pub columns: Vec<Range<usize>>,
    shape: [usize; 3],
}

impl Grid {
    /// Of a layer that lies so on samples of this shape.
    pub fn new(place: &ReceptiveSpan, shape: [usize; 3]) -> Self {
        Self {
            rows: ranges(&place.bands, shape[0]),
            columns: ranges(&place.frames, shape[1]),
            shape,
        }
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// The runs of elements that a cell covers, one for each of its bands.
    fn runs(&self, cell: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let columns = self.columns.len();
        let (bands, frames) = (self.rows[cell / columns].clone(), &self.columns[cell % columns]);
        let [_, w, c] = self.shape;
        let (first, end) = (frames.start, frames.end);
        bands.map(move |band| (band * w + first) * c..(band * w + end) * c)
    }

    /// A sample's level in each cell, the mean of its elements: `[rows, columns]`.
    pub fn levels(&self, x: &[f32]) -> Vec<f64> {
        let level = |cell| {
            let (mut sum, mut count) = (0.0, 0);
            for run in self.runs(cell) {
                count += run.len();
                sum += x[run].iter().map(|v| f64::from(*v)).sum::<f64>();
            }
            sum / count as f64
        };
        (0..self.cells()).map(level).collect()
    }

    /// Makes the elements of these cells what they are in another sample.
    pub fn copy(&self, cells: &[usize], from: &[f32], to: &mut [f32]) {
        for run in cells.iter().flat_map(|cell| self.runs(*cell)) {
            to[run.clone()].copy_from_slice(&from[run]);
        }
    }
}

/// A sample that is nothing but the training set's mean in each band.
pub(super) fn muted(fill: &[f32], [_, w, c]: [usize; 3]) -> Vec<f32> {
    fill.iter().flat_map(|mean| std::iter::repeat_n(*mean, w * c)).collect()
}

fn ranges(cells: &CellGrid, length: usize) -> Vec<Range<usize>> {
    // The first whose middle is not before `at`.
    let bound = |at: f64| ((at - 0.5).ceil().max(0.0) as usize).min(length);
    let at = |i: usize| cells.first + i as f64 * cells.size;
    (0..cells.count).map(|i| bound(at(i))..bound(at(i + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(first: f64, size: f64, count: usize) -> CellGrid {
        CellGrid { first, size, count }
    }

    fn grid() -> Grid {
        let place = ReceptiveSpan { bands: cells(0.0, 2.0, 2), frames: cells(1.0, 2.0, 1) };
        Grid::new(&place, [5, 4, 1])
    }

    #[test]
    fn middles_decide_and_rests_belong_to_none() {
        assert_eq!(grid().rows, [0..2, 2..4], "the fifth band has no cell");
        assert_eq!((grid().columns.len(), &grid().columns[0]), (1, &(1..3)));
        assert_eq!(ranges(&cells(0.5, 2.0, 2), 5), [0..2, 2..4]);
        assert_eq!(ranges(&cells(1.25, 1.5, 3), 5), [1..3, 3..4, 4..5]);
        assert_eq!(ranges(&cells(3.0, 4.0, 2), 5), [3..5, 5..5], "never beyond the sample");
    }

    #[test]
    fn levels_and_copies_by_hand() {
        let x: Vec<f32> = (0..20).map(|v| v as f32).collect();
        assert_eq!(grid().levels(&x), [3.5, 11.5]);
        let mut to = x.clone();
        let fill = muted(&[-1.0, -2.0, -3.0, -4.0, -5.0], [5, 4, 1]);
        grid().copy(&[1], &fill, &mut to);
        let changed: Vec<usize> = (0..20).filter(|&i| to[i] != x[i]).collect();
        assert_eq!(changed, [9, 10, 13, 14]);
        assert_eq!((to[9], to[14]), (-3.0, -4.0));
    }

    #[test]
    fn channels_go_with_their_frame() {
        let place = ReceptiveSpan { bands: cells(0.0, 1.0, 1), frames: cells(1.0, 1.0, 1) };
        let grid = Grid::new(&place, [1, 2, 3]);
        assert_eq!(grid.levels(&[9.0, 9.0, 9.0, 1.0, 2.0, 6.0]), [3.0]);
        assert_eq!(muted(&[7.0], [1, 2, 3]), [7.0; 6]);
    }
}
