//! What a comparison by folds leaves beside its runs: rows of a CSV and pictures.

use std::path::Path;

use super::values::{Figure, FoldsModelReport, FoldsReport, Interval};
use crate::error::Result;
use crate::plot::{Measure, ModelScore, model_scores, write_png};
use crate::text::cell;
use crate::train::titled;

/// Accuracies and their differences in shares of 1; what is unknown is empty.
pub(in crate::compare) const CSV: [&str; 25] = [
    "data",
    "model",
    "parameters",
    "folds",
    "divisions",
    "seeds",
    "songs",
    "groups",
    "song_accuracy",
    "song_accuracy_over_seeds",
    "song_accuracy_over_folds",
    "song_accuracy_standard_error",
    "song_log_loss",
    "song_log_loss_over_seeds",
    "song_log_loss_over_folds",
    "song_log_loss_standard_error",
    "accuracy",
    "log_loss",
    "baseline",
    "song_accuracy_difference",
    "song_accuracy_95_low",
    "song_accuracy_95_high",
    "song_log_loss_difference",
    "song_log_loss_95_low",
    "song_log_loss_95_high",
];

/// A row for each model.
pub(in crate::compare) fn csv_rows(report: &FoldsReport) -> Vec<Vec<String>> {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let counts = [report.folds, report.divisions.len(), report.seeds.len(), report.songs];
    let of = |figure: &Figure| {
        let Figure { mean, over_seeds, over_folds, standard_error, .. } = figure;
        [Some(*mean), *over_seeds, *over_folds, *standard_error].map(number)
    };
    let difference = |interval: Option<Interval>| {
        let ends = interval.and_then(|interval| interval.interval_95);
        let difference = interval.map(|interval| interval.difference);
        [difference, ends.map(|ends| ends.0), ends.map(|ends| ends.1)].map(number)
    };
    let row = |model: &FoldsModelReport| {
        let mut row = vec![cell(&report.name), cell(&model.model), model.parameters.to_string()];
        row.extend(counts.iter().chain([&report.groups]).map(ToString::to_string));
        row.extend(of(&model.song_accuracy));
        row.extend(of(&model.song_log_loss));
        row.extend([&model.accuracy, &model.log_loss].map(|figure| figure.mean.to_string()));
        row.push(cell(&report.baseline));
        let against = model.against_baseline;
        row.extend(difference(against.map(|against| against.accuracy)));
        row.extend(difference(against.map(|against| against.log_loss)));
        row
    };
    report.models.iter().map(row).collect()
}

/// `compare_<data>.png` and `logloss_<data>.png`: each model's figures and its paired intervals.
pub(in crate::compare) fn write_pictures(report: &FoldsReport, folder: &Path) -> Result<()> {
    type Of = fn(&FoldsModelReport) -> (&Figure, Option<Interval>);
    let accuracy: Of = |model| (&model.song_accuracy, model.against_baseline.map(|a| a.accuracy));
    let loss: Of = |model| (&model.song_log_loss, model.against_baseline.map(|a| a.log_loss));
    let models = titled("Models", &report.source);
    for (file, measure, of) in
        [("compare", Measure::Accuracy("songs"), accuracy), ("logloss", Measure::LogLoss, loss)]
    {
        let score = |model: &FoldsModelReport| {
            let (figure, against) = of(model);
            let difference = against.and_then(|a| Some((a.difference, a.interval_95?)));
            ModelScore {
                name: model.model.clone(),
                mean: figure.mean,
                seeds: figure.seeds.clone(),
                difference,
                is_baseline: model.model == report.baseline,
            }
        };
        let scores: Vec<ModelScore> = report.models.iter().map(score).collect();
        let seeds = match report.seeds.len() {
            1 => "1 seed".into(),
            n => format!("{n} seeds"),
        };
        let title = format!("{models}: {} songs in {} folds, {seeds}", report.songs, report.folds);
        let path = folder.join(format!("{file}_{}.png", report.name));
        write_png(&path, &model_scores(&scores, measure, &title))?;
    }
    Ok(())
}
