//! `genre-gpu check`.

use std::process::ExitCode;

use super::bars::Bars;
use super::say::{Output, tell};
use crate::check::{self, Options};
use crate::error::Result;

const EXAMPLES: &str = "\
Examples:
  genre-gpu check                    does the best GPU compute what it should?
  genre-gpu check --adapter llvmpipe another one (see `genre-gpu adapters`)
  genre-gpu check --brief            a case of each operation, P1 and P2: seconds
  genre-gpu check > check.txt        a text for a bug report

Every kernel runs in all its forms on small graphs; each tensor is compared with
plain loops in f64. Exit code 1 if anything is wrong.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Part of the GPU's name, driver or kind, case-insensitive [default: the best]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    /// Only a case of each operation, and P1 and P2, with the kernels that training uses
    #[arg(long)]
    brief: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, output: Output) -> Result<ExitCode> {
    let output = output.with_json(args.json);
    let options = Options { adapter: args.adapter.as_deref(), brief: args.brief };
    let report = check::run(&options, &Bars::new(output))?;
    output.document(&report)?;
    output.say(&report.to_string())?;
    if let (false, Some(wrong)) = (report.passed, report.wrong().next()) {
        tell(&format!("{} computes wrong results: {wrong}", report.adapter));
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
