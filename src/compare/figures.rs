//! From runs to figures: each run's, each model's over its seeds, and each
//! model's against the baseline.

use std::collections::BTreeMap;

use serde::Serialize;

use super::paired::{Difference, Verdicts};
use super::run_figures::RunFigures;
use crate::data::{Dataset, Part, PartName};
use crate::error::Result;
use crate::metrics::{
    Vote, accuracy, holm, mean_and_deviation, predictions, song_confusion, song_votes,
};
use crate::train::history::{Epoch, seconds_per_epoch};
use crate::train::{data_name, words};

/// One model's runs, one for each seed.
#[derive(Debug, Clone)]
pub struct ModelRuns {
    /// Its short name.
    pub name: String,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// In the order of seeds.
    pub runs: Vec<RunFigures>,
}

/// All that is known of one data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataReport {
    /// Its short name.
    pub name: String,
    /// What the data are.
    pub source: String,
    /// Their hash.
    pub hash: String,
    /// The parts that are spoken of, that which conclusions are drawn on first.
    #[serde(skip)]
    pub shown: Vec<PartName>,
    /// Samples and songs of each part shown.
    pub sizes: BTreeMap<&'static str, PartSize>,
    /// The model that the others are compared with.
    pub baseline: String,
    /// The seeds, in order.
    pub seeds: Vec<u32>,
    /// In the order asked for.
    pub models: Vec<ModelReport>,
}

/// How much a part rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PartSize {
    /// Number of samples.
    pub samples: usize,
    /// Number of songs, where they are known.
    pub songs: Option<usize>,
}

/// A model's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// Its short name.
    pub model: String,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Median over all epochs of all runs.
    pub seconds_per_epoch: f64,
    /// Over seeds, by part: `val`, `test`.
    pub parts: BTreeMap<&'static str, PartReport>,
    /// What may be concluded of it against the baseline.
    pub conclusion: Option<String>,
    /// Each run.
    pub runs: Vec<RunReport>,
}

/// A model on a part, over seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartReport {
    /// By sample.
    pub accuracy: Spread,
    /// By song, where songs are known.
    pub songs: Option<Votes<Spread>>,
    /// Against the baseline; none for the baseline itself.
    pub against_baseline: Option<Difference>,
}

/// An accuracy under each vote of a song's samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Votes<T> {
    /// The largest mean probability.
    pub mean_probability: T,
    /// The most often predicted class.
    pub majority: T,
    /// The largest product of probabilities.
    pub product: T,
}

/// A figure over seeds, in shares of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample deviation; none of a single seed.
    pub deviation: Option<f64>,
}

/// One run's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// Its seed.
    pub seed: u32,
    /// What it was trained on.
    pub device: String,
    /// Median wall time of an epoch.
    pub seconds_per_epoch: f64,
    /// Validation accuracy by sample, by epoch.
    pub val_accuracy_by_epoch: Vec<f32>,
    /// By part: `val`, `test`.
    pub parts: BTreeMap<&'static str, RunPart>,
}

/// One run on a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunPart {
    /// Share of samples that are right.
    pub accuracy: f64,
    /// Share of songs that are right, where songs are known.
    pub songs: Option<Votes<f64>>,
}

impl RunFigures {
    /// Probabilities of a part; of training samples a comparison knows none.
    fn of(&self, part: PartName) -> &[f32] {
        match part {
            PartName::Train => &[],
            PartName::Val => &self.val,
            PartName::Test => &self.test,
        }
    }

    /// Its figures on the parts shown.
    ///
    /// # Errors
    /// If its probabilities are not those of the data.
    pub fn report(&self, data: &Dataset, shown: &[PartName]) -> Result<RunReport> {
        let classes = data.classes.len();
        let part = |name: &PartName| {
            Ok((name.as_str(), RunPart::new(data.part(*name), self.of(*name), classes)?))
        };
        Ok(RunReport {
            seed: self.seed,
            device: self.device.clone(),
            seconds_per_epoch: seconds_per_epoch(&self.history),
            val_accuracy_by_epoch: self.history.iter().map(|e| e.val_accuracy).collect(),
            parts: shown.iter().map(part).collect::<Result<_>>()?,
        })
    }
}

impl RunPart {
    fn new(part: &Part, rows: &[f32], classes: usize) -> Result<Self> {
        let accuracy = accuracy(&part.y, &predictions(rows, classes)?)?;
        let Some(song) = &part.song else { return Ok(Self { accuracy, songs: None }) };
        let by = |vote| -> Result<f64> {
            let votes = song_votes(song, &part.y, rows, classes, vote)?;
            Ok(song_confusion(&votes, classes)?.accuracy())
        };
        let songs = Votes {
            mean_probability: by(Vote::MeanProbability)?,
            majority: by(Vote::Majority)?,
            product: by(Vote::Product)?,
        };
        Ok(Self { accuracy, songs: Some(songs) })
    }
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mean, deviation) = mean_and_deviation(&values.collect::<Vec<_>>());
        Self { mean: mean.unwrap_or(f64::NAN), deviation }
    }
}

impl DataReport {
    /// Computes all figures of a data set; `models[baseline]` is what the others are compared
    /// with, and `shown` the parts to speak of, that which conclusions are drawn on first.
    ///
    /// # Errors
    /// If a run's probabilities are not those of the data.
    pub fn new(
        name: &str,
        data: &Dataset,
        models: &[ModelRuns],
        baseline: usize,
        shown: &[PartName],
    ) -> Result<Self> {
        let mut reports = Vec::new();
        for model in models {
            let runs: Vec<RunReport> =
                model.runs.iter().map(|run| run.report(data, shown)).collect::<Result<_>>()?;
            let parts =
                shown.iter().map(|part| (part.as_str(), over_seeds(&runs, *part))).collect();
            let epochs: Vec<Epoch> =
                model.runs.iter().flat_map(|run| run.history.iter().copied()).collect();
            reports.push(ModelReport {
                model: model.name.clone(),
                parameters: model.parameters,
                seconds_per_epoch: seconds_per_epoch(&epochs),
                parts,
                conclusion: None,
                runs,
            });
        }
        for part in shown {
            set_against(&mut reports, models, baseline, data, *part)?;
        }
        let size = |part: &PartName| {
            let samples = data.part(*part);
            let songs = words::songs(samples);
            (part.as_str(), PartSize { samples: samples.len(), songs })
        };
        let mut report = Self {
            name: name.into(),
            source: data_name(data),
            hash: data.hash.clone(),
            shown: shown.to_vec(),
            sizes: shown.iter().map(size).collect(),
            baseline: models[baseline].name.clone(),
            seeds: models[baseline].runs.iter().map(|run| run.seed).collect(),
            models: reports,
        };
        let conclusions: Vec<_> =
            report.models.iter().map(|model| super::text::conclusion(&report, model)).collect();
        for (model, conclusion) in report.models.iter_mut().zip(conclusions) {
            model.conclusion = conclusion;
        }
        Ok(report)
    }
}

fn over_seeds(runs: &[RunReport], part: PartName) -> PartReport {
    let runs: Vec<&RunPart> = runs.iter().filter_map(|run| run.parts.get(part.as_str())).collect();
    let songs: Vec<&Votes<f64>> = runs.iter().filter_map(|run| run.songs.as_ref()).collect();
    let spread = |of: fn(&Votes<f64>) -> f64| Spread::of(songs.iter().map(|votes| of(votes)));
    PartReport {
        accuracy: Spread::of(runs.iter().map(|run| run.accuracy)),
        songs: (!songs.is_empty()).then(|| Votes {
            mean_probability: spread(|votes| votes.mean_probability),
            majority: spread(|votes| votes.majority),
            product: spread(|votes| votes.product),
        }),
        against_baseline: None,
    }
}

/// Holds each model against the baseline on a part.
fn set_against(
    reports: &mut [ModelReport],
    models: &[ModelRuns],
    baseline: usize,
    data: &Dataset,
    part: PartName,
) -> Result<()> {
    let key = part.as_str();
    let verdicts = |model: &ModelRuns| {
        let rows: Vec<&[f32]> = model.runs.iter().map(|run| run.of(part)).collect();
        Verdicts::new(data.part(part), &rows, data.classes.len())
    };
    let base = verdicts(&models[baseline])?;
    let base_accuracy = reports[baseline].parts.get(key).map(|part| part.accuracy.mean);
    for (i, (report, model)) in reports.iter_mut().zip(models).enumerate() {
        let Some(figures) = report.parts.get_mut(key).filter(|_| i != baseline) else { continue };
        let songs = match (verdicts(model)?, &base) {
            (Some(verdicts), Some(base)) => verdicts.against(base),
            _ => None,
        };
        let accuracy = figures.accuracy.mean - base_accuracy.unwrap_or(f64::NAN);
        figures.against_baseline = Some(Difference { accuracy, songs });
    }
    let mut paired: Vec<_> = (reports.iter_mut())
        .filter_map(|report| report.parts.get_mut(key)?.against_baseline.as_mut()?.songs.as_mut())
        .collect();
    let adjusted = holm(&paired.iter().map(|paired| paired.mcnemar_p).collect::<Vec<_>>());
    paired.iter_mut().zip(adjusted).for_each(|(paired, p)| paired.holm_p = p);
    Ok(())
}
