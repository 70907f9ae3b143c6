//! Runs the cases of an op on an implementation and compares what came out, property by property.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use genre_gpu::backend::{Batches, DatasetRef, Optimizer};
use genre_gpu::check::cases::nan::Poisoned;
use genre_gpu::check::{Comparison, Prepared, Stage, What, two_steps};
use genre_gpu::graph::{Graph, NodeId, Parameter};

use crate::common::backend::Implementation;
use crate::common::cases::{self, Case};
use crate::common::naive::{self, Mode, Pass};
use crate::common::plan;

/// The cases of one op, and what has been computed of them in this process.
pub struct Suite {
    /// The op's name, as [`genre_gpu::graph::Op::name`] gives it.
    op: &'static str,
    make: fn() -> Vec<Case>,
    cases: OnceLock<Vec<Prepared>>,
    results: [OnceLock<Option<Vec<Compared>>>; Implementation::ALL.len()],
}

/// What an implementation computed of a case, beside the reference.
pub struct Compared {
    comparisons: Vec<Comparison>,
    pub kernels: Vec<&'static str>,
}

impl Suite {
    pub const fn new(op: &'static str, make: fn() -> Vec<Case>) -> Self {
        let results = [const { OnceLock::new() }; Implementation::ALL.len()];
        Self { op, make, cases: OnceLock::new(), results }
    }

    pub fn cases(&self) -> &[Prepared] {
        self.cases.get_or_init(|| {
            (self.make)().into_iter().map(|case| Prepared::new(case).unwrap()).collect()
        })
    }

    /// One entry for each case; `None` where there is no such implementation.
    pub fn results(&self, implementation: Implementation) -> Option<&[Compared]> {
        let compare = |case: &Prepared| {
            let mut device = implementation.open(case.plan.clone())?;
            let recorded = case.record(&mut device, case.samples()).unwrap();
            Some(Compared { comparisons: case.compare(&recorded), kernels: device.kernels() })
        };
        let all = || self.cases().iter().map(compare).collect();
        self.results[implementation as usize].get_or_init(all).as_deref()
    }

    /// The comparisons of a stage, with whether a node is of the op that this suite is of.
    fn all_close(&self, on: Implementation, wanted: &dyn Fn(Stage, What, bool) -> bool) {
        let mut count = 0;
        for (case, compared) in self.cases().iter().zip(self.results(on).unwrap_or_default()) {
            let own = |what| self.is_own(&case.case.graph, what);
            let wanted = |c: &&Comparison| wanted(c.stage, c.what, own(c.what));
            let comparisons = compared.comparisons.iter().filter(wanted);
            count += comparisons.clone().count();
            all_close(comparisons);
        }
        assert!(count > 0 || self.results(on).is_none(), "{}: nothing was compared", self.op);
    }

    /// Whether a tensor is of the op that this suite is of.
    fn is_own(&self, graph: &Graph, what: What) -> bool {
        let is_own = |id: NodeId| graph.node(id).op.name() == self.op;
        match what {
            What::Value(id)
            | What::Gradient(id)
            | What::ParameterGradient(id, _)
            | What::Parameter(id, _)
            | What::Velocity(id, _) => is_own(id),
            What::Metrics | What::Probabilities | What::State => false,
        }
    }

    /// Whether a parameter belongs to the op that this suite is of.
    fn owns(&self, graph: &Graph, parameter: &Parameter) -> bool {
        graph.node(parameter.node).op.name() == self.op
    }
}

fn all_close<'a>(comparisons: impl Iterator<Item = &'a Comparison>) {
    for comparison in comparisons {
        if let Some(wrong) = &comparison.deviation.wrong {
            panic!("{wrong}");
        }
    }
}

pub fn forward(suite: &Suite, on: Implementation) {
    suite.all_close(on, &|stage, what, _| {
        stage == Stage::Step && matches!(what, What::Value(_) | What::Metrics)
    });
}

pub fn backward_input(suite: &Suite, on: Implementation) {
    suite.all_close(on, &|stage, what, own| {
        let others = matches!(what, What::ParameterGradient(..) | What::Parameter(..)) && !own;
        stage == Stage::Step && (others || matches!(what, What::Gradient(_)))
    });
}

pub fn backward_weight(suite: &Suite, on: Implementation) {
    suite.all_close(on, &|stage, what, own| {
        stage == Stage::Step && own && matches!(what, What::ParameterGradient(..))
    });
}

pub fn update(suite: &Suite, on: Implementation) {
    suite.all_close(on, &|stage, what, own| {
        stage == Stage::Step && own && matches!(what, What::Parameter(..))
    });
}

pub fn evaluate(suite: &Suite, on: Implementation) {
    suite.all_close(on, &|stage, _, _| stage == Stage::Evaluation);
}

pub fn logit_gradients(suite: &Suite, on: Implementation) {
    suite.all_close(on, &|stage, _, _| stage == Stage::Explanation);
}

pub fn partial_batch(suite: &Suite, on: Implementation) {
    suite.all_close(on, &|stage, _, _| {
        matches!(stage, Stage::PartialStep | Stage::PartialExplanation)
    });
}

/// A whole batch and a partial one of a case of its own.
pub fn sums(case: &Case, on: Implementation) {
    let Some(mut device) = on.open(plan::of(&case.graph, case.batch)) else { return };
    all_close(two_steps(case, &mut device).unwrap().iter());
}

/// Steps whose tensors nobody reads use other buffers.
pub fn many_steps(suite: &Suite, on: Implementation) {
    for prepared in suite.cases() {
        let case = &prepared.case;
        let (x, y, parameters) = cases::fill(case, 2 * case.batch + 1);
        let samples = DatasetRef::new(&x, &y);
        let order: Vec<u32> = (0..2 * case.batch as u32 + 1).rev().collect();
        let open = || {
            let mut device = on.open(prepared.plan.clone())?;
            device.set_parameters(&parameters).unwrap();
            Some(device)
        };
        let (Some(mut one), Some(mut each)) = (open(), open()) else { return };
        let (one, each) = (one.backend(), each.backend());
        let mut watch = |_| ControlFlow::Continue(());
        let all =
            one.train(samples, &Batches::plain(&order), Optimizer::sgd(0.1), &mut watch).unwrap();
        for (step, (batch, metrics)) in order.chunks(case.batch).zip(all).enumerate() {
            let batches = Batches { first_step: step as u32, ..Batches::plain(batch) };
            assert_eq!(each.train_step(samples, &batches, Optimizer::sgd(0.1)).unwrap(), metrics);
        }
        assert_eq!(one.state().unwrap(), each.state().unwrap(), "{}", case.name);
    }
}

/// Finite differences of the reference: its gradients are the slopes of its own loss.
pub mod slopes {
    use super::*;

    /// Small, so that hardly any ReLU or maximum changes sides on the way.
    const STEP: f64 = 1e-7;

    fn in_training(case: &Case, parameters: &[Vec<f64>], x: &[f64], y: &[u32]) -> Pass {
        naive::pass_of((Mode::Train, &case.loss), &case.graph, parameters, x, y)
    }

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
            let pass = in_training(case, &parameters, &x, &y);
            for (t, p) in case.graph.parameters().iter().enumerate() {
                if suite.owns(&case.graph, p) != own {
                    continue;
                }
                for i in some(parameters[t].len()) {
                    let want = slope(&|step| {
                        let mut all = parameters.clone();
                        all[t] = moved(&all[t], i, step);
                        in_training(case, &all, &x, &y).loss
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
            let pass = in_training(case, &parameters, &x, &y);
            for i in some(x.len()) {
                let want =
                    slope(&|step| in_training(case, &parameters, &moved(&x, i, step), &y).loss);
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
pub fn nans(poisoned: Vec<Poisoned>, on: Implementation) {
    for poisoned in poisoned {
        let graph = &poisoned.case.graph;
        let Some(mut device) = on.open(plan::of(graph, poisoned.case.batch)) else { return };
        let comparisons = poisoned.compare(&mut device).unwrap();
        let is_pooled = |c: &&Comparison| match c.what {
            What::Value(id) => graph.node(id).op.name().contains("pool"),
            _ => false,
        };
        let pooled = comparisons.iter().filter(is_pooled).count();
        assert!(pooled > 0, "{}: no pooled value was compared", poisoned.case.name);
        all_close(comparisons.iter());
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
