//! A step with a look at the clock between its parts. Training does the same without,
//! and without waiting: there a part of the batch goes from layer to layer on its own.

use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::layer::Pass;
use super::phases::{Action, run};
use super::{Cpu, combine, kind, sgd, stretches};
use crate::backend::{DatasetRef, Sgd};
use crate::graph::NodeId;

/// A part of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lap {
    /// Copying the batch.
    Gather,
    /// The penalty on the weights.
    Penalty,
    /// A node's output.
    Forward(NodeId),
    /// Back through a node: the gradients of its inputs, and what is known by then of those of its
    /// parameters: all of a batch norm's, of a convolution's what each part of the batch adds.
    Backward(NodeId),
    /// The rest of the gradients of a node's parameters, the optimiser's step, and the new weights
    /// in the orders that the loops read.
    Update(NodeId),
}

/// Laps and their seconds so far.
struct Laps {
    last: Instant,
    laps: Vec<(Lap, f64)>,
}

impl Laps {
    /// What is timed twice is one lap.
    fn lap(&mut self, lap: Lap) {
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        match self.laps.iter_mut().find(|(known, _)| *known == lap) {
            Some((_, sum)) => *sum += seconds,
            None => self.laps.push((lap, seconds)),
        }
        self.last = now;
    }
}

impl Cpu {
    /// Threads in use.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The pooling that is done in one pass with a convolution.
    pub fn fused_pool(&self, id: NodeId) -> Option<NodeId> {
        kind::fused_pool(&self.plan, id)
    }

    /// Takes one step on the samples `batch`; returns the seconds of each of its parts, in order.
    pub fn time_parts(
        &mut self,
        samples: DatasetRef<'_>,
        batch: &[u32],
        rates: Sgd,
    ) -> Vec<(Lap, f64)> {
        let pool = Arc::clone(&self.pool);
        pool.install(|| self.laps(samples, batch, rates))
    }

    fn laps(&mut self, samples: DatasetRef<'_>, batch: &[u32], rates: Sgd) -> Vec<(Lap, f64)> {
        self.take();
        let mut laps = Laps { last: Instant::now(), laps: Vec::new() };
        let which = |k: usize| batch[k] as usize;
        self.gather(self.source(samples, &which, batch.len(), &[]));
        laps.lap(Lap::Gather);
        let used = self.used();
        let pass = Pass::Train { seed: 0, step: 0 };
        let Self { plan, layers, phases, parts, state, parameter_gradients, .. } = self;
        let parameters = &state.parameters;
        sgd::penalty(plan.graph(), parameters);
        laps.lap(Lap::Penalty);
        let parts = &mut parts[..used];
        let ids: Vec<NodeId> = plan.graph().ids().collect();
        let lap_of = |(i, action)| match action {
            Action::Forward | Action::Measure => Lap::Forward(ids[i]),
            Action::Backward | Action::MeasureBack => Lap::Backward(ids[i]),
        };
        for phase in &phases.both {
            for step in &phase.steps {
                parts.par_iter_mut().for_each(|part| run(layers, *step, part, parameters, pass));
                laps.lap(lap_of(*step));
            }
            if let Some(step) = phase.norm() {
                combine(layers, step, parts, parameters, pass, parameter_gradients);
                laps.lap(lap_of(step));
            }
        }
        let own = stretches(layers, parameter_gradients, state);
        for ((i, layer), own) in layers.iter_mut().enumerate().zip(own) {
            if !layer.parameters.is_empty() {
                layer.learn(i, parts, own, Some(rates));
                laps.lap(Lap::Update(ids[i]));
            }
        }
        laps.laps
    }
}
