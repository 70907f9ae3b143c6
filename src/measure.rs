//! Work, rates and budgets of measurements, in the same units for every device.

use std::time::Instant;

use serde::Serialize;

/// Arithmetic and memory traffic of a piece of a step at a whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Work {
    /// Multiplications and additions.
    pub flop: u64,
    /// Bytes that must be read and written, each element once; an element that is read and written
    /// back counts twice.
    pub bytes: u64,
}

/// The measured peak rates of a device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// Multiplications and additions, in independent chains of both.
    pub flop_per_second: f64,
    /// Bytes read and written by a copy that fits no cache.
    pub bytes_per_second: f64,
}

impl Rates {
    /// The roofline bound: the seconds that arithmetic or memory need at these rates.
    pub fn floor(&self, work: Work) -> f64 {
        let arithmetic = work.flop as f64 / self.flop_per_second;
        arithmetic.max(work.bytes as f64 / self.bytes_per_second)
    }
}

/// The limit of a measurement: it ends with whichever comes first, but is repeated at least once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Largest number of repetitions.
    pub steps: usize,
    /// No repetition begins after these seconds.
    pub seconds: f64,
}

impl Budget {
    /// Yields a number for each repetition within the budget, which starts now.
    pub fn repetitions(self) -> impl Iterator<Item = usize> {
        let begin = Instant::now();
        let in_time = move |i: &usize| *i == 0 || begin.elapsed().as_secs_f64() < self.seconds;
        (0..self.steps.max(1)).take_while(in_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_slower_of_arithmetic_and_memory() {
        let rates = Rates { flop_per_second: 100.0, bytes_per_second: 10.0 };
        assert_eq!(rates.floor(Work { flop: 200, bytes: 10 }), 2.0);
        assert_eq!(rates.floor(Work { flop: 200, bytes: 50 }), 5.0);
    }

    #[test]
    fn a_budget_ends_with_steps_or_seconds_but_never_before_one() {
        assert_eq!(Budget { steps: 3, seconds: 1e9 }.repetitions().count(), 3);
        assert_eq!(Budget { steps: 3, seconds: 0.0 }.repetitions().count(), 1);
        assert_eq!(Budget { steps: 0, seconds: 1e9 }.repetitions().count(), 1);
    }
}
