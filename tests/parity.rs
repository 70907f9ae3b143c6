//! The GPU path against the naive reference, op by op, with every kernel there is,
//! then whole models and whole runs: CPU, GPU and Keras beside each other.

#![allow(clippy::unwrap_used)]

mod common;

use common::cases;
use common::compare::compare;
use genre_gpu::backend::{Backend, Samples, State};
use genre_gpu::gpu::Form;
use genre_gpu::plan::Plan;

fn ops(form: Form) {
    for case in cases::all() {
        let (x, y, parameters) = cases::fill(&case, 2 * case.batch);
        let samples = Samples::new(&x, &y);
        let plan = Plan::new(case.graph.clone(), case.batch).unwrap();
        let Some(mut gpu) = common::gpu::open(plan, form) else { return };
        gpu.set_state(&State::new(parameters.clone())).unwrap();
        let all: Vec<u32> = (0..2 * case.batch as u32).rev().collect();
        for batch in [&all[..case.batch], &all[case.batch..], &all[1..=case.partial]] {
            // What is not written shows.
            gpu.fill(1e9);
            compare(&case, &mut gpu, samples, batch, &parameters);
        }
        assert_eq!(gpu.state().unwrap().parameters, parameters, "a rate of 0 moves nothing");
    }
}

#[test]
fn plain_kernels_agree_with_naive_tensor_by_tensor() {
    ops(Form::Plain);
}

#[test]
fn tuned_kernels_agree_with_naive_tensor_by_tensor() {
    ops(Form::Tuned);
}
