//! Precision, recall, F1 and area under the ROC curve per class, and scikit-learn's table.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Calibration, Confusion, predictions, roc_auc};
use crate::error::{Error, Result};

/// The scores of one class, or an average of them; 0 where the divisor is 0, as scikit-learn
/// has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Right predictions of the class / predictions of the class.
    pub precision: f64,
    /// Right predictions of the class / samples of the class.
    pub recall: f64,
    /// 2·right / (predictions + samples): the harmonic mean of the two.
    pub f1: f64,
    /// Samples of the class.
    pub support: u64,
}

/// scikit-learn's `classification_report` over all classes; `Display` gives its text with two
/// digits, character for character.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassificationReport {
    /// Names and scores of the classes.
    pub classes: Vec<(String, Scores)>,
    /// The share of right predictions, 0 to 1; 0 if there are no samples.
    pub accuracy: f64,
    /// The plain mean over the classes, those without samples included.
    pub macro_average: Scores,
    /// The mean weighted by support.
    pub weighted_average: Scores,
}

impl ClassificationReport {
    /// Scores of a confusion matrix; `names` has one name for each class.
    pub fn new(confusion: &Confusion, names: &[String]) -> Result<Self> {
        if names.len() != confusion.classes() {
            return Err(Error::Mismatch {
                what: "class names",
                expected: format!("{} names", confusion.classes()),
                found: format!("{}", names.len()),
            });
        }
        let scores = confusion.scores();
        Ok(Self {
            accuracy: ratio(confusion.correct() as f64, confusion.total() as f64),
            macro_average: average(&scores, |_| 1.0),
            weighted_average: average(&scores, |s| s.support as f64),
            classes: names.iter().cloned().zip(scores).collect(),
        })
    }
}

/// Scores of all classes and the calibration of the probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartScores {
    /// By label.
    pub classes: Vec<Scores>,
    /// The plain mean over the classes.
    pub macro_average: Scores,
    /// Area under the ROC curve of each class against the rest, by label; none where a class has
    /// no samples, or all of them.
    pub roc_auc: Vec<Option<f64>>,
    /// The plain mean over the classes that have one.
    pub macro_roc_auc: Option<f64>,
    /// The reliability curve.
    pub calibration: Calibration,
}

impl PartScores {
    /// Of samples with labels `y` and `probabilities`, `[n, classes]`.
    ///
    /// # Errors
    /// If they do not fit together.
    pub fn new(y: &[u32], probabilities: &[f32], classes: usize) -> Result<Self> {
        let confusion = Confusion::new(y, &predictions(probabilities, classes)?, classes)?;
        let scores = confusion.scores();
        let area = |class: usize| {
            let column = probabilities.iter().skip(class).step_by(classes);
            let column: Vec<f64> = column.map(|p| f64::from(*p)).collect();
            roc_auc(&column, &y.iter().map(|y| *y as usize == class).collect::<Vec<_>>())
        };
        let roc_auc: Vec<Option<f64>> = (0..classes).map(area).collect();
        let known: Vec<f64> = roc_auc.iter().copied().flatten().collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        Ok(Self {
            macro_average: average(&scores, |_| 1.0),
            macro_roc_auc: (!known.is_empty()).then_some(mean),
            calibration: Calibration::new(y, probabilities, classes)?,
            classes: scores,
            roc_auc,
        })
    }
}

impl Confusion {
    /// Precision, recall and F1 of each class, by label.
    pub fn scores(&self) -> Vec<Scores> {
        let (support, predicted) = (self.support(), self.predicted());
        let score = |i: usize| {
            let right = self.counts[i][i] as f64;
            let (samples, guesses) = (support[i] as f64, predicted[i] as f64);
            Scores {
                precision: ratio(right, guesses),
                recall: ratio(right, samples),
                f1: ratio(2.0 * right, samples + guesses),
                support: support[i],
            }
        };
        (0..self.classes()).map(score).collect()
    }
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn average(scores: &[Scores], weight: impl Fn(&Scores) -> f64) -> Scores {
    let total: f64 = scores.iter().map(&weight).sum();
    let mean =
        |value: fn(&Scores) -> f64| ratio(scores.iter().map(|s| weight(s) * value(s)).sum(), total);
    Scores {
        precision: mean(|s| s.precision),
        recall: mean(|s| s.recall),
        f1: mean(|s| s.f1),
        support: scores.iter().map(|s| s.support).sum(),
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.classes.iter().map(|(name, _)| name.chars().count()).max();
        let width = longest.unwrap_or(0).max("weighted avg".len());
        let row = |f: &mut fmt::Formatter<'_>, name: &str, s: &Scores| {
            writeln!(
                f,
                "{name:>width$}  {:>9.2} {:>9.2} {:>9.2} {:>9}",
                s.precision, s.recall, s.f1, s.support
            )
        };
        let head = ["precision", "recall", "f1-score", "support"];
        writeln!(
            f,
            "{:>width$}  {:>9} {:>9} {:>9} {:>9}\n",
            "", head[0], head[1], head[2], head[3]
        )?;
        for (name, scores) in &self.classes {
            row(f, name, scores)?;
        }
        let total = self.macro_average.support;
        let (accuracy, empty) = (self.accuracy, "");
        writeln!(f, "\n{:>width$}  {empty:>9} {empty:>9} {accuracy:>9.2} {total:>9}", "accuracy")?;
        row(f, "macro avg", &self.macro_average)?;
        row(f, "weighted avg", &self.weighted_average)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Y: [u32; 14] = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3];
    const PREDICTED: [u32; 14] = [0, 0, 1, 2, 1, 1, 0, 2, 2, 2, 1, 2, 0, 2];

    fn report(names: &[&str]) -> ClassificationReport {
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let confusion = Confusion::new(&Y, &PREDICTED, names.len()).unwrap();
        ClassificationReport::new(&confusion, &names).unwrap()
    }

    /// scikit-learn 1.9.1, `classification_report(y, predicted, labels=range(5),
    /// target_names=names, zero_division=0)`.
    #[test]
    fn text_is_scikit_learns() {
        let want = "
                   precision    recall  f1-score   support

        classical       0.50      0.50      0.50         4
            disco       0.50      0.67      0.57         3
            metal       0.67      0.80      0.73         5
             rock       0.00      0.00      0.00         2
a very long genre       0.00      0.00      0.00         0

         accuracy                           0.57        14
        macro avg       0.33      0.39      0.36        14
     weighted avg       0.49      0.57      0.53        14
";
        let got = report(&["classical", "disco", "metal", "rock", "a very long genre"]);
        assert_eq!(got.to_string(), want.trim_start_matches('\n'));
    }

    /// The same call with four classes: the averages' names set the width.
    #[test]
    fn short_names_leave_the_width_to_the_averages() {
        let want = concat!(
            "              precision    recall  f1-score   support\n",
            "\n",
            "   classical       0.50      0.50      0.50         4\n",
            "       disco       0.50      0.67      0.57         3\n",
            "       metal       0.67      0.80      0.73         5\n",
            "        rock       0.00      0.00      0.00         2\n",
            "\n",
            "    accuracy                           0.57        14\n",
            "   macro avg       0.42      0.49      0.45        14\n",
            "weighted avg       0.49      0.57      0.53        14\n",
        );
        assert_eq!(report(&["classical", "disco", "metal", "rock"]).to_string(), want);
    }

    #[test]
    fn scores_by_hand() {
        let metal = report(&["classical", "disco", "metal", "rock"]).classes[2].1;
        let want = Scores { precision: 4.0 / 6.0, recall: 4.0 / 5.0, f1: 8.0 / 11.0, support: 5 };
        assert_eq!(metal, want);
    }

    /// scikit-learn 1.9.1: precision_recall_fscore_support(y, p.argmax(1)), and
    /// roc_auc_score(y == k, p[:, k]) with its average multi_class="ovr", average="macro".
    #[test]
    fn scores_and_areas_are_scikit_learns() {
        let y = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2];
        let p = [
            0.7, 0.2, 0.1, 0.4, 0.5, 0.1, 0.55, 0.25, 0.2, 0.3, 0.3, 0.4, 0.2, 0.6, 0.2, 0.4, 0.35,
            0.25, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6, 0.05, 0.05, 0.9, 0.3, 0.4, 0.3, 0.1, 0.2, 0.7,
            0.25, 0.15, 0.6,
        ];
        let got = PartScores::new(&y, &p, 3).unwrap();
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got}, not {want}");
        let want = [
            (2.0 / 3.0, 0.5, 0.571_428_571_428_571_4, 0.9375),
            (0.5, 2.0 / 3.0, 0.571_428_571_428_571_4, 0.925_925_925_925_925_9),
            (0.8, 0.8, 0.8, 0.971_428_571_428_571_5),
        ];
        for ((scores, area), want) in got.classes.iter().zip(&got.roc_auc).zip(want) {
            close(scores.precision, want.0);
            close(scores.recall, want.1);
            close(scores.f1, want.2);
            close(area.unwrap(), want.3);
        }
        close(got.macro_roc_auc.unwrap(), 0.944_951_499_118_165_9);
        let text = serde_json::to_string(&got).unwrap();
        assert_eq!(serde_json::from_str::<PartScores>(&text).unwrap(), got);
    }

    #[test]
    fn a_class_without_samples_has_no_area() {
        let got = PartScores::new(&[0, 1], &[0.5, 0.3, 0.2, 0.4, 0.5, 0.1], 3).unwrap();
        assert_eq!((got.roc_auc[0], got.roc_auc[2]), (Some(1.0), None));
        assert_eq!(got.macro_roc_auc, Some(1.0));
        let none = PartScores::new(&[], &[], 2).unwrap();
        assert_eq!((none.macro_roc_auc, none.macro_average.recall), (None, 0.0));
        assert!(PartScores::new(&[0], &[0.5, 0.5, 0.5], 2).is_err());
    }

    #[test]
    fn names_must_match_the_matrix() {
        let confusion = Confusion::new(&Y, &PREDICTED, 4).unwrap();
        assert!(ClassificationReport::new(&confusion, &["rock".to_owned()]).is_err());
    }

    #[test]
    fn no_samples_give_zeros() {
        let confusion = Confusion::new(&[], &[], 2).unwrap();
        let got = ClassificationReport::new(&confusion, &["a".into(), "b".into()]).unwrap();
        assert_eq!((got.accuracy, got.weighted_average.f1, got.macro_average.f1), (0.0, 0.0, 0.0));
    }
}
