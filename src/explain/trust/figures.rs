//! Figures as sentences state them.

use crate::explain::spread::Estimate;

/// To the three decimals that are printed; never a negative zero.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0 + 0.0
}

/// `12.5 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// The mean, its interval, how samples are spread, and how many there are.
pub(super) fn counted(estimate: &Estimate) -> String {
    let spread = &estimate.spread;
    let none = match spread.without {
        0 => String::new(),
        n => format!("; {n} have none"),
    };
    let (Some(mean), Some(low), Some(high)) = (spread.mean, spread.q10, spread.q90) else {
        return format!("no size that could be measured (0 samples{none})");
    };
    let interval = match estimate.interval_95 {
        Some((low, high)) => {
            format!("95 % interval {:.3} to {:.3}, ", rounded(low), rounded(high))
        }
        None => String::new(),
    };
    let songs = match estimate.by_song {
        true => format!(" of {} songs", estimate.units),
        false => String::new(),
    };
    format!(
        "{:.3} on average ({interval}80 % of samples {:.3} to {:.3}; {} samples{songs}{none})",
        rounded(mean),
        rounded(low),
        rounded(high),
        spread.n
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Part;
    use crate::explain::spread::Units;

    #[test]
    fn figures_are_stated_with_their_numbers() {
        let part = Part { x: Vec::new(), y: vec![0; 3], song: Some(vec![1, 1, 2]) };
        let units = Units::new(&part, &[0, 1, 2]);
        let estimate = Estimate::of(&[Some(0.25), None, Some(0.75)], &units);
        assert_eq!(
            counted(&estimate),
            "0.500 on average (95 % interval 0.250 to 0.750, 80 % of samples 0.300 to 0.700; \
             2 samples of 2 songs; 1 have none)"
        );
        let estimate = Estimate::of(&[None], &units);
        assert_eq!(counted(&estimate), "no size that could be measured (0 samples; 1 have none)");
        assert_eq!(format!("{:.3}", rounded(-0.0002)), "0.000");
        assert_eq!(percent(0.125), "12.5 %");
    }
}
