//! Pictures and text from plain values; computes nothing.

mod axis;
mod canvas;
mod confusion;
mod curves;
mod font;
mod model_curves;
mod model_scores;
mod png;
mod style;

pub use confusion::{NamedMatrix, confusion};
pub use curves::{EpochRow, curves};
pub use model_curves::{ModelCurve, model_curves};
pub use model_scores::{ModelScore, model_scores};
pub use png::{png_bytes, write_png};
