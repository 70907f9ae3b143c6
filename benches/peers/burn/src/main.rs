//! P1 trained in burn 0.22 on its wgpu backend, with fusion and autotune: a peer
//! to measure genre-gpu against. The network, loss, optimiser and data are the
//! same; the random weights and orders of samples are burn's own.
//!
//!   cargo build --release --manifest-path benches/peers/burn/Cargo.toml
//!   genre-gpu demo --arrays arrays
//!   benches/peers/burn/target/release/burn-p1 arrays --epochs 6
//!   genre-gpu bench --device gpu
//!
//! prints the wall time of each epoch and the losses to compare (`genre-gpu train`
//! has the same, falling likewise); the bench's "whole epochs" line times 105 steps is
//! an epoch of ours. burn's feature is `wgpu`, which compiles WGSL as we do. It is no part of
//! the workspace nor of CI: burn takes tens of minutes to compile. An epoch here is
//! training alone, without validation. The data set lies on the device, figures
//! are read back once an epoch, and the clock stops after a sync. The first epoch
//! compiles and tunes kernels, so it stands apart; burn keeps what it tuned in
//! cubecl's cache, and later runs find it there.

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use burn::module::Initializer;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{GradientsParams, SgdConfig};
use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::activation::relu;
use ndarray::{Array1, Array3};

const BATCH: usize = 32;
const CLASSES: usize = 4;
const LEARNING_RATE: f64 = 0.01;
const L2: f32 = 0.01;

#[derive(Module, Debug)]
struct P1 {
    convs: Vec<Conv2d>,
    pool: MaxPool2d,
    dense: Linear,
    output: Linear,
}

impl P1 {
    /// Weights as Keras draws them: Glorot uniform, biases zero.
    fn new([height, width]: [usize; 2], device: &Device) -> Self {
        let glorot = Initializer::XavierUniform { gain: 1.0 };
        let zeros = |n| Some(Initializer::Zeros.init([n], device));
        let conv = |c_in, c_out| Conv2d {
            bias: zeros(c_out),
            ..Conv2dConfig::new([c_in, c_out], [5, 5])
                .with_padding(PaddingConfig2d::Same)
                .with_initializer(glorot.clone())
                .init(device)
        };
        let linear = |n_in, n_out| Linear {
            bias: zeros(n_out),
            ..LinearConfig::new(n_in, n_out).with_initializer(glorot.clone()).init(device)
        };
        Self {
            convs: vec![conv(1, 4), conv(4, 8), conv(8, 16)],
            pool: MaxPool2dConfig::new([2, 2]).init(),
            dense: linear(16 * (height / 8) * (width / 8), 50),
            output: linear(50, CLASSES),
        }
    }

    fn logits(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.convs.iter().fold(x, |x, conv| self.pool.forward(relu(conv.forward(x))));
        self.output.forward(relu(self.dense.forward(x.flatten(1, 3))))
    }

    fn penalty(&self) -> Tensor<1> {
        self.dense.weight.val().square().sum() * L2
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (folder, epochs) = match args[..] {
        [folder] => (Path::new(folder), 6),
        [folder, "--epochs", epochs] => (Path::new(folder), epochs.parse()?),
        _ => return Err("usage: burn-p1 ARRAYS [--epochs N]".into()),
    };
    let x: Array3<f32> = ndarray_npy::read_npy(folder.join("x_train.npy"))?;
    let y: Array1<u8> = ndarray_npy::read_npy(folder.join("y_train.npy"))?;
    let (samples, height, width) = x.dim();
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / x.len() as f64;
    let x = x.mapv(|v| ((f64::from(v) - mean) / variance.sqrt()) as f32);

    let plain = Device::wgpu(DeviceKind::default());
    let device = plain.clone().autodiff();
    device.seed(42);
    let adapter = plain.identity().map_or_else(|| "unknown adapter".into(), |id| id.name);
    println!("P1 in burn on {adapter}: {samples} samples of {height}x{width}, batch {BATCH}");

    let x = TensorData::new(x.into_raw_vec_and_offset().0, [samples, 1, height, width]);
    let x = Tensor::<4>::from_data(x, &device);
    let y: Vec<i32> = y.iter().map(|&label| i32::from(label)).collect();
    let y = Tensor::<1, Int>::from_data(TensorData::new(y, [samples]), &device);
    let mut model = P1::new([height, width], &device);
    let mut sgd = SgdConfig::new().init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    device.sync()?;

    let mut seconds = Vec::new();
    for epoch in 1..=epochs {
        let begin = Instant::now();
        let order = Tensor::<1>::random([samples], Distribution::Default, &device).argsort(0);
        let mut loss_sum = Tensor::<1>::zeros([1], &plain);
        let mut right = Tensor::<1, Int>::zeros([1], &plain);
        for start in (0..samples).step_by(BATCH) {
            let end = samples.min(start + BATCH);
            let batch = order.clone().slice(start..end);
            let (x, y) = (x.clone().select(0, batch.clone()), y.clone().select(0, batch));
            let logits = model.logits(x);
            let loss = cross_entropy.forward(logits.clone(), y.clone()) + model.penalty();
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = sgd.step(LEARNING_RATE, model, gradients);
            loss_sum = loss_sum + loss.inner() * (end - start) as f32;
            let guess = logits.inner().argmax(1).flatten(0, 1);
            right = right + guess.equal(y.inner()).int().sum();
        }
        plain.sync()?;
        let loss = loss_sum.into_scalar::<f32>() / samples as f32;
        let accuracy = right.into_scalar::<i32>() as f32 / samples as f32;
        seconds.push(begin.elapsed().as_secs_f64());
        let note = if epoch == 1 { " (with compilation and autotune)" } else { "" };
        let last = seconds[epoch - 1];
        println!("epoch {epoch}: {last:.2} s, loss {loss:.4}, accuracy {accuracy:.4}{note}");
    }
    let later = seconds.get_mut(1..).unwrap_or_default();
    later.sort_by(f64::total_cmp);
    if !later.is_empty() {
        let median = (later[(later.len() - 1) / 2] + later[later.len() / 2]) / 2.0;
        println!("median seconds per epoch after the first: {median:.2}");
    }
    Ok(())
}
