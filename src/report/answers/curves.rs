//! Question 2: what the curves of loss and accuracy show.

use std::cmp::Ordering;

use askama::Template;

use super::filters;
use crate::train::history::{Epoch, best_epoch, median_step};

/// A gap of accuracies from here on counts as open.
const OPEN: f64 = 0.03;

/// A spike leaves the curve by so many typical steps.
const SPIKE_STEPS: f64 = 3.0;

/// And by this share of the loss before it.
const SPIKE_SHARE: f64 = 0.05;

/// What the curves show.
#[derive(Debug, Template)]
#[template(path = "answers/curves.txt", escape = "none")]
pub(super) struct CurvesShow {
    epochs: usize,
    loss: [f64; 2],
    val_loss: [f64; 2],
    accuracy: [f64; 2],
    val_accuracy: [f64; 2],
    /// The epoch with the lowest validation loss, from 1, and that loss.
    best: usize,
    lowest: f64,
    /// So many epochs at the beginning in which validation accuracy is higher.
    leads: usize,
    /// Why it can be: noise that acts in training alone.
    noise: bool,
    /// From this epoch on training accuracy stays above validation accuracy.
    opens: Option<usize>,
    /// Gap of accuracies at the end.
    gap: f64,
    /// Epochs in which validation loss spikes, with the loss there.
    spikes: Vec<String>,
    /// Whether both losses still fall at the end.
    falls: bool,
}

impl CurvesShow {
    /// `noise` is whether dropout or augmentation act in training alone.
    pub(super) fn new(history: &[Epoch], noise: bool) -> Self {
        let ends = |of: fn(&Epoch) -> f32| -> [f64; 2] {
            [history.first(), history.last()].map(|e| e.map_or(f64::NAN, |e| f64::from(of(e))))
        };
        let gaps: Vec<f64> =
            history.iter().map(|e| f64::from(e.accuracy) - f64::from(e.val_accuracy)).collect();
        let best = best_epoch(history).unwrap_or(0);
        Self {
            epochs: history.len(),
            loss: ends(|e| e.loss),
            val_loss: ends(|e| e.val_loss),
            accuracy: ends(|e| e.accuracy),
            val_accuracy: ends(|e| e.val_accuracy),
            best: best + 1,
            lowest: history.get(best).map_or(f64::NAN, |e| f64::from(e.val_loss)),
            leads: gaps.iter().take_while(|gap| **gap < 0.0).count(),
            noise,
            opens: opens(&gaps),
            gap: gaps.last().copied().unwrap_or(f64::NAN),
            spikes: spikes(history),
            falls: falls(history),
        }
    }
}

impl CurvesShow {
    /// Training and validation loss, then training and validation accuracy.
    fn courses(&self) -> [String; 4] {
        let loss = |value: f64| filters::decimals(value, 3);
        let percent = |value: f64| format!("{} %", filters::decimals(100.0 * value, 1));
        [
            course(self.loss, loss),
            course(self.val_loss, loss),
            course(self.accuracy, percent),
            course(self.val_accuracy, percent),
        ]
    }
}

/// `falls from 1.400 to 0.520`, by the numbers as they are printed.
fn course([first, last]: [f64; 2], text: impl Fn(f64) -> String) -> String {
    let [from, to] = [first, last].map(text);
    match first.partial_cmp(&last) {
        _ if from == to => format!("stays at {from}"),
        Some(Ordering::Less) => format!("rises from {from} to {to}"),
        Some(_) => format!("falls from {from} to {to}"),
        None => format!("goes from {from} to {to}"),
    }
}

/// The first epoch, from 1, from which on the gap stays open; one epoch may leave it for another,
/// so each is the median of itself and its neighbours.
fn opens(gaps: &[f64]) -> Option<usize> {
    let smooth = |i: usize| {
        let mut near = gaps[i.saturating_sub(1)..(i + 2).min(gaps.len())].to_vec();
        near.sort_by(f64::total_cmp);
        near[(near.len() - 1) / 2]
    };
    let open = (0..gaps.len()).rev().take_while(|i| smooth(*i) >= OPEN).last()?;
    Some(open + 1)
}

/// Epochs after which validation loss returns, the largest three in their order.
fn spikes(history: &[Epoch]) -> Vec<String> {
    let noise = median_step(history);
    let rise = |i: usize| {
        let [before, here, after] = [i - 1, i, i + 1].map(|i| f64::from(history[i].val_loss));
        let up = here - before.max(after);
        (up > SPIKE_STEPS * noise && up > SPIKE_SHARE * before).then_some((i, up))
    };
    let inner = 1..history.len().saturating_sub(1).max(1);
    let mut found: Vec<(usize, f64)> = inner.filter_map(rise).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(3);
    found.sort_by_key(|(i, _)| *i);
    found.iter().map(|(i, _)| format!("{} ({:.3})", i + 1, history[*i].val_loss)).collect()
}

/// Whether the mean of both losses over the last quarter is below that of the quarter before it by
/// more than a typical step.
fn falls(history: &[Epoch]) -> bool {
    let quarter = history.len() / 4;
    // Unless the lowest is one of the last two epochs, validation loss does not fall any more.
    if quarter < 2 || best_epoch(history).is_none_or(|best| best + 2 < history.len()) {
        return false;
    }
    let (end, noise) = (history.len(), median_step(history));
    let mean = |from: usize, of: fn(&Epoch) -> f32| {
        history[from..from + quarter].iter().map(|e| f64::from(of(e))).sum::<f64>() / quarter as f64
    };
    let fall = |of: fn(&Epoch) -> f32| mean(end - 2 * quarter, of) - mean(end - quarter, of);
    fall(|e| e.loss) > 0.0 && fall(|e| e.val_loss) > noise / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(loss: f32, accuracy: f32, val_loss: f32, val_accuracy: f32) -> Epoch {
        Epoch { loss, accuracy, val_loss, val_accuracy, seconds: 1.0 }
    }

    fn text(history: &[Epoch], noise: bool) -> String {
        let text = CurvesShow::new(history, noise).render().unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Validation leads for two epochs, has a spike in the fifth, and the gap opens in the sixth.
    fn history() -> Vec<Epoch> {
        let mut all: Vec<Epoch> = (0..12)
            .map(|i| {
                let i = i as f32;
                epoch(1.4 - 0.08 * i, 0.3 + 0.05 * i, 1.3 - 0.05 * i, 0.38 + 0.03 * i)
            })
            .collect();
        all[4].val_loss = 1.6;
        all
    }

    #[test]
    fn lead_spike_gap_and_fall_are_read_off() {
        let got = text(&history(), false);
        for part in [
            "Over 12 epochs training loss falls from 1.400 to 0.520",
            "In the first 4 epochs validation accuracy is higher",
            "running means over an epoch in which the weights improve",
            "Validation loss spikes in epoch 5 (1.600) and returns",
            "Validation loss is lowest in epoch 12 (0.750)",
            "The gap opens in epoch 7",
            "14.0 percentage points in the last epoch",
            "Both losses still fall at the end",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        assert!(!got.contains("dropout"), "{got}");
        assert!(text(&history(), true).contains("dropout and augmentation act in training only"));
    }

    #[test]
    fn what_is_not_there_is_not_told() {
        let flat: Vec<Epoch> = (0..10).map(|_| epoch(1.0, 0.5, 1.0, 0.5)).collect();
        let got = text(&flat, false);
        assert!(
            got.contains("No lasting gap opens") && got.contains("it is 0.0 percentage points")
        );
        for part in ["spikes", "higher than", "still fall", "The gap opens"] {
            assert!(!got.contains(part), "{part} in {got}");
        }
        // A single epoch in which validation is ahead closes no gap.
        assert_eq!(opens(&[0.0, 0.1, 0.1, -0.1, 0.1, 0.1]), Some(2));
        assert_eq!(opens(&[0.1, 0.1, 0.0, 0.0, 0.0]), None);
        assert_eq!(opens(&[]), None);
    }

    #[test]
    fn each_course_has_its_verb() {
        let got = text(&[epoch(1.0, 0.5, 1.0, 0.6), epoch(1.0, 0.7, 2.5, 0.4)], false);
        let words = "training loss stays at 1.000 and validation loss rises from 1.000 to 2.500; \
                     training accuracy rises from 50.0 % to 70.0 % and validation accuracy falls \
                     from 60.0 % to 40.0 %.";
        assert!(got.contains(words), "{got}");
        assert_eq!(course([1.0, f64::NAN], |v| v.to_string()), "goes from 1 to NaN");
    }

    #[test]
    fn one_epoch_has_no_course() {
        let got = text(&[epoch(1.25, 0.3, 1.5, 0.25)], false);
        assert_eq!(
            got,
            "One epoch is a point and shows no course: training loss 1.250, validation loss 1.500."
        );
    }
}
