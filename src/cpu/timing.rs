//! A step with a look at the clock between its parts. Training knows nothing
//! of it: it walks the same layers without.

use std::time::Instant;

use super::layer::Pass;
use super::{Cpu, sgd};
use crate::backend::{Samples, Sgd, State, Tally};
use crate::graph::NodeId;

/// A part of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Copying the batch.
    Gather,
    /// The penalty on the weights.
    Penalty,
    /// A node's output.
    Forward(NodeId),
    /// The gradients of a node's parameters and inputs.
    Backward(NodeId),
    /// The penalty's gradient.
    PenaltyGradient,
    /// The optimiser.
    Update,
}

/// Parts and their seconds so far.
struct Laps {
    last: Instant,
    parts: Vec<(Part, f64)>,
}

impl Laps {
    fn lap(&mut self, part: Part) {
        let now = Instant::now();
        self.parts.push((part, (now - self.last).as_secs_f64()));
        self.last = now;
    }
}

impl Cpu {
    /// Threads in use.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Takes one step on the samples `batch`; returns the seconds of each of its parts, in order.
    pub fn time_parts(
        &mut self,
        samples: Samples<'_>,
        batch: &[u32],
        rates: Sgd,
    ) -> Vec<(Part, f64)> {
        let mut laps = Laps { last: Instant::now(), parts: Vec::new() };
        self.gather(samples, batch.iter().map(|&i| i as usize), &[]);
        laps.lap(Part::Gather);
        let Self { plan, pool, layers, buffers, state, labels, parameter_gradients } = self;
        let State { parameters, velocity } = state;
        let mut tally = Tally { loss: sgd::penalty(plan.graph(), parameters), ..Tally::default() };
        laps.lap(Part::Penalty);
        pool.install(|| {
            let pass = Pass::Train { seed: 0, step: 0 };
            for (id, layer) in plan.graph().ids().zip(layers.iter_mut()) {
                layer.forward(&mut buffers.values, parameters, labels, pass, &mut tally);
                laps.lap(Part::Forward(id));
            }
            for (id, layer) in plan.graph().ids().rev().zip(layers.iter_mut().rev()) {
                layer.backward(buffers, parameters, labels, pass, parameter_gradients);
                laps.lap(Part::Backward(id));
            }
            sgd::penalty_gradient(plan.graph(), parameters, parameter_gradients);
            laps.lap(Part::PenaltyGradient);
            sgd::step(rates, parameter_gradients, parameters, velocity);
            layers.iter().for_each(|layer| layer.update(parameters));
            laps.lap(Part::Update);
        });
        laps.parts
    }
}
