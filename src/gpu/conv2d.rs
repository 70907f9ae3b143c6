//! Convolution: shaders/conv2d_*.wgsl.

use super::kernels::{CONV2D_BACKWARD_INPUT, CONV2D_BACKWARD_WEIGHT, CONV2D_FORWARD};
use super::layers::{Site, map};
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::{Activation, Op, Padding};

/// Extents of a convolution.
struct Dims {
    constants: [(&'static str, usize); 10],
    bias: bool,
    relu: bool,
    /// Elements of one sample of the output, and of the kernel.
    out_len: usize,
    kernel_len: usize,
    c_out: usize,
}

impl Dims {
    fn of(site: &Site<'_>) -> Self {
        let ([h_in, w_in, c_in], [h_out, w_out, c_out]) =
            (map(site.input_shape(0)), map(site.shape()));
        let (mut size, mut pads, mut has_bias, mut relu) = ([1, 1], [0, 0], false, false);
        if let Op::Conv2d { kernel, padding, bias, activation, .. } =
            site.plan.graph().node(site.id).op
        {
            size = kernel;
            (has_bias, relu) = (bias, activation == Activation::Relu);
            if padding == Padding::Same {
                pads = [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2];
            }
        }
        let constants = [
            ("h_in", h_in),
            ("w_in", w_in),
            ("c_in", c_in),
            ("h_out", h_out),
            ("w_out", w_out),
            ("c_out", c_out),
            ("k_h", size[0]),
            ("k_w", size[1]),
            ("pad_h", pads[0]),
            ("pad_w", pads[1]),
        ];
        let (out_len, kernel_len) = (h_out * w_out * c_out, size[0] * size[1] * c_in * c_out);
        Self { constants, bias: has_bias, relu, out_len, kernel_len, c_out }
    }

    fn with(&self, more: &[(&'static str, usize)]) -> Vec<(&'static str, usize)> {
        self.constants.iter().chain(more).copied().collect()
    }

    /// Multiplications and additions of one dense pass, whichever way.
    fn flop(&self, batch: usize) -> usize {
        2 * batch * self.out_len * self.kernel_len / self.c_out
    }
}

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    let d = Dims::of(site);
    let (w, b) = site.weights();
    let buffers = [site.x(0), w, b, site.y()];
    let constants = d.with(&[("has_bias", usize::from(d.bias)), ("relu", usize::from(d.relu))]);
    let grid = Grid::Threads(site.batch() * d.out_len);
    let flop = d.flop(site.batch());
    site.record(CONV2D_FORWARD, &constants, &buffers, grid, flop)
}

pub(super) fn backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    let d = Dims::of(site);
    let flop = d.flop(site.batch());
    let (dw, db) = site.weight_gradients();
    let buffers = [site.x(0), dz.clone(), dw, db];
    let constants = d.with(&[]);
    let grid = Grid::Threads(d.kernel_len + usize::from(d.bias) * d.c_out);
    site.record(CONV2D_BACKWARD_WEIGHT, &constants, &buffers, grid, flop)?;

    let Some(input) = site.dx(0) else { return Ok(()) };
    let constants = d.with(&[("mask", usize::from(input.mask)), ("add", usize::from(input.add))]);
    let buffers = [dz.clone(), site.weights().0, site.x(0).read_if(input.mask), input.dx];
    let grid = Grid::Threads(site.batch() * site.input_shape(0).len());
    site.record(CONV2D_BACKWARD_INPUT, &constants, &buffers, grid, flop)
}
