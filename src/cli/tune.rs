//! `genre-gpu tune`.

use super::bars::Bars;
use super::data_args::CacheArgs;
use super::say::Output;
use super::summary::{at_least, size};
use crate::error::Result;
use crate::models::Model;
use crate::train::settings::{Recipe, Settings};
use crate::train::source::cache_folder;
use crate::tune::{Known, Options, tune};

const EXAMPLES: &str = "\
Examples:
  genre-gpu tune                       P1 on the best GPU
  genre-gpu tune --model p2 --adapter nvidia
  genre-gpu tune --input 128x94 --classes 10
      for arrays of 128 mel bands, 94 frames and ten classes

Each pass of the model is measured with wide, narrow and small tiles. What is
fastest is remembered for this GPU, driver, model and batch size, and new runs
use it. It changes the order of sums, and so the last bits of a run: each run
keeps its tiles in config.toml, and --tiles takes them.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (see `genre-gpu models`) or a model's .toml file
    #[arg(long, value_name = "MODEL", default_value = "p1")]
    model: String,

    /// Mel bands and frames of a spectrogram
    #[arg(long, value_name = "HxW", default_value = "80x80", value_parser = size)]
    input: [usize; 2],

    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least::<2>)]
    classes: usize,

    /// Samples in a step [default: the model's]
    #[arg(long, value_name = "N", value_parser = at_least::<1>)]
    batch_size: Option<usize>,

    /// Part of the GPU's name, driver or kind, case-insensitive [default: the best]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    #[command(flatten)]
    cache: CacheArgs,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let output = output.with_json(args.json);
    let model = Model::open(&args.model)?;
    let settings = Settings { batch_size: args.batch_size, ..Settings::default() };
    let batch = settings.resolve(Recipe::of(&model)?)?.batch_size;
    let [h, w] = args.input;
    let graph = model.graph([h, w, 1], args.classes)?;
    let options = Options { adapter: args.adapter.as_deref(), ..Options::WHOLE };
    let tuned = tune(&graph, batch, &options, &Bars::new(output))?;
    let cache = cache_folder(args.cache.cache_dir.as_deref())?;
    Known::at(&cache).remember(&tuned.adapter, &graph, batch, &tuned.tiles)?;
    output.document(&tuned)?;
    output.say(&tuned.to_string())?;
    output.say(&format!(
        "Remembered in {}: new runs of {} on {h}x{w} spectrograms of {} classes in batches of \
         {batch} (or of all samples, if there are fewer) use\n  --tiles \"{}\"",
        cache.display(),
        tuned.model,
        args.classes,
        tuned.tiles
    ))
}
