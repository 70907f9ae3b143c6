//! Max-pooling: shaders/max_pool2d_*.wgsl.

use super::kernels::{
    MAX_POOL2D_BACKWARD_INPUT, MAX_POOL2D_BACKWARD_INPUT_TILED, MAX_POOL2D_FORWARD,
};
use super::layers::{Form, Site, map};
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::Shape;

pub(super) type Extents = [(&'static str, usize); 7];

pub(super) fn extents(site: &Site<'_>, window: [usize; 2]) -> Extents {
    extents_of(site.input_shape(0), site.shape(), window)
}

/// Of a pooling from one shape to another.
pub(super) fn extents_of(from: Shape, to: Shape, [k_h, k_w]: [usize; 2]) -> Extents {
    let ([h_in, w_in, c], [h_out, w_out, _]) = (map(from), map(to));
    [
        ("h_in", h_in),
        ("w_in", w_in),
        ("c", c),
        ("h_out", h_out),
        ("w_out", w_out),
        ("k_h", k_h),
        ("k_w", k_w),
    ]
}

fn winners(site: &Site<'_>) -> Slice {
    site.memory.winners(site.plan, site.id)
}

pub(super) fn forward(site: &mut Site<'_>, window: [usize; 2]) -> Result<()> {
    if site.is_fused_away() || site.is_normed_away() {
        return Ok(());
    }
    let constants = extents(site, window);
    let buffers = [site.x(0), site.y(), winners(site)];
    let grid = Grid::Threads(site.batch() * site.shape().len());
    site.record(MAX_POOL2D_FORWARD, &constants, &buffers, grid, 0)
}

pub(super) fn backward(site: &mut Site<'_>, window: [usize; 2], dy: &Slice) -> Result<()> {
    let Some(input) = site.dx(0) else { return Ok(()) };
    if site.is_fused_away() || site.is_normed_away() {
        return Ok(());
    }
    let mut constants = extents(site, window).to_vec();
    constants.extend(input.switches());
    let buffers = [dy.clone(), winners(site), site.y().read_if(input.mask), input.dx];
    let [h_in, w_in, c] = map(site.input_shape(0));
    let (kernel, threads) = match site.form {
        Form::Plain => (MAX_POOL2D_BACKWARD_INPUT, h_in * w_in * c),
        Form::Tiled | Form::Fused | Form::Sparse => {
            let windows = h_in.div_ceil(window[0]) * w_in.div_ceil(window[1]);
            (MAX_POOL2D_BACKWARD_INPUT_TILED, windows * c)
        }
    };
    let grid = Grid::Threads(site.batch() * threads);
    site.record(kernel, &constants, &buffers, grid, 0)
}
