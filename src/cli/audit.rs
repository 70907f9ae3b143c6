//! `genre-gpu audit`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::bars::Bars;
use super::data_args::DataArgs;
use super::say::{say, tell};
use super::summary::at_least;
use crate::audit::{self, Audit, Names, Quick};
use crate::data::{Dataset, PartName};
use crate::error::{Error, Result};
use crate::train::settings::Recipe;
use crate::train::source::{self, Source};

const EXAMPLES: &str = "\
Examples:
  genre-gpu audit
      the demo corpus
  genre-gpu audit course/ --json audit.json
      what parts share, and everything in a file
  genre-gpu audit gtzan.npz --gtzan
      song ids are label * 100 + GTZAN's number: its known repeats, too

Exit codes: 0 the test part shares nothing that could be found, 1 it does (or the data
cannot be read), 2 usage.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder of .npy files or an .npz; the same as --data
    #[arg(value_name = "DATA", conflicts_with = "data")]
    path: Option<PathBuf>,

    /// Song ids are label * 100 + GTZAN's number; not needed where songs.csv has file names
    #[arg(long)]
    gtzan: bool,

    /// Equal frames in a row that prove that two samples share sound
    #[arg(long, value_name = "N", default_value_t = audit::Options::default().frames, value_parser = at_least::<1>)]
    frames: usize,

    /// Correlation from which two samples are near duplicates
    #[arg(long, value_name = "R", default_value_t = audit::Options::default().near, value_parser = correlation)]
    near: f64,

    /// Write everything that was found to a file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    data: DataArgs,
}

fn correlation(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|r| (0.5..=1.0).contains(r));
    number.ok_or_else(|| "expected a correlation from 0.5 to 1".into())
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let mut settings = args.data.settings();
    settings.data = args.path.clone().or(settings.data);
    let config = settings.resolve(Recipe::default())?;
    let bars = Bars::new(args.quiet);
    let cache = args.data.cache_dir.as_deref();
    let Source { data, .. } = source::load(&config, cache, &PartName::ALL, &bars)?;
    let width = data.sample_shape[1];
    if args.frames > width {
        return Err(Error::Setting {
            name: "frames",
            expected: "no more frames in a row than samples have",
            found: format!("{}, where samples have {width}", args.frames),
        });
    }
    let names = match config.data.as_deref() {
        _ if args.gtzan => Some(Names::of_ids(&data)?),
        Some(path) => Names::read(path, &bars)?,
        None => None,
    };
    let options = audit::Options { frames: args.frames, near: args.near };
    let found = Audit::of(&data, names.as_ref(), &options, &bars);
    if !args.quiet {
        say(&found.to_string())?;
    }
    args.json.as_deref().map_or(Ok(()), |path| found.write_json(path))?;
    Ok(if found.test_is_compromised() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints the line of the quick audit; a fault is printed in any case.
pub(super) fn quick(data: &Dataset, quiet: bool) -> Result<Quick> {
    let quick = Quick::of(data);
    if quick.finds_fault() {
        tell(&format!("genre-gpu: {}", quick.line()));
    } else if !quiet {
        say(&quick.line())?;
    }
    Ok(quick)
}
