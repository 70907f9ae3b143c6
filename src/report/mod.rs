//! Pictures and text from plain values; computes nothing.

mod axis;
mod canvas;
mod confusion;
mod curves;
mod font;
mod png;
mod style;

pub use confusion::{NamedMatrix, confusion};
pub use curves::{EpochRow, curves};
pub use png::{png_bytes, write_png};
