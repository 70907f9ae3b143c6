//! `genre-gpu report`.

use std::path::PathBuf;
use std::time::SystemTime;

use super::say::say;
use crate::error::Result;
use crate::report::Runs;

const EXAMPLES: &str = "\
Examples:
  genre-gpu report runs/p1-demo-seed42
      everything about a run in report.html: one file that needs no network
  genre-gpu report runs/p1-demo-seed42 runs/p2-demo-seed42 --out p1-p2.html
      P1 answers the assignment's questions, P2 is held against it

A run must have been explained: genre-gpu explain RUN.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Runs' folders; the first answers the questions, the others are held against it
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let runs = Runs::read(&args.runs)?;
    let bytes = runs.write(&args.out, SystemTime::now())?;
    if args.quiet {
        return Ok(());
    }
    let size = bytes as f64 / 1e6;
    say(&format!("The report is in {} ({size:.1} MB): open it in any browser.", args.out.display()))
}
