//! Telling that a run has stopped learning.

use super::history::Epoch;
use crate::metrics::predictions;

/// Remembers whether the user has been told.
#[derive(Debug, Default)]
pub(super) struct ToldDead(bool);

/// Epochs that are looked back on.
const EPOCHS: usize = 3;
/// Relative change of the training loss over them, below which it is flat.
const FLAT: f32 = 1e-3;
/// Difference of probabilities below which they are the same.
const SAME: f32 = 1e-6;

impl ToldDead {
    /// What to tell, once: the network no longer looks at its input, or the training loss is
    /// flat over three epochs and every validation sample is given the same class.
    /// The first needs no flat loss: behind dead units the penalty alone keeps falling.
    pub(super) fn look(
        &mut self,
        history: &[Epoch],
        probabilities: &[f32],
        classes: usize,
    ) -> Option<String> {
        if self.0 {
            return None;
        }
        let rows = probabilities.len() / classes;
        let blind = probabilities
            .iter()
            .enumerate()
            .all(|(i, p)| (p - probabilities[i % classes]).abs() <= SAME);
        if rows > 1 && blind {
            self.0 = true;
            return Some(format!(
                "the run looks dead: after epoch {} all {rows} validation samples are given the \
                 same probabilities, whatever they are;",
                history.len()
            ));
        }
        let [.., first, _, last] = history else { return None };
        let flat = (first.loss - last.loss).abs() <= FLAT * first.loss.abs();
        let predicted = predictions(probabilities, classes).ok()?;
        let one_class = predicted.windows(2).all(|pair| pair[0] == pair[1]);
        if !flat || !one_class {
            return None;
        }
        self.0 = true;
        Some(format!(
            "the run looks dead: over the last {EPOCHS} epochs the loss went from {} to {} and \
             all {} validation samples are taken for class {};",
            first.loss,
            last.loss,
            predicted.len(),
            predicted.first()?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: [f32; 3]) -> Vec<Epoch> {
        let epoch =
            |loss| Epoch { loss, accuracy: 0.25, val_loss: loss, val_accuracy: 0.25, seconds: 1.0 };
        losses.map(epoch).to_vec()
    }

    #[test]
    fn a_flat_loss_and_one_class_are_told_once() {
        let one_class = [0.6, 0.4, 0.7, 0.3];
        let mut told = ToldDead::default();
        assert!(told.look(&history([2.0, 2.0, 2.0])[..2], &one_class, 2).is_none(), "too early");
        assert!(told.look(&history([2.0, 1.9, 1.8]), &one_class, 2).is_none(), "it still learns");
        let two_classes = [0.6, 0.4, 0.3, 0.7];
        assert!(told.look(&history([2.0, 2.0, 2.0]), &two_classes, 2).is_none());
        assert!(told.look(&history([2.0, 2.0, 1.9999]), &one_class, 2).is_some());
        assert!(told.look(&history([2.0, 2.0, 2.0]), &one_class, 2).is_none(), "told already");
    }

    #[test]
    fn a_network_that_sees_nothing_is_told_though_its_loss_falls() {
        let falling = history([2.0, 1.9, 1.8]);
        let mut told = ToldDead::default();
        assert!(told.look(&falling, &[0.6, 0.4], 2).is_none(), "one sample says nothing");
        assert!(told.look(&falling, &[0.6, 0.4, 0.6, 0.4], 2).is_some());
        assert!(told.look(&falling, &[0.6, 0.4, 0.6, 0.4], 2).is_none(), "told already");
    }
}
