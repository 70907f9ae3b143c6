//! The confusion matrix.

use super::check_same_length;
use crate::error::{Error, Result};

/// How often each true class was predicted as each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Counts, rows true, columns predicted, `[classes][classes]`.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts the pairs of label and prediction.
    pub fn new(y: &[u32], predicted: &[u32], classes: usize) -> Result<Self> {
        check_same_length(y.len(), predicted.len())?;
        let mut counts = vec![vec![0; classes]; classes];
        for (&truth, &guess) in y.iter().zip(predicted) {
            let cell = counts.get_mut(truth as usize).and_then(|row| row.get_mut(guess as usize));
            let Some(cell) = cell else {
                return Err(Error::Mismatch {
                    what: "classes",
                    expected: format!("labels and predictions below {classes}"),
                    found: format!("label {truth}, prediction {guess}"),
                });
            };
            *cell += 1;
        }
        Ok(Self { counts })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// Number of samples.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Number of samples on the diagonal.
    pub fn correct(&self) -> u64 {
        self.counts.iter().enumerate().map(|(i, row)| row[i]).sum()
    }

    /// The share of samples on the diagonal, 0 to 1; NaN if there are none.
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.total() as f64
    }

    /// Number of samples of each true class, `[classes]`.
    pub(crate) fn support(&self) -> Vec<u64> {
        self.counts.iter().map(|row| row.iter().sum()).collect()
    }

    /// Number of predictions of each class, `[classes]`.
    pub(crate) fn predicted(&self) -> Vec<u64> {
        (0..self.classes()).map(|j| self.counts.iter().map(|row| row[j]).sum()).collect()
    }

    /// Each cell as a percentage of its row; `None` for a row without samples.
    pub fn row_percentages(&self) -> Vec<Option<Vec<f64>>> {
        let percent = |row: &Vec<u64>| {
            let sum: u64 = row.iter().sum();
            (sum > 0).then(|| row.iter().map(|&c| 100.0 * c as f64 / sum as f64).collect())
        };
        self.counts.iter().map(percent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_true_and_columns_predicted() {
        let m = Confusion::new(&[0, 0, 0, 1], &[0, 2, 2, 1], 3).unwrap();
        assert_eq!(m.counts, [[1, 0, 2], [0, 1, 0], [0, 0, 0]]);
        assert_eq!((m.total(), m.correct(), m.accuracy()), (4, 2, 0.5));
        assert_eq!(m.support(), [3, 1, 0]);
        assert_eq!(m.predicted(), [1, 1, 2]);
    }

    #[test]
    fn percentages_are_of_the_row_and_absent_without_samples() {
        let m = Confusion::new(&[0, 0, 0, 0], &[0, 1, 1, 1], 2).unwrap();
        assert_eq!(m.row_percentages(), [Some(vec![25.0, 75.0]), None]);
    }

    #[test]
    fn unknown_classes_are_refused() {
        assert!(matches!(Confusion::new(&[2], &[0], 2), Err(Error::Mismatch { .. })));
        assert!(matches!(Confusion::new(&[0], &[2], 2), Err(Error::Mismatch { .. })));
        assert!(matches!(Confusion::new(&[0, 1], &[0], 2), Err(Error::Mismatch { .. })));
    }
}
