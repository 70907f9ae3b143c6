//! Runs batches: the recorded dispatches, many steps in a submission, a few submissions in flight,
//! and one readback at the end.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::device_dataset::{DeviceDataset, Resident};
use super::dispatches::Dispatches;
use super::memory::{BufferId, Owner, WORD};
use super::recording::{DatasetRecording, SampleBuffers};
use super::step::{Pass, STEP_BYTES, Step};
use super::{Gpu, Kind};
use crate::backend::{Augmentation, DatasetRef, KeptBatch, StepMetrics, StepsDone, TrainedAll};
use crate::error::{Error, Result};
use crate::ops::gpu::Buffer;
use crate::ops::optimizer::gpu::Form;
use crate::ops::softmax::gpu::METRICS;

/// Submissions in flight before the oldest is waited for.
const IN_FLIGHT: usize = 3;
/// Data sets kept on the device: training, validation, test.
const MAX_DATASETS: usize = 3;

impl Gpu {
    /// Uploads the data set unless it is on the device already, and puts it before the others.
    pub(super) fn ensure_uploaded(&mut self, data: DatasetRef<'_>) -> Result<()> {
        let known = self.datasets.iter().position(|dataset| dataset.resident.id == data.id());
        let dataset = match known.and_then(|i| self.datasets.remove(i)) {
            Some(dataset) => dataset,
            None => {
                let Self { context, plan, memory, variant, tiles, residents, .. } = self;
                let replicas = self.writer.replicas;
                let known = residents.iter().position(|resident| {
                    resident.id == data.id() && resident.layout.replicas == replicas
                });
                let resident = known.map(|i| residents.swap_remove(i));
                self.datasets.truncate(MAX_DATASETS - 1);
                residents.truncate(MAX_DATASETS - 1 - self.datasets.len());
                let resident = match resident {
                    Some(resident) => resident,
                    None => {
                        let sample = plan.graph().node(plan.graph().input()).shape.len();
                        let layout = SampleBuffers::new(&self.writer, data.y().len(), sample);
                        Resident::upload(context, layout, data)?
                    }
                };
                let dispatches = Dispatches { plan, memory, variant: *variant, tiles };
                let recording =
                    DatasetRecording::new(&mut self.writer, dispatches, &resident.layout)?;
                let results = context.allocate(&recording.buffers)?;
                let find = |id: BufferId| match id.owner {
                    Owner::Plan => &self.buffers[id.index],
                    Owner::Samples => &resident.buffers[id.index],
                    Owner::Results => &results[id.index],
                };
                let gather = self.recorder.realise(context, &recording.gather, &find)?;
                let loss = self.recorder.realise(context, &recording.loss, &find)?;
                let updates = Vec::new();
                let dataset = DeviceDataset { resident, recording, results, gather, loss, updates };
                self.readback.reserve(&self.context, dataset.longest_read())?;
                dataset
            }
        };
        self.datasets.push_front(dataset);
        // Explanation and measurements go through all dispatches of a step.
        self.ensure_update(Form::Plain)
    }

    /// Records the optimiser's step of the front data set in a form, unless it is.
    pub(super) fn ensure_update(&mut self, form: Form) -> Result<()> {
        self.allocate_for(form)?;
        let Self { context, plan, memory, variant, tiles, writer, recorder, .. } = self;
        let Some(dataset) = self.datasets.front_mut() else { return Ok(()) };
        if dataset.updates.iter().any(|(known, _)| *known == form) {
            return Ok(());
        }
        let dispatches = Dispatches { plan, memory, variant: *variant, tiles };
        let DeviceDataset { resident, recording, results, updates, .. } = dataset;
        let update = recording.update(writer, dispatches, &resident.layout, form)?;
        let find = |id: BufferId| match id.owner {
            Owner::Plan => &self.buffers[id.index],
            Owner::Samples => &resident.buffers[id.index],
            Owner::Results => &results[id.index],
        };
        updates.push((form, recorder.realise(context, &update, &find)?));
        Ok(())
    }

    /// Allocates what an optimiser needs beside the plan's buffers.
    fn allocate_for(&mut self, form: Form) -> Result<()> {
        self.memory.add_optimizer(form);
        let allocated = self.allocate_rest();
        if allocated.is_err() {
            // Another optimiser may need none of it.
            self.memory.forget_behind(self.buffers.len());
        }
        allocated
    }

    /// Allocates the buffers that are described and not there.
    fn allocate_rest(&mut self) -> Result<()> {
        let Self { memory, context, buffers, writer, .. } = self;
        let fewer = if writer.replicas > 1 { "--at-once 1, " } else { "" };
        for desc in &memory.buffers.descs[buffers.len()..] {
            let (bytes, most) = (desc.len as u64 * WORD, context.largest());
            if bytes > most {
                return Err(Error::DeviceLimit {
                    adapter: context.facts.to_string(),
                    what: desc.name.clone(),
                    bytes,
                    most,
                    help: format!("use {fewer}--optimizer sgd, --device cpu or a smaller model"),
                });
            }
            buffers.push(context.storage(&desc.name, desc.len)?);
        }
        Ok(())
    }

    /// Keeps the first moments where Adam has them, with second ones of 0 behind them, or where gradient
    /// descent has its velocity.
    pub(super) fn move_moments(&mut self, adam: bool) -> Result<()> {
        if adam == self.in_moments {
            return Ok(());
        }
        self.allocate_for(Form::Single { adam: true })?;
        let [velocity, moments] = [Buffer::Velocity, Buffer::AdamMoments].map(|role| {
            self.memory.buffer(role).map(|slice| (slice.buffer, &self.buffers[slice.buffer.index]))
        });
        let (Some((velocity_id, velocity)), Some((moments_id, moments))) = (velocity, moments)
        else {
            return Ok(());
        };
        let bytes = self.memory.layout.len as u64 * WORD;
        let mut encoder = self.context.device.create_command_encoder(&Default::default());
        for replica in 0..self.writer.replicas {
            let [from, to] = [velocity_id, moments_id].map(|id| id.first(replica) as u64 * WORD);
            if adam {
                encoder.copy_buffer_to_buffer(velocity, from, moments, to, bytes);
                encoder.clear_buffer(moments, to + bytes, Some(bytes));
            } else {
                encoder.copy_buffer_to_buffer(moments, to, velocity, from, bytes);
            }
        }
        self.context.queue.submit([encoder.finish()]);
        self.in_moments = adam;
        self.context.check()
    }

    /// Runs batches of the front data set in the order that was written to it, with the seeds of
    /// all replicas and the learning rates of all steps that train. Returns the metrics of each step, by replica.
    pub(super) fn run(
        &mut self,
        pass: Pass,
        n: usize,
        (seeds, rates): (&[u32], &[f32]),
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<TrainedAll> {
        let batch = self.plan.batch();
        let steps: Vec<Step> = (0..n.div_ceil(batch))
            .map(|i| Step::new(pass, (n, batch), i, rates.get(i).copied()))
            .collect();
        if !steps.is_empty() {
            self.kept = KeptBatch::None;
        }
        let mut in_flight = VecDeque::new();
        let (mut taken, mut stopped) = (0, false);
        let mut last = Instant::now();
        while taken < steps.len() && !stopped {
            if in_flight.len() == IN_FLIGHT {
                let Some((submission, count, samples)) = in_flight.pop_front() else { break };
                self.context.wait(Some(submission))?;
                let slow_step = self.measured(pass, count, last.elapsed());
                last = Instant::now();
                stopped = observe(StepsDone { samples, metrics: None, slow_step }).is_break();
                continue;
            }
            let group = &steps[taken..(taken + self.paces.steps(pass)).min(steps.len())];
            let submission = self.submit(pass, group, seeds)?;
            taken += group.len();
            in_flight.push_back((submission, group.len(), (taken * batch).min(n) as u64));
        }
        let metrics = self.step_metrics(pass, &steps[..taken])?;
        // Few submissions may all be in flight until here.
        let waited_for = in_flight.iter().map(|(_, count, _)| count).sum();
        let slow_step = match waited_for {
            0 => None,
            count => self.measured(pass, count, last.elapsed()),
        };
        let gradients = pass != Pass::Evaluate;
        self.kept = match steps.last() {
            Some(last) if taken == steps.len() => {
                KeptBatch::Kept { samples: last.n as usize, gradients }
            }
            Some(_) => KeptBatch::Interrupted,
            None => self.kept,
        };
        Ok(TrainedAll { metrics, slow_step })
    }

    /// Adapts the pace; returns the seconds of a step that people should know of.
    fn measured(&mut self, pass: Pass, steps: usize, took: Duration) -> Option<f64> {
        let slow_step = self.paces.measured(pass, steps, took);
        // No system takes a processor away, and that it is slow was said.
        slow_step.filter(|_| self.context.facts.kind != Kind::Software)
    }

    /// Submits some steps. A queue executes a write before what is submitted after it, so that one
    /// buffer of steps serves all submissions.
    pub(super) fn submit(
        &mut self,
        pass: Pass,
        steps: &[Step],
        seeds: &[u32],
    ) -> Result<wgpu::SubmissionIndex> {
        let mut bytes = vec![0; self.stride * steps.len()];
        for (to, step) in bytes.chunks_exact_mut(self.stride).zip(steps) {
            to[..size_of::<Step>()].copy_from_slice(bytemuck::bytes_of(step));
            let behind = &mut to[STEP_BYTES as usize..][..size_of_val(seeds)];
            behind.copy_from_slice(bytemuck::cast_slice(seeds));
        }
        self.context.queue.write_buffer(&self.steps, 0, &bytes);
        let mut encoder = self.context.device.create_command_encoder(&Default::default());
        if let Some(dataset) = self.datasets.front() {
            let mut compute = encoder.begin_compute_pass(&Default::default());
            for i in 0..steps.len() {
                for dispatch in self.step(dataset, pass) {
                    dispatch.encode(&mut compute, (i * self.stride) as u32);
                }
            }
        }
        let submission = self.context.queue.submit([encoder.finish()]);
        self.submits += 1;
        self.context.check()?;
        Ok(submission)
    }

    /// The metrics of each step, by replica.
    fn step_metrics(&mut self, pass: Pass, steps: &[Step]) -> Result<Vec<Vec<StepMetrics>>> {
        let Some(dataset) = self.datasets.front() else { return Ok(Vec::new()) };
        let DatasetRecording { step_metrics, penalties, .. } = dataset.recording;
        let parts = dataset.recording.penalties_per_step;
        let first_not_finite = match pass {
            Pass::Train(_) => self.memory.buffer(Buffer::FirstNotFinite),
            Pass::Evaluate | Pass::Explain => None,
        };
        let mut wanted = Vec::new();
        for replica in 0..self.writer.replicas {
            let result = |id: BufferId, len| (dataset.result(id), id.part(replica, len));
            wanted.push(result(step_metrics, METRICS * steps.len()));
            wanted.push(result(penalties, parts * steps.len()));
            wanted.extend(
                first_not_finite.map(|slice| {
                    (&self.buffers[slice.buffer.index], slice.buffer.part(replica, 1))
                }),
            );
        }
        let read = self.readback.read(&self.context, &wanted)?;
        let per_replica = read.chunks_exact(wanted.len() / self.writer.replicas);
        Ok(per_replica.map(|read| metrics_of(steps, parts, read)).collect())
    }

    /// No weight of the call that begins is known to be not finite.
    pub(super) fn clear_first_not_finite(&self) {
        if let Some(first) = self.buffer(Buffer::FirstNotFinite) {
            let none = vec![u8::MAX; (first.size() - first.size() % 4) as usize];
            self.context.queue.write_buffer(first, 0, &none);
        }
    }

    /// Writes the augmentations of the samples in the order that was written.
    pub(super) fn write_augmentations(&self, replica: usize, augmentations: &[Augmentation]) {
        if let (Some(dataset), false) = (self.datasets.front(), augmentations.is_empty()) {
            let id = dataset.resident.layout.augmentations;
            dataset.resident.write(&self.context, id, replica, bytemuck::cast_slice(augmentations));
        }
    }

    /// Writes the order of the samples of the data set that was uploaded last.
    pub(super) fn write_order(&self, replica: usize, order: &[u32]) {
        if let Some(dataset) = self.datasets.front() {
            let id = dataset.resident.layout.order;
            dataset.resident.write(&self.context, id, replica, order);
        }
    }
}

/// The metrics of a replica's steps, of the sums and penalties that were read (`parts` penalties for
/// each step), and in training of the number of the first step after which a weight is not finite.
fn metrics_of(steps: &[Step], parts: usize, read: &[Vec<f32>]) -> Vec<StepMetrics> {
    let (sums, penalties) = (&read[0], &read[1]);
    // A step's loss is that of the weights before it; the last step has no successor to tell.
    let first = read.get(2).map_or(u32::MAX, |first| first[0].to_bits());
    let diverged = |i: usize| i > first as usize || i + 1 == steps.len() && i == first as usize;
    let metrics = |(i, (step, sums)): (usize, (&Step, &[f32]))| {
        let penalty: f64 =
            penalties[i * parts..(i + 1) * parts].iter().copied().map(f64::from).sum();
        let loss = f64::from(sums[0]) + penalty * f64::from(step.n);
        StepMetrics {
            samples: u64::from(step.n),
            loss: if diverged(i) { f64::NAN } else { loss },
            correct: sums[1] as u64,
        }
    };
    steps.iter().zip(sums.chunks_exact(METRICS)).enumerate().map(metrics).collect()
}
