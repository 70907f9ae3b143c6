//! Overfitting in words: what a run's metrics show. A sentence states the numbers that it rests on.

use std::collections::BTreeSet;

use super::history::{Epoch, best_epoch};
use crate::data::Part;
use crate::graph::Graph;
use crate::models::summary::capacity;

/// Number of different songs in a part, where they are known.
pub fn songs(part: &Part) -> Option<usize> {
    let song = part.song.as_ref()?;
    Some(song.iter().zip(&part.y).collect::<BTreeSet<_>>().len())
}

/// The whole paragraph of a finished run. `samples` and `songs` are those of the training set;
/// `accuracies` of training, validation and test are shares of 1.
pub fn overfitting(
    graph: &Graph,
    samples: usize,
    songs: Option<usize>,
    history: &[Epoch],
    accuracies: [Option<f64>; 3],
) -> String {
    format!("{} {}", capacity(graph, samples, songs), outcome(history, accuracies))
}

/// The paragraph without the expectation before training.
pub fn outcome(history: &[Epoch], accuracies: [Option<f64>; 3]) -> String {
    let mut sentences = Vec::new();
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

/// How the gap grew.
fn gap_by_epoch(history: &[Epoch]) -> Option<String> {
    let gap = |e: &Epoch| 100.0 * (e.accuracy - e.val_accuracy);
    let marks: BTreeSet<usize> = [1, 5, 10, 20, 50, 100, history.len()]
        .into_iter()
        .filter(|epoch| (1..=history.len()).contains(epoch))
        .collect();
    if marks.len() < 2 {
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

/// With fewer epochs after the lowest validation loss, a rise may be noise.
const FEW: usize = 5;

/// Whether validation loss rose: the mean after its lowest epoch lies above
/// it by more than twice the median change from epoch to epoch, while training
/// loss kept falling. The lowest of a noisy series is below its mean in any case.
fn turn(history: &[Epoch]) -> Option<String> {
    let (best, last) = (best_epoch(history)?, history.len() - 1);
    let (low, end) = (&history[best], &history[last]);
    if history.len() < 2 {
        return None;
    }
    let lowest = format!("The lowest validation loss, {:.4}, was reached in", low.val_loss);
    let after = &history[best + 1..];
    let (best, last) = (best + 1, last + 1);
    if after.is_empty() {
        return Some(format!(
            "{lowest} the last epoch ({last}): validation loss was still falling."
        ));
    }
    if after.len() < FEW {
        return Some(format!(
            "{lowest} epoch {best} of {last}, too late in training to tell overfitting from noise."
        ));
    }
    let mean = after.iter().map(|e| e.val_loss).sum::<f32>() / after.len() as f32;
    let mut steps: Vec<f32> =
        history.windows(2).map(|pair| (pair[1].val_loss - pair[0].val_loss).abs()).collect();
    steps.sort_by(f32::total_cmp);
    let noise = steps[steps.len() / 2];
    let figures = format!(
        "{lowest} epoch {best}; over the {} epochs after it the mean was {mean:.4} (the typical \
         epoch-to-epoch change is {noise:.4})",
        after.len()
    );
    Some(if mean - low.val_loss > 2.0 * noise && end.loss < low.loss {
        format!(
            "{figures}, while training loss fell from {:.4} to {:.4}: validation loss rose as \
             training loss kept falling, which is overfitting.",
            low.loss, end.loss
        )
    } else {
        format!("{figures}, so validation loss shows no clear rise.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(rows: &[(f32, f32)]) -> Vec<Epoch> {
        let epoch = |&(loss, val_loss): &(f32, f32)| Epoch {
            loss,
            accuracy: 0.5,
            val_loss,
            val_accuracy: 0.25,
            seconds: 1.0,
        };
        rows.iter().map(epoch).collect()
    }

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
        let text = outcome(&[], [Some(0.5), Some(0.545), Some(0.4)]);
        assert!(text.contains("is 4.5 below validation and 10.0 above test"), "{text}");
    }

    #[test]
    fn gaps_are_in_points() {
        let text = gap_by_epoch(&history(&[(2.0, 1.9), (1.0, 1.5)])).unwrap();
        assert!(text.contains("+25.0 in epoch 1, +25.0 in epoch 2"), "{text}");
        assert!(gap_by_epoch(&history(&[(2.0, 1.9)])).is_none());
    }
}
