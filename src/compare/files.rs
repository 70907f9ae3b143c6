//! What a comparison leaves beside its runs: text, CSV, JSON and pictures.

use std::path::Path;

use serde::Serialize;

use super::folds::{self, FoldsReport};
use super::paired::{BOOTSTRAP_SEED, Paired, RESAMPLES};
use super::text::text;
use super::values::{DataReport, ModelReport, RunReport};
use crate::data::PartName;
use crate::error::Result;
use crate::files::write_atomic;
use crate::metrics::mean_and_deviation;
use crate::plot::{
    Across, Drawing, Line, Lines, Measure, ModelScore, lines, model_scores, sheet, write_png,
};
use crate::text::cell;
use crate::train::titled;

/// `compare.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of the program.
    pub version: String,
    /// Number of bootstrap resamples for an interval.
    pub resamples: usize,
    /// The seed of the bootstrap.
    pub bootstrap_seed: u64,
    /// Each data set.
    pub data: Vec<DataReport>,
    /// Each data set, where models were compared by folds; `data` is empty then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<FoldsReport>,
}

impl Report {
    /// Of data sets that are done.
    pub fn new(data: Vec<DataReport>) -> Self {
        let version = env!("CARGO_PKG_VERSION").into();
        let folds = Vec::new();
        Self { version, resamples: RESAMPLES, bootstrap_seed: BOOTSTRAP_SEED, data, folds }
    }

    /// Of data sets whose folds are done.
    pub fn of_folds(folds: Vec<FoldsReport>) -> Self {
        Self { folds, ..Self::new(Vec::new()) }
    }

    /// As it is printed.
    pub fn text(&self) -> String {
        let texts = self.data.iter().map(text).chain(self.folds.iter().map(folds::text));
        texts.collect::<Vec<_>>().join("\n\n")
    }
}

/// Writes `compare.txt`, `compare.csv`, `compare.json` and the pictures of each data set.
///
/// # Errors
/// If a file cannot be written.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    let text = report.text();
    write_atomic(&folder.join("compare.txt"), |to| to.write_all(text.as_bytes()))?;
    write_atomic(&folder.join("compare.csv"), |to| {
        let mut csv = csv::Writer::from_writer(to);
        if report.folds.is_empty() {
            csv.write_record(COLUMNS)?;
        } else {
            csv.write_record(folds::CSV)?;
        }
        for row in report.folds.iter().flat_map(folds::csv_rows) {
            csv.write_record(row)?;
        }
        for data in &report.data {
            for model in &data.models {
                for part in &data.shown {
                    csv.write_record(row(data, model, *part))?;
                }
            }
        }
        csv.flush()
    })?;
    write_atomic(&folder.join("compare.json"), |to| {
        serde_json::to_writer_pretty(&mut *to, report)?;
        writeln!(to)
    })?;
    for data in &report.data {
        let name = &data.name;
        write_png(&folder.join(format!("compare_{name}.png")), &scores(data))?;
        write_png(&folder.join(format!("curves_{name}.png")), &curves(data)?)?;
    }
    report.folds.iter().try_for_each(|data| folds::write_pictures(data, folder))
}

/// Accuracies and differences in shares of 1; what is unknown is empty.
const COLUMNS: [&str; 24] = [
    "data",
    "part",
    "model",
    "parameters",
    "seeds",
    "samples",
    "accuracy",
    "accuracy_deviation",
    "songs",
    "song_accuracy",
    "song_accuracy_deviation",
    "song_accuracy_majority",
    "song_accuracy_majority_deviation",
    "song_accuracy_product",
    "song_accuracy_product_deviation",
    "baseline",
    "song_difference",
    "interval_95_low",
    "interval_95_high",
    "only_model",
    "only_baseline",
    "mcnemar_p",
    "holm_p",
    "seconds_per_epoch",
];

fn row(data: &DataReport, model: &ModelReport, part: PartName) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let size = data.sizes.get(part.as_str());
    let figures = model.parts.get(part.as_str());
    let votes = figures.and_then(|figures| figures.songs);
    let spreads = [
        figures.map(|figures| figures.accuracy),
        votes.map(|votes| votes.mean_probability),
        votes.map(|votes| votes.majority),
        votes.map(|votes| votes.product),
    ];
    let [by_sample, by_song @ ..] = spreads
        .map(|spread| [number(spread.map(|s| s.mean)), number(spread.and_then(|s| s.deviation))]);
    let paired: Option<&Paired> =
        figures.and_then(|f| f.against_baseline.as_ref()).and_then(|d| d.songs.as_ref());
    let count = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
    let mut row = vec![cell(&data.name), part.to_string(), cell(&model.model)];
    row.extend([model.parameters, data.seeds.len()].map(|n| n.to_string()));
    row.push(count(size.map(|size| size.samples as u64)));
    row.extend(by_sample);
    row.push(count(size.and_then(|size| size.songs).map(|songs| songs as u64)));
    row.extend(by_song.into_iter().flatten());
    row.push(cell(&data.baseline));
    row.push(number(paired.map(|p| p.difference)));
    row.push(number(paired.map(|p| p.interval_95.0)));
    row.push(number(paired.map(|p| p.interval_95.1)));
    row.push(count(paired.map(|p| p.only_model)));
    row.push(count(paired.map(|p| p.only_baseline)));
    row.push(number(paired.map(|p| p.mcnemar_p)));
    row.push(number(paired.map(|p| p.holm_p)));
    row.push(model.seconds_per_epoch.to_string());
    row
}

/// `compare_<data>.png`.
fn scores(data: &DataReport) -> Drawing {
    let part = data.shown.first().copied().unwrap_or(PartName::Test);
    let size = data.sizes.get(part.as_str());
    let songs = size.and_then(|size| size.songs);
    let score = |model: &ModelReport| {
        let figures = model.parts.get(part.as_str())?;
        let of = |run: &RunReport| {
            let figures = run.parts.get(part.as_str())?;
            Some(figures.songs.map_or(figures.accuracy, |votes| votes.mean_probability))
        };
        let spread = figures.songs.map_or(figures.accuracy, |votes| votes.mean_probability);
        let paired = figures.against_baseline.as_ref().and_then(|d| d.songs.as_ref());
        Some(ModelScore {
            name: model.model.clone(),
            mean: spread.mean,
            seeds: model.runs.iter().filter_map(of).collect(),
            difference: paired.map(|p| (p.difference, p.interval_95)),
            is_baseline: model.model == data.baseline,
        })
    };
    let scores: Vec<ModelScore> = data.models.iter().filter_map(score).collect();
    let (count, unit) = match songs {
        Some(songs) => (songs, "songs"),
        None => (size.map_or(0, |size| size.samples), "samples"),
    };
    let seeds = match data.seeds.len() {
        1 => "1 seed".into(),
        n => format!("{n} seeds"),
    };
    let models = titled("Models", &data.source);
    let title = format!("{models}: {count} {} {unit}, {seeds}", part.word());
    model_scores(&scores, Measure::Accuracy(unit), &title)
}

/// `curves_<data>.png`.
fn curves(data: &DataReport) -> Result<Drawing> {
    let epochs = |model: &ModelReport| {
        model.runs.iter().map(|run| run.val_accuracy_by_epoch.len()).min().unwrap_or(0)
    };
    let last = data.models.iter().map(epochs).max().unwrap_or(0);
    let curve = |model: &ModelReport| {
        let mut line = Line::new(model.model.clone(), Vec::new());
        for epoch in 0..last {
            let of = |run: &RunReport| run.val_accuracy_by_epoch.get(epoch).copied();
            let percent = |value: f32| 100.0 * f64::from(value);
            let values = model.runs.iter().filter_map(of).map(percent);
            // Of all seeds or of none.
            let values: Vec<f64> = values.filter(|_| epoch < epochs(model)).collect();
            let (mean, deviation) = mean_and_deviation(&values);
            let (mean, deviation) = (mean.unwrap_or(f64::NAN), deviation.unwrap_or(0.0));
            line.values.push(mean);
            line.shaded.push((mean - deviation, mean + deviation));
        }
        line
    };
    let series: Vec<Line> = data.models.iter().map(curve).collect();
    let at: Vec<f64> = (1..=last).map(|epoch| epoch as f64).collect();
    let panel = lines(&Lines {
        heading: "",
        across: "epoch",
        name: "validation accuracy (% of samples)",
        label: "Validation accuracy by epoch, a line for each model",
        at: &at,
        ticks: Across::Epochs,
        within: None,
        series: &series,
        area: (840.0, 330.0),
    })?;
    let note = match data.seeds.len() {
        1 => "One seed.".into(),
        n => format!("Mean of {n} seeds; shaded: ± one standard deviation over seeds."),
    };
    let title = format!("Validation accuracy: {}", titled("models", &data.source));
    Ok(sheet(&title, vec![vec![panel]], &[note]))
}
