//! A comparison by folds as people read it: two tables and plain sentences.

use super::super::paired::{BOOTSTRAP_SEED, RESAMPLES};
use super::super::text::aligned;
use super::values::{Figure, FoldsModelReport, FoldsReport, Interval};
use crate::text::{fold, signed, thousands};

/// All that is printed of a data set.
pub(in crate::compare) fn text(report: &FoldsReport) -> String {
    let mut paragraphs = vec![fold(&heading(report)), figures(report)];
    paragraphs.extend(differences(report));
    let conclusions = report.models.iter().filter_map(|model| model.conclusion.as_deref());
    paragraphs.extend(conclusions.map(fold));
    paragraphs.extend(chosen(report).map(|text| fold(&text)));
    paragraphs.push(fold(&notes(report)));
    paragraphs.join("\n\n") + "\n"
}

fn heading(report: &FoldsReport) -> String {
    let seeds: Vec<String> = report.seeds.iter().map(ToString::to_string).collect();
    let word = if seeds.len() == 1 { "seed" } else { "seeds" };
    let division = |division: &super::DivisionReport| {
        let songs: Vec<String> = division.songs.iter().map(ToString::to_string).collect();
        format!("{} songs (seed {})", songs.join("+"), division.seed)
    };
    let divisions: Vec<String> = report.divisions.iter().map(division).collect();
    format!(
        "{}: cross-validation of {} folds; {}. Folds of {}; runs of {word} {}.",
        report.source,
        report.folds,
        report.pooled,
        divisions.join(", "),
        seeds.join(", ")
    )
}

fn percent(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{:.digits$}", 100.0 * value))
}

fn plain(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.3}"))
}

/// At most 100 columns with names of 20.
fn figures(report: &FoldsReport) -> String {
    let head = [
        "model", "params", "songs %", "±seed", "±fold", "log loss", "±seed", "±fold", "sampl. %",
        "log loss",
    ];
    let row = |model: &FoldsModelReport| {
        let FoldsModelReport { song_accuracy: songs, song_log_loss: loss, .. } = model;
        let of = |Figure { mean, .. }: &Figure| Some(*mean);
        vec![
            model.model.clone(),
            thousands(model.parameters as u64),
            percent(of(songs), 1),
            percent(songs.over_seeds, 1),
            percent(songs.over_folds, 1),
            plain(of(loss)),
            plain(loss.over_seeds),
            plain(loss.over_folds),
            percent(of(&model.accuracy), 1),
            plain(of(&model.log_loss)),
        ]
    };
    let head = vec![head.map(ToOwned::to_owned).to_vec()];
    aligned(&[head, report.models.iter().map(row).collect()].concat())
}

/// `-3.0 to +2.1` with signs, of figures that are times `factor`.
fn ends(interval: &Interval, show: fn(f64) -> String) -> String {
    let ends = interval.interval_95;
    ends.map_or_else(|| "-".into(), |(low, high)| format!("{} to {}", show(low), show(high)))
}

fn points(value: f64) -> String {
    signed(100.0 * value)
}

/// With its sign and three digits; what rounds to 0 has none.
fn thousandths(value: f64) -> String {
    let text = format!("{value:+.3}");
    if ["-0.000", "+0.000"].contains(&text.as_str()) { "0.000".into() } else { text }
}

fn differences(report: &FoldsReport) -> Option<String> {
    let row = |model: &FoldsModelReport| {
        let against = model.against_baseline.as_ref()?;
        Some(vec![
            model.model.clone(),
            points(against.accuracy.difference),
            ends(&against.accuracy, points),
            thousandths(against.log_loss.difference),
            ends(&against.log_loss, thousandths),
        ])
    };
    let rows: Vec<Vec<String>> = report.models.iter().filter_map(row).collect();
    let first = format!("against {}, by song", report.baseline);
    let head = [&first, "points", "95 % interval", "log loss", "95 % interval"];
    let head = head.map(ToOwned::to_owned).to_vec();
    (!rows.is_empty()).then(|| aligned(&[vec![head], rows].concat()))
}

/// What may be concluded of a model against the baseline; none for the baseline itself.
pub(super) fn conclusion(report: &FoldsReport, model: &FoldsModelReport) -> Option<String> {
    let against = model.against_baseline.as_ref()?;
    let than = |value: f64, shown: &str| match value {
        d if shown.trim_matches(['0', '.']).is_empty() || d == 0.0 => "above or below",
        d if d > 0.0 => "above",
        _ => "below",
    };
    let (accuracy, loss) = (&against.accuracy, &against.log_loss);
    let by = format!("{:.1}", 100.0 * accuracy.difference.abs());
    let less = format!("{:.3}", loss.difference.abs());
    let seeds = match report.seeds.len() {
        1 => "1 seed".into(),
        n => format!("{n} seeds"),
    };
    let groups = match report.groups == report.songs {
        true => String::new(),
        false => format!(" in {} groups", report.groups),
    };
    let figures = format!(
        "The song accuracy of {} is {by} percentage points {} that of {} (95 % interval {} over {} \
         songs{groups}, {seeds}), and its song log loss {less} {} (95 % interval {})",
        model.model,
        than(accuracy.difference, &by),
        report.baseline,
        ends(accuracy, points),
        report.songs,
        than(loss.difference, &less),
        ends(loss, thousandths)
    );
    if let Err(why) = report.claims() {
        return Some(format!("{figures}: {why}.{}", untrained(report)));
    }
    // Better is a higher accuracy and a lower loss.
    let side = |interval: &Interval, sign: f64| match interval.interval_95? {
        (low, _) if low > 0.0 => Some(sign > 0.0),
        (_, high) if high < 0.0 => Some(sign < 0.0),
        _ => None,
    };
    let word = |better| if better { "better" } else { "worse" };
    let verdict = match (side(accuracy, 1.0), side(loss, -1.0)) {
        (Some(one), Some(other)) if one == other => {
            format!("{} by accuracy and by log loss on songs like these", word(one))
        }
        (Some(one), Some(other)) => format!(
            "{} by accuracy, but {} by log loss on songs like these",
            word(one),
            word(other)
        ),
        (Some(one), None) => format!(
            "{} by accuracy on songs like these; by log loss no difference can be claimed",
            word(one)
        ),
        (None, Some(one)) => format!(
            "{} by log loss on songs like these; by accuracy no difference can be claimed",
            word(one)
        ),
        (None, None) => {
            format!(
                "both intervals include 0: no difference can be claimed from {} songs",
                report.songs
            )
        }
    };
    Some(format!("{figures}: {verdict}.{}", untrained(report)))
}

/// A sentence on models that predict hardly better than chance.
fn untrained(report: &FoldsReport) -> String {
    let chance = 1.0 / report.classes.max(1) as f64;
    let near_chance = chance + 0.2 * (1.0 - chance);
    let is_near = |model: &&FoldsModelReport| {
        model.runs.iter().any(|run| run.train_accuracy.is_some_and(|a| a < near_chance))
    };
    let names: Vec<&str> =
        report.models.iter().filter(is_near).map(|model| model.model.as_str()).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(
            " Training accuracy of {} is near chance in at least one run: train longer before \
             comparing.",
            names.join(", ")
        ),
    }
}

fn chosen(report: &FoldsReport) -> Option<String> {
    let chosen = report.chosen.as_ref()?;
    let own = report.models.iter().find(|model| model.model == chosen.model)?;
    Some(format!(
        "By the one-standard-error rule the model is {}: of those whose song log loss is within one \
         standard error ({:.3}, over groups and seeds) of the least ({:.3}, {}) it has the fewest \
         parameters ({}; its song log loss is {:.3}).",
        chosen.model,
        chosen.standard_error,
        chosen.least_song_log_loss,
        chosen.best,
        thousands(own.parameters as u64),
        own.song_log_loss.mean
    ))
}

fn notes(report: &FoldsReport) -> String {
    let mut sentences = vec![
        "Each song is judged by the runs that held it out, by the mean probability of its samples; log \
         loss is that of this mean. ±seed and ±fold are standard deviations over seeds and over folds; \
         folds differ in their songs, too."
            .to_owned(),
    ];
    let tests = report.models.len().saturating_sub(1);
    if tests > 0 {
        let over = match (report.groups == report.songs, report.seeds.len()) {
            (true, 1) => "songs, so they do not cover the choice of the seed",
            (false, 1) => "groups of songs, so they do not cover the choice of the seed",
            (true, _) => "songs and seeds",
            (false, _) => "groups of songs and seeds",
        };
        sentences.push(format!(
            "Intervals are of the differences paired by song and seed, by the bootstrap ({} resamples, \
             seed {BOOTSTRAP_SEED}) over {over}; they do not cover that the training sets of folds \
             overlap.",
            thousands(RESAMPLES as u64)
        ));
        if tests > 1 {
            sentences.push(format!(
                "Each interval is for one comparison: of {tests} between equal models about one in 20 \
                 would exclude 0."
            ));
        }
        sentences.push(
            "Models that were chosen by these figures look better in them than on other songs."
                .to_owned(),
        );
    }
    sentences.join(" ")
}
