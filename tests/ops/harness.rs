//! Runs the cases of an op on an implementation and compares what came out, property by property.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use genre_gpu::backend::{Batches, DatasetRef, Sgd, State, StepMetrics};
use genre_gpu::graph::{Graph, NodeId, Op, Parameter, Role, Shape};

use crate::common::backend::{self, Device, Implementation, Tensors, batches, rows};
use crate::common::cases::{self, Case};
use crate::common::close::{assert_close, assert_close_with_nans};
use crate::common::naive::{self, Mode, batch_norm};
use crate::common::plan;

const STILL: Sgd = Sgd::plain(0.0);

/// The cases of one op, and what has been computed of them in this process.
pub struct Suite {
    /// The op's name, as [`Op::name`] gives it.
    op: &'static str,
    make: fn() -> Vec<Case>,
    cases: OnceLock<Vec<Prepared>>,
    results: [OnceLock<Option<Vec<Recorded>>>; Implementation::ALL.len()],
}

/// A case with its samples and what the reference makes of its training steps.
pub struct Prepared {
    pub case: Case,
    x: Vec<f32>,
    y: Vec<u32>,
    parameters: Vec<f32>,
    /// Two whole batches, then a partial one over what they left in the buffers.
    batches: [Vec<u32>; 3],
    expected: [naive::Pass; 3],
}

/// What an implementation computed of a case.
pub struct Recorded {
    steps: Vec<Step>,
    evaluation: Evaluation,
    /// Logit gradients of a whole batch and of a partial one.
    explanations: Vec<Explanation>,
    pub kernels: Vec<&'static str>,
}

struct Step {
    metrics: StepMetrics,
    tensors: Tensors,
    before: Vec<f32>,
    after: Vec<f32>,
    parameter_gradients: Vec<f32>,
}

struct Evaluation {
    parameters: Vec<f32>,
    metrics: StepMetrics,
    probabilities: Vec<f32>,
}

struct Explanation {
    batch: Vec<u32>,
    tensors: Tensors,
    before: State,
    after: State,
}

impl Suite {
    pub const fn new(op: &'static str, make: fn() -> Vec<Case>) -> Self {
        let results = [const { OnceLock::new() }; Implementation::ALL.len()];
        Self { op, make, cases: OnceLock::new(), results }
    }

    pub fn cases(&self) -> &[Prepared] {
        self.cases.get_or_init(|| (self.make)().into_iter().map(Prepared::new).collect())
    }

    /// One entry for each case; `None` where there is no such implementation.
    pub fn results(&self, implementation: Implementation) -> Option<&[Recorded]> {
        let record = || {
            let cases = self.cases().iter();
            cases.map(|case| Some(record(case, implementation.open(case.plan())?))).collect()
        };
        self.results[implementation as usize].get_or_init(record).as_deref()
    }

    fn pairs(&self, on: Implementation) -> impl Iterator<Item = (&Prepared, &Recorded)> {
        self.cases().iter().zip(self.results(on).unwrap_or_default())
    }

    /// Whether a parameter belongs to the op that this suite is of.
    fn owns(&self, graph: &Graph, parameter: &Parameter) -> bool {
        graph.node(parameter.node).op.name() == self.op
    }
}

impl Prepared {
    fn new(case: Case) -> Self {
        let (x, y, parameters) = cases::fill(&case, 2 * case.batch);
        let all: Vec<u32> = (0..2 * case.batch as u32).rev().collect();
        let batches =
            [&all[..case.batch], &all[case.batch..], &all[1..=case.partial]].map(<[u32]>::to_vec);
        let tensors = naive::widen(&case.graph, &parameters);
        let expected = batches.each_ref().map(|batch| {
            let (x, y) = rows(DatasetRef::new(&x, &y), batch);
            naive::pass(&case.graph, &tensors, &x, &y)
        });
        Self { case, x, y, parameters, batches, expected }
    }

    fn plan(&self) -> genre_gpu::plan::Plan {
        plan::of(&self.case.graph, self.case.batch)
    }

    fn samples(&self) -> DatasetRef<'_> {
        DatasetRef::new(&self.x, &self.y)
    }
}

fn record(prepared: &Prepared, mut device: Device) -> Recorded {
    let samples = prepared.samples();
    device.set_parameters(&prepared.parameters);
    let mut steps = Vec::new();
    for batch in &prepared.batches {
        steps.push(take_step(&mut device, samples, batch));
    }
    let parameters = device.parameters();
    let (metrics, probabilities) = backend::evaluate(device.backend(), samples);
    let evaluation = Evaluation { parameters, metrics, probabilities };
    let mut explanations = Vec::new();
    for batch in [&prepared.batches[0], &prepared.batches[2]] {
        device.poison();
        let before = device.backend().state().unwrap();
        device.backend().logit_gradients(samples, batch).unwrap();
        let tensors = device.tensors();
        let after = device.backend().state().unwrap();
        explanations.push(Explanation { batch: batch.clone(), tensors, before, after });
    }
    Recorded { steps, evaluation, explanations, kernels: device.kernels() }
}

fn take_step(device: &mut Device, samples: DatasetRef<'_>, batch: &[u32]) -> Step {
    device.poison();
    let before = device.parameters();
    let metrics = device.backend().train_step(samples, &batches(batch), STILL).unwrap();
    let tensors = device.tensors();
    let after = device.parameters();
    let parameter_gradients = device.backend().parameter_gradients().unwrap();
    Step { metrics, tensors, before, after, parameter_gradients }
}

/// The steps with whole batches, and the results of the reference.
fn whole<'a>(
    prepared: &'a Prepared,
    recorded: &'a Recorded,
) -> impl Iterator<Item = (&'a Step, &'a naive::Pass)> {
    recorded.steps.iter().zip(&prepared.expected).take(2)
}

pub fn forward(suite: &Suite, on: Implementation) {
    for (prepared, recorded) in suite.pairs(on) {
        for (step, want) in whole(prepared, recorded) {
            compare_outputs(&prepared.case, prepared.case.batch, step, want);
        }
    }
}

pub fn backward_input(suite: &Suite, on: Implementation) {
    for (prepared, recorded) in suite.pairs(on) {
        for (step, want) in whole(prepared, recorded) {
            compare_gradients(&prepared.case, prepared.case.batch, step, want);
            let others = |p: &Parameter| !suite.owns(&prepared.case.graph, p);
            compare_weight_gradients(&prepared.case, step, want, &others);
            compare_update(&prepared.case, step, want, &others);
        }
    }
}

pub fn backward_weight(suite: &Suite, on: Implementation) {
    for (prepared, recorded) in suite.pairs(on) {
        for (step, want) in whole(prepared, recorded) {
            let own = |p: &Parameter| suite.owns(&prepared.case.graph, p);
            compare_weight_gradients(&prepared.case, step, want, &own);
        }
    }
}

pub fn update(suite: &Suite, on: Implementation) {
    for (prepared, recorded) in suite.pairs(on) {
        for (step, want) in whole(prepared, recorded) {
            let own = |p: &Parameter| suite.owns(&prepared.case.graph, p);
            compare_update(&prepared.case, step, want, &own);
        }
    }
}

pub fn evaluate(suite: &Suite, on: Implementation) {
    for (prepared, recorded) in suite.pairs(on) {
        let (case, got) = (&prepared.case, &recorded.evaluation);
        let parameters = naive::widen(&case.graph, &got.parameters);
        let x: Vec<f64> = prepared.x.iter().map(|&v| f64::from(v)).collect();
        let want = naive::pass_in(Mode::Evaluate, &case.graph, &parameters, &x, &prepared.y);
        let loss = got.metrics.loss / prepared.y.len() as f64;
        assert!((loss - want.loss).abs() < 2e-6, "{}: loss {loss}, want {}", case.name, want.loss);
        assert_eq!(got.metrics.samples, prepared.y.len() as u64, "{}", case.name);
        let extents = [prepared.y.len(), case.graph.classes()];
        let name = format!("{}, evaluated", case.name);
        let values = want.values.last().unwrap();
        assert_close(&name, &extents, &got.probabilities, values, 2e-6, 2e-6);
    }
}

pub fn logit_gradients(suite: &Suite, on: Implementation) {
    for (prepared, recorded) in suite.pairs(on) {
        compare_explanation(prepared, &recorded.explanations[0]);
    }
}

pub fn partial_batch(suite: &Suite, on: Implementation) {
    for (prepared, recorded) in suite.pairs(on) {
        let (case, step, want) = (&prepared.case, &recorded.steps[2], &prepared.expected[2]);
        compare_outputs(case, case.partial, step, want);
        compare_gradients(case, case.partial, step, want);
        compare_weight_gradients(case, step, want, &|_| true);
        compare_update(case, step, want, &|_| true);
        compare_explanation(prepared, &recorded.explanations[1]);
    }
}

/// A whole batch and a partial one of a case of its own.
pub fn sums(case: &Case, on: Implementation) {
    let Some(mut device) = on.open(plan::of(&case.graph, case.batch)) else { return };
    let (x, y, parameters) = cases::fill(case, case.batch);
    let order: Vec<u32> = (0..case.batch as u32).collect();
    device.set_parameters(&parameters);
    for batch in [&order[..], &order[..case.partial]] {
        let step = take_step(&mut device, DatasetRef::new(&x, &y), batch);
        let (x, y) = rows(DatasetRef::new(&x, &y), batch);
        let want = naive::pass(&case.graph, &naive::widen(&case.graph, &parameters), &x, &y);
        compare_outputs(case, batch.len(), &step, &want);
        compare_gradients(case, batch.len(), &step, &want);
        compare_weight_gradients(case, &step, &want, &|_| true);
        compare_update(case, &step, &want, &|_| true);
    }
}

/// Steps whose tensors nobody reads use other buffers.
pub fn many_steps(suite: &Suite, on: Implementation) {
    for prepared in suite.cases() {
        let case = &prepared.case;
        let (x, y, parameters) = cases::fill(case, 2 * case.batch + 1);
        let samples = DatasetRef::new(&x, &y);
        let order: Vec<u32> = (0..2 * case.batch as u32 + 1).rev().collect();
        let open = || {
            let mut device = on.open(prepared.plan())?;
            device.set_parameters(&parameters);
            Some(device)
        };
        let (Some(mut one), Some(mut each)) = (open(), open()) else { return };
        let (one, each) = (one.backend(), each.backend());
        let mut watch = |_| ControlFlow::Continue(());
        let all = one.train(samples, &Batches::plain(&order), Sgd::plain(0.1), &mut watch).unwrap();
        for (step, (batch, metrics)) in order.chunks(case.batch).zip(all).enumerate() {
            let batches = Batches { first_step: step as u32, ..Batches::plain(batch) };
            assert_eq!(each.train_step(samples, &batches, Sgd::plain(0.1)).unwrap(), metrics);
        }
        assert_eq!(one.state().unwrap(), each.state().unwrap(), "{}", case.name);
    }
}

/// `n` samples and a sample's extents.
fn extents(n: usize, shape: Shape) -> Vec<usize> {
    match shape {
        Shape::Map { h, w, c } => vec![n, h, w, c],
        Shape::Flat(len) => vec![n, len],
    }
}

/// The nodes with a tensor that the device keeps: name, extents, index, the tensor.
fn kept<'a>(
    case: &'a Case,
    n: usize,
    tensors: &'a [Option<Vec<f32>>],
) -> impl Iterator<Item = (NodeId, String, Vec<usize>, &'a [f32])> {
    case.graph.ids().filter_map(move |id| {
        let node = case.graph.node(id);
        let name = format!("{}, {} (batch of {n})", case.name, node.name);
        Some((id, name, extents(n, node.shape), tensors[id.index()].as_deref()?))
    })
}

/// Of a batch of `n`, as all that follow.
fn compare_outputs(case: &Case, n: usize, step: &Step, want: &naive::Pass) {
    assert_eq!(step.metrics.samples, n as u64, "{}", case.name);
    assert_eq!(step.metrics.correct, want.correct as u64, "{}", case.name);
    let loss = step.metrics.loss / n as f64;
    assert!((loss - want.loss).abs() < 1e-6, "{}: loss {loss}, want {}", case.name, want.loss);
    for (id, name, extents, value) in kept(case, n, &step.tensors.values) {
        assert_close(&name, &extents, value, &want.values[id.index()], 2e-6, 2e-6);
    }
}

fn compare_gradients(case: &Case, n: usize, step: &Step, want: &naive::Pass) {
    let plan = plan::of(&case.graph, case.batch);
    for (id, name, extents, gradient) in kept(case, n, &step.tensors.gradients) {
        let planned = plan::has_gradient(&plan, id);
        assert_eq!(planned, !gradient.is_empty(), "{name}: is its gradient computed?");
        // A view shares its input's buffer, which is compared under the input's name.
        if planned && !case.graph.node(id).op.is_view() {
            let name = format!("gradient of {name}");
            assert_close(&name, &extents, gradient, &want.gradients[id.index()], 1e-6, 2e-6);
        }
    }
}

fn compare_weight_gradients(
    case: &Case,
    step: &Step,
    want: &naive::Pass,
    wanted: &dyn Fn(&Parameter) -> bool,
) {
    let parameters = case.graph.parameters().iter().zip(&want.parameter_gradients);
    for (p, want) in parameters.filter(|(p, _)| wanted(p)) {
        let name = format!("{}: gradient of {}", case.name, p.name);
        assert_close(&name, &p.shape, &step.parameter_gradients[p.range()], want, 2e-6, 5e-6);
    }
}

/// A step with a learning rate of 0 leaves all parameters as they are, but for moving statistics.
fn compare_update(
    case: &Case,
    step: &Step,
    want: &naive::Pass,
    wanted: &dyn Fn(&Parameter) -> bool,
) {
    for p in case.graph.parameters().iter().filter(|p| wanted(p)) {
        let (old, new) = (&step.before[p.range()], &step.after[p.range()]);
        if p.role.is_trainable() {
            assert_eq!(old, new, "{}: a rate of 0 moves {}", case.name, p.name);
            continue;
        }
        let Op::BatchNorm { momentum, .. } = case.graph.node(p.node).op else { panic!() };
        let (_, mean, variance) = want.moments.iter().find(|(id, ..)| *id == p.node).unwrap();
        let batch = if p.role == Role::MovingMean { mean } else { variance };
        let old: Vec<f64> = old.iter().map(|&v| f64::from(v)).collect();
        let want = batch_norm::moved(momentum, &old, batch);
        assert_close(&format!("{}: {}", case.name, p.name), &p.shape, new, &want, 1e-6, 2e-6);
    }
}

/// The gradients of the logit of each sample's label in inference mode; the state stays as it is.
fn compare_explanation(prepared: &Prepared, got: &Explanation) {
    let case = &prepared.case;
    let (x, y) = rows(prepared.samples(), &got.batch);
    let parameters = naive::widen(&case.graph, &got.before.parameters);
    let want = naive::pass_in(Mode::Evaluate, &case.graph, &parameters, &x, &y);
    for (id, name, extents, value) in kept(case, y.len(), &got.tensors.values) {
        let name = format!("{name}, logit gradients");
        assert_close(&name, &extents, value, &want.values[id.index()], 2e-6, 2e-6);
    }
    for (id, name, extents, gradient) in kept(case, y.len(), &got.tensors.gradients) {
        if !gradient.is_empty() && !case.graph.node(id).op.is_view() {
            let name = format!("logit gradient of {name}");
            assert_close(&name, &extents, gradient, &want.gradients[id.index()], 2e-6, 5e-6);
        }
    }
    assert_eq!(got.after, got.before, "{}: logit gradients change the state", case.name);
}

/// Finite differences of the reference: its gradients are the slopes of its own loss.
pub mod slopes {
    use super::*;

    /// Small, so that hardly any ReLU or maximum changes sides on the way.
    const STEP: f64 = 1e-7;

    fn slope(of: &dyn Fn(f64) -> f64) -> f64 {
        (of(STEP) - of(-STEP)) / (2.0 * STEP)
    }

    /// A few elements of a tensor; all where there are few.
    fn some(len: usize) -> impl Iterator<Item = usize> {
        (0..len).step_by(len.div_ceil(12))
    }

    fn moved(tensor: &[f64], i: usize, step: f64) -> Vec<f64> {
        let mut moved = tensor.to_vec();
        moved[i] += step;
        moved
    }

    /// A maximum has no slope where it ties.
    fn smooth(suite: &Suite) -> impl Iterator<Item = (&Case, Vec<f64>, Vec<u32>, Vec<Vec<f64>>)> {
        suite.cases().iter().filter(|prepared| !prepared.case.ties).map(|prepared| {
            let (x, y, parameters) = cases::fill(&prepared.case, prepared.case.partial);
            let x = x.iter().map(|&v| f64::from(v)).collect();
            (&prepared.case, x, y, naive::widen(&prepared.case.graph, &parameters))
        })
    }

    fn of_weights(suite: &Suite, own: bool) {
        for (case, x, y, parameters) in smooth(suite) {
            let pass = naive::pass(&case.graph, &parameters, &x, &y);
            for (t, p) in case.graph.parameters().iter().enumerate() {
                if suite.owns(&case.graph, p) != own {
                    continue;
                }
                for i in some(parameters[t].len()) {
                    let want = slope(&|step| {
                        let mut all = parameters.clone();
                        all[t] = moved(&all[t], i, step);
                        naive::pass(&case.graph, &all, &x, &y).loss
                    });
                    let got = pass.parameter_gradients[t][i];
                    let far = (got - want).abs();
                    assert!(far < 1e-6, "{}: {}[{i}]: {got} {want}", case.name, p.name);
                }
            }
        }
    }

    pub fn backward_weight(suite: &Suite) {
        of_weights(suite, true);
    }

    pub fn backward_input(suite: &Suite) {
        of_weights(suite, false);
        for (case, x, y, parameters) in smooth(suite) {
            let pass = naive::pass(&case.graph, &parameters, &x, &y);
            for i in some(x.len()) {
                let want = slope(&|step| {
                    naive::pass(&case.graph, &parameters, &moved(&x, i, step), &y).loss
                });
                let got = pass.gradients[0][i];
                assert!((got - want).abs() < 1e-6, "{}: input[{i}]: {got} {want}", case.name);
            }
        }
    }

    pub fn logit_gradients(suite: &Suite) {
        for (case, x, y, parameters) in smooth(suite) {
            let evaluate =
                |x: &[f64]| naive::pass_in(Mode::Evaluate, &case.graph, &parameters, x, &y);
            let logits_of_labels = |x: &[f64]| {
                let pass = evaluate(x);
                let logits = &pass.values[pass.values.len() - 2];
                let rows = logits.chunks(case.graph.classes()).zip(&y);
                rows.map(|(row, y)| row[*y as usize]).sum::<f64>()
            };
            let pass = evaluate(&x);
            for i in some(x.len()) {
                let want = slope(&|step| logits_of_labels(&moved(&x, i, step)));
                let got = pass.gradients[0][i];
                assert!((got - want).abs() < 2e-6, "{}: input[{i}]: {got} {want}", case.name);
            }
        }
    }
}

/// A NaN at each position of a pooling window: the pooled value is NaN, and the gradient goes to
/// the window's first NaN in row-major order.
pub mod nan {
    use super::*;

    /// Which gradients are compared.
    #[derive(Clone, Copy, PartialEq)]
    pub enum Compare {
        /// Logit gradients and those of training.
        All,
        /// Logit gradients: in training a NaN reaches the gradients by another way too, such as
        /// a product with 0.
        Logits,
        /// Logit gradients where the node's output is a number: a NaN there may reach the
        /// gradient by another way.
        LogitsAtNumbers,
        /// None: the derivative of a ReLU at a NaN is left open.
        None,
    }

    /// A case whose samples have NaNs. Values are compared in any case.
    pub struct Poisoned {
        pub case: Case,
        /// `[batch, h, w, c]`, one batch.
        pub x: Vec<f32>,
        pub gradients: Compare,
    }

    impl Poisoned {
        /// Puts NaNs into a case's samples. `window` is that of the pooling that follows, whose
        /// windows the sample is cut into; each window of each sample gets another set of
        /// positions: none, each one alone, each pair of neighbours, first and last, all. Enough
        /// samples for every set to be in every window, each channel with a set of its own.
        pub fn new(mut case: Case, [h, w, c]: [usize; 3], [k_h, k_w]: [usize; 2]) -> Self {
            let k = k_h * k_w;
            let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
            sets.extend((0..k).map(|i| vec![i]));
            sets.extend((1..k).map(|i| vec![i - 1, i]));
            sets.extend([vec![0, k - 1], (0..k).collect()]);
            case.batch = sets.len();
            let (mut x, ..) = cases::fill(&case, case.batch);
            for (i, v) in x.iter_mut().enumerate() {
                let (s, r, q, ch) = (i / (h * w * c), i / (w * c) % h, i / c % w, i % c);
                let window = r / k_h * (w / k_w).max(1) + q / k_w;
                let set = &sets[(s + window + 3 * ch) % sets.len()];
                if set.contains(&(r % k_h * k_w + q % k_w)) {
                    *v = f32::NAN;
                }
            }
            Self { case, x, gradients: Compare::All }
        }

        /// One NaN in each sample, at each position of the `[h, w]` map in turn.
        pub fn one_by_one(mut case: Case, [h, w]: [usize; 2]) -> Self {
            case.batch = h * w;
            let (mut x, ..) = cases::fill(&case, case.batch);
            (0..case.batch).for_each(|s| x[s * h * w + s] = f32::NAN);
            Self { case, x, gradients: Compare::Logits }
        }
    }

    pub fn check(poisoned: Vec<Poisoned>, on: Implementation) {
        for Poisoned { case, x, gradients } in poisoned {
            let Some(mut device) = on.open(plan::of(&case.graph, case.batch)) else { return };
            let (_, y, parameters) = cases::fill(&case, case.batch);
            let samples = DatasetRef::new(&x, &y);
            let order: Vec<u32> = (0..case.batch as u32).collect();
            let (wide, _) = rows(samples, &order);
            let tensors = naive::widen(&case.graph, &parameters);
            device.set_parameters(&parameters);
            device.poison();
            device.backend().logit_gradients(samples, &order).unwrap();
            let want = naive::pass_in(Mode::Evaluate, &case.graph, &tensors, &wide, &y);
            compare(&case, "logit gradients", &device.tensors(), &want, gradients);
            device.poison();
            device.backend().train_step(samples, &batches(&order), STILL).unwrap();
            let want = naive::pass(&case.graph, &tensors, &wide, &y);
            let gradients = if gradients == Compare::All { gradients } else { Compare::None };
            compare(&case, "training", &device.tensors(), &want, gradients);
        }
    }

    /// The nodes up to the poolings. With logit gradients, which do not depend on the inputs,
    /// every gradient is a number, and so its place is known; in training the gradients of a
    /// sample with a NaN are NaN where one arrives and 0 elsewhere.
    fn compare(case: &Case, what: &str, got: &Tensors, want: &naive::Pass, gradients: Compare) {
        let before_head = |id: &NodeId| matches!(case.graph.node(*id).shape, Shape::Map { .. });
        let mut pooled = 0;
        for (id, name, extents, value) in kept(case, case.batch, &got.values) {
            if before_head(&id) {
                let name = format!("{name}, {what}");
                let want = &want.values[id.index()];
                assert_close_with_nans(&name, &extents, value, want, 2e-6, 2e-6);
                pooled += usize::from(case.graph.node(id).op.name().contains("pool"));
            }
        }
        assert!(pooled > 0, "{}: no pooled value was compared", case.name);
        if gradients == Compare::None {
            return;
        }
        for (id, name, extents, gradient) in kept(case, case.batch, &got.gradients) {
            if before_head(&id) && !gradient.is_empty() {
                let name = format!("gradient of {name}, {what}");
                let values = &want.values[id.index()];
                let mut want = want.gradients[id.index()].clone();
                if gradients == Compare::LogitsAtNumbers {
                    for (i, want) in want.iter_mut().enumerate() {
                        if values[i].is_nan() && gradient[i].is_nan() {
                            *want = f64::NAN;
                        }
                    }
                }
                assert_close_with_nans(&name, &extents, gradient, &want, 2e-6, 5e-6);
            }
        }
    }
}

/// `on_all!(function, argument…)` makes a test of each implementation, which calls the function
/// with the arguments and the implementation.
macro_rules! on_all {
    ($check:path $(, $argument:expr)*) => {
        tests_on! {
            [
                cpu Cpu, gpu_plain GpuPlain, gpu_tiled GpuTiled, gpu_fused GpuFused,
                gpu_sparse GpuSparse, gpu_tiled_narrow GpuTiledNarrow,
                gpu_fused_narrow GpuFusedNarrow, gpu_fused_small GpuFusedSmall,
            ]
            $check $(, $argument)*
        }
    };
}

/// The same on the implementations that are named.
macro_rules! tests_on {
    ([$name:ident $implementation:ident, $($more:tt)*] $check:path $(, $argument:expr)*) => {
        #[test]
        fn $name() {
            $check($($argument,)* $crate::common::backend::Implementation::$implementation);
        }
        tests_on! { [$($more)*] $check $(, $argument)* }
    };
    ([] $check:path $(, $argument:expr)*) => {};
}

/// `op_tests!("conv2d", cases, [forward, …])` makes the op's `SUITE` and a test of each property
/// on each implementation, and of `many_steps` on the CPU.
macro_rules! op_tests {
    ($op:literal, $cases:path, [$($property:ident),* $(,)?]) => {
        pub static SUITE: $crate::harness::Suite = $crate::harness::Suite::new($op, $cases);
        $(mod $property {
            on_all! { $crate::harness::$property, &super::SUITE }
            slopes_test! { $property }
        })*
        mod many_steps {
            #[test]
            fn cpu() {
                let cpu = $crate::common::backend::Implementation::Cpu;
                $crate::harness::many_steps(&super::SUITE, cpu);
            }
        }
    };
}

/// Finite differences, for the properties that are gradients.
macro_rules! slopes_test {
    (backward_input) => {
        slopes_test! { @ backward_input }
    };
    (backward_weight) => {
        slopes_test! { @ backward_weight }
    };
    (logit_gradients) => {
        slopes_test! { @ logit_gradients }
    };
    (@ $property:ident) => {
        #[test]
        fn naive() {
            $crate::harness::slopes::$property(&super::SUITE);
        }
    };
    ($other:ident) => {};
}
