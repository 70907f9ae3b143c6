//! Numbers in short texts such as `gain=3` and `step:10:0.1`.

use std::ops::RangeBounds;
use std::str::FromStr;

/// Parses a number within a range; `None` if it is no number or outside.
pub(super) fn number_in<T: FromStr + PartialOrd>(
    text: &str,
    range: &impl RangeBounds<T>,
) -> Option<T> {
    text.parse().ok().filter(|number| range.contains(number))
}
