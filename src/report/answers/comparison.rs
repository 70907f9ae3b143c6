//! A model against the first one, on the same test songs.

use askama::Template;

use super::filters;
use crate::compare::{self, DataReport, ModelReport, Paired, Verdict};
use crate::data::PartName;

/// A model against the first.
#[derive(Debug, Template)]
#[template(path = "answers/comparison.txt", escape = "none")]
pub(super) struct Comparison {
    model: String,
    first: String,
    /// How many parameters the first has for each of this one's, and the reverse.
    fewer: f64,
    more: f64,
    test: PartComparison,
    validation: PartComparison,
    /// Both put every test segment into the same class.
    same: bool,
    /// None where songs are unknown.
    verdict: Option<Verdict>,
    /// Validation points the same way as the test set.
    agree: bool,
    /// Models that are compared with the first.
    tests: usize,
    seeds: (u32, u32),
}

/// Both models on a part.
#[derive(Debug)]
pub(super) struct PartComparison {
    /// Accuracy by segment: this model's, the first's.
    pub(super) segments: [f64; 2],
    pub(super) songs: Option<SongComparison>,
}

/// The same by song.
#[derive(Debug)]
pub(super) struct SongComparison {
    pub(super) accuracy: [f64; 2],
    pub(super) paired: Paired,
}

impl SongComparison {
    fn includes_0(&self) -> bool {
        let (low, high) = self.paired.interval_95;
        low <= 0.0 && high >= 0.0
    }
}

impl PartComparison {
    /// Of the model at `at`; the first is the baseline.
    fn new(report: &DataReport, at: usize, part: PartName) -> Option<Self> {
        let (first, model) = (report.models.first()?, report.models.get(at)?);
        let of = |model: &ModelReport| model.parts.get(part.as_str()).cloned();
        let (base, own) = (of(first)?, of(model)?);
        let songs = || {
            let paired = own.against_baseline.as_ref()?.songs.clone()?;
            let accuracy = [own.songs?.mean_probability.mean, base.songs?.mean_probability.mean];
            Some(SongComparison { accuracy, paired })
        };
        Some(Self { segments: [own.accuracy.mean, base.accuracy.mean], songs: songs() })
    }

    /// This model's accuracy by segment minus the first's.
    fn gain(&self) -> f64 {
        self.segments[0] - self.segments[1]
    }
}

impl Comparison {
    /// Of the model at `at` and the first, the baseline, by their names, parameters and seeds; `same`
    /// is whether they put every test segment into the same class.
    pub(super) fn new(
        (report, at): (&DataReport, usize),
        [model, first]: [&str; 2],
        [parameters, of_first]: [usize; 2],
        seeds: (u32, u32),
        same: bool,
    ) -> Option<Self> {
        let test = PartComparison::new(report, at, PartName::Test)?;
        let validation = PartComparison::new(report, at, PartName::Val)?;
        let (model, first) = (model.into(), first.into());
        let fewer = of_first as f64 / parameters.max(1) as f64;
        Some(Self {
            same,
            verdict: test.songs.as_ref().map(|songs| Verdict::new(&songs.paired)),
            agree: agree(&test, &validation),
            tests: report.models.len() - 1,
            model,
            first,
            fewer,
            more: 1.0 / fewer,
            test,
            validation,
            seeds,
        })
    }

    fn p(&self, songs: &SongComparison) -> String {
        compare::mcnemar(&songs.paired, self.tests)
    }

    fn undecided(&self) -> String {
        compare::undecided(self.songs())
    }

    fn too_few(&self) -> String {
        compare::too_few(self.songs())
    }

    fn songs(&self) -> usize {
        self.test.songs.as_ref().map_or(0, |songs| songs.paired.songs)
    }
}

/// Whether all differences have one sign: by song and segment, on test and validation.
fn agree(test: &PartComparison, validation: &PartComparison) -> bool {
    let by_song = |part: &PartComparison| part.songs.as_ref().map(|songs| songs.paired.difference);
    let Some(songs) = by_song(test) else { return false };
    // Validation by song where songs are known.
    let on_validation = by_song(validation).unwrap_or(validation.gain());
    songs * on_validation > 0.0 && songs * test.gain() > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(
        segments: [f64; 2],
        difference: f64,
        interval_95: (f64, f64),
        mcnemar_p: f64,
        songs: usize,
    ) -> PartComparison {
        let (only_model, only_baseline) = if difference > 0.0 { (5, 3) } else { (3, 5) };
        let holm_p = 2.0 * mcnemar_p;
        let paired =
            Paired { songs, difference, interval_95, only_model, only_baseline, mcnemar_p, holm_p };
        let songs = SongComparison { accuracy: [0.8 + difference, 0.8], paired };
        PartComparison { segments, songs: Some(songs) }
    }

    fn text(test: PartComparison, validation: PartComparison) -> String {
        of(test, validation, (2, false))
    }

    fn of(
        test: PartComparison,
        validation: PartComparison,
        (tests, same): (usize, bool),
    ) -> String {
        let (model, first) = ("P2".to_owned(), "P1".to_owned());
        let verdict = test.songs.as_ref().map(|songs| Verdict::new(&songs.paired));
        let agree = agree(&test, &validation);
        let (fewer, more, seeds) = (5.4, 0.2, (42, 42));
        let found = Comparison {
            model,
            first,
            fewer,
            more,
            test,
            validation,
            same,
            verdict,
            agree,
            tests,
            seeds,
        };
        found.render().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_claimed_follows_interval_test_and_validation() {
        let validation = |gain: f64| PartComparison { segments: [0.7 + gain, 0.7], songs: None };
        let cases = [
            (0.1, (0.02, 0.2), 0.01, 120, 0.1, "This run of P2 is better than this run of P1"),
            (-0.1, (-0.2, -0.02), 0.01, 120, -0.1, "This run of P2 is worse than this run of P1"),
            (
                0.1,
                (0.02, 0.2),
                0.2,
                120,
                0.1,
                "excludes 0, while McNemar's test finds no difference.",
            ),
            (0.1, (0.02, 0.2), 0.04, 120, 0.1, "a hint"),
            (
                0.05,
                (-0.05, 0.15),
                0.6,
                43,
                0.1,
                "P2 is ahead of P1 on test and validation, but no difference can be claimed from 43 songs: over 43 songs the difference of +5.0 percentage points (85.0 % against 80.0 %) has a 95 % interval from −5.0 to +15.0, which includes 0.",
            ),
            (-0.05, (-0.15, 0.05), 0.6, 43, -0.1, "P2 is behind P1 on test and validation"),
            (
                0.05,
                (-0.05, 0.15),
                0.6,
                43,
                -0.1,
                "no difference can be claimed from 43 songs: over 43 songs",
            ),
            (0.1, (-0.05, 0.2), 0.01, 120, 0.1, "no difference"),
            (0.1, (0.02, 0.2), 0.01, 12, 0.1, "12 songs are too few for a conclusion"),
        ];
        for (difference, interval, p, songs, gain, words) in cases {
            let test = part([0.8 + difference, 0.8], difference, interval, p, songs);
            let text = text(test, validation(gain));
            assert!(text.contains(words), "{words} in {text}");
            let holm =
                format!("= {p:.3}; {:.3} after Holm's correction for 2 comparisons", 2.0 * p);
            assert!(text.contains(&holm), "{holm} in {text}");
        }
        let unknown = PartComparison { segments: [0.8, 0.7], songs: None };
        let text = text(unknown, validation(0.1));
        assert!(text.contains("songs are not known"), "{text}");
    }

    #[test]
    fn equal_predictions_and_single_songs_have_their_words() {
        let validation = || PartComparison { segments: [0.7, 0.7], songs: None };
        let mut equal = part([0.8, 0.8], 0.0, (0.0, 0.0), 1.0, 43);
        if let Some(songs) = &mut equal.songs {
            (songs.paired.only_model, songs.paired.only_baseline) = (0, 0);
        }
        let got = of(equal, validation(), (1, true));
        assert!(got.starts_with("P2 and P1 make the same predictions:"), "{got}");
        for part in ["McNemar", "interval from", "after Holm"] {
            assert!(!got.contains(part), "{part} in {got}");
        }
        assert!(got.contains("Each model was trained once (both with seed 42)"), "{got}");
        let mut one = part([0.8, 0.8], 0.02, (-0.02, 0.06), 1.0, 43);
        if let Some(songs) = &mut one.songs {
            (songs.paired.only_model, songs.paired.only_baseline) = (1, 0);
        }
        let got = of(one, validation(), (2, false));
        assert!(got.contains("1 song is correct with P2 only and 0 with P1 only (Mc"), "{got}");
        assert!(got.contains("Each run has one seed (P2 42, P1 42), so"), "{got}");
        let mut none = part([0.8, 0.81], 0.0, (0.0, 0.0), 1.0, 43);
        if let Some(songs) = &mut none.songs {
            (songs.paired.only_model, songs.paired.only_baseline) = (0, 0);
        }
        let got = of(none, validation(), (1, false));
        assert!(got.contains("Both are correct on the same songs."), "{got}");
    }
}
