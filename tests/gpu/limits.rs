//! What a device's limits and failures do: a set that is split, a plan that does
//! not fit, a device that is lost.

use std::ops::ControlFlow;

use crate::common::backend::evaluate;
use crate::common::gpu::{
    open_capped, open_impatient, open_limited, open_plain_capped, skipped, wanted,
};
use crate::common::{cases, plan};
use genre_gpu::Error;
use genre_gpu::backend::{Augmentation, Backend, Batches, DatasetRef, Optimizer, State};
use genre_gpu::gpu::{Caps, Gpu, KernelVariant};
use genre_gpu::graph::{Activation, Graph, Op, Padding, Shape};
use genre_gpu::models::Model;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;

const SGD: Optimizer = Optimizer::momentum(0.01, 0.9, false);

fn p1() -> Graph {
    Model::open("p1").unwrap().graph([16, 12, 1], 4).unwrap()
}

/// P1 with its first weights; no buffer has more bytes than `cap`.
fn ready(cap: Option<u64>) -> Option<Gpu> {
    let mut gpu = open_capped(plan::of(&p1(), 8), cap)?.unwrap();
    gpu.set_state(&State::new(initial_parameters(&p1(), 42))).unwrap();
    Some(gpu)
}

fn set(n: usize) -> (Vec<f32>, Vec<u32>) {
    let mut noise = Stream::new(3, "x");
    let x = (0..n * 16 * 12).map(|_| noise.between(-1.0, 1.0) as f32).collect();
    (x, (0..n as u32).map(|i| i % 4).collect())
}

#[test]
fn a_set_split_over_buffers_gives_the_same_bits() {
    let (x, y) = set(1400);
    // Some 1,080,000 bytes of samples.
    let mut results = Vec::new();
    for (cap, buffers) in [(None, 1), (Some(262_144), 5)] {
        let Some(mut gpu) = ready(cap) else { return };
        let samples = DatasetRef::new(&x, &y);
        let order: Vec<u32> = (0..1400).map(|i| i * 333 % 1400).collect();
        let augmentations: Vec<Augmentation> = (0..1400u32)
            .map(|i| Augmentation {
                roll: i % 12,
                band: i % 16,
                bands: 1,
                ..Augmentation::default()
            })
            .collect();
        let batches = Batches { augmentations: &augmentations, ..Batches::plain(&order) };
        let watch = &mut |_| ControlFlow::Continue(());
        let steps = gpu.train(samples, &batches, SGD, watch).unwrap();
        let (metrics, rows) = evaluate(&mut gpu, samples);
        let gathers =
            gpu.dispatches().iter().filter(|(k, ..)| k.name.starts_with("gather")).count();
        assert_eq!(gathers, buffers);
        results.push((steps, metrics, rows, gpu.state().unwrap()));
    }
    assert!(results[0] == results[1]);
}

/// llvmpipe would end their loops without an error, and the deviation would be another.
#[test]
fn windows_that_llvmpipe_cannot_read_are_refused() {
    let mut graph = Graph::new("wide", Shape::Map { h: 128, w: 320, c: 1 });
    let op = Op::StdPool2d { window: [128, 320], epsilon: 1e-3 };
    let spread = graph.push("spread", op, &[graph.input()]).unwrap();
    cases::head(&mut graph, spread);
    match open_capped(plan::of(&graph, 2), None) {
        None => (),
        Some(Ok(gpu)) => assert!(!gpu.adapter().name.contains("llvmpipe")),
        Some(Err(error)) => {
            let text = error.to_string();
            assert!(text.contains("\"spread\": a window of 128×320 takes 82176"), "{text}");
            assert!(text.contains("use --device cpu"), "{text}");
        }
    }
}

/// One step's gradients where its parts fit into a buffer, and where they must be larger and fewer.
#[test]
fn gradients_in_few_parts_are_those_in_many() {
    let (x, y) = set(8);
    let order: Vec<u32> = (0..8).collect();
    let mut results = Vec::new();
    for cap in [None, Some(98_304)] {
        let Some(mut gpu) = ready(cap) else { return };
        let still = Optimizer::sgd(0.0);
        gpu.train_step(DatasetRef::new(&x, &y), &Batches::plain(&order), still).unwrap();
        results.push(gpu.parameter_gradients().unwrap());
    }
    let [many, few] = &results[..] else { panic!() };
    assert_ne!(many, few, "summed in the same order: nothing was to be cut");
    let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|v| v * v).sum::<f32>().sqrt();
    let far = norm(&mut many.iter().zip(few).map(|(a, b)| a - b));
    assert!(far < 1e-6 * norm(&mut many.iter().copied()), "{far:e}");
}

fn limit(graph: &Graph, batch: usize, cap: u64) -> Option<Result<Gpu, Error>> {
    open_plain_capped(plan::of(graph, batch), cap)
}

#[test]
fn a_batch_too_large_is_reported_with_its_node_and_the_largest_that_fits() {
    let Some(result) = limit(&p1(), 100_000, 300_000) else { return };
    let error = result.unwrap_err();
    let message = error.to_string();
    let Error::DeviceLimit { bytes, most, help, .. } = error else { panic!("{message}") };
    assert_eq!((bytes, most), (100_000 * 16 * 12 * 4 * 4, 300_000), "{message}");
    assert!(
        message.starts_with("model p1, node \"conv2d\", output for a batch of 100000"),
        "{message}"
    );
    let fits: usize =
        help.split_whitespace().find_map(|word| word.trim_end_matches(',').parse().ok()).unwrap();
    assert_eq!(fits, 300_000 / (16 * 12 * 4 * 4));
    assert!(limit(&p1(), fits + 1, 300_000).unwrap().is_err());
    limit(&p1(), fits, 300_000).unwrap().unwrap();
}

#[test]
fn where_no_batch_fits_none_is_named() {
    let mut graph = Graph::new("wide", Shape::Map { h: 256, w: 256, c: 1 });
    let conv = cases::conv(1, [1, 1], Padding::Same, Activation::Linear);
    let conv = graph.push("conv", conv, &[graph.input()]).unwrap();
    let pool = graph.push("pool", Op::MaxPool2d { window: [64, 64] }, &[conv]).unwrap();
    let flat = graph.push("flatten", Op::Flatten, &[pool]).unwrap();
    graph.push("softmax", Op::Softmax, &[flat]).unwrap();
    let Some(result) = limit(&graph, 1, 200_000) else { return };
    let message = result.unwrap_err().to_string();
    assert!(
        message.starts_with("model wide, node \"input\", output for a batch of 1: "),
        "{message}"
    );
    assert!(
        message.contains("a single sample is too large") && message.contains("262144"),
        "{message}"
    );
    let message = limit(&p1(), 8, 80_000).unwrap().unwrap_err().to_string();
    assert!(
        message.starts_with("model p1, all parameters, most of them conv2d_2/kernel: "),
        "{message}"
    );
}

#[test]
fn a_lost_device_is_an_error_and_never_a_panic() {
    let (x, y) = set(300);
    let order: Vec<u32> = (0..300).collect();
    let samples = DatasetRef::new(&x, &y);
    // Before anything, between two calls, and while steps are under way.
    for when in 0..3 {
        let Some(mut gpu) = ready(None) else { return };
        let take_away = gpu.breaker();
        if when == 1 {
            gpu.train(samples, &Batches::plain(&order), SGD, &mut |_| ControlFlow::Continue(()))
                .unwrap();
        }
        if when < 2 {
            take_away();
        }
        let mut between = |_| {
            take_away();
            ControlFlow::Continue(())
        };
        let message = |e: Error| {
            let message = e.to_string();
            assert!(matches!(e, Error::Gpu { .. }), "{when}: {message}");
            assert!(message.starts_with(&gpu_name()), "{when}: {message}");
            message
        };
        let first =
            message(gpu.train(samples, &Batches::plain(&order), SGD, &mut between).unwrap_err());
        assert!(first.contains("lost"), "{when}: {first}");
        message(gpu.train(samples, &Batches::plain(&order), SGD, &mut between).unwrap_err());
        message(gpu.evaluate(samples, &mut Vec::new()).unwrap_err());
        message(gpu.state().unwrap_err());
    }
}

#[test]
fn a_limit_of_the_device_is_named_with_a_way_out() {
    let cases = [
        (
            Caps { storage_buffers: Some(4), ..Caps::default() },
            "max_storage_buffers_per_shader_stage",
            "need 7",
            "has 4",
        ),
        (
            Caps { workgroup_size: Some(128), ..Caps::default() },
            "max_compute_invocations_per_workgroup",
            "need 256",
            "has 128",
        ),
        (
            Caps { workgroup_bytes: Some(8192), ..Caps::default() },
            "max_compute_workgroup_storage_size",
            "need 16384",
            "has 8192",
        ),
    ];
    for (caps, limit, needed, has) in cases {
        let Some(result) = open_limited(plan::of(&p1(), 8), caps) else { return };
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with(&gpu_name()), "{message}");
        for part in [limit, needed, has, "--device cpu", "--adapter"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

/// What Vulkan guarantees is a quarter of what the tiled kernels read weights through.
#[test]
fn small_uniforms_are_answered_with_the_plain_kernels() {
    let (x, y) = set(16);
    let order: Vec<u32> = (0..16).collect();
    let train = |gpu: &mut Gpu| {
        gpu.set_state(&State::new(initial_parameters(&p1(), 42))).unwrap();
        let samples = DatasetRef::new(&x, &y);
        let watch = &mut |_| ControlFlow::Continue(());
        gpu.train(samples, &Batches::plain(&order), SGD, watch).unwrap();
        let kernels: Vec<&str> = gpu.dispatches().iter().map(|(kernel, ..)| kernel.name).collect();
        (kernels, gpu.state().unwrap(), gpu.warning())
    };
    let caps = Caps { uniform_bytes: Some(16_384), ..Caps::default() };
    let Some(limited) = open_limited(plan::of(&p1(), 8), caps) else { return };
    let (kernels, state, warning) = train(&mut limited.unwrap());
    let mut plain = crate::common::gpu::open(plan::of(&p1(), 8), KernelVariant::Plain).unwrap();
    let expected = train(&mut plain);
    assert_eq!((kernels, state), (expected.0, expected.1));
    let warning = warning.unwrap();
    assert!(warning.contains("software") || warning.contains("16384 bytes"), "{warning}");
}

/// With no patience at all the first wait is a timeout.
#[test]
fn a_device_that_does_not_answer_is_an_error_with_a_way_out() {
    let (x, y) = set(8);
    let samples = DatasetRef::new(&x, &y);
    let Some(opened) = open_impatient(plan::of(&p1(), 8)) else { return };
    let mut gpu = opened.unwrap();
    let watch = &mut |_| ControlFlow::Continue(());
    let error = gpu.train(samples, &Batches::plain(&[0, 1]), SGD, watch).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Gpu { .. }), "{message}");
    assert!(message.starts_with(&gpu_name()), "{message}");
    for part in ["did not finish its work within 0 s", "--batch-size", "--device cpu"] {
        assert!(message.contains(part), "{message}");
    }
    // A device that hangs is not asked again.
    assert_eq!(gpu.state().unwrap_err().to_string(), message);
}

fn gpu_name() -> String {
    genre_gpu::gpu::find(wanted()).unwrap().to_string()
}

#[test]
fn an_adapter_is_found_by_name_kind_or_backend() {
    if skipped() {
        return;
    }
    let best = genre_gpu::gpu::find(wanted()).unwrap();
    for wanted in [best.name.to_uppercase(), best.kind.to_string(), best.backend.clone()] {
        assert_eq!(genre_gpu::gpu::find(Some(&wanted)).unwrap().kind, best.kind);
    }
    let error = genre_gpu::gpu::find(Some("nosuch")).unwrap_err();
    assert!(matches!(&error, Error::AdapterName { found, .. } if !found.is_empty()), "{error}");
}
