//! A data set on the device: uploaded once, and gathered from by index.

use super::context::Context;
use super::memory::{BufferId, WORD};
use super::recorder::Dispatch;
use super::recording::{DatasetRecording, SampleBuffers};
use super::replicate::MOST;
use crate::backend::DatasetRef;
use crate::error::Result;
use crate::ops::optimizer::gpu::Form;

/// Bytes that are uploaded before they are waited for, so that copies in flight stay few.
const PIECE_BYTES: usize = 16 << 20;

/// What a data set has on the device whatever the plan: uploaded once.
#[derive(Debug)]
pub(super) struct Resident {
    /// [`DatasetRef::id`] of the samples.
    pub(super) id: u64,
    pub(super) layout: SampleBuffers,
    /// As the layout lists them.
    pub(super) buffers: Vec<wgpu::Buffer>,
}

/// A data set and a plan: results, and the dispatches that touch them.
#[derive(Debug)]
pub(super) struct DeviceDataset {
    pub(super) resident: Resident,
    pub(super) recording: DatasetRecording,
    /// As the recording lists them.
    pub(super) results: Vec<wgpu::Buffer>,
    /// Copies a batch out of each buffer that the samples lie in.
    pub(super) gather: Vec<Dispatch>,
    /// Probabilities, metrics, the gradient at the logits and the penalty, after the forward pass.
    pub(super) loss: Vec<Dispatch>,
    /// The optimiser's step in each form that was used; without dispatches if the plan is for inference.
    pub(super) updates: Vec<(Form, Vec<Dispatch>)>,
}

impl Resident {
    /// Uploads the samples and their labels.
    pub(super) fn upload(
        context: &Context,
        layout: SampleBuffers,
        data: DatasetRef<'_>,
    ) -> Result<Self> {
        context.count_upload();
        let buffers = context.allocate(&layout.buffers)?;
        upload(context, &buffers[layout.labels.index], bytemuck::cast_slice(data.y()))?;
        let mut rest = data.x();
        for (id, count) in layout.samples.iter().zip(&layout.chunks) {
            let len = data.x().len() / layout.len.max(1) * count;
            let (chunk, behind) = rest.split_at(len.min(rest.len()));
            upload(context, &buffers[id.index], bytemuck::cast_slice(chunk))?;
            rest = behind;
        }
        Ok(Self { id: data.id(), layout, buffers })
    }

    /// Writes what each replica has of a call: of the buffer `id`, from its part of it on.
    pub(super) fn write(&self, context: &Context, id: BufferId, replica: usize, words: &[u32]) {
        let first = id.first(replica) as u64 * WORD;
        context.queue.write_buffer(&self.buffers[id.index], first, bytemuck::cast_slice(words));
    }
}

impl DeviceDataset {
    /// The optimiser's step in a form.
    pub(super) fn update(&self, form: Form) -> &[Dispatch] {
        let known = self.updates.iter().find(|(known, _)| *known == form);
        known.map_or(&[], |(_, dispatches)| dispatches)
    }

    pub(super) fn result(&self, id: BufferId) -> &wgpu::Buffer {
        &self.results[id.index]
    }

    /// Floats that are read back at once, at most.
    pub(super) fn longest_read(&self) -> usize {
        let recording = &self.recording;
        let len = |id: BufferId| recording.buffers.descs[id.index].len;
        // With the numbers of the first steps that are not finite.
        let metrics = len(recording.step_metrics) + len(recording.penalties) + MOST;
        len(recording.probabilities).max(metrics)
    }
}

fn upload(context: &Context, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
    for (i, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
        context.queue.write_buffer(buffer, (i * PIECE_BYTES) as u64, piece);
        let submission = context.queue.submit([]);
        context.wait(Some(submission))?;
    }
    Ok(())
}
