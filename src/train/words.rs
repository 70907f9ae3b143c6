//! Question 1 in words: what the figures say about overfitting. A sentence
//! states the figure that it rests on.

use std::collections::BTreeSet;

use super::history::{Epoch, best_epoch};
use super::results::Results;
use crate::data::{Part, PartName};
use crate::graph::Graph;
use crate::models::summary::capacity;

/// Number of different songs in a part, where they are known.
pub fn songs(part: &Part) -> Option<usize> {
    let song = part.song.as_ref()?;
    Some(song.iter().zip(&part.y).collect::<BTreeSet<_>>().len())
}

/// The whole paragraph, once a run is done.
pub fn overfitting(graph: &Graph, train: &Part, history: &[Epoch], results: &[Results]) -> String {
    let mut sentences = vec![capacity(graph, train.len(), songs(train))];
    let accuracy = |name: PartName| {
        let result = results.iter().find(|result| result.part == name)?;
        Some(100.0 * result.confusion.accuracy())
    };
    if let (Some(train), Some(val)) = (accuracy(PartName::Train), accuracy(PartName::Val)) {
        let gap = train - val;
        sentences.push(format!(
            "With the final weights {train:.1} % of the training samples and {val:.1} % of the \
             validation samples are right: a gap of {gap:.1} points."
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
const FEW: usize = 3;
/// The rise of the mean validation loss that counts as a turn.
const RISE: f32 = 1.05;

/// Where validation loss turned.
fn turn(history: &[Epoch]) -> Option<String> {
    let (best, last) = (best_epoch(history)?, history.len() - 1);
    let (low, end) = (&history[best], &history[last]);
    if history.len() < 2 {
        return None;
    }
    let lowest = format!("The lowest validation loss {:.4} came in", low.val_loss);
    let after = &history[best + 1..];
    let mean_after = after.iter().map(|e| e.val_loss).sum::<f32>() / after.len().max(1) as f32;
    let (best, last) = (best + 1, last + 1);
    Some(if after.is_empty() {
        format!(
            "{lowest} the last epoch, {last}: up to there no turn towards overfitting shows, and \
             more epochs might still help."
        )
    } else if after.len() < FEW {
        format!(
            "{lowest} epoch {best} of {last}: too near the end to tell a turn from the noise of \
             single epochs."
        )
    } else if mean_after > RISE * low.val_loss && end.loss < low.loss {
        format!(
            "{lowest} epoch {best}; after it the mean was {mean_after:.4} while training loss \
             fell from {:.4} to {:.4} by epoch {last}: from the turn on the network learned its \
             training samples rather than the genres.",
            low.loss, end.loss
        )
    } else {
        format!(
            "{lowest} epoch {best}; after it the mean was {mean_after:.4} until epoch {last}, too \
             little of a rise to call a turn."
        )
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
    fn the_turn_is_told_with_its_epoch_and_losses() {
        let rows = [(2.0, 1.9), (1.0, 1.5), (0.8, 1.7), (0.6, 1.9), (0.5, 1.8)];
        let text = turn(&history(&rows)).unwrap();
        for figure in ["1.5000", "epoch 2", "epoch 5", "1.8000", "from 1.0000 to 0.5000"] {
            assert!(text.contains(figure), "{figure} in: {text}");
        }
    }

    #[test]
    fn what_may_be_noise_is_no_turn() {
        let text = turn(&history(&[(2.0, 1.9), (1.0, 1.5)])).unwrap();
        assert!(text.contains("no turn"), "{text}");
        let text = turn(&history(&[(2.0, 1.9), (1.0, 1.5), (0.5, 1.8)])).unwrap();
        assert!(text.contains("too near the end"), "{text}");
        let text = turn(&history(&[(2.0, 1.5), (1.0, 1.51), (0.9, 1.53), (0.8, 1.52)])).unwrap();
        assert!(text.contains("too little"), "{text}");
        assert!(turn(&history(&[(2.0, 1.9)])).is_none());
    }

    #[test]
    fn gaps_are_in_points() {
        let text = gap_by_epoch(&history(&[(2.0, 1.9), (1.0, 1.5)])).unwrap();
        assert!(text.contains("+25.0 in epoch 1, +25.0 in epoch 2"), "{text}");
        assert!(gap_by_epoch(&history(&[(2.0, 1.9)])).is_none());
    }
}
