//! What the GPU promises beyond numbers: NaNs in max-pooling as on the CPU, pipelines that do not
//! depend on the size of a data set, and plans for inference that refuse to train.

use std::ops::ControlFlow;

use genre_gpu::Error;
use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State, Tensor};
use genre_gpu::cpu::Cpu;
use genre_gpu::gpu::{Gpu, KernelVariant};
use genre_gpu::graph::{Activation, Graph, NodeId, Op, Padding, Role, Shape};
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;

/// Rows and columns of the samples, and of the pooling's window.
const SIDE: usize = 4;
const WINDOW: usize = 2;
/// Every set of positions of a window that are NaN.
const SAMPLES: usize = 1 << (WINDOW * WINDOW);

fn conv(filters: usize, activation: Activation) -> Op {
    Op::Conv2d {
        filters,
        kernel: [1, 1],
        strides: [1, 1],
        padding: Padding::Same,
        bias: false,
        activation,
    }
}

/// A stem that copies the sample, then a layer of four channels, the pooling, and a dense layer.
/// Returns the graph, the stem, and the pooling.
fn pooled(normalised: bool, activation: Activation) -> (Graph, NodeId, NodeId) {
    let mut graph = Graph::new("nan", Shape::Map { h: SIDE, w: SIDE, c: 1 });
    let linear = Activation::Linear;
    let stem = graph.push("stem", conv(1, linear), &[graph.input()]).unwrap();
    let first = if normalised { linear } else { activation };
    let mut below = graph.push("conv", conv(4, first), &[stem]).unwrap();
    if normalised {
        let norm = Op::BatchNorm { momentum: 0.9, epsilon: 1e-3, activation };
        below = graph.push("norm", norm, &[below]).unwrap();
    }
    let window = [WINDOW; 2];
    let pool = graph.push("pool", Op::MaxPool2d { window }, &[below]).unwrap();
    let flat = graph.push("flat", Op::Flatten, &[pool]).unwrap();
    let dense = Op::Dense { units: 2, bias: false, activation: linear, l2: 0.0 };
    let logits = graph.push("logits", dense, &[flat]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    (graph, stem, pool)
}

/// Positive weights, so that all channels have their maximum at one place.
fn positive(graph: &Graph) -> Vec<f32> {
    let mut parameters = vec![0.0; graph.parameter_count()];
    for p in graph.parameters() {
        for (i, value) in parameters[p.range()].iter_mut().enumerate() {
            *value = match p.role {
                Role::Beta | Role::MovingMean => 0.0,
                Role::MovingVariance | Role::Gamma => 1.0,
                Role::Kernel | Role::Bias => 1.0 + i as f32 / 8.0,
            };
        }
    }
    parameters
}

/// The positions of a window, in row-major order, as places in the sample.
fn window(row: usize, column: usize) -> [usize; WINDOW * WINDOW] {
    std::array::from_fn(|i| (row * WINDOW + i / WINDOW) * SIDE + column * WINDOW + i % WINDOW)
}

/// Sample `n` is NaN at the positions `n` (as bits) of one of its windows; NaNs of both signs.
fn samples() -> Vec<f32> {
    let mut noise = Stream::new(5, "nan");
    let mut x: Vec<f32> =
        (0..SAMPLES * SIDE * SIDE).map(|_| noise.between(0.5, 1.0) as f32).collect();
    for n in 0..SAMPLES {
        for (i, at) in window(n % 2, n / 2 % 2).into_iter().enumerate() {
            if n >> i & 1 == 1 {
                x[n * SIDE * SIDE + at] = if i % 2 == 0 { f32::NAN } else { -f32::NAN };
            }
        }
    }
    x
}

/// A NaN is larger than any number, and the first one of a window is its maximum.
fn check_nans(
    backend: &mut dyn Backend,
    what: &str,
    nodes: [NodeId; 2],
    relu: bool,
    gradients: bool,
) {
    let x = samples();
    let y: Vec<u32> = (0..SAMPLES as u32).map(|n| n % 2).collect();
    let graph = backend.plan().graph().clone();
    backend.set_state(&State::new(positive(&graph))).unwrap();
    let order: Vec<u32> = (0..SAMPLES as u32).collect();
    backend.logit_gradients(DatasetRef::new(&x, &y), &order).unwrap();
    let [gradient, pooled] = [(nodes[0], Tensor::Gradient), (nodes[1], Tensor::Value)]
        .map(|(node, what)| backend.tensor(node, what).unwrap());
    for (cell, values) in pooled.chunks_exact(4).enumerate() {
        let columns = SIDE / WINDOW;
        let (n, row, column) =
            (cell / (columns * columns), cell / columns % columns, cell % columns);
        let at = window(row, column).map(|at| n * SIDE * SIDE + at);
        let mut best = 0;
        for i in 1..at.len() {
            let (v, top) = (x[at[i]], x[at[best]]);
            if !top.is_nan() && (v.is_nan() || v > top) {
                best = i;
            }
        }
        let is_nan = x[at[best]].is_nan();
        assert!(values.iter().all(|v| v.is_nan() == is_nan), "{what}, sample {n}: {values:?}");
        if !gradients {
            continue;
        }
        // A ReLU passes no gradient at a NaN: it is not larger than 0.
        let passes = |i: usize| i == best && !(relu && is_nan);
        let found: Vec<bool> = at.iter().map(|at| gradient[*at] != 0.0).collect();
        let expected: Vec<bool> = (0..at.len()).map(passes).collect();
        assert_eq!(found, expected, "{what}, sample {n}: {:?}", at.map(|at| x[at]));
    }
}

/// All graphs on a device.
fn check_all_nans(name: &str, open: &dyn Fn(Plan) -> Option<Box<dyn Backend>>) {
    for (normalised, relu) in [(false, false), (false, true), (true, false), (true, true)] {
        let activation = if relu { Activation::Relu } else { Activation::Linear };
        let (graph, stem, pool) = pooled(normalised, activation);
        let Some(mut backend) = open(Plan::new(graph, SAMPLES).unwrap()) else { return };
        let what = format!("{name}, batch norm {normalised}, relu {relu}");
        // The CPU's batch norm multiplies sums over the batch, which a NaN reaches, by 0 in evaluation.
        let gradients = !(normalised && name == "cpu");
        check_nans(&mut *backend, &what, [stem, pool], relu, gradients);
    }
}

#[test]
fn a_nan_is_the_maximum_of_its_window_on_the_cpu() {
    check_all_nans("cpu", &|plan| Some(Box::new(Cpu::new(plan, 2).unwrap())));
}

#[test]
fn a_nan_is_the_maximum_of_its_window_on_the_gpu() {
    for variant in KernelVariant::ALL {
        let open =
            |plan| Some(Box::new(crate::common::gpu::open(plan, variant)?) as Box<dyn Backend>);
        check_all_nans(variant.as_str(), &open);
    }
}

const SHAPE: [usize; 3] = [16, 12, 1];

fn p1() -> Graph {
    Model::open("p1").unwrap().graph(SHAPE, 4).unwrap()
}

fn random(n: usize) -> (Vec<f32>, Vec<u32>) {
    let mut noise = Stream::new(3, "contract");
    let len: usize = SHAPE.iter().product();
    let x = (0..n * len).map(|_| noise.between(-1.0, 1.0) as f32).collect();
    (x, (0..n as u32).map(|i| i % 4).collect())
}

mod inference_dispatches_nothing_that_only_training_reads {
    on_each_variant! { super::kernels_of_inference }
}

fn kernels_of_inference(variant: KernelVariant) {
    for (model, shape) in [("p1", SHAPE), ("p2", [96, 4, 1])] {
        let graph = Model::open(model).unwrap().graph(shape, 4).unwrap();
        let Some(mut gpu) = crate::common::gpu::open(Plan::new(graph, 8).unwrap(), variant) else {
            return;
        };
        let x = vec![0.5; 8 * shape.iter().product::<usize>()];
        gpu.prepare(DatasetRef::new(&x, &[0; 8])).unwrap();
        let training: Vec<&str> = gpu.dispatches().iter().map(|(kernel, ..)| kernel.name).collect();
        let of = |kernels: &[&str], what: &str| kernels.iter().filter(|k| k.contains(what)).count();
        let [evaluation, explanation] = gpu.inference_kernels();
        for wasted in ["moments", "conv2d_backward_weight", "pool2d_backward_weight", "sgd"] {
            let found = of(&evaluation, wasted) + of(&explanation, wasted);
            assert_eq!(found, 0, "{model}: {wasted}");
        }
        // All that was there to be left out was, and nothing else.
        assert_eq!(of(&evaluation, "backward"), 0, "{model}");
        assert_eq!(of(&explanation, "backward_input"), of(&training, "backward_input"), "{model}");
        // In training the optimiser computes the penalty, of which P2 has none.
        let penalties = [&training, &evaluation, &explanation].map(|list| of(list, "penalty"));
        let penalty = usize::from(model == "p1");
        assert_eq!(penalties, [0, penalty, penalty], "{model}");
        for (kept, more) in [("forward", penalty), ("gather", 0)] {
            let [evaluated, explained] = [&evaluation, &explanation].map(|list| of(list, kept));
            let expected = of(&training, kept) + more;
            assert_eq!([evaluated, explained], [expected; 2], "{model}: {kept}");
        }
        assert_eq!(of(&training, "moments") > 0, model == "p2");
    }
}

/// Another plan on the same device, the same one, and one of other layers: the bits are those of a
/// device of its own, nothing is compiled again, and the data stay.
#[test]
fn a_plan_on_a_used_device_gives_the_same_bits() {
    let (x, y) = random(21);
    let samples = DatasetRef::new(&x, &y);
    let order: Vec<u32> = (0..21).map(|i| i * 8 % 21).collect();
    let bn = Model::open("p1-bn").unwrap().graph(SHAPE, 4).unwrap();
    let run = |gpu: &mut Gpu| {
        let start = initial_parameters(gpu.plan().graph(), 42);
        gpu.set_state(&State::new(start)).unwrap();
        let sgd = Optimizer::momentum(0.01, 0.9, false);
        let watch = &mut |_| ControlFlow::Continue(());
        let mut probabilities = Vec::new();
        let steps: Vec<_> = (0..2)
            .map(|_| gpu.train(samples, &Batches::plain(&order), sgd, watch).unwrap())
            .collect();
        let metrics = gpu.evaluate(samples, &mut probabilities).unwrap();
        (steps, metrics, probabilities, gpu.state().unwrap())
    };
    let fresh = |graph: &Graph, batch| {
        let plan = Plan::new(graph.clone(), batch).unwrap();
        crate::common::gpu::open(plan, KernelVariant::default())
    };
    let Some(mut gpu) = fresh(&p1(), 8) else { return };
    let first = run(&mut gpu);
    let (pipelines, uploads) = (gpu.pipelines(), gpu.uploads());
    for (graph, batch) in [(p1(), 8), (bn, 8), (p1(), 5), (p1(), 8)] {
        gpu = gpu.with_plan(Plan::new(graph.clone(), batch).unwrap()).unwrap();
        let got = run(&mut gpu);
        assert!(got == run(&mut fresh(&graph, batch).unwrap()), "{} by {batch}", graph.model());
        if graph.model() == p1().model() && batch == 8 {
            assert!(got == first);
        }
    }
    assert_eq!(gpu.uploads(), uploads, "the data were there");
    let before = gpu.pipelines();
    assert!(before > pipelines, "the other layers have kernels of their own");
    gpu = gpu.with_plan(Plan::new(p1(), 8).unwrap()).unwrap();
    run(&mut gpu);
    assert_eq!(gpu.pipelines(), before);
}

#[test]
fn data_sets_of_other_sizes_compile_no_pipeline() {
    for variant in KernelVariant::ALL {
        let Some(mut gpu) = crate::common::gpu::open(Plan::new(p1(), 8).unwrap(), variant) else {
            return;
        };
        let mut pipelines = Vec::new();
        for n in [8, 21, 40] {
            let (x, y) = random(n);
            gpu.evaluate(DatasetRef::new(&x, &y), &mut Vec::new()).unwrap();
            pipelines.push(gpu.pipelines());
        }
        assert_eq!(pipelines, [pipelines[0]; 3], "{variant:?}");
    }
}

#[test]
fn a_plan_for_inference_evaluates_alike_and_refuses_to_train() {
    let (x, y) = random(21);
    let data = DatasetRef::new(&x, &y);
    let state = State::new(initial_parameters(&p1(), 42));
    let order: Vec<u32> = (0..8).collect();
    for variant in KernelVariant::ALL {
        let mut results = Vec::new();
        for plan in [Plan::new(p1(), 8).unwrap(), Plan::for_inference(p1(), 8).unwrap()] {
            let Some(mut gpu) = crate::common::gpu::open(plan, variant) else { return };
            gpu.set_state(&state).unwrap();
            let mut probabilities = Vec::new();
            let metrics = gpu.evaluate(data, &mut probabilities).unwrap();
            results.push((metrics, probabilities, gpu.state().unwrap()));
            if gpu.plan().trains() {
                continue;
            }
            let labels: Vec<&str> = gpu.dispatches().iter().map(|(k, ..)| k.name).collect();
            assert!(
                labels
                    .iter()
                    .all(|label| label.ends_with("forward") || label.ends_with("forward_tiled")),
                "{labels:?}"
            );
            let batches = Batches::plain(&order);
            let train =
                gpu.train(data, &batches, Optimizer::sgd(0.1), &mut |_| ControlFlow::Continue(()));
            let refusals = [
                train.map(drop),
                gpu.logit_gradients(data, &order),
                gpu.parameter_gradients().map(drop),
            ];
            for refused in refusals {
                let error = refused.unwrap_err();
                assert!(matches!(error, Error::Mismatch { .. }), "{error}");
                assert!(error.to_string().contains("a plan made for inference"), "{error}");
            }
            assert_eq!(gpu.state().unwrap(), state);
        }
        assert!(results[0] == results[1], "{variant:?}");
    }
}
