//! Convolution: shaders/conv2d_*.wgsl.

use super::kernels::{
    CONV2D_BACKWARD_INPUT, CONV2D_BACKWARD_INPUT_TILED, CONV2D_BACKWARD_WEIGHT,
    CONV2D_BACKWARD_WEIGHT_TILED, CONV2D_FORWARD, CONV2D_FORWARD_TILED,
    CONV2D_MAX_POOL2D_BACKWARD_INPUT, CONV2D_MAX_POOL2D_BACKWARD_WEIGHT, CONV2D_MAX_POOL2D_FORWARD,
    Kernel,
};
use super::layers::{Form, Site, map};
use super::memory::{Slice, UNIFORM_BYTES, WORD};
use super::recorder::Grid;
use super::tiles::Tiles;
use crate::error::Result;
use crate::graph::{Activation, NodeId, Op, Padding, Role};
use crate::plan::Plan;

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
    h_in: usize,
    w_in: usize,
    h_out: usize,
    w_out: usize,
    c_in: usize,
    c_out: usize,
    k_h: usize,
    k_w: usize,
}

impl Dims {
    fn of(plan: &Plan, id: NodeId) -> Self {
        let graph = plan.graph();
        let node = graph.node(id);
        let ([mut h_in, mut w_in, c_in], [mut h_out, mut w_out, c_out]) =
            (map(graph.node(node.inputs[0]).shape), map(node.shape));
        let (mut size, mut pads, mut has_bias, mut relu) = ([1, 1], [0, 0], false, false);
        if let Op::Conv2d { kernel, padding, bias, activation, .. } = node.op {
            size = kernel;
            (has_bias, relu) = (bias, activation == Activation::Relu);
            if padding == Padding::Same {
                pads = [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2];
            }
        }
        // A map of one column lies in memory as one of one row does, and rows are what the
        // tiled kernels are good at.
        if (w_in, size[1]) == (1, 1) {
            (h_in, w_in, h_out, w_out) = (w_in, h_in, w_out, h_out);
            size.reverse();
            pads.reverse();
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
        Self {
            constants,
            bias,
            relu,
            out_len,
            kernel_len,
            h_in,
            w_in,
            h_out,
            w_out,
            c_in,
            c_out,
            k_h,
            k_w,
        }
    }

    fn with(&self, more: &[(&'static str, usize)]) -> Vec<(&'static str, usize)> {
        self.constants.iter().chain(more).copied().collect()
    }

    /// Multiplications and additions of one dense pass, whichever way.
    fn flop(&self, batch: usize) -> usize {
        2 * batch * self.out_len * self.kernel_len / self.c_out
    }
}

/// Whether a convolution's kernel can be read through a uniform, in fours of channels.
pub(super) fn fits_uniform(plan: &Plan, id: NodeId) -> bool {
    let kernel = plan.graph().parameters_of(id).find(|p| p.role == Role::Kernel);
    kernel.is_some_and(|p| p.len() as u64 * WORD <= UNIFORM_BYTES && p.shape[3].is_multiple_of(4))
}

/// Whether the kernels in registers do this node.
fn tiled(site: &Site<'_>) -> bool {
    site.form != Form::Plain && fits_uniform(site.plan, site.id)
}

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    let d = Dims::of(site.plan, site.id);
    let (w, b) = site.weights();
    let mut constants = d.with(&[("has_bias", usize::from(d.bias)), ("relu", usize::from(d.relu))]);
    let flop = d.flop(site.batch());
    let fours = d.c_out / 4;
    if let Some(pool) = site.fused_pool() {
        let blocks = fours.min(site.tiles.pooled_blocks());
        constants.push(("blocks_o", blocks));
        let (y, winners) =
            (site.memory.value(site.plan, pool), site.memory.winners(site.plan, pool));
        let buffers = [site.x(0), w, b, y, winners];
        let threads = site.batch() * (d.h_out / 2) * (d.w_out / 2).div_ceil(COLUMNS / 2);
        let grid = Grid::Layers(threads, fours.div_ceil(blocks));
        return site.record(CONV2D_MAX_POOL2D_FORWARD, &constants, &buffers, grid, flop);
    }
    let buffers = [site.x(0), w, b, site.y()];
    if tiled(site) {
        let blocks = fours.min(site.tiles.forward_blocks());
        constants.push(("blocks_o", blocks));
        let threads = site.batch() * d.h_out * d.w_out.div_ceil(COLUMNS);
        let grid = Grid::Layers(threads, fours.div_ceil(blocks));
        site.record(CONV2D_FORWARD_TILED, &constants, &buffers, grid, flop)
    } else {
        let grid = Grid::Threads(site.batch() * d.out_len);
        site.record(CONV2D_FORWARD, &constants, &buffers, grid, flop)
    }
}

pub(super) fn backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    let d = Dims::of(site.plan, site.id);
    let pooled = site.fused_pool().and_then(|pool| {
        let dy = site.memory.gradient(site.plan, pool)?;
        Some([dy, site.memory.winners(site.plan, pool)])
    });
    weight(site, &d, dz, pooled.as_ref())?;
    let Some(input) = site.dx(0) else { return Ok(()) };
    let mut constants = d.with(&input.switches());
    let (w, x) = (site.weights().0, site.x(0).read_if(input.mask));
    let flop = d.flop(site.batch());
    let Dims { h_in, w_in, c_in, .. } = d;
    let each = Grid::Threads(site.batch() * h_in * w_in * c_in);
    if let (Some([dy, winners]), Form::Sparse) = (&pooled, site.form) {
        let buffers = [dy.clone(), winners.clone(), w, x, input.dx];
        // One of the four outputs under a window has a gradient.
        return site.record(CONV2D_MAX_POOL2D_BACKWARD_INPUT, &constants, &buffers, each, flop / 4);
    }
    if tiled(site) {
        let channels = c_in.min(site.tiles.input_channels());
        constants.extend([("channels", channels), ("pooled", usize::from(pooled.is_some()))]);
        let unused = || [dz.clone(), site.memory.unused(&site.memory.velocity)];
        let [dz, winners] = pooled.unwrap_or_else(unused);
        let buffers = [dz, winners, w, x, input.dx];
        let threads = site.batch() * h_in * w_in.div_ceil(COLUMNS);
        let grid = Grid::Layers(threads, c_in.div_ceil(channels));
        site.record(CONV2D_BACKWARD_INPUT_TILED, &constants, &buffers, grid, flop)
    } else {
        let buffers = [dz.clone(), w, x, input.dx];
        site.record(CONV2D_BACKWARD_INPUT, &constants, &buffers, each, flop)
    }
}

/// Pooled rows in a part of the sparse form.
const POOLED_ROWS_PER_PART: usize = 5;

/// The gradients of a convolution's weights are summed in parts of the batch first, and over the
/// parts where the weights are updated (`update.rs`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    kernel: Kernel,
    /// Rows of the output, or pooled ones, in a part.
    rows: usize,
    /// Samples in a part.
    pub(super) samples: usize,
    pub(super) per_sample: usize,
    /// Elements of a part: the kernel's, then the bias's.
    pub(super) stride: usize,
    pub(super) kernel_len: usize,
    /// Elements of all parts.
    pub(super) len: usize,
}

impl Parts {
    /// Those of a node, if it is a convolution, in at most so many elements unless one part for the
    /// batch has more.
    pub(super) fn of(
        plan: &Plan,
        form: Form,
        tiles: Tiles,
        id: NodeId,
        most: usize,
    ) -> Option<Self> {
        if !matches!(plan.graph().node(id).op, Op::Conv2d { .. }) {
            return None;
        }
        let d = Dims::of(plan, id);
        let stride = d.kernel_len + d.c_out;
        let parts = |kernel, rows, samples, per_sample| {
            let len = plan.batch().div_ceil(samples) * per_sample * stride;
            Self { kernel, rows, samples, per_sample, stride, kernel_len: d.kernel_len, len }
        };
        if form == Form::Sparse && form.fused_pool(plan, id).is_some() {
            let h_pool = d.h_out / 2;
            let rows = h_pool.min(POOLED_ROWS_PER_PART);
            let kernel = CONV2D_MAX_POOL2D_BACKWARD_WEIGHT;
            return Some(parts(kernel, rows, 1, h_pool.div_ceil(rows)));
        }
        // Fewer, larger parts where those would be too many; in the end one for the batch.
        let tiled = form != Form::Plain && d.c_out.is_multiple_of(4);
        let kernel = if tiled { CONV2D_BACKWARD_WEIGHT_TILED } else { CONV2D_BACKWARD_WEIGHT };
        let (rows, whole, batch) =
            (tiles.rows_per_part(), d.h_out.next_multiple_of(2), plan.batch());
        let samples = std::iter::successors(Some(1), |samples| Some(2 * samples));
        let samples = samples.take_while(|samples| *samples < batch);
        let mut all = std::iter::once(parts(kernel, rows, 1, d.h_out.div_ceil(rows)))
            .chain(samples.map(|samples| parts(kernel, whole, samples, 1)));
        let fits = all.find(|parts| parts.len <= most);
        Some(fits.unwrap_or_else(|| parts(kernel, whole, batch, 1)))
    }
}

/// The first stage: sums over parts.
fn weight(site: &mut Site<'_>, d: &Dims, dz: &Slice, pooled: Option<&[Slice; 2]>) -> Result<()> {
    let Some((parts, sums)) = site.memory.parts(site.id) else { return Ok(()) };
    let count = parts.len / parts.stride;
    let mut constants = d.with(&[("rows_per_part", parts.rows)]);
    let samples = ("samples_per_part", parts.samples);
    let flop = d.flop(site.batch());
    let (kernel, x) = (parts.kernel, site.x(0));
    if kernel == CONV2D_MAX_POOL2D_BACKWARD_WEIGHT {
        let [dy, winners] = pooled.cloned().unwrap_or_else(|| [dz.clone(), dz.clone()]);
        let threads = (d.k_h * d.c_in * d.k_w.div_ceil(5) + 1) * d.c_out;
        let (buffers, grid) = ([x, dy, winners, sums], Grid::Threads(count * threads));
        // One of the four outputs under a window has a gradient.
        return site.record(kernel, &constants, &buffers, grid, flop / 4);
    }
    if kernel == CONV2D_BACKWARD_WEIGHT {
        constants.push(samples);
        let (buffers, grid) = ([x, dz.clone(), sums], Grid::Threads(count * parts.stride));
        return site.record(kernel, &constants, &buffers, grid, flop);
    }
    let blocks = (d.c_out / 4).min(site.tiles.weight_blocks());
    let tiles = (d.k_h * d.c_in).div_ceil(5) * d.k_w.div_ceil(5) * d.c_out.div_ceil(4 * blocks);
    let pools = ("pooled", usize::from(pooled.is_some()));
    constants.extend([samples, ("blocks_o", blocks), pools]);
    let unused = site.memory.unused(&site.memory.velocity);
    let [dz, winners] = pooled.cloned().unwrap_or_else(|| [dz.clone(), unused]);
    let grid = Grid::Threads(count * (tiles + d.c_out / 4));
    site.record(kernel, &constants, &[x, dz, winners, sums], grid, flop)
}
