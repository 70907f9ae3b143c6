//! The orders in which cells are deleted and inserted.

use crate::explain::maps::Maps;
use crate::random::streams::Stream;

/// Random orders for each sample.
pub(super) const RANDOM_DRAWS: usize = 3;

/// A sample's cells in each order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) cells: Vec<Vec<usize>>,
}

impl Orders {
    pub(super) const GRAD_CAM: usize = 0;
    pub(super) const HIRES_CAM: usize = 1;
    pub(super) const ENERGY: usize = 2;
    /// The first of the random ones.
    pub(super) const RANDOM: usize = 3;
    pub(super) const COUNT: usize = Self::RANDOM + RANDOM_DRAWS;

    /// Of sample `index`, from its maps and its level in each cell, highest first. Equal values
    /// come in random order, so that a map without an opinion is a random one.
    pub(super) fn new(maps: &Maps, levels: &[f64], seed: u64, index: usize) -> Self {
        let mut stream = Stream::new(seed, &format!("trust/orders/{index}"));
        let mut shuffled = || {
            let mut cells: Vec<usize> = (0..levels.len()).collect();
            stream.shuffle(&mut cells);
            cells
        };
        let mut by = |value: &dyn Fn(usize) -> f64| {
            let mut cells = shuffled();
            // The sum makes -0 a 0: they are equal.
            cells.sort_by(|&i, &j| (value(j) + 0.0).total_cmp(&(value(i) + 0.0)));
            cells
        };
        let mut cells = vec![
            by(&|i| f64::from(maps.grad_cam[i])),
            by(&|i| f64::from(maps.hires_cam[i])),
            by(&|i| levels[i]),
        ];
        cells.extend((0..RANDOM_DRAWS).map(|_| shuffled()));
        Self { cells }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_first_and_ties_at_random() {
        let maps =
            Maps { grad_cam: vec![-1.0, 3.0, 0.5, 2.0], hires_cam: vec![0.0, -0.0, 0.0, -0.0] };
        let of = |seed, index| Orders::new(&maps, &[1.0, 4.0, 2.0, 3.0], seed, index).cells;
        let cells = of(1, 0);
        assert_eq!(cells.len(), Orders::COUNT);
        assert_eq!(cells[Orders::GRAD_CAM], [1, 3, 2, 0]);
        assert_eq!(cells[Orders::ENERGY], [1, 3, 2, 0]);
        assert_eq!(cells, of(1, 0));
        let mut first = [0_u32; 4];
        for index in 0..400 {
            let cells = of(1, index);
            first[cells[Orders::HIRES_CAM][0]] += 1;
            let mut all = cells[Orders::COUNT - 1].clone();
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2, 3]);
        }
        assert!(first.iter().all(|n| (60..140).contains(n)), "{first:?}");
    }
}
