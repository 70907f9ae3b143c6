//! `genre-gpu compare`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::bars::Bars;
use super::choice;
use super::compare_folds::{Division, Ended, Study};
use super::data_args::CacheArgs;
use super::device_args::{DeviceArgs, ready, tuned_devices};
use super::run_bars::{self, RunText};
use super::run_input::prepare_data;
use super::say::{Output, tell, this_command, warn_of};
use super::seeds;
use super::stop::{interruption, trained};
use crate::compare::{self, DataReport, ModelRuns, Report, RunFigures};
use crate::data::{Dataset, Fold, GroupBy, PartName, Split};
use crate::device::AtOnce;
use crate::error::{Error, Result};
use crate::files::FolderLock;
use crate::models::{Model, model_name};
use crate::share::Share;
use crate::train::run_folder::RunFolder;
use crate::train::runs::Job;
use crate::train::settings::{Recipe, Settings, count};
use crate::train::{data_stem, run_name, source};

const EXAMPLES: &str = "\
Examples:
  genre-gpu compare --models p1,mine.toml --out study
      two models, seeds 42 to 46, on the demo corpus
  genre-gpu compare --models p1,p2 --data gtzan.npz --data demo --out both
      on two data sets; the same command again resumes
  genre-gpu compare --models p1,mine.toml --validation-only --out study
      to choose among models without looking at the test part
  genre-gpu compare --models p1,p2 --data gtzan.npz --folds 5 --group block:20 \
      --seeds 3 --out folds
      cross-validation: every song is held out once; neighbours stay together
  genre-gpu compare --models p1,p2 --data arrays --folds 5 --group artists.csv \
      --repeats 3 --out folds
      artists of a list (columns song,group); three divisions into folds
  genre-gpu compare --models p1,p2 --seeds 20 --out study --share 3/8
      the third of eight jobs; when all have ended, the same without --share
  genre-gpu compare --models p1 --seeds 8 --device gpu --at-once 4 --out study
      four seeds at a time on a GPU; each result is what it would be alone

Each run is in DIR/MODEL-DATA-seedSEED, as genre-gpu train writes it; finished
runs are skipped. DIR receives compare.txt, compare.csv, compare.json and plots.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Built-in models (see `genre-gpu models`) and paths to .toml files
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', required = true)]
    models: Vec<String>,

    /// Seeds, or their number from 42 on; `42,` is seed 42 alone
    #[arg(long, value_name = "A,B,... or N", default_value = "5", value_parser = seeds::parse)]
    seeds: seeds::Seeds,

    /// Folder of .npy files, an .npz or `demo`; may be repeated [default: that of --config, or
    /// demo]
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,

    /// Split one x and y of each data set here: song (by song ids), sample; song:7 for another seed
    #[arg(long, value_name = "HOW")]
    split: Option<Split>,

    /// Folder for the runs and the comparison
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: PathBuf,

    /// The model to compare the others with [default: the first]
    #[arg(long, value_name = "MODEL")]
    baseline: Option<String>,

    /// Show validation results only; the runs' own folders still hold test results. With --folds: leave
    /// the test part out
    #[arg(long)]
    validation_only: bool,

    /// Cross-validation: all parts are pooled and divided into K folds of equally many songs of each
    /// class, the same for all models and seeds. Each fold is held out once; the others train. Where a
    /// setting chooses by validation (keep = "best", early stopping, a plateau schedule), one of them
    /// validates instead
    #[arg(long, value_name = "K")]
    folds: Option<usize>,

    /// Songs that stay in one fold: song, artist (a column of songs.csv beside the arrays), block:N
    /// (neighbouring ids of a class: id / N rounded down), or a CSV file with columns song and group
    #[arg(long, value_name = "HOW", requires = "folds", default_value = "song")]
    group: GroupBy,

    /// Divisions into folds, each of another seed; their results are averaged song by song
    #[arg(long, value_name = "R", requires = "folds", default_value = "1", value_parser = count)]
    repeats: usize,

    /// Epochs [default: each model's]
    #[arg(long, value_name = "N", value_parser = count)]
    epochs: Option<usize>,

    /// Batch size [default: each model's]
    #[arg(long, value_name = "N", value_parser = count)]
    batch_size: Option<usize>,

    #[command(flatten)]
    device: DeviceArgs,

    /// Seeds of a model that a GPU trains at once; same results for any number. `auto`: as many as
    /// it has room for, one on a software GPU and on one in a processor
    #[arg(long, value_name = "N or auto", default_value = "auto", value_parser = at_once)]
    at_once: AtOnce,

    /// A TOML file with settings for all runs, as for `train` but without model and seed: optimizer =
    /// "adam", learning-rate = 0.001, ...; flags override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Train only this share of the runs, such as 2/8, beside other processes; the same command without
    /// it, when all are trained, compares them
    #[arg(long, value_name = "N/OF", value_parser = str::parse::<Share>, conflicts_with = "json", hide_short_help = true)]
    share: Option<Share>,

    #[command(flatten)]
    cache: CacheArgs,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The lock of the folder, which shares leave to the process that compares.
    fn lock(&self) -> Result<Option<FolderLock>> {
        match self.share {
            None => FolderLock::acquire(&self.out).map(Some),
            Some(_) => Ok(None),
        }
    }

    fn shown(&self) -> &'static [PartName] {
        if self.validation_only { &[PartName::Val] } else { &[PartName::Test, PartName::Val] }
    }

    /// The settings of the config file, which must not choose models or seeds.
    fn file(&self) -> Result<Settings> {
        let Some(path) = &self.config else { return Ok(Settings::default()) };
        let file = Settings::read(path)?;
        let keys = [
            (file.model.is_some(), "no key \"model\": use --models", "model"),
            (file.seed.is_some(), "no key \"seed\": use --seeds", "seed"),
            (file.fold.is_some(), "no key \"fold\": use --folds", "fold"),
        ];
        let Some((_, expected, key)) = keys.into_iter().find(|(is_given, ..)| *is_given) else {
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

pub(super) fn run(args: &Args, output: Output) -> Result<ExitCode> {
    let output = output.with_json(args.json);
    let models: Vec<Model> =
        args.models.iter().map(|name| Model::open(name)).collect::<Result<_>>()?;
    let baseline = baseline(args)?;
    let file = args.file()?;
    for model in &models {
        if let Some(left_out) = file.left_out_of(&Recipe::of(model)?) {
            tell(&format!("{}: {left_out}", model_name(&model.name)));
        }
    }
    if let Some(folds) = args.folds {
        return compare_folds(args, output, &models, baseline, folds);
    }
    let sets = sets(args, &models)?;
    let _lock = args.lock()?;
    // Before anything is trained, so that a run of other settings is known at once.
    let mut jobs = sets.iter().flat_map(|set| set.jobs.iter().flatten());
    jobs.try_for_each(Job::check)?;
    if let Some(Job { config, .. }) = sets.iter().flat_map(|set| set.jobs.iter().flatten()).next() {
        ready(config, args.cache.cache_dir.as_deref(), &Bars::new(output))?;
    }
    let again = format!("resume with\n  {}", this_command());
    let stop = interruption(move || again.clone())?;
    let all = sets.iter().flat_map(|set| &set.jobs).map(Vec::len).sum();
    let count = Count { complete: Cell::new(0), planned: Cell::new(0), all };
    let mut reports = Vec::new();
    for set in &sets {
        match compare_on(args, output, set, baseline, &count, &stop)? {
            Some(report) => reports.extend(report),
            None => {
                tell(&format!(
                    "stopped; {} of {all} runs are done; resume with\n  {}",
                    count.complete.get(),
                    this_command()
                ));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    trained();
    match args.share {
        None => finish(args, output, &Report::new(reports)),
        Some(share) => end_of_share(share, count.complete.get(), all, output),
    }
}

fn end_of_share(share: Share, done: usize, all: usize, output: Output) -> Result<ExitCode> {
    output.say(&format!("Share {share}: {done} of {all} runs are done."))?;
    Ok(ExitCode::SUCCESS)
}

fn finish(args: &Args, output: Output, report: &Report) -> Result<ExitCode> {
    compare::write(report, &args.out)?;
    output.document(report)?;
    output.say(&format!("\n{}", report.text()))?;
    output.say(&format!(
        "Runs and plots are in {}, with compare.txt, compare.csv and compare.json.",
        args.out.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// `compare --folds`.
fn compare_folds(
    args: &Args,
    output: Output,
    models: &[Model],
    baseline: usize,
    folds: usize,
) -> Result<ExitCode> {
    let mut file = args.file()?;
    let paths = args.sets(file.data.take());
    let names: Vec<String> = paths.iter().map(|path| data_stem(path.as_deref())).collect();
    distinct("data", "data sets with different names", &names)?;
    let mut whole = Vec::new();
    for (path, name) in paths.iter().zip(&names) {
        for model in models {
            let seed = args.seeds.0.first().copied().unwrap_or_default();
            whole.push((name.as_str(), job(args, &file, path.as_ref(), model, seed, None)?));
        }
    }
    distinct_folders(whole.iter().map(|(name, job)| (*name, job)))?;
    let _lock = args.lock()?;
    let again = format!("resume with\n  {}", this_command());
    let stop = interruption(move || again.clone())?;
    let (mut reports, mut of_share) = (Vec::new(), (0, 0));
    for (path, name) in paths.iter().zip(&names) {
        let job = |model: &Model, seed: u32, fold: Option<Fold>| {
            job(args, &file, path.as_ref(), model, seed, fold)
        };
        let study = Study {
            name,
            models,
            seeds: &args.seeds.0,
            baseline,
            division: Division {
                folds,
                by: &args.group,
                repeats: args.repeats,
                with_test: !args.validation_only,
            },
            cache: args.cache.cache_dir.as_deref(),
            at_once: args.at_once,
            share: args.share,
            job: &job,
        };
        match study.execute(output, &stop)? {
            Ended::Compared(report) => reports.push(*report),
            Ended::Share { done, all } => of_share = (of_share.0 + done, of_share.1 + all),
            Ended::Stopped { done, all } => {
                let again = this_command();
                tell(&format!("stopped; {done} of {all} runs are done; resume with\n  {again}"));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    trained();
    match args.share {
        None => finish(args, output, &Report::of_folds(reports)),
        Some(share) => end_of_share(share, of_share.0, of_share.1, output),
    }
}

/// The run of a model on a data set, or on a fold of it.
fn job(
    args: &Args,
    file: &Settings,
    data: Option<&PathBuf>,
    model: &Model,
    seed: u32,
    fold: Option<Fold>,
) -> Result<Job> {
    let given = Settings {
        model: Some(model.name.clone()),
        data: data.cloned(),
        split: args.split,
        seed: Some(seed),
        fold,
        epochs: args.epochs,
        batch_size: args.batch_size,
        ..args.device.settings()
    };
    let config = given.or(file.clone()).resolve(Recipe::of(model)?)?.anchored();
    let folder = args.out.join(run_name(&config));
    Ok(Job { model: model.clone(), config, folder, overwrite: false })
}

/// Reads `--at-once`.
fn at_once(text: &str) -> Result<AtOnce, String> {
    match text {
        "auto" => Ok(AtOnce::Auto),
        _ => match text.parse() {
            Ok(most) if most > 0 => Ok(AtOnce::Most(most)),
            _ => Err("expected auto, or a whole number from 1".into()),
        },
    }
}

/// The index of the baseline among the models, whose names must differ.
fn baseline(args: &Args) -> Result<usize> {
    let names: Vec<String> = args.models.iter().map(|model| model_name(model)).collect();
    distinct("models", "models with different names", &names)?;
    let Some(wanted) = &args.baseline else { return Ok(0) };
    let index = names.iter().position(|name| *name == model_name(wanted));
    index.ok_or_else(|| Error::Setting {
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
            let seeds = args.seeds.0.iter();
            seeds
                .map(|seed| job(args, &file, data.as_ref(), model, *seed, None))
                .collect::<Result<Vec<_>>>()
        };
        let jobs = models.iter().map(jobs_of).collect::<Result<Vec<_>>>()?;
        let first = jobs.first().and_then(|jobs| jobs.first());
        let name = data_stem(first.and_then(|job| job.config.data.as_deref()));
        Ok(Set { name, jobs })
    };
    let sets: Vec<Set> = paths.into_iter().map(set).collect::<Result<_>>()?;
    let names: Vec<String> = sets.iter().map(|set| set.name.clone()).collect();
    distinct("data", "data sets with different names", &names)?;
    distinct_folders(sets.iter().flat_map(|set| {
        let jobs = set.jobs.iter().flatten();
        jobs.map(|job| (set.name.as_str(), job))
    }))?;
    Ok(sets)
}

/// Names with hyphens may give two runs one folder: `a-b` on `c`, and `a` on `b-c`.
fn distinct_folders<'a>(jobs: impl Iterator<Item = (&'a str, &'a Job)>) -> Result<()> {
    let mut taken: BTreeMap<&Path, String> = BTreeMap::new();
    for (set, job) in jobs {
        let run = format!("{} on {set}", model_name(&job.config.model));
        let Some(other) = taken.insert(&job.folder, run.clone()) else { continue };
        return Err(Error::Setting {
            name: "models",
            expected: "models and data whose names make different folders",
            found: format!(
                "{other} and {run}, both in {}; rename one of them",
                job.folder.display()
            ),
        });
    }
    Ok(())
}

/// Counts runs over all data sets.
struct Count {
    complete: Cell<usize>,
    /// Runs that were planned, in this share or another.
    planned: Cell<usize>,
    all: usize,
}

/// Loads the data once and completes the runs on them; `None` if it was stopped, no report of a share.
fn compare_on(
    args: &Args,
    output: Output,
    set: &Set,
    baseline: usize,
    count: &Count,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Option<DataReport>>> {
    let jobs = || set.jobs.iter().flatten();
    let Some(first) = jobs().next() else { return Ok(None) };
    let cache = args.cache.cache_dir.as_deref();
    let bars = Bars::new(output);
    let source = source::load(&first.config, cache, &PartName::ALL, &bars)?;
    let prepared = prepare_data(source, first.config.scale, output)?;
    let data = &prepared.data;
    let mut runs = jobs().map(|job| job.plan(data)).collect::<Result<Vec<_>>>()?;
    let before = count.planned.replace(count.planned.get() + runs.len());
    if let Some(share) = args.share {
        let mut index = before..;
        runs.retain(|_| index.next().is_some_and(|index| share.has(index)));
    }
    // A device that cannot be opened fails before the first run.
    let mut devices = tuned_devices(jobs(), data, cache, &bars)?;
    devices.train_at_once(args.at_once);
    let backend = first.open_on(&mut devices, data)?;
    output.say(&format!("Device: {}", backend.describe()))?;
    warn_of(backend);
    let text = CompareText { args, set, data, count, figures: RefCell::default() };
    if !run_bars::execute(&runs, &prepared, &mut devices, &text, output, stop)? {
        return Ok(None);
    }
    if args.share.is_some() {
        return Ok(Some(None));
    }
    let mut figures = text.figures.into_inner().into_iter();
    let models = set.jobs.iter().filter_map(|jobs| Some((jobs.first()?, jobs.len())));
    let models = models.map(|(job, seeds)| {
        Ok(ModelRuns {
            name: model_name(&job.model.name),
            parameters: job.graph(data)?.trainable_count(),
            runs: figures.by_ref().take(seeds).collect(),
        })
    });
    let models = models.collect::<Result<Vec<_>>>()?;
    DataReport::new(&set.name, data, &models, baseline, args.shown())
        .map(|report| Some(Some(report)))
}

struct CompareText<'a> {
    args: &'a Args,
    set: &'a Set,
    data: &'a Dataset,
    count: &'a Count,
    /// Of each complete run.
    figures: RefCell<Vec<RunFigures>>,
}

impl RunText for CompareText<'_> {
    fn name(&self, job: &Job) -> String {
        format!("{}, {}, seed {}", model_name(&job.model.name), self.set.name, job.config.seed)
    }

    fn completed(&self, job: &Job, time: &str) -> Result<String> {
        let (shown, count) = (self.args.shown(), self.count);
        let folder = RunFolder::open(&job.folder)?;
        let figures = RunFigures::read(&folder, job.config.seed, &self.data.classes, self.data)?;
        let report = figures.report(self.data, shown)?;
        count.complete.set(count.complete.get() + 1);
        let part = shown.first().and_then(|part| report.parts.get(part.as_str()));
        let score = part.map_or_else(String::new, |part| match part.songs {
            Some(votes) => format!("songs {:.2} %", 100.0 * votes.mean_probability),
            None => format!("samples {:.2} %", 100.0 * part.accuracy),
        });
        self.figures.borrow_mut().push(figures);
        let name = self.name(job);
        Ok(format!("[{}/{}] {name}: {score}, {time}", count.complete.get(), count.all))
    }

    /// What is kept, and how to compare without this run.
    fn help(&self, job: &Job) -> String {
        let args = self.args;
        let model = model_name(&job.config.model);
        let model = (args.models.len() > 1).then(|| format!("{model} out of --models"));
        let seed = (args.seeds.0.len() > 1).then(|| format!("{} out of --seeds", job.config.seed));
        let ways: Vec<String> = model.into_iter().chain(seed).collect();
        let rest = match ways.is_empty() {
            true => String::new(),
            false => format!("; to compare the others leave {}", ways.join(" or ")),
        };
        format!(
            "this was the run {}; finished runs are kept; the same command resumes{rest}",
            job.folder.display()
        )
    }
}
