//! Varied samples and dropout: by hand, and the same on the GPU as on the CPU.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::ops::ControlFlow;

use common::cases;
use genre_gpu::backend::{Augmentation, Backend, Batches, DatasetRef, Sgd, State, Tensor};
use genre_gpu::cpu::Cpu;
use genre_gpu::gpu::KernelVariant;
use genre_gpu::graph::{Activation, Graph, Op, Shape};
use genre_gpu::plan::Plan;

/// Samples of 2 × 4 with a dense layer of two classes.
fn plan(channels: usize) -> Plan {
    let mut graph = Graph::new("augmentations", Shape::Map { h: 2, w: 4, c: channels });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let op = Op::Dense { units: 2, bias: true, activation: Activation::Linear, l2: 0.0 };
    let logits = graph.push("logits", op, &[flat]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Plan::new(graph, 2).unwrap()
}

fn by_hand(backend: &mut dyn Backend) {
    let x: Vec<f32> = (0..16u8).map(f32::from).collect();
    let samples = DatasetRef::new(&x, &[0, 1]);
    let none = Augmentation { fill: -1.0, ..Augmentation::default() };
    let augmentations = [
        Augmentation { roll: 1, gain: 0.5, ..none },
        Augmentation { band: 1, bands: 1, frame: 2, frames: 2, gain: 100.0, ..none },
    ];
    let batches = Batches { augmentations: &augmentations, ..Batches::plain(&[1, 0]) };
    backend.train_step(samples, &batches, Sgd::plain(0.0)).unwrap();
    let input = backend.plan().graph().input();
    let want = [
        [9.5, 10.5, 11.5, 8.5, 13.5, 14.5, 15.5, 12.5],
        [100.0, 101.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0],
    ];
    assert_eq!(backend.tensor(input, Tensor::Value).unwrap(), want.concat());
    // Evaluation sees the samples as they are, whatever was done before.
    backend.evaluate(samples, &mut Vec::new()).unwrap();
    assert_eq!(backend.tensor(input, Tensor::Value).unwrap(), x);
    let odd = Batches { augmentations: &augmentations[..1], ..Batches::plain(&[1, 0]) };
    assert!(
        backend.train_step(samples, &odd, Sgd::plain(0.0)).is_err(),
        "an augmentation is missing"
    );
}

#[test]
fn augmentations_roll_shift_and_cover() {
    by_hand(&mut Cpu::new(plan(1), 2).unwrap());
    // One kernel copies element by element, the other by fours.
    for form in [KernelVariant::Plain, KernelVariant::default()] {
        let Some(mut gpu) = common::gpu::open(plan(1), form) else { return };
        by_hand(&mut gpu);
    }
}

#[test]
fn augmentations_carry_all_channels_along() {
    let x: Vec<f32> = (0..16u8).map(f32::from).collect();
    let augmentations =
        [Augmentation { roll: 3, band: 0, bands: 1, fill: 7.0, ..Augmentation::default() }];
    let batches = Batches { augmentations: &augmentations, ..Batches::plain(&[0]) };
    let want = [[7.0; 8], [14.0, 15.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0]].concat();
    let check = |backend: &mut dyn Backend| {
        backend.train_step(DatasetRef::new(&x, &[1]), &batches, Sgd::plain(0.0)).unwrap();
        let input = backend.plan().graph().input();
        assert_eq!(backend.tensor(input, Tensor::Value).unwrap(), want);
    };
    check(&mut Cpu::new(plan(2), 1).unwrap());
    // One kernel copies element by element, the other by fours.
    for form in [KernelVariant::Plain, KernelVariant::default()] {
        let Some(mut gpu) = common::gpu::open(plan(2), form) else { return };
        check(&mut gpu);
    }
}

/// Eleven samples in batches of two, each with an augmentation of its own: the input of the last batch
/// is that of its own augmentations, and all losses are those of batches taken one by one.
#[test]
fn every_batch_has_its_own_augmentations() {
    let x: Vec<f32> = (0..11 * 8).map(|i| (i as f32 * 0.37).sin()).collect();
    let y: Vec<u32> = (0..11).map(|i| i % 2).collect();
    let order: Vec<u32> = (0..11).map(|i| i * 4 % 11).collect();
    let augmentations: Vec<Augmentation> = (0..11)
        .map(|i| Augmentation { roll: i % 4, gain: i as f32, ..Augmentation::default() })
        .collect();
    let check = |open: &dyn Fn() -> Box<dyn Backend>| {
        let samples = DatasetRef::new(&x, &y);
        let batches = Batches { augmentations: &augmentations, ..Batches::plain(&order) };
        let mut all = open();
        let weights: Vec<f32> = (0..18).map(|i| (i as f32).cos()).collect();
        all.set_state(&State::new(weights.clone())).unwrap();
        let go_on = &mut |_| ControlFlow::Continue(());
        let whole = all.train(samples, &batches, Sgd::plain(0.1), go_on).unwrap();
        let mut one = open();
        one.set_state(&State::new(weights)).unwrap();
        let pairs = order.chunks(2).zip(augmentations.chunks(2));
        let alone: Vec<_> = pairs
            .map(|(order, augmentations)| {
                let batches = Batches { augmentations, ..Batches::plain(order) };
                one.train_step(samples, &batches, Sgd::plain(0.1)).unwrap()
            })
            .collect();
        assert_eq!(whole, alone);
        let input = all.plan().graph().input();
        let last = order[10] as usize * 8;
        let want: Vec<f32> =
            (0..8).map(|k| x[last + k / 4 * 4 + (k % 4 + 10 % 4) % 4] + 10.0).collect();
        assert_eq!(all.tensor(input, Tensor::Value).unwrap(), want);
    };
    check(&|| Box::new(Cpu::new(plan(1), 2).unwrap()));
    if !common::gpu::skipped() {
        check(&|| Box::new(common::gpu::open(plan(1), KernelVariant::default()).unwrap()));
    }
}

/// Outputs of the node `drop` after the last of three steps of one call.
fn drops(backend: &mut dyn Backend, case: &cases::Case, seed: u32, first_step: u32) -> Vec<f32> {
    let (x, y, parameters) = cases::fill(case, 3 * case.batch);
    backend.set_state(&State::new(parameters)).unwrap();
    let order: Vec<u32> = (0..3 * case.batch as u32).collect();
    let batches = Batches { seed, first_step, ..Batches::plain(&order) };
    let go_on = &mut |_| ControlFlow::Continue(());
    backend.train(DatasetRef::new(&x, &y), &batches, Sgd::plain(0.0), go_on).unwrap();
    let drop = case.graph.find("drop").unwrap();
    backend.tensor(drop, Tensor::Value).unwrap()
}

#[test]
fn dropout_is_drawn_anew_in_each_step_and_from_each_seed_and_alike_on_both_devices() {
    let case = cases::all().into_iter().find(|case| case.name == "aids on a branch").unwrap();
    let plan = || Plan::new(case.graph.clone(), case.batch).unwrap();
    let mut cpu = Cpu::new(plan(), 2).unwrap();
    let first = drops(&mut cpu, &case, 42, 7);
    assert!(first == drops(&mut cpu, &case, 42, 7), "the same again");
    assert!(first != drops(&mut cpu, &case, 42, 8), "another step");
    let (x, y, _) = cases::fill(&case, 3 * case.batch);
    let order: Vec<u32> = (2 * case.batch as u32..3 * case.batch as u32).collect();
    let third = Batches { seed: 42, first_step: 9, ..Batches::plain(&order) };
    cpu.train_step(DatasetRef::new(&x, &y), &third, Sgd::plain(0.0)).unwrap();
    let drop = case.graph.find("drop").unwrap();
    assert!(first == cpu.tensor(drop, Tensor::Value).unwrap(), "the third step of three from 7");
    assert!(first != drops(&mut cpu, &case, 43, 7), "another seed");
    let Some(mut gpu) = common::gpu::open(plan(), KernelVariant::default()) else { return };
    let zeros = |of: &[f32]| of.iter().map(|v| *v == 0.0).collect::<Vec<_>>();
    assert_eq!(zeros(&drops(&mut gpu, &case, 42, 7)), zeros(&first));
}
