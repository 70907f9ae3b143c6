//! `genre-gpu import`.

use std::path::PathBuf;

use super::choice;
use super::say::{Output, quoted, tell};
use super::summary::size;
use crate::audio::FrontEndSpec;
use crate::data::Scale;
use crate::error::Result;
use crate::formats::{self, ImportOptions, Imported};
use crate::models::Model;
use crate::models::summary::LayerTable;
use crate::text::fold;
use crate::train::run_folder::RunFolder;
use crate::train::store;

const EXAMPLES: &str = "\
Examples:
  genre-gpu import mine.keras --classes classical,disco,metal,rock
      a model that was trained in Keras: runs/mine, which evaluate, explain,
      predict and export take as they take a run
  genre-gpu import mine.keras --mean -42.6 --deviation 21.18 --out runs/keras
      it was trained on samples that had been standardised by these numbers
  genre-gpu import mine.weights.h5 --model p1 --input 80x80
      weights alone (also .npz, .safetensors): the layers are those of P1
  genre-gpu evaluate runs/mine --data arrays
  genre-gpu predict runs/mine song.mp3 --front-end librosa-2s

What genre-gpu export wrote (.keras, .weights.h5, .onnx, .npz, .safetensors)
comes back as it was, with its classes, input scale and front end.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A .keras, .weights.h5, .npz or .safetensors file, or an .onnx of genre-gpu export
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Folder of the run [default: runs/NAME]
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: Option<PathBuf>,

    /// Name of the model [default: that in the file, or the file's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Names of the classes in the order of their labels [default: those in the file, or 0, 1, ...]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    classes: Option<Vec<String>>,

    /// The layers of weights alone: a built-in model or a model's .toml file
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Mel bands and frames of a sample, of weights alone
    #[arg(long, value_name = "HxW", value_parser = size)]
    input: Option<[usize; 2]>,

    /// Subtracted from each value of a sample [default: as in the file, or 0]
    #[arg(long, value_name = "NUMBER", requires = "deviation", allow_negative_numbers = true)]
    mean: Option<f32>,

    /// Each value is divided by it next [default: as in the file, or 1]
    #[arg(long, value_name = "NUMBER", requires = "mean")]
    deviation: Option<f32>,

    /// Front end of the training arrays, for predict: see genre-gpu train --help
    #[arg(long, value_name = "NAME,...")]
    front_end: Option<FrontEndSpec>,

    /// Replace a run in the folder
    #[arg(long)]
    overwrite: bool,
}

/// The scale that the flags give.
fn scale(args: &Args) -> Result<Option<Scale>> {
    match (args.mean, args.deviation) {
        (Some(mean), Some(deviation)) => Scale::standard(mean, deviation).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let options = ImportOptions {
        model: args.model.as_deref().map(Model::open).transpose()?,
        input: args.input,
        name: args.name.clone(),
        classes: args.classes.clone(),
        scale: scale(args)?,
        front_end: args.front_end.clone(),
    };
    let Imported { saved, graph, notes } = formats::import(&args.file, &options)?;
    let facts = &saved.facts;
    let base = PathBuf::from("runs").join(&facts.name);
    let out = args.out.clone().unwrap_or_else(|| RunFolder::unused(&base));
    store(&saved, &graph, &out, args.overwrite)?;
    for note in &notes {
        if !output.quiet {
            tell(note);
        }
    }
    let [h, w, c] = facts.sample_shape;
    let front_end = facts.front_end.as_ref().map_or("unknown", |front_end| &front_end.name);
    output.say(LayerTable(&graph).to_string().trim_end())?;
    output.say(&format!(
        "Samples: {h} mel bands x {w} frames, {c} channel{}; {}; front end {front_end}\nClasses: {}",
        if c == 1 { "" } else { "s" },
        facts.scale,
        facts.classes.join(", ")
    ))?;
    let folder = quoted(&out);
    output.say(&fold(&format!("{} is in {folder}.", quoted(&args.file))))?;
    output.say(&format!("Next:\n  genre-gpu evaluate {folder} --data ARRAYS"))
}
