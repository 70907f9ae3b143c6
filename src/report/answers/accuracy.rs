//! Question 3: the accuracy on the test set.

use askama::Template;

use super::filters;
use crate::metrics::{Calibration, Temperatures};
use crate::report::words::decimals;
use crate::train::results::PartMetrics;

/// A mean probability that is nearer to the accuracy is neither too high nor too low.
const CALIBRATED: f64 = 0.01;

/// The accuracy on the test set.
#[derive(Debug, Template)]
#[template(path = "answers/accuracy.txt", escape = "none")]
pub(super) struct TestAccuracy {
    model: String,
    accuracy: f64,
    correct: usize,
    samples: usize,
    /// Always guessing the largest class.
    guessing: f64,
    songs: Option<BySong>,
    validation: f64,
    /// Test minus validation accuracy, and its size.
    over_validation: f64,
    distance: f64,
    by_song_on_validation: Option<Against>,
    calibration_error: Option<f64>,
    /// Mean probability of the predicted class.
    confidence: f64,
    scaling: Vec<Scaling>,
}

/// What a temperature does to probabilities of the test set.
#[derive(Debug)]
struct Scaling {
    /// `segment`, `song`.
    unit: &'static str,
    temperature: f64,
    /// Why it is no fit, if so.
    problem: Option<String>,
    /// Log loss and expected calibration error in percentage points, `falls from 0.467 to 0.463`.
    log_loss: String,
    error: String,
}

impl Scaling {
    /// None without samples.
    fn of(
        unit: &'static str,
        (temperature, problem): (f64, Option<String>),
        before: &Calibration,
        after: &Calibration,
    ) -> Option<Self> {
        let log_loss = change(before.log_loss?, after.log_loss?, 3);
        let error = change(100.0 * before.expected_error?, 100.0 * after.expected_error?, 1);
        Some(Self { unit, temperature, problem, log_loss, error })
    }

    /// By segment and by song.
    fn of_part(test: &PartMetrics, temperatures: &Temperatures) -> Vec<Self> {
        let segments = || {
            let found = temperatures.segments;
            let problem = found.fit.problem("validation segments");
            let (before, after) = (test.scores.as_ref()?, test.calibrated.as_ref()?);
            Self::of("segment", (found.value, problem), &before.calibration, &after.samples)
        };
        let songs = || {
            let found = temperatures.songs?.temperature;
            let problem = found.fit.problem("validation songs");
            let songs = test.calibrated.as_ref()?.songs.as_ref()?;
            Self::of("song", (found.value, problem), &songs.before, &songs.after)
        };
        segments().into_iter().chain(songs()).collect()
    }
}

/// `falls from 0.467 to 0.463`, as the digits that are shown have it.
fn change(before: f64, after: f64, digits: usize) -> String {
    let [from, to] = [before, after].map(|value| decimals(value, digits));
    match from == to {
        true => format!("stays at {to}"),
        false => format!("{} from {from} to {to}", if after < before { "falls" } else { "rises" }),
    }
}

/// The same by song.
#[derive(Debug)]
struct BySong {
    accuracy: f64,
    correct: usize,
    songs: usize,
    low: f64,
    high: f64,
    /// By song minus by segment.
    gain: f64,
}

/// Test against validation, both by song.
#[derive(Debug)]
struct Against {
    accuracy: f64,
    songs: usize,
    test_songs: usize,
    distance: f64,
    /// 95 % interval of test minus validation.
    low: f64,
    high: f64,
}

impl Against {
    /// None where songs are not known. The interval is Newcombe's (R. G. Newcombe, "Interval
    /// estimation for the difference between independent proportions", 1998, method 10).
    fn of(test: &PartMetrics, validation: &PartMetrics) -> Option<Self> {
        let ((a_low, a_high), (b_low, b_high)) =
            (test.song_interval_95?, validation.song_interval_95?);
        let (a, b) = (test.song_accuracy?, validation.song_accuracy?);
        Some(Self {
            accuracy: b,
            songs: validation.songs? as usize,
            test_songs: test.songs? as usize,
            distance: (a - b).abs(),
            low: a - b - (a - a_low).hypot(b_high - b),
            high: a - b + (a_high - a).hypot(b - b_low),
        })
    }
}

impl TestAccuracy {
    pub(super) fn new(
        model: &str,
        test: &PartMetrics,
        validation: &PartMetrics,
        temperatures: Option<&Temperatures>,
    ) -> Self {
        let on_diagonal = |rows: &[Vec<u64>]| -> u64 {
            rows.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum()
        };
        let largest = test.confusion.iter().map(|row| row.iter().sum::<u64>()).max();
        let songs = || {
            let (low, high) = test.song_interval_95?;
            let accuracy = test.song_accuracy?;
            Some(BySong {
                accuracy,
                correct: on_diagonal(test.song_confusion.as_ref()?) as usize,
                songs: test.songs? as usize,
                low,
                high,
                gain: accuracy - test.accuracy,
            })
        };
        let calibration = test.scores.as_ref().map(|scores| &scores.calibration);
        let bins = calibration.iter().flat_map(|calibration| &calibration.bins);
        let confidence: f64 =
            bins.filter_map(|bin| Some(bin.confidence? * bin.samples as f64)).sum();
        Self {
            model: model.into(),
            accuracy: test.accuracy,
            correct: on_diagonal(&test.confusion) as usize,
            samples: test.samples as usize,
            guessing: largest.unwrap_or(0) as f64 / test.samples.max(1) as f64,
            songs: songs(),
            validation: validation.accuracy,
            over_validation: test.accuracy - validation.accuracy,
            distance: (test.accuracy - validation.accuracy).abs(),
            by_song_on_validation: Against::of(test, validation),
            calibration_error: calibration.and_then(|calibration| calibration.expected_error),
            confidence: confidence / test.samples.max(1) as f64,
            scaling: temperatures.map_or(Vec::new(), |found| Scaling::of_part(test, found)),
        }
    }
}

impl TestAccuracy {
    /// Mean probability minus accuracy.
    fn over_confidence(&self) -> f64 {
        self.confidence - self.accuracy
    }

    fn is_calibrated(&self) -> bool {
        self.over_confidence().abs() < CALIBRATED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{PartScores, wilson};

    fn part(right: u64, songs: Option<u64>) -> PartMetrics {
        let rows = |right: u64, of: u64| vec![vec![right, of - right], vec![of - right, right]];
        PartMetrics {
            loss: 0.5,
            accuracy: right as f64 / 100.0,
            song_accuracy: songs.map(|right| right as f64 / 20.0),
            song_accuracy_majority: None,
            song_accuracy_product: None,
            song_interval_95: songs.map(|right| wilson(2 * right, 40)),
            samples: 200,
            songs: songs.map(|_| 40),
            confusion: rows(right, 100),
            song_confusion: songs.map(|right| rows(right, 20)),
            scores: None,
            calibrated: None,
            data_hash: None,
        }
    }

    fn text(test: &PartMetrics, val: &PartMetrics) -> String {
        let text = TestAccuracy::new("P1", test, val, None).render().unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn segments_songs_interval_and_validation_are_stated() {
        let got = text(&part(80, Some(18)), &part(77, Some(17)));
        for part in [
            "P1 classifies 80.0 % of the test segments correctly (160 of 200)",
            "largest class would give 50.0 %",
            "90.0 % of 40 test songs are correct (36), with a 95 % interval from 76.9 % to 96.0 %",
            "10.0 percentage points more than by segment",
            "Validation accuracy is 77.0 % by segment and 85.0 % by song: 40 test and 40 validation songs are too few to tell which set is harder.",
            "(Wilson's)",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        assert!(!got.contains("calibration"), "{got}");
        let got = text(&part(80, Some(16)), &part(81, None));
        assert!(got.contains("no more than by segment"), "{got}");
        assert!(got.contains("is 81.0 %, 1.0 percentage points more than on the test"), "{got}");
        let got = text(&part(80, Some(14)), &part(90, None));
        assert!(
            got.contains("−10.0 percentage points")
                && got.contains("is 90.0 %, 10.0 percentage points more than on the test set.")
        );
        assert!(text(&part(80, None), &part(80, None)).contains("80.0 %, as on the test set."));
    }

    #[test]
    fn a_set_is_harder_only_where_its_songs_show_it() {
        let got = text(&part(80, Some(18)), &part(60, Some(10)));
        assert!(got.contains("by song the test set is 40.0 percentage points easier."), "{got}");
        let got = text(&part(60, Some(10)), &part(80, Some(18)));
        assert!(got.contains("by song the test set is 40.0 percentage points harder."), "{got}");
        // Newcombe's example (a): 56 of 70 against 48 of 80.
        let of = |right: u64, n: u64| PartMetrics {
            song_accuracy: Some(right as f64 / n as f64),
            song_interval_95: Some(wilson(right, n)),
            ..part(80, Some(18))
        };
        let got = Against::of(&of(56, 70), &of(48, 80)).unwrap();
        assert!((got.low - 0.0524).abs() < 5e-5 && (got.high - 0.3339).abs() < 5e-5, "{got:?}");
    }

    #[test]
    fn errors_are_not_explained_where_there_are_none_or_one_segment_of_each_song() {
        let perfect = part(100, Some(20));
        let got = text(&perfect, &perfect);
        assert!(got.contains("No test segment is misclassified.") && !got.contains("averaging"));
        let mut alone = part(80, Some(16));
        alone.samples = 40;
        let got = text(&alone, &part(80, None));
        assert!(got.contains("Each song has one segment") && !got.contains("averaging"), "{got}");
    }

    #[test]
    fn what_temperatures_do_is_stated() {
        use crate::metrics::{Fit, PartScores, SongTemperature, Temperature, all_song_votes};
        // Per song of two segments one is correct with 0.9, one wrong with 0.9; the means are ties.
        let (p, y) = ([0.9_f32, 0.1, 0.1, 0.9].repeat(20), [0; 40]);
        let song: Vec<i64> = (0..40).map(|i| i / 2).collect();
        let songs = all_song_votes(&song, &y, &p, 2).unwrap();
        let temperature = |value, fit| Temperature { value, fit };
        let temperatures = Temperatures {
            segments: temperature(20.0, Fit::Limit),
            songs: Some(SongTemperature {
                temperature: temperature(1.0, Fit::NoErrors),
                segments: 2.0,
            }),
        };
        let mut test = part(80, Some(16));
        test.scores = Some(PartScores::new(&y, &p, 2).unwrap());
        let calibrated = temperatures.calibrated(&y, &p, 2, Some(&songs)).unwrap();
        test.calibrated = Some(calibrated);
        let said = TestAccuracy::new("P1", &test, &part(80, None), Some(&temperatures));
        let got = said.render().unwrap();
        // −ln 0.9 and −ln 0.1 are 1.204 on average; at T = 20 0.9 becomes 0.527.
        for part in [
            "fitted on the validation set, changes no class. By segment T is 20.00 (the limit; the log loss of \
             validation segments falls further beyond it): on the test set log loss falls from 1.204 \
             to 0.695, and the expected calibration error falls from 40.0 to 2.7 percentage points.",
            "By song T is 1.00 (all validation songs are classified correctly): on the test set log loss stays \
             at 0.693, and the expected calibration error stays at 50.0 percentage points.",
        ] {
            assert!(got.contains(part), "{part}\nin {got}");
        }
        let old = TestAccuracy::new("P1", &test, &part(80, None), None).render().unwrap();
        assert!(
            old.contains("No temperature was fitted: the run is of an older version."),
            "{old}"
        );
    }

    #[test]
    fn unknown_songs_give_no_interval() {
        let mut test = part(80, None);
        let p = [0.9_f32, 0.1].repeat(200);
        test.scores = Some(PartScores::new(&[0; 200], &p, 2).unwrap());
        let got = text(&test, &part(80, None));
        assert!(
            got.contains("so the accuracy has no interval") && !got.contains("By song"),
            "{got}"
        );
        // Every prediction has 0.9 and is right: 10 points too low, against 80 % here.
        let said = "error on the test set is 10.0 percentage points: the network is overconfident by \
                    10.0 points (mean probability 90.0 %, accuracy 80.0 %).";
        assert!(got.contains(said), "{got}");
        test.accuracy = 0.95;
        let got = text(&test, &part(80, None));
        assert!(got.contains("is underconfident by 5.0 points (mean probability 90.0 %"), "{got}");
        test.accuracy = 0.9;
        let got = text(&test, &part(80, None));
        assert!(got.contains("points; on average probabilities are right (mean"), "{got}");
    }
}
