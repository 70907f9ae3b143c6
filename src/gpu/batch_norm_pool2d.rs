//! A batch norm and the poolings that alone read it as one pass: shaders/batch_norm_pool2d_*.wgsl.
//! Neither its output nor its output's gradient is ever written.

use super::batch_norm::{LEAST_ROWS, MOST_PARTS, MOST_ROWS, figures, parts, sum, tensor};
use super::kernels::{
    BATCH_NORM_POOL2D_BACKWARD_INPUT, BATCH_NORM_POOL2D_BACKWARD_WEIGHT, BATCH_NORM_POOL2D_FORWARD,
};
use super::layers::{Site, map};
use super::max_pool2d::{Extents, extents_of};
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::{NodeId, Op, Role};
use crate::plan::Plan;

/// The poolings that read a batch norm, over the same windows.
#[derive(Clone, Copy)]
pub(super) struct Pools {
    window: [usize; 2],
    max: Option<NodeId>,
    mean: Option<NodeId>,
}

impl Pools {
    /// Those of a batch norm of fours of channels, if nothing else reads it.
    pub(super) fn of(plan: &Plan, id: NodeId) -> Option<Self> {
        let graph = plan.graph();
        let node = graph.node(id);
        if !matches!(node.op, Op::BatchNorm { .. }) || !node.shape.channels().is_multiple_of(4) {
            return None;
        }
        let mut pools: Option<Self> = None;
        for reader in graph.ids().filter(|reader| graph.node(*reader).inputs.contains(&id)) {
            let (window, [max, mean]) = match graph.node(reader).op {
                Op::MaxPool2d { window } => (window, [Some(reader), None]),
                Op::AvgPool2d { window } => (window, [None, Some(reader)]),
                _ => return None,
            };
            let known = pools.unwrap_or(Self { window, max: None, mean: None });
            let twice = known.max.and(max).or(known.mean.and(mean)).is_some();
            if twice || known.window != window || window[0] * window[1] > MOST_ROWS {
                return None;
            }
            pools = Some(Self { window, max: known.max.or(max), mean: known.mean.or(mean) });
        }
        pools
    }

    /// Whether a node is one of them.
    pub(super) fn has(self, id: NodeId) -> bool {
        [self.max, self.mean].contains(&Some(id))
    }

    /// Any of them: all have the same shape.
    fn extents(self, site: &Site<'_>) -> Extents {
        let pool = self.max.or(self.mean).unwrap_or(site.id);
        extents_of(site.shape(), site.plan.graph().node(pool).shape, self.window)
    }

    fn constants(self, site: &Site<'_>, relu: bool) -> Vec<(&'static str, usize)> {
        let mut constants = self.extents(site).to_vec();
        let [has_max, has_mean] = [self.max, self.mean].map(|pool| usize::from(pool.is_some()));
        let switches = [("relu", usize::from(relu)), ("has_max", has_max), ("has_mean", has_mean)];
        constants.extend(switches);
        constants
    }

    /// Values or gradients of the maxima, their winners, and of the means; where there are none,
    /// elements that nobody reads stand in.
    fn buffers(self, site: &Site<'_>, of: impl Fn(NodeId) -> Option<Slice>) -> [Slice; 3] {
        let winners = |id| site.memory.winners(site.plan, id);
        let [max, winner, mean] =
            [self.max.and_then(&of), self.max.map(winners), self.mean.and_then(&of)];
        let flat = [&site.memory.velocity, &site.memory.l2, &site.memory.velocity];
        let [a, b, c] = flat.map(|flat| site.memory.unused(flat));
        [max.unwrap_or(a), winner.unwrap_or(b), mean.unwrap_or(c)]
    }
}

pub(super) fn forward(site: &mut Site<'_>, pools: Pools, relu: bool) -> Result<()> {
    let constants = pools.constants(site, relu);
    let [max, winner, mean] = pools.buffers(site, |id| Some(site.memory.value(site.plan, id)));
    let c = site.shape().channels();
    let buffers = [site.x(0), figures(site).touching(3 * c), max, winner, mean];
    let [_, _, _, (_, h_out), (_, w_out), ..] = pools.extents(site);
    let grid = Grid::Threads(site.batch() * h_out * w_out * c / 4);
    let flop = 4 * site.batch() * site.shape().len();
    site.record(BATCH_NORM_POOL2D_FORWARD, &constants, &buffers, grid, flop)
}

pub(super) fn backward(site: &mut Site<'_>, pools: Pools, relu: bool) -> Result<()> {
    let constants = pools.constants(site, relu);
    let gradients = pools.buffers(site, |id| site.memory.gradient(site.plan, id));
    let [_, _, _, (_, h_out), (_, w_out), (_, k_h), (_, k_w)] = pools.extents(site);
    let [h_in, w_in, c] = map(site.shape());
    let elements = site.batch() * site.shape().len();
    let [least, most] = [LEAST_ROWS, MOST_ROWS].map(|rows| rows.div_ceil(k_h * k_w));
    let windows_per_part = (h_out * w_out).div_ceil(MOST_PARTS).clamp(least, most);
    let per_sample = (h_out * w_out).div_ceil(windows_per_part);
    let sums = parts(site, per_sample, "partial gradients")?;
    let mut first = constants.clone();
    first.extend([("windows_per_part", windows_per_part), ("parts_per_sample", per_sample)]);
    let mut buffers = vec![site.x(0), figures(site)];
    buffers.extend(gradients.clone());
    buffers.push(sums.clone());
    let grid = Grid::Threads(site.batch() * per_sample * c / 4);
    site.record(BATCH_NORM_POOL2D_BACKWARD_WEIGHT, &first, &buffers, grid, 6 * elements)?;
    sum(site, sums, per_sample)?;

    let Some(input) = site.dx(0) else { return Ok(()) };
    let flat = &site.memory.parameter_gradients;
    let [dgamma, dbeta] = [Role::Gamma, Role::Beta].map(|role| tensor(site, flat, role));
    let beta_at = dbeta.start - dgamma.start;
    // Both in one binding, since a kernel may have few.
    let slopes = Slice { len: beta_at + dbeta.len, ..dgamma }.touching(2 * c);
    let mut second = constants;
    second.push(("beta_at", beta_at as usize));
    second.extend(input.switches());
    let mut buffers = vec![site.x(0), figures(site), slopes];
    buffers.extend(gradients);
    buffers.push(input.dx);
    let windows = h_in.div_ceil(k_h) * w_in.div_ceil(k_w);
    let grid = Grid::Threads(site.batch() * windows * c / 4);
    site.record(BATCH_NORM_POOL2D_BACKWARD_INPUT, &second, &buffers, grid, 7 * elements)
}
