//! `genre-gpu bench`.

use super::bars::Bars;
use super::choice;
use super::say::Output;
use super::summary::{at_least, size};
use crate::bench::{self, Devices, Options};
use crate::device::MOST_THREADS;
use crate::error::Result;
use crate::gpu::{KernelVariant, TileConfig};
use crate::measure::Budget;
use crate::models::{Model, OptimizerName};
use crate::train::settings::{Recipe, Settings, words};

const EXAMPLES: &str = "\
Examples:
  genre-gpu bench
      P1 on 80x80 spectrograms: every kernel and the whole step, on CPU and GPU
  genre-gpu bench --device gpu --kernels plain --json > plain.json
      the plain kernels, as JSON
  genre-gpu bench --input 128x25 --samples 2670 --device cpu --threads 1
  genre-gpu bench --adapter llvmpipe --steps 20
      on the adapter of that name, few repetitions
  genre-gpu bench --model p2 --gpus
      how long each kernel takes on GPUs of several makers, predicted: no GPU is needed";

/// As many as the demo corpus and the course have.
const CLASSES: usize = 4;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (see `genre-gpu models`) or a model's .toml file
    #[arg(long, value_name = "MODEL", default_value = "p1")]
    model: String,

    /// Mel bands and frames of a spectrogram
    #[arg(long, value_name = "HxW", default_value = "80x80", value_parser = size)]
    input: [usize; 2],

    /// Samples per step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least::<1>)]
    batch_size: usize,

    /// Random samples to train on
    #[arg(long, value_name = "N", default_value_t = 3360, value_parser = at_least::<1>)]
    samples: usize,

    /// Where to measure [default: both, if there is a GPU or a software adapter]
    #[arg(long, value_name = "DEVICE", value_parser = choice::devices())]
    device: Option<Devices>,

    /// Part of the GPU's name, driver or kind, case-insensitive [default: the best]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    /// GPU kernels: plain, tiled in registers, convolutions fused with pooling, or sparse
    /// gradients from the pooled positions
    #[arg(long, value_name = "FORM", default_value = KernelVariant::default().as_str(), value_parser = choice::kernels())]
    kernels: KernelVariant,

    /// Size of a thread's convolution tile [default: wide on a software GPU, small on one in a processor, else narrow]
    #[arg(long, value_name = "TILES", value_parser = choice::tiles())]
    tiles: Option<TileConfig>,

    /// Measure nothing, but predict each kernel's time on GPUs of several makers, from what is recorded
    /// for them
    #[arg(long, conflicts_with_all = ["device", "adapter", "threads", "steps", "seconds"])]
    gpus: bool,

    /// Optimiser: sgd, adam or adamw [default: sgd]
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = words::<OptimizerName, 3>(["sgd", "adam", "adamw"]))]
    optimizer: Option<OptimizerName>,

    /// CPU threads [default: one per core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(u16).range(0..=MOST_THREADS as i64))]
    threads: u16,

    /// Maximum repetitions of each measurement
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least::<1>)]
    steps: usize,

    /// Maximum seconds of each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = positive)]
    seconds: f64,

    /// Print one JSON document (seconds, operations, bytes)
    #[arg(long)]
    json: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| *n > 0.0 && n.is_finite());
    number.ok_or_else(|| "expected a number of seconds above 0".into())
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let output = output.with_json(args.json);
    let [h, w] = args.input;
    let model = Model::open(&args.model)?;
    // Not used here, but a wrong recipe is an error.
    Recipe::of(&model)?;
    let graph = model.graph([h, w, 1], CLASSES)?;
    // A time does not depend on the rate.
    let settings = Settings { optimizer: args.optimizer, ..Settings::default() };
    let optimizer = settings.resolve(Recipe::default())?.optimizer(0.01);
    if args.gpus {
        let Args { batch_size, samples, kernels, tiles, .. } = *args;
        let kernels = (kernels, tiles);
        let predicted = bench::predict(&graph, batch_size, samples, kernels, &optimizer)?;
        output.document(&predicted)?;
        return output.say(&predicted.to_string());
    }
    let options = Options {
        devices: args.device.unwrap_or(Devices::Found),
        batch: args.batch_size,
        samples: args.samples,
        adapter: args.adapter.as_deref(),
        variant: args.kernels,
        tiles: args.tiles,
        threads: args.threads.into(),
        optimizer,
        budget: Budget { steps: args.steps, seconds: args.seconds },
    };
    let report = bench::run(&graph, &options, &Bars::new(output))?;
    output.document(&report)?;
    output.say(&report.to_string())
}
