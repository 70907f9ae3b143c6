//! `genre-gpu train`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bars::{Bars, EpochBars};
use super::choice;
use super::data_args::DataArgs;
use super::say::{quoted, say, tell};
use crate::backend::Backend;
use crate::data::{Dataset, PartName, Scale, ScaleKind, demo};
use crate::device::{self, Device};
use crate::error::Result;
use crate::graph::Graph;
use crate::metrics::ClassificationReport;
use crate::models::Model;
use crate::models::summary::{LayerTable, capacity};
use crate::plan::Plan;
use crate::random::keras::Shuffle;
use crate::text::fold;
use crate::train::config::{Config, Keep, Settings};
use crate::train::history::seconds_per_epoch;
use crate::train::results::Results;
use crate::train::run_folder::{self, RunFolder};
use crate::train::source::{self, Source};
use crate::train::{ModelFacts, Outcome, SavedModel, Trainer, words};

const EXAMPLES: &str = "\
Examples:
  genre-gpu train
      the mandated run: P1 on the CPU, 20 epochs, seed 42, on the demo corpus
  genre-gpu train --data course/ --out runs/mine
      on a folder with X_train.npy, y_train.npy, X_val.npy, …
  genre-gpu train --shuffle keras3 --keep best
      the order of samples that Keras 3 makes; end with the best validation epoch
  genre-gpu train --resume runs/mine --epochs 40
      go on where a run stopped, to the same bits as if it had not";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (p1) or a path to a model's .toml file [default: p1]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Where the network runs [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = choice::device())]
    device: Option<Device>,

    /// How inputs are scaled, by the training set's figures [default: standard]
    #[arg(long, value_name = "SCALE", value_parser = choice::scale())]
    scale: Option<ScaleKind>,

    /// Seed of weights and orders, in the sense of keras.utils.set_random_seed [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,

    /// Order of samples: a fresh one each epoch (keras2) or the first repeated (keras3)
    /// [default: keras2]
    #[arg(long, value_name = "MODE", value_parser = choice::shuffle())]
    shuffle: Option<Shuffle>,

    /// Passes over the training set [default: the model's, p1: 20]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Samples per step [default: the model's, p1: 32]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,

    /// Step size of the gradient descent [default: the model's, p1: 0.01]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f32>,

    /// Share of a step's velocity that the next keeps [default: the model's, p1: 0]
    #[arg(long, value_name = "SHARE")]
    momentum: Option<f32>,

    /// Weights to end with: those of the last epoch or of the lowest validation loss
    /// [default: last]
    #[arg(long, value_name = "WHICH", value_parser = choice::keep())]
    keep: Option<Keep>,

    /// CPU threads; changes no result [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// A TOML file with the same keys as these flags; flags go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder that the run leaves its files in [default: runs/NAME, a new one each time]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace the run that --out holds
    #[arg(long, requires = "out")]
    overwrite: bool,

    /// Go on with the run in this folder; only --epochs, --threads and --data may change
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "model", "device", "scale", "seed", "shuffle", "batch_size", "learning_rate", "momentum",
        "keep", "config", "out", "overwrite", "class_names",
    ])]
    resume: Option<PathBuf>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    fn settings(&self) -> Settings {
        Settings {
            model: self.model.clone(),
            device: self.device,
            scale: self.scale,
            seed: self.seed,
            shuffle: self.shuffle,
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            momentum: self.momentum,
            threads: self.threads,
            keep: self.keep,
            ..self.data.settings()
        }
    }

    fn say(&self, text: &str) -> Result<()> {
        if self.quiet { Ok(()) } else { say(text) }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    match &args.resume {
        Some(path) => resume(args, &RunFolder::open(path)?),
        None => begin(args),
    }
}

fn begin(args: &Args) -> Result<ExitCode> {
    let file = args.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let settings = args.settings().or(file);
    let model = Model::open(settings.model.as_deref().unwrap_or("p1"))?;
    let config = settings.resolve(model.recipe)?;
    let path = args.out.clone().unwrap_or_else(|| RunFolder::unused(&default_out(&config)));
    let fresh = !path.exists();
    // Before the data, so that a bad place is known at once.
    let folder = RunFolder::create(&path, args.overwrite)?;
    let prepared = prepare(args, &config, &model);
    let prepared = prepared.inspect_err(|_| {
        if fresh {
            // Only an empty folder goes.
            let _ = std::fs::remove_dir(&path);
        }
    })?;
    folder.clear()?;
    train(args, &config, &model, prepared, &folder, false)
}

fn resume(args: &Args, folder: &RunFolder) -> Result<ExitCode> {
    let mut config = Config::read(&folder.config())?;
    let given = args.settings();
    config.epochs = given.epochs.unwrap_or(config.epochs);
    config.threads = given.threads.unwrap_or(config.threads);
    config.read_from(given);
    config.check()?;
    folder.check_begun()?;
    let model = Model::open(&config.model)?;
    let prepared = prepare(args, &config, &model)?;
    train(args, &config, &model, prepared, folder, true)
}

/// `runs/p1-gtzan-seed42`.
fn default_out(config: &Config) -> PathBuf {
    let stem = |path: &Path| {
        path.file_stem().map_or_else(|| "data".into(), |stem| stem.to_string_lossy().into_owned())
    };
    let model = stem(Path::new(&config.model));
    let data = config.data.as_deref().map_or_else(|| "demo".into(), stem);
    Path::new("runs").join(format!("{model}-{data}-seed{}", config.seed))
}

/// What a run needs, loaded and checked.
struct Prepared {
    source: Source,
    scale: Scale,
    graph: Graph,
    backend: Box<dyn Backend>,
}

fn prepare(args: &Args, config: &Config, model: &Model) -> Result<Prepared> {
    let bars = Bars::new(args.quiet);
    let cache = args.data.cache_dir.as_deref();
    let mut source = source::load(config, cache, &PartName::ALL, &bars)?;
    let data = &mut source.data;
    args.say(&format!("Data: {}\n{}", data.source, data.describe().trim_end()))?;
    let graph = model.graph(data.sample_shape, data.classes.len())?;
    let scale = Scale::fit(config.scale, &data.train.x)?;
    data.apply(&scale);
    let plan = Plan::new(graph.clone(), config.batch_size.min(data.longest_part()))?;
    let backend = device::open(config.device, plan, config.threads)?;
    Ok(Prepared { source, scale, graph, backend })
}

fn train(
    args: &Args,
    config: &Config,
    model: &Model,
    prepared: Prepared,
    folder: &RunFolder,
    resumed: bool,
) -> Result<ExitCode> {
    let Prepared { source: Source { data, front_end }, scale, graph, mut backend } = prepared;
    let device = backend.describe();
    args.say(&format!("Classes: {}", data.classes.join(", ")))?;
    args.say(&format!("Scale: x' = (x - {}) * {} ({})", scale.offset, scale.factor, scale.kind))?;
    args.say(&format!("\n{}", LayerTable(&graph)))?;
    let songs = words::songs(&data.train);
    args.say(&fold(&capacity(&graph, data.train.len(), songs)))?;
    args.say(&format!("\nDevice: {device}\n\n{}", config.to_toml()))?;

    let new = if resumed { Trainer::resume } else { Trainer::new };
    let mut trainer = new(backend.as_mut(), &data, config, folder.checkpoint())?;
    if trainer.history().len() == config.epochs {
        args.say(&format!(
            "All {} epochs are done already: only the figures are made again. For more epochs \
             add --epochs.\n",
            config.epochs
        ))?;
    }
    // Only now: a resume that is refused leaves the run as it was.
    folder.write_config(config)?;
    let stopped = stop_flag();
    let stop = || stopped.load(Ordering::Relaxed);
    let outcome = trainer.run(&EpochBars::new(args.quiet), &stop)?;
    let history = trainer.history().to_vec();
    let title = title(&config.model, &data);
    if !history.is_empty() {
        folder.write_history(&history, &title)?;
    }
    if outcome == Outcome::Interrupted {
        tell(&format!(
            "genre-gpu: stopped in epoch {} of {}; go on with\n  genre-gpu train --resume {}{}",
            history.len() + 1,
            config.epochs,
            quoted(folder.path()),
            (args.data.cache_dir.as_deref())
                .map_or_else(String::new, |path| format!(" --cache-dir {}", quoted(path)))
        ));
        return Ok(ExitCode::FAILURE);
    }
    let (parameters, epochs) = trainer.finish()?;
    let facts = ModelFacts {
        version: env!("CARGO_PKG_VERSION").into(),
        name: model.name.clone(),
        model: model.text.clone(),
        sample_shape: data.sample_shape,
        classes: data.classes.clone(),
        scale,
        front_end,
        seed: config.seed,
        epochs,
        data_source: data.source.clone(),
        data_hash: data.hash.clone(),
    };
    SavedModel { parameters, facts }.write(&folder.model(), &graph)?;

    let results = PartName::ALL
        .into_iter()
        .map(|name| Results::of(backend.as_mut(), name, data.part(name)))
        .collect::<Result<Vec<_>>>()?;
    folder.write_results(&results, &data, &title)?;
    let count = graph.parameter_count();
    let metrics = run_folder::metrics(config, &device, count, epochs, &history, &data, &results);
    folder.write_metrics(&metrics)?;

    let report = report_of_test(&results, &data.classes)?;
    let paragraph = fold(&words::overfitting(&graph, &data.train, &history, &results));
    let table = LayerTable(&graph);
    folder.write_summary(&format!("{title}\n\n{table}\n{paragraph}\n\nTest set:\n{report}"))?;
    args.say(&format!("\nTest set:\n{report}"))?;
    for result in &results {
        args.say(&super::evaluate::line(result))?;
    }
    args.say(&format!(
        "\n{paragraph}\n\n{:.2} s per epoch on {device}. The run is in {}: see {} and {}.",
        seconds_per_epoch(&history),
        folder.path().display(),
        folder.curves().display(),
        folder.confusion().display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn report_of_test(results: &[Results], classes: &[String]) -> Result<String> {
    let test = results.iter().find(|result| result.part == PartName::Test);
    let report = test.map(|test| ClassificationReport::new(&test.confusion, classes));
    Ok(report.transpose()?.map_or_else(String::new, |report| report.to_string()))
}

/// What pictures are headed by: `P1 on gtzan.npz`.
pub(super) fn title(model: &str, data: &Dataset) -> String {
    let path = Path::new(model);
    let model = match path.extension() {
        None => model.to_uppercase(),
        Some(_) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let source = match Path::new(&data.source).file_name() {
        _ if data.source == demo::SOURCE => format!("the {}", demo::SOURCE),
        Some(name) => name.to_string_lossy().into_owned(),
        None => data.source.clone(),
    };
    format!("{model} on {source}")
}

/// Set by the first Ctrl-C (or a request to end); the second ends the process at once.
fn stop_flag() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    });
    // Without a handler Ctrl-C ends the process, and the last epoch's checkpoint stands.
    if let Err(error) = handler {
        tell(&format!("genre-gpu: Ctrl-C will not write a checkpoint: {error}"));
    }
    stopped
}
