//! The CPU path: walks the plan op by op, the batch cut into parts for threads.
//! One file per op, named like the shader that does the same.

mod activation;
mod avg_pool2d;
mod axis_to_channels;
mod batch_norm;
mod concat;
mod conv2d;
mod conv2d_dense;
mod conv2d_sparse;
mod crop;
mod dense;
mod dropout;
mod gather;
mod kind;
mod layer;
mod max_pool2d;
mod rates;
mod sgd;
mod softmax;
mod threads;
mod timing;
mod vectorised;

use std::ops::ControlFlow;

pub use timing::Part;

use crate::backend::{Backend, Batches, Done, Samples, Sgd, State, Tally, Tensor, View};
use crate::error::Result;
use crate::graph::NodeId;
use crate::plan::{Plan, Slot};
use layer::{Buffers, Layer, Pass};

/// A plan on the CPU, with all its buffers: a step allocates nothing large.
#[derive(Debug)]
pub struct Cpu {
    plan: Plan,
    pool: rayon::ThreadPool,
    layers: Vec<Layer>,
    buffers: Buffers,
    state: State,
    parameter_gradients: Vec<f32>,
    /// Classes of the batch at hand; its length is the batch's.
    labels: Vec<u32>,
}

impl Cpu {
    /// Opens a plan with weights and velocity of zero; `threads` 0 means one for each core.
    ///
    /// # Errors
    /// If the system refuses the threads.
    pub fn new(plan: Plan, threads: usize) -> Result<Self> {
        vectorised::choose_level()?;
        let batch = plan.batch();
        let zeros = |(i, len): (usize, &usize)| {
            let needed = plan.has_gradient(Slot(i));
            vec![0.0; if needed { batch * len } else { 0 }]
        };
        let buffers = Buffers {
            values: plan.slot_lens().iter().map(|len| vec![0.0; batch * len]).collect(),
            gradients: plan.slot_lens().iter().enumerate().map(zeros).collect(),
        };
        let count = plan.graph().parameter_count();
        Ok(Self {
            pool: threads::pool(threads)?,
            layers: plan.graph().ids().map(|id| Layer::new(&plan, id)).collect(),
            buffers,
            state: State::new(vec![0.0; count]),
            parameter_gradients: vec![0.0; count],
            labels: Vec::with_capacity(batch),
            plan,
        })
    }

    /// Copies the samples of a batch into the input's buffer; `views` are theirs, or none.
    fn gather(&mut self, samples: Samples<'_>, batch: impl Iterator<Item = usize>, views: &[View]) {
        let graph = self.plan.graph();
        let shape = graph.node(graph.input()).shape;
        let len = shape.len();
        let input = &mut self.buffers.values[self.plan.slot(graph.input()).0];
        self.labels.clear();
        for (k, (to, i)) in input.chunks_exact_mut(len).zip(batch).enumerate() {
            let from = &samples.x()[i * len..(i + 1) * len];
            match views.get(k) {
                Some(view) => gather::vary(shape, view, from, to),
                None => to.copy_from_slice(from),
            }
            self.labels.push(samples.y()[i]);
        }
    }

    fn forward(&mut self, pass: Pass) -> Tally {
        let Self { plan, pool, layers, buffers, state, labels, .. } = self;
        let n = labels.len() as u64;
        let penalty = sgd::penalty(plan.graph(), &state.parameters);
        let mut tally = Tally { samples: n, loss: penalty * n as f64, correct: 0 };
        pool.install(|| {
            for layer in layers {
                layer.forward(&mut buffers.values, &state.parameters, labels, pass, &mut tally);
            }
        });
        tally
    }

    /// The way back of the pass that was run forward.
    fn backward(&mut self, pass: Pass) {
        let Self { plan, pool, layers, buffers, state, labels, parameter_gradients, .. } = self;
        pool.install(|| {
            for layer in layers.iter_mut().rev() {
                layer.backward(buffers, &state.parameters, labels, pass, parameter_gradients);
            }
        });
        sgd::penalty_gradient(plan.graph(), &state.parameters, parameter_gradients);
    }
}

impl Cpu {
    fn update(&mut self, sgd: Sgd) {
        let State { parameters, velocity } = &mut self.state;
        self.pool.install(|| sgd::step(sgd, &self.parameter_gradients, parameters, velocity));
        self.layers.iter().for_each(|layer| layer.update(parameters));
    }
}

impl Backend for Cpu {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn describe(&self) -> String {
        let threads = self.pool.current_num_threads();
        format!("cpu, {threads} thread{}", if threads == 1 { "" } else { "s" })
    }

    fn identity(&self) -> String {
        "cpu".into()
    }

    fn train(
        &mut self,
        samples: Samples<'_>,
        batches: &Batches<'_>,
        sgd: Sgd,
        watch: &mut dyn FnMut(Done) -> ControlFlow<()>,
    ) -> Result<Vec<Tally>> {
        batches.check()?;
        let size = self.plan.batch();
        let mut tallies = Vec::with_capacity(batches.order.len().div_ceil(size));
        let mut sum = Tally::default();
        for (i, batch) in batches.order.chunks(size).enumerate() {
            let views = batches.views.get(i * size..).unwrap_or_default();
            self.gather(samples, batch.iter().map(|&i| i as usize), views);
            let step = batches.first_step.wrapping_add(i as u32);
            let pass = Pass::Train { seed: batches.seed, step };
            let tally = self.forward(pass);
            self.backward(pass);
            self.update(sgd);
            tallies.push(tally);
            sum += tally;
            if watch(Done { samples: sum.samples, tally: Some(sum) }).is_break() {
                break;
            }
        }
        Ok(tallies)
    }

    fn evaluate(&mut self, samples: Samples<'_>, probabilities: &mut Vec<f32>) -> Result<Tally> {
        let output = self.plan.graph().output();
        let classes = self.plan.graph().classes();
        let mut total = Tally::default();
        probabilities.clear();
        for start in (0..samples.y().len()).step_by(self.plan.batch()) {
            self.gather(samples, start..samples.y().len(), &[]);
            total += self.forward(Pass::Evaluate);
            let rows = &self.buffers.values[self.plan.slot(output).0];
            probabilities.extend_from_slice(&rows[..self.labels.len() * classes]);
        }
        Ok(total)
    }

    fn logit_gradients(&mut self, samples: Samples<'_>, batch: &[u32]) -> Result<()> {
        self.plan.check_batch(batch.len())?;
        self.gather(samples, batch.iter().map(|&i| i as usize), &[]);
        self.forward(Pass::Evaluate);
        self.backward(Pass::Evaluate);
        Ok(())
    }

    fn state(&mut self) -> Result<State> {
        Ok(self.state.clone())
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        state.check(self.plan.graph())?;
        self.state.parameters.copy_from_slice(&state.parameters);
        self.state.velocity.copy_from_slice(&state.velocity);
        Ok(())
    }

    fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
        let slot = self.plan.slot(node).0;
        let buffer = match what {
            Tensor::Value => &self.buffers.values[slot],
            Tensor::Gradient => &self.buffers.gradients[slot],
        };
        let n = self.labels.len() * self.plan.graph().node(node).shape.len();
        Ok(buffer[..n.min(buffer.len())].to_vec())
    }

    fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
        Ok(self.parameter_gradients.clone())
    }
}
