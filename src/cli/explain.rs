//! `genre-gpu explain`.

use std::path::PathBuf;

use super::bars::Bars;
use super::choice;
use super::data_args::DataArgs;
use super::device_args::DeviceArgs;
use super::run_input::{load_run, run_config};
use super::say::{Output, quoted};
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::explain::listen::{self, Listener};
use crate::explain::{ExplainFolder, ExplainOptions, Explanation, explain};
use crate::plot::{ColourMap, undrawn};
use crate::text::fold;
use crate::train::run_folder::RunFolder;

const EXAMPLES: &str = "\
Examples:
  genre-gpu explain runs/p1-demo-seed42
      indices, and Grad-CAM of the last pooling layer for the first six correct
      and the first six incorrect samples per class
  genre-gpu explain runs/mine --layer conv2d_1 --part test --index 3,17
      maps of another layer, for some samples
  genre-gpu explain runs/mine --class rock
      maps for the class rock, whatever was predicted
  genre-gpu explain runs/p1-demo-seed42 --listen
      also WAV files: what the network heard, what the map keeps, the rest";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A run's folder
    run: PathBuf,

    /// Layers, by their names in `genre-gpu summary` [default: the last pooling layers, and the last
    /// layer with bands and frames if those have only one of the two]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    layer: Vec<String>,

    /// The class that the maps explain [default: the predicted class of each sample]
    #[arg(long, value_name = "NAME")]
    class: Option<String>,

    /// The part to explain
    #[arg(long, value_name = "PART", value_parser = choice::part(), default_value = "train")]
    part: PartName,

    /// Samples to show, by index [default: the first six correct and incorrect per class]
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    index: Vec<usize>,

    /// Also write WAV files of the samples shown, of what their map keeps, and of the rest (for the
    /// demo corpus and arrays made by prepare)
    #[arg(long)]
    listen: bool,

    /// Skip the checks of how far the maps can be trusted
    #[arg(long)]
    no_checks: bool,

    /// Folder for the files [default: RUN/explain]
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: Option<PathBuf>,

    /// Colour map of the heatmaps
    #[arg(long, value_name = "NAME", value_parser = choice::colours(), default_value = "viridis")]
    cmap: ColourMap,

    #[command(flatten)]
    device: DeviceArgs,

    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    let config = run_config(&folder, &args.data, &args.device)?;
    let own = ExplainFolder::of(&folder);
    let out = args.out.as_deref().map_or(own, ExplainFolder::at);
    let _lock = out.lock()?;
    let bars = Bars::new(output);
    let mut run = load_run(folder, config, &args.data, &PartName::ALL, &bars)?;
    run.scale();
    let class = args.class.as_deref().map(|name| label(name, &run.saved.facts.classes));
    let wanted = ExplainOptions {
        part: args.part,
        layers: args.layer.clone(),
        class: class.transpose()?,
        checks: !args.no_checks,
        indices: args.index.clone(),
    };
    let listener = args.listen.then(|| Listener::asked(&run.source)).transpose()?;
    let mut explanation = explain(&run, &wanted, &bars)?;
    out.replace(|staged| {
        if let Some(listener) = &listener {
            listen::write(listener, &run, &wanted, &mut explanation, staged.path(), &bars)?;
        }
        staged.write(&explanation, args.cmap, &bars)
    })?;
    output.say(&text(&explanation))?;
    if let Some(note) = undrawn(&explanation.classes) {
        output.say(&format!("\n{}", fold(&note)))?;
    }
    output.say(&format!("\nThe pictures and explain.json are in {}.", out.path().display()))?;
    // A report is of a run on all data, with the history of its training.
    let has_history = run.folder.check_resumable().is_ok();
    if args.out.is_none() && run.config.fold.is_none() && has_history {
        output.say(&format!("Next:\n  genre-gpu report {}", quoted(&args.run)))?;
    }
    Ok(())
}

fn label(name: &str, classes: &[String]) -> Result<u32> {
    let found = classes.iter().position(|class| class == name);
    found.map(|label| label as u32).ok_or_else(|| Error::Setting {
        name: "class",
        expected: "a class of the run",
        found: format!("{name}; its classes are {}", classes.join(", ")),
    })
}

/// The layers, and correct and incorrect samples by class.
fn text(explanation: &Explanation) -> String {
    let mut lines = vec![format!("Device: {}", explanation.device)];
    let layer = |layer: &crate::explain::LayerFacts| {
        let [h, w, c] = layer.shape;
        format!("{} ({h} x {w}, {c} channels)", layer.name)
    };
    let layers: Vec<String> = explanation.layers.iter().map(layer).collect();
    lines.push(format!("Maps of {}\n", layers.join(" and ")));
    lines.push(format!("{:<6} {:<12} {:>8} {:>10}", "part", "class", "correct", "incorrect"));
    for part in &explanation.parts {
        for class in &part.classes {
            lines.push(format!(
                "{:<6} {:<12} {:>8} {:>10}",
                part.part,
                class.name,
                class.right.len(),
                class.wrong.len()
            ));
        }
    }
    if let Some((count, [clip, kept, rest])) = listen::mean_probabilities(&explanation.shown) {
        lines.push(format!(
            "\nSound of {count} samples in {}: mean probability of the map's class:\n  {clip:.3} \
             (all), {kept:.3} (what the map keeps), {rest:.3} (the rest)",
            listen::FOLDER
        ));
    }
    lines.join("\n")
}
