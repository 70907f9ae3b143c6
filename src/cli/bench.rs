//! `genre-gpu bench`.

use std::path::PathBuf;

use super::bars::Bars;
use super::choice;
use super::say::say;
use super::summary::{at_least, size};
use crate::bench::{self, Devices, Options};
use crate::error::{Error, Result};
use crate::gpu::{KernelVariant, TileConfig};
use crate::measure::Budget;
use crate::models::Model;
use crate::train::settings::Recipe;

const EXAMPLES: &str = "\
Examples:
  genre-gpu bench
      P1 on the course's shape, every kernel and the whole step, on CPU and GPU
  genre-gpu bench --device gpu --kernels plain --json plain.json
      the obvious kernels, with all figures in a file
  genre-gpu bench --input 128x25 --samples 2670 --device cpu --threads 1
  genre-gpu bench --adapter llvmpipe --steps 20
      on the adapter of that name, quickly
  genre-gpu bench --device gpu --gpus
      and what the kernels would be bound by on GPUs of four makers";

/// As many as the demo corpus and the course have.
const CLASSES: usize = 4;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (p1, p1-aug, p1-bn, p1-bn-aug, p1-bn-low, p2, p2-bands, p2-rhythm, p2-timbre) or a path to a model's .toml file
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

    /// Where [default: both, where a GPU or a software adapter is found]
    #[arg(long, value_name = "DEVICE", value_parser = choice::devices())]
    device: Option<Devices>,

    /// Part of the adapter's name, interface, driver or kind [default: the best]
    #[arg(long, value_name = "TEXT")]
    adapter: Option<String>,

    /// Kernels of the GPU: the obvious ones, tiles in registers, convolutions fused with
    /// their pooling, or gradients straight from the places that pooling chose
    #[arg(long, value_name = "FORM", default_value = KernelVariant::default().as_str(), value_parser = choice::kernels())]
    kernels: KernelVariant,

    /// How much of a convolution one thread owns [default: wide on a software GPU, else narrow]
    #[arg(long, value_name = "TILES", value_parser = choice::tiles())]
    tiles: Option<TileConfig>,

    /// Tell too what the GPU's kernels would be bound by on other GPUs, computed from published rates
    #[arg(long)]
    gpus: bool,

    /// CPU threads [default: one for each core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,

    /// Most repetitions of each measurement
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least::<1>)]
    steps: usize,

    /// Most seconds of each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = positive)]
    seconds: f64,

    /// Write all figures to a file too, in seconds, operations and bytes
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| *n > 0.0 && n.is_finite());
    number.ok_or_else(|| "expected a number of seconds above 0".into())
}

pub(super) fn run(args: &Args) -> Result<()> {
    if args.gpus && args.device == Some(Devices::Cpu) {
        return Err(Error::Mismatch {
            what: "--device",
            expected: "gpu or both, since --gpus counts the GPU's kernels".into(),
            found: "cpu".into(),
        });
    }
    let [h, w] = args.input;
    let model = Model::open(&args.model)?;
    // Not used here, but a wrong recipe is reported.
    Recipe::of(&model)?;
    let graph = model.graph([h, w, 1], CLASSES)?;
    let options = Options {
        devices: args.device.unwrap_or(Devices::Found),
        batch: args.batch_size,
        samples: args.samples,
        adapter: args.adapter.as_deref(),
        variant: args.kernels,
        tiles: args.tiles,
        elsewhere: args.gpus,
        threads: args.threads,
        budget: Budget { steps: args.steps, seconds: args.seconds },
    };
    let report = bench::run(&graph, &options, &Bars::new(false))?;
    say(&report.to_string())?;
    args.json.as_deref().map_or(Ok(()), |path| report.write_json(path))
}
