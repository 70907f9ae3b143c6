//! Concatenation of rows: for maps along channels (a row is the channels of one position), for
//! vectors end to end (a row is the sample). `y[row, offset + k] = x[row, k]` for each input.

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::{Pass, work};
use crate::graph::Shape;
use crate::measure::Work;

/// A concatenation of known extents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concat {
    /// Rows of one sample.
    pub rows: usize,
    /// Elements of a row of each input.
    pub widths: Vec<usize>,
    /// Elements of a row of the output: the sum of `widths`.
    pub total: usize,
}

impl Concat {
    /// From the shapes of the inputs and the output.
    pub fn new(inputs: &[Shape], output: Shape) -> Self {
        let rows = match output {
            Shape::Map { h, w, .. } => h * w,
            Shape::Flat(_) => 1,
        };
        let widths = inputs.iter().map(|shape| shape.len() / rows).collect();
        Self { rows, widths, total: output.len() / rows }
    }

    /// Width and offset of each input's columns.
    pub fn columns(&self) -> impl Iterator<Item = (usize, usize)> {
        self.widths.iter().scan(0, |offset, &width| {
            let first = *offset;
            *offset += width;
            Some((width, first))
        })
    }

    /// Arithmetic and bytes of a pass at `batch` samples.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let x = batch * self.rows * self.total;
        match pass {
            Pass::Forward => work(0, 2 * x),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(0, 2 * x),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
