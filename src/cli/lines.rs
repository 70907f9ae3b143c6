//! Lines and headings that several subcommands share.

use crate::metrics::{Confusion, wilson};
use crate::train::results::Results;

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
