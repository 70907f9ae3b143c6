//! Dense layers: shaders/dense_*.wgsl.

use super::kernels::{
    DENSE_BACKWARD_INPUT, DENSE_BACKWARD_TILED, DENSE_BACKWARD_WEIGHT, DENSE_FORWARD,
    DENSE_FORWARD_TILED,
};
use super::layers::{Form, InputGradient, Site};
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
    let (kernel, grid) = match site.form {
        Form::Plain => (DENSE_FORWARD, Grid::Threads(site.batch() * n_out.1)),
        Form::Tiled | Form::Fused | Form::Sparse => {
            let groups = site.batch().div_ceil(8) * n_out.1.div_ceil(4);
            (DENSE_FORWARD_TILED, Grid::Groups(groups))
        }
    };
    site.record(kernel, &constants, &buffers, grid, flop)
}

pub(super) fn backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    match site.form {
        Form::Plain => plain_backward(site, dz),
        Form::Tiled | Form::Fused | Form::Sparse => tiled_backward(site, dz),
    }
}

/// Both gradients in one dispatch.
fn tiled_backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    let ([n_in, n_out], bias, flop) = facts(site);
    let (dw, db) = site.weight_gradients();
    let input = site.dx(0);
    let weights = ((n_in.1.div_ceil(8) + 1) * n_out.1.div_ceil(4)).div_ceil(64);
    let inputs = (site.batch().div_ceil(8) * n_in.1.div_ceil(4)).div_ceil(64);
    let (products, groups) = if input.is_some() { (2, weights + inputs) } else { (1, weights) };
    let [mask, add] = input.as_ref().map_or([("mask", 0), ("add", 0)], InputGradient::switches);
    let has_dx = ("has_dx", usize::from(input.is_some()));
    let constants = [n_in, n_out, ("has_bias", usize::from(bias)), has_dx, mask, add];
    let w = site.weights().0.read_if(input.is_some());
    // Read for the weights' gradient in any case; the mask is another reading of it.
    let dx = input.map_or_else(|| site.memory.unused(&site.memory.velocity), |input| input.dx);
    let buffers = [site.x(0), dz.clone(), w, dw, db, dx];
    site.record(DENSE_BACKWARD_TILED, &constants, &buffers, Grid::Groups(groups), products * flop)
}

fn plain_backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    let ([n_in, n_out], bias, flop) = facts(site);
    let (dw, db) = site.weight_gradients();
    let buffers = [site.x(0), dz.clone(), dw, db];
    let constants = [n_in, n_out, ("has_bias", usize::from(bias))];
    let grid = Grid::Threads((n_in.1 + 1) * n_out.1);
    site.record(DENSE_BACKWARD_WEIGHT, &constants, &buffers, grid, flop)?;

    let Some(input) = site.dx(0) else { return Ok(()) };
    let [mask, add] = input.switches();
    let constants = [n_in, n_out, mask, add];
    let buffers = [dz.clone(), site.weights().0, site.x(0).read_if(input.mask), input.dx];
    let grid = Grid::Threads(site.batch() * n_in.1);
    site.record(DENSE_BACKWARD_INPUT, &constants, &buffers, grid, flop)
}
