//! Compares what a device computed of a case with the reference, tensor by tensor.

use super::cases::Case;
use super::cases::nan::{Compare, Poisoned};
use super::deviation::{Deviation, Nans, Tolerance};
use super::opened::{Opened, Tensors};
use super::record::{Explanation, Prepared, Recorded, STILL, Step, batches, rows};
use crate::backend::DatasetRef;
use crate::error::Result;
use crate::graph::{NodeId, Role, Shape};
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
        let name = format!("{}, evaluated", self.case.name);
        let loss = metrics.loss / n as f64;
        let deviation = Deviation::of_number(&format!("{name}: loss"), loss, want.loss, EVALUATED);
        found.add(What::Metrics, deviation);
        found.equal(What::Metrics, metrics.samples, n as u64, "samples");
        found.equal(What::Metrics, metrics.correct, want.correct as u64, "correct, evaluated");
        let Some(values) = want.values.last() else { return };
        let extents = [n, graph.classes()];
        let rows = &got.evaluation.probabilities;
        let deviation = Deviation::of(&name, &extents, rows, values, VALUE, Nans::Never);
        found.add(What::Probabilities, deviation);
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

    /// `n` samples and a node's extents.
    fn extents(&self, n: usize, id: NodeId) -> Vec<usize> {
        match self.case.graph.node(id).shape {
            Shape::Map { h, w, c } => vec![n, h, w, c],
            Shape::Flat(len) => vec![n, len],
        }
    }

    /// The nodes with a tensor that the device keeps: its name, its extents, and the tensor.
    fn kept<'t>(
        &self,
        n: usize,
        tensors: &'t [Option<Vec<f32>>],
    ) -> Vec<(NodeId, String, Vec<usize>, &'t [f32])> {
        let graph = &self.case.graph;
        let kept = graph.ids().zip(tensors).filter_map(|(id, tensor)| {
            let name = format!("{}, {} (batch of {n})", self.case.name, graph.node(id).name);
            Some((id, name, self.extents(n, id), tensor.as_deref()?))
        });
        kept.collect()
    }

    fn step(&mut self, step: &Step, want: &Pass) {
        self.outputs(step, want);
        self.gradients(step, want);
        self.parameters(step, want);
    }

    fn outputs(&mut self, step: &Step, want: &Pass) {
        let n = step.samples;
        self.equal(What::Metrics, step.metrics.samples, n as u64, "samples");
        self.equal(What::Metrics, step.metrics.correct, want.correct as u64, "correct");
        let name = format!("{}: loss", self.case.name);
        let loss = step.metrics.loss / n as f64;
        self.add(What::Metrics, Deviation::of_number(&name, loss, want.loss, LOSS));
        for (id, name, extents, value) in self.kept(n, &step.tensors.values) {
            let want = &want.values[id.index()];
            let deviation = Deviation::of(&name, &extents, value, want, VALUE, Nans::Never);
            self.add(What::Value(id), deviation);
        }
    }

    fn gradients(&mut self, step: &Step, want: &Pass) {
        let case = self.case;
        for (id, name, extents, gradient) in self.kept(step.samples, &step.tensors.gradients) {
            let planned = self.plan.has_gradient(self.plan.slot(id));
            let otherwise = || {
                format!(
                    "{name}: a gradient is {}",
                    if planned { "missing" } else { "computed, which nobody reads" }
                )
            };
            let equal = Deviation::of_equality(planned != gradient.is_empty(), otherwise);
            self.add(What::Gradient(id), equal);
            // A view shares its input's buffer, which is compared under the input's name.
            if planned && !case.graph.node(id).op.is_view() {
                let name = format!("gradient of {name}");
                let want = &want.gradients[id.index()];
                let deviation =
                    Deviation::of(&name, &extents, gradient, want, GRADIENT, Nans::Never);
                self.add(What::Gradient(id), deviation);
            }
        }
    }

    fn parameters(&mut self, step: &Step, want: &Pass) {
        let case = self.case;
        for (p, gradient) in case.graph.parameters().iter().zip(&want.parameter_gradients) {
            let name = format!("{}: gradient of {}", case.name, p.name);
            let got = &step.parameter_gradients[p.range()];
            let deviation = Deviation::of(&name, &p.shape, got, gradient, SUM, Nans::Never);
            self.add(What::ParameterGradient(p.node, p.role), deviation);

            let (old, new) = (&step.before[p.range()], &step.after[p.range()]);
            let wide: Vec<f64> = old.iter().map(|&v| f64::from(v)).collect();
            let deviation = match (p.role.is_trainable(), want.moved(&case.graph, p, &wide)) {
                // A step with a rate of 0 leaves all weights as they are.
                (true, _) => Deviation::of_equality(old == new, || {
                    format!("{}: a rate of 0 moves {}", case.name, p.name)
                }),
                (false, Some(want)) => {
                    let name = format!("{}: {}", case.name, p.name);
                    Deviation::of(&name, &p.shape, new, &want, MOVING, Nans::Never)
                }
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
        for (id, name, extents, value) in self.kept(y.len(), &got.tensors.values) {
            let name = format!("{name}, logit gradients");
            let want = &want.values[id.index()];
            let deviation = Deviation::of(&name, &extents, value, want, VALUE, Nans::Never);
            self.add(What::Value(id), deviation);
        }
        for (id, name, extents, gradient) in self.kept(y.len(), &got.tensors.gradients) {
            if !gradient.is_empty() && !case.graph.node(id).op.is_view() {
                let name = format!("logit gradient of {name}");
                let want = &want.gradients[id.index()];
                let deviation = Deviation::of(&name, &extents, gradient, want, SUM, Nans::Never);
                self.add(What::Gradient(id), deviation);
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
        for (id, name, extents, value) in self.kept(case.batch, &got.values) {
            if before_head(id) {
                let name = format!("{name}, {stage}");
                let want = &want.values[id.index()];
                let nans = Nans::AsTheReference;
                self.add(What::Value(id), Deviation::of(&name, &extents, value, want, VALUE, nans));
            }
        }
        if gradients == Compare::None {
            return;
        }
        for (id, name, extents, gradient) in self.kept(case.batch, &got.gradients) {
            if before_head(id) && !gradient.is_empty() {
                let name = format!("gradient of {name}, {stage}");
                let values = &want.values[id.index()];
                let mut want = want.gradients[id.index()].clone();
                if gradients == Compare::LogitsAtNumbers {
                    for ((want, value), got) in want.iter_mut().zip(values).zip(gradient) {
                        if value.is_nan() && got.is_nan() {
                            *want = f64::NAN;
                        }
                    }
                }
                let nans = Nans::AsTheReference;
                let deviation = Deviation::of(&name, &extents, gradient, &want, SUM, nans);
                self.add(What::Gradient(id), deviation);
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
