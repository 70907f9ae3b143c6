//! The optimisers beyond gradient descent: weight decay, Adam, and clipping by the norm of all gradients.

use std::ops::ControlFlow;

use genre_gpu::backend::{Batches, DatasetRef, Optimizer, State};
use genre_gpu::check::{OPTIMIZERS, Opened};
use genre_gpu::graph::{Activation, Graph, Op, Padding, Shape};

use crate::common::backend::Implementation;
use crate::common::cases::{self, Case, conv, dense, norm};
use crate::common::plan;
use crate::sgd::{case, follows_its_formula};

mod decay {
    on_all! { super::follows_its_formula, 2 }
}

mod adam {
    on_all! { super::follows_its_formula, 3 }
}

mod adamw_clipped {
    on_all! { super::follows_its_formula, 4 }
}

mod sgd_clipped {
    on_all! { super::follows_its_formula, 5 }
}

mod large_norms {
    on_all! { super::a_large_norm_clips_nothing }
}

mod not_finite {
    on_all! { super::a_norm_that_is_not_finite_makes_all_weights_nan }
}

mod statistics {
    on_all! { super::moving_statistics_do_not_decay }
}

mod changes {
    on_all! { super::an_optimiser_without_second_moments_drops_them }
}

mod rates {
    on_all! { super::each_step_has_its_rate }
}

/// On the CPU the result is bit-identical for any number of threads.
mod threads {
    #[test]
    fn cpu() {
        super::bits_do_not_depend_on_threads();
    }
}

/// A device, samples, labels and weights.
type Start = (Opened, Vec<f32>, Vec<u32>, Vec<f32>);

fn open(case: &Case, on: Implementation) -> Option<Start> {
    let mut device = on.open(plan::of(&case.graph, case.batch))?;
    let (x, y, parameters) = cases::fill(case, 3 * case.batch - 1);
    device.set_parameters(&parameters).unwrap();
    Some((device, x, y, parameters))
}

/// Three steps, the last on a partial batch.
fn train(device: &mut Opened, (x, y): (&[f32], &[u32]), optimizer: Optimizer) -> State {
    let order: Vec<u32> = (0..y.len() as u32).collect();
    let go_on = &mut |_| ControlFlow::Continue(());
    let backend = device.backend();
    backend.train(DatasetRef::new(x, y), &Batches::plain(&order), optimizer, go_on).unwrap();
    backend.state().unwrap()
}

/// Weights are those without clipping, up to a rounding: gradients are summed alike.
fn a_large_norm_clips_nothing(on: Implementation) {
    let case = case();
    for (_, optimizer) in OPTIMIZERS {
        let optimizer = Optimizer { clip_norm: None, ..optimizer };
        let Some((mut device, x, y, parameters)) = open(&case, on) else { return };
        let want = train(&mut device, (&x, &y), optimizer);
        device.set_parameters(&parameters).unwrap();
        let clipped = Optimizer { clip_norm: Some(1e9), ..optimizer };
        let got = train(&mut device, (&x, &y), clipped);
        for (got, want) in got.parameters.iter().zip(&want.parameters) {
            assert!((got - want).abs() <= 1e-6, "{got} {want}");
        }
    }
}

fn a_norm_that_is_not_finite_makes_all_weights_nan(on: Implementation) {
    let case = case();
    for (_, optimizer) in &OPTIMIZERS[4..] {
        let Some((mut device, mut x, y, _)) = open(&case, on) else { return };
        // Whose gradient's square is beyond f32, but not the gradient.
        x.iter_mut().for_each(|x| *x *= 1e22);
        let batch: Vec<u32> = (0..case.batch as u32).collect();
        let batches = Batches::plain(&batch);
        let samples = DatasetRef::new(&x, &y);
        let metrics = device.backend().train_step(samples, &batches, *optimizer).unwrap();
        let gradients = device.backend().parameter_gradients().unwrap();
        assert!(gradients.iter().any(|g| g.is_finite() && g.abs() > 1e20));
        let state = device.backend().state().unwrap();
        assert!(state.parameters.iter().all(|w| w.is_nan()), "{:?}", state.parameters);
        let is_gpu = !matches!(on, Implementation::Cpu);
        assert_eq!(metrics.loss.is_nan(), is_gpu, "a GPU tells of the last step itself");
    }
}

/// A convolution, a batch norm and a dense layer with a penalty.
fn with_norm() -> Case {
    let mut graph = Graph::new("norm", Shape::Map { h: 7, w: 11, c: 1 });
    let mut last = graph.input();
    for (name, op) in [
        ("conv", conv(4, [3, 3], Padding::Same, Activation::Linear)),
        ("norm", norm(Activation::Relu)),
        ("flat", Op::Flatten),
        ("dense", dense(4, Activation::Linear, 0.01)),
        ("softmax", Op::Softmax),
    ] {
        last = graph.push(name, op, &[last]).unwrap();
    }
    Case {
        name: "norm",
        graph,
        batch: 5,
        partial: 3,
        ties: false,
        loss: genre_gpu::backend::Loss::default(),
    }
}

/// After a step the moving statistics are those of a step without decay; no other tensor is.
fn moving_statistics_do_not_decay(on: Implementation) {
    let case = with_norm();
    for (what, optimizer) in OPTIMIZERS.iter().filter(|(_, o)| o.weight_decay > 0.0) {
        let Some((mut device, x, y, parameters)) = open(&case, on) else { return };
        let (samples, batch) = (DatasetRef::new(&x, &y), [0, 1, 2, 3, 4]);
        let [with, without] = [optimizer.weight_decay, 0.0].map(|weight_decay| {
            device.set_parameters(&parameters).unwrap();
            let optimizer = Optimizer { weight_decay, ..*optimizer };
            let backend = device.backend();
            backend.train_step(samples, &Batches::plain(&batch), optimizer).unwrap();
            backend.state().unwrap().parameters
        });
        for p in case.graph.parameters() {
            let same = with[p.range()] == without[p.range()];
            assert_eq!(same, !p.role.is_trainable(), "{what}: {}", p.name);
        }
    }
}

/// The velocity goes over from one optimiser to the other.
fn an_optimiser_without_second_moments_drops_them(on: Implementation) {
    let case = case();
    let Some((mut device, x, y, _)) = open(&case, on) else { return };
    let still = |optimizer| Optimizer { learning_rate: 0.0, ..optimizer };
    let of_adam = train(&mut device, (&x, &y), still(Optimizer::adam(0.0)));
    assert_eq!(of_adam.second_moment.len(), of_adam.parameters.len());
    assert!(of_adam.second_moment.iter().any(|v| *v > 0.0));
    let of_sgd = train(&mut device, (&x, &y), Optimizer::momentum(0.0, 1.0, false));
    assert!(of_sgd.second_moment.is_empty());
    assert_eq!(of_sgd.velocity, of_adam.velocity);
    // A state that is set back goes on as it would have.
    let rest = |device: &mut Opened| train(device, (&x, &y), Optimizer::adam(0.01));
    device.backend().set_state(&of_adam).unwrap();
    let once = rest(&mut device);
    device.backend().set_state(&of_adam).unwrap();
    assert_eq!(rest(&mut device), once);
    device.backend().set_state(&of_sgd).unwrap();
    assert_eq!(device.backend().state().unwrap(), of_sgd);
}

/// As calls of one step, each with the optimiser's rate; other numbers of rates are refused.
fn each_step_has_its_rate(on: Implementation) {
    let case = case();
    for (_, optimizer) in OPTIMIZERS {
        let Some((mut device, x, y, parameters)) = open(&case, on) else { return };
        let (samples, rates) = (DatasetRef::new(&x, &y), [0.05, 0.001, 0.02]);
        let order: Vec<u32> = (0..y.len() as u32).collect();
        for (i, (order, learning_rate)) in order.chunks(case.batch).zip(rates).enumerate() {
            let batches = Batches { first_step: i as u32, ..Batches::plain(order) };
            let optimizer = Optimizer { learning_rate, ..optimizer };
            device.backend().train_step(samples, &batches, optimizer).unwrap();
        }
        let want = device.backend().state().unwrap();
        device.set_parameters(&parameters).unwrap();
        let batches = Batches { rates: &rates, ..Batches::plain(&order) };
        let go_on = &mut |_| ControlFlow::Continue(());
        device.backend().train(samples, &batches, optimizer, go_on).unwrap();
        assert_eq!(device.backend().state().unwrap(), want);
        let batches = Batches { rates: &rates[1..], ..batches };
        let error = device.backend().train(samples, &batches, optimizer, go_on).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("learning rates of steps: expected none, or 3, found 2"), "{said}");
    }
}

fn bits_do_not_depend_on_threads() {
    use genre_gpu::cpu::Cpu;
    let case = with_norm();
    let (x, y, parameters) = cases::fill(&case, 3 * case.batch - 1);
    for (what, optimizer) in OPTIMIZERS {
        let states = [1, 2, 5].map(|threads| {
            let cpu = Cpu::new(plan::of(&case.graph, case.batch), threads).unwrap();
            let mut device = Opened::Cpu(Box::new(cpu));
            device.set_parameters(&parameters).unwrap();
            train(&mut device, (&x, &y), optimizer)
        });
        assert!(states.iter().all(|state| *state == states[0]), "{what}");
    }
}
