//! `genre-gpu models`.

use serde::Serialize;

use super::say::Output;
use crate::error::Result;
use crate::models::{Model, built_in};
use crate::text::thousands;

const EXAMPLES: &str = "\
Examples:
  genre-gpu models
  genre-gpu summary --model p2            its rationale and layers
  genre-gpu train --model p2              train it
  genre-gpu train --model mine.toml       your own: see docs/models.md";

/// Extents of the demo corpus's and the course's spectrograms, and their classes.
pub(super) const SHAPE: ([usize; 3], usize) = ([80, 80, 1], 4);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    description: &'static str,
    parameters: usize,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let output = output.with_json(args.json);
    let (shape, classes) = SHAPE;
    let listed = |(name, description)| {
        let parameters = Model::open(name)?.graph(shape, classes)?.trainable_count();
        Ok(Listed { name, description, parameters })
    };
    let models = built_in().map(listed).collect::<Result<Vec<_>>>()?;
    output.document(&models)?;
    let line = |Listed { name, description, parameters }: &Listed| {
        format!("{name:<10} {:>7}  {description}", thousands(*parameters as u64))
    };
    let lines: Vec<String> = models.iter().map(line).collect();
    output.say(&format!("{:<10} {:>7}\n{}", "model", "params", lines.join("\n")))?;
    let [h, w, _] = shape;
    output.say(&format!("\nTrainable parameters for {h}x{w} spectrograms and {classes} classes."))
}
