//! `genre-gpu export`.

use std::path::PathBuf;

use serde::Serialize;

use super::choice;
use super::out_file::{check_folder_of, is_dash, leaves_room};
use super::say::{Output, quoted, say_raw};
use super::summary::at_least;
use crate::backend::Loss;
use crate::data::{PartName, Scale};
use crate::error::{Error, Result};
use crate::files::write_output;
use crate::gpu::{KernelVariant, Recording, TileConfig};
use crate::models::ClassWeights;
use crate::plan::Plan;
use crate::text::fold;
use crate::train::SavedModel;
use crate::train::run_folder::RunFolder;
use crate::train::settings::Config;

const EXAMPLES: &str = "\
Examples:
  genre-gpu export --webgpu runs/p1-demo-seed42
      webgpu.json: shaders, buffers, dispatches and weights, to evaluate 1 sample
  genre-gpu export --webgpu runs/mine --train --batch-size 32 --samples 2670
      with the backward pass and the optimiser, for as many training samples

A host creates the buffers, makes a pipeline of each dispatch, and runs the
dispatches of a pass for each step: docs/webgpu.md, tests/web/replay.js.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// As a recording that any host of WebGPU can replay (JSON)
    #[arg(long, required = true)]
    webgpu: bool,

    /// With the passes that training needs
    #[arg(long)]
    train: bool,

    /// Most samples in a step
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least::<1>)]
    batch_size: usize,

    /// Samples that its buffers have room for [default: those of a step]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,

    /// Size of a thread's convolution tile
    #[arg(long, value_name = "TILES", default_value = TileConfig::Narrow.as_str(), value_parser = choice::tiles())]
    tiles: TileConfig,

    /// The file to write
    #[arg(long, short, value_name = "FILE", default_value = "webgpu.json")]
    out: PathBuf,
}

/// What is written.
#[derive(Serialize)]
struct Document<'a> {
    /// This program's.
    version: &'static str,
    class_names: &'a [String],
    /// Inputs are (value - offset) * factor.
    scale: &'a Scale,
    /// As they lie in the buffer `roles.parameters`.
    weights: Vec<f32>,
    #[serde(flatten)]
    recording: &'a Recording,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    check_folder_of(&args.out)?;
    let folder = RunFolder::open(&args.run)?;
    folder.check_finished()?;
    let (SavedModel { parameters, facts }, graph) = folder.read_model()?;
    let config = Config::read(&folder.config())?;
    // As in the run: smoothing is part of every loss, weights of classes of that of training.
    let plan = match args.train {
        true => {
            let labels = match config.class_weights {
                ClassWeights::Balanced => {
                    folder.read_predictions(PartName::Train, &facts.classes)?.labels
                }
                _ => Vec::new(),
            };
            Plan::new(graph, args.batch_size)?.with_loss(&config.loss(&labels, &facts.classes)?)?
        }
        false => {
            let loss = Loss { label_smoothing: config.label_smoothing, ..Loss::default() };
            Plan::for_inference(graph, args.batch_size)?.with_loss(&loss)?
        }
    };
    let samples = args.samples.map_or(args.batch_size, |samples| samples as usize);
    let optimizer = config.optimizer(config.learning_rate);
    let kernels = (KernelVariant::default(), &args.tiles.into());
    let recording = Recording::with_optimizer(plan, samples, kernels, 1, &optimizer)?;
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        class_names: &facts.classes,
        scale: &facts.scale,
        weights: recording.padded(&parameters),
        recording: &recording,
    };
    if is_dash(&args.out) {
        let text = serde_json::to_string(&document).map_err(std::io::Error::from);
        return say_raw(&text.map_err(Error::io(&args.out, "write"))?);
    }
    write_output(&args.out, |file| {
        serde_json::to_writer(&mut *file, &document)?;
        file.write_all(b"\n")
    })?;
    // The document itself is there; text would spoil it.
    if !leaves_room(&args.out) {
        return Ok(());
    }
    output.say(&fold(&format!(
        "Wrote {}: {} dispatches of {} kernels, {} buffers.",
        quoted(&args.out),
        recording.dispatches.len(),
        recording.kernels.len(),
        recording.buffers.len()
    )))
}
