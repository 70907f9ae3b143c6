//! A data set on the device: uploaded once, and gathered from by index.

use std::collections::HashMap;

use super::context::Context;
use super::dispatches::Dispatches;
use super::kernels::Access;
use super::memory::{Buffers, Memory, Slice, WORD};
use super::recorder::{Dispatch, Recorder};
use crate::backend::{Augmentation, DatasetRef};
use crate::error::Result;
use crate::ops::gather::{self, Gather};
use crate::ops::gpu::Buffer;
use crate::ops::{penalty, softmax};
use crate::plan::Plan;

/// Bytes that are uploaded before they are waited for, so that copies in flight stay few.
const PIECE_BYTES: usize = 16 << 20;

/// Samples, labels, results, and the dispatches that touch them.
#[derive(Debug)]
pub(super) struct DeviceDataset {
    /// [`DatasetRef::id`] of the samples.
    pub(super) id: u64,
    /// Indices of samples in the order of the current call.
    pub(super) order: wgpu::Buffer,
    /// The augmentations of the samples in that order.
    pub(super) augmentations: wgpu::Buffer,
    /// Probabilities by place in the order, `[len, classes]`.
    pub(super) probabilities: wgpu::Buffer,
    /// Loss and number of correct predictions of each step.
    pub(super) step_metrics: wgpu::Buffer,
    /// Partial sums of the penalty of each step.
    pub(super) penalties: wgpu::Buffer,
    /// Partial sums of a step's penalty; 0 where no parameter has one.
    pub(super) penalties_per_step: usize,
    /// Copies a batch out of each buffer that the samples lie in.
    pub(super) gather: Vec<Dispatch>,
    /// Probabilities, metrics and the gradient at the logits, after the forward pass.
    pub(super) loss: Vec<Dispatch>,
}

/// The buffers of a data set and of a plan, by role.
struct DatasetBuffers<'a> {
    memory: &'a Memory,
    slices: HashMap<Buffer, Slice>,
}

impl Buffers for DatasetBuffers<'_> {
    fn slice(&self, role: Buffer, access: Access) -> Option<Slice> {
        self.slices.get(&role).cloned().or_else(|| self.memory.slice(role, access))
    }
}

impl DatasetBuffers<'_> {
    /// Allocates `len` elements.
    fn allocate(
        &mut self,
        context: &Context,
        role: Buffer,
        what: &str,
        len: usize,
    ) -> Result<wgpu::Buffer> {
        let buffer = context.storage(what, len)?;
        self.slices.insert(role, Slice::whole(&buffer, len));
        Ok(buffer)
    }
}

impl DeviceDataset {
    /// Uploads `data` and records its dispatches.
    pub(super) fn new(
        context: &Context,
        recorder: &mut Recorder,
        dispatches: Dispatches<'_>,
        data: DatasetRef<'_>,
    ) -> Result<Self> {
        let Dispatches { plan, memory, .. } = dispatches;
        let (n, classes) = (data.y().len(), plan.graph().classes());
        let steps = n.div_ceil(plan.batch()).max(1);
        let penalties_per_step = match memory.has_penalty {
            true => penalty::gpu::parts_per_step(memory.layout.len),
            false => 0,
        };
        let mut buffers = DatasetBuffers { memory, slices: HashMap::new() };
        let mut allocate = |role, what: &str, len| buffers.allocate(context, role, what, len);
        let words = size_of::<Augmentation>() / WORD as usize;
        let order = allocate(Buffer::Order, "the order of samples", n)?;
        let augmentations = allocate(Buffer::Augmentations, "augmentations of samples", n * words)?;
        let labels = allocate(Buffer::Labels, "labels", n)?;
        let probabilities = allocate(Buffer::Probabilities, "probabilities", n * classes)?;
        let step_metrics =
            allocate(Buffer::StepMetrics, "metrics of steps", softmax::gpu::METRICS * steps)?;
        let penalties = allocate(Buffer::Penalties, "penalties", penalties_per_step * steps)?;
        upload(context, &labels, bytemuck::cast_slice(data.y()))?;
        let gather = record_gather(context, recorder, dispatches, &mut buffers, data)?;
        let loss = record_loss(context, recorder, dispatches, &buffers)?;
        let id = data.id();
        Ok(Self {
            id,
            order,
            augmentations,
            probabilities,
            step_metrics,
            penalties,
            penalties_per_step,
            gather,
            loss,
        })
    }

    /// Floats that are read back at once, at most.
    pub(super) fn longest_read(&self) -> usize {
        // With the number of the first step that is not finite.
        let metrics = self.step_metrics.size() + self.penalties.size() + WORD;
        (self.probabilities.size().max(metrics) / WORD) as usize
    }
}

/// Uploads the samples, in as many buffers as the adapter's limit asks for, and records the copy
/// of a batch out of each.
fn record_gather(
    context: &Context,
    recorder: &mut Recorder,
    dispatches: Dispatches<'_>,
    buffers: &mut DatasetBuffers<'_>,
    data: DatasetRef<'_>,
) -> Result<Vec<Dispatch>> {
    let graph = dispatches.plan.graph();
    let input = graph.node(graph.input());
    let node = dispatches.context(graph.input());
    let op = Gather { sample: input.shape };
    let len = input.shape.len();
    let samples_per_buffer = samples_per_buffer(context, dispatches.plan);
    let mut gather = Vec::new();
    for (i, chunk) in data.x().chunks(samples_per_buffer * len).enumerate() {
        let samples = buffers.allocate(context, Buffer::Samples(i), "samples", chunk.len())?;
        upload(context, &samples, bytemuck::cast_slice(chunk))?;
        let range = [i * samples_per_buffer, chunk.len() / len].map(|n| n as u32);
        let to = buffers.allocate(context, Buffer::SampleRange(i), "range of samples", 2)?;
        context.queue.write_buffer(&to, 0, bytemuck::cast_slice(&range));
        let share = (node.batch * chunk.len()).div_ceil(data.x().len().max(1));
        let desc = gather::gpu::forward(&op, &node, i, share);
        gather.push(recorder.record(context, &input.name, &desc, buffers)?);
    }
    Ok(gather)
}

/// Samples that a kernel can be given in one buffer of whole vec4s.
fn samples_per_buffer(context: &Context, plan: &Plan) -> usize {
    let sample = plan.graph().node(plan.graph().input()).shape.len();
    ((context.largest() / 16 * 4) as usize / sample.max(1)).max(1)
}

/// Records the softmax and the penalty.
fn record_loss(
    context: &Context,
    recorder: &mut Recorder,
    dispatches: Dispatches<'_>,
    buffers: &DatasetBuffers<'_>,
) -> Result<Vec<Dispatch>> {
    let Dispatches { plan, memory, .. } = dispatches;
    let node = &plan.graph().node(plan.graph().output()).name;
    let mut loss = dispatches.loss();
    if memory.has_penalty {
        loss.push(penalty::gpu::forward(memory.layout.len));
    }
    loss.iter().map(|desc| recorder.record(context, node, desc, buffers)).collect()
}

fn upload(context: &Context, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
    for (i, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
        context.queue.write_buffer(buffer, (i * PIECE_BYTES) as u64, piece);
        let submission = context.queue.submit([]);
        context.wait(Some(submission))?;
    }
    Ok(())
}
