//! `genre-gpu evaluate`.

use std::path::PathBuf;

use super::bars::Bars;
use super::data_args::DataArgs;
use super::device_args::DeviceArgs;
use super::lines::{calibration, line, matrix, temperatures};
use super::run_input::{load_run, run_config};
use super::say::{Output, warn_of};
use super::{audit, choice};
use crate::backend::{DatasetRef, Loss, State};
use crate::data::PartName;
use crate::device;
use crate::error::Result;
use crate::metrics::ClassificationReport;
use crate::plan::Plan;
use crate::text::fold;
use crate::train::results::Results;
use crate::train::run_folder::{self, RunFolder};
use crate::train::source::Source;
use crate::train::{LoadedRun, run_title};

const EXAMPLES: &str = "\
Examples:
  genre-gpu evaluate runs/p1-demo-seed42
      metrics and confusion matrices of a run, from its weights
  genre-gpu evaluate runs/mine --data other.npz --part test --out elsewhere
      on other arrays, scaled like the training set
  genre-gpu evaluate runs/mine --device gpu
      on a GPU, wherever it was trained";

/// Of runs of older versions, and of folds without validation.
const UNCALIBRATED: &str = "Calibration: none, the run is from an older version (genre-gpu train --resume \
    adds it without training, if its data and its model are still the same), or of compare --folds without a fold to \
    validate on";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A run's folder
    run: PathBuf,

    /// Only these parts; may be repeated [default: all three]
    #[arg(long, value_name = "PART", value_parser = choice::part())]
    part: Vec<PartName>,

    /// Folder for metrics.json, predictions and confusion matrices [default: none is written]
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let output = output.with_json(args.json);
    let folder = RunFolder::open(&args.run)?;
    let out = args.out.as_deref().map(RunFolder::for_results).transpose()?;
    let config = run_config(&folder, &args.data, &args.device)?;
    let parts = if args.part.is_empty() { PartName::ALL.to_vec() } else { args.part.clone() };
    let mut run = load_run(folder, config, &args.data, &parts, &Bars::new(output))?;
    audit::quick(&run.source.data, Output::new(true))?;
    run.scale();
    let LoadedRun { config, saved, graph, source: Source { data, .. }, .. } = run;
    let facts = &saved.facts;
    let batch = device::inference_batch(config.batch_size, data.longest_part());
    // Weights of classes are those of training alone.
    let loss = Loss { label_smoothing: config.label_smoothing, ..Loss::default() };
    let plan = Plan::for_inference(graph.clone(), batch)?.with_loss(&loss)?;
    let mut backend = device::open(config.device, plan, config.device_options())?;
    warn_of(backend.as_ref());
    backend.set_state(&State::new(saved.parameters))?;
    let results = parts
        .iter()
        .map(|name| {
            let part = data.part(*name);
            Results::of(backend.as_mut(), *name, part, DatasetRef::new(&part.x, &part.y))
        })
        .collect::<Result<Vec<_>>>()?;

    let (count, device, history) = (graph.trainable_count(), backend.describe(), &[]);
    let mut metrics =
        run_folder::metrics(&config, &device, count, facts.epochs, history, &data, &results);
    if let Some(temperatures) = facts.temperatures {
        metrics.calibrate(temperatures, &results, &data)?;
    }
    let title = run_title(&config.model, &data);
    output.say(&format!("{title}\nDevice: {device}"))?;
    match &facts.temperatures {
        Some(found) => output.say(&fold(&format!("Calibration: {}", temperatures(found))))?,
        None if facts.is_foreign() => output.say("Calibration: none, the model was imported")?,
        None => output.say(&fold(UNCALIBRATED))?,
    }
    for result in &results {
        let calibrated = metrics.parts.get(result.part.as_str()).and_then(calibration);
        let calibrated = calibrated.map_or_else(String::new, |text| format!("\n  {text}"));
        let matrix = matrix(&result.confusion, &data.classes);
        output.say(&format!("\n{}{calibrated}\n{matrix}", line(result)))?;
        output.say(&ClassificationReport::new(&result.confusion, &data.classes)?.to_string())?;
    }
    output.document(&metrics)?;
    if let Some(out) = out {
        out.write_results(&results, &data, &title)?;
        out.write_metrics(&metrics)?;
    }
    Ok(())
}
