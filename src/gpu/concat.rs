//! Concatenation: shaders/concat_*.wgsl, one dispatch for each input.

use super::kernels::{CONCAT_BACKWARD_INPUT, CONCAT_FORWARD};
use super::layers::Site;
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::Shape;

/// For each input: rows, its width, the whole width, its offset.
fn columns(site: &Site<'_>) -> Vec<[(&'static str, usize); 4]> {
    let rows = match site.shape() {
        Shape::Map { h, w, .. } => h * w,
        Shape::Flat(_) => 1,
    };
    let total = site.shape().len() / rows;
    let mut offset = 0;
    (0..site.plan.graph().node(site.id).inputs.len())
        .map(|input| {
            let width = site.input_shape(input).len() / rows;
            let columns = [("rows", rows), ("width", width), ("total", total), ("offset", offset)];
            offset += width;
            columns
        })
        .collect()
}

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    for (input, constants) in columns(site).into_iter().enumerate() {
        let elements = site.batch() * site.input_shape(input).len();
        let grid = Grid::Threads(elements);
        let buffers = [site.x(input), site.y().touching(elements)];
        site.record(CONCAT_FORWARD, &constants, &buffers, grid, 0)?;
    }
    Ok(())
}

pub(super) fn backward(site: &mut Site<'_>, dy: &Slice) -> Result<()> {
    for (i, constants) in columns(site).into_iter().enumerate() {
        let Some(input) = site.dx(i) else { continue };
        let mut constants = constants.to_vec();
        constants.extend(input.switches());
        let elements = site.batch() * site.input_shape(i).len();
        let grid = Grid::Threads(elements);
        let dy = dy.clone().touching(elements);
        let buffers = [dy, site.x(i).read_if(input.mask), input.dx];
        site.record(CONCAT_BACKWARD_INPUT, &constants, &buffers, grid, 0)?;
    }
    Ok(())
}
