//! The forward alone of a whole data set: one parallel loop over all its shards. Nothing is summed over
//! a batch in inference, so no shard waits for another; each thread takes shard after shard through
//! the buffers of one, which stay in its nearest caches.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::node::Node;
use super::phases::{Phases, Step, run};
use super::shard::{BatchSource, Shard};
use crate::ops::cpu::{Mode, ShardLoss};
use crate::simd::{SAMPLES_PER_SHARD, assert_may_fork, in_shard};

/// The forward of whole batches, whose layers have been prepared for it.
pub(super) struct Evaluation<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) phases: &'a Phases,
    pub(super) parameters: &'a [f32],
    /// Samples of a batch.
    pub(super) batch: usize,
    /// The slot of the probabilities, and the number of classes.
    pub(super) output: (usize, usize),
}

impl Evaluation<'_> {
    /// Fills `probabilities` with those of all samples of `source`, in order. Returns the loss of each
    /// shard with the number of its batch, in order. Forks.
    pub(super) fn run(
        &self,
        source: BatchSource<'_>,
        shards: &mut [Shard],
        probabilities: &mut [f32],
    ) -> Vec<(usize, ShardLoss)> {
        assert_may_fork();
        let (output, classes) = self.output;
        let steps: Vec<Step> =
            self.phases.forward.iter().flat_map(|segment| &segment.steps).copied().collect();
        // Of as many shards as there are threads a thread waits for no other.
        let buffers: Vec<Mutex<&mut Shard>> = shards.iter_mut().map(Mutex::new).collect();
        let evaluate = |batch: usize, shard: usize, rows: &mut [f32]| -> ShardLoss {
            let first = batch * self.batch + shard * SAMPLES_PER_SHARD;
            let thread = rayon::current_thread_index().unwrap_or(0);
            let buffers = &buffers[thread % buffers.len()];
            let mut buffers = buffers.lock().unwrap_or_else(PoisonError::into_inner);
            in_shard(|| {
                // In the place that these buffers have in a batch.
                let place = buffers.first;
                let (index, n) =
                    (|k| (source.index)(first + k - place), place + rows.len() / classes);
                buffers.gather(BatchSource { index: &index, n, ..source });
                for step in &steps {
                    run(self.nodes, *step, &mut buffers, self.parameters, Mode::Inference);
                }
                rows.copy_from_slice(&buffers.values[output][..rows.len()]);
                buffers.loss
            })
        };
        probabilities
            .par_chunks_mut(self.batch * classes)
            .enumerate()
            .flat_map(|(batch, rows)| {
                let shards = rows.par_chunks_mut(SAMPLES_PER_SHARD * classes).enumerate();
                shards.map(move |(shard, rows)| (batch, evaluate(batch, shard, rows)))
            })
            .collect()
    }
}
