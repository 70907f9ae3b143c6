//! Dense layers: shaders/dense_*.wgsl.

use super::kernels::{DENSE_BACKWARD_INPUT, DENSE_BACKWARD_WEIGHT, DENSE_FORWARD};
use super::layers::Site;
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::{Activation, Op};

/// Extents, whether there is a bias, and the operations of one product of matrices.
fn facts(site: &Site<'_>) -> ([(&'static str, usize); 2], bool, usize) {
    let (n_in, n_out) = (site.input_shape(0).len(), site.shape().len());
    let bias = matches!(site.plan.graph().node(site.id).op, Op::Dense { bias: true, .. });
    ([("n_in", n_in), ("n_out", n_out)], bias, 2 * site.batch() * n_in * n_out)
}

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    let ([n_in, n_out], bias, flop) = facts(site);
    let relu = matches!(
        site.plan.graph().node(site.id).op,
        Op::Dense { activation: Activation::Relu, .. }
    );
    let constants = [n_in, n_out, ("has_bias", usize::from(bias)), ("relu", usize::from(relu))];
    let (w, b) = site.weights();
    let buffers = [site.x(0), w, b, site.y()];
    let grid = Grid::Threads(site.batch() * n_out.1);
    site.record(DENSE_FORWARD, &constants, &buffers, grid, flop)
}

pub(super) fn backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    let ([n_in, n_out], bias, flop) = facts(site);
    let (dw, db) = site.weight_gradients();
    let buffers = [site.x(0), dz.clone(), dw, db];
    let constants = [n_in, n_out, ("has_bias", usize::from(bias))];
    let grid = Grid::Threads((n_in.1 + usize::from(bias)) * n_out.1);
    site.record(DENSE_BACKWARD_WEIGHT, &constants, &buffers, grid, flop)?;

    let Some(input) = site.dx(0) else { return Ok(()) };
    let switches = [("mask", usize::from(input.mask)), ("add", usize::from(input.add))];
    let constants = [n_in, n_out, switches[0], switches[1]];
    let buffers = [dz.clone(), site.weights().0, site.x(0).read_if(input.mask), input.dx];
    let grid = Grid::Threads(site.batch() * n_in.1);
    site.record(DENSE_BACKWARD_INPUT, &constants, &buffers, grid, flop)
}
