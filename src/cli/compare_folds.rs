//! `genre-gpu compare --folds`: one data set in folds.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Instant;

use super::audit;
use super::bars::Bars;
use super::device_args::{ready, tuned_devices};
use super::run_bars::{RunBars, RunText};
use super::say::{Output, tell, warn_of};
use crate::compare::{FoldRun, FoldsModel, FoldsReport};
use crate::data::{self, Dataset, Fold, GroupBy, Pool};
use crate::device::AtOnce;
use crate::error::Result;
use crate::metrics::{Vote, all_song_votes, song_accuracy};
use crate::models::{Model, model_name};
use crate::share::Share;
use crate::train::run_folder::RunFolder;
use crate::train::runs::{Job, PlannedRun, PreparedData, RunState};
use crate::train::settings::Config;
use crate::train::{FOLDS_SEED, source};

/// How songs are divided.
pub(super) struct Division<'a> {
    pub(super) folds: usize,
    pub(super) by: &'a GroupBy,
    pub(super) repeats: usize,
    /// The test part is in the pool, too.
    pub(super) with_test: bool,
}

/// A comparison of models by folds of one data set.
pub(super) struct Study<'a> {
    /// The data set's short name.
    pub(super) name: &'a str,
    pub(super) models: &'a [Model],
    pub(super) seeds: &'a [u32],
    pub(super) baseline: usize,
    pub(super) division: Division<'a>,
    pub(super) cache: Option<&'a Path>,
    pub(super) at_once: AtOnce,
    pub(super) share: Option<Share>,
    /// The run of a model and a seed, on a fold or on all data.
    pub(super) job: &'a JobOf<'a>,
}

/// How the execution of a study ended.
pub(super) enum Ended {
    /// All runs are complete.
    Compared(Box<FoldsReport>),
    /// Those of the share are.
    Share { done: usize, all: usize },
    /// It was stopped.
    Stopped { done: usize, all: usize },
}

/// Makes the run of a model and a seed, on a fold or on all data.
pub(super) type JobOf<'a> = dyn Fn(&Model, u32, Option<Fold>) -> Result<Job> + 'a;

/// The runs that hold out one fold.
struct FoldJobs {
    division: usize,
    number: usize,
    jobs: Vec<Job>,
}

impl Study<'_> {
    /// Loads the data once and completes all runs, or those of a share.
    pub(super) fn execute(&self, output: Output, stop: &dyn Fn() -> bool) -> Result<Ended> {
        let bars = Bars::new(output);
        let (Some(model), Some(seed)) = (self.models.first(), self.seeds.first()) else {
            return Ok(Ended::Stopped { done: 0, all: 0 });
        };
        let configs = self.models.iter().map(|model| Ok((self.job)(model, *seed, None)?.config));
        let configs = configs.collect::<Result<Vec<_>>>()?;
        let validates = configs.iter().any(Config::chooses_by_validation);
        let first = (self.job)(model, *seed, None)?;
        ready(&first.config, self.cache, &bars)?;
        let Division { folds, by, repeats, with_test } = self.division;
        let fold =
            |number, seed| Fold { number, of: folds, seed, with_test, validates, by: by.clone() };
        let source = source::load(&first.config, self.cache, fold(1, 0).parts(), &bars)?;
        let data = &source.data;
        output.say(&format!("Data: {}\n{}", data.source, data.describe().trim_end()))?;
        let quick = audit::quick(data, output)?;
        let pool = Pool::new(data, by, with_test)?;
        let divisions = pool.divisions(folds, FOLDS_SEED, repeats)?;
        remark(&pool, &divisions, validates, output)?;

        let mut sets = Vec::new();
        for (at, division) in divisions.iter().enumerate() {
            for number in 1..=folds {
                let mut jobs = Vec::new();
                for model in self.models {
                    for seed in self.seeds {
                        let fold = fold(number, division.seed);
                        jobs.push((self.job)(model, *seed, Some(fold))?);
                    }
                }
                sets.push(FoldJobs { division: at, number, jobs });
            }
        }
        // Before anything is trained, so that a run of other settings is known at once.
        let (mut planned, mut index) = (Vec::new(), 0..);
        for FoldJobs { division, number, jobs } in &sets {
            let outline = pool.fold(*number, &divisions[*division], validates, false)?;
            let runs = jobs.iter().map(|job| job.plan(&outline));
            let mut runs = runs.collect::<Result<Vec<_>>>()?;
            runs.retain(|_| {
                let index = index.next().unwrap_or_default();
                self.share.is_none_or(|share| share.has(index))
            });
            planned.push((runs, outline));
        }
        let all = sets.iter().map(|set| set.jobs.len()).sum();
        let to_train = |(runs, _): &(Vec<PlannedRun<'_>>, Dataset)| {
            runs.iter().filter(|run| run.state != RunState::Complete).count()
        };
        let text = FoldsText {
            study: self,
            begun: Instant::now(),
            to_train: planned.iter().map(to_train).sum(),
            trained: Cell::new(0),
            complete: Cell::new(0),
            all,
            current: Cell::new((0, 0)),
            outline: RefCell::new(None),
            runs: RefCell::new(vec![Vec::new(); self.models.len()]),
        };
        let runs_bars = RunBars::new(output, planned.iter().flat_map(|(runs, _)| runs), &text);
        let mut said = false;
        for (set, (runs, outline)) in sets.iter().zip(&planned) {
            text.current.set((set.division, set.number));
            *text.outline.borrow_mut() = Some(outline.clone());
            if runs.is_empty() {
                continue;
            }
            let own = pool.fold(set.number, &divisions[set.division], validates, true)?;
            let prepared = PreparedData::of_fold(own, &source, first.config.scale, &quick)?;
            let mut devices = tuned_devices(&set.jobs, &prepared.data, self.cache, &bars)?;
            devices.train_at_once(self.at_once);
            if !said && let Some(job) = set.jobs.first() {
                // A device that cannot be opened fails before the first run.
                let backend = job.open_on(&mut devices, &prepared.data)?;
                output.say(&format!("Device: {}", backend.describe()))?;
                warn_of(backend);
                said = true;
            }
            let done = runs_bars.execute(runs, &prepared, &mut devices, stop);
            if !done.inspect_err(|_| runs_bars.end())? {
                runs_bars.end();
                return Ok(Ended::Stopped { done: text.complete.get(), all });
            }
        }
        runs_bars.end();
        if self.share.is_some() {
            return Ok(Ended::Share { done: text.complete.get(), all });
        }
        let mut models = Vec::new();
        for (model, runs) in self.models.iter().zip(text.runs.into_inner()) {
            let graph = model.graph(data.sample_shape, data.classes.len())?;
            let (name, parameters) = (model_name(&model.name), graph.trainable_count());
            models.push(FoldsModel { name, parameters, runs });
        }
        let of = (data, &pool);
        FoldsReport::new(self.name, of, &divisions, &models, self.baseline, self.seeds)
            .map(|report| Ended::Compared(Box::new(report)))
    }
}

/// Says what is pooled and how it is divided, and what is doubtful about that.
fn remark(
    pool: &Pool<'_>,
    divisions: &[data::Division],
    validates: bool,
    output: Output,
) -> Result<()> {
    output.say(&format!("Folds: {}", pool.describe()))?;
    for division in divisions {
        let songs = pool.songs_by_fold(division);
        let songs: Vec<String> = songs.iter().map(ToString::to_string).collect();
        output.say(&format!(
            "  {} folds of {} songs, seed {}",
            division.folds,
            songs.join(" + "),
            division.seed
        ))?;
        if let Some((count, [one, other])) = pool.equal_across(division) {
            tell(&format!(
                "warning: {count} samples equal one of another fold (such as of songs {one} and {other}), \
                 so scores look too good; put such songs into one group with --group FILE"
            ));
        }
    }
    if validates {
        output.say(
            "  a setting chooses by validation: of the folds that are not held out the next one \
             validates, the others train",
        )?;
    }
    if let Some((count, example)) = pool.in_several_parts() {
        tell(&format!(
            "warning: {count} song ids occur in several parts, such as {example}, and count as one song \
             each; if each part numbers its songs from 0, use ids that are unique over all parts"
        ));
    }
    Ok(())
}

struct FoldsText<'a> {
    study: &'a Study<'a>,
    begun: Instant,
    /// Runs that are not complete at the beginning.
    to_train: usize,
    trained: Cell<usize>,
    complete: Cell<usize>,
    all: usize,
    /// The division, from 0, and the fold, from 1, of the runs that are executed.
    current: Cell<(usize, usize)>,
    /// Their data without samples.
    outline: RefCell<Option<Dataset>>,
    /// Complete runs, by model.
    runs: RefCell<Vec<Vec<FoldRun>>>,
}

impl FoldsText<'_> {
    /// What is left, by what runs took so far.
    fn left(&self) -> String {
        let (done, all) = (self.trained.get(), self.to_train);
        if done == 0 || done >= all {
            return String::new();
        }
        let seconds = self.begun.elapsed().as_secs_f64() / done as f64 * (all - done) as f64;
        match seconds {
            s if s < 90.0 => format!(", about {s:.0} s left"),
            s if s < 5400.0 => format!(", about {:.0} min left", s / 60.0),
            s => format!(", about {:.1} h left", s / 3600.0),
        }
    }
}

impl RunText for FoldsText<'_> {
    fn name(&self, job: &Job) -> String {
        let Study { name, division, .. } = self.study;
        let fold = job.config.fold.as_ref();
        let fold = fold.map_or_else(String::new, |Fold { number, of, seed, .. }| {
            let seed = if division.repeats > 1 { format!(" (seed {seed})") } else { String::new() };
            format!("fold {number} of {of}{seed}, ")
        });
        format!("{}, {name}, {fold}seed {}", model_name(&job.model.name), job.config.seed)
    }

    fn completed(&self, job: &Job, time: &str) -> Result<String> {
        let outline = self.outline.borrow();
        let Some(data) = &*outline else { return Ok(String::new()) };
        let (division, number) = self.current.get();
        let at = (division, number, job.config.seed);
        let (classes, part) = (&data.classes, &data.test);
        let folder = RunFolder::open(&job.folder)?;
        let run = FoldRun::read(&folder, at, classes, part.len())?;
        let ids = part.song.as_deref().unwrap_or_default();
        let votes = all_song_votes(ids, &part.y, &run.held_out, classes.len())?;
        let score = 100.0 * song_accuracy(&votes, Vote::MeanProbability);
        let model = self.study.models.iter().position(|model| model.name == job.model.name);
        if let Some(runs) = self.runs.borrow_mut().get_mut(model.unwrap_or(0)) {
            runs.push(run);
        }
        self.complete.set(self.complete.get() + 1);
        if time != "already done" {
            self.trained.set(self.trained.get() + 1);
        }
        let (done, all, name) = (self.complete.get(), self.all, self.name(job));
        Ok(format!("[{done}/{all}] {name}: songs {score:.2} %, {time}{}", self.left()))
    }

    /// What is kept, and how to compare without this run.
    fn help(&self, job: &Job) -> String {
        let Study { models, seeds, .. } = self.study;
        let model = model_name(&job.config.model);
        let model = (models.len() > 1).then(|| format!("{model} out of --models"));
        let seed = (seeds.len() > 1).then(|| format!("{} out of --seeds", job.config.seed));
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
