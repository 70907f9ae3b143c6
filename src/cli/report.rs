//! `genre-gpu report`.

use std::path::PathBuf;
use std::time::SystemTime;

use super::choice;
use super::report_args::ReportArgs;
use super::say::Output;
use crate::error::Result;
use crate::report::{Format, Runs};

const EXAMPLES: &str = "\
Examples:
  genre-gpu report runs/p1-demo-seed42
      everything about a run in one self-contained file, report.html
  genre-gpu report runs/p1-demo-seed42 runs/p2-demo-seed42 --out p1-p2.html
      P1 answers the assignment's questions, P2 is compared with it
  genre-gpu report runs/p1-demo-seed42 --format ipynb --author 12345 --notes notes.md
      as a notebook, with your own words under each answer

A run must have been explained first: genre-gpu explain RUN.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Run folders; the first answers the questions, the others are compared with it
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The file to write [default: report.html or report.ipynb]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    /// A self-contained HTML page, or a Jupyter notebook with cells that make the runs again
    /// [default: that of FILE, or html]
    #[arg(long, value_name = "FORMAT", value_parser = choice::report_format())]
    format: Option<Format>,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let front = args.report.read()?;
    let is_notebook = |out: &PathBuf| out.extension().is_some_and(|end| end == "ipynb");
    let format = args.format.unwrap_or(match args.out.as_ref().is_some_and(is_notebook) {
        true => Format::Notebook,
        false => Format::Html,
    });
    let (name, help) = match format {
        Format::Html => ("report.html", "open it in any browser"),
        Format::Notebook => ("report.ipynb", "open it in Jupyter"),
    };
    let out = args.out.clone().unwrap_or_else(|| name.into());
    let runs = Runs::read(&args.runs)?;
    let bytes = runs.write(&out, format, &front, SystemTime::now())?;
    // The report itself is there; text would spoil it.
    if ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| out.as_os_str() == *name) {
        return Ok(());
    }
    let size = bytes as f64 / 1e6;
    output.say(&format!("The report is in {} ({size:.1} MB): {help}.", out.display()))
}
