//! The time of a kernel: repetitions by their quartiles, beside the floor.

use serde::Serialize;

use crate::measure::{Rates, Work};

/// Repetitions of a measurement, by their quartiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Half took longer.
    pub median: f64,
    /// A quarter took less.
    pub lower_quartile: f64,
    /// A quarter took longer.
    pub upper_quartile: f64,
    /// The fastest.
    pub least: f64,
    /// How many there were.
    pub count: usize,
}

impl Spread {
    /// Of some seconds; zeros of none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let at = |quarters: usize| values.get(quarters * count / 4).copied().unwrap_or(0.0);
        let median = (at(2) + values.get(count.saturating_sub(1) / 2).unwrap_or(&0.0)) / 2.0;
        Self { median, lower_quartile: at(1), upper_quartile: at(3), least: at(0), count }
    }
}

/// One dispatch, or one part of the CPU's step.
#[derive(Debug, Clone, Serialize)]
pub struct Kernel {
    /// Its name.
    pub kernel: String,
    /// The node that it works for.
    pub node: String,
    /// What it took.
    pub seconds: Spread,
    /// What it did.
    pub work: Work,
    /// By the median.
    pub flop_per_second: f64,
    /// By the median.
    pub bytes_per_second: f64,
    /// What arithmetic and memory need at least.
    pub floor_seconds: f64,
    /// Median ÷ floor.
    pub times_floor: f64,
}

impl Kernel {
    pub(super) fn new(
        kernel: &str,
        node: &str,
        seconds: Vec<f64>,
        work: Work,
        rates: Rates,
    ) -> Self {
        let seconds = Spread::of(seconds);
        let floor_seconds = rates.floor(work);
        Self {
            kernel: kernel.into(),
            node: node.into(),
            seconds,
            work,
            flop_per_second: work.flop as f64 / seconds.median,
            bytes_per_second: work.bytes as f64 / seconds.median,
            floor_seconds,
            times_floor: seconds.median / floor_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_told_by_its_quartiles() {
        let spread = Spread::of((1..=9).rev().map(f64::from).collect());
        let quartiles = [spread.lower_quartile, spread.median, spread.upper_quartile];
        assert_eq!((quartiles, spread.least, spread.count), ([3.0, 5.0, 7.0], 1.0, 9));
        assert_eq!(Spread::of(vec![2.0]).upper_quartile, 2.0);
        assert_eq!(Spread::of(Vec::new()).median, 0.0);
    }
}
