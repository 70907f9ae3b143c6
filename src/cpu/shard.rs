//! The buffers of one shard: a part of a batch that one task takes through all layers.

use crate::backend::{Augmentation, DatasetRef};
use crate::graph::Shape;
use crate::ops::cpu::{Mode, ShardContext, ShardLoss};
use crate::ops::gather::cpu::augment;
use crate::plan::{Buffer, Plan};
use crate::simd::SAMPLES_PER_SHARD;

/// Buffers by slot, `[samples, …]`, and the facts of the last batch.
#[derive(Debug)]
pub(super) struct Shard {
    /// Index of its workspace in every layer.
    pub(super) workspace: usize,
    pub(super) values: Vec<Vec<f32>>,
    pub(super) gradients: Vec<Vec<f32>>,
    /// Classes of the current samples; their number is that of the samples.
    pub(super) labels: Vec<u32>,
    /// Samples of the batch before these.
    pub(super) first: usize,
    /// Samples of the batch.
    pub(super) batch: usize,
    /// Of the last forward.
    pub(super) loss: ShardLoss,
}

/// A batch to be gathered.
#[derive(Clone, Copy)]
pub(super) struct BatchSource<'a> {
    pub(super) dataset: DatasetRef<'a>,
    /// The index in the data set of each sample of the batch.
    pub(super) index: &'a (dyn Fn(usize) -> usize + Sync),
    /// Samples in the batch.
    pub(super) n: usize,
    /// One per sample, or none.
    pub(super) augmentations: &'a [Augmentation],
    /// The input's buffer and shape.
    pub(super) input: (usize, Shape),
}

impl Shard {
    /// Buffers for a plan, whose first sample is number `first` of a batch.
    pub(super) fn new(plan: &Plan, workspace: usize, first: usize) -> Self {
        let buffers = |needed: fn(&Buffer) -> bool| {
            let len = |b: &Buffer| if needed(b) { SAMPLES_PER_SHARD * b.len } else { 0 };
            plan.buffers().iter().map(|b| vec![0.0; len(b)]).collect()
        };
        Self {
            workspace,
            values: buffers(|b| b.is_materialized),
            gradients: buffers(|b| b.is_materialized && b.has_gradient),
            labels: Vec::with_capacity(SAMPLES_PER_SHARD),
            first,
            batch: 0,
            loss: ShardLoss::default(),
        }
    }

    /// Copies the shard's samples of a batch into the input's buffer.
    pub(super) fn gather(&mut self, source: BatchSource<'_>) {
        let BatchSource { dataset, index, n, augmentations, input: (slot, shape) } = source;
        let len = shape.len();
        let samples = self.first..n.min(self.first + SAMPLES_PER_SHARD);
        self.batch = n;
        self.labels.clear();
        for (k, to) in samples.zip(self.values[slot].chunks_exact_mut(len)) {
            let i = index(k);
            let from = &dataset.x()[i * len..(i + 1) * len];
            match augmentations.get(k) {
                Some(augmentation) => augment(shape, augmentation, from, to),
                None => to.copy_from_slice(from),
            }
            self.labels.push(dataset.y()[i]);
        }
    }

    /// Its facts, for a layer.
    pub(super) fn context(&self, mode: Mode) -> ShardContext<'_> {
        let Self { workspace, first, batch, ref labels, .. } = *self;
        ShardContext { workspace, first, batch, labels, mode }
    }
}
