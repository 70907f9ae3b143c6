//! From runs to figures: each run's, each model's over its seeds, and each
//! model's against the baseline.

use super::paired::{Difference, Verdicts};
use super::run_figures::RunFigures;
use super::text::conclusion;
use super::values::{
    DataReport, ModelReport, PartReport, PartSize, RunPart, RunReport, Spread, Votes,
};
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
            train_accuracy: self.history.last().map(|e| f64::from(e.accuracy)),
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
            classes: data.classes.len(),
            baseline: models[baseline].name.clone(),
            seeds: models[baseline].runs.iter().map(|run| run.seed).collect(),
            models: reports,
        };
        let conclusions: Vec<_> =
            report.models.iter().map(|model| conclusion(&report, model)).collect();
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
