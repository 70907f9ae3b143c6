//! Steps of a whole model beside the reference: each tensor by its norm, as roundings of one
//! layer are inputs of the next.

use super::deviation::{Deviation, Tolerance};
use super::record::{STILL, batches, rows};
use crate::backend::{Backend, DatasetRef, State, Tensor};
use crate::error::Result;
use crate::graph::Graph;
use crate::naive;

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
    let mut all = vec![Deviation::of_number(&format!("{name}: loss"), loss, want.loss, tolerance)];
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
