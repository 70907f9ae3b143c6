//! `genre-gpu explain`.

use std::path::PathBuf;

use super::bars::Bars;
use super::choice;
use super::data_args::DataArgs;
use super::device_args::DeviceArgs;
use super::run_input::{load_run, run_config};
use super::say::say;
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::explain::listen::{self, Listener};
use crate::explain::{ExplainFolder, ExplainOptions, Explanation, explain};
use crate::plot::ColourMap;
use crate::train::run_folder::RunFolder;

const EXAMPLES: &str = "\
Examples:
  genre-gpu explain runs/p1-demo-seed42
      right and wrong indices, and Grad-CAM of the last pooling layer for the first six
      right and the first six wrong of each class
  genre-gpu explain runs/mine --layer conv2d_1 --part test --index 3,17
      maps of another layer, for chosen samples
  genre-gpu explain runs/mine --class rock
      what speaks for rock, whatever was predicted
  genre-gpu explain runs/p1-demo-seed42 --listen
      the same samples as WAV files: what the network heard, the part of it that the map
      keeps, and the rest";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A run's folder
    run: PathBuf,

    /// Layers by name, as summary shows them [default: the last pooling layers, and the last layer
    /// with bands and frames where those have only one of them]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    layer: Vec<String>,

    /// The class that maps speak for [default: each sample's predicted one]
    #[arg(long, value_name = "NAME")]
    class: Option<String>,

    /// Which part is explained
    #[arg(long, value_name = "PART", value_parser = choice::part(), default_value = "train")]
    part: PartName,

    /// Samples that are shown, by index [default: the first six right and wrong of each class]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    index: Vec<usize>,

    /// Write the sound of the samples that are shown, the part of it that their map keeps, and the
    /// rest, as WAV files: for the demo corpus, and arrays that prepare made
    #[arg(long)]
    listen: bool,

    /// Leave out the checks of how far the maps can be trusted
    #[arg(long)]
    no_checks: bool,

    /// Where the files go [default: the folder explain of the run]
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Colours of heatmaps
    #[arg(long, value_name = "NAME", value_parser = choice::colours(), default_value = "jet")]
    cmap: ColourMap,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print errors only
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    let config = run_config(&folder, &args.data, &args.device)?;
    let own = ExplainFolder::of(&folder);
    let out = args.out.as_deref().map_or(own, ExplainFolder::at);
    out.create()?;
    let bars = Bars::new(args.quiet);
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
    out.clear()?;
    if let Some(listener) = &listener {
        listen::write(listener, &run, &wanted, &mut explanation, out.path(), &bars)?;
    }
    out.write(&explanation, args.cmap, &bars)?;
    if !args.quiet {
        say(&text(&explanation))?;
        say(&format!("\n{}", out.path().display()))?;
    }
    Ok(())
}

fn label(name: &str, classes: &[String]) -> Result<u32> {
    let found = classes.iter().position(|class| class == name);
    found.map(|label| label as u32).ok_or_else(|| Error::Setting {
        name: "class",
        expected: "a class of the run's data",
        found: format!("{name}; there are {}", classes.join(", ")),
    })
}

/// A table of right and wrong, and which layers were looked at.
fn text(explanation: &Explanation) -> String {
    let mut lines = vec![format!("Device: {}", explanation.device)];
    let layer = |layer: &crate::explain::LayerFacts| {
        let [h, w, c] = layer.shape;
        format!("{} ({h} x {w}, {c} channels)", layer.name)
    };
    let layers: Vec<String> = explanation.layers.iter().map(layer).collect();
    lines.push(format!("Maps of {}", layers.join(" and ")));
    for part in &explanation.parts {
        for class in &part.classes {
            lines.push(format!(
                "{:<6} {:<12} {:>6} right {:>6} wrong",
                part.part,
                class.name,
                class.right.len(),
                class.wrong.len()
            ));
        }
    }
    if let Some((count, [clip, kept, rest])) = listen::mean_probabilities(&explanation.shown) {
        lines.push(format!(
            "Sound of {count} samples in {}: mean probability of the map's class {clip:.3}; of what \
             the map keeps {kept:.3}, of the rest {rest:.3}",
            listen::FOLDER
        ));
    }
    lines.join("\n")
}
