//! `genre-gpu summary`.

use serde::Serialize;

use super::say::Output;
use crate::error::{Error, Result};
use crate::graph::{Graph, Parameter, Shape};
use crate::models::Model;
use crate::models::summary::{LayerTable, capacity};
use crate::text::fold;
use crate::train::settings::Recipe;

const EXAMPLES: &str = "\
Examples:
  genre-gpu summary
      P1 on the demo corpus: 80x80 spectrograms
  genre-gpu summary --model mine.toml --input 128x87 --samples 2670 --songs 178";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (see `genre-gpu models`) or a model's .toml file
    #[arg(long, value_name = "MODEL", default_value = "p1")]
    model: String,

    /// Mel bands and frames of a spectrogram
    #[arg(long, value_name = "HxW", default_value = "80x80", value_parser = size)]
    input: [usize; 2],

    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least::<2>)]
    classes: usize,

    /// Number of training samples, to compare with the number of parameters
    #[arg(long, value_name = "N", value_parser = at_least::<1>)]
    samples: Option<usize>,

    /// Number of songs that those samples were cut from
    #[arg(long, value_name = "N", value_parser = at_least::<1>, requires = "samples")]
    songs: Option<usize>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
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

#[derive(Serialize)]
struct Document<'a> {
    model: &'a str,
    rationale: &'a str,
    input: [usize; 2],
    least_input: Option<[usize; 2]>,
    classes: usize,
    parameters: usize,
    trainable_parameters: usize,
    samples: Option<usize>,
    songs: Option<usize>,
    layers: Vec<Layer<'a>>,
}

#[derive(Serialize)]
struct Layer<'a> {
    name: &'a str,
    op: &'static str,
    output_shape: Vec<usize>,
    parameters: usize,
    inputs: Vec<&'a str>,
}

fn layers(graph: &Graph) -> Vec<Layer<'_>> {
    let layer = |id| {
        let node = graph.node(id);
        let output_shape = match node.shape {
            Shape::Map { h, w, c } => vec![h, w, c],
            Shape::Flat(n) => vec![n],
        };
        let inputs = node.inputs.iter().map(|id| graph.node(*id).name.as_str()).collect();
        let parameters = graph.parameters_of(id).map(Parameter::len).sum();
        Layer { name: &node.name, op: node.op.name(), output_shape, parameters, inputs }
    };
    graph.ids().map(layer).collect()
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let output = output.with_json(args.json);
    let model = Model::open(&args.model)?;
    // Nothing is trained, but a wrong recipe is an error.
    Recipe::of(&model)?;
    let [h, w] = args.input;
    let least = model.least_input(args.classes);
    let graph = model.graph([h, w, 1], args.classes).map_err(|error| match least {
        Some([least_h, least_w]) if h < least_h || w < least_w => Error::Setting {
            name: "input",
            expected: "an input that is large enough for the model",
            found: format!(
                "{h}x{w}; {} needs at least {least_h} mel bands x {least_w} frames: --input \
                 {}x{}",
                model.name,
                h.max(least_h),
                w.max(least_w)
            ),
        },
        _ => error,
    })?;
    output.document(&Document {
        model: &model.name,
        rationale: &model.rationale,
        input: args.input,
        least_input: least,
        classes: args.classes,
        parameters: graph.parameter_count(),
        trainable_parameters: graph.trainable_count(),
        samples: args.samples,
        songs: args.songs,
        layers: layers(&graph),
    })?;
    if !model.rationale.is_empty() {
        output.say(&format!("{}\n", fold(&model.rationale)))?;
    }
    output.say(LayerTable(&graph).to_string().trim_end())?;
    if let Some([h, w]) = least {
        output.say(&format!(" Least input: {h} mel bands x {w} frames"))?;
    }
    match args.samples {
        Some(samples) => output.say(&format!("\n{}", fold(&capacity(&graph, samples, args.songs)))),
        None => Ok(()),
    }
}
