//! Precision, recall and F1 per class, and scikit-learn's table of them.

use std::fmt;

use super::Confusion;
use crate::error::{Error, Result};

/// The scores of one class, or an average of them; 0 where the divisor is 0, as scikit-learn
/// has it.
#[derive(Debug, Clone, Copy, PartialEq)]
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
        let (support, predicted) = (confusion.support(), confusion.predicted());
        let score = |i: usize| {
            let right = confusion.counts[i][i] as f64;
            let (samples, guesses) = (support[i] as f64, predicted[i] as f64);
            Scores {
                precision: ratio(right, guesses),
                recall: ratio(right, samples),
                f1: ratio(2.0 * right, samples + guesses),
                support: support[i],
            }
        };
        let scores: Vec<Scores> = (0..names.len()).map(score).collect();
        Ok(Self {
            accuracy: ratio(confusion.correct() as f64, confusion.total() as f64),
            macro_average: average(&scores, |_| 1.0),
            weighted_average: average(&scores, |s| s.support as f64),
            classes: names.iter().cloned().zip(scores).collect(),
        })
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
