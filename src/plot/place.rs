//! A layer's map carried to the input.

use crate::error::{Error, Result};

/// One axis of a layer: cell `i` of `count` stands for the input from `first + i · size` on,
/// `size` long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AxisCells {
    /// Where the first cell begins, in bands or frames.
    pub first: f64,
    /// Length of each.
    pub size: f64,
    /// How many.
    pub count: usize,
}

/// Where a layer's cells lie on the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapPlace {
    /// Along mel bands.
    pub bands: AxisCells,
    /// Along frames.
    pub frames: AxisCells,
}

impl AxisCells {
    /// The cells of an axis whose every band or frame is one.
    pub fn each(count: usize) -> Self {
        Self { first: 0.0, size: 1.0, count }
    }

    /// Where the first cell begins and the last one ends.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.first, self.first + self.size * self.count as f64)
    }

    /// Whether cells cover all of an input of this length.
    pub(super) fn covers_all(&self, length: usize) -> bool {
        let (first, last) = self.ends();
        first <= 0.5 && last >= length as f64 - 0.5
    }

    /// Whether some cell stands for `at`: what is cropped or left over at the end has none.
    pub fn covers(&self, at: f64) -> bool {
        let along = (at - self.first) / self.size;
        !along.is_finite() || (0.0..self.count as f64).contains(&along)
    }

    /// The cells whose middles are beside `at`, and the second one's weight.
    fn beside(&self, at: f64) -> (usize, usize, f64) {
        let last = self.count.saturating_sub(1);
        let cell = (at - self.first) / self.size - 0.5;
        let cell = if cell.is_finite() { cell.clamp(0.0, last as f64) } else { 0.0 };
        let low = cell as usize;
        (low, (low + 1).min(last), cell - low as f64)
    }
}

impl MapPlace {
    /// Fails where a map has not as many values as there are cells, or none.
    pub(super) fn check(&self, map: &[f32]) -> Result<()> {
        let (h, w) = (self.bands.count, self.frames.count);
        if map.len() == h * w && !map.is_empty() {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "map",
            expected: format!("{h} × {w} values, at least one"),
            found: map.len().to_string(),
        })
    }

    /// Whether cells are so small that a single one is not seen.
    pub(super) fn is_fine(&self, (bands, frames): (usize, usize)) -> bool {
        let small = |cells: &AxisCells, length: usize| {
            cells.size.abs() < 2.0 && length >= LEAST_FINE && cells.count >= LEAST_FINE
        };
        small(&self.bands, bands) && small(&self.frames, frames)
    }

    /// A map in which cells that are too small are as large as three by three: each has the
    /// largest magnitude of its neighbours.
    pub(super) fn enlarged(&self, map: Vec<f32>, shape: (usize, usize)) -> Vec<f32> {
        if !self.is_fine(shape) {
            return map;
        }
        let (h, w) = (self.bands.count, self.frames.count);
        let around = |i: usize, count: usize| i.saturating_sub(1)..(i + 2).min(count);
        let most = |i: usize| {
            let near = around(i / w, h).flat_map(|row| around(i % w, w).map(move |c| row * w + c));
            near.map(|at| map[at]).fold(0.0, |a: f32, v| if v.abs() > a.abs() { v } else { a })
        };
        (0..map.len()).map(most).collect()
    }

    /// A map at the middle of every input row and column, `[bands, frames]`: bilinear between the
    /// middles of its cells, constant from the outermost middles to the outermost edges, and none
    /// where no cell stands for the place.
    pub(super) fn resized(
        &self,
        map: &[f32],
        bands: usize,
        frames: usize,
    ) -> Result<Vec<Option<f64>>> {
        self.check(map)?;
        let middle = |j: usize| j as f64 + 0.5;
        let columns: Vec<Option<(usize, usize, f64)>> = (0..frames)
            .map(|j| self.frames.covers(middle(j)).then(|| self.frames.beside(middle(j))))
            .collect();
        let mut values = Vec::with_capacity(bands * frames);
        for i in 0..bands {
            let covered = self.bands.covers(middle(i));
            let (low, high, t) = self.bands.beside(middle(i));
            let row = |i: usize| &map[i * self.frames.count..(i + 1) * self.frames.count];
            let (low, high) = (row(low), row(high));
            values.extend(columns.iter().map(|column| {
                let (left, right, s) = column.filter(|_| covered)?;
                let along = |row: &[f32]| mix(row[left].into(), row[right].into(), s);
                Some(mix(along(low), along(high), t))
            }));
        }
        Ok(values)
    }
}

/// Maps with fewer cells along an axis are drawn as they are.
const LEAST_FINE: usize = 40;

fn mix(a: f64, b: f64, t: f64) -> f64 {
    a + t * (b - a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_middle_keeps_its_value_and_what_lies_between_is_between() {
        // Cells of three rows from row 1 on: middles in the middle of rows 2, 5 and 8.
        let bands = AxisCells { first: 1.0, size: 3.0, count: 3 };
        let place = MapPlace { bands, frames: AxisCells::each(2) };
        let map = [0.0, 1.0, 6.0, 7.0, 3.0, 4.0];
        let got = place.resized(&map, 11, 2).unwrap();
        let column = |j: usize| got.iter().skip(j).step_by(2).copied().collect::<Vec<_>>();
        let want = [0.0, 0.0, 2.0, 4.0, 6.0, 5.0, 4.0, 3.0, 3.0];
        // No cell stands for the first row and the last.
        assert_eq!([column(0)[0], column(0)[10]], [None; 2]);
        for (i, want) in want.into_iter().enumerate() {
            let [a, b] = [0, 1].map(|j| column(j)[i + 1].unwrap());
            assert!((a - want).abs() < 1e-9 && (b - want - 1.0).abs() < 1e-9, "{a} {b} {want}");
        }
    }

    #[test]
    fn one_cell_is_everywhere_and_odd_places_do_no_harm() {
        let one = |first, size| {
            let axis = AxisCells { first, size, count: 1 };
            MapPlace { bands: axis, frames: axis }.resized(&[0.25], 3, 4).unwrap()
        };
        for (first, size) in [(0.0, 4.0), (-7.0, 0.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert_eq!(one(first, size), [Some(0.25); 12]);
        }
        let place = MapPlace { bands: AxisCells::each(2), frames: AxisCells::each(2) };
        assert!(matches!(place.resized(&[0.0; 3], 2, 2), Err(Error::Mismatch { .. })));
        let none = MapPlace { bands: AxisCells::each(0), frames: AxisCells::each(2) };
        assert!(matches!(none.resized(&[], 2, 2), Err(Error::Mismatch { .. })));
    }
}
