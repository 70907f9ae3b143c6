//! `genre-gpu compare`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::bars::Bars;
use super::lines::title;
use super::run_bars::RunBars;
use super::say::{say, tell, this_command, warn_of};
use super::session::stop_flag;
use super::{audit, choice, seeds};
use crate::compare::{self, DataReport, Job, ModelRuns, Report, State};
use crate::data::PartName;
use crate::device::{self, Device};
use crate::error::{Error, Result};
use crate::files::create_folder;
use crate::models::Model;
use crate::train::config::Settings;
use crate::train::session::{Scaled, open};
use crate::train::{data_stem, model_name, run_name, source};

const EXAMPLES: &str = "\
Examples:
  genre-gpu compare --models p1,mine.toml --out study
      two models, seeds 42 to 46, on the demo corpus
  genre-gpu compare --models p1,mine.toml --seeds 42,43,44 --data gtzan.npz --data demo --out study
      on two data sets; the same command again goes on where it stopped
  genre-gpu compare --models p1,mine.toml --validation-only --out study
      to choose among models without a look at the test part

Each run lies in DIR/MODEL-DATA-seedSEED, as `genre-gpu train` leaves it; runs that are
done are skipped. DIR takes compare.txt, compare.csv, compare.json and pictures.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Built-in models and paths to models' .toml files
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', required = true)]
    models: Vec<String>,

    /// Seeds, or how many from 42 on; `42,` is that one alone
    #[arg(long, value_name = "A,B,… or N", default_value = "5", value_parser = seeds::parse)]
    seeds: seeds::Seeds,

    /// Folder of .npy files, an .npz or `demo`; may be given several times [default: that of
    /// --config, or demo]
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,

    /// Folder for the runs and what comes of them
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// The model that the others are compared with [default: the first]
    #[arg(long, value_name = "MODEL")]
    baseline: Option<String>,

    /// Only validation figures in compare's tables, files and pictures; the runs' own folders
    /// still hold test figures
    #[arg(long)]
    validation_only: bool,

    /// Passes over the training set [default: each model's]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Samples per step [default: each model's]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,

    /// Where the networks run [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = choice::device())]
    device: Option<Device>,

    /// Part of the GPU's name, interface, driver or kind, in any case of letters [default: the best]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    /// CPU threads; changes no result [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// A TOML file with more settings for all runs, as `train` takes it but for model and seed;
    /// flags go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder that keeps the demo corpus [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,
}

impl Args {
    fn say(&self, text: &str) -> Result<()> {
        if self.quiet { Ok(()) } else { say(text) }
    }

    fn shown(&self) -> &'static [PartName] {
        if self.validation_only { &[PartName::Val] } else { &[PartName::Test, PartName::Val] }
    }

    /// What the config file says, which does not choose models or seeds.
    fn file(&self) -> Result<Settings> {
        let Some(path) = &self.config else { return Ok(Settings::default()) };
        let file = Settings::read(path)?;
        let keys = [
            (file.model.is_some(), "no key \"model\": --models says which are compared", "model"),
            (file.seed.is_some(), "no key \"seed\": --seeds says which are compared", "seed"),
        ];
        let Some((_, expected, key)) = keys.into_iter().find(|(is_there, ..)| *is_there) else {
            return Ok(file);
        };
        let found = format!("the key {key} in {}", path.display());
        Err(Error::Setting { name: "config", expected, found })
    }

    /// The data sets' paths, where flags name none that of the file; none stands for the demo
    /// corpus.
    fn sets(&self, file: Option<PathBuf>) -> Vec<Option<PathBuf>> {
        let set = |path: &PathBuf| (path.as_os_str() != "demo").then(|| path.clone());
        if self.data.is_empty() { vec![file] } else { self.data.iter().map(set).collect() }
    }
}

/// The runs of one data set, model by model.
struct Set {
    name: String,
    jobs: Vec<Vec<Job>>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let models: Vec<Model> =
        args.models.iter().map(|name| Model::open(name)).collect::<Result<_>>()?;
    let baseline = baseline(args)?;
    let sets = sets(args, &models)?;
    // Before anything is trained, so that a run of other settings is known at once.
    let mut jobs = sets.iter().flat_map(|set| set.jobs.iter().flatten());
    jobs.try_for_each(Job::check)?;
    if let Some(Job { config, .. }) = sets.iter().flat_map(|set| set.jobs.iter().flatten()).next() {
        device::find(config.device, config.device_options())?;
    }
    let stopped = stop_flag();
    let stop = || stopped.load(Ordering::Relaxed);
    create_folder(&args.out)?;
    let count = sets.iter().flat_map(|set| &set.jobs).map(Vec::len).sum();
    let mut place = Place { done: 0, of: count };
    let mut reports = Vec::new();
    for set in &sets {
        match compare_on(args, &models, set, baseline, &mut place, &stop)? {
            Some(report) => reports.push(report),
            None => {
                tell(&format!(
                    "genre-gpu: stopped; {} of {count} runs are done; go on with\n  {}",
                    place.done,
                    this_command()
                ));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let report = Report::new(reports);
    compare::write(&report, &args.out)?;
    args.say(&format!("\n{}", report.text()))?;
    args.say(&format!(
        "Runs, tables and pictures are in {}: see compare.txt, compare.csv, compare.json.",
        args.out.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The place of the baseline among the models, which must have names of their own.
fn baseline(args: &Args) -> Result<usize> {
    let names: Vec<String> = args.models.iter().map(|model| model_name(model)).collect();
    distinct("models", "models with names of their own", &names)?;
    let Some(wanted) = &args.baseline else { return Ok(0) };
    let found = names.iter().position(|name| *name == model_name(wanted));
    found.ok_or_else(|| Error::Setting {
        name: "baseline",
        expected: "one of --models",
        found: wanted.clone(),
    })
}

fn distinct(name: &'static str, expected: &'static str, names: &[String]) -> Result<()> {
    let twice = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name));
    let Some((_, twice)) = twice else { return Ok(()) };
    Err(Error::Setting { name, expected, found: format!("{twice} twice") })
}

fn sets(args: &Args, models: &[Model]) -> Result<Vec<Set>> {
    let mut file = args.file()?;
    let paths = args.sets(file.data.take());
    let set = |data: Option<PathBuf>| {
        let jobs_of = |model: &Model| {
            let job = |seed: &u32| {
                let given = Settings {
                    model: Some(model.name.clone()),
                    data: data.clone(),
                    seed: Some(*seed),
                    epochs: args.epochs,
                    batch_size: args.batch_size,
                    device: args.device,
                    adapter: args.adapter.clone(),
                    threads: args.threads,
                    ..Settings::default()
                };
                let config = given.or(file.clone()).resolve(model.recipe)?.anchored();
                let folder = args.out.join(run_name(&config));
                Ok(Job { config, folder })
            };
            args.seeds.0.iter().map(job).collect::<Result<Vec<_>>>()
        };
        let jobs = models.iter().map(jobs_of).collect::<Result<Vec<_>>>()?;
        let first = jobs.first().and_then(|jobs| jobs.first());
        let name = data_stem(first.and_then(|job| job.config.data.as_deref()));
        Ok(Set { name, jobs })
    };
    let sets: Vec<Set> = paths.into_iter().map(set).collect::<Result<_>>()?;
    let names: Vec<String> = sets.iter().map(|set| set.name.clone()).collect();
    distinct("data", "data sets with names of their own", &names)?;
    own_folders(&sets)?;
    Ok(sets)
}

/// Names with hyphens may make one folder of two runs: `a-b` on `c`, and `a` on `b-c`.
fn own_folders(sets: &[Set]) -> Result<()> {
    let mut taken: BTreeMap<&Path, String> = BTreeMap::new();
    for set in sets {
        for job in set.jobs.iter().flatten() {
            let run = format!("{} on {}", model_name(&job.config.model), set.name);
            let Some(other) = taken.insert(&job.folder, run.clone()) else { continue };
            return Err(Error::Setting {
                name: "models",
                expected: "models and data whose names make folders of their own",
                found: format!(
                    "{other} and {run}, both in {}; rename one of them",
                    job.folder.display()
                ),
            });
        }
    }
    Ok(())
}

/// How many runs are behind.
struct Place {
    done: usize,
    of: usize,
}

/// Loads the data once and makes what is missing; none where it was stopped.
fn compare_on(
    args: &Args,
    models: &[Model],
    set: &Set,
    baseline: usize,
    place: &mut Place,
    stop: &dyn Fn() -> bool,
) -> Result<Option<DataReport>> {
    let jobs = || set.jobs.iter().flatten();
    let (Some(first), Some(model)) = (jobs().next(), models.first()) else { return Ok(None) };
    let bars = Bars::new(args.quiet);
    let cache = args.cache_dir.as_deref();
    let source = source::load(&first.config, cache, &PartName::ALL, &bars)?;
    args.say(&format!("Data: {}\n{}", source.data.source, source.data.describe().trim_end()))?;
    audit::tell_of(&source.data, args.quiet)?;
    let scaled = Scaled::new(source, first.config.scale)?;
    let data = &scaled.data;
    let mut states = Vec::new();
    let mut parameters = Vec::new();
    for (model, jobs) in models.iter().zip(&set.jobs) {
        let graph = model.graph(data.sample_shape, data.classes.len())?;
        parameters.push(graph.trainable_count());
        for job in jobs {
            states.push(job.state(data, &graph)?);
        }
    }
    // A device that cannot be had is known before the first run.
    let (_, backend) = open(&first.config, model, data)?;
    args.say(&format!("Device: {}", backend.describe()))?;
    warn_of(backend.as_ref());
    drop(backend);
    let waiting = jobs().zip(&states).filter(|(_, state)| **state != State::Done);
    let bars = RunBars::new(args.quiet, waiting.map(|(job, _)| job.config.epochs).sum());
    let mut states = states.into_iter();
    let mut runs = Vec::new();
    for ((model, jobs), parameters) in models.iter().zip(&set.jobs).zip(parameters) {
        let name = model_name(&model.name);
        let mut of_model = ModelRuns { name, parameters, runs: Vec::new() };
        for (job, state) in jobs.iter().zip(&mut states) {
            let name = format!("{}, {}, seed {}", of_model.name, set.name, job.config.seed);
            bars.begin(&name);
            let start = Instant::now();
            if state != State::Done {
                let heading = title(&model.name, data);
                let trained = job.train(state, model, &scaled, &heading, &bars, stop);
                let trained =
                    trained.inspect_err(|_| bars.end()).map_err(|e| failed(args, job, e))?;
                if !trained {
                    bars.end();
                    return Ok(None);
                }
            }
            let figures = job.read(data).inspect_err(|_| bars.end())?;
            let report = figures.report(data, args.shown())?;
            place.done += 1;
            let part = args.shown().first().and_then(|part| report.parts.get(part.as_str()));
            let score = part.map_or_else(String::new, |part| match part.songs {
                Some(votes) => format!("songs {:.2} %", 100.0 * votes.mean_probability),
                None => format!("samples {:.2} %", 100.0 * part.accuracy),
            });
            let time = match state {
                State::Done => "done before".into(),
                State::New => format!("{:.0} s", start.elapsed().as_secs_f64()),
                State::Begun => format!("{:.0} s, gone on with", start.elapsed().as_secs_f64()),
            };
            bars.say(&format!("[{}/{}] {name}: {score}, {time}", place.done, place.of))?;
            of_model.runs.push(figures);
        }
        runs.push(of_model);
    }
    bars.end();
    DataReport::new(&set.name, data, &runs, baseline, args.shown()).map(Some)
}

/// A run's failure, and what becomes of the others.
fn failed(args: &Args, job: &Job, error: Error) -> Error {
    let model = model_name(&job.config.model);
    let model = (args.models.len() > 1).then(|| format!("{model} out of --models"));
    let seed = (args.seeds.0.len() > 1).then(|| format!("{} out of --seeds", job.config.seed));
    let ways: Vec<String> = model.into_iter().chain(seed).collect();
    let rest = match ways.is_empty() {
        true => String::new(),
        false => format!("; to have the table of the rest leave {}", ways.join(" or ")),
    };
    let help = format!(
        "this was the run {}; runs that are done are kept, and the same command goes on{rest}",
        job.folder.display()
    );
    Error::Broken { source: Box::new(error), help }
}
