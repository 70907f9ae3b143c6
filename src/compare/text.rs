//! A data set's comparison as people read it: two tables and plain sentences.

use super::paired::{BOOTSTRAP_SEED, Paired, RESAMPLES};
use super::values::{DataReport, ModelReport, RunReport, Spread, Votes};
use super::verdict::words;
use crate::data::PartName;
use crate::text::{fold, signed, thousands};

/// All that is printed of a data set.
pub fn text(report: &DataReport) -> String {
    let mut paragraphs = vec![fold(&heading(report)), accuracies(report)];
    if let Some(table) = differences(report) {
        paragraphs.push(table);
    }
    let conclusions = report.models.iter().filter_map(|model| model.conclusion.as_deref());
    paragraphs.extend(conclusions.map(fold));
    paragraphs.push(fold(&notes(report)));
    paragraphs.join("\n\n") + "\n"
}

fn heading(report: &DataReport) -> String {
    let size = |part: &PartName| {
        let size = report.sizes.get(part.as_str())?;
        let (word, samples) = (part.word(), thousands(size.samples as u64));
        Some(match size.songs {
            Some(songs) => format!("{} {word} songs ({samples} samples)", thousands(songs as u64)),
            None => format!("{samples} {word} samples"),
        })
    };
    let sizes: Vec<String> = report.shown.iter().filter_map(size).collect();
    let seeds: Vec<String> = report.seeds.iter().map(ToString::to_string).collect();
    let (word, spread) = match seeds.len() {
        1 => ("seed", "(one seed has no standard deviation)"),
        _ => ("seeds", "(mean ± standard deviation over seeds)"),
    };
    format!("{}: {}; {word} {} {spread}", report.source, sizes.join(", "), seeds.join(", "))
}

/// Cells right-aligned under their heads but for the first column.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, i: usize| row.get(i).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|i| rows.iter().map(|row| cell(row, i)).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| match i {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn percent(spread: Spread) -> String {
    let mean = 100.0 * spread.mean;
    match spread.deviation {
        Some(deviation) => format!("{mean:.2} ± {:.2}", 100.0 * deviation),
        None => format!("{mean:.2}"),
    }
}

fn accuracies(report: &DataReport) -> String {
    let mut head = vec!["model".to_owned(), "params".to_owned()];
    for part in &report.shown {
        head.push(format!("{part} samples %"));
        if has_songs(report, *part) {
            head.push(format!("{part} songs %"));
        }
    }
    head.push("s/epoch".into());
    let row = |model: &ModelReport| {
        let mut row = vec![model.model.clone(), thousands(model.parameters as u64)];
        for part in report.shown.iter().filter_map(|part| model.parts.get(part.as_str())) {
            row.push(percent(part.accuracy));
            row.extend(part.songs.map(|Votes { mean_probability, .. }| percent(mean_probability)));
        }
        row.push(format!("{:.2}", model.seconds_per_epoch));
        row
    };
    let rows: Vec<_> = std::iter::once(head).chain(report.models.iter().map(row)).collect();
    aligned(&rows)
}

fn has_songs(report: &DataReport, part: PartName) -> bool {
    report.sizes.get(part.as_str()).is_some_and(|size| size.songs.is_some())
}

/// A model against the baseline on the part that conclusions are drawn on.
fn paired<'a>(report: &DataReport, model: &'a ModelReport) -> Option<&'a Paired> {
    let part = model.parts.get(report.shown.first()?.as_str())?;
    part.against_baseline.as_ref()?.songs.as_ref()
}

fn differences(report: &DataReport) -> Option<String> {
    let row = |model: &ModelReport| {
        let paired = paired(report, model)?;
        let (low, high) = paired.interval_95;
        Some(vec![
            model.model.clone(),
            signed(100.0 * paired.difference),
            format!("{} to {}", signed(100.0 * low), signed(100.0 * high)),
            format!("{} : {}", paired.only_model, paired.only_baseline),
            p_value(paired.mcnemar_p),
            p_value(paired.holm_p),
        ])
    };
    let rows: Vec<Vec<String>> = report.models.iter().filter_map(row).collect();
    let word = (*report.shown.first()?).word();
    let first = format!("against {}, {word} songs", report.baseline);
    let head = [&first, "points", "95 % interval", "correct alone", "McNemar p", "Holm p"];
    let head = head.map(ToOwned::to_owned).to_vec();
    (!rows.is_empty()).then(|| aligned(&[vec![head], rows].concat()))
}

/// `0.023`, and in words where it has no digits left.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

/// `McNemar p = 0.023` or `< 0.001`, and after Holm where several models are compared.
pub(crate) fn mcnemar(paired: &Paired, tests: usize) -> String {
    let equals = if paired.mcnemar_p < 0.001 { "" } else { "= " };
    let p = format!("McNemar p {equals}{}", p_value(paired.mcnemar_p));
    match tests {
        1 => p,
        _ => format!(
            "{p}; {} after Holm's correction for {tests} comparisons",
            p_value(paired.holm_p)
        ),
    }
}

/// What may be concluded of a model against the baseline; none for the baseline itself.
pub(super) fn conclusion(report: &DataReport, model: &ModelReport) -> Option<String> {
    let first = *report.shown.first()?;
    let part = model.parts.get(first.as_str())?;
    let difference = part.against_baseline.as_ref()?;
    let (name, base, word) = (&model.model, &report.baseline, first.word());
    let Some(paired) = &difference.songs else {
        return Some(format!(
            "The accuracy of {name} on {word} samples is {:+.2} percentage points against {base}. \
             Songs are unknown and samples of one song depend on each other, so there is no \
             interval and no conclusion.",
            100.0 * difference.accuracy
        ));
    };
    let (low, high) = (100.0 * paired.interval_95.0, 100.0 * paired.interval_95.1);
    let points = 100.0 * paired.difference;
    let than = match points {
        d if d > 0.0 => "above",
        d if d < 0.0 => "below",
        _ => "above or below",
    };
    let seeds = match report.seeds.len() {
        1 => "1 seed".into(),
        n => format!("{n} seeds"),
    };
    let songs = paired.songs;
    let claim = format!(
        "The song accuracy of {name} ({word}) is {:.1} percentage points {than} that of {base} \
         (95 % interval {} to {} over {songs} songs, {seeds})",
        points.abs(),
        signed(low),
        signed(high)
    );
    let tests = report.models.len() - 1;
    let p = mcnemar(paired, tests);
    let verdict = words(paired, report.seeds.len(), tests);
    Some(format!("{claim}: {verdict}; {p}.{}", untrained(report)))
}

/// A sentence on models that predict hardly better than chance; they were not trained enough to be
/// compared.
fn untrained(report: &DataReport) -> String {
    let is_near_chance = |model: &&ModelReport| {
        let chance = 1.0 / report.classes.max(1) as f64;
        // A fifth of the way from guessing to no error.
        let near_chance = chance + 0.2 * (1.0 - chance);
        let near = |run: &RunReport| run.train_accuracy.is_some_and(|a| a < near_chance);
        model.runs.iter().any(near)
    };
    let names: Vec<&str> =
        report.models.iter().filter(is_near_chance).map(|model| model.model.as_str()).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(
            " Training accuracy of {} is near chance for at least one seed: train longer before \
             comparing.",
            names.join(", ")
        ),
    }
}

fn notes(report: &DataReport) -> String {
    let Some(part) = report.shown.first().copied() else { return String::new() };
    if !has_songs(report, part) {
        return "Songs are unknown (no song ids beside the samples): accuracy is by sample only. \
                Samples of one song depend on each other, so an interval over samples would be \
                too narrow, and none is given."
            .into();
    }
    let mut sentences = vec![
        "Songs are judged by the mean probability of their samples; majority and product votes \
         are in compare.json."
            .to_owned(),
    ];
    let tests = report.models.len().saturating_sub(1);
    if tests > 0 {
        let over = match report.seeds.len() {
            1 => "songs, so it does not cover the choice of the seed",
            _ => "songs and over seeds, so it covers the choice of both",
        };
        sentences.push(format!(
            "The interval is the paired bootstrap ({} resamples, seed {BOOTSTRAP_SEED}, \
             percentiles) over {over}. McNemar's exact test counts the songs that only one of the \
             two models classifies correctly (\"correct alone\", the model first) when all samples \
             under all seeds vote together.",
            thousands(RESAMPLES as u64)
        ));
        if tests > 1 {
            sentences.push(format!(
                "{tests} models were compared with {}: each interval is for one comparison, Holm's \
                 p-values account for all {tests}.",
                report.baseline
            ));
        }
    }
    sentences.join(" ")
}
