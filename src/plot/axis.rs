//! Where the ticks of an axis go and what they say.

/// A range with a little air around the finite values, and never empty.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if low > high {
        return None;
    }
    // Differences of rounding only are none.
    let air = if high - low > 1e-6 * high.abs().max(low.abs()) {
        0.06 * (high - low)
    } else {
        0.1 * high.abs().max(1e-3)
    };
    Some((low - air, high + air))
}

/// Multiples of 1, 2 or 5 times a power of ten in a range, about `wanted` of them.
pub(super) fn ticks((low, high): (f64, f64), wanted: f64) -> Vec<f64> {
    let rough = (high - low) / wanted;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Its place in the axis's own unit.
    pub at: f64,
    /// What stands beside it.
    pub label: String,
}

/// Round values in a range as ticks.
pub(super) fn numbers(range: (f64, f64), wanted: f64) -> Vec<Tick> {
    let ticks = some_ticks(range, wanted);
    let digits = decimals(&ticks);
    // Rounding makes no "-0".
    let tick = |at: f64| Tick { at, label: number(if at == 0.0 { 0.0 } else { at }, digits) };
    ticks.into_iter().map(tick).collect()
}

/// The same, more of them where there would be fewer than two.
fn some_ticks(range: (f64, f64), wanted: f64) -> Vec<f64> {
    let tries = [1.0, 2.0, 4.0].map(|more| ticks(range, more * wanted));
    tries.into_iter().find(|ticks| ticks.len() > 1).unwrap_or_default()
}

/// The digits behind the point that tell `ticks` apart.
fn decimals(ticks: &[f64]) -> usize {
    let step = ticks.windows(2).map(|w| w[1] - w[0]).fold(f64::INFINITY, f64::min);
    if !step.is_finite() || step <= 0.0 {
        return 2;
    }
    // Steps of 0.1 come out as 0.09999…: the small number keeps them at one digit.
    (-step.log10() - 1e-6).ceil().max(0.0) as usize
}

/// A number that stays short: with a power of ten where it would be long.
pub(super) fn number(value: f64, decimals: usize) -> String {
    if value.abs() >= 1e5 || decimals > 4 {
        format!("{value:.1e}")
    } else {
        format!("{value:.decimals$}")
    }
}

/// Epochs from 1 to `last` as ticks.
pub(super) fn epochs(last: u32) -> Vec<Tick> {
    let tick = |epoch: u32| Tick { at: epoch.into(), label: epoch.to_string() };
    epoch_ticks(1, last).into_iter().map(tick).collect()
}

/// Epochs to name on an axis from `first` to `last`: all of a few, else the ends' round ones.
fn epoch_ticks(first: u32, last: u32) -> Vec<u32> {
    let count = last.saturating_sub(first) + 1;
    if count <= 12 {
        return (first..=last).collect();
    }
    let steps = (0..9).flat_map(|p| [5, 10, 20].map(|m: u32| m * 10_u32.pow(p)));
    let step = steps.into_iter().find(|s| count / s <= 8).unwrap_or(count);
    // The first epoch's number needs room.
    let round = (1..=last / step).map(|i| i * step).filter(|&e| e > first + step / 3);
    std::iter::once(first).chain(round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_few_and_round() {
        assert_eq!(epoch_ticks(1, 1), [1]);
        assert_eq!(epoch_ticks(1, 5), [1, 2, 3, 4, 5]);
        assert_eq!(epoch_ticks(1, 20), [1, 5, 10, 15, 20]);
        assert_eq!(epoch_ticks(1, 200), [1, 50, 100, 150, 200]);
        assert_eq!(epoch_ticks(99, 298), [99, 150, 200, 250]);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks((0.0, 1.0), 5.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks((43.0, 97.0), 6.0), [50.0, 60.0, 70.0, 80.0, 90.0]);
        assert_eq!(ticks((-0.42, 0.42), 2.8), [0.0]);
        assert_eq!(some_ticks((-0.42, 0.42), 2.8), [-0.4, -0.2, 0.0, 0.2, 0.4]);
        assert_eq!(decimals(&ticks((0.0, 1.0), 5.0)), 1);
        assert_eq!(decimals(&ticks((43.0, 97.0), 6.0)), 0);
        assert_eq!(decimals(&[0.9, 1.0, 1.0999999999999999]), 1);
        assert_eq!(decimals(&[0.25]), 2);
    }

    #[test]
    fn long_numbers_get_a_power_of_ten() {
        let got = [(12.8, 1), (1.0, 0), (3.2e12, 3), (1.5e-7, 8)].map(|(v, d)| number(v, d));
        assert_eq!(got, ["12.8", "1", "3.2e12", "1.5e-7"]);
    }

    #[test]
    fn ranges_are_never_empty_and_know_no_nan() {
        let (low, high) = range([0.7, f64::NAN, 0.7, f64::INFINITY].into_iter()).unwrap();
        assert!(low < 0.7 && high > 0.7);
        assert_eq!(range([0.0, 1.0].into_iter()), Some((-0.06, 1.06)));
        assert_eq!(range([f64::NAN].into_iter()), None);
    }
}
