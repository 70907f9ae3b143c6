//! `genre-gpu export`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::choice;
use super::say::{Output, quoted};
use super::summary::at_least;
use crate::data::Scale;
use crate::error::Result;
use crate::files::write_output;
use crate::gpu::{Recording, TileConfig};
use crate::plan::Plan;
use crate::text::fold;
use crate::train::SavedModel;
use crate::train::run_folder::RunFolder;

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
    #[arg(long, value_name = "N", value_parser = at_least::<1>)]
    samples: Option<usize>,

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
    let folder = RunFolder::open(&args.run)?;
    folder.check_finished()?;
    let (SavedModel { parameters, facts }, graph) = folder.read_model()?;
    let plan = match args.train {
        true => Plan::new(graph, args.batch_size)?,
        false => Plan::for_inference(graph, args.batch_size)?,
    };
    let samples = args.samples.unwrap_or(args.batch_size);
    let recording = Recording::new(plan, samples, args.tiles)?;
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        class_names: &facts.classes,
        scale: &facts.scale,
        weights: recording.padded(&parameters),
        recording: &recording,
    };
    write_output(&args.out, |mut file: &mut dyn Write| {
        serde_json::to_writer(&mut file, &document)?;
        file.write_all(b"\n")
    })?;
    output.say(&fold(&format!(
        "Wrote {}: {} dispatches of {} kernels, {} buffers.",
        quoted(&args.out),
        recording.dispatches.len(),
        recording.kernels.len(),
        recording.buffers.len()
    )))
}
