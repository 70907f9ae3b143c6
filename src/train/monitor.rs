//! Detects that a run has stopped learning or is about to diverge.

use super::history::Epoch;
use crate::data::{ArrayFacts, Dataset, Fingerprint, PartName, Values};
use crate::metrics::predictions;

/// Checks a run after each epoch; reports one problem, once.
#[derive(Debug, Default)]
pub(super) struct TrainingMonitor {
    classes: Vec<String>,
    /// The accuracy of a network that predicts the most frequent class of training.
    constant_accuracy: f32,
    /// All validation samples are equal: their predictions cannot differ.
    equal_samples: bool,
    /// Training losses are weighted by class, and so differ in kind from those of validation.
    is_weighted: bool,
    reported: bool,
    /// Epochs in a row after which all validation samples had the same class.
    one_class: usize,
}

/// Epochs with predictions of one class only after which a run counts as dead.
const EPOCHS: usize = 3;
/// Change of the training accuracy over them, below which nothing is learned.
const STILL: f32 = 0.02;
/// Training accuracy, beyond that of a constant answer, above which a run does learn.
const LEARNS: f32 = 0.1;
/// Difference of probabilities below which they are the same.
const SAME: f32 = 1e-6;
/// Growth of the loss since the first epoch above which it is not noise.
const GROWN: f32 = 10.0;

impl TrainingMonitor {
    pub(super) fn new(data: &Dataset, is_weighted: bool) -> Self {
        let counts =
            data.train.y.iter().fold(vec![0usize; data.classes.len()], |mut counts, &y| {
                if let Some(count) = counts.get_mut(y as usize) {
                    *count += 1;
                }
                counts
            });
        let most = counts.into_iter().max().unwrap_or(0);
        let val = |facts: &&ArrayFacts| facts.name.part == PartName::Val;
        let fingerprints = data.found.iter().filter(val).find_map(|facts| match &facts.values {
            Values::Samples { fingerprints, .. } => Some(fingerprints.as_slice()),
            _ => None,
        });
        let equal = |all: &[Fingerprint]| all.windows(2).all(|pair| pair[0].hash == pair[1].hash);
        Self {
            classes: data.classes.clone(),
            constant_accuracy: most as f32 / data.train.len().max(1) as f32,
            equal_samples: fingerprints.is_some_and(equal),
            is_weighted,
            ..Self::default()
        }
    }

    /// The problem to report after an epoch, if any, without advice.
    ///
    /// The loss alone is no evidence: with dead units the penalty keeps falling.
    pub(super) fn check(
        &mut self,
        history: &[Epoch],
        probabilities: &[f32],
        classes: usize,
    ) -> Option<String> {
        let predicted = predictions(probabilities, classes).ok()?;
        let (rows, class) = (predicted.len(), *predicted.first()?);
        let one_class = rows > 1 && predicted.iter().all(|p| *p == class);
        self.one_class = if one_class { self.one_class + 1 } else { 0 };
        // Equal samples, or those of one class only, are predicted alike by a network that learns too.
        let learns = |epoch: &Epoch| epoch.accuracy > self.constant_accuracy + LEARNS;
        let no_evidence = self.equal_samples || history.last().is_some_and(learns);
        let dead = || {
            constant_output(probabilities, classes, history.len())
                .or_else(|| self.not_learning(history, rows, class))
        };
        let problem = diverging(history, self.is_weighted)
            .or_else(|| if no_evidence { None } else { dead() });
        // The same problem would be found after each epoch that follows.
        if self.reported || problem.is_none() {
            return None;
        }
        self.reported = true;
        problem
    }

    fn not_learning(&self, history: &[Epoch], rows: usize, class: u32) -> Option<String> {
        let (Some(last), Some(first)) = (history.last(), history.iter().rev().nth(EPOCHS - 1))
        else {
            return None;
        };
        let still = (last.accuracy - first.accuracy).abs() < STILL;
        let class = self.classes.get(class as usize).cloned().unwrap_or_else(|| class.to_string());
        (still && self.one_class >= EPOCHS).then(|| {
            format!(
                "the run is not learning: after each of the last {EPOCHS} epochs all {rows} \
                 validation samples were classified as {class}, and training accuracy went from \
                 {:.4} to {:.4};",
                first.accuracy, last.accuracy
            )
        })
    }
}

/// The output does not depend on the input.
fn constant_output(probabilities: &[f32], classes: usize, epoch: usize) -> Option<String> {
    let first = &probabilities[..classes];
    let rows = probabilities.chunks_exact(classes);
    let same = |row: &[f32]| row.iter().zip(first).all(|(p, q)| (p - q).abs() <= SAME);
    let (count, constant) = (rows.len(), rows.len() > 1 && { rows }.all(same));
    constant.then(|| {
        format!(
            "the run is not learning: after epoch {epoch} all {count} validation samples have \
             the same probabilities, whatever the input;"
        )
    })
}

/// The loss grows without bound.
fn diverging(history: &[Epoch], is_weighted: bool) -> Option<String> {
    let (first, last) = (history.first()?, history.last()?);
    let lowest = first.loss.min(first.val_loss);
    let [of_training, of_validation] =
        if is_weighted { [first.loss, first.val_loss] } else { [lowest; 2] };
    let has_grown = last.loss > GROWN * of_training || last.val_loss > GROWN * of_validation;
    has_grown.then(|| {
        format!(
            "the run is diverging: after epoch {} the loss is {} and the validation loss {};",
            history.len(),
            last.loss,
            last.val_loss
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_CLASS: [f32; 4] = [0.6, 0.4, 0.7, 0.3];
    const TWO_CLASSES: [f32; 4] = [0.6, 0.4, 0.3, 0.7];

    /// Checks one epoch after another; returns the result of the last.
    fn after(losses: &[f32], accuracies: &[f32], probabilities: &[f32]) -> Option<String> {
        let classes = vec!["jazz".to_owned(), "rock".to_owned()];
        after_with(
            TrainingMonitor { classes, constant_accuracy: 0.5, ..TrainingMonitor::default() },
            losses,
            accuracies,
            probabilities,
        )
    }

    fn after_with(
        mut monitor: TrainingMonitor,
        losses: &[f32],
        accuracies: &[f32],
        probabilities: &[f32],
    ) -> Option<String> {
        let mut history = Vec::new();
        let mut problem = None;
        for (&loss, &accuracy) in losses.iter().zip(accuracies) {
            let (val_loss, val_accuracy, seconds) = (loss, 0.25, 1.0);
            history.push(Epoch { loss, accuracy, val_loss, val_accuracy, seconds });
            problem = monitor.check(&history, probabilities, 2);
        }
        problem
    }

    #[test]
    fn weighted_losses_of_training_are_not_compared_with_those_of_validation() {
        let epoch = |loss, val_loss| Epoch {
            loss,
            accuracy: 0.25,
            val_loss,
            val_accuracy: 0.25,
            seconds: 1.0,
        };
        let history = [epoch(0.1, 1.4), epoch(0.1, 1.5)];
        assert!(diverging(&history, false).is_some() && diverging(&history, true).is_none());
        assert!(diverging(&[epoch(0.1, 1.4), epoch(1.1, 1.4)], true).is_some());
        assert!(diverging(&[epoch(0.1, 1.4), epoch(0.1, 15.0)], true).is_some());
    }

    #[test]
    fn one_class_and_still_accuracy_are_dead_though_the_penalty_falls() {
        let falling = [2.0, 1.9, 1.8];
        let told = after(&falling, &[0.3, 0.3, 0.31], &ONE_CLASS).unwrap();
        assert!(told.contains("classified as jazz"), "{told}");
        assert!(after(&falling[..2], &[0.3, 0.3], &ONE_CLASS).is_none(), "too early");
        assert!(after(&falling, &[0.3, 0.35, 0.4], &ONE_CLASS).is_none(), "it learns");
        assert!(after(&falling, &[0.3, 0.3, 0.3], &TWO_CLASSES).is_none());
    }

    #[test]
    fn samples_that_say_nothing_raise_no_alarm() {
        let (losses, same) = ([2.0, 1.9, 1.8], [0.6, 0.4, 0.6, 0.4]);
        // Validation samples of one class, which a network has learned.
        for probabilities in [&ONE_CLASS, &same] {
            assert!(after(&losses, &[0.95, 0.95, 0.96], probabilities).is_none());
        }
        let equal_samples = TrainingMonitor { equal_samples: true, ..TrainingMonitor::default() };
        assert!(after_with(equal_samples, &losses, &[0.3, 0.3, 0.3], &same).is_none());
    }

    #[test]
    fn a_constant_output_is_reported_at_once_and_only_once() {
        let same = [0.6, 0.4, 0.6, 0.4];
        assert!(after(&[2.0], &[0.3], &same).is_some());
        assert!(after(&[2.0, 1.9], &[0.3, 0.3], &same).is_none(), "reported already");
        assert!(after(&[2.0], &[0.3], &same[..2]).is_none(), "one sample says nothing");
    }

    #[test]
    fn a_diverging_loss_is_reported() {
        assert!(after(&[2.0, 21.0], &[0.3, 0.3], &TWO_CLASSES).is_some());
        assert!(after(&[2.0, 3.0], &[0.3, 0.3], &TWO_CLASSES).is_none());
        assert!(after(&[2.0], &[0.3], &TWO_CLASSES).is_none());
    }
}
