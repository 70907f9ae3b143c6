//! Detects that a run has stopped learning or is about to diverge.

use super::history::Epoch;
use crate::metrics::predictions;

/// Checks a run after each epoch; reports one problem, once.
#[derive(Debug, Default)]
pub(super) struct TrainingMonitor {
    reported: bool,
    /// Epochs in a row after which all validation samples had the same class.
    one_class: usize,
}

/// Epochs with predictions of one class only after which a run counts as dead.
const EPOCHS: usize = 3;
/// Change of the training accuracy over them, below which nothing is learned.
const STILL: f32 = 0.02;
/// Difference of probabilities below which they are the same.
const SAME: f32 = 1e-6;
/// Growth of the loss since the first epoch above which it is not noise.
const GROWN: f32 = 10.0;

impl TrainingMonitor {
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
        let problem = diverging(history)
            .or_else(|| constant_output(probabilities, classes, history.len()))
            .or_else(|| self.not_learning(history, rows, class));
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
fn diverging(history: &[Epoch]) -> Option<String> {
    let (first, last) = (history.first()?, history.last()?);
    let worst = last.loss.max(last.val_loss);
    (worst > GROWN * first.loss.min(first.val_loss)).then(|| {
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
        let mut monitor = TrainingMonitor::default();
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
    fn one_class_and_still_accuracy_are_dead_though_the_penalty_falls() {
        let falling = [2.0, 1.9, 1.8];
        assert!(after(&falling, &[0.3, 0.3, 0.31], &ONE_CLASS).is_some());
        assert!(after(&falling[..2], &[0.3, 0.3], &ONE_CLASS).is_none(), "too early");
        assert!(after(&falling, &[0.3, 0.35, 0.4], &ONE_CLASS).is_none(), "it learns");
        assert!(after(&falling, &[0.3, 0.3, 0.3], &TWO_CLASSES).is_none());
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
