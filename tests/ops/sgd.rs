//! Gradient descent: momentum and Nesterov's.

use genre_gpu::backend::{DatasetRef, Optimizer, State};
use genre_gpu::check::{OPTIMIZERS, Opened, batches, updates};

use crate::common::backend::Implementation;
use crate::common::cases::{self, Case, conv, one};
use crate::common::plan;
use genre_gpu::graph::{Activation, Padding};

mod momentum {
    on_all! { super::follows_its_formula, 0 }
}

mod nesterov {
    on_all! { super::follows_its_formula, 1 }
}

/// On the CPU the result is bit-identical to the formula in f32.
mod bits {
    #[test]
    fn cpu() {
        for nesterov in [false, true] {
            super::bits_of_the_formula(nesterov);
        }
    }
}

pub(super) fn case() -> Case {
    let op = conv(4, [5, 5], Padding::Same, Activation::Relu);
    one("conv 5×5 same", [7, 11, 3], 5, 3, op)
}

fn sgd(nesterov: bool) -> Optimizer {
    Optimizer::momentum(0.1, 0.9, nesterov)
}

/// Takes three steps; `after` sees each one's gradients.
fn steps(device: &mut Opened, nesterov: bool, after: &mut dyn FnMut(&[f32])) -> State {
    let case = case();
    let (x, y, parameters) = cases::fill(&case, case.batch);
    let samples = DatasetRef::new(&x, &y);
    device.set_parameters(&parameters).unwrap();
    let batch: Vec<u32> = (0..case.batch as u32).collect();
    for _ in 0..3 {
        device.backend().train_step(samples, &batches(&batch), sgd(nesterov)).unwrap();
        after(&device.backend().parameter_gradients().unwrap());
    }
    device.backend().state().unwrap()
}

/// That of a number in [`OPTIMIZERS`].
pub(super) fn follows_its_formula(number: usize, on: Implementation) {
    let case = case();
    let Some(mut device) = on.open(plan::of(&case.graph, case.batch)) else { return };
    for deviation in updates(&case, &mut device, OPTIMIZERS[number]).unwrap() {
        assert!(deviation.wrong.is_none(), "{}", deviation.wrong.unwrap());
    }
}

fn bits_of_the_formula(nesterov: bool) {
    let case = case();
    let mut cpu = Implementation::Cpu.open(plan::of(&case.graph, case.batch)).unwrap();
    let (_, _, parameters) = cases::fill(&case, case.batch);
    let (mut w, mut v) = (parameters.clone(), vec![0.0; parameters.len()]);
    let state = steps(&mut cpu, nesterov, &mut |gradients| {
        for ((w, v), g) in w.iter_mut().zip(&mut v).zip(gradients) {
            *v = 0.9 * *v - 0.1 * g;
            *w += if nesterov { 0.9 * *v - 0.1 * g } else { *v };
        }
    });
    assert_eq!(state, State { parameters: w, velocity: v, second_moment: Vec::new() });
}
