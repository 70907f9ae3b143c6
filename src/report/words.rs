//! Words and numbers that several modules use.

use crate::text::thousands;

/// A number so close to a tie is one that f32 could not hold.
const TIE: f64 = 5e-4;

/// So many decimals, ties away from 0, with the sign that typesetters use; what rounds to 0 has none.
pub(super) fn decimals(value: f64, digits: usize) -> String {
    let scale = 10_f64.powi(digits as i32);
    let rounded = (value * scale + TIE.copysign(value)).round() / scale;
    let text = format!("{rounded:.digits$}");
    if rounded == 0.0 { text.trim_start_matches('-').to_owned() } else { text.replace('-', "−") }
}

/// The same with its sign: `+13.7`, `−4.7`, `0.0`.
pub(super) fn signed(value: f64, digits: usize) -> String {
    let text = decimals(value, digits);
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    if is_zero || value.is_nan() || value <= 0.0 { text } else { format!("+{text}") }
}

pub(super) fn percent(share: f64) -> String {
    format!("{} %", decimals(100.0 * share, 1))
}

/// `1 sample`, `3,360 samples`.
pub(super) fn counted(n: usize, word: &str) -> String {
    format!("{} {word}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_rounds_away_from_0_also_where_f32_misses_it() {
        let tie = 100.0 * f64::from(0.8875_f32);
        assert!(tie < 88.75);
        assert_eq!(
            [tie, 88.75, 88.25, -88.25].map(|v| decimals(v, 1)),
            ["88.8", "88.8", "88.3", "−88.3"]
        );
        assert_eq!([88.74, 88.76, 100.0].map(|v| decimals(v, 1)), ["88.7", "88.8", "100.0"]);
        assert_eq!((decimals(1.49, 0), decimals(f64::NAN, 1)), ("1".into(), "NaN".into()));
    }

    #[test]
    fn signs_are_typeset_and_nothing_has_none() {
        let all = [-4.65, 4.65, -0.04, 0.04, 0.0];
        assert_eq!(all.map(|v| signed(v, 1)), ["−4.7", "+4.7", "0.0", "0.0", "0.0"]);
        assert_eq!([-0.004, -0.006].map(|v| decimals(v, 2)), ["0.00", "−0.01"]);
    }
}
