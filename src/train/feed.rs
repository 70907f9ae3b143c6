//! How a device gets at samples: all of them from memory, or window after window from disk.

use std::ops::ControlFlow;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use crate::backend::{Backend, Batches, DatasetRef, Sgd, StepMetrics, StepsDone};
use crate::data::{Dataset, PartName};
use crate::error::Result;

/// Bytes of samples in a window: one is trained on while the next is read.
const WINDOW: usize = 64 << 20;

/// The samples of all parts.
pub(super) struct Feed<'a> {
    data: &'a Dataset,
    /// Of each part, made once: devices upload them once. Without values where they stay on disk.
    samples: [DatasetRef<'a>; 3],
    /// Bytes in a window.
    pub(super) window: usize,
}

impl<'a> Feed<'a> {
    pub(super) fn new(data: &'a Dataset) -> Self {
        let part = |name: PartName| DatasetRef::new(&data.part(name).x, &data.part(name).y);
        Self { data, samples: PartName::ALL.map(part), window: WINDOW }
    }

    /// Brings what lies in memory to the device, as far as it keeps samples.
    pub(super) fn prepare(&self, backend: &mut dyn Backend) -> Result<()> {
        if self.data.disk.is_some() {
            return Ok(());
        }
        self.samples.into_iter().try_for_each(|samples| backend.prepare(samples))
    }

    /// [`Backend::train`] on the training part.
    pub(super) fn train(
        &self,
        backend: &mut dyn Backend,
        batches: &Batches<'_>,
        sgd: Sgd,
        watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        if self.data.disk.is_none() {
            let [train, ..] = self.samples;
            return backend.train(train, batches, sgd, watch);
        }
        batches.check_augmentations(backend.plan())?;
        let batch = backend.plan().batch();
        let (mut tallies, mut seen) = (Vec::new(), StepMetrics::default());
        self.windows(PartName::Train, batches.order, batch, &mut |first, samples| {
            let n = samples.y().len();
            let order: Vec<u32> = (0..n as u32).collect();
            let window = Batches {
                order: &order,
                augmentations: batches.augmentations.get(first..first + n).unwrap_or_default(),
                seed: batches.seed,
                first_step: batches.first_step.wrapping_add((first / batch) as u32),
            };
            let mut flow = ControlFlow::Continue(());
            let taken = backend.train(samples, &window, sgd, &mut |now| {
                let tally = now.metrics.map(|tally| seen + tally);
                flow = watch(StepsDone { samples: seen.samples + now.samples, metrics: tally });
                flow
            })?;
            seen += taken.iter().copied().sum();
            tallies.extend(taken);
            Ok(flow)
        })?;
        Ok(tallies)
    }

    /// [`Backend::evaluate`] on a part.
    pub(super) fn evaluate(
        &self,
        backend: &mut dyn Backend,
        part: PartName,
        probabilities: &mut Vec<f32>,
    ) -> Result<StepMetrics> {
        if self.data.disk.is_none() {
            let steps = backend.evaluate(self.samples[part as usize], probabilities)?;
            return Ok(steps.into_iter().sum());
        }
        probabilities.clear();
        let (batch, len) = (backend.plan().batch(), self.data.sample_len());
        let order: Vec<u32> = (0..self.data.part(part).len() as u32).collect();
        let (mut total, mut rows) = (StepMetrics::default(), Vec::new());
        self.windows(part, &order, batch, &mut |_, samples| {
            // Batch by batch, so that sums are added up as they are over all samples.
            for (x, y) in samples.x().chunks(batch * len).zip(samples.y().chunks(batch)) {
                total += backend.evaluate(DatasetRef::new(x, y), &mut rows)?.into_iter().sum();
                probabilities.extend_from_slice(&rows);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(total)
    }

    /// Hands out the samples of `order`, whole batches at a time, with the place in it of the
    /// first. While `each` has one window a thread reads the next.
    fn windows(
        &self,
        part: PartName,
        order: &[u32],
        batch: usize,
        each: &mut dyn FnMut(usize, DatasetRef<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let data = self.data;
        data.check_unchanged()?;
        let len = data.sample_len();
        let samples = batch * (self.window / (4 * len * batch)).max(1);
        let labels = &data.part(part).y;
        thread::scope(|scope| {
            // The ends that stay here go before the thread is waited for, which ends it.
            let (fill, filled) = sync_channel(0);
            let (free, empty) = channel();
            let _ = (free.send(Vec::new()), free.send(Vec::new()));
            scope.spawn(move || {
                for (window, mut x) in order.chunks(samples).zip(empty) {
                    x.resize(window.len() * len, 0.0);
                    let read = data.read(part, window, &mut x).map(|()| x);
                    let failed = read.is_err();
                    if fill.send(read).is_err() || failed {
                        return;
                    }
                }
            });
            for (i, (window, x)) in order.chunks(samples).zip(filled).enumerate() {
                let x = x?;
                let y: Vec<u32> = window.iter().map(|&sample| labels[sample as usize]).collect();
                if each(i * samples, DatasetRef::new(&x, &y))?.is_break() {
                    break;
                }
                let _ = free.send(x);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
