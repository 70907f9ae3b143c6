//! Lines and headings that several subcommands share.

use crate::metrics::{Calibration, Confusion, SongTemperature, Temperatures, wilson};
use crate::train::results::{PartMetrics, Results};

/// `test: loss 0.4321, accuracy 85.11 % (1532 of 1800 samples)`, and below it `songs: accuracy
/// 90.83 % of 120 (95 % interval 84.3 to 94.8)`; other votes are in metrics.json.
pub(super) fn line(result: &Results) -> String {
    let percent = |c: &Confusion| 100.0 * c.accuracy();
    let by_sample = &result.confusion;
    let songs = result.songs.as_ref().map_or_else(String::new, |songs| {
        let (low, high) = wilson(songs.correct(), songs.total());
        format!(
            "\n      songs: accuracy {:.2} % of {} (95 % interval {:.1} to {:.1})",
            percent(songs),
            songs.total(),
            100.0 * low,
            100.0 * high
        )
    });
    format!(
        "{:<5} loss {:.4}, accuracy {:.2} % ({} of {} samples){songs}",
        result.part.as_str(),
        result.loss,
        percent(by_sample),
        by_sample.correct(),
        by_sample.total()
    )
}

/// `temperature scaling: T = 1.43 by sample, 0.47 by song`, and why one of them is no fit.
pub(super) fn temperatures(temperatures: &Temperatures) -> String {
    let Temperatures { segments, songs } = temperatures;
    let mut text = format!("temperature scaling: T = {:.2} by sample", segments.value);
    let mut problems: Vec<String> =
        segments.fit.problem("validation samples").into_iter().collect();
    if let Some(SongTemperature { temperature, .. }) = songs {
        text.push_str(&format!(", {:.2} by song", temperature.value));
        problems.extend(temperature.fit.problem("validation songs"));
    }
    if !problems.is_empty() {
        text.push_str(&format!(" ({})", problems.join("; ")));
    }
    text
}

/// `samples: log loss 0.4671 to 0.4632, calibration error 3.03 % to 3.19 %`, and the same of songs: before
/// and after temperature scaling.
pub(super) fn calibration(part: &PartMetrics) -> Option<String> {
    let (before, after) = (part.scores.as_ref()?, part.calibrated.as_ref()?);
    let line = |what: &str, before: &Calibration, after: &Calibration| {
        let [a, b] = [before, after].map(|c| c.log_loss.zip(c.expected_error));
        let ((loss, error), (new_loss, new_error)) = a.zip(b)?;
        let [error, new_error] = [error, new_error].map(|e| 100.0 * e);
        Some(format!(
            "{what} log loss {loss:.4} to {new_loss:.4}, calibration error {error:.2} % to {new_error:.2} %"
        ))
    };
    let samples = line("samples:", &before.calibration, &after.samples)?;
    let songs = after.songs.as_ref().and_then(|s| line("songs:  ", &s.before, &s.after));
    Some(songs.map_or(samples.clone(), |songs| format!("{samples}\n  {songs}")))
}

/// Rows true, columns predicted.
pub(super) fn matrix(confusion: &Confusion, classes: &[String]) -> String {
    let width = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(6);
    let cell = |text: &str| format!(" {text:>width$}");
    let mut text = cell("");
    for class in classes {
        text.push_str(&cell(class));
    }
    for (class, row) in classes.iter().zip(&confusion.counts) {
        text.push('\n');
        text.push_str(&cell(class));
        for count in row {
            text.push_str(&cell(&count.to_string()));
        }
    }
    text.push_str("\n(rows true, columns predicted)\n");
    text
}
