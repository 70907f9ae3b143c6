//! A training step with the clock read after each phase. Unlike in training, all shards wait for
//! each other after every layer.

use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::phases::{Action, run};
use super::{Cpu, param_slices, reduce};
use crate::backend::{DatasetRef, KeptBatch, Optimizer, check_batch};
use crate::error::Result;
use crate::graph::NodeId;
use crate::ops::cpu::Mode;
use crate::ops::optimizer::cpu::{Stage, factor};
use crate::ops::penalty::cpu::penalty;
use crate::simd::in_shard;

/// A phase of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Copying the batch.
    Gather,
    /// The penalty on the weights.
    Penalty,
    /// A node's output.
    Forward(NodeId),
    /// The gradients of a node's inputs and, except for a dense layer, of its parameters.
    Backward(NodeId),
    /// The sum of the parameters' gradients over the shards (of a dense layer, the gradients
    /// themselves), the optimiser's step and the packing of the new weights.
    Update(NodeId),
}

/// Phases and their seconds so far.
struct Timings {
    last: Instant,
    phases: Vec<(Phase, f64)>,
}

impl Timings {
    /// Ends a phase; the seconds of one that occurs twice are added.
    fn end(&mut self, phase: Phase) {
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, sum)) => *sum += seconds,
            None => self.phases.push((phase, seconds)),
        }
        self.last = now;
    }
}

impl Cpu {
    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Takes one step on the samples `batch` of a data set; returns the seconds of each phase, in
    /// order.
    ///
    /// # Errors
    /// If the arguments do not fit the plan, or it is for inference.
    pub fn time_phases(
        &mut self,
        dataset: DatasetRef<'_>,
        batch: &[u32],
        optimizer: Optimizer,
    ) -> Result<Vec<(Phase, f64)>> {
        self.plan.check_trains()?;
        check_batch(&self.plan, dataset, batch)?;
        let pool = Arc::clone(&self.pool);
        let timings = pool.install(|| self.timings(dataset, batch, optimizer));
        self.kept = KeptBatch::Kept { samples: batch.len(), gradients: true };
        Ok(timings)
    }

    fn timings(
        &mut self,
        dataset: DatasetRef<'_>,
        batch: &[u32],
        optimizer: Optimizer,
    ) -> Vec<(Phase, f64)> {
        self.pack_weights();
        self.state.fit_to(&optimizer);
        let numbers = optimizer.numbers(optimizer.learning_rate, 0);
        let mut timings = Timings { last: Instant::now(), phases: Vec::new() };
        let index = |k: usize| batch[k] as usize;
        self.gather(self.source(dataset, &index, batch.len(), &[]));
        timings.end(Phase::Gather);
        let used = self.used();
        let mode = Mode::Training { seed: 0, step: 0 };
        let Self { plan, nodes, phases, shards, state, parameter_gradients, .. } = self;
        let parameters = &state.parameters;
        penalty(plan.graph(), parameters);
        timings.end(Phase::Penalty);
        let shards = &mut shards[..used];
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
        let phase_of = |(i, action)| match action {
            Action::Forward | Action::MeasureForward => Phase::Forward(ids[i]),
            Action::Backward | Action::MeasureBackward => Phase::Backward(ids[i]),
        };
        for segment in &phases.forward_backward {
            for step in &segment.steps {
                let pass = |shard| in_shard(|| run(nodes, *step, shard, parameters, mode));
                shards.par_iter_mut().for_each(pass);
                timings.end(phase_of(*step));
            }
            if let Some(step) = segment.reduction() {
                reduce(nodes, step, used, parameters, mode, parameter_gradients);
                timings.end(phase_of(step));
            }
        }
        let mut update = |stage, parameter_gradients: &mut [f32]| {
            let slices = param_slices(nodes, parameter_gradients, state);
            for (node, slice) in nodes.iter_mut().zip(slices) {
                if !node.parameters.is_empty() {
                    node.update(shards, slice, stage);
                    timings.end(Phase::Update(node.id));
                }
            }
        };
        match optimizer.clip_norm {
            None => update(Stage::Whole(numbers), parameter_gradients),
            Some(most) => {
                update(Stage::Gradients, parameter_gradients);
                let factor = factor(parameter_gradients, most);
                update(Stage::Step(numbers, factor), parameter_gradients);
            }
        }
        timings.phases
    }
}
