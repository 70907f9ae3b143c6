//! What every device refuses, and what a tensor is after each kind of call: the contract of
//! `Backend`, alike on the CPU and on the GPU. A call that is refused changes nothing.

use std::ops::ControlFlow;

use genre_gpu::Error;
use genre_gpu::backend::{Augmentation, Backend, Batches, DatasetRef, Optimizer, State, Tensor};
use genre_gpu::graph::{Activation, Graph, Padding, Shape};

use crate::common::backend::Implementation;
use crate::common::cases::{conv, head};
use crate::common::plan;
use genre_gpu::check::Opened;

const BATCH: usize = 2;
const SGD: Optimizer = Optimizer::sgd(0.1);

fn graph() -> Graph {
    let mut graph = Graph::new("contract", Shape::Map { h: 3, w: 4, c: 1 });
    let op = conv(2, [3, 3], Padding::Same, Activation::Relu);
    let node = graph.push("conv", op, &[graph.input()]).unwrap();
    head(&mut graph, node);
    graph
}

fn open(implementation: Implementation) -> Option<Opened> {
    let mut device = implementation.open(plan::of(&graph(), BATCH))?;
    let parameters = (0..graph().parameter_count()).map(|i| (i % 7) as f32 / 7.0 - 0.4);
    device.set_parameters(&parameters.collect::<Vec<_>>()).unwrap();
    Some(device)
}

/// Runs a check on the CPU and on the GPU.
fn on_both(check: impl Fn(&mut dyn Backend)) {
    for implementation in [Implementation::Cpu, Implementation::GpuFused] {
        if let Some(mut device) = open(implementation) {
            check(device.backend());
        }
    }
}

fn samples(n: usize) -> (Vec<f32>, Vec<u32>) {
    ((0..12 * n).map(|i| (i % 5) as f32 - 2.0).collect(), (0..n as u32).map(|i| i % 3).collect())
}

/// The message of a refusal.
fn refused<T: std::fmt::Debug>(result: genre_gpu::Result<T>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    error.to_string()
}

#[test]
fn indices_labels_and_lengths_are_checked() {
    let (x, y) = samples(4);
    let odd_labels = [0, 1, 9, 2];
    on_both(|backend| {
        let before = backend.state().unwrap();
        let go_on = &mut |_| ControlFlow::Continue(());
        let mut train =
            |data, order: &[u32]| refused(backend.train(data, &Batches::plain(order), SGD, go_on));
        let data = DatasetRef::new(&x, &y);
        let order = "the order of samples: expected at most 4 indices below 4, found ";
        assert_eq!(train(data, &[0, 4]), format!("{order}2 up to 4"));
        assert_eq!(train(data, &[0, 1, 2, 3, 0]), format!("{order}5 up to 3"));
        let odd = DatasetRef::new(&x, &odd_labels);
        let labels = "labels of samples: expected classes 0 to 2, found 9";
        assert_eq!(train(odd, &[0, 2]), labels);
        let short = DatasetRef::new(&x[..47], &y);
        let lengths =
            "samples of a data set: expected 4 of [3, 4, 1], one for each label, found 47 values";
        assert_eq!(train(short, &[0, 1]), lengths);
        assert_eq!(refused(backend.evaluate(odd, &mut Vec::new())), labels);
        assert_eq!(refused(backend.evaluate(short, &mut Vec::new())), lengths);
        assert_eq!(refused(backend.prepare(short)), lengths);
        assert_eq!(refused(backend.logit_gradients(odd, &[2])), labels);
        assert!(refused(backend.logit_gradients(data, &[4])).starts_with(order));
        assert_eq!(backend.state().unwrap(), before, "a refused call changes nothing");
        // A label that is not used is not looked at.
        backend.train(odd, &Batches::plain(&[0, 1]), SGD, go_on).unwrap();
    });
}

#[test]
fn a_batch_is_at_most_the_plans() {
    let (x, y) = samples(4);
    let data = DatasetRef::new(&x, &y);
    on_both(|backend| {
        let expected = "samples in a batch: expected at most 2, found 3";
        let batch = [0, 1, 2];
        assert_eq!(refused(backend.train_step(data, &Batches::plain(&batch), SGD)), expected);
        assert_eq!(refused(backend.logit_gradients(data, &batch)), expected);
    });
}

#[test]
fn augmentations_are_as_many_as_samples_and_within_them() {
    let (x, y) = samples(4);
    let data = DatasetRef::new(&x, &y);
    on_both(|backend| {
        let mut train = |augmentations: &[Augmentation]| {
            let batches = Batches { augmentations, ..Batches::plain(&[0, 1]) };
            backend.train_step(data, &batches, SGD)
        };
        let none = Augmentation::default();
        train(&[none; 2]).unwrap();
        train(&[Augmentation { roll: 3, band: 1, bands: 2, frame: 0, frames: 4, ..none }; 2])
            .unwrap();
        assert!(refused(train(&[none])).ends_with("expected none, or 2, found 1"));
        for outside in [
            Augmentation { roll: 4, ..none },
            Augmentation { band: 2, bands: 2, ..none },
            Augmentation { frame: u32::MAX, frames: 2, ..none },
        ] {
            let message = refused(train(&[none, outside]));
            assert!(message.contains("expected extents within 3 bands and 4 frames"), "{message}");
        }
    });
}

#[test]
fn a_tensor_is_that_of_the_last_batch_of_a_whole_call() {
    let (x, y) = samples(5);
    let data = DatasetRef::new(&x, &y);
    on_both(|backend| {
        let input = backend.plan().graph().input();
        let logits = backend.plan().graph().node(backend.plan().graph().output()).inputs[0];
        let what = "the last batch, whose tensor is read: expected a call";
        let found = refused(backend.tensor(input, Tensor::Value));
        assert_eq!(found, format!("{what} that ran to its end, found no call"));

        let order = [4, 3, 2, 1, 0];
        let go_on = &mut |_| ControlFlow::Continue(());
        backend.train(data, &Batches::plain(&order), SGD, go_on).unwrap();
        assert_eq!(backend.tensor(input, Tensor::Value).unwrap(), x[..12], "the short last batch");
        assert_eq!(backend.tensor(logits, Tensor::Gradient).unwrap().len(), 3);

        backend.evaluate(data, &mut Vec::new()).unwrap();
        assert_eq!(backend.tensor(input, Tensor::Value).unwrap(), x[48..]);
        let found = refused(backend.tensor(logits, Tensor::Gradient));
        let expected = "with a backward pass that ran to its end, found an evaluation";
        assert_eq!(found, format!("{what} {expected}"));

        backend.logit_gradients(data, &[1, 2]).unwrap();
        assert_eq!(backend.tensor(input, Tensor::Value).unwrap(), x[12..36]);
        assert_eq!(backend.tensor(logits, Tensor::Gradient).unwrap().len(), 6);
    });
}

/// The CPU stops after the first step; a GPU may have more steps in flight, so the order is long.
#[test]
fn an_interrupted_call_leaves_no_tensor() {
    let (x, y) = samples(400);
    let data = DatasetRef::new(&x, &y);
    let order: Vec<u32> = (0..400).collect();
    on_both(|backend| {
        let input = backend.plan().graph().input();
        let stop = &mut |_| ControlFlow::Break(());
        let steps = backend.train(data, &Batches::plain(&order), SGD, stop).unwrap();
        assert!(steps.len() < 200, "{} steps", steps.len());
        for what in [Tensor::Value, Tensor::Gradient] {
            let message = refused(backend.tensor(input, what));
            assert!(message.ends_with("found a call that was interrupted"), "{message}");
        }
        backend.train_step(data, &Batches::plain(&[7]), SGD).unwrap();
        assert_eq!(backend.tensor(input, Tensor::Value).unwrap(), x[84..96]);
    });
}

#[test]
fn a_state_has_the_graphs_length() {
    on_both(|backend| {
        let before = backend.state().unwrap();
        let message = refused(backend.set_state(&State::new(vec![1.0; 3])));
        assert!(message.starts_with("weights and velocity: expected "), "{message}");
        assert_eq!(backend.state().unwrap(), before);
    });
}
