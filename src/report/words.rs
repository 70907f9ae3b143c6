//! Words and numbers that several modules use.

use crate::text::thousands;

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `1 sample`, `3,360 samples`.
pub(super) fn counted(n: usize, word: &str) -> String {
    format!("{} {word}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
}
