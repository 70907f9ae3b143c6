//! Several runs at once: every dispatch computes all replicas, each in its part of every buffer.

use std::ops::ControlFlow;

use super::Gpu;
use super::step::{Pass, Training};
use crate::backend::{
    Batches, DatasetRef, Evaluation, Optimizer, Replicas, Rule, State, StepsDone, TrainedAll,
};
use crate::error::{Error, Result};
use crate::ops::gpu::Buffer;
use crate::ops::optimizer::gpu::Form;

impl Replicas for Gpu {
    fn replicas(&self) -> usize {
        self.writer.replicas
    }

    fn train_all(
        &mut self,
        data: DatasetRef<'_>,
        batches: &[(usize, Batches<'_>)],
        optimizer: Optimizer,
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<TrainedAll> {
        self.plan.check_trains()?;
        let replicas = self.writer.replicas;
        let Some(&(_, first)) = batches.first() else {
            return Ok(TrainedAll { metrics: vec![Vec::new(); replicas], slow_step: None });
        };
        let Batches { first_step, .. } = first;
        let (len, augmented) = (first.order.len(), !first.augmentations.is_empty());
        for (replica, batches) in batches {
            batches.check(&self.plan, data)?;
            let is_augmented = !batches.augmentations.is_empty();
            let found = (batches.order.len(), is_augmented, batches.first_step);
            if batches.rates != first.rates {
                return Err(Error::Mismatch {
                    what: "learning rates of replicas that take their steps together",
                    expected: format!("{:?}", first.rates),
                    found: format!("{:?}", batches.rates),
                });
            }
            if found != (len, augmented, first_step) || *replica >= replicas {
                return Err(Error::Mismatch {
                    what: "replicas that take their steps together",
                    expected: format!("{:?}, of {replicas}", (len, augmented, first_step)),
                    found: format!("{found:?}, replica {replica}"),
                });
            }
        }
        self.ensure_uploaded(data)?;
        self.ensure_update(Form::of(&optimizer))?;
        self.move_moments(optimizer.has_second_moment())?;
        self.still = match optimizer.rule {
            Rule::Sgd { .. } => Optimizer { rule: Optimizer::sgd(0.0).rule, ..optimizer },
            Rule::Adam { .. } => optimizer,
        };
        self.still.learning_rate = 0.0;
        let mut seeds = vec![first.seed; replicas];
        for (replica, seed) in seeds.iter_mut().enumerate() {
            // One that takes no step computes what nobody reads, of samples that there are.
            let own = batches.iter().find(|(number, _)| *number == replica);
            let own = own.map_or(&first, |(_, batches)| batches);
            self.write_order(replica, own.order);
            self.write_augmentations(replica, own.augmentations);
            *seed = own.seed;
        }
        self.clear_first_not_finite();
        let training = Training { optimizer, augmented, seed: first.seed, first_step };
        self.run(Pass::Train(training), len, (&seeds, first.rates), observe)
    }

    fn evaluate_all(&mut self, data: DatasetRef<'_>) -> Result<Vec<Evaluation>> {
        let order = data.checked_order(&self.plan)?;
        self.ensure_uploaded(data)?;
        (0..self.writer.replicas).for_each(|replica| self.write_order(replica, &order));
        let go_on = &mut |_| ControlFlow::Continue(());
        let metrics = self.run(Pass::Evaluate, order.len(), (&[], &[]), go_on)?.metrics;
        let Some(dataset) = self.datasets.front() else { return Ok(Vec::new()) };
        let id = dataset.recording.probabilities;
        let len = order.len() * self.plan.graph().classes();
        let parts =
            (0..self.writer.replicas).map(|replica| (dataset.result(id), id.part(replica, len)));
        let parts: Vec<_> = parts.collect();
        let read = self.readback.read(&self.context, &parts)?;
        Ok(metrics.into_iter().zip(read).collect())
    }

    fn state_of(&mut self, replica: usize) -> Result<State> {
        let parameters = (Buffer::AllParameters, 0);
        if self.in_moments {
            let moments = [parameters, (Buffer::AdamMoments, 0), (Buffer::AdamMoments, 1)];
            let [parameters, velocity, second_moment] = self.read_parameters(replica, moments)?;
            return Ok(State { parameters, velocity, second_moment });
        }
        let [parameters, velocity] =
            self.read_parameters(replica, [parameters, (Buffer::Velocity, 0)])?;
        Ok(State { parameters, velocity, second_moment: Vec::new() })
    }

    fn set_state_of(&mut self, replica: usize, state: &State) -> Result<()> {
        state.check(self.plan.graph())?;
        // Others may have second moments.
        let has_others = self.in_moments && self.writer.replicas > 1;
        self.move_moments(has_others || !state.second_moment.is_empty())?;
        let zeros = vec![0.0; state.parameters.len()];
        let second = if state.second_moment.is_empty() { &zeros } else { &state.second_moment };
        let parameters = (Buffer::AllParameters, 0, &state.parameters);
        let moments: &[(Buffer, usize, &Vec<f32>)] = match self.in_moments {
            true => &[(Buffer::AdamMoments, 0, &state.velocity), (Buffer::AdamMoments, 1, second)],
            false => &[(Buffer::Velocity, 0, &state.velocity)],
        };
        for (role, place, flat) in std::iter::once(&parameters).chain(moments) {
            let padded = self.memory.layout.to_padded(self.plan.graph(), flat);
            if let Some(slice) = self.memory.buffer(*role) {
                let (id, words) = (slice.buffer, bytemuck::cast_slice(&padded));
                let first = (id.first(replica) + place * padded.len()) as u64;
                let at = first * super::memory::WORD;
                self.context.queue.write_buffer(&self.buffers[id.index], at, words);
            }
        }
        self.context.check()
    }
}
