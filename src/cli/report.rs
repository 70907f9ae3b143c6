//! `genre-gpu report`.

use std::path::PathBuf;
use std::time::SystemTime;

use super::choice;
use super::out_file::{check_folder_of, is_dash, leaves_room};
use super::report_args::ReportArgs;
use super::say::{Output, say_raw};
use crate::error::{Error, Result};
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

    /// The file to write, or - for standard output [default: report.html or report.ipynb]
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
    let format = format_of(args)?;
    let (name, what, help) = match format {
        Format::Html => ("report.html", "HTML", "open it in any browser"),
        Format::Notebook => ("report.ipynb", "a notebook", "open it in Jupyter"),
    };
    let out = args.out.clone().unwrap_or_else(|| name.into());
    check_folder_of(&out)?;
    let runs = Runs::read(&args.runs)?;
    if is_dash(&out) {
        return say_raw(&runs.text(&out, format, &front, SystemTime::now())?);
    }
    let bytes = runs.write(&out, format, &front, SystemTime::now())?;
    // The report itself is there; text would spoil it.
    if !leaves_room(&out) {
        return Ok(());
    }
    let size = bytes as f64 / 1e6;
    output.say(&format!("The report is in {} ({what}, {size:.1} MB): {help}.", out.display()))
}

/// Endings of other kinds of documents, which no report is.
const OTHERS: [&str; 19] = [
    "bmp", "csv", "doc", "docx", "epub", "jpeg", "jpg", "json", "markdown", "md", "odt", "pdf",
    "png", "pptx", "ps", "rtf", "svg", "tex", "txt",
];

/// That of `--format`, else that of the file's name. A file must not be something else than its name
/// says.
fn format_of(args: &Args) -> Result<Format> {
    let Some(out) = &args.out else { return Ok(args.format.unwrap_or(Format::Html)) };
    let ending = out.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let named = match ending.as_deref() {
        Some("html" | "htm" | "xhtml") => Some(Format::Html),
        Some("ipynb") => Some(Format::Notebook),
        Some(other) if OTHERS.contains(&other) => {
            return Err(Error::Setting {
                name: "out",
                expected: "a name that ends in .html or .ipynb",
                found: format!(
                    "{}; for a PDF open report.html in a browser and print it into a file; word \
                     processors open report.html too",
                    out.display()
                ),
            });
        }
        _ => None,
    };
    match (args.format, named) {
        (Some(format), Some(named)) if format != named => Err(Error::Setting {
            name: "out",
            expected: match format {
                Format::Html => "a name that ends in .html, for --format html",
                Format::Notebook => "a name that ends in .ipynb, for --format ipynb",
            },
            found: out.display().to_string(),
        }),
        (format, named) => Ok(format.or(named).unwrap_or(Format::Html)),
    }
}
