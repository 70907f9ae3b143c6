//! gather: samples are copied into the batch by index and augmented on the way. One of the GPU's
//! kernels copies element by element, the other by fours.

use std::ops::ControlFlow;

use genre_gpu::backend::{Augmentation, Backend, Batches, DatasetRef, Optimizer, Tensor};
use genre_gpu::check::Opened;
use genre_gpu::graph::{Activation, Graph, Op, Shape};
use genre_gpu::random::streams::Stream;

use crate::common::backend::Implementation;
use crate::common::cases::dense;
use crate::common::{naive, plan};

mod forward {
    tests_on! {
        [cpu Cpu, gpu_plain GpuPlain, gpu_tiled GpuTiled, gpu_fused GpuFused, gpu_sparse GpuSparse,]
        super::random_augmentations
    }
}

mod augmentations_roll_shift_and_cover {
    tests_on! { [cpu Cpu, gpu_plain GpuPlain, gpu_fused GpuFused,] super::roll_shift_and_cover }
}

mod augmentations_carry_all_channels_along {
    tests_on! { [cpu Cpu, gpu_plain GpuPlain, gpu_fused GpuFused,] super::all_channels }
}

mod every_batch_has_its_own_augmentations {
    tests_on! { [cpu Cpu, gpu_fused GpuFused,] super::own_augmentations }
}

/// Samples of `h` × `w` with a dense layer of two classes, two in a batch.
fn open(on: Implementation, [h, w, c]: [usize; 3]) -> Option<Opened> {
    let mut graph = Graph::new("augmentations", Shape::Map { h, w, c });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let logits = graph.push("logits", dense(2, Activation::Linear, 0.0), &[flat]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    on.open(plan::of(&graph, 2))
}

/// The batch as the model reads it.
fn input(backend: &mut dyn Backend) -> Vec<f32> {
    let input = backend.plan().graph().input();
    backend.tensor(input, Tensor::Value).unwrap()
}

fn roll_shift_and_cover(on: Implementation) {
    let Some(mut device) = open(on, [2, 4, 1]) else { return };
    let backend = device.backend();
    let x: Vec<f32> = (0..16u8).map(f32::from).collect();
    let samples = DatasetRef::new(&x, &[0, 1]);
    let none = Augmentation { fill: -1.0, ..Augmentation::default() };
    let augmentations = [
        Augmentation { roll: 1, gain: 0.5, ..none },
        Augmentation { band: 1, bands: 1, frame: 2, frames: 2, gain: 100.0, ..none },
    ];
    let batches = Batches { augmentations: &augmentations, ..Batches::plain(&[1, 0]) };
    backend.train_step(samples, &batches, Optimizer::sgd(0.0)).unwrap();
    let want = [
        [9.5, 10.5, 11.5, 8.5, 13.5, 14.5, 15.5, 12.5],
        [100.0, 101.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0],
    ];
    assert_eq!(input(backend), want.concat());
    // Evaluation sees the samples as they are, whatever was done before.
    backend.evaluate(samples, &mut Vec::new()).unwrap();
    assert_eq!(input(backend), x);
    let odd = Batches { augmentations: &augmentations[..1], ..Batches::plain(&[1, 0]) };
    assert!(
        backend.train_step(samples, &odd, Optimizer::sgd(0.0)).is_err(),
        "an augmentation is missing"
    );
}

fn all_channels(on: Implementation) {
    let Some(mut device) = open(on, [2, 4, 2]) else { return };
    let backend = device.backend();
    let x: Vec<f32> = (0..16u8).map(f32::from).collect();
    let augmentations =
        [Augmentation { roll: 3, band: 0, bands: 1, fill: 7.0, ..Augmentation::default() }];
    let batches = Batches { augmentations: &augmentations, ..Batches::plain(&[0]) };
    let want = [[7.0; 8], [14.0, 15.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0]].concat();
    backend.train_step(DatasetRef::new(&x, &[1]), &batches, Optimizer::sgd(0.0)).unwrap();
    assert_eq!(input(backend), want);
}

/// Eleven samples in batches of two, each with an augmentation of its own: the input of the last
/// batch is that of its own augmentation, and all losses are those of batches taken one by one.
fn own_augmentations(on: Implementation) {
    let x: Vec<f32> = (0..11 * 8).map(|i| (i as f32 * 0.37).sin()).collect();
    let y: Vec<u32> = (0..11).map(|i| i % 2).collect();
    let order: Vec<u32> = (0..11).map(|i| i * 4 % 11).collect();
    let augmentations: Vec<Augmentation> = (0..11)
        .map(|i| Augmentation { roll: i % 4, gain: i as f32, ..Augmentation::default() })
        .collect();
    let samples = DatasetRef::new(&x, &y);
    let batches = Batches { augmentations: &augmentations, ..Batches::plain(&order) };
    let weights: Vec<f32> = (0..18).map(|i| (i as f32).cos()).collect();
    let opened = || {
        let mut device = open(on, [2, 4, 1])?;
        device.set_parameters(&weights).unwrap();
        Some(device)
    };
    let (Some(mut all), Some(mut one)) = (opened(), opened()) else { return };
    let watch = &mut |_| ControlFlow::Continue(());
    let whole = all.backend().train(samples, &batches, Optimizer::sgd(0.1), watch).unwrap();
    let pairs = order.chunks(2).zip(augmentations.chunks(2));
    let alone: Vec<_> = pairs
        .map(|(order, augmentations)| {
            let batches = Batches { augmentations, ..Batches::plain(order) };
            one.backend().train_step(samples, &batches, Optimizer::sgd(0.1)).unwrap()
        })
        .collect();
    assert_eq!(whole, alone);
    let last = order[10] as usize * 8;
    let want: Vec<f32> =
        (0..8).map(|k| x[last + k / 4 * 4 + (k % 4 + 10 % 4) % 4] + 10.0).collect();
    assert_eq!(input(all.backend()), want);
}

/// Rectangles anywhere, up to the whole sample, in shapes of odd, prime and fourfold extents.
fn random_augmentations(on: Implementation) {
    for shape in [[5, 7, 1], [3, 8, 4], [4, 5, 3]] {
        let Some(mut device) = open(on, shape) else { return };
        let [h, w, c] = shape;
        let mut stream = Stream::new(7, "augmentations");
        let x: Vec<f32> = (0..12 * h * w * c).map(|_| stream.normal() as f32).collect();
        let y: Vec<u32> = (0..12).map(|i| i % 2).collect();
        let samples = DatasetRef::new(&x, &y);
        for pair in 0..6u32 {
            let order = [2 * pair + 1, 2 * pair];
            let augmentations = order.map(|_| {
                let [band, frame] = [h, w].map(|extent| stream.below(extent));
                Augmentation {
                    roll: stream.below(w) as u32,
                    band: band as u32,
                    bands: stream.below(h - band + 1) as u32,
                    frame: frame as u32,
                    frames: stream.below(w - frame + 1) as u32,
                    gain: stream.normal() as f32,
                    fill: stream.normal() as f32,
                }
            });
            let batches = Batches { augmentations: &augmentations, ..Batches::plain(&order) };
            device.poison();
            device.backend().train_step(samples, &batches, Optimizer::sgd(0.0)).unwrap();
            let rows = order.iter().zip(&augmentations).map(|(i, by)| {
                naive::gather::sample(&x[*i as usize * h * w * c..][..h * w * c], shape, by)
            });
            assert_eq!(input(device.backend()), rows.collect::<Vec<_>>().concat(), "{shape:?}");
        }
    }
}
