//! One step of a backend against the naive reference, tensor by tensor.

use super::cases::Case;
use super::close::assert_close;
use super::naive;
use genre_gpu::Error;
use genre_gpu::backend::{Backend, Batches, DatasetRef, Sgd, StepMetrics, Tensor};
use genre_gpu::graph::{NodeId, Op, Role, Shape};

const STILL: Sgd = Sgd::plain(0.0);

fn extents(n: usize, shape: Shape) -> Vec<usize> {
    match shape {
        Shape::Map { h, w, c } => vec![n, h, w, c],
        Shape::Flat(len) => vec![n, len],
    }
}

/// Compares every tensor of one step on the samples `batch`.
pub fn compare(
    case: &Case,
    backend: &mut dyn Backend,
    samples: DatasetRef<'_>,
    batch: &[u32],
    parameters: &[f32],
) {
    let graph = &case.graph;
    let len = graph.node(graph.input()).shape.len();
    let x: Vec<f64> = (batch.iter())
        .flat_map(|&i| &samples.x()[i as usize * len..][..len])
        .map(|&v| f64::from(v))
        .collect();
    let y: Vec<u32> = batch.iter().map(|&i| samples.y()[i as usize]).collect();
    let want = naive::pass(graph, &naive::widen(graph, parameters), &x, &y);
    let before = backend.state().unwrap().parameters;
    let drawn = Batches { seed: naive::SEED, first_step: naive::STEP, ..Batches::plain(batch) };
    let tally = backend.train_step(samples, &drawn, STILL).unwrap();
    assert_eq!(tally.samples, batch.len() as u64);
    assert_eq!(tally.correct, want.correct as u64, "{}", case.name);
    let loss = tally.loss / batch.len() as f64;
    assert!((loss - want.loss).abs() < 1e-6, "{}: loss {loss}, want {}", case.name, want.loss);
    for id in graph.ids() {
        let node = graph.node(id);
        let name = format!("{}, {} (batch of {})", case.name, node.name, batch.len());
        let extents = extents(batch.len(), node.shape);
        if let Some(value) = kept(backend, id, Tensor::Value) {
            assert_close(&name, &extents, &value, &want.values[id.index()], 2e-6, 2e-6);
        }
        let Some(gradient) = kept(backend, id, Tensor::Gradient) else { continue };
        let planned = backend.plan().has_gradient(backend.plan().slot(id));
        assert_eq!(planned, !gradient.is_empty(), "{name}: is its gradient computed?");
        // A view shares its input's buffer, which is compared under the input's name.
        if planned && !node.op.is_view() {
            let name = format!("gradient of {name}");
            assert_close(&name, &extents, &gradient, &want.gradients[id.index()], 1e-6, 2e-6);
        }
    }
    compare_state(case, &before, &backend.state().unwrap().parameters, &want);
    let gradients = backend.parameter_gradients().unwrap();
    for (p, want) in graph.parameters().iter().zip(&want.parameter_gradients) {
        let name = format!("{}: gradient of {}", case.name, p.name);
        assert_close(&name, &p.shape, &gradients[p.range()], want, 2e-6, 5e-6);
    }
}

/// What a step at a rate of 0 leaves: all parameters as they were, but for the moving figures.
fn compare_state(case: &Case, before: &[f32], after: &[f32], want: &naive::Pass) {
    for p in case.graph.parameters() {
        let (old, new) = (&before[p.range()], &after[p.range()]);
        if p.role.is_trainable() {
            assert_eq!(old, new, "{}: a rate of 0 moves {}", case.name, p.name);
            continue;
        }
        let Op::BatchNorm { momentum, .. } = case.graph.node(p.node).op else { panic!() };
        let (_, mean, variance) = want.moments.iter().find(|(id, ..)| *id == p.node).unwrap();
        let batch = if p.role == Role::MovingMean { mean } else { variance };
        let keep = f64::from(momentum);
        let want: Vec<f64> = { old.iter().zip(batch) }
            .map(|(old, batch)| keep * f64::from(*old) + (1.0 - keep) * batch)
            .collect();
        assert_close(&format!("{}: {}", case.name, p.name), &p.shape, new, &want, 1e-6, 2e-6);
    }
}

/// Evaluates all samples with the backend's state and compares the probabilities.
pub fn compare_evaluation(case: &Case, backend: &mut dyn Backend, samples: DatasetRef<'_>) {
    let graph = &case.graph;
    let parameters = naive::widen(graph, &backend.state().unwrap().parameters);
    let x: Vec<f64> = samples.x().iter().map(|&v| f64::from(v)).collect();
    let want = naive::pass_in(naive::Mode::Evaluate, graph, &parameters, &x, samples.y());
    let mut probabilities = Vec::new();
    let tally: StepMetrics =
        backend.evaluate(samples, &mut probabilities).unwrap().into_iter().sum();
    let loss = tally.loss / samples.y().len() as f64;
    assert!((loss - want.loss).abs() < 2e-6, "{}: loss {loss}, want {}", case.name, want.loss);
    let extents = [samples.y().len(), graph.classes()];
    let name = format!("{}, evaluated", case.name);
    let values = want.values.last().unwrap();
    assert_close(&name, &extents, &probabilities, values, 2e-6, 2e-6);
}

/// Compares the gradients of each sample's own logit in evaluation, and sees that nothing moved.
pub fn compare_explanation(
    case: &Case,
    backend: &mut dyn Backend,
    samples: DatasetRef<'_>,
    batch: &[u32],
) {
    let graph = &case.graph;
    let before = backend.state().unwrap();
    let len = graph.node(graph.input()).shape.len();
    let of = |&i: &u32| &samples.x()[i as usize * len..][..len];
    let x: Vec<f64> = batch.iter().flat_map(of).map(|&v| f64::from(v)).collect();
    let y: Vec<u32> = batch.iter().map(|&i| samples.y()[i as usize]).collect();
    let parameters = naive::widen(graph, &before.parameters);
    let want = naive::pass_in(naive::Mode::Evaluate, graph, &parameters, &x, &y);
    backend.logit_gradients(samples, batch).unwrap();
    for id in graph.ids() {
        let node = graph.node(id);
        let name = format!("{}, {} (explained, batch of {})", case.name, node.name, batch.len());
        let extents = extents(batch.len(), node.shape);
        if let Some(value) = kept(backend, id, Tensor::Value) {
            assert_close(&name, &extents, &value, &want.values[id.index()], 2e-6, 2e-6);
        }
        let gradient = kept(backend, id, Tensor::Gradient).filter(|g| !g.is_empty());
        if let (Some(gradient), false) = (gradient, node.op.is_view()) {
            let name = format!("gradient of {name}");
            assert_close(&name, &extents, &gradient, &want.gradients[id.index()], 2e-6, 5e-6);
        }
    }
    assert_eq!(backend.state().unwrap(), before, "{}: explaining changes nothing", case.name);
}

/// A tensor, unless the node is a convolution or a batch norm that the device fuses with its pooling:
/// what comes of it is then compared behind the pooling.
fn kept(backend: &mut dyn Backend, id: NodeId, what: Tensor) -> Option<Vec<f32>> {
    match backend.tensor(id, what) {
        Ok(tensor) => Some(tensor),
        Err(Error::FusedAway { .. }) => {
            let plan = backend.plan();
            let norm = matches!(plan.graph().node(id).op, Op::BatchNorm { .. });
            assert!(norm || plan.pooled_by(id).is_some());
            None
        }
        Err(error) => panic!("{error}"),
    }
}
