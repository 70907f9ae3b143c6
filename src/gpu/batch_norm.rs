//! Batch normalisation: shaders/batch_norm_*.wgsl, its sums in parts of samples.

use super::kernels::{
    BATCH_NORM_BACKWARD_INPUT, BATCH_NORM_BACKWARD_WEIGHT, BATCH_NORM_FIGURES, BATCH_NORM_FORWARD,
    BATCH_NORM_MOMENTS, SUM_PARTS,
};
use super::layers::Site;
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::{Activation, Role};

/// What a batch norm is, apart from its place.
#[derive(Clone, Copy)]
pub(super) struct Norm {
    pub(super) momentum: f32,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
}

/// Fewest positions in a part, and most parts of a sample: few parts to put together one after
/// another, many threads.
const LEAST_ROWS: usize = 64;
const MOST_PARTS: usize = 8;
/// Most positions in a part: llvmpipe ends a shader after 65,535 rounds of its loops.
const MOST_ROWS: usize = 1 << 14;

struct Dims {
    rows: usize,
    c: usize,
    rows_per_part: usize,
    parts_per_sample: usize,
}

impl Dims {
    fn of(site: &Site<'_>) -> Self {
        let c = site.shape().channels();
        let rows = site.shape().len() / c;
        let rows_per_part = rows.div_ceil(MOST_PARTS).clamp(LEAST_ROWS, MOST_ROWS);
        Self { rows, c, rows_per_part, parts_per_sample: rows.div_ceil(rows_per_part) }
    }

    fn constants(&self) -> [(&'static str, usize); 4] {
        [
            ("rows", self.rows),
            ("c", self.c),
            ("rows_per_part", self.rows_per_part),
            ("parts_per_sample", self.parts_per_sample),
        ]
    }

    /// Two sums for each part and channel, for the whole batch.
    fn parts(&self, site: &Site<'_>, what: &str) -> Result<Slice> {
        let len = 2 * self.c * site.batch() * self.parts_per_sample;
        let name = format!("{what} of {}", site.plan.graph().node(site.id).name);
        Ok(Slice::whole(&site.context.storage(&name, len)?, len))
    }

    fn threads(&self, site: &Site<'_>) -> Grid {
        Grid::Threads(self.c * site.batch() * self.parts_per_sample)
    }
}

/// One of its tensors in a flat buffer.
fn tensor(site: &Site<'_>, flat: &wgpu::Buffer, role: Role) -> Slice {
    let found = site.memory.tensor(flat, site.plan.graph(), site.id, role);
    found.unwrap_or_else(|| site.memory.unused(flat))
}

/// Mean and inverse deviation of the last pass.
fn figures(site: &Site<'_>) -> Slice {
    site.memory.figures(site.plan, site.id)
}

pub(super) fn forward(site: &mut Site<'_>, norm: Norm) -> Result<()> {
    let d = Dims::of(site);
    let elements = site.batch() * site.shape().len();
    let parts = d.parts(site, "partial moments")?;
    // Read twice: for the mean, then about it.
    let buffers = [site.x(0).updated(), parts.clone()];
    site.record(BATCH_NORM_MOMENTS, &d.constants(), &buffers, d.threads(site), 4 * elements)?;

    let mut constants: Vec<(&str, f64)> =
        d.constants().iter().map(|(name, value)| (*name, *value as f64)).collect();
    constants.push(("momentum", f64::from(norm.momentum)));
    constants.push(("epsilon", f64::from(norm.epsilon)));
    let flat = &site.memory.parameters;
    let [mean, variance] =
        [Role::MovingMean, Role::MovingVariance].map(|role| tensor(site, flat, role).updated());
    let buffers = [parts, mean, variance, figures(site)];
    let grid = Grid::Threads(d.c);
    site.record_with(BATCH_NORM_FIGURES, &constants, &buffers, grid, 0)?;

    let relu = norm.activation == Activation::Relu;
    let constants = [("len", site.shape().len()), ("c", d.c), ("relu", usize::from(relu))];
    let [gamma, beta] = [Role::Gamma, Role::Beta].map(|role| tensor(site, flat, role));
    let buffers = [site.x(0), figures(site), gamma, beta, site.y()];
    site.record(BATCH_NORM_FORWARD, &constants, &buffers, Grid::Threads(elements), 3 * elements)
}

pub(super) fn backward(site: &mut Site<'_>, dz: &Slice) -> Result<()> {
    let d = Dims::of(site);
    let elements = site.batch() * site.shape().len();
    let parts = d.parts(site, "partial gradients")?;
    let buffers = [site.x(0), dz.clone(), figures(site), parts.clone()];
    let (kernel, grid) = (BATCH_NORM_BACKWARD_WEIGHT, d.threads(site));
    site.record(kernel, &d.constants(), &buffers, grid, 5 * elements)?;

    // The sums lie as those of a convolution with one tap and one input channel do.
    let gradients = &site.memory.parameter_gradients;
    let [dgamma, dbeta] = [Role::Gamma, Role::Beta].map(|role| tensor(site, gradients, role));
    let constants = [
        ("k_h", 1),
        ("k_w", 1),
        ("c_in", 1),
        ("c_out", d.c),
        ("samples_per_part", 1),
        ("parts_per_sample", d.parts_per_sample),
    ];
    let count = site.batch() * d.parts_per_sample;
    let buffers = [parts, dgamma.clone(), dbeta.clone()];
    site.record(SUM_PARTS, &constants, &buffers, Grid::Threads(2 * d.c), 2 * d.c * count)?;

    let Some(input) = site.dx(0) else { return Ok(()) };
    let [mask, add] = input.switches();
    let constants = [("rows", d.rows), ("c", d.c), mask, add];
    let gamma = tensor(site, &site.memory.parameters, Role::Gamma);
    let buffers = [site.x(0), dz.clone(), figures(site), gamma, dgamma, dbeta, input.dx];
    let (kernel, grid) = (BATCH_NORM_BACKWARD_INPUT, Grid::Threads(elements));
    site.record(kernel, &constants, &buffers, grid, 6 * elements)
}
