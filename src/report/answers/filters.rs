//! How templates write numbers.

#![allow(unreachable_pub, reason = "askama's macro makes a public type of each")]

use std::fmt::Display;

use askama::{Result, Values};

pub(super) use crate::report::words::decimals;
use crate::report::words::{percent as as_percent, signed};
use crate::text::{self, thousands};

/// `0.8819` as `88.2 %`.
#[askama::filter_fn]
pub(super) fn percent(share: &f64, _: &dyn Values) -> Result<String> {
    Ok(as_percent(*share))
}

/// A difference of shares as percentage points, without the words: `13.7`.
#[askama::filter_fn]
pub(super) fn points(share: &f64, _: &dyn Values) -> Result<String> {
    Ok(decimals(100.0 * share, 1))
}

/// The same with its sign: `+13.7`.
#[askama::filter_fn]
pub(super) fn signed_points(share: &f64, _: &dyn Values) -> Result<String> {
    Ok(signed(100.0 * share, 1))
}

/// So many decimals.
#[askama::filter_fn]
pub(super) fn fixed(value: &f64, _: &dyn Values, digits: usize) -> Result<String> {
    Ok(decimals(*value, digits))
}

/// `3,360`.
#[askama::filter_fn]
pub(super) fn count(n: &usize, _: &dyn Values) -> Result<String> {
    Ok(thousands(*n as u64))
}

/// `60 Hz`, `1.2 kHz`.
#[askama::filter_fn]
pub(super) fn hz(frequency: &f64, _: &dyn Values) -> Result<String> {
    Ok(if *frequency < 1_000.0 {
        format!("{frequency:.0} Hz")
    } else {
        format!("{} kHz", decimals(frequency / 1_000.0, 1).trim_end_matches(".0"))
    })
}

/// `a`, `a and b`, `a, b and c`.
#[askama::filter_fn]
pub(super) fn listed<T: Display>(words: &[T], _: &dyn Values) -> Result<String> {
    Ok(text::listed(words))
}

/// The first letter large.
#[askama::filter_fn]
pub(super) fn sentence(text: impl Display, _: &dyn Values) -> Result<String> {
    let text = text.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    Ok(first.into_iter().flatten().chain(letters).collect())
}
