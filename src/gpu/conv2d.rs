//! Convolution: shaders/conv2d_*.wgsl.

use super::kernels::{
    CONV2D_BACKWARD_INPUT, CONV2D_BACKWARD_INPUT_TILED, CONV2D_BACKWARD_WEIGHT,
    CONV2D_BACKWARD_WEIGHT_TILED, CONV2D_FORWARD, CONV2D_FORWARD_TILED, SUM_PARTS,
};
use super::layers::{Form, Site, map};
use super::memory::{Slice, UNIFORM_BYTES, WORD};
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::{Activation, Op, Padding};

/// Columns that a thread of a tiled kernel owns.
const COLUMNS: usize = 8;

/// Extents of a convolution.
struct Dims {
    constants: [(&'static str, usize); 10],
    bias: bool,
    relu: bool,
    /// Elements of one sample of the output, and of the kernel.
    out_len: usize,
    kernel_len: usize,
    h_out: usize,
    w_out: usize,
    c_in: usize,
    c_out: usize,
    k_h: usize,
    k_w: usize,
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
        let [k_h, k_w] = size;
        let bias = has_bias;
        Self { constants, bias, relu, out_len, kernel_len, h_out, w_out, c_in, c_out, k_h, k_w }
    }

    fn with(&self, more: &[(&'static str, usize)]) -> Vec<(&'static str, usize)> {
        self.constants.iter().chain(more).copied().collect()
    }

    /// Multiplications and additions of one dense pass, whichever way.
    fn flop(&self, batch: usize) -> usize {
        2 * batch * self.out_len * self.kernel_len / self.c_out
    }
}

/// Which kernels: those that read weights through a uniform take only what fits into one.
fn uniform_weights(site: &Site<'_>, d: &Dims) -> bool {
    site.form == Form::Tuned && d.c_out % 4 == 0 && d.kernel_len as u64 * WORD <= UNIFORM_BYTES
}

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    let d = Dims::of(site);
    let (w, b) = site.weights();
    let buffers = [site.x(0), w, b, site.y()];
    let mut constants = d.with(&[("has_bias", usize::from(d.bias)), ("relu", usize::from(d.relu))]);
    let flop = d.flop(site.batch());
    if uniform_weights(site, &d) {
        let blocks = (d.c_out / 4).min(4);
        constants.push(("blocks_o", blocks));
        let threads = site.batch() * d.h_out * d.w_out.div_ceil(COLUMNS);
        let grid = Grid::Layers(threads, (d.c_out / 4).div_ceil(blocks));
        site.record(CONV2D_FORWARD_TILED, &constants, &buffers, grid, flop)
    } else {
        let grid = Grid::Threads(site.batch() * d.out_len);
        site.record(CONV2D_FORWARD, &constants, &buffers, grid, flop)
    }
}

pub(super) fn backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    let d = Dims::of(site);
    backward_weight(site, &d, dz)?;
    let Some(input) = site.dx(0) else { return Ok(()) };
    let mut constants =
        d.with(&[("mask", usize::from(input.mask)), ("add", usize::from(input.add))]);
    let buffers = [dz.clone(), site.weights().0, site.x(0), input.dx];
    let flop = d.flop(site.batch());
    let [h_in, w_in, c_in] = map(site.input_shape(0));
    if uniform_weights(site, &d) {
        let channels = c_in.min(8);
        constants.push(("channels", channels));
        let threads = site.batch() * h_in * w_in.div_ceil(COLUMNS);
        let grid = Grid::Layers(threads, c_in.div_ceil(channels));
        site.record(CONV2D_BACKWARD_INPUT_TILED, &constants, &buffers, grid, flop)
    } else {
        let grid = Grid::Threads(site.batch() * h_in * w_in * c_in);
        site.record(CONV2D_BACKWARD_INPUT, &constants, &buffers, grid, flop)
    }
}

/// Rows of the output whose products one thread of the tiled kernel sums.
const ROWS_PER_PART: usize = 10;

fn backward_weight(site: &mut Site<'_>, d: &Dims, dz: &Slice) -> Result<()> {
    let (dw, db) = site.weight_gradients();
    let flop = d.flop(site.batch());
    if site.form == Form::Plain || d.c_out % 4 != 0 {
        let buffers = [site.x(0), dz.clone(), dw, db];
        let grid = Grid::Threads(d.kernel_len + d.c_out);
        return site.record(CONV2D_BACKWARD_WEIGHT, &d.constants, &buffers, grid, flop);
    }
    let rows = d.h_out.min(ROWS_PER_PART);
    let blocks = (d.c_out / 4).min(2);
    let parts_per_sample = d.h_out.div_ceil(rows);
    let parts = site.batch() * parts_per_sample;
    let len = parts * (d.kernel_len + d.c_out);
    let name = format!("partial weight gradients of {}", site.plan.graph().node(site.id).name);
    let sums = Slice::whole(&site.context.storage(&name, len)?, len);

    let constants = d.with(&[("rows_per_part", rows), ("blocks_o", blocks)]);
    let tiles = (d.k_h * d.c_in).div_ceil(5) * d.k_w.div_ceil(5) * d.c_out.div_ceil(4 * blocks);
    let buffers = [site.x(0), dz.clone(), sums.clone()];
    let grid = Grid::Threads(parts * (tiles + d.c_out / 4));
    site.record(CONV2D_BACKWARD_WEIGHT_TILED, &constants, &buffers, grid, flop)?;

    let constants = [
        ("k_h", d.k_h),
        ("k_w", d.k_w),
        ("c_in", d.c_in),
        ("c_out", d.c_out),
        ("parts_per_sample", parts_per_sample),
    ];
    let grid = Grid::Threads(d.kernel_len + d.c_out);
    site.record(SUM_PARTS, &constants, &[sums, dw, db], grid, len)
}
