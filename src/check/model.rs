//! Steps of a whole model beside the reference: each tensor by its norm, as roundings of one
//! layer are inputs of the next.

use super::deviation::{Deviation, Tolerance};
use super::record::{STILL, batches, rows};
use crate::backend::{Backend, DatasetRef, State, Tensor};
use crate::error::Result;
use crate::graph::Graph;
use crate::naive;

/// Of losses and probabilities.
const OUTPUT: f64 = 2e-6;
/// Of the gradient of each parameter tensor.
const GRADIENT: f64 = 5e-6;

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
) -> Result<Vec<Deviation>> {
    let name = format!("{} (batch of {})", graph.model(), batch.len());
    backend.set_state(&State::new(parameters.to_vec()))?;
    let metrics = backend.train_step(samples, &batches(batch), STILL)?;
    let (x, y) = rows(samples, batch);
    let want = naive::pass(graph, &naive::widen(graph, parameters), &x, &y);
    let tolerance = Tolerance { absolute: 0.0, relative: OUTPUT };
    let loss = f64::from(metrics.mean_loss());
    let mut all = vec![Deviation::of_number(&format!("{name}: loss"), loss, want.loss, tolerance)];
    if let Some(probabilities) = want.values.last() {
        let got = backend.tensor(graph.output(), Tensor::Value)?;
        all.push(Deviation::of_norm(
            &format!("{name}: probabilities"),
            &got,
            probabilities,
            OUTPUT,
        ));
    }
    let gradients = backend.parameter_gradients()?;
    for (p, want) in graph.parameters().iter().zip(&want.parameter_gradients) {
        let got = &gradients[p.range()];
        let name = format!("{name}: gradient of {}", p.name);
        all.push(match p.role.is_trainable() {
            true => Deviation::of_norm(&name, got, want, GRADIENT),
            false => {
                Deviation::of_equality(got.iter().all(|g| *g == 0.0), || format!("{name}: not 0"))
            }
        });
    }
    Ok(all)
}
