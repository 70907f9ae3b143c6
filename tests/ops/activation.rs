//! activation.

use genre_gpu::backend::{DatasetRef, Tensor};
use genre_gpu::graph::{Activation, Graph, Op, Padding, Shape};

use crate::common::backend::Implementation;
use crate::common::cases::{self, conv, head};
use crate::common::{naive, plan};

op_tests! {
    "activation",
    cases::activation::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}

/// Tiny, large and infinite numbers and a NaN, which an exponential may make too much of.
mod extremes {
    // No kernel variant has kernels of its own.
    tests_on! { [cpu Cpu, gpu_plain GpuPlain,] super::extremes_are_those_of_the_reference }
}

const EXTREMES: [f32; 27] = [
    0.0,
    -0.0,
    1e-20,
    -1e-20,
    1e-7,
    -1e-7,
    1e-3,
    -1e-3,
    0.3,
    -0.3,
    -0.36,
    1.0,
    -1.0,
    5.0,
    -5.0,
    9.5,
    -9.5,
    50.0,
    -50.0,
    90.0,
    -90.0,
    1e10,
    -1e10,
    f32::MAX,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// One sample for each number: another's NaN cannot reach it.
fn extremes_are_those_of_the_reference(on: Implementation) {
    for function in cases::activation::FUNCTIONS {
        let mut graph = Graph::new("extremes", Shape::Map { h: 1, w: 1, c: 1 });
        let op = conv(1, [1, 1], Padding::Same, Activation::Linear);
        let stem = graph.push("stem", op, &[graph.input()]).unwrap();
        let node = graph.push("op", Op::Activation { function }, &[stem]).unwrap();
        head(&mut graph, node);
        let mut parameters = vec![0.0; graph.parameter_count()];
        // The stem passes the samples on, the head passes 1 back.
        parameters[0] = 1.0;
        parameters[2..5].fill(1.0);
        let y = vec![0; EXTREMES.len()];
        let Some(mut device) = on.open(plan::of(&graph, EXTREMES.len())) else { return };
        device.set_parameters(&parameters).unwrap();
        let backend = device.backend();
        let samples: Vec<u32> = (0..EXTREMES.len() as u32).collect();
        backend.logit_gradients(DatasetRef::new(&EXTREMES, &y), &samples).unwrap();
        let value = backend.tensor(node, Tensor::Value).unwrap();
        let slope = backend.tensor(stem, Tensor::Gradient).unwrap();

        let wide: Vec<f64> = EXTREMES.iter().map(|v| f64::from(*v)).collect();
        let tensors = naive::widen(&graph, &parameters);
        let want = naive::pass_in(naive::Mode::Evaluate, &graph, &tensors, &wide, &y);
        for (i, x) in EXTREMES.iter().enumerate() {
            let both = [
                ("value", value[i], want.values[node.index()][i]),
                ("slope", slope[i], want.gradients[stem.index()][i]),
            ];
            for (what, got, want) in both {
                let close = (f64::from(got) - want).abs() <= 1e-6 * (1.0 + want.abs());
                let same = f64::from(got) == want || (got.is_nan() && want.is_nan());
                assert!(
                    same || (want.is_finite() && close),
                    "{what} of {function:?} at {x}: {got}, want {want}"
                );
            }
        }
    }
}
