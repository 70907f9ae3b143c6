//! `genre-gpu train`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::bars::Bars;
use super::data_args::DataArgs;
use super::say::{say, tell, warn_of};
use super::{audit, choice, session};
use crate::backend::Backend;
use crate::data::{DataFrom, PartName, ScaleKind};
use crate::device::{self, Device};
use crate::error::Result;
use crate::graph::Graph;
use crate::models::{Augment, Model, Schedule};
use crate::random::keras::Shuffle;
use crate::train::config::{Config, Keep, Settings};
use crate::train::run_folder::RunFolder;
use crate::train::session::{Scaled, open};
use crate::train::{run_name, source};

const EXAMPLES: &str = "\
Examples:
  genre-gpu train
      the mandated run: P1 on the CPU, 20 epochs, seed 42, on the demo corpus
  genre-gpu train --data course/ --out runs/mine
      on a folder with X_train.npy, y_train.npy, X_val.npy, …
  genre-gpu train --device gpu --adapter nvidia
      on the first GPU of that name; `genre-gpu adapters` lists them
  genre-gpu train --shuffle keras3 --keep best
      the order of samples that Keras 3 makes; end with the lowest validation loss
  genre-gpu train --data large/ --data-from disk
      on arrays that memory does not hold, to the same bits as if it did
  genre-gpu train --resume runs/mine --epochs 40
      go on where a run stopped, to the same bits as if it had not (a cosine schedule
      depends on --epochs: a run lengthened under it is another one)";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in model (p1, p1-aug, p1-bn, p1-bn-aug, p1-bn-low, p2, p2-bands, p2-rhythm, p2-timbre) or a path to a model's .toml file [default: p1]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Where the network runs [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = choice::device())]
    device: Option<Device>,

    /// Part of the GPU's name, interface, driver or kind, in any case of letters [default: the best]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

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

    /// Step weights to where the velocity would take them next (Nesterov's momentum)
    #[arg(long)]
    nesterov: bool,

    /// Step size by epoch: constant, cosine or step:EPOCHS:FACTOR [default: the model's, p1: constant]
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<Schedule>,

    /// How training samples are varied, anew in each epoch: none, or some of bands=SHARE (mask of
    /// mel bands), frames=SHARE (mask of frames), roll (along time), gain=DB (level), with commas
    /// between [default: the model's, p1: none]
    #[arg(long, value_name = "LIST")]
    augment: Option<Augment>,

    /// Weights to end with: those of the last epoch or of the lowest validation loss
    /// [default: last]
    #[arg(long, value_name = "WHICH", value_parser = choice::keep())]
    keep: Option<Keep>,

    /// CPU threads; changes no result [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Where samples are taken from, step by step; changes no result
    ///
    /// From disk they are read as they are needed, window after window, so a data set may be
    /// larger than memory: .npy files in C order, not an .npz. With auto that is so where they
    /// would take more than half of the memory that is available.
    #[arg(long, value_name = "FROM", default_value = "auto", value_parser = choice::data_from())]
    data_from: DataFrom,

    /// A TOML file with the same keys as these flags; flags go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder that the run leaves its files in [default: runs/NAME, a new one each time]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace the run that --out holds
    #[arg(long, requires = "out")]
    overwrite: bool,

    /// Go on with the run in this folder; only --epochs, --threads, --data, --data-from
    /// and the device may change
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "model", "scale", "seed", "shuffle", "batch_size", "learning_rate", "momentum",
        "nesterov", "schedule", "augment", "keep", "config", "out", "overwrite", "class_names",
    ])]
    resume: Option<PathBuf>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) data: DataArgs,
}

impl Args {
    fn settings(&self) -> Settings {
        Settings {
            model: self.model.clone(),
            device: self.device,
            adapter: self.adapter.clone(),
            scale: self.scale,
            seed: self.seed,
            shuffle: self.shuffle,
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            momentum: self.momentum,
            nesterov: self.nesterov.then_some(true),
            schedule: self.schedule,
            augment: self.augment,
            threads: self.threads,
            keep: self.keep,
            ..self.data.settings()
        }
    }

    pub(super) fn say(&self, text: &str) -> Result<()> {
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
    let config = settings.resolve(model.recipe)?.anchored();
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| RunFolder::unused(&Path::new("runs").join(run_name(&config))));
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
    session::run(args, &config, &model, prepared, &folder, false)
}

fn resume(args: &Args, folder: &RunFolder) -> Result<ExitCode> {
    let mut config = Config::read(&folder.config())?;
    let given = args.settings();
    let planned = config.epochs;
    config.epochs = given.epochs.unwrap_or(config.epochs);
    if config.epochs != planned && config.schedule.looks_ahead() {
        tell(&format!(
            "genre-gpu: the learning rates of a {} schedule depend on the number of epochs: this \
             run, begun for {planned}, will not be that of {} epochs from the start",
            config.schedule, config.epochs
        ));
    }
    config.threads = given.threads.unwrap_or(config.threads);
    config.run_on(given.device, given.adapter.clone());
    config.read_from(given);
    config.check()?;
    folder.check_begun()?;
    let model = Model::open(&config.model)?;
    let prepared = prepare(args, &config, &model)?;
    session::run(args, &config, &model, prepared, folder, true)
}

/// What a run needs, loaded and checked.
pub(super) struct Prepared {
    pub(super) data: Scaled,
    pub(super) graph: Graph,
    pub(super) backend: Box<dyn Backend>,
}

pub(super) fn prepare(args: &Args, config: &Config, model: &Model) -> Result<Prepared> {
    device::find(config.device, config.device_options())?;
    let bars = Bars::new(args.quiet);
    let cache = args.data.cache_dir.as_deref();
    let source = source::open(config, cache, &PartName::ALL, args.data_from, &bars)?;
    args.say(&format!("Data: {}\n{}", source.data.source, source.data.describe().trim_end()))?;
    audit::tell_of(&source.data, args.quiet)?;
    let data = Scaled::new(source, config.scale)?;
    let (graph, backend) = open(config, model, &data.data)?;
    warn_of(backend.as_ref());
    Ok(Prepared { data, graph, backend })
}
