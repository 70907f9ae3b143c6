//! Question 2: what the curves of loss and accuracy show.

use std::cmp::Ordering;

use askama::Template;

use super::filters;
use crate::report::words::percent;
use crate::train::history::{Epoch, best_epoch, median_step};

/// A gap of accuracies from here on counts as open.
const OPEN: f64 = 0.03;

/// A spike leaves the curve by so many typical steps.
const SPIKE_STEPS: f64 = 3.0;

/// And by this share of the loss before it.
const SPIKE_SHARE: f64 = 0.05;

/// Where steps are large throughout, it leaves the curve by this share of the loss's whole range, and
/// by so many typical steps.
const SPIKE_OF_RANGE: f64 = 0.25;
const SPIKE_STEPS_OF_RANGE: f64 = 2.0;

/// So many epochs are averaged to see where a noisy loss goes.
const LATE: usize = 5;

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
    /// In so many epochs validation accuracy is higher, by at most this.
    leads: usize,
    lead: f64,
    /// Why it can be: noise that acts in training alone.
    noise: bool,
    /// From this epoch on training accuracy stays above validation accuracy.
    opens: Option<usize>,
    /// Gap of accuracies at the end.
    gap: f64,
    /// Epochs in which validation loss spikes, with the loss before, there and after.
    spikes: Vec<String>,
    /// Where both losses still fall at the end: mean validation loss of the last epochs and of those
    /// before.
    falls: Option<[f64; 2]>,
    /// Whether validation loss is higher in the last epoch than in the one before.
    rises_last: bool,
    /// Training accuracy of the final weights, without dropout and augmentation.
    measured: f64,
    seed: u32,
}

impl CurvesShow {
    /// `noise` is whether dropout or augmentation act in training alone, `measured` the training
    /// accuracy of the final weights.
    pub(super) fn new(history: &[Epoch], noise: bool, measured: f64, seed: u32) -> Self {
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
            leads: gaps.iter().filter(|gap| **gap < 0.0).count(),
            lead: gaps.iter().fold(0.0, |lead, gap| lead.max(-gap)),
            noise,
            opens: opens(&gaps),
            gap: gaps.last().copied().unwrap_or(f64::NAN),
            spikes: spikes(history),
            falls: falls(history),
            rises_last: history
                .windows(2)
                .last()
                .is_some_and(|pair| pair[1].val_loss > pair[0].val_loss),
            measured,
            seed,
        }
    }
}

impl CurvesShow {
    /// Whether the last epoch's training accuracy is printed otherwise than that of the final
    /// weights.
    fn measured_otherwise(&self) -> bool {
        percent(self.accuracy[1]) != percent(self.measured)
    }

    /// Training and validation loss, then training and validation accuracy.
    fn courses(&self) -> [String; 4] {
        let loss = |value: f64| filters::decimals(value, 3);
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
    let losses = || history.iter().map(|e| f64::from(e.val_loss));
    let range = losses().fold(f64::MIN, f64::max) - losses().fold(f64::MAX, f64::min);
    let rise = |i: usize| {
        let [before, here, after] = [i - 1, i, i + 1].map(|i| f64::from(history[i].val_loss));
        let up = here - before.max(after);
        let is_large = up > SPIKE_STEPS * noise
            || (up > SPIKE_OF_RANGE * range && up > SPIKE_STEPS_OF_RANGE * noise);
        (is_large && up > SPIKE_SHARE * before).then_some((i, up))
    };
    let inner = 1..history.len().saturating_sub(1).max(1);
    let mut found: Vec<(usize, f64)> = inner.filter_map(rise).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(3);
    found.sort_by_key(|(i, _)| *i);
    let loss = |i: usize| filters::decimals(f64::from(history[i].val_loss), 3);
    let text = |i: usize| format!("{} ({} → {} → {})", i + 1, loss(i - 1), loss(i), loss(i + 1));
    found.iter().map(|(i, _)| text(*i)).collect()
}

/// Mean validation loss of the last five epochs, and of the five before.
pub(super) fn late_means(history: &[Epoch]) -> Option<[f64; 2]> {
    means(history, |e| e.val_loss)
}

fn means(history: &[Epoch], of: fn(&Epoch) -> f32) -> Option<[f64; 2]> {
    let from = history.len().checked_sub(2 * LATE)?;
    let mean = |epochs: &[Epoch]| {
        epochs.iter().map(|e| f64::from(of(e))).sum::<f64>() / epochs.len() as f64
    };
    let (before, last) = history[from..].split_at(LATE);
    Some([mean(last), mean(before)])
}

/// The means of validation loss where those of both losses fall, that of validation by more than
/// half a typical step.
fn falls(history: &[Epoch]) -> Option<[f64; 2]> {
    // Unless the lowest is one of the last two epochs, validation loss does not fall any more.
    best_epoch(history).filter(|best| best + 2 >= history.len())?;
    let [last, before] = late_means(history)?;
    let [last_in_training, before_in_training] = means(history, |e| e.loss)?;
    (last_in_training < before_in_training && before - last > median_step(history) / 2.0)
        .then_some([last, before])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(loss: f32, accuracy: f32, val_loss: f32, val_accuracy: f32) -> Epoch {
        Epoch { loss, accuracy, val_loss, val_accuracy, seconds: 1.0 }
    }

    fn text(history: &[Epoch], noise: bool) -> String {
        let text = CurvesShow::new(history, noise, 0.9, 42).render().unwrap();
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
            "In 4 of 12 epochs validation accuracy is higher than training accuracy, by up to 8.0 \
             percentage points, because",
            "running means over an epoch in which the weights improve",
            "Validation loss is lowest in epoch 12 (0.750); it spikes in epoch 5 (1.150 → 1.600 → \
             1.050) and falls back in the next one.",
            "The gap opens in epoch 7",
            "14.0 percentage points in the last epoch",
            "Both losses still fall at the end (validation: 0.850 on average over the last five \
             epochs, 1.200 over the five before), so training has not converged after 12 epochs.",
            "one seed (42)",
            "training accuracy is 85.0 % in the last epoch but 90.0 % when measured after training.",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        assert!(!got.contains("dropout"), "{got}");
        let got = text(&history(), true);
        assert!(got.contains("dropout and augmentation act in training only"), "{got}");
        assert!(got.contains("without which training accuracy is 90.0 % after training."), "{got}");
        let answer = CurvesShow::new(&history(), true, 0.9, 42).render().unwrap();
        let (answer, _) = answer.split_once("\n---").unwrap();
        assert!(answer.lines().filter(|line| !line.trim().is_empty()).count() <= 5, "{answer}");
    }

    #[test]
    fn leads_are_counted_wherever_they_are() {
        let ahead = |i: usize| epoch(1.0, 0.5, 1.0, if i % 3 == 2 { 0.6 } else { 0.45 });
        let got = text(&(0..9).map(ahead).collect::<Vec<_>>(), false);
        assert!(got.contains("In 3 of 9 epochs") && got.contains("by up to 10.0"), "{got}");
        let all: Vec<Epoch> = (0..3).map(|_| epoch(1.0, 0.5, 1.0, 0.6)).collect();
        assert!(text(&all, false).contains("In all 3 epochs"));
        let got = text(&[epoch(1.0, 0.9, 1.0, 0.6), epoch(1.0, 0.9, 1.0, 0.6)], false);
        assert!(!got.contains("higher than") && !got.contains("when measured"), "{got}");
    }

    #[test]
    fn a_last_epoch_that_rises_is_told() {
        let mut all = history();
        all[11].val_loss = 0.82;
        let got = text(&all, false);
        assert!(!got.contains("still fall"), "{got}");
        let words = "Validation loss rises in the last epoch, but its mean over the last five epochs \
                     (0.864) is below that of the five before (1.200) and training loss falls too, so";
        assert!(got.contains(words), "{got}");
        // Too short to average, and lowest long before the end.
        assert!(!text(&all[..9], false).contains("converged"));
        all[6].val_loss = 0.5;
        assert!(!text(&all, false).contains("converged"));
    }

    /// The first losses of a run whose steps are large throughout.
    #[test]
    fn a_spike_is_large_against_the_range_too() {
        let losses = [
            1.992, 1.853, 1.813, 1.694, 1.593, 1.528, 1.780, 1.479, 1.463, 1.532, 1.382, 1.503,
            1.522, 1.517, 1.589, 1.254, 1.315, 1.503, 1.279, 1.192,
        ];
        let of = |losses: &[f32]| -> Vec<Epoch> {
            losses.iter().map(|loss| epoch(1.0, 0.5, *loss, 0.5)).collect()
        };
        assert_eq!(spikes(&of(&losses)), ["7 (1.528 → 1.780 → 1.479)"]);
        // It does not return, and it is as large as any other step.
        assert!(spikes(&of(&[1.9, 1.5, 1.8, 1.85, 1.7])).is_empty());
        assert!(spikes(&of(&[1.8, 1.5, 1.8, 1.5, 1.8, 1.5])).is_empty());
    }

    #[test]
    fn what_is_not_there_is_not_told() {
        let flat: Vec<Epoch> = (0..10).map(|_| epoch(1.0, 0.5, 1.0, 0.5)).collect();
        let got = text(&flat, false);
        assert!(
            got.contains("No lasting gap opens") && got.contains("it is 0.0 percentage points")
        );
        for part in ["it spikes", "higher than", "still fall", "The gap opens"] {
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
            got.split(" ---").next().unwrap(),
            "One epoch is a point and shows no course: training loss 1.250, validation loss 1.500."
        );
    }
}
