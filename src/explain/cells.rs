//! Which bands and frames a cell of a layer's output stands for.

use serde::{Deserialize, Serialize};

/// One axis of a layer: cell `i` of `count` stands for the input from `first + i · size` on,
/// `size` long. What it sees is wider by kernels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cells {
    /// Where the first cell begins.
    pub first: f64,
    /// Length of each.
    pub size: f64,
    /// How many.
    pub count: usize,
}

/// Where a layer's cells lie on the input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Along mel bands.
    pub bands: Cells,
    /// Along frames.
    pub frames: Cells,
}
