//! The samples of a batch that one task walks through all layers, and all that they leave.

use super::threads::SAMPLES_PER_PART;
use super::{batch_norm, conv2d, gather};
use crate::backend::{Augmentation, DatasetRef, StepMetrics};
use crate::graph::Shape;

/// Buffers by slot, `[samples, …]`, room by layer.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) values: Vec<Vec<f32>>,
    pub(super) gradients: Vec<Vec<f32>>,
    pub(super) rooms: Vec<Room>,
    /// Classes of the samples at hand; its length is their number.
    pub(super) labels: Vec<u32>,
    /// Samples of the batch before these, and in all.
    pub(super) first: usize,
    pub(super) batch: usize,
    /// Losses without the penalty, and right predictions, of the last forward.
    pub(super) tally: StepMetrics,
}

/// What a layer keeps for the way back.
#[derive(Debug)]
pub(super) enum Room {
    None,
    Conv2d(conv2d::Room),
    /// The index of each maximum within its sample.
    MaxPool2d(Vec<u32>),
    BatchNorm(batch_norm::Room),
}

/// The samples of a batch.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) samples: DatasetRef<'a>,
    /// The sample of each place in the batch.
    pub(super) which: &'a (dyn Fn(usize) -> usize + Sync),
    /// Samples in the batch.
    pub(super) n: usize,
    /// How each is varied, or none.
    pub(super) augmentations: &'a [Augmentation],
    /// The input's buffer and shape.
    pub(super) input: (usize, Shape),
}

impl Part {
    /// Copies its samples into the input's buffer.
    pub(super) fn gather(&mut self, source: Source<'_>) {
        let Source { samples, which, n, augmentations, input: (slot, shape) } = source;
        let len = shape.len();
        let here = self.first..n.min(self.first + SAMPLES_PER_PART);
        self.batch = n;
        self.labels.clear();
        for (k, to) in here.zip(self.values[slot].chunks_exact_mut(len)) {
            let i = which(k);
            let from = &samples.x()[i * len..(i + 1) * len];
            match augmentations.get(k) {
                Some(augmentation) => gather::vary(shape, augmentation, from, to),
                None => to.copy_from_slice(from),
            }
            self.labels.push(samples.y()[i]);
        }
    }
}
