//! Running batches: the recorded dispatches, many steps to a submission, a few
//! submissions on their way, one readback at the end.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Instant;

use super::resident::Resident;
use super::step::{Pass, Step};
use super::{Gpu, site};
use crate::backend::{Augmentation, DatasetRef, KeptBatch, StepMetrics, StepsDone};
use crate::error::Result;

/// Most steps in one submission.
pub(super) const MOST_STEPS: usize = 8;
/// What a submission should take at most: a slow device must not be taken for a dead one
/// (Windows resets it after 2 seconds), and Ctrl-C should be heard.
const SUBMISSION_SECONDS: f64 = 0.5;
/// Submissions on their way before the oldest is waited for.
const IN_FLIGHT: usize = 3;
/// Data sets kept on the device: training, validation, test.
const RESIDENTS: usize = 3;

impl Gpu {
    /// Makes sure that the samples are on the device, in front of the others.
    pub(super) fn hold(&mut self, samples: DatasetRef<'_>) -> Result<()> {
        let known = self.residents.iter().position(|resident| resident.id == samples.id());
        let resident = match known.and_then(|i| self.residents.remove(i)) {
            Some(resident) => resident,
            None => {
                self.residents.truncate(RESIDENTS - 1);
                let output = self.plan.graph().output();
                let Self { context, recorder, plan, memory, form, tiles, .. } = self;
                let site = site(context, recorder, plan, memory, (*form, *tiles), output);
                let held = Resident::new(site, samples)?;
                self.readback.reserve(&self.context, held.longest_read())?;
                held
            }
        };
        self.residents.push_front(resident);
        Ok(())
    }

    /// Runs batches of the front data set in the order that was written to it.
    /// Returns the tally of each step.
    pub(super) fn run(
        &mut self,
        pass: Pass,
        n: usize,
        watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        let batch = self.plan.batch();
        let steps: Vec<Step> =
            (0..n.div_ceil(batch)).map(|i| Step::new(pass, n, batch, i)).collect();
        let mut flying = VecDeque::new();
        let (mut taken, mut stopped) = (0, false);
        let mut told = Instant::now();
        while taken < steps.len() && !stopped {
            if flying.len() == IN_FLIGHT {
                let Some((submission, count, samples)) = flying.pop_front() else { break };
                self.context.wait(Some(submission))?;
                self.keep_pace(told.elapsed().as_secs_f64() / count as f64);
                told = Instant::now();
                stopped = watch(StepsDone { samples, metrics: None }).is_break();
                continue;
            }
            let group = &steps[taken..(taken + self.pace).min(steps.len())];
            let submission = self.submit(pass, group)?;
            taken += group.len();
            flying.push_back((submission, group.len(), (taken * batch).min(n) as u64));
        }
        let tallies = self.tallies(&steps[..taken])?;
        let gradients = pass != Pass::Evaluate;
        self.kept = match steps.last() {
            Some(last) if taken == steps.len() => {
                KeptBatch::Kept { samples: last.n as usize, gradients }
            }
            Some(_) => KeptBatch::Interrupted,
            None => self.kept,
        };
        // Of these all is known; whoever wants to stop may do so after the call.
        let sum: StepMetrics = tallies.iter().copied().sum();
        let _ = watch(StepsDone { samples: sum.samples, metrics: Some(sum) });
        Ok(tallies)
    }

    /// Chooses how many steps the next submission takes, from the seconds of one. The first of
    /// all takes one; results do not depend on it.
    fn keep_pace(&mut self, seconds: f64) {
        self.pace = (SUBMISSION_SECONDS / seconds).clamp(1.0, MOST_STEPS as f64) as usize;
    }

    /// Hands some steps to the device. What is written to a queue comes before what is
    /// submitted after it, so that one buffer of steps serves all submissions.
    pub(super) fn submit(&mut self, pass: Pass, steps: &[Step]) -> Result<wgpu::SubmissionIndex> {
        let mut bytes = vec![0; self.stride * steps.len()];
        for (to, step) in bytes.chunks_exact_mut(self.stride).zip(steps) {
            to[..size_of::<Step>()].copy_from_slice(bytemuck::bytes_of(step));
        }
        self.context.queue.write_buffer(&self.steps, 0, &bytes);
        let mut encoder = self.context.device.create_command_encoder(&Default::default());
        if let Some(resident) = self.residents.front() {
            let mut compute = encoder.begin_compute_pass(&Default::default());
            for i in 0..steps.len() {
                for dispatch in self.step(resident, pass) {
                    dispatch.encode(&mut compute, (i * self.stride) as u32);
                }
            }
        }
        let submission = self.context.queue.submit([encoder.finish()]);
        self.submits += 1;
        self.context.check()?;
        Ok(submission)
    }

    fn tallies(&mut self, steps: &[Step]) -> Result<Vec<StepMetrics>> {
        let Some(resident) = self.residents.front() else { return Ok(Vec::new()) };
        let parts = resident.parts_per_step;
        let buffers =
            [(&resident.tally, 2 * steps.len()), (&resident.penalties, parts * steps.len())];
        let read = self.readback.read(&self.context, &buffers)?.concat();
        let (sums, penalties) = read.split_at(2 * steps.len());
        let tally = |(i, (step, sums)): (usize, (&Step, &[f32]))| {
            let penalty: f64 =
                penalties[i * parts..(i + 1) * parts].iter().copied().map(f64::from).sum();
            StepMetrics {
                samples: u64::from(step.n),
                loss: f64::from(sums[0]) + penalty * f64::from(step.n),
                correct: sums[1] as u64,
            }
        };
        Ok(steps.iter().zip(sums.chunks_exact(2)).enumerate().map(tally).collect())
    }

    /// How the samples of the order that was written are varied.
    pub(super) fn write_augmentations(&self, augmentations: &[Augmentation]) {
        if let (Some(resident), false) = (self.residents.front(), augmentations.is_empty()) {
            self.context.queue.write_buffer(
                &resident.augmentations,
                0,
                bytemuck::cast_slice(augmentations),
            );
        }
    }

    pub(super) fn write_order(&mut self, samples: DatasetRef<'_>, order: &[u32]) -> Result<()> {
        self.hold(samples)?;
        if let Some(resident) = self.residents.front() {
            self.context.queue.write_buffer(&resident.order, 0, bytemuck::cast_slice(order));
        }
        Ok(())
    }
}
