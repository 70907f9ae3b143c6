//! `genre-gpu export`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::choice;
use super::export_format::ExportFormat;
use super::out_file::{check_folder_of, is_dash, leaves_room};
use super::say::{Output, quoted, say_bytes, say_raw};
use super::summary::at_least;
use crate::backend::Loss;
use crate::data::{PartName, Scale};
use crate::error::{Error, Result};
use crate::files::write_output;
use crate::formats::{self, Format};
use crate::gpu::{KernelVariant, Recording, TileConfig};
use crate::models::ClassWeights;
use crate::plan::Plan;
use crate::text::{fold, thousands};
use crate::train::SavedModel;
use crate::train::run_folder::RunFolder;
use crate::train::settings::Config;

const EXAMPLES: &str = "\
Examples:
  genre-gpu export runs/p1-demo-seed42 --format keras
      model.keras: keras.saving.load_model(\"model.keras\") in Keras 3
  genre-gpu export runs/mine --out mine.onnx
      the format is that of the file's name; for ONNX Runtime and others
  genre-gpu export runs/mine --format keras-weights
      model.weights.h5, for a Keras model with the same layers
  genre-gpu export runs/mine --format npz
      the weights as arrays of numpy, by name; safetensors: the run's own file
  genre-gpu export runs/mine --format webgpu --train --batch-size 32
      webgpu.json: shaders, buffers, dispatches and weights, here with the
      backward pass and the optimiser

Keras and ONNX models take spectrograms [n, mel bands, frames, 1] in the unit of
the arrays and scale them themselves. genre-gpu import reads all formats but
webgpu: docs/formats.md. A host of WebGPU creates the buffers, makes a pipeline
of each dispatch, and runs the dispatches of a pass for each step:
docs/webgpu.md, web/replay.js.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Format of the file [default: that of FILE's ending]
    #[arg(long, value_name = "FORMAT", value_parser = choice::export_format())]
    format: Option<ExportFormat>,

    /// Like --format webgpu: a recording that any host of WebGPU can replay (JSON)
    #[arg(long, conflicts_with = "format")]
    webgpu: bool,

    /// The file to write, or - for standard output [default: model.keras, model.onnx, ...]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    /// webgpu: with the passes that training needs
    #[arg(long)]
    train: bool,

    /// webgpu: most samples in a step [default: 1]
    #[arg(long, value_name = "N", value_parser = at_least::<1>)]
    batch_size: Option<usize>,

    /// webgpu: samples that its buffers have room for [default: those of a step]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,

    /// webgpu: size of a thread's convolution tile [default: narrow]
    #[arg(long, value_name = "TILES", value_parser = choice::tiles())]
    tiles: Option<TileConfig>,
}

/// That of `--format` or `--webgpu`, else that of the file's name.
fn format_of(args: &Args) -> Result<ExportFormat> {
    let json = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    let named = args.out.as_ref().and_then(|out| match Format::of_name(out) {
        Some(format) => Some(ExportFormat::Model(format)),
        None => json(out).then_some(ExportFormat::WebGpu),
    });
    let asked = if args.webgpu { Some(ExportFormat::WebGpu) } else { args.format };
    let name = || args.out.as_ref().map_or("none".into(), |out| out.display().to_string());
    match (asked, named) {
        // A file must not be something else than its name says.
        (Some(format), Some(named)) if format != named => Err(Error::Setting {
            name: "out",
            expected: "a name that ends as the format's files do",
            found: format!("{}; they are named as {}", name(), format.file_name()),
        }),
        (Some(format), _) | (None, Some(format)) => Ok(format),
        (None, None) => Err(Error::Setting {
            name: "format",
            expected: "keras, keras-weights, onnx, npz, safetensors or webgpu, or an --out whose name ends so",
            found: name(),
        }),
    }
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
    let format = format_of(args)?;
    let out = args.out.clone().unwrap_or_else(|| format.file_name().into());
    check_folder_of(&out)?;
    // Keras takes other names for those of another format.
    let weights = format == ExportFormat::Model(Format::KerasWeights);
    if weights && !is_dash(&out) && !out.to_string_lossy().ends_with(".weights.h5") {
        return Err(Error::Setting {
            name: "out",
            expected: "a name that ends in .weights.h5, by which Keras knows the format",
            found: out.display().to_string(),
        });
    }
    match format {
        ExportFormat::Model(format) => model(args, format, &out, output),
        ExportFormat::WebGpu => recording(args, &out, output),
    }
}

/// Writes a model's file.
fn model(args: &Args, format: Format, out: &Path, output: Output) -> Result<()> {
    let of_webgpu = [
        ("train", args.train),
        ("batch-size", args.batch_size.is_some()),
        ("samples", args.samples.is_some()),
        ("tiles", args.tiles.is_some()),
    ];
    if let Some((name, _)) = of_webgpu.into_iter().find(|(_, given)| *given) {
        let found = format!("--format {}; leave --{name} out", format.as_str());
        return Err(Error::Setting { name, expected: "--format webgpu with it", found });
    }
    let folder = RunFolder::open(&args.run)?;
    folder.check_finished()?;
    let (saved, graph) = folder.read_model()?;
    let bytes = formats::export(&saved, &graph, format)?;
    if is_dash(out) {
        return say_bytes(&bytes);
    }
    write_output(out, |file| file.write_all(&bytes))?;
    if !leaves_room(out) {
        return Ok(());
    }
    let [h, w, c] = saved.facts.sample_shape;
    let inputs = match format {
        Format::Keras | Format::Onnx => {
            format!("inputs [n, {h}, {w}, {c}] in the unit of the arrays")
        }
        Format::KerasWeights | Format::Npz | Format::Safetensors => {
            let scale = saved.facts.scale;
            format!("inputs [n, {h}, {w}, {c}] that are {scale}")
        }
    };
    let count = thousands(graph.parameter_count() as u64);
    output.say(&fold(&format!("Wrote {}: {count} weights; {inputs}.", quoted(out))))
}

/// Writes a recording.
fn recording(args: &Args, out: &Path, output: Output) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    folder.check_finished()?;
    let (SavedModel { parameters, facts }, graph) = folder.read_model()?;
    let config = Config::read(&folder.config())?;
    let batch_size = args.batch_size.unwrap_or(1);
    // As in the run: smoothing is part of every loss, weights of classes of that of training.
    let plan = match args.train {
        true => {
            let labels = match config.class_weights {
                ClassWeights::Balanced => {
                    folder.read_predictions(PartName::Train, &facts.classes)?.labels
                }
                _ => Vec::new(),
            };
            Plan::new(graph, batch_size)?.with_loss(&config.loss(&labels, &facts.classes)?)?
        }
        false => {
            let loss = Loss { label_smoothing: config.label_smoothing, ..Loss::default() };
            Plan::for_inference(graph, batch_size)?.with_loss(&loss)?
        }
    };
    let samples = args.samples.map_or(batch_size, |samples| samples as usize);
    let optimizer = config.optimizer(config.learning_rate);
    let kernels = (KernelVariant::default(), &args.tiles.unwrap_or(TileConfig::Narrow).into());
    let recording = Recording::with_optimizer(plan, samples, kernels, 1, &optimizer)?;
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        class_names: &facts.classes,
        scale: &facts.scale,
        weights: recording.padded(&parameters),
        recording: &recording,
    };
    if is_dash(out) {
        let text = serde_json::to_string(&document).map_err(std::io::Error::from);
        return say_raw(&text.map_err(Error::io(out, "write"))?);
    }
    write_output(out, |file| {
        serde_json::to_writer(&mut *file, &document)?;
        file.write_all(b"\n")
    })?;
    // The document itself is there; text would spoil it.
    if !leaves_room(out) {
        return Ok(());
    }
    output.say(&fold(&format!(
        "Wrote {}: {} dispatches of {} kernels, {} buffers.",
        quoted(out),
        recording.dispatches.len(),
        recording.kernels.len(),
        recording.buffers.len()
    )))
}
