//! The buffers of a plan, by role: one for each slot's values and gradients, and one flat buffer each
//! for the parameters, their gradients and the velocity. All are values here: a host
//! allocates them.

use std::collections::HashMap;
use std::ops::Range;

use super::kernels::Access;
use super::tiles::{ALL_NODES, Phase, Tiles};
use crate::graph::{Graph, NodeId, Role};
use crate::ops::gpu::{Buffer, KernelVariant, UNIFORM_ELEMENTS};
use crate::ops::optimizer::gpu::Form;
use crate::ops::sgd::gpu::{Chunk, chunks, words};
use crate::ops::softmax::Softmax;
use crate::ops::split_k::{self, SplitK};
use crate::ops::{batch_norm, conv2d, depthwise_conv2d, softmax};
use crate::plan::{LoweredOp, Plan};

/// Bytes of a float or an index.
pub(super) const WORD: u64 = crate::ops::WORD as u64;
/// Elements that every tensor in a flat buffer begins at a multiple of: 256 bytes, which every device
/// can bind.
const ALIGN: usize = 64;
/// Most bindings of a kernel.
const MOST_BINDINGS: usize = 8;
/// Bytes of a uniform binding, whatever of it a kernel reads.
pub(super) const UNIFORM_BYTES: u64 = UNIFORM_ELEMENTS as u64 * WORD;

/// Bytes of a buffer that is to hold so many: never none, and whole `vec4`s.
pub(super) fn allocated(bytes: u64) -> u64 {
    bytes.max(1).next_multiple_of(16)
}

/// Whose a buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// A plan's.
    Plan,
    /// A data set's, whatever the plan.
    Samples,
    /// A data set's for one plan.
    Results,
}

/// A buffer: whose, and its place in the owner's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BufferId {
    pub(super) owner: Owner,
    pub(super) index: usize,
    /// Elements from a replica's to the next one's; 0 where there is one for all.
    pub(super) stride: u64,
}

impl BufferId {
    /// The first element of a replica.
    pub(super) fn first(self, replica: usize) -> usize {
        replica * self.stride as usize
    }

    /// The first `len` elements of a replica.
    pub(super) fn part(self, replica: usize, len: usize) -> Range<usize> {
        self.first(replica)..self.first(replica) + len
    }
}

/// A buffer to be allocated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BufferDesc {
    /// What it holds, for people.
    pub(super) name: String,
    /// Floats or indices.
    pub(super) len: usize,
    /// Its first words; zeros behind them.
    pub(super) data: Vec<u32>,
}

/// What the elements from one replica to the next are a multiple of: whole `vec4`s and whole
/// augmentations, and 256 bytes.
const STRIDE: usize = 7 * ALIGN;

/// The buffers of one owner.
#[derive(Debug, Clone)]
pub(super) struct BufferList {
    owner: Owner,
    /// Runs that are trained at once.
    replicas: usize,
    pub(super) descs: Vec<BufferDesc>,
}

impl BufferList {
    pub(super) fn new(owner: Owner, replicas: usize) -> Self {
        Self { owner, replicas, descs: Vec::new() }
    }

    /// One more, of `len` floats or indices for each replica.
    pub(super) fn add(&mut self, name: impl Into<String>, len: usize) -> BufferId {
        let stride = match self.replicas {
            1 => 0,
            _ => len.max(1).next_multiple_of(STRIDE),
        };
        let all = stride * (self.replicas - 1) + stride.max(len);
        let id = self.add_with(name, all, Vec::new());
        BufferId { stride: stride as u64, ..id }
    }

    /// One for all replicas, with its first words.
    pub(super) fn add_with(
        &mut self,
        name: impl Into<String>,
        len: usize,
        data: Vec<u32>,
    ) -> BufferId {
        self.descs.push(BufferDesc { name: name.into(), len, data });
        BufferId { owner: self.owner, index: self.descs.len() - 1, stride: 0 }
    }
}

/// Some elements of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) buffer: BufferId,
    /// First element.
    pub(super) start: u64,
    /// Number of elements, rounded up so that whole `vec4`s can be read.
    pub(super) len: u64,
}

/// Finds buffers by role: the buffer for an unused binding depends on the kernel's access.
pub(super) trait Buffers {
    /// The slice of a role for a binding of that number, if there is one.
    fn slice(&self, role: Buffer, access: Access, binding: usize) -> Option<Slice>;
}

impl Slice {
    /// The first `len` elements of a buffer.
    pub(super) fn whole(buffer: BufferId, len: usize) -> Self {
        Self { buffer, start: 0, len: (len as u64).next_multiple_of(4) }
    }

    /// `len` elements from `start` on.
    fn part(buffer: BufferId, start: usize, len: usize) -> Self {
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

    /// Elements from the first of a node's first tensor to the first of its second.
    pub(super) fn tensor_stride(&self, graph: &Graph, id: NodeId) -> usize {
        let all = graph.parameters().iter().zip(&self.starts);
        let mut own = all.filter(|(p, _)| p.node == id).map(|(_, start)| *start);
        own.next().zip(own.next()).map_or(0, |(first, second)| second - first)
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
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) layout: Layout,
    /// All that exist; a tensor that a fused pass does not write has none.
    slices: HashMap<Buffer, Slice>,
    /// For each node whose weight gradients are split: how, and where its partial sums begin.
    splits: Vec<Option<(SplitK, usize)>>,
    /// All that are to be allocated.
    pub(super) buffers: BufferList,
    /// Bound in place of [`Buffer::Unused`] where a kernel reads.
    unused: BufferId,
    /// Bound in place of [`Buffer::Unused`] where a kernel writes.
    unused_output: BufferId,
    /// What each workgroup of the optimiser does.
    pub(super) chunks: Vec<Chunk>,
}

impl Memory {
    /// All buffers of a plan; none but parameters has more bytes than `largest`.
    pub(super) fn new(
        plan: &Plan,
        variant: KernelVariant,
        tiles: &Tiles,
        largest: u64,
        replicas: usize,
    ) -> Self {
        // Of one replica, so that each has the partial sums that it has alone.
        let limit = (largest / WORD) as usize;
        let mut buffers = BufferList::new(Owner::Plan, replicas);
        let (splits, partial_sums) = split_weight_gradients(plan, variant, tiles, limit);
        let mut memory = Self {
            layout: Layout::new(plan.graph()),
            slices: HashMap::new(),
            splits,
            unused: buffers.add_with("unused input", 1, Vec::new()),
            unused_output: buffers.add_with("unused output", ALIGN * MOST_BINDINGS, Vec::new()),
            buffers,
            chunks: Vec::new(),
        };
        memory.add_slots(plan);
        memory.add_nodes(plan, variant, tiles);
        memory.add_parameters(plan);
        memory.add_chunks(plan, tiles);
        if plan.trains() {
            memory.add_update(plan, partial_sums);
        }
        memory
    }

    /// Values and gradients.
    fn add_slots(&mut self, plan: &Plan) {
        let of_loss = self.add_loss(plan);
        for (slot, buffer) in plan.buffers().iter().enumerate() {
            if !buffer.is_materialized || of_loss.contains(&slot) {
                continue;
            }
            let len = plan.batch() * buffer.len;
            let name = &plan.graph().node(buffer.node).name;
            let readers = || plan.graph().ids().filter(|id| plan.slot(*id).0 == slot);
            let value = Slice::whole(self.buffers.add(format!("output of {name}"), len), len);
            self.slices.extend(readers().map(|id| (Buffer::Value(id), value)));
            if buffer.has_gradient {
                let gradient = self.buffers.add(format!("gradient of {name}"), len);
                let gradient = Slice::whole(gradient, len);
                self.slices.extend(readers().map(|id| (Buffer::Gradient(id), gradient)));
            }
        }
    }

    /// Where the last dense layer is computed with the loss: logits, their gradient, the
    /// probabilities, and the layer's input and its gradient in one buffer. Else the probabilities, if
    /// weights of classes lie behind them. Returns the slots.
    fn add_loss(&mut self, plan: &Plan) -> Vec<usize> {
        let output = plan.graph().output();
        let LoweredOp::Softmax(op) = plan.lowered(output) else { return Vec::new() };
        let len = plan.batch() * op.classes;
        let Some(logits) = op.dense else { return self.add_weighted(plan, op, len) };
        let stride = softmax::gpu::part_stride(op, plan.batch());
        let Some((input, _)) = plan.inputs(logits).into_iter().next() else { return Vec::new() };
        let slot = plan.slot(input);
        let input_len = plan.buffer(slot).len;
        let [x, dx, end] = softmax::gpu::input_places(op, plan.batch(), input_len);
        let name = "logits, their gradient, probabilities, input of the layer, its gradient";
        let buffer = self.add_loss_tensors(output, op, name, end);
        for id in plan.graph().ids().filter(|id| plan.slot(*id) == slot) {
            let len = plan.batch() * input_len;
            self.slices.insert(Buffer::Value(id), Slice::part(buffer, x, len));
            if plan.has_gradient(slot) {
                self.slices.insert(Buffer::Gradient(id), Slice::part(buffer, dx, len));
            }
        }
        self.slices.insert(Buffer::Value(logits), Slice::part(buffer, 0, len));
        if plan.has_gradient(plan.slot(logits)) {
            self.slices.insert(Buffer::Gradient(logits), Slice::part(buffer, stride, len));
        }
        self.slices.insert(Buffer::Value(output), Slice::part(buffer, 2 * stride, len));
        [input, logits, output].map(|id| plan.slot(id).0).to_vec()
    }

    /// Probabilities with the classes' weights behind them, if there are any.
    fn add_weighted(&mut self, plan: &Plan, op: &Softmax, len: usize) -> Vec<usize> {
        if softmax::gpu::weights_len(op) == 0 {
            return Vec::new();
        }
        let output = plan.graph().output();
        let end = softmax::gpu::part_stride(op, plan.batch());
        let buffer = self.add_loss_tensors(output, op, "probabilities, weights of classes", end);
        self.slices.insert(Buffer::Value(output), Slice::part(buffer, 0, len));
        vec![plan.slot(output).0]
    }

    /// A buffer of `end` elements, and behind them the classes' weights of each replica.
    fn add_loss_tensors(
        &mut self,
        output: NodeId,
        op: &Softmax,
        name: &str,
        end: usize,
    ) -> BufferId {
        let len = end + softmax::gpu::weights_len(op);
        let buffer = self.buffers.add(name, len);
        self.slices.insert(Buffer::LossTensors(output), Slice::whole(buffer, len));
        if len > end {
            self.slices.insert(Buffer::ClassWeights, Slice::part(buffer, end, len - end));
            let replicas = self.buffers.replicas;
            let data = &mut self.buffers.descs[buffer.index].data;
            for replica in 0..replicas {
                data.resize(buffer.first(replica) + end, 0);
                data.extend(op.loss.class_weights.iter().map(|weight| weight.to_bits()));
            }
        }
        buffer
    }

    /// The argmax of max-poolings, and statistics and moments of batch norms.
    fn add_nodes(&mut self, plan: &Plan, variant: KernelVariant, tiles: &Tiles) {
        for id in plan.graph().ids() {
            let mut add = |role: Buffer, what: &str, len: usize| {
                let name = format!("{what} of {}", plan.graph().node(id).name);
                self.slices.insert(role, Slice::whole(self.buffers.add(name, len), len));
            };
            if let Some(pool) = plan.lowered(id).argmax_of(id) {
                let len = plan.batch() * plan.graph().node(pool).shape.len();
                add(Buffer::Argmax(pool), "argmax", len);
            }
            if let LoweredOp::BatchNorm(op) = plan.lowered(id) {
                let stats = batch_norm::gpu::STATS_PER_CHANNEL * op.c;
                add(Buffer::BatchStats(id), "statistics", stats);
                let tiles = tiles.of(&plan.graph().node(id).name, Phase::Forward);
                let moments = batch_norm::gpu::moments_len(op, (variant, tiles), plan.batch());
                add(Buffer::Moments(id), "moments", moments);
            }
        }
    }

    /// Parameters and velocity, and the tensors in them.
    fn add_parameters(&mut self, plan: &Plan) {
        let graph = plan.graph();
        let parameters = self.add_flat(Buffer::AllParameters, "parameters");
        self.add_flat(Buffer::Velocity, "velocity");
        for (p, &start) in graph.parameters().iter().zip(&self.layout.starts) {
            let slice = Slice::part(parameters, start, p.len());
            self.slices.insert(Buffer::Parameter(p.node, p.role), slice);
            // From the node's first tensor to the end of the last one so far.
            let all = self.slices.entry(Buffer::NodeParameters(p.node)).or_insert(slice);
            let end = start as u64 + slice.len;
            *all = Slice { len: end - all.start, ..*all };
        }
    }

    /// A flat buffer over all parameters; a uniform binding may reach beyond the last tensor.
    fn add_flat(&mut self, role: Buffer, what: &str) -> BufferId {
        let buffer = self.buffers.add(what, self.layout.len + UNIFORM_ELEMENTS);
        self.slices.insert(role, Slice::whole(buffer, self.layout.len));
        buffer
    }

    /// What each workgroup of the optimiser and of the penalty does.
    fn add_chunks(&mut self, plan: &Plan, tiles: &Tiles) {
        let start = |parameter: usize| self.layout.starts[parameter];
        let split = |id: NodeId| self.splits[id.index()];
        let tiles = tiles.of(ALL_NODES, Phase::Update);
        self.chunks = chunks(plan.graph(), (tiles, plan.batch()), start, split);
        let table: &[u32] = bytemuck::cast_slice(&self.chunks);
        let len = words(&self.chunks);
        let buffer = self.buffers.add_with("chunks of parameters", len, table.to_vec());
        // The kernel asks for the number of chunks: no rounding.
        let chunks = Slice { buffer, start: 0, len: len as u64 };
        self.slices.insert(Buffer::UpdateChunks, chunks);
    }

    /// What only training needs: gradients of parameters and their partial sums.
    fn add_update(&mut self, plan: &Plan, partial_sums: usize) {
        let graph = plan.graph();
        let flat = self.add_flat(Buffer::AllParameterGradients, "parameter gradients");
        for (p, &start) in graph.parameters().iter().zip(&self.layout.starts) {
            let slice = Slice::part(flat, start, p.len());
            self.slices.insert(Buffer::ParameterGradient(p.node, p.role), slice);
            let all = self.slices.entry(Buffer::NodeParameterGradients(p.node)).or_insert(slice);
            let end = start as u64 + slice.len;
            *all = Slice { len: end - all.start, ..*all };
        }
        let sums = self.buffers.add("partial weight gradients", partial_sums);
        // A buffer is never empty.
        self.slices.insert(Buffer::AllPartialSums, Slice::whole(sums, partial_sums.max(1)));
        for (id, split) in graph.ids().zip(&self.splits) {
            if let Some((split, start)) = split {
                let slice = Slice::part(sums, *start, split.len(plan.batch()));
                self.slices.insert(Buffer::PartialSums(id), slice);
            }
        }
        let first = self.buffers.add("first step that is not finite", 1);
        let desc = &mut self.buffers.descs[first.index];
        desc.data = vec![u32::MAX; desc.len];
        self.slices.insert(Buffer::FirstNotFinite, Slice::whole(first, 1));
    }

    /// What only some optimisers need, behind all other buffers, unless it is there: Adam's moments, the
    /// squares of gradients.
    pub(super) fn add_optimizer(&mut self, form: Form) {
        let (moments, chunks) = (2 * self.layout.len, self.chunks.len());
        let needs = [
            (form.is_adam(), Buffer::AdamMoments, "first and second moments", moments),
            (form.clips(), Buffer::ChunkSquares, "squares of gradients", chunks),
        ];
        for (needed, role, what, len) in needs {
            if needed && !self.slices.contains_key(&role) {
                self.slices.insert(role, Slice::whole(self.buffers.add(what, len), len));
            }
        }
    }

    /// Forgets all buffers but the first ones.
    pub(super) fn forget_behind(&mut self, count: usize) {
        self.buffers.descs.truncate(count);
        self.slices.retain(|_, slice| {
            slice.buffer.owner != self.buffers.owner || slice.buffer.index < count
        });
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
    fn slice(&self, role: Buffer, access: Access, binding: usize) -> Option<Slice> {
        match (role, access) {
            (Buffer::Unused, Access::Uniform | Access::Read) => Some(Slice::whole(self.unused, 1)),
            // No two of a dispatch are the same bytes: browsers refuse that.
            (Buffer::Unused, Access::Write) => {
                Some(Slice::part(self.unused_output, ALIGN * binding, 1))
            }
            _ => self.slices.get(&role).copied(),
        }
    }
}

/// How the gradients of the parameters of each convolution and batch norm are split, and the elements
/// of all partial sums.
fn split_weight_gradients(
    plan: &Plan,
    variant: KernelVariant,
    tiles: &Tiles,
    limit: usize,
) -> (Vec<Option<(SplitK, usize)>>, usize) {
    let ids: Vec<NodeId> = plan.graph().ids().collect();
    let split = |node: usize, limit: usize| {
        if !plan.trains() {
            return None;
        }
        let tiles = tiles.of(&plan.graph().node(ids[node]).name, Phase::Backward);
        match plan.lowered(ids[node]) {
            LoweredOp::Conv2d(op) => {
                Some(conv2d::gpu::split_k(op, variant, tiles, plan.batch(), limit))
            }
            LoweredOp::DepthwiseConv2d(op) => {
                Some(depthwise_conv2d::gpu::split_k(op, plan.batch(), limit))
            }
            LoweredOp::BatchNorm(op) => {
                Some(batch_norm::gpu::split_gradients(op, tiles, plan.batch()))
            }
            _ => None,
        }
    };
    split_k::lay_out(ids.len(), plan.batch(), ALIGN, limit, split)
}
