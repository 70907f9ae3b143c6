//! `genre-gpu report`.

use std::path::PathBuf;
use std::time::SystemTime;

use super::say::Output;
use crate::error::Result;
use crate::report::Runs;

const EXAMPLES: &str = "\
Examples:
  genre-gpu report runs/p1-demo-seed42
      everything about a run in one self-contained file, report.html
  genre-gpu report runs/p1-demo-seed42 runs/p2-demo-seed42 --out p1-p2.html
      P1 answers the assignment's questions, P2 is compared with it

A run must have been explained first: genre-gpu explain RUN.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Run folders; the first answers the questions, the others are compared with it
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The HTML file to write
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let runs = Runs::read(&args.runs)?;
    let bytes = runs.write(&args.out, SystemTime::now())?;
    let size = bytes as f64 / 1e6;
    output.say(&format!(
        "The report is in {} ({size:.1} MB): open it in any browser.",
        args.out.display()
    ))
}
