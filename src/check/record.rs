//! Runs a case on a device and keeps all that it computed.

use super::cases::{Case, fill};
use super::opened::{Opened, Tensors};
use crate::backend::{Backend, Batches, DatasetRef, Optimizer, State, StepMetrics};
use crate::error::Result;
use crate::naive::{self, Mode, Pass};
use crate::plan::Plan;

/// A rate of 0: no weight moves.
pub(super) const STILL: Optimizer = Optimizer::sgd(0.0);

/// A case with its samples and what the reference makes of its training steps.
#[derive(Debug)]
pub struct Prepared {
    /// The case.
    pub case: Case,
    /// Its plan.
    pub plan: Plan,
    pub(super) x: Vec<f32>,
    pub(super) y: Vec<u32>,
    pub(super) parameters: Vec<f32>,
    /// Two whole batches, then a partial one over what they left in the buffers.
    pub(super) batches: [Vec<u32>; 3],
    pub(super) expected: [Pass; 3],
}

/// What a device computed of a case.
#[derive(Debug)]
pub struct Recorded {
    pub(super) steps: Vec<Step>,
    pub(super) evaluation: Evaluation,
    /// Logit gradients of a whole batch and of a partial one.
    pub(super) explanations: Vec<Explanation>,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) samples: usize,
    pub(super) metrics: StepMetrics,
    pub(super) tensors: Tensors,
    pub(super) before: Vec<f32>,
    pub(super) after: Vec<f32>,
    pub(super) parameter_gradients: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) parameters: Vec<f32>,
    pub(super) metrics: StepMetrics,
    pub(super) probabilities: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Explanation {
    pub(super) batch: Vec<u32>,
    pub(super) tensors: Tensors,
    pub(super) before: State,
    pub(super) after: State,
}

impl Prepared {
    /// Draws samples and weights, and runs the reference.
    ///
    /// # Errors
    /// If the graph cannot be planned.
    pub fn new(case: Case) -> Result<Self> {
        let plan = case.plan()?;
        let (x, y, parameters) = fill(&case, case.samples());
        let all: Vec<u32> = (0..2 * case.batch as u32).rev().collect();
        let batches =
            [&all[..case.batch], &all[case.batch..], &all[1..=case.partial]].map(<[u32]>::to_vec);
        let tensors = naive::widen(&case.graph, &parameters);
        let expected = batches.each_ref().map(|batch| {
            let (x, y) = rows(DatasetRef::new(&x, &y), batch);
            naive::pass_of((Mode::Train, &case.loss), &case.graph, &tensors, &x, &y)
        });
        Ok(Self { case, plan, x, y, parameters, batches, expected })
    }

    /// Its samples.
    pub fn samples(&self) -> DatasetRef<'_> {
        DatasetRef::new(&self.x, &self.y)
    }

    /// Three steps that move no weight, an evaluation and two explanations of its
    /// [`Prepared::samples`].
    ///
    /// # Errors
    /// If the device fails.
    pub fn record(&self, device: &mut Opened, samples: DatasetRef<'_>) -> Result<Recorded> {
        device.set_parameters(&self.parameters)?;
        let steps = (self.batches.iter())
            .map(|batch| Step::take(device, samples, batch))
            .collect::<Result<_>>()?;
        let parameters = device.parameters()?;
        let (metrics, probabilities) = evaluate(device.backend(), samples)?;
        let evaluation = Evaluation { parameters, metrics, probabilities };
        let explanations = [&self.batches[0], &self.batches[2]]
            .into_iter()
            .map(|batch| {
                device.poison();
                let before = device.backend().state()?;
                device.backend().logit_gradients(samples, batch)?;
                let tensors = device.tensors()?;
                let after = device.backend().state()?;
                Ok(Explanation { batch: batch.clone(), tensors, before, after })
            })
            .collect::<Result<_>>()?;
        Ok(Recorded { steps, evaluation, explanations })
    }
}

impl Step {
    pub(super) fn take(
        device: &mut Opened,
        samples: DatasetRef<'_>,
        batch: &[u32],
    ) -> Result<Self> {
        device.poison();
        let before = device.parameters()?;
        let metrics = device.backend().train_step(samples, &batches(batch), STILL)?;
        let tensors = device.tensors()?;
        let after = device.parameters()?;
        let parameter_gradients = device.backend().parameter_gradients()?;
        Ok(Self { samples: batch.len(), metrics, tensors, before, after, parameter_gradients })
    }
}

/// Sums over all samples, and the probabilities, `[n, classes]`.
///
/// # Errors
/// If the device fails.
pub fn evaluate(
    backend: &mut dyn Backend,
    samples: DatasetRef<'_>,
) -> Result<(StepMetrics, Vec<f32>)> {
    let mut probabilities = Vec::new();
    let steps = backend.evaluate(samples, &mut probabilities)?;
    Ok((steps.into_iter().sum(), probabilities))
}

/// Batches with the dropout masks of the reference.
pub fn batches(order: &[u32]) -> Batches<'_> {
    Batches { seed: naive::SEED, first_step: naive::STEP, ..Batches::plain(order) }
}

/// The inputs and the labels of some samples, as the reference reads them.
pub fn rows(samples: DatasetRef<'_>, batch: &[u32]) -> (Vec<f64>, Vec<u32>) {
    let len = samples.x().len() / samples.y().len();
    let row = |&i: &u32| &samples.x()[i as usize * len..][..len];
    let x = batch.iter().flat_map(row).map(|&v| f64::from(v)).collect();
    (x, batch.iter().map(|&i| samples.y()[i as usize]).collect())
}
