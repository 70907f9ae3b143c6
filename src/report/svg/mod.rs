//! Vector drawings. Colours are the style sheet's, so that they follow light, dark and print.

mod curves;
mod frame;
mod lines;
mod network;

use std::fmt;

pub(super) use curves::{Panel, curve};
pub(super) use lines::{Lines, lines};
pub(super) use network::{network, what};

/// Text that may stand between tags and inside quotes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            c => write!(f, "{c}"),
        })
    }
}
