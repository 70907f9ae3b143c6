//! The samples of each class that are predicted correctly and incorrectly.

use serde::{Deserialize, Serialize};

use crate::data::{Part, PartName};
use crate::error::Result;
use crate::metrics::predictions;

/// Pictures on each side of a class's grid.
pub const FIRST: usize = 6;

/// A part of the data by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedPart {
    /// Which.
    pub part: PartName,
    /// By label.
    pub classes: Vec<Class>,
}

/// The samples of a class that are predicted correctly and incorrectly, in index order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Indices in the part.
    pub right: Vec<usize>,
    /// The incorrect predictions.
    pub wrong: Vec<Wrong>,
}

/// A wrong prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wrong {
    /// Index in the part.
    pub index: usize,
    /// Its song, where known.
    pub song: Option<i64>,
    /// Predicted label.
    pub predicted: u32,
    /// Probability of the predicted label.
    pub probability: f32,
}

impl ExplainedPart {
    /// Sorts a part by its `probabilities`, `[n, classes]`, in index order.
    ///
    /// # Errors
    /// If the probabilities are not whole rows.
    pub fn of(
        name: PartName,
        part: &Part,
        probabilities: &[f32],
        classes: &[String],
    ) -> Result<Self> {
        let new = |name: &String| Class { name: name.clone(), right: vec![], wrong: vec![] };
        let mut sorted: Vec<Class> = classes.iter().map(new).collect();
        let predicted = predictions(probabilities, classes.len())?;
        for (index, (&truth, &predicted)) in part.y.iter().zip(&predicted).enumerate() {
            let Some(class) = sorted.get_mut(truth as usize) else { continue };
            if truth == predicted {
                class.right.push(index);
                continue;
            }
            class.wrong.push(Wrong {
                index,
                song: part.song.as_ref().map(|song| song[index]),
                predicted,
                probability: probabilities[index * classes.len() + predicted as usize],
            });
        }
        Ok(Self { part: name, classes: sorted })
    }
}

impl Class {
    /// The first six right, then the first six wrong.
    pub fn first(&self) -> (Vec<usize>, Vec<usize>) {
        let wrong = self.wrong.iter().take(FIRST).map(|wrong| wrong.index).collect();
        (self.right.iter().take(FIRST).copied().collect(), wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_sorted_by_class_in_index_order() {
        let part = Part { x: vec![], y: vec![1, 0, 1, 1, 0], song: Some(vec![10, 11, 12, 13, 14]) };
        let p = [0.3, 0.7, 0.6, 0.4, 0.8, 0.2, 0.1, 0.9, 0.5, 0.5];
        let classes = ["a", "b"].map(String::from);
        let sorted = ExplainedPart::of(PartName::Test, &part, &p, &classes).unwrap();
        assert_eq!(sorted.part, PartName::Test);
        let [a, b] = &sorted.classes[..] else { panic!() };
        // Of equal probabilities the first is the prediction.
        assert_eq!((&a.right[..], a.wrong.len()), (&[1, 4][..], 0));
        assert_eq!(b.right, [0, 3]);
        let taken_for_a = Wrong { index: 2, song: Some(12), predicted: 0, probability: 0.8 };
        assert_eq!(b.wrong, [taken_for_a]);
        assert_eq!(b.first(), (vec![0, 3], vec![2]));
    }
}
