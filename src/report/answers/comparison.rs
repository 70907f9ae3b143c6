//! A model against the first one, on the same test songs.

use askama::Template;

use super::filters;
use crate::compare::{DataReport, FEW_SONGS, ModelReport, Paired};
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
    verdict: Verdict,
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
    pub(super) songs: usize,
    pub(super) difference: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) only_model: u64,
    pub(super) only_first: u64,
    pub(super) p: f64,
}

/// What may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The interval excludes 0, and McNemar's test agrees.
    Better,
    Worse,
    /// The interval and McNemar's test disagree.
    Hint,
    /// The interval includes 0; validation points the same way.
    Leaning,
    /// And validation does not.
    Undecided,
    /// Too few songs, or none known.
    TooFew,
}

impl PartComparison {
    /// Of a report on two models, the first the baseline.
    fn new(report: &DataReport, part: PartName) -> Option<Self> {
        let [first, model] = &report.models[..] else { return None };
        let of = |model: &ModelReport| model.parts.get(part.as_str()).cloned();
        let (base, own) = (of(first)?, of(model)?);
        let songs = || {
            let Paired {
                songs, difference, interval_95, only_model, only_baseline, mcnemar_p, ..
            } = own.against_baseline.as_ref()?.songs.clone()?;
            Some(SongComparison {
                accuracy: [own.songs?.mean_probability.mean, base.songs?.mean_probability.mean],
                songs,
                difference,
                low: interval_95.0,
                high: interval_95.1,
                only_model,
                only_first: only_baseline,
                p: mcnemar_p,
            })
        };
        Some(Self { segments: [own.accuracy.mean, base.accuracy.mean], songs: songs() })
    }

    /// This model's accuracy by segment minus the first's.
    fn gain(&self) -> f64 {
        self.segments[0] - self.segments[1]
    }
}

impl Comparison {
    /// Of two models, by their names, parameters and seeds; the first is the baseline.
    pub(super) fn new(
        report: &DataReport,
        [model, first]: [&str; 2],
        [parameters, of_first]: [usize; 2],
        seeds: (u32, u32),
    ) -> Option<Self> {
        let test = PartComparison::new(report, PartName::Test)?;
        let validation = PartComparison::new(report, PartName::Val)?;
        let (model, first) = (model.into(), first.into());
        let fewer = of_first as f64 / parameters.max(1) as f64;
        Some(Self {
            verdict: verdict(&test, &validation),
            model,
            first,
            fewer,
            more: 1.0 / fewer,
            test,
            validation,
            seeds,
        })
    }
}

fn verdict(test: &PartComparison, validation: &PartComparison) -> Verdict {
    let Some(songs) = test.songs.as_ref().filter(|songs| songs.songs >= FEW_SONGS) else {
        return Verdict::TooFew;
    };
    let significant = songs.p < 0.05;
    match (songs.low > 0.0, songs.high < 0.0) {
        (true, _) if significant => Verdict::Better,
        (_, true) if significant => Verdict::Worse,
        (true, _) | (_, true) => Verdict::Hint,
        _ => {
            // Validation by song where songs are known.
            let by_song = validation.songs.as_ref().map(|songs| songs.difference);
            let on_validation = by_song.unwrap_or(validation.gain());
            let agree =
                songs.difference * on_validation > 0.0 && test.gain() * songs.difference > 0.0;
            if agree { Verdict::Leaning } else { Verdict::Undecided }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(
        segments: [f64; 2],
        difference: f64,
        (low, high): (f64, f64),
        p: f64,
        songs: usize,
    ) -> PartComparison {
        let songs = SongComparison {
            accuracy: [0.8 + difference, 0.8],
            songs,
            difference,
            low,
            high,
            only_model: 5,
            only_first: 3,
            p,
        };
        PartComparison { segments, songs: Some(songs) }
    }

    fn text(test: PartComparison, validation: PartComparison) -> (Verdict, String) {
        let verdict = verdict(&test, &validation);
        let (model, first) = ("P2".to_owned(), "P1".to_owned());
        let seeds = (42, 42);
        let found =
            Comparison { model, first, fewer: 5.4, more: 0.2, test, validation, verdict, seeds };
        (verdict, found.render().unwrap())
    }

    #[test]
    fn what_is_claimed_follows_interval_test_and_validation() {
        let validation = |gain: f64| PartComparison { segments: [0.7 + gain, 0.7], songs: None };
        let cases = [
            (
                0.1,
                (0.02, 0.2),
                0.01,
                120,
                0.1,
                Verdict::Better,
                "This run of P2 is better than this run of P1",
            ),
            (
                -0.1,
                (-0.2, -0.02),
                0.01,
                120,
                -0.1,
                Verdict::Worse,
                "This run of P2 is worse than this run of P1",
            ),
            (0.1, (0.02, 0.2), 0.2, 120, 0.1, Verdict::Hint, "a hint"),
            (
                0.05,
                (-0.05, 0.15),
                0.6,
                43,
                0.1,
                Verdict::Leaning,
                "ahead of P1 on test and validation",
            ),
            (
                -0.05,
                (-0.15, 0.05),
                0.6,
                43,
                -0.1,
                Verdict::Leaning,
                "behind P1 on test and validation",
            ),
            (0.05, (-0.05, 0.15), 0.6, 43, -0.1, Verdict::Undecided, "no difference"),
            (0.1, (0.02, 0.2), 0.01, 12, 0.1, Verdict::TooFew, "too few"),
        ];
        for (difference, interval, p, songs, gain, want, words) in cases {
            let test = part([0.8 + difference, 0.8], difference, interval, p, songs);
            let (got, text) = text(test, validation(gain));
            assert_eq!(got, want, "{text}");
            assert!(text.contains(words), "{words} in {text}");
        }
        let unknown = PartComparison { segments: [0.8, 0.7], songs: None };
        let (got, text) = text(unknown, validation(0.1));
        assert!(got == Verdict::TooFew && text.contains("songs are not known"), "{text}");
    }
}
