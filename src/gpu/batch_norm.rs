//! Batch normalisation: shaders/batch_norm_*.wgsl, its sums in parts of samples. Where only
//! poolings read it, it is one pass with them: `batch_norm_pool2d`.

use super::batch_norm_pool2d;
use super::kernels::{
    BATCH_NORM_BACKWARD_INPUT, BATCH_NORM_BACKWARD_WEIGHT, BATCH_NORM_FIGURES, BATCH_NORM_FORWARD,
    BATCH_NORM_MOMENTS, BATCH_NORM_MOMENTS_TILED, SUM_PARTS,
};
use super::layers::{Form, Site};
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

/// Fewest positions in a part: long enough that the parts are small beside what they are of.
pub(super) const LEAST_ROWS: usize = 64;
/// Most parts of a sample, so that those of a large map stay few.
pub(super) const MOST_PARTS: usize = 128;
/// Most positions in a part: llvmpipe ends a shader after 65,535 rounds of its loops.
pub(super) const MOST_ROWS: usize = 1 << 14;

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
}

/// Two sums for each part and channel, for the whole batch.
pub(super) fn parts(site: &Site<'_>, parts_per_sample: usize, what: &str) -> Result<Slice> {
    let len = 2 * site.shape().channels() * site.batch() * parts_per_sample;
    let name = format!("{what} of {}", site.plan.graph().node(site.id).name);
    Ok(Slice::whole(&site.context.storage(&name, len)?, len))
}

/// One of its tensors in a flat buffer.
pub(super) fn tensor(site: &Site<'_>, flat: &wgpu::Buffer, role: Role) -> Slice {
    let found = site.memory.tensor(flat, site.plan.graph(), site.id, role);
    found.unwrap_or_else(|| site.memory.unused(flat))
}

/// Mean, inverse deviation, scale and shift of the last pass.
pub(super) fn figures(site: &Site<'_>) -> Slice {
    site.memory.figures(site.plan, site.id)
}

pub(super) fn forward(site: &mut Site<'_>, norm: Norm) -> Result<()> {
    let d = Dims::of(site);
    let elements = site.batch() * site.shape().len();
    let parts = parts(site, d.parts_per_sample, "partial moments")?;
    // Read twice, for the mean and then about it, but by then it is in a cache.
    let buffers = [site.x(0), parts.clone()];
    let count = d.c * site.batch() * d.parts_per_sample;
    let (kernel, threads) = match site.form {
        Form::Tiled | Form::Fused | Form::Sparse if d.c.is_multiple_of(4) => {
            (BATCH_NORM_MOMENTS_TILED, count / 4)
        }
        _ => (BATCH_NORM_MOMENTS, count),
    };
    site.record(kernel, &d.constants(), &buffers, Grid::Threads(threads), 4 * elements)?;

    let mut constants: Vec<(&str, f64)> =
        d.constants().iter().map(|(name, value)| (*name, *value as f64)).collect();
    constants.push(("momentum", f64::from(norm.momentum)));
    constants.push(("epsilon", f64::from(norm.epsilon)));
    let flat = &site.memory.parameters;
    let [gamma, beta] = [Role::Gamma, Role::Beta].map(|role| tensor(site, flat, role));
    let [mean, variance] =
        [Role::MovingMean, Role::MovingVariance].map(|role| tensor(site, flat, role).updated());
    let buffers = [parts, gamma.clone(), beta.clone(), mean, variance, figures(site)];
    let grid = Grid::Groups(d.c);
    site.record_with(BATCH_NORM_FIGURES, &constants, &buffers, grid, 9 * count)?;

    let relu = norm.activation == Activation::Relu;
    if let Some(pools) = site.normed_pools() {
        return batch_norm_pool2d::forward(site, pools, relu);
    }
    let constants = [("len", site.shape().len()), ("c", d.c), ("relu", usize::from(relu))];
    let buffers = [site.x(0), figures(site).touching(2 * d.c), gamma, beta, site.y()];
    site.record(BATCH_NORM_FORWARD, &constants, &buffers, Grid::Threads(elements), 3 * elements)
}

pub(super) fn backward(site: &mut Site<'_>, norm: Norm, dz: &Slice) -> Result<()> {
    if let Some(pools) = site.normed_pools() {
        return batch_norm_pool2d::backward(site, pools, norm.activation == Activation::Relu);
    }
    let d = Dims::of(site);
    let elements = site.batch() * site.shape().len();
    let parts = parts(site, d.parts_per_sample, "partial gradients")?;
    let figures = figures(site).touching(2 * d.c);
    let buffers = [site.x(0), dz.clone(), figures.clone(), parts.clone()];
    let grid = Grid::Threads(d.c * site.batch() * d.parts_per_sample);
    site.record(BATCH_NORM_BACKWARD_WEIGHT, &d.constants(), &buffers, grid, 5 * elements)?;
    let [dgamma, dbeta] = sum(site, parts, d.parts_per_sample)?;

    let Some(input) = site.dx(0) else { return Ok(()) };
    let [mask, add] = input.switches();
    let constants = [("rows", d.rows), ("c", d.c), mask, add];
    let gamma = tensor(site, &site.memory.parameters, Role::Gamma);
    let buffers = [site.x(0), dz.clone(), figures, gamma, dgamma, dbeta, input.dx];
    let (kernel, grid) = (BATCH_NORM_BACKWARD_INPUT, Grid::Threads(elements));
    site.record(kernel, &constants, &buffers, grid, 6 * elements)
}

/// Adds up the parts of gamma's and beta's gradients, and returns where those lie.
pub(super) fn sum(
    site: &mut Site<'_>,
    parts: Slice,
    parts_per_sample: usize,
) -> Result<[Slice; 2]> {
    let c = site.shape().channels();
    let gradients = &site.memory.parameter_gradients;
    let both = [Role::Gamma, Role::Beta].map(|role| tensor(site, gradients, role));
    let constants = [("c", c), ("parts_per_sample", parts_per_sample)];
    let count = site.batch() * parts_per_sample;
    let [dgamma, dbeta] = both.clone();
    let grid = Grid::Groups((2 * c).div_ceil(SUMMED_BY_A_GROUP));
    site.record(SUM_PARTS, &constants, &[parts, dgamma, dbeta], grid, 2 * c * count)?;
    Ok(both)
}

/// Elements that a group of sum_parts owns.
const SUMMED_BY_A_GROUP: usize = 16;
