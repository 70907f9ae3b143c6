//! One step of a backend against the naive reference, tensor by tensor.

use super::cases::Case;
use super::close::assert_close;
use super::naive;
use genre_gpu::Error;
use genre_gpu::backend::{Backend, Samples, Sgd, Tensor};
use genre_gpu::graph::{NodeId, Op, Shape};

const STILL: Sgd = Sgd { learning_rate: 0.0, momentum: 0.0 };

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
    samples: Samples<'_>,
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
    let tally = backend.train_step(samples, batch, STILL).unwrap();
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
        // A flatten shares its input's buffer, which is compared under the input's name.
        if planned && node.op != Op::Flatten {
            let name = format!("gradient of {name}");
            assert_close(&name, &extents, &gradient, &want.gradients[id.index()], 1e-6, 2e-6);
        }
    }
    let gradients = backend.parameter_gradients().unwrap();
    for (p, want) in graph.parameters().iter().zip(&want.parameter_gradients) {
        let name = format!("{}: gradient of {}", case.name, p.name);
        assert_close(&name, &p.shape, &gradients[p.range()], want, 2e-6, 5e-6);
    }
}

/// A tensor, unless the node is a convolution that the device fuses with its pooling:
/// what comes of it is then compared behind the pooling.
fn kept(backend: &mut dyn Backend, id: NodeId, what: Tensor) -> Option<Vec<f32>> {
    match backend.tensor(id, what) {
        Ok(tensor) => Some(tensor),
        Err(Error::FusedAway { .. }) => {
            assert!(backend.plan().pooled_by(id).is_some());
            None
        }
        Err(error) => panic!("{error}"),
    }
}
