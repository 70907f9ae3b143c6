//! P1 and P2 (src/models/p1.toml and p2.toml), with the initial weights that genre-gpu has.

use burn::module::{Initializer, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d,
};
use burn::prelude::*;
use burn::tensor::activation::relu;

use crate::start::{Outcome, Start};

const L2: f32 = 0.01;

/// Either model; their shapes are those of the weights.
#[derive(Module, Debug)]
pub enum Net {
    P1(P1),
    P2(P2),
}

impl Net {
    /// The model of that name for samples of `height` bands, with its initial weights.
    pub fn new(model: &str, height: usize, dropout: f64, start: &Start) -> Outcome<Self> {
        match model {
            "p1" => Ok(Self::P1(P1::new(height, start)?)),
            "p2" => Ok(Self::P2(P2::new(height, dropout, start)?)),
            _ => Err(format!("expected --model p1 or p2, found {model}").into()),
        }
    }

    /// Logits `[n, classes]` of samples `[n, 1, bands, frames]`.
    pub fn logits(&self, x: Tensor<4>) -> Tensor<2> {
        match self {
            Self::P1(net) => net.logits(x),
            Self::P2(net) => net.logits(x),
        }
    }

    /// What is added to the cross-entropy of a batch.
    pub fn penalty(&self) -> Option<Tensor<1>> {
        match self {
            Self::P1(net) => Some(net.dense.weight.val().square().sum() * L2),
            Self::P2(_) => None,
        }
    }
}

fn conv(name: &str, bias: bool, start: &Start) -> Outcome<Conv2d> {
    let (weight, [c_out, c_in, k_h, k_w]) = start.conv_kernel(name)?;
    let config = Conv2dConfig::new([c_in, c_out], [k_h, k_w]).with_padding(PaddingConfig2d::Same);
    Ok(Conv2d {
        weight: Param::from_data(weight, start.device),
        bias: bias.then(|| Initializer::Zeros.init([c_out], start.device)),
        ..config.with_bias(false).with_initializer(Initializer::Zeros).init(start.device)
    })
}

/// `map` is the height and channels of the map that was flattened, where it was one.
fn linear(name: &str, map: Option<[usize; 2]>, start: &Start) -> Outcome<Linear> {
    let (weight, [n_in, n_out]) = start.dense_kernel(name, map)?;
    Ok(Linear {
        weight: Param::from_data(weight, start.device),
        bias: Some(Initializer::Zeros.init([n_out], start.device)),
        ..LinearConfig::new(n_in, n_out).with_bias(false).init(start.device)
    })
}

/// As in the models: `momentum` 0.9 there is the share that is kept, here that which is new.
fn norm(channels: usize, start: &Start) -> BatchNorm {
    BatchNormConfig::new(channels).with_epsilon(1e-3).with_momentum(0.1).init(start.device)
}

#[derive(Module, Debug)]
pub struct P1 {
    convs: Vec<Conv2d>,
    pool: MaxPool2d,
    dense: Linear,
    output: Linear,
}

impl P1 {
    fn new(height: usize, start: &Start) -> Outcome<Self> {
        Ok(Self {
            convs: ["conv2d", "conv2d_1", "conv2d_2"]
                .iter()
                .map(|name| conv(name, true, start))
                .collect::<Outcome<_>>()?,
            pool: MaxPool2dConfig::new([2, 2]).init(),
            dense: linear("dense", Some([height / 8, 16]), start)?,
            output: linear("dense_1", None, start)?,
        })
    }

    fn logits(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.convs.iter().fold(x, |x, conv| self.pool.forward(relu(conv.forward(x))));
        self.output.forward(relu(self.dense.forward(x.flatten(1, 3))))
    }
}

#[derive(Module, Debug)]
pub struct P2 {
    low: usize,
    time_conv: Conv2d,
    time_norm: BatchNorm,
    frequency_conv: Conv2d,
    frequency_norm: BatchNorm,
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    pool: MaxPool2d,
    dropout: Dropout,
    dense: Linear,
    output: Linear,
}

impl P2 {
    fn new(height: usize, dropout: f64, start: &Start) -> Outcome<Self> {
        let low = height * 7 / 8;
        Ok(Self {
            low,
            time_conv: conv("time.conv", false, start)?,
            time_norm: norm(8, start),
            frequency_conv: conv("frequency.conv", false, start)?,
            frequency_norm: norm(8, start),
            convs: vec![conv("band.conv1", false, start)?, conv("band.conv2", false, start)?],
            norms: vec![norm(16, start), norm(24, start)],
            pool: MaxPool2dConfig::new([4, 1]).with_strides([4, 1]).init(),
            dropout: DropoutConfig::new(dropout).init(),
            dense: linear("head.dense", Some([low / 16, 24]), start)?,
            output: linear("head.logits", None, start)?,
        })
    }

    fn logits(&self, x: Tensor<4>) -> Tensor<2> {
        let x = x.narrow(2, 0, self.low);
        let time = relu(self.time_norm.forward(self.time_conv.forward(x.clone())));
        let frequency = relu(self.frequency_norm.forward(self.frequency_conv.forward(x.clone())));
        let deviation = (x.clone().var_bias(3) + 1e-3).sqrt();
        let profile = vec![
            time.clone().max_dim(3),
            time.mean_dim(3),
            frequency.clone().max_dim(3),
            frequency.mean_dim(3),
            x.clone().max_dim(3),
            x.mean_dim(3),
            deviation,
        ];
        let bands = Tensor::cat(profile, 1);
        let bands =
            self.convs.iter().zip(&self.norms).fold(bands, |x, (conv, norm)| {
                self.pool.forward(relu(norm.forward(conv.forward(x))))
            });
        let features = self.dropout.forward(bands.flatten(1, 3));
        self.output.forward(relu(self.dense.forward(features)))
    }
}
