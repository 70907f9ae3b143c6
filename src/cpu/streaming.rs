//! Training steps whose tensors are not read afterwards: each thread has the buffers of one shard
//! and takes shard after shard through them, so that they stay in the nearest caches. What the
//! update reads is exported to the shard's own buffers. The last batch of a call is computed in
//! the shards' own buffers, which keep all tensors.
//!
//! Only for models without batch norm: its shards wait for each other.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::node::Node;
use super::phases::{Phases, run};
use super::shard::{BatchSource, Shard};
use crate::ops::cpu::Mode;
use crate::plan::Plan;
use crate::simd::{assert_may_fork, in_shard};

/// The buffers of each thread. No lock is ever waited for, because no task forks while it holds one.
#[derive(Debug)]
pub(super) struct StreamingExecutor(Vec<Mutex<Shard>>);

impl StreamingExecutor {
    /// For `threads` threads, whose workspaces are those from `workspace` on.
    pub(super) fn new(plan: &Plan, threads: usize, workspace: usize) -> Self {
        let shard = |thread| Mutex::new(Shard::new(plan, workspace + thread, 0));
        Self((0..threads).map(shard).collect())
    }

    /// Forward and backward of all shards of a batch. Forks.
    pub(super) fn forward_backward(
        &self,
        nodes: &[Node],
        phases: &Phases,
        shards: &mut [Shard],
        source: BatchSource<'_>,
        parameters: &[f32],
        mode: Mode,
    ) {
        assert_may_fork();
        shards.par_iter_mut().with_max_len(1).for_each(|shard| {
            let streamed = &self.0[rayon::current_thread_index().unwrap_or(0)];
            let mut streamed = streamed.lock().unwrap_or_else(PoisonError::into_inner);
            in_shard(|| {
                streamed.first = shard.first;
                streamed.gather(source);
                for step in phases.forward_backward.iter().flat_map(|segment| &segment.steps) {
                    run(nodes, *step, &mut streamed, parameters, mode);
                }
                shard.labels.clone_from(&streamed.labels);
                shard.loss = streamed.loss;
                nodes.iter().for_each(|node| node.export_saved(&streamed, shard));
            });
        });
    }
}
