//! Question 4: what the confusion matrices of training and test show.

use askama::Template;

use super::filters;
use crate::metrics::{Confusion, Scores};

/// A class that takes more than this share of the errors, and half as many again as if they fell on
/// all classes evenly, attracts them.
const ATTRACTS: f64 = 0.5;

/// With fewer errors than this, where they go is chance.
const FEW_ERRORS: u64 = 10;

/// What the matrices show.
#[derive(Debug, Template)]
#[template(path = "answers/confusion.txt", escape = "none")]
pub(super) struct Confusions {
    train: MatrixFacts,
    test: MatrixFacts,
    /// Whether the same class attracts the errors of both, and the same one has the lowest recall;
    /// not with few errors in one.
    same_attractor: bool,
    same_worst: bool,
    /// The class whose predictions both trust least.
    least_precise: Option<String>,
}

/// What one matrix shows.
#[derive(Debug, Clone)]
pub(super) struct MatrixFacts {
    part: &'static str,
    pub(super) errors: usize,
    /// Too few errors to tell where they go.
    few: bool,
    /// Of two classes: an error can go to one class only.
    two: bool,
    /// Of classes with samples; none where all are found equally often.
    recall: Option<Extremes>,
    /// Of classes that are predicted; none where all are equally precise.
    precision: Option<Extremes>,
    pub(super) attractor: Option<Attractor>,
    /// The most frequent confusion.
    commonest: Option<Confused>,
    /// Classes with samples that are never predicted.
    never: Vec<String>,
}

/// The best and the worst class.
#[derive(Debug, Clone)]
struct Extremes {
    best: (String, f64),
    worst: (String, f64),
}

/// The class that errors are predicted as.
#[derive(Debug, Clone)]
pub(super) struct Attractor {
    pub(super) label: u32,
    pub(super) class: String,
    pub(super) taken: usize,
    recall: f64,
    precision: f64,
}

/// A cell beside the diagonal.
#[derive(Debug, Clone)]
struct Confused {
    truth: String,
    predicted: String,
    count: usize,
    of_class: f64,
}

impl Confusions {
    /// Of the matrices of training and test, rows true, and the classes' names.
    pub(super) fn new(train: &[Vec<u64>], test: &[Vec<u64>], classes: &[String]) -> Self {
        let train = MatrixFacts::new("training", train, classes);
        let test = MatrixFacts::new("test", test, classes);
        let label = |facts: &MatrixFacts| facts.attractor.as_ref().map(|found| found.label);
        let worst = |facts: &MatrixFacts| facts.recall.as_ref().map(|found| found.worst.0.clone());
        let least =
            |facts: &MatrixFacts| facts.precision.as_ref().map(|found| found.worst.0.clone());
        let enough = !train.few && !test.few;
        Self {
            same_attractor: label(&train).is_some() && label(&train) == label(&test),
            least_precise: least(&train)
                .filter(|class| enough && least(&test).as_ref() == Some(class)),
            same_worst: enough && worst(&train).is_some() && worst(&train) == worst(&test),
            train,
            test,
        }
    }

    /// The class that attracts the errors on the test set.
    pub(super) fn test_attractor(&self) -> Option<&str> {
        self.test.attractor.as_ref().map(|found| &found.class[..])
    }

    fn parts(&self) -> [&MatrixFacts; 2] {
        [&self.train, &self.test]
    }
}

impl MatrixFacts {
    pub(super) fn new(part: &'static str, rows: &[Vec<u64>], classes: &[String]) -> Self {
        let matrix = Confusion { counts: rows.to_vec() };
        let (scores, predicted) = (matrix.scores(), matrix.predicted());
        let errors = matrix.total() - matrix.correct();
        let name = |i: usize| classes.get(i).cloned().unwrap_or_default();
        let extremes = |known: &dyn Fn(usize) -> bool, of: fn(&Scores) -> f64| {
            let all = scores.iter().enumerate().filter(|(i, _)| known(*i));
            let all: Vec<(usize, f64)> = all.map(|(i, scores)| (i, of(scores))).collect();
            let best = all.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
            let worst = all.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a })?;
            let named = |(i, value)| (name(i), value);
            (best.1 > worst.1).then(|| Extremes { best: named(best), worst: named(worst) })
        };
        let cells = (0..rows.len()).flat_map(|i| (0..rows.len()).map(move |j| (i, j)));
        let commonest = cells
            .filter(|(i, j)| i != j && rows[*i][*j] > 0)
            .reduce(|a, b| if rows[b.0][b.1] > rows[a.0][a.1] { b } else { a });
        let has_samples = |i: usize| scores[i].support > 0;
        let taken = |j: usize| predicted[j] - rows[j][j];
        let attractor = (0..rows.len()).max_by_key(|j| (taken(*j), usize::MAX - j)).filter(|j| {
            let share = taken(*j) as f64 / errors.max(1) as f64;
            // Errors that fell on the other classes evenly would give it one in (classes − 1) of
            // those that are not its own.
            let others = errors - (scores[*j].support - rows[*j][*j]);
            let even = others as f64 / (rows.len() - 1).max(1) as f64 / errors.max(1) as f64;
            rows.len() > 2 && errors >= FEW_ERRORS && share > ATTRACTS && share > 1.5 * even
        });
        Self {
            part,
            errors: errors as usize,
            few: errors < FEW_ERRORS,
            two: rows.len() <= 2,
            recall: extremes(&has_samples, |scores| scores.recall),
            precision: extremes(&|i| predicted[i] > 0, |scores| scores.precision),
            attractor: attractor.map(|j| Attractor {
                label: j as u32,
                class: name(j),
                taken: taken(j) as usize,
                recall: scores[j].recall,
                precision: scores[j].precision,
            }),
            commonest: commonest.map(|(i, j)| Confused {
                truth: name(i),
                predicted: name(j),
                count: rows[i][j] as usize,
                of_class: rows[i][j] as f64 / scores[i].support.max(1) as f64,
            }),
            never: (0..rows.len())
                .filter(|i| has_samples(*i) && predicted[*i] == 0)
                .map(name)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["classical", "metal", "rock"].map(String::from).into()
    }

    fn text(train: [[u64; 3]; 3], test: [[u64; 3]; 3]) -> String {
        let [train, test] = [train, test].map(|rows| rows.map(|row| row.to_vec()).to_vec());
        let text = Confusions::new(&train, &test, &names()).render().unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    const ATTRACTED: [[u64; 3]; 3] = [[90, 1, 19], [2, 70, 38], [1, 3, 106]];

    #[test]
    fn the_class_that_attracts_errors_is_named_with_its_numbers() {
        let got = text(ATTRACTED, ATTRACTED);
        for part in [
            "Rock attracts the errors: 57 of 64 training errors are predicted as rock, so its recall is \
             96.4 % but its precision only 65.0 %.",
            "57 of 64 test errors are predicted as rock",
            "On test, recall is highest for rock (96.4 %) and lowest for metal (63.6 %); precision is \
             highest for classical (96.8 %) and lowest for rock (65.0 %)",
            "Training and test agree on the class that attracts the errors",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
    }

    #[test]
    fn errors_that_spread_have_no_attractor() {
        let even = [[90, 10, 10], [10, 90, 10], [10, 11, 90]];
        let got = text(even, even);
        assert!(!got.contains("attracts the errors:"), "{got}");
        let commonest =
            "the most frequent confusion is rock predicted as metal (11 segments, 9.9 %";
        assert!(got.contains(commonest), "{got}");
        // Many errors of one class cannot be predicted as it, so they must go to two others.
        let facts =
            |rows: [[u64; 3]; 3]| MatrixFacts::new("test", &rows.map(|r| r.to_vec()), &names());
        assert!(facts([[10, 50, 50], [0, 100, 0], [0, 0, 100]]).attractor.is_none());
        assert!(facts([[100, 0, 4], [0, 100, 4], [0, 0, 100]]).attractor.is_none(), "few errors");
    }

    #[test]
    fn few_errors_and_two_classes_bear_less() {
        let few = [[100, 0, 1], [0, 100, 2], [0, 0, 100]];
        let got = text(few, ATTRACTED);
        let words = "Of the 3 training errors, 2 are metal predicted as rock (2.0 % of the class).";
        assert!(got.contains(words), "{got}");
        for part in ["spread", "agree", "differ", "On training"] {
            assert!(!got.contains(part), "{part} in {got}");
        }
        let one = text([[100, 0, 1], [0, 100, 0], [0, 0, 100]], ATTRACTED);
        assert!(one.contains("The only training error is classical predicted as rock."), "{one}");
        let two = vec![vec![90, 10], vec![30, 70]];
        let got = Confusions::new(&two, &two, &names()).render().unwrap();
        for part in [
            "Of the 40 test errors, 30 are metal predicted as classical (30.0 % of the class).",
            "agree that predictions of classical can be trusted least.",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        assert!(!got.contains("spread") && !got.contains("less likely"), "{got}");
    }

    #[test]
    fn without_errors_or_predictions_the_sentences_are_others() {
        let perfect = [[5, 0, 0], [0, 5, 0], [0, 0, 5]];
        let got = text(perfect, [[5, 0, 0], [5, 0, 0], [5, 0, 0]]);
        assert!(got.contains("No training segment is misclassified."), "{got}");
        assert!(got.contains("Metal and rock are never predicted."), "{got}");
        assert!(got.contains("10 of 10 test errors are predicted as classical"), "{got}");
        assert!(!got.contains("On training"), "{got}");
        assert!(!got.contains("agree") && !got.contains("differ"), "{got}");
        let empty = text([[0; 3]; 3], [[0; 3]; 3]);
        assert!(empty.contains("No test segment is misclassified."), "{empty}");
    }
}
