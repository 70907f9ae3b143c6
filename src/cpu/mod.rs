//! The CPU path. A batch is cut into parts; each goes through all layers on a thread.
//! One file per op, named like the shader that does the same.

mod activation;
mod aligned;
mod avg_pool2d;
mod axis_to_channels;
mod batch_norm;
mod concat;
mod conv2d;
mod crop;
mod dense;
mod dropout;
mod gather;
mod kind;
mod layer;
mod lean;
mod max_pool2d;
mod part;
mod phases;
mod rates;
mod sgd;
mod simd;
mod softmax;
mod threads;
mod timing;

use std::ops::ControlFlow;
use std::sync::Arc;

use rayon::prelude::*;

pub use simd::levels;
pub use timing::Lap;

use crate::backend::{
    Augmentation, Backend, Batches, DatasetRef, KeptBatch, Sgd, State, StepMetrics, StepsDone,
    Tensor, check_batch,
};
use crate::error::{Error, Result};
use crate::graph::{NodeId, Shape};
use crate::plan::{Plan, Slot};
use layer::{Layer, Pass};
use lean::Lean;
use part::{Part, Source};
use phases::{Action, Phase, Phases};
use sgd::Stretch;
use threads::SAMPLES_PER_PART;

/// A plan on the CPU, with all its buffers: a step allocates nothing large.
#[derive(Debug)]
pub struct Cpu {
    plan: Plan,
    /// Shared, so that work on it may change all else here.
    pool: Arc<rayon::ThreadPool>,
    layers: Vec<Layer>,
    phases: Phases,
    parts: Vec<Part>,
    lean: Option<Lean>,
    state: State,
    /// Whether the layers have the weights of `state` as their loops read them.
    taken: bool,
    parameter_gradients: Vec<f32>,
    /// Samples of the current batch.
    batch: usize,
    kept: KeptBatch,
}

impl Cpu {
    /// Opens a plan with weights and velocity of zero; `threads` 0 means one for each core.
    ///
    /// # Errors
    /// If the system refuses the threads.
    pub fn new(plan: Plan, threads: usize) -> Result<Self> {
        simd::choose_level()?;
        let ids = || plan.graph().ids();
        let layers: Vec<Layer> = ids().map(|id| Layer::new(&plan, id)).collect();
        let mut kept = vec![false; plan.slot_lens().len()];
        ids().filter(|id| kind::fused_pool(&plan, *id).is_none()).for_each(|id| {
            kept[plan.slot(id).0] = true;
        });
        let buffers = |needed: &dyn Fn(usize) -> bool| {
            let len = |(i, len)| if kept[i] && needed(i) { SAMPLES_PER_PART * len } else { 0 };
            plan.slot_lens().iter().copied().enumerate().map(|slot| vec![0.0; len(slot)]).collect()
        };
        let part = |first| Part {
            values: buffers(&|_| true),
            gradients: buffers(&|i| plan.has_gradient(Slot(i))),
            rooms: layers.iter().map(Layer::room).collect(),
            labels: Vec::with_capacity(SAMPLES_PER_PART),
            first,
            batch: 0,
            tally: StepMetrics::default(),
        };
        let count = plan.graph().parameter_count();
        let (pool, phases) = (threads::pool(threads)?, Phases::new(&layers));
        Ok(Self {
            parts: (0..plan.batch()).step_by(SAMPLES_PER_PART).map(part).collect(),
            lean: Lean::new(&phases, pool.current_num_threads(), part),
            pool: Arc::new(pool),
            phases,
            layers,
            state: State::new(vec![0.0; count]),
            taken: false,
            parameter_gradients: vec![0.0; count],
            batch: 0,
            kept: KeptBatch::None,
            plan,
        })
    }

    /// The input's buffer and shape.
    fn input(&self) -> (usize, Shape) {
        let graph = self.plan.graph();
        (self.plan.slot(graph.input()).0, graph.node(graph.input()).shape)
    }

    /// The parts that have samples.
    fn used(&self) -> usize {
        self.batch.div_ceil(SAMPLES_PER_PART)
    }

    /// A batch of the samples `which`; `augmentations` are theirs, or none.
    fn source<'a>(
        &self,
        samples: DatasetRef<'a>,
        which: &'a (dyn Fn(usize) -> usize + Sync),
        n: usize,
        augmentations: &'a [Augmentation],
    ) -> Source<'a> {
        Source { samples, which, n, augmentations, input: self.input() }
    }

    /// Copies the samples of a batch into the parts. To be called on the pool, as all that
    /// follows.
    fn gather(&mut self, source: Source<'_>) {
        self.batch = source.n;
        let used = self.used();
        self.parts[..used].par_iter_mut().for_each(|part| part.gather(source));
    }

    /// The loss with the penalty.
    fn forward(&mut self, pass: Pass) -> StepMetrics {
        self.take();
        self.walk(pass, |phases| &phases.forward);
        self.tally(sgd::penalty(self.plan.graph(), &self.state.parameters))
    }

    /// There and back: the loss, the gradients of all parameters, and the step that follows from
    /// them, if any. `keep` says whether somebody may look at tensors afterwards.
    fn forward_and_back(
        &mut self,
        source: Source<'_>,
        pass: Pass,
        sgd: Option<Sgd>,
        keep: bool,
    ) -> StepMetrics {
        self.take();
        let penalty = if let (Some(lean), false) = (&self.lean, keep) {
            self.batch = source.n;
            let used = self.used();
            let Self { plan, layers, phases, parts, state, .. } = self;
            let (parts, parameters) = (&mut parts[..used], &state.parameters);
            let walk = || lean.walk(layers, phases, parts, source, parameters, pass);
            rayon::join(walk, || sgd::penalty(plan.graph(), parameters)).1
        } else {
            self.gather(source);
            self.walk(pass, |phases| &phases.both);
            sgd::penalty(self.plan.graph(), &self.state.parameters)
        };
        self.learn(sgd);
        self.tally(penalty)
    }

    /// The gradients of all parameters, and the step that follows from them, if any.
    fn learn(&mut self, sgd: Option<Sgd>) {
        let used = self.used();
        let Self { layers, parts, state, parameter_gradients, .. } = self;
        let parts = &parts[..used];
        let own = stretches(layers, parameter_gradients, state);
        layers.par_iter_mut().zip(own).enumerate().for_each(|(i, (layer, own))| {
            layer.learn(i, parts, own, sgd);
        });
    }

    /// All parts through some phases.
    fn walk(&mut self, pass: Pass, which: impl Fn(&Phases) -> &Vec<Phase>) {
        let used = self.used();
        let Self { layers, phases, parts, state, parameter_gradients, .. } = self;
        let (parts, parameters) = (&mut parts[..used], &state.parameters);
        for phase in which(phases) {
            parts.par_iter_mut().for_each(|part| {
                for step in &phase.steps {
                    phases::run(layers, *step, part, parameters, pass);
                }
            });
            if let Some(step) = phase.norm() {
                combine(layers, step, parts, parameters, pass, parameter_gradients);
            }
        }
    }

    /// Of the last batch, with the penalty.
    fn tally(&self, penalty: f64) -> StepMetrics {
        let n = self.batch as u64;
        let mut tally = StepMetrics { samples: n, loss: penalty * n as f64, correct: 0 };
        for part in &self.parts[..self.used()] {
            tally.loss += part.tally.loss;
            tally.correct += part.tally.correct;
        }
        tally
    }

    /// Gives the layers the weights, if these are others than before.
    fn take(&mut self) {
        if !self.taken {
            let parameters = &self.state.parameters;
            self.layers.par_iter_mut().for_each(|layer| layer.take(parameters));
            self.taken = true;
        }
    }
}

/// What each layer learns: the stretches lie one behind the other.
fn stretches<'a>(
    layers: &[Layer],
    gradients: &'a mut [f32],
    state: &'a mut State,
) -> Vec<Stretch<'a>> {
    let State { parameters, velocity } = state;
    let mut rest = Stretch { gradients, parameters, velocity };
    let mut stretches = Vec::with_capacity(layers.len());
    for layer in layers {
        let (own, behind) = rest.split_at(layer.parameters.len());
        stretches.push(own);
        rest = behind;
    }
    stretches
}

/// Puts together what a batch norm's parts have measured.
fn combine(
    layers: &mut [Layer],
    (i, action): (usize, Action),
    parts: &[Part],
    parameters: &[f32],
    pass: Pass,
    parameter_gradients: &mut [f32],
) {
    match action {
        Action::Measure => layers[i].combine(i, parts, parameters, pass),
        _ => layers[i].combine_back(i, parts, parameter_gradients),
    }
}

impl Backend for Cpu {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn describe(&self) -> String {
        let threads = self.pool.current_num_threads();
        format!("cpu, {threads} thread{}, {}", if threads == 1 { "" } else { "s" }, simd::name())
    }

    fn identity(&self) -> String {
        format!("cpu, {}", simd::name())
    }

    fn train(
        &mut self,
        samples: DatasetRef<'_>,
        batches: &Batches<'_>,
        sgd: Sgd,
        watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        batches.check(&self.plan, samples)?;
        let size = self.plan.batch();
        let mut tallies = Vec::with_capacity(batches.order.len().div_ceil(size));
        let mut sum = StepMetrics::default();
        let pool = Arc::clone(&self.pool);
        let last = batches.order.len().div_ceil(size).saturating_sub(1);
        for (i, batch) in batches.order.chunks(size).enumerate() {
            let augmentations = batches.augmentations.get(i * size..).unwrap_or_default();
            let step = batches.first_step.wrapping_add(i as u32);
            let pass = Pass::Train { seed: batches.seed, step };
            let tally = pool.install(|| {
                let which = |k: usize| batch[k] as usize;
                let source = self.source(samples, &which, batch.len(), augmentations);
                self.forward_and_back(source, pass, Some(sgd), i == last)
            });
            self.kept = match i == last {
                true => KeptBatch::Kept { samples: batch.len(), gradients: true },
                false => KeptBatch::Interrupted,
            };
            tallies.push(tally);
            sum += tally;
            if watch(StepsDone { samples: sum.samples, metrics: Some(sum) }).is_break() {
                break;
            }
        }
        Ok(tallies)
    }

    fn evaluate(
        &mut self,
        samples: DatasetRef<'_>,
        probabilities: &mut Vec<f32>,
    ) -> Result<Vec<StepMetrics>> {
        samples.check(&self.plan)?;
        let order: Vec<u32> = (0..samples.y().len() as u32).collect();
        Batches::plain(&order).check(&self.plan, samples)?;
        let graph = self.plan.graph();
        let (output, classes) = (self.plan.slot(graph.output()).0, graph.classes());
        let mut steps = Vec::with_capacity(samples.y().len().div_ceil(self.plan.batch()));
        probabilities.clear();
        let pool = Arc::clone(&self.pool);
        for start in (0..samples.y().len()).step_by(self.plan.batch()) {
            let n = self.plan.batch().min(samples.y().len() - start);
            steps.push(pool.install(|| {
                self.gather(self.source(samples, &|k| start + k, n, &[]));
                self.forward(Pass::Evaluate)
            }));
            self.kept = KeptBatch::Kept { samples: n, gradients: false };
            for part in &self.parts[..self.used()] {
                probabilities
                    .extend_from_slice(&part.values[output][..part.labels.len() * classes]);
            }
        }
        Ok(steps)
    }

    fn logit_gradients(&mut self, samples: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
        check_batch(&self.plan, samples, batch)?;
        let pool = Arc::clone(&self.pool);
        pool.install(|| {
            let which = |k: usize| batch[k] as usize;
            let source = self.source(samples, &which, batch.len(), &[]);
            self.forward_and_back(source, Pass::Evaluate, None, true);
        });
        self.kept = KeptBatch::Kept { samples: batch.len(), gradients: true };
        Ok(())
    }

    fn state(&mut self) -> Result<State> {
        Ok(self.state.clone())
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        state.check(self.plan.graph())?;
        self.state.parameters.copy_from_slice(&state.parameters);
        self.state.velocity.copy_from_slice(&state.velocity);
        self.taken = false;
        Ok(())
    }

    fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
        let node_of = self.plan.graph().node(node);
        if kind::fused_pool(&self.plan, node).is_some() {
            return Err(Error::FusedAway { node: node_of.name.clone() });
        }
        self.kept.samples(what)?;
        let (slot, len) = (self.plan.slot(node).0, node_of.shape.len());
        let mut all = Vec::with_capacity(self.batch * len);
        for part in &self.parts[..self.used()] {
            let buffer = match what {
                Tensor::Value => &part.values[slot],
                Tensor::Gradient => &part.gradients[slot],
            };
            all.extend_from_slice(&buffer[..buffer.len().min(part.labels.len() * len)]);
        }
        Ok(all)
    }

    fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
        Ok(self.parameter_gradients.clone())
    }
}
