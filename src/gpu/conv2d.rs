//! Convolution: shaders/conv2d_*.wgsl.

use super::kernels::{
    CONV2D_BACKWARD_INPUT, CONV2D_BACKWARD_INPUT_TILED, CONV2D_BACKWARD_WEIGHT,
    CONV2D_BACKWARD_WEIGHT_TILED, CONV2D_FORWARD, CONV2D_FORWARD_TILED,
    CONV2D_MAX_POOL2D_BACKWARD_INPUT, CONV2D_MAX_POOL2D_BACKWARD_WEIGHT, CONV2D_MAX_POOL2D_FORWARD,
    Kernel, SUM_PARTS,
};
use super::layers::{Form, Site, map};
use super::memory::{Slice, UNIFORM_BYTES, WORD};
use super::recorder::Grid;
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
    let d = Dims::of(site);
    let (w, b) = site.weights();
    let mut constants = d.with(&[("has_bias", usize::from(d.bias)), ("relu", usize::from(d.relu))]);
    let flop = d.flop(site.batch());
    let fours = d.c_out / 4;
    if let Some(pool) = site.fused_pool() {
        let blocks = fours.min(2);
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
        let blocks = fours.min(4);
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
    let d = Dims::of(site);
    let sparse = site.fused_pool().filter(|_| site.form == Form::Sparse);
    let pooled = sparse.and_then(|pool| {
        let dy = site.memory.gradient(site.plan, pool)?;
        Some([dy, site.memory.winners(site.plan, pool)])
    });
    match &pooled {
        Some(pooled) => sparse_weight(site, &d, pooled)?,
        None => dense_weight(site, &d, dz)?,
    }
    let Some(input) = site.dx(0) else { return Ok(()) };
    let mut constants = d.with(&input.switches());
    let (w, x) = (site.weights().0, site.x(0).read_if(input.mask));
    let flop = d.flop(site.batch());
    let [h_in, w_in, c_in] = map(site.input_shape(0));
    let each = Grid::Threads(site.batch() * h_in * w_in * c_in);
    if let Some([dy, winners]) = pooled {
        let buffers = [dy, winners, w, x, input.dx];
        // One of the four outputs under a window has a gradient.
        return site.record(CONV2D_MAX_POOL2D_BACKWARD_INPUT, &constants, &buffers, each, flop / 4);
    }
    let buffers = [dz.clone(), w, x, input.dx];
    if tiled(site) {
        let channels = c_in.min(8);
        constants.push(("channels", channels));
        let threads = site.batch() * h_in * w_in.div_ceil(COLUMNS);
        let grid = Grid::Layers(threads, c_in.div_ceil(channels));
        site.record(CONV2D_BACKWARD_INPUT_TILED, &constants, &buffers, grid, flop)
    } else {
        site.record(CONV2D_BACKWARD_INPUT, &constants, &buffers, each, flop)
    }
}

/// Rows of the output whose products one thread of the tiled kernel sums: many
/// for few parts to add up, few for many threads.
const ROWS_PER_PART: usize = 10;
/// The same of pooled rows.
const POOLED_ROWS_PER_PART: usize = 5;

fn dense_weight(site: &mut Site<'_>, d: &Dims, dz: &Slice) -> Result<()> {
    let flop = d.flop(site.batch());
    // Fewer, larger parts where those would not fit into a buffer; where even one for each
    // sample does not, one for the batch.
    let fits = |rows: &usize| {
        let parts = site.batch() * d.h_out.div_ceil(*rows);
        (parts * (d.kernel_len + d.c_out)) as u64 * WORD <= site.context.largest()
    };
    let tiled = site.form != Form::Plain && d.c_out.is_multiple_of(4);
    let rows = [d.h_out.min(ROWS_PER_PART), d.h_out].into_iter().find(fits);
    let Some(rows) = rows.filter(|_| tiled) else {
        let samples = if rows.is_some() { 1 } else { site.batch() };
        let rows = rows.unwrap_or(d.h_out);
        let constants = d.with(&[("rows_per_part", rows), ("samples_per_part", samples)]);
        let parts =
            Parts { kernel: CONV2D_BACKWARD_WEIGHT, samples, per_sample: d.h_out.div_ceil(rows) };
        let threads = d.kernel_len + d.c_out;
        let gradients = std::slice::from_ref(dz);
        return weight_in_parts(site, d, &parts, &constants, gradients, threads, flop);
    };
    let blocks = (d.c_out / 4).min(2);
    let tiles = (d.k_h * d.c_in).div_ceil(5) * d.k_w.div_ceil(5) * d.c_out.div_ceil(4 * blocks);
    let constants = d.with(&[("rows_per_part", rows), ("blocks_o", blocks)]);
    let per_sample = d.h_out.div_ceil(rows);
    let parts = Parts { kernel: CONV2D_BACKWARD_WEIGHT_TILED, samples: 1, per_sample };
    weight_in_parts(
        site,
        d,
        &parts,
        &constants,
        std::slice::from_ref(dz),
        tiles + d.c_out / 4,
        flop,
    )
}

fn sparse_weight(site: &mut Site<'_>, d: &Dims, pooled: &[Slice; 2]) -> Result<()> {
    let h_pool = d.h_out / 2;
    let rows = h_pool.min(POOLED_ROWS_PER_PART);
    let threads = (d.k_h * d.c_in * d.k_w.div_ceil(5) + 1) * d.c_out;
    let constants = d.with(&[("rows_per_part", rows)]);
    let per_sample = h_pool.div_ceil(rows);
    let parts = Parts { kernel: CONV2D_MAX_POOL2D_BACKWARD_WEIGHT, samples: 1, per_sample };
    // One of the four outputs under a window has a gradient.
    let flop = d.flop(site.batch()) / 4;
    weight_in_parts(site, d, &parts, &constants, pooled, threads, flop)
}

/// A first stage that leaves sums over parts of samples, and how many of them.
struct Parts {
    kernel: Kernel,
    /// Samples in a part.
    samples: usize,
    per_sample: usize,
}

/// Both stages: sums over parts, then over those, first part first.
fn weight_in_parts(
    site: &mut Site<'_>,
    d: &Dims,
    parts: &Parts,
    constants: &[(&'static str, usize)],
    gradients: &[Slice],
    threads_per_part: usize,
    flop: usize,
) -> Result<()> {
    let count = site.batch().div_ceil(parts.samples) * parts.per_sample;
    let len = count * (d.kernel_len + d.c_out);
    let name = format!("partial weight gradients of {}", site.plan.graph().node(site.id).name);
    let sums = Slice::whole(&site.context.storage(&name, len)?, len);
    let mut buffers = vec![site.x(0)];
    buffers.extend_from_slice(gradients);
    buffers.push(sums.clone());
    let grid = Grid::Threads(count * threads_per_part);
    site.record(parts.kernel, constants, &buffers, grid, flop)?;

    let (dw, db) = site.weight_gradients();
    let constants = [
        ("k_h", d.k_h),
        ("k_w", d.k_w),
        ("c_in", d.c_in),
        ("c_out", d.c_out),
        ("samples_per_part", parts.samples),
        ("parts_per_sample", parts.per_sample),
    ];
    let grid = Grid::Threads(d.kernel_len + d.c_out);
    site.record(SUM_PARTS, &constants, &[sums, dw, db], grid, len)
}
