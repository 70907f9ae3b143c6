//! Overfitting in words: what a run's metrics show. A sentence states the numbers that it rests on.

use std::collections::BTreeSet;

use super::ending::Early;
use super::history::{self, Epoch, Turn, best_epoch};
use crate::data::Part;

/// Number of different songs in a part, where they are known.
pub fn songs(part: &Part) -> Option<usize> {
    let song = part.song.as_ref()?;
    Some(song.iter().zip(&part.y).collect::<BTreeSet<_>>().len())
}

/// The metrics of a finished run as a paragraph. `accuracies` of training, validation and test are
/// shares of 1.
pub fn outcome(history: &[Epoch], early: Option<Early>, accuracies: [Option<f64>; 3]) -> String {
    let mut sentences = Vec::new();
    sentences.extend(early.map(|early| sentence(&early.to_string())));
    if let [Some(train), Some(val), Some(test)] = accuracies.map(|a| a.map(|a| 100.0 * a)) {
        let against = |other: f64| {
            let gap = train - other;
            format!("{:.1} {}", gap.abs(), if gap < 0.0 { "below" } else { "above" })
        };
        sentences.push(format!(
            "Final accuracies: training {train:.1} %, validation {val:.1} %, test {test:.1} %. \
             Training accuracy is {} validation and {} test (percentage points).",
            against(val),
            against(test)
        ));
    }
    sentences.extend(gap_by_epoch(history));
    sentences.extend(turn(history));
    sentences.join(" ")
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map_or_else(String::new, |first| first.to_uppercase().to_string());
    format!("{first}{}.", letters.as_str())
}

/// How the gap grew.
fn gap_by_epoch(history: &[Epoch]) -> Option<String> {
    let gap = |e: &Epoch| 100.0 * (e.accuracy - e.val_accuracy);
    let marks: BTreeSet<usize> = [1, 5, 10, 20, 50, 100, history.len()]
        .into_iter()
        .filter(|epoch| (1..=history.len()).contains(epoch))
        .collect();
    if marks.len() < 2 || history.iter().any(|epoch| epoch.val_loss.is_nan()) {
        return None;
    }
    let gaps: Vec<String> =
        marks.iter().map(|&i| format!("{:+.1} in epoch {i}", gap(&history[i - 1]))).collect();
    Some(format!(
        "During training, training minus validation accuracy was {} (percentage points; training \
         accuracy is a running mean over the epoch, so early gaps are biased downwards).",
        gaps.join(", ")
    ))
}

/// What validation loss did after its lowest epoch.
fn turn(history: &[Epoch]) -> Option<String> {
    let (best, last) = (best_epoch(history)?, history.len() - 1);
    let (low, end) = (&history[best], &history[last]);
    let lowest = format!("The lowest validation loss, {:.4}, was reached in", low.val_loss);
    let figures = |mean: f64, noise: f64| {
        format!(
            "{lowest} epoch {}; over the {} epochs after it the mean was {mean:.4} (the typical \
             epoch-to-epoch change is {noise:.4})",
            best + 1,
            last - best
        )
    };
    Some(match history::turn(history) {
        Turn::Unknown => return None,
        Turn::TooLate if best == last => {
            format!("{lowest} the last epoch ({}): validation loss was still falling.", last + 1)
        }
        Turn::TooLate => format!(
            "{lowest} epoch {} of {}, too late in training to tell overfitting from noise.",
            best + 1,
            last + 1
        ),
        Turn::Flat { mean, noise } => {
            format!("{}, so validation loss shows no clear rise.", figures(mean, noise))
        }
        Turn::Rises { mean, noise } => format!(
            "{}, while training loss fell from {:.4} to {:.4}: validation loss rose as training \
             loss kept falling, which is overfitting.",
            figures(mean, noise),
            low.loss,
            end.loss
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::history::of_losses as history;

    #[test]
    fn a_rise_is_reported_with_the_numbers_that_it_rests_on() {
        let val = [1.9, 1.7, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0];
        let rows: Vec<_> = (0..8).map(|i| (2.0 - 0.2 * i as f32, val[i])).collect();
        let text = turn(&history(&rows)).unwrap();
        for figure in ["1.5000", "epoch 3", "1.8000", "0.1000", "from 1.6000 to 0.6000"] {
            assert!(text.contains(figure), "{figure} in: {text}");
        }
        assert!(text.contains("which is overfitting"), "{text}");
    }

    #[test]
    fn what_may_be_noise_is_no_turn() {
        let text = turn(&history(&[(2.0, 1.9), (1.0, 1.5)])).unwrap();
        assert!(text.contains("still falling"), "{text}");
        let text = turn(&history(&[(2.0, 1.9), (1.0, 1.5), (0.5, 1.8)])).unwrap();
        assert!(text.contains("too late in training"), "{text}");
        let jumps = [1.9, 1.5, 1.8, 1.55, 1.8, 1.6, 1.75, 1.55];
        let rows: Vec<_> = (0..8).map(|i| (2.0 - 0.2 * i as f32, jumps[i])).collect();
        let text = turn(&history(&rows)).unwrap();
        assert!(text.contains("no clear rise"), "{text}");
        assert!(turn(&history(&[(2.0, 1.9)])).is_none());
    }

    #[test]
    fn a_negative_gap_is_below() {
        let text = outcome(&[], None, [Some(0.5), Some(0.545), Some(0.4)]);
        assert!(text.contains("is 4.5 below validation and 10.0 above test"), "{text}");
    }

    #[test]
    fn gaps_are_in_points() {
        let text = gap_by_epoch(&history(&[(2.0, 1.9), (1.0, 1.5)])).unwrap();
        assert!(text.contains("+25.0 in epoch 1, +25.0 in epoch 2"), "{text}");
        assert!(gap_by_epoch(&history(&[(2.0, 1.9)])).is_none());
    }
}
