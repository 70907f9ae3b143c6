//! Every op, forward and backward: finite differences → naive f64 → CPU.

#![allow(clippy::unwrap_used)]

mod common;

use common::cases;
use common::compare::{compare, compare_evaluation, compare_explanation};
use common::naive::{self, Mode};
use genre_gpu::backend::{Backend, Batches, Samples, Sgd, State};
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
        let samples = Samples::new(&x, &y);
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
            let reads_input = plan.graph().node(id).inputs.contains(&plan.graph().input());
            assert!(!reads_input || plan.input_gradients(id) == [Gradient::Skip]);
        }
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
    let samples = Samples::new(&x, &y);
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
