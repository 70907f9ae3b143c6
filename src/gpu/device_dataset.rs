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

/// What a data set has on the device whatever the plan: uploaded once.
#[derive(Debug)]
pub(super) struct Resident {
    /// [`DatasetRef::id`] of the samples.
    pub(super) id: u64,
    /// Samples and labels; indices and augmentations of samples in the order of a call.
    slices: HashMap<Buffer, Slice>,
    order: wgpu::Buffer,
    augmentations: wgpu::Buffer,
    /// Number of samples.
    len: usize,
    /// Elements of each buffer that the samples lie in.
    chunks: Vec<usize>,
}

/// A data set and a plan: results, and the dispatches that touch them.
#[derive(Debug)]
pub(super) struct DeviceDataset {
    pub(super) resident: Resident,
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
    resident: &'a HashMap<Buffer, Slice>,
    slices: HashMap<Buffer, Slice>,
}

impl Buffers for DatasetBuffers<'_> {
    fn slice(&self, role: Buffer, access: Access) -> Option<Slice> {
        let of_data = self.slices.get(&role).or_else(|| self.resident.get(&role));
        of_data.cloned().or_else(|| self.memory.slice(role, access))
    }
}

/// Allocates `len` elements for a role.
fn allocate(
    context: &Context,
    slices: &mut HashMap<Buffer, Slice>,
    role: Buffer,
    what: &str,
    len: usize,
) -> Result<wgpu::Buffer> {
    let buffer = context.storage(what, len)?;
    slices.insert(role, Slice::whole(&buffer, len));
    Ok(buffer)
}

impl Resident {
    /// Uploads the samples, in as many buffers as the adapter's limit asks for, and their labels.
    pub(super) fn upload(context: &Context, plan: &Plan, data: DatasetRef<'_>) -> Result<Self> {
        context.count_upload();
        let (id, n) = (data.id(), data.y().len());
        let mut slices = HashMap::new();
        let mut allocate = |role, what: &str, len| allocate(context, &mut slices, role, what, len);
        let words = size_of::<Augmentation>() / WORD as usize;
        let order = allocate(Buffer::Order, "the order of samples", n)?;
        let augmentations = allocate(Buffer::Augmentations, "augmentations of samples", n * words)?;
        let labels = allocate(Buffer::Labels, "labels", n)?;
        upload(context, &labels, bytemuck::cast_slice(data.y()))?;
        let len = plan.graph().node(plan.graph().input()).shape.len();
        let samples_per_buffer = samples_per_buffer(context, len);
        let mut chunks = Vec::new();
        for (i, chunk) in data.x().chunks((samples_per_buffer * len).max(1)).enumerate() {
            let samples = allocate(Buffer::Samples(i), "samples", chunk.len())?;
            upload(context, &samples, bytemuck::cast_slice(chunk))?;
            let range = [i * samples_per_buffer, chunk.len() / len].map(|n| n as u32);
            let to = allocate(Buffer::SampleRange(i), "range of samples", 2)?;
            context.queue.write_buffer(&to, 0, bytemuck::cast_slice(&range));
            chunks.push(chunk.len());
        }
        Ok(Self { id, slices, order, augmentations, len: n, chunks })
    }

    /// Indices of samples in the order of the current call.
    pub(super) fn order(&self) -> &wgpu::Buffer {
        &self.order
    }

    /// The augmentations of the samples in that order.
    pub(super) fn augmentations(&self) -> &wgpu::Buffer {
        &self.augmentations
    }
}

impl DeviceDataset {
    /// Records the dispatches of a plan on an uploaded data set.
    pub(super) fn record(
        context: &Context,
        recorder: &mut Recorder,
        dispatches: Dispatches<'_>,
        resident: Resident,
    ) -> Result<Self> {
        let Dispatches { plan, memory, .. } = dispatches;
        let (n, classes) = (resident.len, plan.graph().classes());
        let steps = n.div_ceil(plan.batch()).max(1);
        let penalties_per_step = match memory.has_penalty {
            true => penalty::gpu::parts_per_step(memory.layout.len),
            false => 0,
        };
        let mut slices = HashMap::new();
        let mut allocate = |role, what: &str, len| allocate(context, &mut slices, role, what, len);
        let probabilities = allocate(Buffer::Probabilities, "probabilities", n * classes)?;
        let step_metrics =
            allocate(Buffer::StepMetrics, "metrics of steps", softmax::gpu::METRICS * steps)?;
        let penalties = allocate(Buffer::Penalties, "penalties", penalties_per_step * steps)?;
        let buffers = DatasetBuffers { memory, resident: &resident.slices, slices };
        let gather = record_gather(context, recorder, dispatches, &buffers, &resident.chunks)?;
        let loss = record_loss(context, recorder, dispatches, &buffers)?;
        Ok(Self {
            resident,
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

/// Records the copy of a batch out of each buffer that the samples lie in.
fn record_gather(
    context: &Context,
    recorder: &mut Recorder,
    dispatches: Dispatches<'_>,
    buffers: &DatasetBuffers<'_>,
    chunks: &[usize],
) -> Result<Vec<Dispatch>> {
    let graph = dispatches.plan.graph();
    let input = graph.node(graph.input());
    let node = dispatches.context(graph.input());
    let op = Gather { sample: input.shape };
    let all: usize = chunks.iter().sum();
    let record = |(i, chunk): (usize, &usize)| {
        let share = (node.batch * chunk).div_ceil(all.max(1));
        let desc = gather::gpu::forward(&op, &node, i, share);
        recorder.record(context, &input.name, &desc, buffers)
    };
    chunks.iter().enumerate().map(record).collect()
}

/// Samples of `len` elements that a kernel can be given in one buffer of whole vec4s.
fn samples_per_buffer(context: &Context, len: usize) -> usize {
    ((context.largest() / 16 * 4) as usize / len.max(1)).max(1)
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
