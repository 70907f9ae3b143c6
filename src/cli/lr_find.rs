//! `genre-gpu lr-find`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::bars::Bars;
use super::choice;
use super::data_args::DataArgs;
use super::device_args::{DeviceArgs, ready, tuned_devices};
use super::run_input::prepare_data;
use super::say::{Output, quoted, tell, warn_of};
use crate::data::{DataFrom, PartName};
use crate::error::{Error, Result};
use crate::files::{create_folder, write_atomic};
use crate::models::{Model, OptimizerName};
use crate::plot::{Across, Line, Lines, lines, lines_marked, sheet, write_png};
use crate::text::fold;
use crate::train::rate_test::{DIVERGED, FEW, RateEnd, RatePoint, RateRange, RateTest, rate_test};
use crate::train::run_folder::RunFolder;
use crate::train::runs::Job;
use crate::train::settings::{Config, Recipe, Settings, count, or_none, words};
use crate::train::{run_name, run_title, source};

const EXAMPLES: &str = "\
Examples:
  genre-gpu lr-find
      P1 on the demo corpus
  genre-gpu lr-find --model p2 --data gtzan.npz --momentum 0.9 --out rates
      a model on your own arrays, with the optimiser of the run to be
  genre-gpu lr-find --model p2 --optimizer adam --from 1e-7 --to 1
  genre-gpu lr-find --config mine.toml --from 1e-5 --to 1 --steps 200

A new network takes steps with a learning rate that rises by one factor from
step to step (Smith 2017). The suggested rate is half-way down the longest fall
of the loss's running mean, which fastai calls the valley; at its end training
starts to diverge. It varies with the seed, by several times, and what a whole
run does with a rate is another matter: try a few around it. DIR receives
lr-find.png, .svg, .csv and .json.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (see `genre-gpu models`) or a model's .toml file [default: p1]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Learning rate of the first step
    #[arg(long, value_name = "RATE", default_value_t = 1e-6)]
    from: f32,

    /// Learning rate of the last step; the test ends before it where the loss diverges
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    to: f32,

    /// Number of steps
    #[arg(long, value_name = "N", default_value_t = 150)]
    steps: usize,

    /// Batch size [default: the model's]
    #[arg(long, value_name = "N", value_parser = count)]
    batch_size: Option<usize>,

    /// Optimiser: sgd, adam or adamw [default: the model's, p1: sgd]
    #[arg(
        long, value_name = "NAME", hide_possible_values = true,
        value_parser = words::<OptimizerName, 3>(["sgd", "adam", "adamw"]),
    )]
    optimizer: Option<OptimizerName>,

    /// Momentum [default: the model's]
    #[arg(long, value_name = "SHARE", value_parser = or_none::<f32>)]
    momentum: Option<f32>,

    /// Use Nesterov momentum (=false: without it)
    #[arg(
        long, value_name = "BOOL", hide_possible_values = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
    )]
    nesterov: Option<bool>,

    /// Seed of initial weights and order of samples [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,

    /// A TOML file with settings, as for `train`; flags override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder of the results [default: runs/lr-find-NAME, a new one]
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: Option<PathBuf>,

    /// Replace the results in --out
    #[arg(long, requires = "out")]
    overwrite: bool,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    fn range(&self) -> Result<RateRange> {
        let Self { from, to, steps, .. } = *self;
        let rate = |rate: f32| rate.is_finite() && rate > 0.0;
        if !rate(from) {
            let (expected, found) = ("a finite number above 0", from.to_string());
            return Err(Error::Setting { name: "from", expected, found });
        }
        if !rate(to) || to <= from {
            let (expected, found) = ("a finite number above --from", to.to_string());
            return Err(Error::Setting { name: "to", expected, found });
        }
        if !(10..=100_000).contains(&steps) {
            let (expected, found) = ("10 to 100000", steps.to_string());
            return Err(Error::Setting { name: "steps", expected, found });
        }
        Ok(RateRange { from, to, steps })
    }

    fn settings(&self) -> Settings {
        Settings {
            model: self.model.clone(),
            batch_size: self.batch_size,
            optimizer: self.optimizer,
            momentum: self.momentum,
            nesterov: self.nesterov,
            seed: self.seed,
            ..Settings::default()
        }
        .or(self.device.settings())
        .or(self.data.settings())
    }
}

/// `lr-find.json`.
#[derive(Serialize)]
struct Document {
    title: String,
    device: String,
    seed: u32,
    #[serde(flatten)]
    test: RateTest,
    /// The command that trains with the suggested rate.
    command: Option<String>,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let output = output.with_json(args.json);
    let range = args.range()?;
    let file = args.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let settings = args.settings().or(file.clone());
    let model = Model::open(settings.model.as_deref().unwrap_or("p1"))?;
    let recipe = Recipe::of(&model)?;
    let config = settings.clone().resolve(recipe.clone())?;
    let named = Settings { model: settings.model, ..file }.resolve(recipe)?;
    let cache = args.data.cache.cache_dir.as_deref();
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None => {
            let name = format!("lr-find-{}", run_name(&config));
            RunFolder::unused(&Path::new("runs").join(name))
        }
    };
    let held = FILES.map(|name| folder.join(name)).into_iter().find(|file| file.exists());
    if let (Some(file), false) = (held, args.overwrite) {
        let problem = "is there already; use another --out, or replace it with --overwrite";
        return Err(Error::Run { path: file, problem: problem.into() });
    }

    let bars = Bars::new(output);
    ready(&config, cache, &bars)?;
    let source = source::open(&config, cache, &PartName::ALL, DataFrom::Auto, &bars)?;
    let prepared = prepare_data(source, config.scale, output)?;
    let job = Job { model, config, folder, overwrite: false };
    let mut devices = tuned_devices([&job], &prepared.data, cache, &bars)?;
    let backend = job.open_on(&mut devices, &prepared.data)?;
    warn_of(backend);
    // Before the steps, so that an unusable folder fails at once.
    create_folder(&job.folder)?;
    let (device, identity) = (backend.describe(), backend.identity());
    let test = rate_test(backend, &prepared.data, &job.config, range, &bars)?;

    let title = format!("Learning rates: {}", run_title(&job.config.model, &prepared.data));
    let command = test.suggested.map(|rate| {
        let wanted = Config { learning_rate: rate, ..job.config.clone() };
        let config = args.config.as_deref();
        let config = config.map_or_else(String::new, |path| format!(" --config {}", quoted(path)));
        let model = args.model.as_deref();
        let model = model
            .map_or_else(String::new, |model| format!(" --model {}", quoted(Path::new(model))));
        format!("genre-gpu train{config}{model}{}", wanted.flags_beside(&named))
    });
    let document = Document { title, device: identity, seed: job.config.seed, test, command };
    write(&job.folder, &document)?;
    output.document(&document)?;
    tell_nothing_found(&document.test);
    output.say(&text(&document, &device, &job.folder))
}

const FILES: [&str; 4] = ["lr-find.png", "lr-find.svg", "lr-find.csv", "lr-find.json"];

fn tell_nothing_found(test: &RateTest) {
    if test.suggested.is_none() {
        let RateRange { from, to, .. } = test.range;
        let other = match test.end {
            RateEnd::AllSteps => "a higher --to",
            RateEnd::Diverged => "a lower --from",
        };
        tell(&format!(
            "no rate is suggested: the loss does not fall to a lowest place between {from} and {to}, or by no \
             more than it varies from batch to batch; try {other}, or more --steps"
        ));
    }
}

/// What the test found, in words.
fn found(test: &RateTest) -> String {
    let RateRange { from, to, steps } = test.range;
    let taken = test.points.len();
    let end = match (test.end, test.points.last()) {
        (RateEnd::Diverged, Some(last)) => format!(
            "; the loss diverged after {taken}, at {} (not finite, or the mean of {FEW} over {DIVERGED} times \
             the lowest)",
            three_digits(last.learning_rate)
        ),
        (RateEnd::Diverged, None) => "; the loss was not finite from the first on".into(),
        (RateEnd::AllSteps, _) => String::new(),
    };
    let first_hidden = test.points.iter().find(|point| point.smoothed.is_none());
    let undone = first_hidden.map_or_else(String::new, |point| {
        let rate = three_digits(point.learning_rate);
        format!(". From {rate} on training undid what it had learned, and no mean is taken")
    });
    format!("{steps} steps with learning rates from {from} to {to}{end}{undone}.")
}

fn three_digits(rate: f32) -> f32 {
    format!("{rate:.2e}").parse().unwrap_or(rate)
}

/// Where the suggested rate is.
fn place(test: &RateTest) -> String {
    let lowest = test.lowest.map_or_else(String::new, |rate| format!(", which ends at {rate}"));
    format!("half-way down the longest fall of the smoothed loss{lowest}")
}

fn text(document: &Document, device: &str, folder: &Path) -> String {
    let Document { test, command, .. } = document;
    let suggested = match (test.suggested, command) {
        (Some(rate), Some(command)) => format!(
            "\n{}:\n  {command}",
            fold(&format!("Suggested learning rate: {rate}, {}. Train with it", place(test)))
        ),
        _ => String::new(),
    };
    format!(
        "{}\nDevice: {device}\nResults are in {} ({}).{suggested}",
        fold(&found(test)),
        folder.display(),
        FILES.join(", ")
    )
}

fn write(folder: &Path, document: &Document) -> Result<()> {
    let [png, svg, csv, json] = FILES.map(|name| folder.join(name));
    write_atomic(&csv, |to| {
        writeln!(to, "step,learning_rate,loss,smoothed")?;
        for (i, point) in document.test.points.iter().enumerate() {
            let RatePoint { learning_rate, loss, smoothed } = point;
            let smoothed = smoothed.map_or_else(String::new, |smoothed| smoothed.to_string());
            writeln!(to, "{},{learning_rate},{loss},{smoothed}", i + 1)?;
        }
        Ok(())
    })?;
    write_atomic(&json, |to| {
        serde_json::to_writer_pretty(&mut *to, document)?;
        writeln!(to)
    })?;
    let drawing = draw(document)?;
    write_atomic(&svg, |to| writeln!(to, "{}", drawing.svg_file()))?;
    write_png(&png, &drawing)
}

fn draw(document: &Document) -> Result<crate::plot::Drawing> {
    let points = &document.test.points;
    let smoothed = |point: &RatePoint| point.smoothed.map_or(f64::NAN, f64::from);
    let highest = points.iter().filter(|point| point.smoothed.is_some());
    let highest = highest.map(|point| f64::from(point.loss)).fold(0.0, f64::max);
    let low = points.iter().map(smoothed).fold(highest, f64::min);
    // What diverges would press all else together.
    let ceiling = highest + (highest - low) / 2.0;
    let shown = |point: &RatePoint| match f64::from(point.loss) {
        loss if loss <= ceiling => loss,
        _ => f64::NAN,
    };
    let hidden = points.iter().filter(|point| shown(point).is_nan()).count();
    let series = [
        Line::new("smoothed", points.iter().map(smoothed).collect()),
        Line::thin("loss of each step", points.iter().map(shown).collect()),
    ];
    let at: Vec<f64> = points.iter().map(|point| f64::from(point.learning_rate).log10()).collect();
    let figure = Lines {
        heading: "",
        across: "learning rate",
        name: "training loss of a batch, without penalty",
        label: &document.title,
        at: &at,
        ticks: Across::Powers,
        within: None,
        series: &series,
        area: (840.0, 360.0),
    };
    let panel = match document.test.suggested {
        Some(rate) => {
            lines_marked(&figure, f64::from(rate).log10(), &format!("suggested: {rate}"))?
        }
        None => lines(&figure)?,
    };
    let mut notes = vec![found(&document.test)];
    if hidden > 0 {
        let steps = if hidden == 1 { "step with a loss" } else { "steps with losses" };
        notes.push(format!("{hidden} {steps} above {ceiling:.3} not shown."));
    }
    if document.test.suggested.is_some() {
        notes.push(format!("Dotted line: {}.", place(&document.test)));
    }
    Ok(sheet(&document.title, vec![vec![panel]], &notes))
}
