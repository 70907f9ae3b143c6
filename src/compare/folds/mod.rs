//! Models by cross-validation: each song is judged by the runs that held it out.

mod files;
mod text;
mod values;

use std::collections::BTreeMap;

use super::paired::{BOOTSTRAP_SEED, FEW_SONGS, RESAMPLES};
use super::verdict::FEW_SEEDS;
use crate::data::{Division, Pool};
use crate::error::{Error, Result};
use crate::metrics::{
    GroupBootstrap, SMALLEST_PROBABILITY, accuracy, all_song_votes, bootstrap_groups,
    mean_and_deviation, predictions,
};
use crate::random::streams::Stream;
use crate::train::checkpoint::Checkpoint;
use crate::train::data_name;
use crate::train::history::{Epoch, seconds_per_epoch};
use crate::train::run_folder::RunFolder;

pub(super) use files::{CSV, csv_rows, write_pictures};
pub(super) use text::text;
pub use values::{
    Against, Chosen, DivisionReport, Figure, FoldRunReport, FoldsModelReport, FoldsReport, Interval,
};

use crate::data::PartName;

/// What a comparison takes from the run of one fold.
#[derive(Debug, Clone)]
pub struct FoldRun {
    /// Number of the division, from 0.
    pub division: usize,
    /// The fold that was held out, from 1.
    pub fold: usize,
    /// The run's seed.
    pub seed: u32,
    /// What it was trained on.
    pub device: String,
    /// Metrics of each epoch.
    pub history: Vec<Epoch>,
    /// Probabilities of the samples held out, `[n, classes]`.
    pub held_out: Vec<f32>,
}

impl FoldRun {
    /// Reads the folder of a complete run.
    ///
    /// # Errors
    /// If a file is missing, damaged or of other data.
    pub fn read(
        folder: &RunFolder,
        (division, fold, seed): (usize, usize, u32),
        classes: &[String],
        samples: usize,
    ) -> Result<Self> {
        let position = Checkpoint::read(&folder.checkpoint())?.position;
        let held_out = folder.read_predictions(PartName::Test, classes)?.probabilities;
        if held_out.len() != samples * classes.len() {
            let problem = format!(
                "expected {} probabilities for each of {samples} samples, found {}; remove the file \
                 and compare again to have it made anew",
                classes.len(),
                held_out.len()
            );
            return Err(Error::Run { path: folder.predictions(PartName::Test), problem });
        }
        let (device, history) = (position.device, position.history);
        Ok(Self { division, fold, seed, device, history, held_out })
    }
}

/// One model's runs, of all divisions, folds and seeds, in any order.
#[derive(Debug, Clone)]
pub struct FoldsModel {
    /// Its short name.
    pub name: String,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Its runs.
    pub runs: Vec<FoldRun>,
}

/// A model's outcomes, means over divisions: by seed and song.
struct Outcomes {
    /// 1 where the song is classified correctly, else 0.
    correct: Vec<Vec<f64>>,
    /// The log loss of the song: of the mean probability of its samples.
    loss: Vec<Vec<f64>>,
}

/// The songs of the pool in the order of votes.
struct Songs {
    /// The group of each song.
    group: Vec<usize>,
    /// Its fold in each division, from 0.
    folds: Vec<Vec<usize>>,
}

impl Songs {
    fn of(pool: &Pool<'_>, divisions: &[Division]) -> Self {
        let songs = pool.part.song.iter().flatten().zip(&pool.part.y).zip(&pool.group);
        let of: BTreeMap<(i64, u32), usize> =
            songs.map(|((id, label), group)| ((*id, *label), *group)).collect();
        let group: Vec<usize> = of.into_values().collect();
        let folds = |division: &Division| group.iter().map(|own| division.fold(*own)).collect();
        let folds = divisions.iter().map(folds).collect();
        Self { group, folds }
    }
}

/// The share of samples that are right and their log loss, under one seed in one division.
struct BySample {
    accuracy: f64,
    loss: f64,
}

/// Log loss of a probability of the true class.
fn log_loss(probability: f64) -> f64 {
    -probability.max(SMALLEST_PROBABILITY).ln()
}

/// All samples of the pool under one seed in one division, each by the run that held it out.
fn assemble(
    pool: &Pool<'_>,
    division: &Division,
    runs: &[&FoldRun],
    classes: usize,
) -> Result<Vec<f32>> {
    let mut rows = vec![f32::NAN; pool.part.len() * classes];
    for number in 1..=division.folds {
        let [.., held_out] = pool.rows(number, division, false);
        let run = runs.iter().find(|run| run.fold == number);
        let own = run.map_or(&[][..], |run| &run.held_out);
        if own.len() != held_out.len() * classes {
            return Err(Error::Mismatch {
                what: "predictions of a fold",
                expected: format!("{} probabilities", held_out.len() * classes),
                found: own.len().to_string(),
            });
        }
        for (sample, row) in held_out.into_iter().zip(own.chunks_exact(classes)) {
            rows[sample * classes..(sample + 1) * classes].copy_from_slice(row);
        }
    }
    Ok(rows)
}

impl FoldsModel {
    fn outcomes(
        &self,
        pool: &Pool<'_>,
        divisions: &[Division],
        seeds: &[u32],
        classes: usize,
    ) -> Result<(Outcomes, Vec<BySample>)> {
        let (mut correct, mut loss, mut by_sample) = (Vec::new(), Vec::new(), Vec::new());
        let ids = pool.part.song.as_deref().unwrap_or_default();
        for &seed in seeds {
            let (mut right, mut lost): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
            let (mut accuracies, mut losses) = (0.0, 0.0);
            for (number, division) in divisions.iter().enumerate() {
                let own = |run: &&FoldRun| run.seed == seed && run.division == number;
                let runs: Vec<&FoldRun> = self.runs.iter().filter(own).collect();
                let rows = assemble(pool, division, &runs, classes)?;
                let votes = all_song_votes(ids, &pool.part.y, &rows, classes)?;
                right.resize(votes.len(), 0.0);
                lost.resize(votes.len(), 0.0);
                for ((right, lost), song) in right.iter_mut().zip(&mut lost).zip(&votes) {
                    *right += f64::from(u8::from(song.mean == song.label));
                    *lost += log_loss(song.probabilities[song.label as usize]);
                }
                accuracies += accuracy(&pool.part.y, &predictions(&rows, classes)?)?;
                let true_class = pool.part.y.iter().zip(rows.chunks_exact(classes));
                let of_samples = true_class.map(|(y, row)| log_loss(row[*y as usize].into()));
                losses += of_samples.sum::<f64>() / pool.part.len() as f64;
            }
            let count = divisions.len() as f64;
            right.iter_mut().chain(&mut lost).for_each(|value| *value /= count);
            correct.push(right);
            loss.push(lost);
            by_sample.push(BySample { accuracy: accuracies / count, loss: losses / count });
        }
        Ok((Outcomes { correct, loss }, by_sample))
    }
}

/// The bootstrap over groups and seeds, the same draws for all models and figures.
fn bootstrap(values: &[Vec<f64>], groups: &[usize]) -> Option<GroupBootstrap> {
    let mut stream = Stream::new(BOOTSTRAP_SEED, "compare/folds");
    bootstrap_groups(values, groups, RESAMPLES, &mut stream)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Figure {
    /// Of values by seed and song.
    fn of_songs(values: &[Vec<f64>], songs: &Songs) -> Self {
        let seeds: Vec<f64> = values.iter().map(|row| mean(row)).collect();
        let folds: Vec<f64> = songs.folds.iter().flat_map(|folds| by_fold(values, folds)).collect();
        Self {
            mean: mean(&seeds),
            over_seeds: mean_and_deviation(&seeds).1,
            over_folds: mean_and_deviation(&folds).1,
            standard_error: bootstrap(values, &songs.group).map(|found| found.standard_error),
            seeds,
        }
    }

    /// Of a value by seed.
    fn of_seeds(seeds: Vec<f64>) -> Self {
        let over_seeds = mean_and_deviation(&seeds).1;
        Self { mean: mean(&seeds), over_seeds, over_folds: None, standard_error: None, seeds }
    }
}

/// The mean of each fold over its songs and the seeds.
fn by_fold(values: &[Vec<f64>], folds: &[usize]) -> Vec<f64> {
    let count = folds.iter().max().map_or(0, |last| last + 1);
    let of = |fold: usize| {
        let own = |row: &Vec<f64>| -> Vec<f64> {
            let of_fold = row.iter().zip(folds).filter(|(_, own)| **own == fold);
            of_fold.map(|(value, _)| *value).collect()
        };
        mean(&values.iter().flat_map(own).collect::<Vec<_>>())
    };
    (0..count).map(of).collect()
}

impl Interval {
    /// Of one model's values less another's, by seed and song.
    fn of(model: &[Vec<f64>], base: &[Vec<f64>], groups: &[usize]) -> Self {
        let differences: Vec<Vec<f64>> = model
            .iter()
            .zip(base)
            .map(|(model, base)| model.iter().zip(base).map(|(m, b)| m - b).collect())
            .collect();
        let difference = mean(&differences.iter().map(|row| mean(row)).collect::<Vec<_>>());
        let interval_95 = bootstrap(&differences, groups).map(|found| found.interval_95);
        Self { difference, interval_95 }
    }
}

impl FoldsReport {
    /// Computes all figures; `models[baseline]` is what the others are compared with.
    ///
    /// # Errors
    /// If runs are missing, or not of these folds.
    pub fn new(
        name: &str,
        (data, pool): (&crate::data::Dataset, &Pool<'_>),
        divisions: &[Division],
        models: &[FoldsModel],
        baseline: usize,
        seeds: &[u32],
    ) -> Result<Self> {
        let songs = Songs::of(pool, divisions);
        let classes = data.classes.len();
        let outcomes = models
            .iter()
            .map(|model| model.outcomes(pool, divisions, seeds, classes))
            .collect::<Result<Vec<_>>>()?;
        let (base, _) = &outcomes[baseline];
        let report = |(i, model): (usize, &FoldsModel)| {
            let (own, by_sample) = &outcomes[i];
            let against = |own: &Outcomes| Against {
                accuracy: Interval::of(&own.correct, &base.correct, &songs.group),
                log_loss: Interval::of(&own.loss, &base.loss, &songs.group),
            };
            let epochs: Vec<Epoch> =
                model.runs.iter().flat_map(|run| run.history.iter().copied()).collect();
            let run = |run: &FoldRun| FoldRunReport {
                division: run.division + 1,
                fold: run.fold,
                seed: run.seed,
                device: run.device.clone(),
                seconds_per_epoch: seconds_per_epoch(&run.history),
                train_accuracy: run.history.last().map(|epoch| f64::from(epoch.accuracy)),
            };
            let mut runs: Vec<FoldRunReport> = model.runs.iter().map(run).collect();
            runs.sort_by_key(|run| (run.division, run.seed, run.fold));
            FoldsModelReport {
                model: model.name.clone(),
                parameters: model.parameters,
                seconds_per_epoch: seconds_per_epoch(&epochs),
                song_accuracy: Figure::of_songs(&own.correct, &songs),
                song_log_loss: Figure::of_songs(&own.loss, &songs),
                accuracy: Figure::of_seeds(by_sample.iter().map(|by| by.accuracy).collect()),
                log_loss: Figure::of_seeds(by_sample.iter().map(|by| by.loss).collect()),
                against_baseline: (i != baseline).then(|| against(own)),
                conclusion: None,
                runs,
            }
        };
        let mut report = Self {
            name: name.into(),
            source: data_name(data),
            hash: data.hash.clone(),
            pooled: pool.describe(),
            samples: pool.part.len(),
            songs: songs.group.len(),
            group_by: pool.by.to_string(),
            groups: pool.groups(),
            with_test: pool.with_test,
            folds: divisions.first().map_or(0, |division| division.folds),
            divisions: divisions
                .iter()
                .map(|division| DivisionReport {
                    seed: division.seed,
                    songs: pool.songs_by_fold(division),
                })
                .collect(),
            classes,
            baseline: models[baseline].name.clone(),
            seeds: seeds.to_vec(),
            models: models.iter().enumerate().map(report).collect(),
            chosen: None,
        };
        report.chosen = report.choose();
        let conclusions: Vec<_> =
            report.models.iter().map(|model| text::conclusion(&report, model)).collect();
        for (model, conclusion) in report.models.iter_mut().zip(conclusions) {
            model.conclusion = conclusion;
        }
        Ok(report)
    }

    /// Whether there are enough songs, groups and seeds to claim anything, or why not.
    pub(super) fn claims(&self) -> Result<(), String> {
        let (songs, groups, seeds) = (self.songs, self.groups, self.seeds.len());
        if songs < FEW_SONGS {
            return Err(super::verdict::too_few(songs));
        }
        if groups < FEW_GROUPS {
            return Err(format!(
                "{groups} groups are too few for a conclusion; use at least {FEW_GROUPS}"
            ));
        }
        if seeds < FEW_SEEDS {
            return Err(super::verdict::few_seeds(seeds));
        }
        Ok(())
    }

    /// The one-standard-error rule (L. Breiman et al., "Classification and Regression Trees", 1984): the
    /// model with the fewest parameters whose song log loss is within one standard error of the least;
    /// of equally small ones that of less loss. None from too few songs, groups or seeds, or of one
    /// model.
    fn choose(&self) -> Option<Chosen> {
        if self.models.len() < 2 || self.claims().is_err() {
            return None;
        }
        let loss = |model: &&FoldsModelReport| model.song_log_loss.mean;
        let best = self.models.iter().min_by(|a, b| loss(a).total_cmp(&loss(b)))?;
        let standard_error = best.song_log_loss.standard_error?;
        let within = |model: &&FoldsModelReport| loss(model) <= loss(&best) + standard_error;
        let order = |a: &&FoldsModelReport, b: &&FoldsModelReport| {
            a.parameters.cmp(&b.parameters).then(loss(a).total_cmp(&loss(b)))
        };
        let chosen = self.models.iter().filter(within).min_by(order)?;
        Some(Chosen {
            model: chosen.model.clone(),
            best: best.model.clone(),
            least_song_log_loss: loss(&best),
            standard_error,
        })
    }
}

/// Fewer groups than this do not show how songs of different groups vary.
const FEW_GROUPS: usize = 10;
