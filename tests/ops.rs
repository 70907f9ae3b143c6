//! Every op, forward and backward: finite differences → naive f64 → CPU.

#![allow(clippy::unwrap_used)]

mod common;

use common::cases::{self, Case};
use common::close::assert_close;
use common::naive;
use genre_gpu::backend::{Backend, Samples, Sgd, State, Tensor};
use genre_gpu::cpu::Cpu;
use genre_gpu::graph::{Op, Shape};
use genre_gpu::plan::{Gradient, Plan};

const STILL: Sgd = Sgd { learning_rate: 0.0, momentum: 0.0 };

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

fn extents(n: usize, shape: Shape) -> Vec<usize> {
    match shape {
        Shape::Map { h, w, c } => vec![n, h, w, c],
        Shape::Flat(len) => vec![n, len],
    }
}

/// Compares every tensor of one step on the samples `batch`.
fn compare(case: &Case, cpu: &mut Cpu, samples: Samples<'_>, batch: &[u32], parameters: &[f32]) {
    let graph = &case.graph;
    let len = graph.node(graph.input()).shape.len();
    let x: Vec<f64> = (batch.iter())
        .flat_map(|&i| &samples.x[i as usize * len..][..len])
        .map(|&v| f64::from(v))
        .collect();
    let y: Vec<u32> = batch.iter().map(|&i| samples.y[i as usize]).collect();
    let want = naive::pass(graph, &naive::widen(graph, parameters), &x, &y);
    let tally = cpu.train_step(samples, batch, STILL).unwrap();
    assert_eq!(tally.samples, batch.len() as u64);
    assert_eq!(tally.correct, want.correct as u64, "{}", case.name);
    let loss = tally.loss / batch.len() as f64;
    assert!((loss - want.loss).abs() < 1e-6, "{}: loss {loss}, want {}", case.name, want.loss);
    for id in graph.ids() {
        let node = graph.node(id);
        let name = format!("{}, {} (batch of {})", case.name, node.name, batch.len());
        let extents = extents(batch.len(), node.shape);
        let value = cpu.tensor(id, Tensor::Value).unwrap();
        assert_close(&name, &extents, &value, &want.values[id.index()], 2e-6, 2e-6);
        let gradient = cpu.tensor(id, Tensor::Gradient).unwrap();
        let planned = cpu.plan().has_gradient(cpu.plan().slot(id));
        assert_eq!(planned, !gradient.is_empty(), "{name}: is its gradient computed?");
        // A flatten shares its input's buffer, which is compared under the input's name.
        if planned && node.op != Op::Flatten {
            let name = format!("gradient of {name}");
            assert_close(&name, &extents, &gradient, &want.gradients[id.index()], 1e-6, 2e-6);
        }
    }
    let gradients = cpu.parameter_gradients().unwrap();
    for (p, want) in graph.parameters().iter().zip(&want.parameter_gradients) {
        let name = format!("{}: gradient of {}", case.name, p.name);
        assert_close(&name, &p.shape, &gradients[p.range()], want, 2e-6, 5e-6);
    }
}

#[test]
fn cpu_agrees_with_naive_tensor_by_tensor() {
    for case in cases::all() {
        let (x, y, parameters) = cases::fill(&case, 2 * case.batch);
        let samples = Samples { x: &x, y: &y };
        let plan = Plan::new(case.graph.clone(), case.batch).unwrap();
        let mut cpu = Cpu::new(plan, 2).unwrap();
        cpu.set_state(&State::new(parameters.clone())).unwrap();
        // Two whole batches, the second over what the first left in the buffers, then a partial one.
        let all: Vec<u32> = (0..2 * case.batch as u32).rev().collect();
        compare(&case, &mut cpu, samples, &all[..case.batch], &parameters);
        compare(&case, &mut cpu, samples, &all[case.batch..], &parameters);
        compare(&case, &mut cpu, samples, &all[1..=case.partial], &parameters);
        assert_eq!(cpu.state().unwrap().parameters, parameters, "a rate of 0 moves nothing");
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
    let case = &cases::all()[0];
    let (x, y, parameters) = cases::fill(case, case.batch);
    let samples = Samples { x: &x, y: &y };
    let mut cpu = Cpu::new(Plan::new(case.graph.clone(), case.batch).unwrap(), 1).unwrap();
    cpu.set_state(&State::new(parameters.clone())).unwrap();
    let batch: Vec<u32> = (0..case.batch as u32).collect();
    let (mut w, mut v) = (parameters.clone(), vec![0.0; parameters.len()]);
    for _ in 0..3 {
        cpu.train_step(samples, &batch, Sgd { learning_rate: 0.1, momentum: 0.9 }).unwrap();
        for ((w, v), g) in w.iter_mut().zip(&mut v).zip(cpu.parameter_gradients().unwrap()) {
            *v = 0.9 * *v - 0.1 * g;
            *w += *v;
        }
    }
    assert_eq!(cpu.state().unwrap(), State { parameters: w, velocity: v });
}
