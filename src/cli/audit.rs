//! `genre-gpu audit`.

use std::path::PathBuf;
use std::process::ExitCode;

use console::Style;

use super::bars::Bars;
use super::data_args::DataArgs;
use super::say::{Output, tell};
use super::summary::at_least;
use crate::audit::{self, Audit, Names, Quick};
use crate::data::{Dataset, PartName};
use crate::error::{Error, Result};
use crate::text::fold;
use crate::train::settings::Recipe;
use crate::train::source::{self, Source};

const EXAMPLES: &str = "\
Examples:
  genre-gpu audit
      the demo corpus
  genre-gpu audit course/ --json > audit.json
      everything that was found, as JSON
  genre-gpu audit gtzan.npz --gtzan
      with GTZAN's known repeats, where song ids are label * 100 + its number

Exit codes: 0 no leak into the test part was found, 1 a leak was found, or the data
cannot be read, 2 wrong usage.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder of .npy files or an .npz, like --data
    #[arg(value_name = "DATA", conflicts_with = "data")]
    path: Option<PathBuf>,

    /// Check GTZAN's known faults: song ids are label * 100 + its number (not needed if
    /// songs.csv has file names)
    #[arg(long)]
    gtzan: bool,

    /// Number of equal consecutive frames that prove shared sound
    #[arg(long, value_name = "N", default_value_t = audit::Options::default().frames, value_parser = at_least::<1>)]
    frames: usize,

    /// Correlation from which two samples count as near duplicates
    #[arg(long, value_name = "R", default_value_t = audit::Options::default().near, value_parser = correlation)]
    near: f64,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArgs,
}

fn correlation(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|r| (0.5..=1.0).contains(r));
    number.ok_or_else(|| "expected a correlation from 0.5 to 1".into())
}

pub(super) fn run(args: &Args, output: Output) -> Result<ExitCode> {
    let output = output.with_json(args.json);
    let mut settings = args.data.settings();
    settings.data = args.path.clone().or(settings.data);
    let config = settings.resolve(Recipe::default())?;
    let bars = Bars::new(output);
    let cache = args.data.cache.cache_dir.as_deref();
    let Source { data, .. } = source::load(&config, cache, &PartName::ALL, &bars)?;
    let width = data.sample_shape[1];
    if args.frames > width {
        return Err(Error::Setting {
            name: "frames",
            expected: "at most the number of frames of a sample",
            found: format!("{}; samples have {width}", args.frames),
        });
    }
    let names = match config.data.as_deref() {
        _ if args.gtzan => Some(Names::of_ids(&data)?),
        Some(path) => Names::read(path, &bars)?,
        None => None,
    };
    let options = audit::Options { frames: args.frames, near: args.near };
    let found = Audit::of(&data, names.as_ref(), &options, &bars);
    output.document(&found)?;
    output.say(&coloured(&found.to_string()))?;
    Ok(if found.test_is_compromised() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The text with the verdict's words in colour, on a terminal.
fn coloured(text: &str) -> String {
    let paint = |word: &'static str, style: Style| (word, style.bold().apply_to(word).to_string());
    let words = [paint("COMPROMISED", Style::new().red()), paint("clean", Style::new().green())];
    let paint_line = |line: &str| match line.starts_with("Verdict:") {
        true => words.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to)),
        false => line.to_owned(),
    };
    text.split('\n').map(paint_line).collect::<Vec<_>>().join("\n")
}

/// Prints the line of the quick audit; a fault always.
pub(super) fn quick(data: &Dataset, output: Output) -> Result<Quick> {
    let quick = Quick::of(data);
    match quick.finds_fault() {
        true => tell(&quick.line()),
        false => output.say(&fold(&quick.line()))?,
    }
    Ok(quick)
}
