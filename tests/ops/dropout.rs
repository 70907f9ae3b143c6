//! dropout.

use std::ops::ControlFlow;

use genre_gpu::backend::{Batches, DatasetRef, Optimizer, Tensor};
use genre_gpu::check::Opened;

use crate::common::backend::{Implementation, default_gpu};
use crate::common::cases::{self, Case};
use crate::common::plan;

op_tests! {
    "dropout",
    cases::dropout::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}

/// Outputs of the node `drop` after the last of three steps of one call.
fn drops(device: &mut Opened, case: &Case, seed: u32, first_step: u32) -> Vec<f32> {
    let (x, y, parameters) = cases::fill(case, 3 * case.batch);
    device.set_parameters(&parameters).unwrap();
    let order: Vec<u32> = (0..3 * case.batch as u32).collect();
    let batches = Batches { seed, first_step, ..Batches::plain(&order) };
    let watch = &mut |_| ControlFlow::Continue(());
    let backend = device.backend();
    backend.train(DatasetRef::new(&x, &y), &batches, Optimizer::sgd(0.0), watch).unwrap();
    backend.tensor(case.graph.find("drop").unwrap(), Tensor::Value).unwrap()
}

#[test]
fn masks_depend_on_step_and_seed_and_are_the_same_on_both_devices() {
    let case = cases::concat::many_readers_of_one_node();
    let plan = || plan::of(&case.graph, case.batch);
    let mut cpu = Implementation::Cpu.open(plan()).unwrap();
    let first = drops(&mut cpu, &case, 42, 7);
    assert!(first == drops(&mut cpu, &case, 42, 7), "the same again");
    assert!(first != drops(&mut cpu, &case, 42, 8), "another step");
    let (x, y, _) = cases::fill(&case, 3 * case.batch);
    let order: Vec<u32> = (2 * case.batch as u32..3 * case.batch as u32).collect();
    let third = Batches { seed: 42, first_step: 9, ..Batches::plain(&order) };
    cpu.backend().train_step(DatasetRef::new(&x, &y), &third, Optimizer::sgd(0.0)).unwrap();
    let drop = case.graph.find("drop").unwrap();
    let value = cpu.backend().tensor(drop, Tensor::Value).unwrap();
    assert!(first == value, "the third step of three from 7");
    assert!(first != drops(&mut cpu, &case, 43, 7), "another seed");
    let Some(mut gpu) = default_gpu(plan()) else { return };
    let zeros = |of: &[f32]| of.iter().map(|v| *v == 0.0).collect::<Vec<_>>();
    assert_eq!(zeros(&drops(&mut gpu, &case, 42, 7)), zeros(&first));
}
