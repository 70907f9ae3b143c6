//! Every op, forward and backward: finite differences → naive f64 → CPU.

#![allow(clippy::unwrap_used)]

mod common;

use common::cases;
use common::compare::{compare, compare_evaluation, compare_explanation};
use common::levels;
use common::naive::{self, Mode};
use genre_gpu::backend::{Backend, Batches, DatasetRef, Sgd, State};
use genre_gpu::cpu::Cpu;
use genre_gpu::plan::{Gradient, Plan};

#[test]
fn naive_gradients_are_the_slopes_of_the_naive_loss() {
    for case in cases::all().iter().filter(|case| !case.ties) {
        let n = case.partial;
        let (x, y, parameters) = cases::fill(case, n);
        let x: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let parameters = naive::widen(&case.graph, &parameters);
        let pass = naive::pass(&case.graph, &parameters, &x, &y);
        let slope = |loss: &dyn Fn(f64) -> f64| {
            // Small, so that hardly any ReLU or maximum changes sides on the way.
            let step = 1e-7;
            (loss(step) - loss(-step)) / (2.0 * step)
        };
        for (t, tensor) in parameters.iter().enumerate() {
            // A few elements of each tensor; all where there are few.
            for i in (0..tensor.len()).step_by(tensor.len().div_ceil(12)) {
                let want = slope(&|step| {
                    let mut moved = parameters.clone();
                    moved[t][i] += step;
                    naive::pass(&case.graph, &moved, &x, &y).loss
                });
                let got = pass.parameter_gradients[t][i];
                let name = &case.graph.parameters()[t].name;
                assert!((got - want).abs() < 1e-6, "{}: {name}[{i}]: {got} {want}", case.name);
            }
        }
        for i in (0..x.len()).step_by(x.len().div_ceil(12)) {
            let want = slope(&|step| {
                let mut moved = x.clone();
                moved[i] += step;
                naive::pass(&case.graph, &parameters, &moved, &y).loss
            });
            let got = pass.gradients[0][i];
            assert!((got - want).abs() < 1e-6, "{}: input[{i}]: {got} {want}", case.name);
        }
    }
}

#[test]
fn naive_logit_gradients_are_the_slopes_of_the_naive_logits() {
    for case in cases::all().iter().filter(|case| !case.ties) {
        let n = case.partial;
        let (x, y, parameters) = cases::fill(case, n);
        let x: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let parameters = naive::widen(&case.graph, &parameters);
        let own = |x: &[f64]| {
            let pass = naive::pass_in(Mode::Evaluate, &case.graph, &parameters, x, &y);
            let logits = &pass.values[pass.values.len() - 2];
            let rows = logits.chunks(case.graph.classes()).zip(&y);
            rows.map(|(row, y)| row[*y as usize]).sum::<f64>()
        };
        let pass = naive::pass_in(Mode::Evaluate, &case.graph, &parameters, &x, &y);
        for i in (0..x.len()).step_by(x.len().div_ceil(12)) {
            let at = |step: f64| {
                let mut moved = x.clone();
                moved[i] += step;
                own(&moved)
            };
            let (want, got) = ((at(1e-7) - at(-1e-7)) / 2e-7, pass.gradients[0][i]);
            assert!((got - want).abs() < 2e-6, "{}: input[{i}]: {got} {want}", case.name);
        }
    }
}

#[test]
fn cpu_agrees_with_naive_tensor_by_tensor() {
    for case in cases::all() {
        let (x, y, parameters) = cases::fill(&case, 2 * case.batch);
        let samples = DatasetRef::new(&x, &y);
        let plan = Plan::new(case.graph.clone(), case.batch).unwrap();
        let mut cpu = Cpu::new(plan, 2).unwrap();
        cpu.set_state(&State::new(parameters.clone())).unwrap();
        // Two whole batches, the second over what the first left in the buffers, then a partial one.
        let all: Vec<u32> = (0..2 * case.batch as u32).rev().collect();
        for batch in [&all[..case.batch], &all[case.batch..], &all[1..=case.partial]] {
            compare(&case, &mut cpu, samples, batch, &parameters);
        }
        compare_evaluation(&case, &mut cpu, samples);
        for batch in [&all[..case.batch], &all[1..=case.partial]] {
            compare_explanation(&case, &mut cpu, samples, batch);
        }
    }
}

#[test]
fn the_first_layer_never_computes_its_input_gradient() {
    for case in cases::all() {
        let plan = Plan::new(case.graph.clone(), case.batch).unwrap();
        for id in plan.graph().ids() {
            let inputs = plan.graph().node(id).inputs.iter().zip(plan.input_gradients(id));
            let mut of_samples = inputs.filter(|(input, _)| **input == plan.graph().input());
            assert!(of_samples.all(|(_, rule)| *rule == Gradient::Skip), "{}", case.name);
        }
    }
}

/// Steps whose tensors nobody looks at are walked in other buffers.
#[test]
fn many_steps_in_one_call_give_the_bits_of_one_call_each() {
    for case in cases::all() {
        let (x, y, parameters) = cases::fill(&case, 2 * case.batch + 1);
        let samples = DatasetRef::new(&x, &y);
        let order: Vec<u32> = (0..2 * case.batch as u32 + 1).rev().collect();
        let open = || {
            let plan = Plan::new(case.graph.clone(), case.batch).unwrap();
            let mut cpu = Cpu::new(plan, 2).unwrap();
            cpu.set_state(&State::new(parameters.clone())).unwrap();
            cpu
        };
        let (mut one, mut each) = (open(), open());
        let mut go_on = |_| std::ops::ControlFlow::Continue(());
        let tallies =
            one.train(samples, &Batches::plain(&order), Sgd::plain(0.1), &mut go_on).unwrap();
        for (step, (batch, tally)) in order.chunks(case.batch).zip(tallies).enumerate() {
            let batches = Batches { first_step: step as u32, ..Batches::plain(batch) };
            assert_eq!(each.train_step(samples, &batches, Sgd::plain(0.1)).unwrap(), tally);
        }
        assert_eq!(one.state().unwrap(), each.state().unwrap(), "{}", case.name);
    }
}

#[test]
fn momentum_follows_its_formula() {
    for nesterov in [false, true] {
        follows_its_formula(nesterov);
    }
}

fn follows_its_formula(nesterov: bool) {
    let case = &cases::all()[0];
    let (x, y, parameters) = cases::fill(case, case.batch);
    let samples = DatasetRef::new(&x, &y);
    let mut cpu = Cpu::new(Plan::new(case.graph.clone(), case.batch).unwrap(), 1).unwrap();
    cpu.set_state(&State::new(parameters.clone())).unwrap();
    let batch: Vec<u32> = (0..case.batch as u32).collect();
    let (mut w, mut v) = (parameters.clone(), vec![0.0; parameters.len()]);
    for _ in 0..3 {
        let sgd = Sgd { momentum: 0.9, nesterov, ..Sgd::plain(0.1) };
        cpu.train_step(samples, &Batches::plain(&batch), sgd).unwrap();
        for ((w, v), g) in w.iter_mut().zip(&mut v).zip(cpu.parameter_gradients().unwrap()) {
            *v = 0.9 * *v - 0.1 * g;
            *w += if nesterov { 0.9 * *v - 0.1 * g } else { *v };
        }
    }
    assert_eq!(cpu.state().unwrap(), State { parameters: w, velocity: v });
}

#[test]
fn cpu_agrees_with_naive_at_every_vector_level() {
    levels::again(&[
        "cpu_agrees_with_naive_tensor_by_tensor",
        "many_steps_in_one_call_give_the_bits_of_one_call_each",
    ]);
}
