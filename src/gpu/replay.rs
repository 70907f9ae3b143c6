//! Runs batches: the recorded dispatches, many steps in a submission, a few submissions in flight,
//! and one readback at the end.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::device_dataset::{DeviceDataset, Resident};
use super::dispatches::Dispatches;
use super::memory::{BufferId, Owner};
use super::recording::{DatasetRecording, SampleBuffers};
use super::step::{Pass, Step};
use super::{Gpu, Kind, buffer_of};
use crate::backend::{Augmentation, DatasetRef, KeptBatch, StepMetrics, StepsDone};
use crate::error::Result;
use crate::ops::gpu::Buffer;
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
                let known = residents.iter().position(|resident| resident.id == data.id());
                let resident = known.map(|i| residents.swap_remove(i));
                self.datasets.truncate(MAX_DATASETS - 1);
                residents.truncate(MAX_DATASETS - 1 - self.datasets.len());
                let resident = match resident {
                    Some(resident) => resident,
                    None => {
                        let sample = plan.graph().node(plan.graph().input()).shape.len();
                        let target = &self.writer.target;
                        let layout = SampleBuffers::new(target, data.y().len(), sample);
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
                let update = recording.update.as_slice();
                let update = self.recorder.realise(context, update, &find)?;
                let dataset = DeviceDataset { resident, recording, results, gather, loss, update };
                self.readback.reserve(&self.context, dataset.longest_read())?;
                dataset
            }
        };
        self.datasets.push_front(dataset);
        Ok(())
    }

    /// Runs batches of the front data set in the order that was written to it. Returns the
    /// metrics of each step.
    pub(super) fn run(
        &mut self,
        pass: Pass,
        n: usize,
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        let batch = self.plan.batch();
        let steps: Vec<Step> =
            (0..n.div_ceil(batch)).map(|i| Step::new(pass, n, batch, i)).collect();
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
            let submission = self.submit(pass, group)?;
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
        // All steps are done: the answer has no effect.
        let sum: StepMetrics = metrics.iter().copied().sum();
        let _ = observe(StepsDone { samples: sum.samples, metrics: Some(sum), slow_step });
        Ok(metrics)
    }

    /// Adapts the pace; returns the seconds of a step that people should know of.
    fn measured(&mut self, pass: Pass, steps: usize, took: Duration) -> Option<f64> {
        let slow_step = self.paces.measured(pass, steps, took);
        // No system takes a processor away, and that it is slow was said.
        slow_step.filter(|_| self.context.facts.kind != Kind::Software)
    }

    /// Submits some steps. A queue executes a write before what is submitted after it, so that one
    /// buffer of steps serves all submissions.
    pub(super) fn submit(&mut self, pass: Pass, steps: &[Step]) -> Result<wgpu::SubmissionIndex> {
        let mut bytes = vec![0; self.stride * steps.len()];
        for (to, step) in bytes.chunks_exact_mut(self.stride).zip(steps) {
            to[..size_of::<Step>()].copy_from_slice(bytemuck::bytes_of(step));
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

    fn step_metrics(&mut self, pass: Pass, steps: &[Step]) -> Result<Vec<StepMetrics>> {
        let Some(dataset) = self.datasets.front() else { return Ok(Vec::new()) };
        let parts = dataset.recording.penalties_per_step;
        let sums_len = METRICS * steps.len();
        let mut buffers = vec![
            (dataset.step_metrics(), 0..sums_len),
            (dataset.penalties(), 0..parts * steps.len()),
        ];
        let first = buffer_of(&self.memory, &self.buffers, Buffer::FirstNotFinite);
        if let (Pass::Train(_), Some(first)) = (pass, first) {
            buffers.push((first, 0..1));
        }
        let read = self.readback.read(&self.context, &buffers)?;
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
        Ok(steps.iter().zip(sums.chunks_exact(METRICS)).enumerate().map(metrics).collect())
    }

    /// No weight of the call that begins is known to be not finite.
    pub(super) fn clear_first_not_finite(&self) {
        if let Some(first) = self.buffer(Buffer::FirstNotFinite) {
            let none = u32::MAX.to_ne_bytes();
            self.context.queue.write_buffer(first, 0, &none);
        }
    }

    /// Writes the augmentations of the samples in the order that was written.
    pub(super) fn write_augmentations(&self, augmentations: &[Augmentation]) {
        if let (Some(dataset), false) = (self.datasets.front(), augmentations.is_empty()) {
            self.context.queue.write_buffer(
                dataset.resident.augmentations(),
                0,
                bytemuck::cast_slice(augmentations),
            );
        }
    }

    /// Uploads the data set if necessary, and writes the order of its samples.
    pub(super) fn write_order(&mut self, data: DatasetRef<'_>, order: &[u32]) -> Result<()> {
        self.ensure_uploaded(data)?;
        if let Some(dataset) = self.datasets.front() {
            let bytes = bytemuck::cast_slice(order);
            self.context.queue.write_buffer(dataset.resident.order(), 0, bytes);
        }
        Ok(())
    }
}
