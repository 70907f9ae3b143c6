//! P1 and P2 trained in burn, on one of its backends: a peer of genre-gpu. `benches/peers/run`
//! calls it; `benches/peers/run --help` says what is printed. The network, loss, optimiser,
//! data, initial weights and order of samples are genre-gpu's; dropout draws burn's own.
//!
//! The data set lies on the device, figures are read back once an epoch, and the clock stops
//! after a sync. On wgpu the first epoch compiles and tunes kernels; burn keeps what it tuned
//! in cubecl's cache, and later runs find it there.

use std::env;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{GradientsParams, SgdConfig};
use burn::prelude::*;
use serde_json::{Value, json};

mod data;
mod models;
mod start;

use data::Part;
use models::Net;
use start::{Outcome, Start};

const BATCH: usize = 32;

/// The value of `--name`; flags come in pairs.
fn value<'a>(args: &'a [String], name: &str) -> Outcome<&'a str> {
    let pair = args.chunks(2).find(|pair| pair[0] == name && pair.len() == 2);
    pair.map(|pair| pair[1].as_str()).ok_or_else(|| format!("expected {name} VALUE").into())
}

/// Seconds since the orchestrator started this process.
fn since_start() -> Outcome<f64> {
    let start: f64 = env::var("PEERS_START")?.parse()?;
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() - start)
}

// burn is about to drop ndarray.
#[allow(deprecated)]
fn device(name: &str) -> Outcome<Device> {
    match name {
        #[cfg(feature = "cpu")]
        "flex" => Ok(Device::flex()),
        #[cfg(feature = "cpu")]
        "ndarray" => Ok(Device::ndarray()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(DeviceKind::default())),
        _ => Err(format!("expected --device flex, ndarray or wgpu, found {name}").into()),
    }
}

/// What runs it: the adapter of a GPU.
fn describe(device: &Device) -> String {
    #[cfg(feature = "wgpu")]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    format!("{device:?}")
}

/// Mean loss and share of right predictions over a part that is not trained on.
fn evaluate(net: &Net, part: &Part) -> (f32, f32) {
    let net = net.valid();
    let device = part.x.device();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let (mut loss, mut right) = (0.0, 0);
    for begin in (0..part.samples).step_by(BATCH) {
        let end = part.samples.min(begin + BATCH);
        let (x, y) = (part.x.clone().slice(begin..end), part.y.clone().slice(begin..end));
        let logits = net.logits(x);
        loss += cross_entropy.forward(logits.clone(), y.clone()).into_scalar::<f32>()
            * (end - begin) as f32;
        right += logits.argmax(1).flatten(0, 1).equal(y).int().sum().into_scalar::<i32>();
    }
    let penalty = net.penalty().map_or(0.0, |penalty| penalty.into_scalar::<f32>());
    (loss / part.samples as f32 + penalty, right as f32 / part.samples as f32)
}

fn main() -> Outcome<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let folder = Path::new(value(&args, "--data")?);
    let (model, epochs) = (value(&args, "--model")?, value(&args, "--epochs")?.parse::<usize>()?);
    let rate: f64 = value(&args, "--rate")?.parse()?;
    let validate = value(&args, "--validate")? == "yes";
    let plain = device(value(&args, "--device")?)?;
    let device = plain.clone().autodiff();
    device.seed(42);

    let start = Start { folder: Path::new(value(&args, "--start")?), device: &device };
    let (train, scale) = Part::train(folder, &device)?;
    let val = if validate { Some(Part::val(folder, &scale, &plain)?) } else { None };
    let mut net = Net::new(model, train.height, value(&args, "--dropout")?.parse()?, &start)?;
    let order =
        Tensor::<1, Int>::from_data(TensorData::new(start.order()?, [train.samples]), &device);
    let mut sgd = SgdConfig::new().init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    device.sync()?;

    let say = |value: Value| println!("{value}");
    for epoch in 1..=epochs {
        let begin = Instant::now();
        let mut loss_sum = Tensor::<1>::zeros([1], &plain);
        let mut right = Tensor::<1, Int>::zeros([1], &plain);
        for from in (0..train.samples).step_by(BATCH) {
            let to = train.samples.min(from + BATCH);
            let batch = order.clone().slice(from..to);
            let (x, y) =
                (train.x.clone().select(0, batch.clone()), train.y.clone().select(0, batch));
            let logits = net.logits(x);
            let mut loss = cross_entropy.forward(logits.clone(), y.clone());
            if let Some(penalty) = net.penalty() {
                loss = loss + penalty;
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &net);
            net = sgd.step(rate, net, gradients);
            loss_sum = loss_sum + loss.inner() * (to - from) as f32;
            let guess = logits.inner().argmax(1).flatten(0, 1);
            right = right + guess.equal(y.inner()).int().sum();
            if epoch == 1 && from == 0 {
                plain.sync()?;
                let since_start = since_start()?;
                let loss = loss_sum.clone().into_scalar::<f32>() / (to - from) as f32;
                say(json!({"event": "first_step", "since_start": since_start, "loss": loss}));
            }
        }
        plain.sync()?;
        let loss = loss_sum.into_scalar::<f32>() / train.samples as f32;
        let accuracy = right.into_scalar::<i32>() as f32 / train.samples as f32;
        let seconds = begin.elapsed().as_secs_f64();
        let mut line = json!({"event": "epoch", "epoch": epoch, "seconds": seconds,
            "loss": loss, "accuracy": accuracy});
        if let Some(val) = &val {
            let (loss, accuracy) = evaluate(&net, val);
            line["val_loss"] = json!(loss);
            line["val_accuracy"] = json!(accuracy);
        }
        say(line);
    }
    say(json!({"event": "end", "device": describe(&plain)}));
    Ok(())
}
