//! Question 4: what the confusion matrices of training and test show.

use askama::Template;

use super::filters;
use super::parameters::GAP_LARGE;
use crate::metrics::{Confusion, Scores};
use crate::report::words::percent;
use crate::text::{listed, thousands};

/// A class that takes more than this share of the errors, and half as many again as if they fell on
/// all classes evenly, attracts them.
const ATTRACTS: f64 = 0.5;

/// With fewer errors than this, where they go is chance.
const FEW_ERRORS: u64 = 10;

/// A class has the errors where this share of them is of it, and half as many again as if they were
/// of all classes by their samples.
const SOURCE: f64 = 0.4;

/// What the matrices show.
#[derive(Debug, Template)]
#[template(path = "answers/confusion.txt", escape = "none")]
pub(super) struct Confusions {
    train: MatrixFacts,
    test: MatrixFacts,
    /// What both show; not with few errors in one.
    agreed: Option<String>,
    /// The class whose recall falls most from training to test, where it falls far.
    falls: Option<Fall>,
    /// Segments of training and test, and their songs.
    segments: [usize; 2],
    songs: Option<[usize; 2]>,
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
    source: Option<Source>,
    /// The most frequent confusion.
    commonest: Option<Confused>,
    /// Classes with samples that are never predicted.
    never: Vec<String>,
}

/// The best and the worst classes; several where their values are printed alike.
#[derive(Debug, Clone)]
struct Extremes {
    best: (Vec<String>, f64),
    worst: (Vec<String>, f64),
}

/// The true class of most errors.
#[derive(Debug, Clone)]
struct Source {
    class: String,
    missed: usize,
    /// `44 predicted as disco`, the most frequent first.
    predicted: Vec<String>,
}

/// A class that is found less often on test than on training.
#[derive(Debug, Clone)]
struct Fall {
    class: String,
    train: f64,
    test: f64,
}

/// The class that errors are predicted as.
#[derive(Debug, Clone)]
pub(super) struct Attractor {
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
    /// Of the matrices of training and test, rows true, the classes' names, and how many songs the
    /// segments of both are of.
    pub(super) fn new(
        train: &[Vec<u64>],
        test: &[Vec<u64>],
        classes: &[String],
        songs: Option<[usize; 2]>,
    ) -> Self {
        let segments = [train, test].map(|rows| rows.iter().flatten().sum::<u64>() as usize);
        let falls = falls([train, test], classes);
        let train = MatrixFacts::new("training", train, classes);
        let test = MatrixFacts::new("test", test, classes);
        Self { agreed: agreed(&train, &test), falls, segments, songs, train, test }
    }

    /// `Recall is highest for … and lowest for … on training, …`; none where errors are few in both.
    fn order(&self, score: &'static str) -> Option<String> {
        let of = |m: &MatrixFacts| {
            let found = if score == "recall" { &m.recall } else { &m.precision };
            let named = |(classes, value): &(Vec<String>, f64)| {
                format!("{} ({})", listed(classes), percent(*value))
            };
            match found {
                Some(Extremes { best, worst }) => format!(
                    "highest for {} and lowest for {} on {}",
                    named(best),
                    named(worst),
                    m.part
                ),
                None => format!("the same for all classes on {}", m.part),
            }
        };
        let parts: Vec<String> = self.parts().iter().filter(|m| !m.few).map(|m| of(m)).collect();
        let score = if score == "recall" { "Recall" } else { "Precision" };
        (!parts.is_empty()).then(|| format!("{score} is {}", parts.join(", ")))
    }

    /// The class that attracts the errors on the test set.
    pub(super) fn test_attractor(&self) -> Option<&str> {
        self.test.attractor.as_ref().map(|found| &found.class[..])
    }

    fn parts(&self) -> [&MatrixFacts; 2] {
        [&self.train, &self.test]
    }
}

/// What training and test both show, the strongest first.
fn agreed(train: &MatrixFacts, test: &MatrixFacts) -> Option<String> {
    let same =
        |of: fn(&MatrixFacts) -> Option<String>| of(train).filter(|x| of(test).as_ref() == Some(x));
    let worst = |found: &Option<Extremes>| found.as_ref().map(|found| listed(&found.worst.0));
    if train.few || test.few {
        return None;
    }
    let attractor = |m: &MatrixFacts| m.attractor.as_ref().map(|found| found.class.clone());
    let source = |m: &MatrixFacts| m.source.as_ref().map(|found| found.class.clone());
    let least =
        worst(&train.precision).filter(|class| worst(&test.precision).as_ref() == Some(class));
    let lowest = worst(&train.recall).filter(|class| worst(&test.recall).as_ref() == Some(class));
    (same(attractor).map(|class| format!("{class} attracts the errors")))
        .or_else(|| {
            same(source).map(|class| format!("more errors are of {class} than of any other class"))
        })
        .or_else(|| least.map(|class| format!("predictions of {class} can be trusted least")))
        .or_else(|| lowest.map(|class| format!("recall is lowest for {class}")))
}

/// The class whose recall falls most.
fn falls([train, test]: [&[Vec<u64>]; 2], classes: &[String]) -> Option<Fall> {
    let scores = |rows: &[Vec<u64>]| Confusion { counts: rows.to_vec() }.scores();
    let both = scores(train).into_iter().zip(scores(test)).zip(classes);
    let known = both.filter(|((a, b), _)| a.support > 0 && b.support > 0);
    known
        .map(|((a, b), class)| Fall { class: class.clone(), train: a.recall, test: b.recall })
        .filter(|fall| fall.train - fall.test >= GAP_LARGE)
        .reduce(|a, b| if b.train - b.test > a.train - a.test { b } else { a })
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
            let best = all.iter().map(|(_, value)| *value).reduce(f64::max)?;
            let worst = all.iter().map(|(_, value)| *value).reduce(f64::min)?;
            let named = |value: f64| {
                let alike = all.iter().filter(|(_, other)| percent(*other) == percent(value));
                (alike.map(|(i, _)| name(*i)).collect(), value)
            };
            (percent(best) != percent(worst))
                .then(|| Extremes { best: named(best), worst: named(worst) })
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
        let missed = |i: usize| scores[i].support - rows[i][i];
        let source = (0..rows.len()).max_by_key(|i| (missed(*i), usize::MAX - i)).filter(|i| {
            let share = missed(*i) as f64 / errors.max(1) as f64;
            let even = scores[*i].support as f64 / matrix.total().max(1) as f64;
            rows.len() > 2 && errors >= FEW_ERRORS && share > SOURCE && share > 1.5 * even
        });
        let source = source.map(|i| {
            let mut others: Vec<usize> =
                (0..rows.len()).filter(|j| *j != i && rows[i][*j] > 0).collect();
            others.sort_by_key(|j| std::cmp::Reverse(rows[i][*j]));
            let first = |j: &usize| format!("{} predicted as {}", thousands(rows[i][*j]), name(*j));
            let other = |j: &usize| format!("{} as {}", thousands(rows[i][*j]), name(*j));
            let predicted =
                others.iter().take(1).map(first).chain(others.iter().skip(1).map(other));
            Source { class: name(i), missed: missed(i) as usize, predicted: predicted.collect() }
        });
        Self {
            part,
            errors: errors as usize,
            few: errors < FEW_ERRORS,
            two: rows.len() <= 2,
            recall: extremes(&has_samples, |scores| scores.recall),
            precision: extremes(&|i| predicted[i] > 0, |scores| scores.precision),
            attractor: attractor.map(|j| Attractor {
                class: name(j),
                taken: taken(j) as usize,
                recall: scores[j].recall,
                precision: scores[j].precision,
            }),
            source,
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
        let text = Confusions::new(&train, &test, &names(), Some([22, 7])).render().unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    const ATTRACTED: [[u64; 3]; 3] = [[90, 1, 19], [2, 70, 38], [1, 3, 106]];

    #[test]
    fn the_class_that_attracts_errors_is_named_with_its_numbers() {
        let got = text(ATTRACTED, ATTRACTED);
        for part in [
            "Rock attracts the errors: 57 of 64 training errors are predicted as rock, which lowers \
             its precision to 65.0 %; its recall is 96.4 %.",
            "57 of 64 test errors are predicted as rock",
            "Recall is highest for rock (96.4 %) and lowest for metal (63.6 %) on training, highest \
             for rock (96.4 %) and lowest for metal (63.6 %) on test.",
            "Precision is highest for classical (96.8 %) and lowest for rock (65.0 %) on training",
            "Training and test agree that rock attracts the errors, so it is unlikely that this \
             comes from a few test songs alone.",
            "330 training segments of 22 songs and 330 test segments of 7 songs;",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
    }

    #[test]
    fn errors_that_spread_have_no_attractor() {
        let even = [[90, 10, 10], [10, 90, 10], [10, 11, 90]];
        let got = text(even, even);
        for part in ["attracts the errors:", "errors are of", "falls most"] {
            assert!(!got.contains(part), "{part} in {got}");
        }
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
        for part in ["spread", "agree", "differ", "on training"] {
            assert!(!got.contains(part), "{part} in {got}");
        }
        let one = text([[100, 0, 1], [0, 100, 0], [0, 0, 100]], ATTRACTED);
        assert!(one.contains("The only training error is classical predicted as rock."), "{one}");
        let two = vec![vec![90, 10], vec![30, 70]];
        let got = Confusions::new(&two, &two, &names(), None).render().unwrap();
        for part in [
            "Of the 40 test errors, 30 are metal predicted as classical (30.0 % of the class).",
            "agree that predictions of classical can be trusted least.",
            "how many songs the errors come from is not known",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        assert!(!got.contains("spread") && !got.contains("unlikely"), "{got}");
    }

    #[test]
    fn without_errors_or_predictions_the_sentences_are_others() {
        let perfect = [[5, 0, 0], [0, 5, 0], [0, 0, 5]];
        let got = text(perfect, [[5, 0, 0], [5, 0, 0], [5, 0, 0]]);
        assert!(got.contains("No training segment is misclassified."), "{got}");
        assert!(got.contains("; metal and rock are never predicted."), "{got}");
        assert!(got.contains("10 of 10 test errors are predicted as classical"), "{got}");
        assert!(!got.contains("on training"), "{got}");
        assert!(!got.contains("agree") && !got.contains("differ"), "{got}");
        let empty = text([[0; 3]; 3], [[0; 3]; 3]);
        assert!(empty.contains("No test segment is misclassified."), "{empty}");
    }

    #[test]
    fn the_true_class_of_the_errors_is_named_with_where_they_go() {
        let rows = [[100, 5, 5], [4, 100, 6], [20, 30, 60]];
        let got = text(rows, rows);
        for part in [
            "50 of 70 training errors are of rock: 30 predicted as metal and 20 as classical.",
            "50 of 70 test errors are of rock",
            "agree that more errors are of rock than of any other class, so",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        assert!(!got.contains("spread"), "{got}");
        // A class has more errors where it has more samples.
        let large = [[90, 5, 5], [5, 90, 5], [60, 60, 1080]];
        assert!(!text(large, large).contains("errors are of rock"));
    }

    #[test]
    fn ties_name_all_classes_and_a_large_fall_of_recall_is_told() {
        let (train, test) =
            ([[90, 5, 5], [5, 90, 5], [7, 8, 85]], [[90, 5, 5], [5, 90, 5], [20, 20, 60]]);
        let got = text(train, test);
        for part in [
            "Recall is highest for classical and metal (90.0 %) and lowest for rock (85.0 %) on training",
            "on test; from training to test it falls most for rock, from 85.0 % to 60.0 %, which is \
             the strongest sign of overfitting in any class.",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        let answer = Confusions::new(
            &train.map(|row| row.to_vec()),
            &test.map(|row| row.to_vec()),
            &names(),
            None,
        );
        let answer = answer.render().unwrap();
        let (answer, _) = answer.split_once("\n---").unwrap();
        assert!(answer.lines().filter(|line| !line.trim().is_empty()).count() <= 5, "{answer}");
        assert!(!text(train, [[90, 5, 5], [5, 90, 5], [12, 13, 75]]).contains("falls most"));
    }
}
