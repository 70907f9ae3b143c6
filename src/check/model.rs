//! Steps of a whole model beside the reference: each tensor by its norm, as roundings of one
//! layer are inputs of the next.

use super::compare::{Expected, What};
use super::deviation::{Deviation, Nans, Tolerance};
use super::record::{STILL, batches, evaluate, rows};
use crate::backend::{Backend, DatasetRef, Optimizer, State, Tensor};
use crate::error::Result;
use crate::graph::Graph;
use crate::naive::{self, Mode, Pass};

/// Of weights, velocity and moving statistics after a step with a rate of 0.5.
const UPDATED: Tolerance = Tolerance { absolute: 5e-6, relative: 1e-5 };

/// How far a whole model's tensors may be from the reference, as shares of their norms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelTolerance {
    /// Of losses and probabilities.
    pub output: f64,
    /// Of the gradient of each parameter tensor.
    pub gradient: f64,
}

impl ModelTolerance {
    /// What the tests allow on the devices that they know.
    pub const KNOWN: Self = Self { output: 2e-6, gradient: 5e-6 };
    /// What an unknown device is allowed, whose compiler may fuse and order otherwise: sums that
    /// cancel, as the gradients of a batch norm, depend on that. A wrong kernel is off by more than
    /// 1e-3.
    pub const UNKNOWN: Self = Self { output: 1e-5, gradient: 3e-5 };
}

/// A training step that moves no weight: loss, probabilities, and the gradient of each parameter
/// tensor.
///
/// # Errors
/// If the device fails.
pub fn model_step(
    graph: &Graph,
    parameters: &[f32],
    samples: DatasetRef<'_>,
    batch: &[u32],
    backend: &mut dyn Backend,
    tolerance: ModelTolerance,
) -> Result<Vec<Deviation>> {
    let name = format!("{} (batch of {})", graph.model(), batch.len());
    backend.set_state(&State::new(parameters.to_vec()))?;
    let metrics = backend.train_step(samples, &batches(batch), STILL)?;
    let (x, y) = rows(samples, batch);
    let want = naive::pass(graph, &naive::widen(graph, parameters), &x, &y);
    let ModelTolerance { output, gradient } = tolerance;
    let tolerance = Tolerance { absolute: 0.0, relative: output };
    let loss = f64::from(metrics.mean_loss());
    let mut all = vec![
        Deviation::of_number(&format!("{name}: loss"), loss, want.loss, tolerance),
        correct(&name, metrics.correct, want.correct),
    ];
    if let Some(probabilities) = want.values.last() {
        let got = backend.tensor(graph.output(), Tensor::Value)?;
        all.push(Deviation::of_norm(
            &format!("{name}: probabilities"),
            &got,
            probabilities,
            output,
        ));
    }
    let gradients = backend.parameter_gradients()?;
    for (p, want) in graph.parameters().iter().zip(&want.parameter_gradients) {
        let got = &gradients[p.range()];
        let name = format!("{name}: gradient of {}", p.name);
        all.push(match p.role.is_trainable() {
            true => Deviation::of_norm(&name, got, want, gradient),
            false => {
                Deviation::of_equality(got.iter().all(|g| *g == 0.0), || format!("{name}: not 0"))
            }
        });
    }
    Ok(all)
}

/// The step that moves weights: with momentum.
pub(super) const MOVING_STEP: Optimizer = Optimizer::momentum(0.5, 0.9, true);

/// Where it begins: a velocity that is not 0.
pub(super) fn moving(graph: &Graph, parameters: &[f32]) -> State {
    let mut before = State::new(parameters.to_vec());
    for p in graph.parameters().iter().filter(|p| p.role.is_trainable()) {
        let velocity = before.velocity[p.range()].iter_mut().zip(&parameters[p.range()]);
        velocity.for_each(|(v, w)| *v = 0.25 * w);
    }
    before
}

/// Weights, velocity and moving statistics behind it: by the reference's gradients and formula.
pub(super) fn after_moving(graph: &Graph, before: &State, want: &Pass) -> Vec<Expected> {
    let reference = naive::sgd::Sgd {
        rate: f64::from(MOVING_STEP.learning_rate),
        momentum: f64::from(0.9_f32),
        nesterov: true,
    };
    let widen = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let mut all = Vec::new();
    for (p, gradient) in graph.parameters().iter().zip(&want.parameter_gradients) {
        let mut w = widen(&before.parameters[p.range()]);
        let mut v = widen(&before.velocity[p.range()]);
        let expected = |what, of: &str, values: Vec<f64>| Expected {
            what,
            name: format!("{}: {of} of {} after a step", graph.model(), p.name),
            extents: vec![values.len()],
            values,
            tolerance: UPDATED,
        };
        if p.role.is_trainable() {
            reference.step(&mut w, &mut v, gradient);
            all.push(expected(What::Velocity(p.node, p.role), "velocity", v));
        } else if let Some(moved) = want.moved(graph, p, &w) {
            w = moved;
        }
        all.push(expected(What::Parameter(p.node, p.role), "value", w));
    }
    all
}

/// A step that moves weights, beside the reference.
///
/// # Errors
/// If the device fails.
pub(super) fn model_update(
    graph: &Graph,
    parameters: &[f32],
    samples: DatasetRef<'_>,
    batch: &[u32],
    backend: &mut dyn Backend,
) -> Result<Vec<Deviation>> {
    let before = moving(graph, parameters);
    backend.set_state(&before)?;
    backend.train_step(samples, &batches(batch), MOVING_STEP)?;
    let after = backend.state()?;
    let (x, y) = rows(samples, batch);
    let want = naive::pass(graph, &naive::widen(graph, parameters), &x, &y);
    let mut all = Vec::new();
    for expected in after_moving(graph, &before, &want) {
        let (node, role, from) = match expected.what {
            What::Velocity(node, role) => (node, role, &after.velocity),
            What::Parameter(node, role) => (node, role, &after.parameters),
            What::Value(_)
            | What::Gradient(_)
            | What::ParameterGradient(..)
            | What::Metrics
            | What::Probabilities
            | What::State => continue,
        };
        let own = graph.parameters().iter().find(|p| (p.node, p.role) == (node, role));
        all.extend(own.map(|p| expected.beside(&from[p.range()], Nans::Never)));
    }
    Ok(all)
}

/// An evaluation whose last batch is partial: loss, correct predictions and probabilities.
///
/// # Errors
/// If the device fails.
pub(super) fn model_evaluation(
    graph: &Graph,
    parameters: &[f32],
    samples: DatasetRef<'_>,
    backend: &mut dyn Backend,
    tolerance: ModelTolerance,
) -> Result<Vec<Deviation>> {
    let name = format!("{}, evaluated", graph.model());
    backend.set_state(&State::new(parameters.to_vec()))?;
    let (metrics, probabilities) = evaluate(backend, samples)?;
    let order: Vec<u32> = (0..samples.y().len() as u32).collect();
    let (x, y) = rows(samples, &order);
    let weights = naive::widen(graph, parameters);
    let want = naive::pass_in(Mode::Evaluate, graph, &weights, &x, &y);
    let of_loss = Tolerance { absolute: 0.0, relative: tolerance.output };
    let loss = metrics.loss / metrics.samples as f64;
    let mut all = vec![
        Deviation::of_number(&format!("{name}: loss"), loss, want.loss, of_loss),
        correct(&name, metrics.correct, want.correct),
    ];
    if let Some(want) = want.values.last() {
        let name = format!("{name}: probabilities");
        all.push(Deviation::of_norm(&name, &probabilities, want, tolerance.output));
    }
    Ok(all)
}

fn correct(name: &str, got: u64, want: usize) -> Deviation {
    let otherwise = || format!("{name}: {got} correct predictions, want {want}");
    Deviation::of_equality(got == want as u64, otherwise)
}
