//! Only the lowest bands: shaders/crop_*.wgsl.

use super::kernels::{CROP_BACKWARD_INPUT, CROP_FORWARD};
use super::layers::Site;
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;

fn extents(site: &Site<'_>) -> [(&'static str, usize); 2] {
    [("len_in", site.input_shape(0).len()), ("len_out", site.shape().len())]
}

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    let elements = site.batch() * site.shape().len();
    let buffers = [site.x(0).touching(elements), site.y()];
    site.record(CROP_FORWARD, &extents(site), &buffers, Grid::Threads(elements), 0)
}

pub(super) fn backward(site: &mut Site<'_>, dy: &Slice) -> Result<()> {
    let Some(input) = site.dx(0) else { return Ok(()) };
    let mut constants = extents(site).to_vec();
    constants.extend(input.switches());
    let grid = Grid::Threads(site.batch() * site.input_shape(0).len());
    let buffers = [dy.clone(), site.x(0).read_if(input.mask), input.dx];
    site.record(CROP_BACKWARD_INPUT, &constants, &buffers, grid, 0)
}
