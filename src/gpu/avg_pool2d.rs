//! Average pooling: shaders/avg_pool2d_*.wgsl.

use super::kernels::{AVG_POOL2D_BACKWARD_INPUT, AVG_POOL2D_FORWARD};
use super::layers::Site;
use super::max_pool2d::extents;
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;

pub(super) fn forward(site: &mut Site<'_>, window: [usize; 2]) -> Result<()> {
    if site.is_normed_away() {
        return Ok(());
    }
    let constants = extents(site, window);
    let grid = Grid::Threads(site.batch() * site.shape().len());
    let elements = site.batch() * site.input_shape(0).len();
    let buffers = [site.x(0), site.y()];
    site.record(AVG_POOL2D_FORWARD, &constants, &buffers, grid, elements)
}

pub(super) fn backward(site: &mut Site<'_>, window: [usize; 2], dy: &Slice) -> Result<()> {
    let Some(input) = site.dx(0).filter(|_| !site.is_normed_away()) else { return Ok(()) };
    let mut constants = extents(site, window).to_vec();
    constants.extend(input.switches());
    let elements = site.batch() * site.input_shape(0).len();
    let buffers = [dy.clone(), site.x(0).read_if(input.mask), input.dx];
    let grid = Grid::Threads(elements);
    site.record(AVG_POOL2D_BACKWARD_INPUT, &constants, &buffers, grid, elements)
}
