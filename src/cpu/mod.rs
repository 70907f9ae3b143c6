//! The CPU's executor. A batch is cut into shards; each goes through all layers on one thread. The
//! layers are the operations' own: `src/ops/<op>/cpu.rs`.

mod evaluation;
mod node;
mod phases;
mod rates;
mod shard;
mod streaming;
mod threads;
mod timing;

use std::ops::ControlFlow;
use std::sync::Arc;

use rayon::prelude::*;

pub use crate::simd::levels;
pub use threads::MOST_THREADS;
pub use timing::Phase;

use crate::backend::{
    Augmentation, Backend, Batches, DatasetRef, KeptBatch, Optimizer, State, StepMetrics,
    StepsDone, Tensor, check_batch,
};
use crate::error::Result;
use crate::graph::NodeId;
use crate::ops::cpu::{Mode, ShardLoss, Shards};
use crate::ops::optimizer::Numbers;
use crate::ops::optimizer::cpu::{ParamSlice, Stage, factor};
use crate::ops::penalty::cpu::penalty;
use crate::plan::{ConvLimits, ConvNormLimits, Fusions, NormLimits, Plan};
use crate::simd::{self, SAMPLES_PER_SHARD, assert_may_fork, in_shard};
use evaluation::Evaluation;
use node::{AnyLayer, Node};
use phases::{Action, Phases, Segment, Step};
use shard::{BatchSource, Shard};
use streaming::StreamingExecutor;

/// The fusions that the CPU has kernels for.
pub const FUSIONS: Fusions = Fusions {
    conv2d_max_pool2d: Some(ConvLimits { kernel_len: usize::MAX, filters_multiple_of: 1 }),
    batch_norm_pool2d: None,
    // Vectors hold four channels at least; a float counts the columns of a window.
    conv2d_batch_norm_pool2d: Some(ConvNormLimits {
        norm: NormLimits { channels_multiple_of: 4, window: 1 << 24 },
        taps: 32,
    }),
    ..Fusions::NONE
};

/// A plan on the CPU, with all its buffers: a step allocates nothing large.
#[derive(Debug)]
pub struct Cpu {
    plan: Plan,
    /// Shared, so that work on it may change everything else here.
    pool: Arc<rayon::ThreadPool>,
    nodes: Vec<Node>,
    phases: Phases,
    shards: Vec<Shard>,
    /// None for a plan for inference, or whose shards wait for each other.
    streaming: Option<StreamingExecutor>,
    state: State,
    /// Whether the layers have packed the weights of `state`.
    packed: bool,
    /// Empty for a plan for inference.
    parameter_gradients: Vec<f32>,
    /// Samples of the current batch.
    batch: usize,
    kept: KeptBatch,
}

impl Cpu {
    /// Opens a plan with weights and velocity of zero; `threads` 0 means one for each core. A plan for
    /// inference gets no gradients and no workspaces for backward.
    ///
    /// # Errors
    /// If the system refuses the threads.
    pub fn new(plan: Plan, threads: usize) -> Result<Self> {
        simd::choose_level()?;
        let (plan, pool) = (plan.fused(&FUSIONS), threads::pool(threads)?);
        let (threads, count) =
            (pool.current_num_threads(), plan.batch().div_ceil(SAMPLES_PER_SHARD));
        let nodes = |count| -> Vec<Node> {
            let shards = Shards { count, samples: SAMPLES_PER_SHARD, trains: plan.trains() };
            plan.graph().ids().filter_map(|id| Node::new(&plan, id, shards)).collect()
        };
        // Each thread has a shard in the forward of many batches.
        let count = count.max(threads);
        let mut layers = nodes(count);
        let waits = |node: &Node| !matches!(node.layer, AnyLayer::PerShard(_));
        let streams = plan.trains() && !layers.iter().any(waits);
        if streams {
            // Each thread has a workspace of its own, behind those of the shards.
            layers = nodes(count + threads);
        }
        let parameters = plan.graph().parameter_count();
        Ok(Self {
            shards: (0..count).map(|i| Shard::new(&plan, i, i * SAMPLES_PER_SHARD)).collect(),
            streaming: streams.then(|| StreamingExecutor::new(&plan, threads, count)),
            pool: Arc::new(pool),
            phases: Phases::new(&layers),
            nodes: layers,
            state: State::new(vec![0.0; parameters]),
            packed: false,
            parameter_gradients: vec![0.0; if plan.trains() { parameters } else { 0 }],
            batch: 0,
            kept: KeptBatch::None,
            plan,
        })
    }

    /// The shards that have samples.
    fn used(&self) -> usize {
        self.batch.div_ceil(SAMPLES_PER_SHARD)
    }

    /// A batch of `n` samples of a data set at `index`; `augmentations` are theirs, or none.
    fn source<'a>(
        &self,
        dataset: DatasetRef<'a>,
        index: &'a (dyn Fn(usize) -> usize + Sync),
        n: usize,
        augmentations: &'a [Augmentation],
    ) -> BatchSource<'a> {
        let (graph, input) = (self.plan.graph(), self.plan.graph().input());
        let input = (self.plan.slot(input).0, graph.node(input).shape);
        BatchSource { dataset, index, n, augmentations, input }
    }

    /// Copies the samples of a batch into the shards. This and the following functions fork, and are
    /// called on the pool.
    fn gather(&mut self, source: BatchSource<'_>) {
        assert_may_fork();
        self.batch = source.n;
        let used = self.used();
        self.shards[..used].par_iter_mut().for_each(|shard| shard.gather(source));
    }

    /// Forward of a gathered batch. Returns its metrics, with the penalty.
    fn forward(&mut self, mode: Mode) -> StepMetrics {
        self.pack_weights();
        self.run(mode, |phases| &phases.forward);
        self.metrics(penalty(self.plan.graph(), &self.state.parameters))
    }

    /// Forward alone of all samples of `source`, which fill whole batches; nothing of them is kept.
    /// Fills their `probabilities` and returns the metrics of each batch, with the penalty.
    fn evaluate_batches(
        &mut self,
        source: BatchSource<'_>,
        probabilities: &mut [f32],
    ) -> Vec<StepMetrics> {
        self.pack_weights();
        let threads = self.pool.current_num_threads();
        let Self { plan, nodes, phases, shards, state, .. } = self;
        let (graph, parameters) = (plan.graph(), &state.parameters);
        for step in phases.forward.iter().filter_map(Segment::reduction) {
            reduce(nodes, step, 0, parameters, Mode::Inference, &mut []);
        }
        let output = (plan.slot(graph.output()).0, graph.classes());
        let evaluation = Evaluation { nodes, phases, parameters, batch: plan.batch(), output };
        let losses = evaluation.run(source, &mut shards[..threads], probabilities);
        let penalty = penalty(graph, parameters);
        let batches = losses.chunk_by(|(one, _), (next, _)| one == next);
        let metrics = |losses: &[(usize, ShardLoss)]| {
            metrics(plan.batch(), penalty, losses.iter().map(|(_, loss)| *loss))
        };
        batches.map(metrics).collect()
    }

    /// Forward and backward of a batch. Returns its metrics and leaves its gradients, of parameters
    /// before the sum over the shards. `keep` says whether tensors may be read afterwards.
    fn forward_backward(&mut self, source: BatchSource<'_>, mode: Mode, keep: bool) -> StepMetrics {
        self.pack_weights();
        let penalty = if let (Some(streaming), false) = (&self.streaming, keep) {
            self.batch = source.n;
            let used = self.used();
            let Self { plan, nodes, phases, shards, state, .. } = self;
            let (shards, parameters) = (&mut shards[..used], &state.parameters);
            let stream =
                || streaming.forward_backward(nodes, phases, shards, source, parameters, mode);
            assert_may_fork();
            rayon::join(stream, || penalty(plan.graph(), parameters)).1
        } else {
            self.gather(source);
            self.run(mode, |phases| &phases.forward_backward);
            penalty(self.plan.graph(), &self.state.parameters)
        };
        self.metrics(penalty)
    }

    /// The gradients of all parameters and the optimiser's step.
    fn update(&mut self, numbers: Numbers, clip_norm: Option<f64>) {
        let Some(most) = clip_norm else { return self.update_nodes(Stage::Whole(numbers)) };
        self.update_nodes(Stage::Gradients);
        // Those of what is not trained are 0.
        let factor = factor(&self.parameter_gradients, most);
        self.update_nodes(Stage::Step(numbers, factor));
    }

    fn update_nodes(&mut self, stage: Stage) {
        assert_may_fork();
        let used = self.used();
        let Self { nodes, shards, state, parameter_gradients, .. } = self;
        let shards = &shards[..used];
        let slices = param_slices(nodes, parameter_gradients, state);
        let nodes = nodes.par_iter_mut().zip(slices);
        nodes.for_each(|(node, slice)| node.update(shards, slice, stage));
    }

    /// All shards through some segments.
    fn run(&mut self, mode: Mode, segments: impl Fn(&Phases) -> &Vec<Segment>) {
        assert_may_fork();
        let used = self.used();
        let Self { nodes, phases, shards, state, parameter_gradients, .. } = self;
        let (shards, parameters) = (&mut shards[..used], &state.parameters);
        for segment in segments(phases) {
            shards.par_iter_mut().for_each(|shard| {
                in_shard(|| {
                    for step in &segment.steps {
                        phases::run(nodes, *step, shard, parameters, mode);
                    }
                });
            });
            if let Some(step) = segment.reduction() {
                reduce(nodes, step, used, parameters, mode, parameter_gradients);
            }
        }
    }

    /// Metrics of the last batch, with the penalty.
    fn metrics(&self, penalty: f64) -> StepMetrics {
        let shards = &self.shards[..self.used()];
        metrics(self.batch, penalty, shards.iter().map(|shard| shard.loss))
    }

    /// Packs the weights, if they are not those of the last step.
    fn pack_weights(&mut self) {
        if !self.packed {
            assert_may_fork();
            let parameters = &self.state.parameters;
            self.nodes.par_iter_mut().for_each(|node| node.pack_weights(parameters));
            self.packed = true;
        }
    }
}

/// Metrics of a batch of `n` samples, of its shards in order.
fn metrics(n: usize, penalty: f64, losses: impl Iterator<Item = ShardLoss>) -> StepMetrics {
    let mut metrics = StepMetrics { samples: n as u64, loss: penalty * n as f64, correct: 0 };
    for loss in losses {
        metrics.loss += loss.sum;
        metrics.correct += loss.correct;
    }
    metrics
}

/// The slice of each node, which lie one behind the other.
fn param_slices<'a>(
    nodes: &[Node],
    gradients: &'a mut [f32],
    state: &'a mut State,
) -> Vec<ParamSlice<'a>> {
    let State { parameters, velocity, second_moment } = state;
    let mut rest = ParamSlice { gradients, parameters, velocity, second_moment };
    let mut slices = Vec::with_capacity(nodes.len());
    for node in nodes {
        let (slice, behind) = rest.split_at(node.parameters.len());
        slices.push(slice);
        rest = behind;
    }
    slices
}

/// Combines what a step has measured of the first `shards`.
fn reduce(
    nodes: &mut [Node],
    (i, action): Step,
    shards: usize,
    parameters: &[f32],
    mode: Mode,
    gradients: &mut [f32],
) {
    match action {
        Action::MeasureForward => nodes[i].reduce_forward(shards, parameters, mode),
        Action::MeasureBackward => nodes[i].reduce_backward(shards, gradients),
        Action::Forward | Action::Backward => {}
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
        dataset: DatasetRef<'_>,
        batches: &Batches<'_>,
        optimizer: Optimizer,
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        self.plan.check_trains()?;
        batches.check(&self.plan, dataset)?;
        self.state.fit_to(&optimizer);
        let size = self.plan.batch();
        let count = batches.order.len().div_ceil(size);
        let mut steps = Vec::with_capacity(count);
        let mut sum = StepMetrics::default();
        let pool = Arc::clone(&self.pool);
        for (i, batch) in batches.order.chunks(size).enumerate() {
            let is_last = i + 1 == count;
            let augmentations = batches.augmentations.get(i * size..).unwrap_or_default();
            let step = batches.first_step.wrapping_add(i as u32);
            let mode = Mode::Training { seed: batches.seed, step };
            let numbers = optimizer.numbers(batches.rate(i, &optimizer), step);
            let metrics = pool.install(|| {
                let index = |k: usize| batch[k] as usize;
                let source = self.source(dataset, &index, batch.len(), augmentations);
                let metrics = self.forward_backward(source, mode, is_last);
                self.update(numbers, optimizer.clip_norm);
                metrics
            });
            self.kept = match is_last {
                true => KeptBatch::Kept { samples: batch.len(), gradients: true },
                false => KeptBatch::Interrupted,
            };
            steps.push(metrics);
            sum += metrics;
            if observe(StepsDone { samples: sum.samples, metrics: Some(sum), slow_step: None })
                .is_break()
            {
                break;
            }
        }
        Ok(steps)
    }

    fn evaluate(
        &mut self,
        dataset: DatasetRef<'_>,
        probabilities: &mut Vec<f32>,
    ) -> Result<Vec<StepMetrics>> {
        let samples = dataset.checked_order(&self.plan)?.len();
        let classes = self.plan.graph().classes();
        probabilities.clear();
        probabilities.resize(samples * classes, 0.0);
        let Some(before) = samples.checked_sub(1) else { return Ok(Vec::new()) };
        let size = self.plan.batch();
        // The last batch is computed in buffers of its own, which keep all tensors.
        let last = before / size * size;
        let (rows, last_rows) = probabilities.split_at_mut(last * classes);
        let pool = Arc::clone(&self.pool);
        let steps = pool.install(|| {
            let mut steps = self.evaluate_batches(self.source(dataset, &|k| k, last, &[]), rows);
            let n = samples - last;
            self.gather(self.source(dataset, &|k| last + k, n, &[]));
            steps.push(self.forward(Mode::Inference));
            steps
        });
        self.kept = KeptBatch::Kept { samples: samples - last, gradients: false };
        let output = self.plan.slot(self.plan.graph().output()).0;
        let shards = last_rows.chunks_mut(SAMPLES_PER_SHARD * classes).zip(&self.shards);
        shards.for_each(|(rows, shard)| rows.copy_from_slice(&shard.values[output][..rows.len()]));
        Ok(steps)
    }

    fn logit_gradients(&mut self, dataset: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
        self.plan.check_trains()?;
        check_batch(&self.plan, dataset, batch)?;
        let pool = Arc::clone(&self.pool);
        pool.install(|| {
            let index = |k: usize| batch[k] as usize;
            let source = self.source(dataset, &index, batch.len(), &[]);
            self.forward_backward(source, Mode::LogitGradients, true);
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
        self.state.second_moment.clone_from(&state.second_moment);
        self.packed = false;
        Ok(())
    }

    fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
        self.kept.samples(&self.plan, node, what)?;
        let (slot, len) = (self.plan.slot(node).0, self.plan.graph().node(node).shape.len());
        let mut tensor = Vec::with_capacity(self.batch * len);
        for shard in &self.shards[..self.used()] {
            let buffer = match what {
                Tensor::Value => &shard.values[slot],
                Tensor::Gradient => &shard.gradients[slot],
            };
            tensor.extend_from_slice(&buffer[..buffer.len().min(shard.labels.len() * len)]);
        }
        Ok(tensor)
    }

    fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
        self.plan.check_trains()?;
        Ok(self.parameter_gradients.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Activation, Graph, Op, Padding, Shape};

    /// Convolutions with a fused pooling, by columns and by Winograd, one without, and a dense layer.
    fn graph() -> Graph {
        let conv = |filters, kernel| Op::Conv2d {
            filters,
            kernel,
            strides: [1, 1],
            padding: Padding::Same,
            bias: true,
            activation: Activation::Relu,
        };
        let pool = Op::MaxPool2d { window: [2, 2] };
        let dense = Op::Dense { units: 3, bias: true, activation: Activation::Linear, l2: 0.0 };
        let mut graph = Graph::new("test", Shape::Map { h: 4, w: 6, c: 1 });
        let mut last = graph.input();
        for (name, op) in [
            ("first", conv(4, [3, 3])),
            ("first pool", pool),
            ("second", conv(3, [3, 5])),
            ("second pool", pool),
            ("third", conv(2, [3, 3])),
            ("flat", Op::Flatten),
            ("dense", dense),
            ("softmax", Op::Softmax),
        ] {
            last = graph.push(name, op, &[last]).unwrap();
        }
        graph
    }

    #[test]
    fn what_a_sample_gives_depends_neither_on_its_batch_nor_on_threads() {
        let x: Vec<f32> = (0..11 * 24).map(|i| (i * 37 % 101) as f32 / 25.0 - 2.0).collect();
        let y = [0, 1, 2, 0, 1, 2, 2, 1, 0, 1, 0];
        let data = DatasetRef::new(&x, &y);
        let weights = (0..graph().parameter_count()).map(|i| (i % 7) as f32 * 0.1 - 0.3).collect();
        let state = State::new(weights);
        let mut first: Option<(Vec<f32>, StepMetrics)> = None;
        for (batch, threads) in [(11, 1), (11, 3), (4, 1), (4, 2), (3, 3), (1, 2)] {
            for plan in [Plan::new(graph(), batch), Plan::for_inference(graph(), batch)] {
                let mut cpu = Cpu::new(plan.unwrap(), threads).unwrap();
                cpu.set_state(&state).unwrap();
                let mut probabilities = vec![7.0];
                let steps = cpu.evaluate(data, &mut probabilities).unwrap();
                let sizes: Vec<u64> = steps.iter().map(|step| step.samples).collect();
                assert_eq!(sizes.iter().sum::<u64>(), 11);
                assert!(sizes[..sizes.len() - 1].iter().all(|n| *n == batch as u64));
                let sum: StepMetrics = steps.into_iter().sum();
                let kept = cpu.tensor(cpu.plan().graph().output(), Tensor::Value).unwrap();
                assert_eq!(kept, probabilities[probabilities.len() - kept.len()..]);
                let (expected, metrics) = first.get_or_insert((probabilities.clone(), sum));
                assert_eq!(probabilities, *expected, "batches of {batch}, {threads} threads");
                assert_eq!(sum.correct, metrics.correct);
                assert!((sum.loss - metrics.loss).abs() < 1e-12);
            }
        }
        let mut cpu = Cpu::new(Plan::new(graph(), 4).unwrap(), 2).unwrap();
        let mut none = vec![7.0];
        assert!(cpu.evaluate(DatasetRef::new(&[], &[]), &mut none).unwrap().is_empty());
        assert!(none.is_empty());
    }

    #[test]
    fn a_plan_for_inference_has_no_gradients_and_evaluates_alike() {
        let (x, y) = (vec![0.25; 5 * 24], [0, 1, 2, 0, 1]);
        let data = DatasetRef::new(&x, &y);
        let weights = (0..graph().parameter_count()).map(|i| (i % 7) as f32 * 0.1 - 0.3).collect();
        let state = State::new(weights);
        let mut training = Cpu::new(Plan::new(graph(), 4).unwrap(), 2).unwrap();
        let mut inference = Cpu::new(Plan::for_inference(graph(), 4).unwrap(), 2).unwrap();
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for (cpu, probabilities) in [(&mut training, &mut expected), (&mut inference, &mut found)] {
            cpu.set_state(&state).unwrap();
            cpu.evaluate(data, probabilities).unwrap();
        }
        assert_eq!(found, expected);

        let gradients =
            |cpu: &Cpu| cpu.shards.iter().flat_map(|s| &s.gradients).map(Vec::len).sum::<usize>();
        assert!(gradients(&training) > 0 && training.streaming.is_some());
        assert_eq!(gradients(&inference), 0);
        assert!(inference.streaming.is_none() && inference.parameter_gradients.is_empty());
        let plain = Optimizer::sgd(0.1);
        let order = Batches::plain(&[0, 1]);
        assert!(inference.train_step(data, &order, plain).is_err());
        assert!(inference.logit_gradients(data, &[0]).is_err());
        assert!(inference.parameter_gradients().is_err());
        assert!(training.train_step(data, &order, plain).is_ok());
    }
}
