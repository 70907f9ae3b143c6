//! `genre-gpu web`.

use std::path::PathBuf;

use super::bars::Bars;
use super::out_file::{check_folder_of, is_dash, leaves_room};
use super::say::{Output, quoted, say_raw};
use crate::audio::FrontEndSpec;
use crate::error::{Error, Result};
use crate::files::write_output;
use crate::web::{Extent, WebPage, page};

const EXAMPLES: &str = "\
Examples:
  genre-gpu web runs/p1-demo-seed42
      page.html: drop a song on it, and see its genre and what that rests on
  genre-gpu web runs/p1-demo-seed42 runs/p2-demo-seed42 --out demo.html
      two models to choose from
  genre-gpu web runs/course --front-end librosa-2s
      a model trained on arrays without a known front end

The page is one file. It opens from a disk, asks no server for anything, and sends
nothing. Models run on WebGPU, with the kernels of this program, or in JavaScript
where a browser has none. The page also trains P1 and P2 on songs of the demo
corpus, and checks the kernels on the visitor's GPU: docs/web.md.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Run folders: the models of the page
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The file to write, or - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "page.html")]
    out: PathBuf,

    /// Front end of runs that do not know theirs: see genre-gpu train --help
    #[arg(long, value_name = "NAME,...")]
    front_end: Option<FrontEndSpec>,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let out = &args.out;
    check_folder_of(out)?;
    let ending = out.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    if !is_dash(out) && !matches!(ending.as_deref(), Some("html" | "htm")) && leaves_room(out) {
        return Err(Error::Setting {
            name: "out",
            expected: "a name that ends in .html, by which browsers know the page",
            found: out.display().to_string(),
        });
    }
    let bars = Bars::new(output);
    let WebPage { html: text, .. } =
        page(&args.runs, args.front_end.as_ref(), Extent::Whole, &bars)?;
    if is_dash(out) {
        return say_raw(&text);
    }
    write_output(out, |file| file.write_all(text.as_bytes()))?;
    if !leaves_room(out) {
        return Ok(());
    }
    let size = text.len() as f64 / 1e6;
    output.say(&format!("The page is {} ({size:.1} MB): open it in a browser.", quoted(out)))
}
