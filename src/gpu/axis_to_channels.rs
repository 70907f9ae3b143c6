//! Mel bands as channels: shaders/axis_to_channels_*.wgsl. Frames as channels are a view.

use super::kernels::{AXIS_TO_CHANNELS_BACKWARD_INPUT, AXIS_TO_CHANNELS_FORWARD};
use super::layers::{Site, map};
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;

fn extents(site: &Site<'_>) -> [(&'static str, usize); 3] {
    let [h_in, w_in, c_in] = map(site.input_shape(0));
    [("h_in", h_in), ("w_in", w_in), ("c_in", c_in)]
}

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    let grid = Grid::Threads(site.batch() * site.shape().len());
    let (constants, buffers) = (extents(site), [site.x(0), site.y()]);
    site.record(AXIS_TO_CHANNELS_FORWARD, &constants, &buffers, grid, 0)
}

pub(super) fn backward(site: &mut Site<'_>, dy: &Slice) -> Result<()> {
    let Some(input) = site.dx(0) else { return Ok(()) };
    let mut constants = extents(site).to_vec();
    constants.extend(input.switches());
    let grid = Grid::Threads(site.batch() * site.shape().len());
    let buffers = [dy.clone(), site.x(0).read_if(input.mask), input.dx];
    site.record(AXIS_TO_CHANNELS_BACKWARD_INPUT, &constants, &buffers, grid, 0)
}
