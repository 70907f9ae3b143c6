//! What `loss.rs`, `norm.rs` and `optimizer.rs` share: the epochs of the naive model, and how far a run is
//! from Keras's.

use std::collections::BTreeMap;

use crate::common::golden::History;
use crate::common::naive::Pass;
use genre_gpu::backend::StepMetrics;
use genre_gpu::graph::Graph;
use serde::Deserialize;

pub(crate) const SEED: u32 = 42;
pub(crate) const BATCH: usize = 16;

/// A run of Keras.
#[derive(Deserialize)]
pub(crate) struct Run {
    pub(crate) history: History,
    /// By Keras's names, which are the crate's.
    pub(crate) weights: BTreeMap<String, Vec<f64>>,
    /// By epoch, where a callback reports them.
    pub(crate) rates: Option<Vec<f64>>,
}

/// Mean loss and accuracy.
pub(crate) type Figures = (f64, f64);

pub(crate) fn figures(metrics: StepMetrics) -> Figures {
    (metrics.loss / metrics.samples as f64, f64::from(metrics.accuracy()))
}

/// Those of `pass` over all samples, batch by batch in order.
pub(crate) fn naive_epoch(
    x: &[f32],
    y: &[u32],
    mut pass: impl FnMut(&[f64], &[u32]) -> Pass,
) -> Figures {
    let len = x.len() / y.len();
    let (mut loss, mut correct) = (0.0, 0);
    for (x, y) in x.chunks(BATCH * len).zip(y.chunks(BATCH)) {
        let x: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let pass = pass(&x, y);
        loss += pass.loss * y.len() as f64;
        correct += pass.correct;
    }
    (loss / y.len() as f64, correct as f64 / y.len() as f64)
}

/// `|got - want| / scale`; a NaN is as wrong as can be.
fn apart(got: f64, want: f64, scale: f64) -> f64 {
    let apart = (got - want).abs() / scale;
    if apart.is_nan() { f64::INFINITY } else { apart }
}

/// The largest relative difference of losses, in training and validation. Accuracies must be the
/// same, and the number of epochs.
pub(crate) fn losses_apart(name: &str, run: &Run, history: &[[Figures; 2]]) -> f64 {
    let (want, mut largest) = (&run.history, 0f64);
    assert_eq!(history.len(), want.loss.len(), "{name}");
    for (e, [train, val]) in history.iter().enumerate() {
        for (got, loss, accuracy) in
            [(train, want.loss[e], want.accuracy[e]), (val, want.val_loss[e], want.val_accuracy[e])]
        {
            let right = apart(got.1, accuracy, 1.0) < 1e-6;
            assert!(right, "{name}, epoch {}: accuracy {}, Keras {accuracy}", e + 1, got.1);
            largest = largest.max(apart(got.0, loss, loss));
        }
    }
    largest
}

/// What Keras's run has of each tensor beside the tensor.
fn tensors<'a>(
    graph: &'a Graph,
    run: &'a Run,
    w: &'a [Vec<f64>],
) -> impl Iterator<Item = (&'a [f64], &'a [f64])> {
    assert_eq!(graph.parameters().len(), run.weights.len());
    graph.parameters().iter().zip(w).map(|(p, got)| (&got[..], &run.weights[&p.name][..]))
}

/// The largest difference of an element, by the largest element of its tensor.
pub(crate) fn weights_apart(graph: &Graph, run: &Run, w: &[Vec<f64>]) -> f64 {
    let mut of_all = 0f64;
    for (got, want) in tensors(graph, run, w) {
        assert_eq!(got.len(), want.len());
        let largest = want.iter().fold(0f64, |top, w| top.max(w.abs()));
        for (got, want) in got.iter().zip(want) {
            of_all = of_all.max(apart(*got, *want, largest));
        }
    }
    of_all
}

/// The same, by the tensor's norm, for a run whose weights are the norm of each tensor, then its
/// first values.
pub(crate) fn norms_apart(graph: &Graph, run: &Run, w: &[Vec<f64>]) -> f64 {
    let mut of_all = 0f64;
    for (got, want) in tensors(graph, run, w) {
        let norm = got.iter().map(|w| w * w).sum::<f64>().sqrt();
        for (got, want_one) in [norm].iter().chain(got).zip(want) {
            of_all = of_all.max(apart(*got, *want_one, want[0]));
        }
    }
    of_all
}

/// Whether losses and weights are within the bars.
pub(crate) fn assert_near(name: &str, [losses, weights]: [f64; 2], bars: [f64; 2]) {
    assert!(losses < bars[0], "{name}: losses are off by {losses:e}");
    assert!(weights < bars[1], "{name}: weights are off by {weights:e}");
}
