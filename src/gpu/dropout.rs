//! Dropout: shaders/dropout_*.wgsl. The mask is drawn twice and never kept.

use super::kernels::{DROPOUT_BACKWARD_INPUT, DROPOUT_FORWARD};
use super::layers::Site;
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::random::counter::threshold;

fn constants(site: &Site<'_>, rate: f32) -> [(&'static str, f64); 4] {
    [
        ("len", site.shape().len() as f64),
        ("node", site.id.index() as f64),
        ("threshold", f64::from(threshold(rate))),
        // In f32, as the CPU has it.
        ("scale", f64::from(1.0 / (1.0 - rate))),
    ]
}

pub(super) fn forward(site: &mut Site<'_>, rate: f32) -> Result<()> {
    let elements = site.batch() * site.shape().len();
    let buffers = [site.x(0), site.y()];
    let (constants, grid) = (constants(site, rate), Grid::Threads(elements));
    site.record_with(DROPOUT_FORWARD, &constants, &buffers, grid, elements)
}

pub(super) fn backward(site: &mut Site<'_>, rate: f32, dy: &Slice) -> Result<()> {
    let Some(input) = site.dx(0) else { return Ok(()) };
    let mut constants = constants(site, rate).to_vec();
    constants.extend(input.switches().map(|(name, value)| (name, value as f64)));
    let elements = site.batch() * site.shape().len();
    let buffers = [dy.clone(), site.x(0).read_if(input.mask), input.dx];
    let grid = Grid::Threads(elements);
    site.record_with(DROPOUT_BACKWARD_INPUT, &constants, &buffers, grid, elements)
}
