//! Question 1 in words: what the figures say about overfitting. A sentence
//! states the figure that it rests on.

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

/// The whole paragraph, once a run is done. `samples` and `songs` are those of the training set;
/// `accuracies` of training, validation and test are shares of 1.
pub fn overfitting(
    graph: &Graph,
    samples: usize,
    songs: Option<usize>,
    history: &[Epoch],
    accuracies: [Option<f64>; 3],
) -> String {
    let mut sentences = vec![capacity(graph, samples, songs)];
    if let [Some(train), Some(val), Some(test)] = accuracies.map(|a| a.map(|a| 100.0 * a)) {
        sentences.push(format!(
            "With the final weights {train:.1} % of the training samples, {val:.1} % of the \
             validation samples and {test:.1} % of the test samples are right: training leads \
             validation by {:.1} points and test by {:.1}.",
            train - val,
            train - test
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
        "While training, training accuracy minus validation accuracy was {} (points; the training \
         figure is a running mean over the epoch, so early gaps lean to the negative).",
        gaps.join(", ")
    ))
}

/// With fewer epochs after the lowest validation loss, a rise may be noise.
const FEW: usize = 5;

/// Whether validation loss turned: the mean after its lowest epoch lies above
/// it by more than twice the median step from epoch to epoch, while training
/// loss fell on. The lowest of a noisy series is below its mean in any case.
fn turn(history: &[Epoch]) -> Option<String> {
    let (best, last) = (best_epoch(history)?, history.len() - 1);
    let (low, end) = (&history[best], &history[last]);
    if history.len() < 2 {
        return None;
    }
    let lowest = format!("The lowest validation loss, {:.4}, came in", low.val_loss);
    let after = &history[best + 1..];
    let (best, last) = (best + 1, last + 1);
    if after.is_empty() {
        return Some(format!(
            "{lowest} the last epoch, {last}: no turn towards overfitting shows up to there."
        ));
    }
    if after.len() < FEW {
        return Some(format!(
            "{lowest} epoch {best} of {last}: too near the end to tell a turn from the noise of \
             single epochs."
        ));
    }
    let mean = after.iter().map(|e| e.val_loss).sum::<f32>() / after.len() as f32;
    let mut steps: Vec<f32> =
        history.windows(2).map(|pair| (pair[1].val_loss - pair[0].val_loss).abs()).collect();
    steps.sort_by(f32::total_cmp);
    let noise = steps[steps.len() / 2];
    let figures = format!(
        "{lowest} epoch {best}; over the {} epochs after it the mean was {mean:.4}, where the \
         median step from epoch to epoch is {noise:.4}",
        after.len()
    );
    Some(if mean - low.val_loss > 2.0 * noise && end.loss < low.loss {
        format!(
            "{figures}, while training loss fell from {:.4} to {:.4}: validation loss rose as \
             training loss fell on, which is what overfitting looks like.",
            low.loss, end.loss
        )
    } else {
        format!("{figures}: no clear turn towards overfitting.")
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
    fn a_turn_is_told_with_the_figures_that_it_rests_on() {
        let val = [1.9, 1.7, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0];
        let rows: Vec<_> = (0..8).map(|i| (2.0 - 0.2 * i as f32, val[i])).collect();
        let text = turn(&history(&rows)).unwrap();
        for figure in ["1.5000", "epoch 3", "1.8000", "0.1000", "from 1.6000 to 0.6000"] {
            assert!(text.contains(figure), "{figure} in: {text}");
        }
        assert!(text.contains("what overfitting looks like"), "{text}");
    }

    #[test]
    fn what_may_be_noise_is_no_turn() {
        let text = turn(&history(&[(2.0, 1.9), (1.0, 1.5)])).unwrap();
        assert!(text.contains("no turn"), "{text}");
        let text = turn(&history(&[(2.0, 1.9), (1.0, 1.5), (0.5, 1.8)])).unwrap();
        assert!(text.contains("too near the end"), "{text}");
        let jumps = [1.9, 1.5, 1.8, 1.55, 1.8, 1.6, 1.75, 1.55];
        let rows: Vec<_> = (0..8).map(|i| (2.0 - 0.2 * i as f32, jumps[i])).collect();
        let text = turn(&history(&rows)).unwrap();
        assert!(text.contains("no clear turn"), "{text}");
        assert!(turn(&history(&[(2.0, 1.9)])).is_none());
    }

    #[test]
    fn gaps_are_in_points() {
        let text = gap_by_epoch(&history(&[(2.0, 1.9), (1.0, 1.5)])).unwrap();
        assert!(text.contains("+25.0 in epoch 1, +25.0 in epoch 2"), "{text}");
        assert!(gap_by_epoch(&history(&[(2.0, 1.9)])).is_none());
    }
}
