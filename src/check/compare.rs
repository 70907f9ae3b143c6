//! Compares what a device computed of a case with the reference, tensor by tensor.

use super::cases::Case;
use super::cases::nan::{Compare, Poisoned};
use super::deviation::{Deviation, Nans, Tolerance};
use super::opened::{Opened, Tensors};
use super::record::{Explanation, Prepared, Recorded, STILL, Step, batches, rows};
use crate::backend::DatasetRef;
use crate::error::Result;
use crate::graph::{NodeId, Parameter, Role, Shape};
use crate::naive::{self, Mode, Pass};
use crate::plan::Plan;

/// Of outputs, losses and moving statistics.
const VALUE: Tolerance = Tolerance { absolute: 2e-6, relative: 2e-6 };
/// Of a mean loss.
const LOSS: Tolerance = Tolerance { absolute: 1e-6, relative: 0.0 };
/// Of a mean loss in evaluation.
const EVALUATED: Tolerance = Tolerance { absolute: 2e-6, relative: 0.0 };
/// Of gradients of the loss at nodes.
const GRADIENT: Tolerance = Tolerance { absolute: 1e-6, relative: 2e-6 };
/// Of gradients of weights, and of those of logits at nodes.
const SUM: Tolerance = Tolerance { absolute: 2e-6, relative: 5e-6 };
/// Of moving statistics.
const MOVING: Tolerance = Tolerance { absolute: 1e-6, relative: 2e-6 };

/// What a tensor comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A training step with a whole batch.
    Step,
    /// A training step with a partial batch.
    PartialStep,
    /// An evaluation.
    Evaluation,
    /// Logit gradients of a whole batch.
    Explanation,
    /// Logit gradients of a partial batch.
    PartialExplanation,
}

impl Stage {
    fn explains(self) -> bool {
        match self {
            Self::Explanation | Self::PartialExplanation => true,
            Self::Step | Self::PartialStep | Self::Evaluation => false,
        }
    }
}

/// A tensor, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A node's output.
    Value(NodeId),
    /// The gradient at a node's output.
    Gradient(NodeId),
    /// A parameter's gradient.
    ParameterGradient(NodeId, Role),
    /// A parameter after a step that moves no weight: only moving statistics change.
    Parameter(NodeId, Role),
    /// A parameter's velocity after a step that moves weights.
    Velocity(NodeId, Role),
    /// Loss, and the number of correct predictions.
    Metrics,
    /// Probabilities of an evaluation.
    Probabilities,
    /// Weights and velocity, which logit gradients must not change.
    State,
}

/// A tensor beside the reference's.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Where it comes from.
    pub stage: Stage,
    /// What it is.
    pub what: What,
    /// How far it is from the reference.
    pub deviation: Deviation,
}

/// What the reference makes of a tensor, or of a number.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// What it is.
    pub(crate) what: What,
    /// For people.
    pub(crate) name: String,
    /// Outermost first.
    pub(crate) extents: Vec<usize>,
    pub(crate) values: Vec<f64>,
    pub(crate) tolerance: Tolerance,
}

impl Expected {
    /// Beside it what a device computed.
    pub(super) fn beside(&self, got: &[f32], nans: Nans) -> Deviation {
        Deviation::of(&self.name, &self.extents, got, &self.values, self.tolerance, nans)
    }
}

/// What is expected of each tensor, and how far from it a device may be: for a stage of so many
/// samples, of which the reference made `want`.
impl Case {
    /// A node's output.
    pub(crate) fn value(&self, (stage, n): (Stage, usize), id: NodeId, want: &Pass) -> Expected {
        let node = self.node_name(n, id);
        Expected {
            what: What::Value(id),
            name: if stage.explains() { format!("{node}, logit gradients") } else { node },
            extents: self.extents(n, id),
            values: want.values[id.index()].clone(),
            tolerance: VALUE,
        }
    }

    /// The gradient at a node's output.
    pub(crate) fn gradient(&self, (stage, n): (Stage, usize), id: NodeId, want: &Pass) -> Expected {
        let (of, tolerance) =
            if stage.explains() { ("logit gradient", SUM) } else { ("gradient", GRADIENT) };
        Expected {
            what: What::Gradient(id),
            name: format!("{of} of {}", self.node_name(n, id)),
            extents: self.extents(n, id),
            values: want.gradients[id.index()].clone(),
            tolerance,
        }
    }

    /// The gradients of all parameters.
    pub(crate) fn parameter_gradients(&self, want: &Pass) -> Vec<Expected> {
        let all = self.graph.parameters().iter().zip(&want.parameter_gradients);
        all.map(|(p, gradient)| Expected {
            what: What::ParameterGradient(p.node, p.role),
            name: format!("{}: gradient of {}", self.name, p.name),
            extents: p.shape.clone(),
            values: gradient.clone(),
            tolerance: SUM,
        })
        .collect()
    }

    /// A moving statistic after a training step, from that before it; `None` for any other parameter.
    pub(crate) fn moved(&self, p: &Parameter, before: &[f32], want: &Pass) -> Option<Expected> {
        let wide: Vec<f64> = before.iter().map(|&v| f64::from(v)).collect();
        Some(Expected {
            what: What::Parameter(p.node, p.role),
            name: format!("{}: {}", self.name, p.name),
            extents: p.shape.clone(),
            values: want.moved(&self.graph, p, &wide)?,
            tolerance: MOVING,
        })
    }

    /// The mean loss, as one number.
    pub(crate) fn mean_loss(&self, stage: Stage, want: &Pass) -> Expected {
        let (of, tolerance) = match stage {
            Stage::Evaluation => (", evaluated", EVALUATED),
            Stage::Step | Stage::PartialStep | Stage::Explanation | Stage::PartialExplanation => {
                ("", LOSS)
            }
        };
        Expected {
            what: What::Metrics,
            name: format!("{}{of}: loss", self.name),
            extents: vec![1],
            values: vec![want.loss],
            tolerance,
        }
    }

    /// The probabilities of an evaluation of `n` samples.
    pub(crate) fn probabilities(&self, n: usize, want: &Pass) -> Expected {
        Expected {
            what: What::Probabilities,
            name: format!("{}, evaluated", self.name),
            extents: vec![n, self.graph.classes()],
            values: want.values.last().cloned().unwrap_or_default(),
            tolerance: VALUE,
        }
    }

    fn node_name(&self, n: usize, id: NodeId) -> String {
        format!("{}, {} (batch of {n})", self.name, self.graph.node(id).name)
    }

    /// `n` samples and a node's extents.
    fn extents(&self, n: usize, id: NodeId) -> Vec<usize> {
        match self.graph.node(id).shape {
            Shape::Map { h, w, c } => vec![n, h, w, c],
            Shape::Flat(len) => vec![n, len],
        }
    }
}

impl Prepared {
    /// Every tensor of a record beside the reference's.
    pub fn compare(&self, got: &Recorded) -> Vec<Comparison> {
        let mut found =
            Comparisons { case: &self.case, plan: &self.plan, stage: Stage::Step, all: Vec::new() };
        for (i, (step, want)) in got.steps.iter().zip(&self.expected).enumerate() {
            found.stage = if i < 2 { Stage::Step } else { Stage::PartialStep };
            found.step(step, want);
        }
        self.compare_evaluation(got, &mut found);
        for (i, explanation) in got.explanations.iter().enumerate() {
            found.stage = if i == 0 { Stage::Explanation } else { Stage::PartialExplanation };
            found.explanation(self.samples(), explanation);
        }
        found.all
    }

    fn compare_evaluation(&self, got: &Recorded, found: &mut Comparisons<'_>) {
        let (graph, n) = (&self.case.graph, self.y.len());
        let parameters = naive::widen(graph, &got.evaluation.parameters);
        let x: Vec<f64> = self.x.iter().map(|&v| f64::from(v)).collect();
        let want =
            naive::pass_of((Mode::Evaluate, &self.case.loss), graph, &parameters, &x, &self.y);
        found.stage = Stage::Evaluation;
        let metrics = got.evaluation.metrics;
        found.number(&self.case.mean_loss(found.stage, &want), metrics.loss / n as f64);
        found.equal(What::Metrics, metrics.samples, n as u64, "samples");
        found.equal(What::Metrics, metrics.correct, want.correct as u64, "correct, evaluated");
        found.tensor(&self.case.probabilities(n, &want), &got.evaluation.probabilities);
    }
}

impl Poisoned {
    /// Logit gradients and a training step of samples with NaNs.
    ///
    /// # Errors
    /// If the device fails.
    pub fn compare(&self, device: &mut Opened) -> Result<Vec<Comparison>> {
        let Self { case, x, gradients } = self;
        let (_, y, parameters) = super::cases::fill(case, case.batch);
        let samples = DatasetRef::new(x, &y);
        let order: Vec<u32> = (0..case.batch as u32).collect();
        let (wide, _) = rows(samples, &order);
        let tensors = naive::widen(&case.graph, &parameters);
        device.set_parameters(&parameters)?;
        let plan = case.plan()?;
        let mut found =
            Comparisons { case, plan: &plan, stage: Stage::Explanation, all: Vec::new() };

        device.poison();
        device.backend().logit_gradients(samples, &order)?;
        let want = naive::pass_in(Mode::Evaluate, &case.graph, &tensors, &wide, &y);
        found.with_nans("logit gradients", &device.tensors()?, &want, *gradients);

        device.poison();
        device.backend().train_step(samples, &batches(&order), STILL)?;
        found.stage = Stage::Step;
        let want = naive::pass(&case.graph, &tensors, &wide, &y);
        let gradients = if *gradients == Compare::All { *gradients } else { Compare::None };
        found.with_nans("training", &device.tensors()?, &want, gradients);
        Ok(found.all)
    }
}

/// A step with a whole batch and one with a partial batch of a case, beside the reference.
///
/// # Errors
/// If the device fails.
pub fn two_steps(case: &Case, device: &mut Opened) -> Result<Vec<Comparison>> {
    let (x, y, parameters) = super::cases::fill(case, case.batch);
    let samples = DatasetRef::new(&x, &y);
    let order: Vec<u32> = (0..case.batch as u32).collect();
    device.set_parameters(&parameters)?;
    let plan = case.plan()?;
    let mut found = Comparisons { case, plan: &plan, stage: Stage::Step, all: Vec::new() };
    for (stage, batch) in [(Stage::Step, &order[..]), (Stage::PartialStep, &order[..case.partial])]
    {
        let step = Step::take(device, samples, batch)?;
        let (x, y) = rows(samples, batch);
        let want = naive::pass_of(
            (Mode::Train, &case.loss),
            &case.graph,
            &naive::widen(&case.graph, &parameters),
            &x,
            &y,
        );
        found.stage = stage;
        found.step(&step, &want);
    }
    Ok(found.all)
}

/// The comparisons of a case so far.
struct Comparisons<'a> {
    case: &'a Case,
    plan: &'a Plan,
    stage: Stage,
    all: Vec<Comparison>,
}

impl Comparisons<'_> {
    fn add(&mut self, what: What, deviation: Deviation) {
        self.all.push(Comparison { stage: self.stage, what, deviation });
    }

    fn equal(&mut self, what: What, got: u64, want: u64, name: &str) {
        let case = self.case.name;
        let otherwise = || format!("{case}: {name}: got {got}, want {want}");
        self.add(what, Deviation::of_equality(got == want, otherwise));
    }

    fn tensor(&mut self, expected: &Expected, got: &[f32]) {
        self.add(expected.what, expected.beside(got, Nans::Never));
    }

    fn number(&mut self, expected: &Expected, got: f64) {
        let Expected { what, name, values, tolerance, .. } = expected;
        for want in values {
            self.add(*what, Deviation::of_number(name, got, *want, *tolerance));
        }
    }

    /// The nodes with a tensor that the device keeps, and it.
    fn kept<'t>(&self, tensors: &'t [Option<Vec<f32>>]) -> Vec<(NodeId, &'t [f32])> {
        let kept = self.case.graph.ids().zip(tensors);
        kept.filter_map(|(id, tensor)| Some((id, tensor.as_deref()?))).collect()
    }

    fn step(&mut self, step: &Step, want: &Pass) {
        self.outputs(step, want);
        self.gradients(step, want);
        self.parameters(step, want);
    }

    fn outputs(&mut self, step: &Step, want: &Pass) {
        let (case, n) = (self.case, step.samples);
        self.equal(What::Metrics, step.metrics.samples, n as u64, "samples");
        self.equal(What::Metrics, step.metrics.correct, want.correct as u64, "correct");
        self.number(&case.mean_loss(self.stage, want), step.metrics.loss / n as f64);
        for (id, value) in self.kept(&step.tensors.values) {
            self.tensor(&case.value((self.stage, n), id, want), value);
        }
    }

    fn gradients(&mut self, step: &Step, want: &Pass) {
        let (case, n) = (self.case, step.samples);
        for (id, gradient) in self.kept(&step.tensors.gradients) {
            let planned = self.plan.has_gradient(self.plan.slot(id));
            let otherwise = || {
                format!(
                    "{}: a gradient is {}",
                    case.node_name(n, id),
                    if planned { "missing" } else { "computed, which nobody reads" }
                )
            };
            let equal = Deviation::of_equality(planned != gradient.is_empty(), otherwise);
            self.add(What::Gradient(id), equal);
            // A view shares its input's buffer, which is compared under the input's name.
            if planned && !case.graph.node(id).op.is_view() {
                self.tensor(&case.gradient((self.stage, n), id, want), gradient);
            }
        }
    }

    fn parameters(&mut self, step: &Step, want: &Pass) {
        let case = self.case;
        let gradients = case.parameter_gradients(want);
        for (p, expected) in case.graph.parameters().iter().zip(gradients) {
            self.tensor(&expected, &step.parameter_gradients[p.range()]);
            let (old, new) = (&step.before[p.range()], &step.after[p.range()]);
            let deviation = match (p.role.is_trainable(), case.moved(p, old, want)) {
                // A step with a rate of 0 leaves all weights as they are.
                (true, _) => Deviation::of_equality(old == new, || {
                    format!("{}: a rate of 0 moves {}", case.name, p.name)
                }),
                (false, Some(expected)) => expected.beside(new, Nans::Never),
                (false, None) => Deviation::of_equality(false, || {
                    format!("{}: {} has no reference", case.name, p.name)
                }),
            };
            self.add(What::Parameter(p.node, p.role), deviation);
        }
    }

    /// The gradients of the logit of each sample's label in inference mode; the state stays as it is.
    fn explanation(&mut self, samples: DatasetRef<'_>, got: &Explanation) {
        let case = self.case;
        let (x, y) = rows(samples, &got.batch);
        let parameters = naive::widen(&case.graph, &got.before.parameters);
        let want = naive::pass_of((Mode::Evaluate, &case.loss), &case.graph, &parameters, &x, &y);
        let stage = (self.stage, y.len());
        for (id, value) in self.kept(&got.tensors.values) {
            self.tensor(&case.value(stage, id, &want), value);
        }
        for (id, gradient) in self.kept(&got.tensors.gradients) {
            if !gradient.is_empty() && !case.graph.node(id).op.is_view() {
                self.tensor(&case.gradient(stage, id, &want), gradient);
            }
        }
        let otherwise = || format!("{}: logit gradients change the state", case.name);
        self.add(What::State, Deviation::of_equality(got.after == got.before, otherwise));
    }

    /// The nodes up to the poolings. With logit gradients, which do not depend on the inputs,
    /// every gradient is a number, and so its place is known; in training the gradients of a
    /// sample with a NaN are NaN where one arrives and 0 elsewhere.
    fn with_nans(&mut self, stage: &str, got: &Tensors, want: &Pass, gradients: Compare) {
        let case = self.case;
        let before_head = |id: NodeId| matches!(case.graph.node(id).shape, Shape::Map { .. });
        let at = (Stage::Step, case.batch);
        for (id, value) in self.kept(&got.values) {
            if before_head(id) {
                let expected = case.value(at, id, want);
                let expected = Expected { name: format!("{}, {stage}", expected.name), ..expected };
                self.add(What::Value(id), expected.beside(value, Nans::AsTheReference));
            }
        }
        if gradients == Compare::None {
            return;
        }
        for (id, gradient) in self.kept(&got.gradients) {
            if before_head(id) && !gradient.is_empty() {
                let expected = case.gradient(at, id, want);
                let name = format!("{}, {stage}", expected.name);
                let mut expected = Expected { name, tolerance: SUM, ..expected };
                let values = &want.values[id.index()];
                if gradients == Compare::LogitsAtNumbers {
                    for ((want, value), got) in expected.values.iter_mut().zip(values).zip(gradient)
                    {
                        if value.is_nan() && got.is_nan() {
                            *want = f64::NAN;
                        }
                    }
                }
                self.add(What::Gradient(id), expected.beside(gradient, Nans::AsTheReference));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::cases;
    use crate::cpu::Cpu;

    /// What is wrong in a record that `change` has altered.
    fn wrong(change: impl FnOnce(&mut Recorded)) -> Vec<(Stage, What)> {
        let case = cases::batch_norm::cases().remove(0);
        let prepared = Prepared::new(case).unwrap();
        let cpu = Cpu::new(prepared.plan.clone(), 1).unwrap();
        let mut recorded =
            prepared.record(&mut Opened::Cpu(Box::new(cpu)), prepared.samples()).unwrap();
        change(&mut recorded);
        let wrong = prepared.compare(&recorded).into_iter();
        let wrong = wrong.filter(|comparison| comparison.deviation.wrong.is_some());
        wrong.map(|comparison| (comparison.stage, comparison.what)).collect()
    }

    #[test]
    fn one_wrong_element_is_found_wherever_it_is() {
        assert_eq!(wrong(|_| ()), []);
        let case = cases::batch_norm::cases().remove(0);
        let op = case.graph.find("op").unwrap();
        let gamma = case.graph.parameters().iter().find(|p| p.role == Role::Gamma).unwrap();
        let at = gamma.range().start;
        let mean = case.graph.parameters().iter().find(|p| p.role == Role::MovingMean).unwrap();
        let moving = mean.range().start;
        let value = |tensors: &mut Tensors| tensors.values[op.index()].as_mut().unwrap()[3] += 1e-4;
        let found = wrong(|r| value(&mut r.steps[0].tensors));
        assert_eq!(found, [(Stage::Step, What::Value(op))]);
        let found = wrong(|r| value(&mut r.steps[2].tensors));
        assert_eq!(found, [(Stage::PartialStep, What::Value(op))]);
        let found = wrong(|r| {
            r.steps[1].tensors.gradients[op.index()].as_mut().unwrap()[0] = f32::NAN;
        });
        assert_eq!(found, [(Stage::Step, What::Gradient(op))]);
        let found = wrong(|r| r.steps[0].parameter_gradients[at] += 1e-4);
        assert_eq!(found, [(Stage::Step, What::ParameterGradient(op, Role::Gamma))]);
        let found = wrong(|r| r.steps[0].after[at] += 1e-4);
        assert_eq!(found, [(Stage::Step, What::Parameter(op, Role::Gamma))]);
        let found = wrong(|r| r.steps[0].after[moving] += 1e-4);
        assert_eq!(found, [(Stage::Step, What::Parameter(op, Role::MovingMean))]);
        let found = wrong(|r| r.steps[0].metrics.correct += 1);
        assert_eq!(found, [(Stage::Step, What::Metrics)]);
        let found = wrong(|r| r.evaluation.probabilities[1] += 1e-4);
        assert_eq!(found, [(Stage::Evaluation, What::Probabilities)]);
        let found = wrong(|r| r.explanations[0].after.velocity[at] += 1e-4);
        assert_eq!(found, [(Stage::Explanation, What::State)]);
        let found = wrong(|r| {
            r.explanations[1].tensors.gradients[op.index()].as_mut().unwrap().pop();
        });
        assert_eq!(found, [(Stage::PartialExplanation, What::Gradient(op))]);
    }
}
