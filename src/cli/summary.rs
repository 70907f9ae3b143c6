//! `genre-gpu summary`.

use super::say::say;
use crate::error::Result;
use crate::models::Model;
use crate::models::summary::{LayerTable, capacity};
use crate::text::fold;
use crate::train::settings::Recipe;

const EXAMPLES: &str = "\
Examples:
  genre-gpu summary
      P1 on the course's data: 80x80 spectrograms, 3,360 for training
  genre-gpu summary --model mine.toml --input 128x87 --samples 2670 --songs 178";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (p1, p1-aug, p1-bn, p1-bn-aug, p1-bn-low, p2, p2-bands, p2-rhythm, p2-timbre) or a path to a model's .toml file
    #[arg(long, value_name = "MODEL", default_value = "p1")]
    model: String,

    /// Mel bands and frames of a spectrogram
    #[arg(long, value_name = "HxW", default_value = "80x80", value_parser = size)]
    input: [usize; 2],

    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least::<2>)]
    classes: usize,

    /// Training samples to count parameters against; the default is the course's
    #[arg(long, value_name = "N", default_value_t = 3360, value_parser = at_least::<1>)]
    samples: usize,

    /// Songs that those samples were cut from [default: 224, where --samples is]
    #[arg(long, value_name = "N", value_parser = at_least::<1>)]
    songs: Option<usize>,
}

pub(super) fn size(text: &str) -> Result<[usize; 2], String> {
    let number = |text: &str| text.trim().parse().ok().filter(|n| (1..=1 << 16).contains(n));
    text.split_once(['x', 'X', '×'])
        .and_then(|(h, w)| Some([number(h)?, number(w)?]))
        .ok_or_else(|| "expected mel bands x frames, such as 80x80".into())
}

pub(super) fn at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n >= LEAST);
    number.ok_or_else(|| format!("expected a number of at least {LEAST}"))
}

pub(super) fn run(args: &Args) -> Result<()> {
    let model = Model::open(&args.model)?;
    // Nothing is trained, but a wrong recipe is reported.
    Recipe::of(&model)?;
    let [h, w] = args.input;
    let graph = model.graph([h, w, 1], args.classes)?;
    if !model.rationale.is_empty() {
        say(&format!("{}\n", fold(&model.rationale)))?;
    }
    say(&LayerTable(&graph).to_string())?;
    let per_sample = graph.trainable_count() as f64 / args.samples as f64;
    say(&format!(" Params per training sample: {per_sample:.2} (of {} samples)\n", args.samples))?;
    // 56 % of the course's 400 songs give 15 samples each.
    let songs = args.songs.or((args.samples == 3360).then_some(224));
    say(&fold(&capacity(&graph, args.samples, songs)))
}
