//! Dense layers: shaders/dense_*.wgsl.

use super::kernels::{
    DENSE_BACKWARD_INPUT, DENSE_BACKWARD_INPUT_TILED, DENSE_BACKWARD_WEIGHT,
    DENSE_BACKWARD_WEIGHT_TILED, DENSE_FORWARD, DENSE_FORWARD_TILED,
};
use super::layers::{Form, Site};
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
    let ([n_in, n_out], bias, flop) = facts(site);
    let (dw, db) = site.weight_gradients();
    let buffers = [site.x(0), dz.clone(), dw, db];
    let constants = [n_in, n_out, ("has_bias", usize::from(bias))];
    let (kernel, threads) = match site.form {
        Form::Plain => (DENSE_BACKWARD_WEIGHT, (n_in.1 + 1) * n_out.1),
        Form::Tiled | Form::Fused | Form::Sparse => {
            (DENSE_BACKWARD_WEIGHT_TILED, (n_in.1.div_ceil(8) + 1) * n_out.1.div_ceil(4))
        }
    };
    site.record(kernel, &constants, &buffers, Grid::Threads(threads), flop)?;

    let Some(input) = site.dx(0) else { return Ok(()) };
    let [mask, add] = input.switches();
    let constants = [n_in, n_out, mask, add];
    let buffers = [dz.clone(), site.weights().0, site.x(0).read_if(input.mask), input.dx];
    let (kernel, threads) = match site.form {
        Form::Plain => (DENSE_BACKWARD_INPUT, site.batch() * n_in.1),
        Form::Tiled | Form::Fused | Form::Sparse => {
            (DENSE_BACKWARD_INPUT_TILED, site.batch().div_ceil(8) * n_in.1.div_ceil(4))
        }
    };
    site.record(kernel, &constants, &buffers, Grid::Threads(threads), flop)
}
