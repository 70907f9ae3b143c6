//! A model against the first one, on the same test songs.

use askama::Template;

use super::filters;
use crate::compare::{DataReport, ModelReport, Paired, Verdict, p_is};
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
    /// Of the model at `at` and the first, the baseline, by their names, parameters and seeds.
    pub(super) fn new(
        (report, at): (&DataReport, usize),
        [model, first]: [&str; 2],
        [parameters, of_first]: [usize; 2],
        seeds: (u32, u32),
    ) -> Option<Self> {
        let test = PartComparison::new(report, at, PartName::Test)?;
        let validation = PartComparison::new(report, at, PartName::Val)?;
        let (model, first) = (model.into(), first.into());
        let fewer = of_first as f64 / parameters.max(1) as f64;
        Some(Self {
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

    /// `McNemar p = 0.023`, and after Holm where several models are compared.
    fn p(&self, songs: &SongComparison) -> String {
        let Paired { mcnemar_p, holm_p, .. } = songs.paired;
        let p = format!("McNemar p {}", p_is(mcnemar_p));
        match self.tests {
            1 => p,
            tests => format!("{p}, {} after Holm over {tests} comparisons", p_is(holm_p)),
        }
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
        let (model, first) = ("P2".to_owned(), "P1".to_owned());
        let verdict = test.songs.as_ref().map(|songs| Verdict::new(&songs.paired));
        let agree = agree(&test, &validation);
        let (fewer, more, tests, seeds) = (5.4, 0.2, 2, (42, 42));
        Comparison { model, first, fewer, more, test, validation, verdict, agree, tests, seeds }
            .render()
            .unwrap()
    }

    #[test]
    fn what_is_claimed_follows_interval_test_and_validation() {
        let validation = |gain: f64| PartComparison { segments: [0.7 + gain, 0.7], songs: None };
        let cases = [
            (0.1, (0.02, 0.2), 0.01, 120, 0.1, "This run of P2 is better than this run of P1"),
            (-0.1, (-0.2, -0.02), 0.01, 120, -0.1, "This run of P2 is worse than this run of P1"),
            (0.1, (0.02, 0.2), 0.2, 120, 0.1, "a hint"),
            (0.1, (0.02, 0.2), 0.04, 120, 0.1, "a hint"),
            (0.05, (-0.05, 0.15), 0.6, 43, 0.1, "P2 is ahead of P1 on test and validation"),
            (-0.05, (-0.15, 0.05), 0.6, 43, -0.1, "P2 is behind P1 on test and validation"),
            (0.05, (-0.05, 0.15), 0.6, 43, -0.1, "no difference"),
            (0.1, (-0.05, 0.2), 0.01, 120, 0.1, "no difference"),
            (0.1, (0.02, 0.2), 0.01, 12, 0.1, "too few"),
        ];
        for (difference, interval, p, songs, gain, words) in cases {
            let test = part([0.8 + difference, 0.8], difference, interval, p, songs);
            let text = text(test, validation(gain));
            assert!(text.contains(words), "{words} in {text}");
            let holm = format!("= {p:.3}, = {:.3} after Holm over 2 comparisons", 2.0 * p);
            assert!(text.contains(&holm), "{holm} in {text}");
        }
        let unknown = PartComparison { segments: [0.8, 0.7], songs: None };
        let text = text(unknown, validation(0.1));
        assert!(text.contains("songs are not known"), "{text}");
    }
}
