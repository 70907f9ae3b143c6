//! The buffers of a plan on the device, by role: one for each slot's values and gradients, and one
//! flat buffer each for the parameters, their gradients, the velocity and the penalty's factors.

use std::collections::HashMap;

use super::context::Context;
use super::kernels::Access;
use crate::error::Result;
use crate::graph::{Graph, NodeId, Role};
use crate::ops::gpu::{Buffer, KernelVariant, TileConfig, UNIFORM_ELEMENTS};
use crate::ops::sgd::gpu::{Chunk, GROUP, chunks};
use crate::ops::split_k::{self, SplitK};
use crate::ops::{batch_norm, conv2d};
use crate::plan::{LoweredOp, Plan};

pub(super) use super::context::WORD;
/// Elements that every tensor in a flat buffer begins at a multiple of: those of a workgroup of
/// the optimiser, and 256 bytes, which every device can bind.
const ALIGN: usize = GROUP;
/// Bytes of a uniform binding, whatever of it a kernel reads.
pub(super) const UNIFORM_BYTES: u64 = UNIFORM_ELEMENTS as u64 * WORD;

/// Some elements of a buffer.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) buffer: wgpu::Buffer,
    /// First element.
    pub(super) start: u64,
    /// Number of elements, rounded up so that whole `vec4`s can be read.
    pub(super) len: u64,
}

/// Finds buffers by role: the buffer for an unused binding depends on the kernel's access.
pub(super) trait Buffers {
    /// The slice of a role, if there is one.
    fn slice(&self, role: Buffer, access: Access) -> Option<Slice>;
}

impl Slice {
    /// The first `len` elements of a buffer.
    pub(super) fn whole(buffer: &wgpu::Buffer, len: usize) -> Self {
        Self { buffer: buffer.clone(), start: 0, len: (len as u64).next_multiple_of(4) }
    }

    /// `len` elements from `start` on.
    fn part(buffer: &wgpu::Buffer, start: usize, len: usize) -> Self {
        Self { start: start as u64, ..Self::whole(buffer, len) }
    }
}

/// Where parameter tensors begin in the flat buffers.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    starts: Vec<usize>,
    /// Elements up to the end of the last tensor, padding included.
    pub(super) len: usize,
}

impl Layout {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut len = 0;
        let starts = (graph.parameters().iter())
            .map(|p| {
                let start = len;
                len += p.len().next_multiple_of(ALIGN);
                start
            })
            .collect();
        Self { starts, len }
    }

    /// Where a node's tensor begins.
    pub(super) fn start(&self, graph: &Graph, id: NodeId, role: Role) -> Option<usize> {
        let index = graph.parameters().iter().position(|p| p.node == id && p.role == role)?;
        Some(self.starts[index])
    }

    /// The graph's flat parameters as they lie on the device, with zeros between tensors.
    pub(super) fn to_padded(&self, graph: &Graph, flat: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.len];
        for (p, &start) in graph.parameters().iter().zip(&self.starts) {
            padded[start..start + p.len()].copy_from_slice(&flat[p.range()]);
        }
        padded
    }

    /// The inverse of [`Layout::to_padded`].
    pub(super) fn to_flat(&self, graph: &Graph, padded: &[f32]) -> Vec<f32> {
        let mut flat = vec![0.0; graph.parameter_count()];
        for (p, &start) in graph.parameters().iter().zip(&self.starts) {
            flat[p.range()].copy_from_slice(&padded[start..start + p.len()]);
        }
        flat
    }
}

/// The buffers of a plan.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) layout: Layout,
    /// All that exist; a tensor that a fused pass does not write has none.
    slices: HashMap<Buffer, Slice>,
    /// For each node whose weight gradients are split: how, and where its partial sums begin.
    splits: Vec<Option<(SplitK, usize)>>,
    /// Bound in place of [`Buffer::Unused`] where a kernel reads.
    unused: wgpu::Buffer,
    /// Bound in place of [`Buffer::Unused`] where a kernel writes.
    unused_output: wgpu::Buffer,
    /// What each workgroup of the optimiser does.
    pub(super) chunks: Vec<Chunk>,
    /// Whether any parameter has a penalty.
    pub(super) has_penalty: bool,
}

impl Memory {
    /// Allocates all buffers of a plan.
    pub(super) fn new(
        context: &Context,
        plan: &Plan,
        variant: KernelVariant,
        tiles: TileConfig,
    ) -> Result<Self> {
        let limit = (context.largest() / WORD) as usize;
        let (splits, partial_sums) = split_weight_gradients(plan, variant, tiles, limit);
        let mut memory = Self {
            layout: Layout::new(plan.graph()),
            slices: HashMap::new(),
            splits,
            unused: context.storage("unused input", 1)?,
            unused_output: context.storage("unused output", 1)?,
            chunks: Vec::new(),
            has_penalty: plan.graph().parameters().iter().any(|p| p.l2 != 0.0),
        };
        memory.allocate_slots(context, plan)?;
        memory.allocate_nodes(context, plan)?;
        memory.allocate_parameters(context, plan)?;
        if plan.trains() {
            memory.allocate_update(context, plan, partial_sums)?;
        }
        Ok(memory)
    }

    /// Values and gradients.
    fn allocate_slots(&mut self, context: &Context, plan: &Plan) -> Result<()> {
        for (slot, buffer) in plan.buffers().iter().enumerate() {
            if !buffer.is_materialized {
                continue;
            }
            let len = plan.batch() * buffer.len;
            let name = &plan.graph().node(buffer.node).name;
            let readers = || plan.graph().ids().filter(|id| plan.slot(*id).0 == slot);
            let value = Slice::whole(&context.storage(&format!("output of {name}"), len)?, len);
            self.slices.extend(readers().map(|id| (Buffer::Value(id), value.clone())));
            if buffer.has_gradient {
                let gradient =
                    Slice::whole(&context.storage(&format!("gradient of {name}"), len)?, len);
                self.slices.extend(readers().map(|id| (Buffer::Gradient(id), gradient.clone())));
            }
        }
        Ok(())
    }

    /// The argmax of max-poolings, and statistics and partial sums of batch norms.
    fn allocate_nodes(&mut self, context: &Context, plan: &Plan) -> Result<()> {
        for id in plan.graph().ids() {
            let mut allocate = |role: Buffer, what: &str, len: usize| -> Result<()> {
                let buffer =
                    context.storage(&format!("{what} of {}", plan.graph().node(id).name), len)?;
                self.slices.insert(role, Slice::whole(&buffer, len));
                Ok(())
            };
            if let Some(pool) = plan.lowered(id).argmax_of(id) {
                let len = plan.batch() * plan.graph().node(pool).shape.len();
                allocate(Buffer::Argmax(pool), "argmax", len)?;
            }
            if let LoweredOp::BatchNorm(op) = plan.lowered(id) {
                let stats = batch_norm::gpu::STATS_PER_CHANNEL * op.c;
                allocate(Buffer::BatchStats(id), "statistics", stats)?;
                let sums = batch_norm::gpu::partial_sums(op, plan.batch(), plan.trains());
                allocate(Buffer::PartialSums(id), "partial sums", sums)?;
            }
        }
        Ok(())
    }

    /// Parameters, velocity and penalty factors, and the tensors in them.
    fn allocate_parameters(&mut self, context: &Context, plan: &Plan) -> Result<()> {
        let graph = plan.graph();
        let parameters = self.allocate_flat(context, Buffer::AllParameters, "parameters")?;
        self.allocate_flat(context, Buffer::Velocity, "velocity")?;
        let factors = self.allocate_flat(context, Buffer::PenaltyFactors, "penalty factors")?;
        let mut l2 = vec![0.0; graph.parameter_count()];
        for p in graph.parameters() {
            l2[p.range()].fill(p.l2);
        }
        let l2 = self.layout.to_padded(graph, &l2);
        context.queue.write_buffer(&factors, 0, bytemuck::cast_slice(&l2));
        for (p, &start) in graph.parameters().iter().zip(&self.layout.starts) {
            let slice = Slice::part(&parameters, start, p.len());
            self.slices.insert(Buffer::Parameter(p.node, p.role), slice);
        }
        Ok(())
    }

    /// A flat buffer over all parameters; a uniform binding may reach beyond the last tensor.
    fn allocate_flat(
        &mut self,
        context: &Context,
        role: Buffer,
        what: &str,
    ) -> Result<wgpu::Buffer> {
        let buffer = context.storage(what, self.layout.len + UNIFORM_ELEMENTS)?;
        self.slices.insert(role, Slice::whole(&buffer, self.layout.len));
        Ok(buffer)
    }

    /// What only training needs: gradients of parameters, their partial sums, and the
    /// optimiser's chunks.
    fn allocate_update(
        &mut self,
        context: &Context,
        plan: &Plan,
        partial_sums: usize,
    ) -> Result<()> {
        let graph = plan.graph();
        let flat =
            self.allocate_flat(context, Buffer::AllParameterGradients, "parameter gradients")?;
        for (p, &start) in graph.parameters().iter().zip(&self.layout.starts) {
            let slice = Slice::part(&flat, start, p.len());
            self.slices.insert(Buffer::ParameterGradient(p.node, p.role), slice);
            if let (Role::Gamma, Some(beta)) =
                (p.role, self.layout.start(graph, p.node, Role::Beta))
            {
                let both = Slice::part(&flat, start, beta - start + p.len());
                self.slices.insert(Buffer::NormGradients(p.node), both);
            }
        }
        let sums = context.storage("partial weight gradients", partial_sums)?;
        // A buffer is never empty.
        let all = Slice::whole(&sums, (sums.size() / WORD) as usize);
        self.slices.insert(Buffer::AllPartialSums, all);
        for (id, split) in graph.ids().zip(&self.splits) {
            if let Some((split, start)) = split {
                let slice = Slice::part(&sums, *start, split.len(plan.batch()));
                self.slices.insert(Buffer::PartialSums(id), slice);
            }
        }
        self.chunks = chunks(graph, |id| self.splits[id.index()]);
        let words: &[u32] = bytemuck::cast_slice(&self.chunks);
        let table = context.storage("chunks of parameters", words.len())?;
        context.queue.write_buffer(&table, 0, bytemuck::cast_slice(words));
        // The kernel asks for the number of chunks: no rounding.
        let chunks = Slice { buffer: table, start: 0, len: words.len() as u64 };
        self.slices.insert(Buffer::UpdateChunks, chunks);
        let first = context.storage("first step that is not finite", 1)?;
        self.slices.insert(Buffer::FirstNotFinite, Slice::whole(&first, 1));
        Ok(())
    }

    /// The buffer of a role, if there is one.
    pub(super) fn buffer(&self, role: Buffer) -> Option<&Slice> {
        self.slices.get(&role)
    }

    /// All values and gradients.
    pub(super) fn activations(&self) -> impl Iterator<Item = &Slice> {
        let is_activation = |role: &Buffer| matches!(role, Buffer::Value(_) | Buffer::Gradient(_));
        self.slices.iter().filter(move |(role, _)| is_activation(role)).map(|(_, slice)| slice)
    }

    /// How a node's weight gradients are split.
    pub(super) fn split_k(&self, id: NodeId) -> Option<SplitK> {
        self.splits[id.index()].map(|(split, _)| split)
    }

    /// Elements of the partial sums of all weight gradients.
    pub(super) fn partial_sums(&self, batch: usize) -> usize {
        self.splits.iter().flatten().map(|(split, _)| split.len(batch)).sum()
    }
}

impl Buffers for Memory {
    fn slice(&self, role: Buffer, access: Access) -> Option<Slice> {
        let unused = match access {
            Access::Uniform | Access::Read => &self.unused,
            Access::Write => &self.unused_output,
        };
        match role {
            Buffer::Unused => Some(Slice::whole(unused, 1)),
            _ => self.slices.get(&role).cloned(),
        }
    }
}

/// How the weight gradients of each convolution are split, and the elements of all partial sums.
fn split_weight_gradients(
    plan: &Plan,
    variant: KernelVariant,
    tiles: TileConfig,
    limit: usize,
) -> (Vec<Option<(SplitK, usize)>>, usize) {
    let ids: Vec<NodeId> = plan.graph().ids().collect();
    let split = |node: usize, limit: usize| {
        let LoweredOp::Conv2d(op) = plan.lowered(ids[node]) else { return None };
        plan.trains().then(|| conv2d::gpu::split_k(op, variant, tiles, plan.batch(), limit))
    };
    split_k::lay_out(ids.len(), plan.batch(), ALIGN, limit, split)
}
