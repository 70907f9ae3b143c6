//! What the interval and McNemar's test together allow to be claimed of a model.

use super::paired::{FEW_SONGS, Paired};

/// Below this, a p-value is evidence against chance.
const ALPHA: f64 = 0.05;
/// Fewer seeds than this do not show how much results vary between seeds.
pub(super) const FEW_SEEDS: usize = 3;

/// Which of two models is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Better,
    Worse,
}

impl Side {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }
}

/// What may be claimed of runs of a model against runs of the baseline, on the same songs.
///
/// With several seeds the interval is of the mean over runs and McNemar's test of one vote of all
/// runs: two questions, which may have different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Too few songs.
    TooFewSongs,
    /// The interval includes 0, and McNemar's test finds nothing.
    Undecided,
    /// The interval excludes 0, and McNemar's test agrees after Holm.
    Claim(Side),
    /// The same, but not after Holm.
    NotAfterHolm(Side),
    /// The interval excludes 0, McNemar's test finds nothing.
    IntervalAlone(Side),
    /// The interval includes 0; McNemar's test finds a difference, after Holm or only before.
    McNemarAlone { side: Side, after_holm: bool },
    /// They point to opposite sides; this is the interval's.
    Contradiction(Side),
}

impl Verdict {
    pub(crate) fn new(paired: &Paired) -> Self {
        if paired.songs < FEW_SONGS {
            return Self::TooFewSongs;
        }
        let mean = match paired.interval_95 {
            (low, _) if low > 0.0 => Some(Side::Better),
            (_, high) if high < 0.0 => Some(Side::Worse),
            _ => None,
        };
        let vote = match paired.only_model > paired.only_baseline {
            true => Side::Better,
            false => Side::Worse,
        };
        let (alone, after_holm) = (paired.mcnemar_p < ALPHA, paired.holm_p < ALPHA);
        match mean {
            None if alone => Self::McNemarAlone { side: vote, after_holm },
            None => Self::Undecided,
            Some(side) if !alone => Self::IntervalAlone(side),
            Some(side) if side != vote => Self::Contradiction(side),
            Some(side) if after_holm => Self::Claim(side),
            Some(side) => Self::NotAfterHolm(side),
        }
    }
}

/// What is said of too few songs.
pub(crate) fn too_few(songs: usize) -> String {
    format!("{songs} songs are too few for a conclusion")
}

/// What is said of too few seeds.
pub(super) fn few_seeds(seeds: usize) -> String {
    format!(
        "no verdict from {seeds} {}, since results vary from seed to seed; use at least {FEW_SEEDS}",
        if seeds == 1 { "seed" } else { "seeds" }
    )
}

/// What is said where no difference is shown.
pub(crate) fn undecided(songs: usize) -> String {
    format!("no difference can be claimed from {songs} songs")
}

/// The verdict on a model of so many seeds, one of `tests` models that are compared with the
/// baseline, in words.
pub(super) fn words(paired: &Paired, seeds: usize, tests: usize) -> String {
    let songs = paired.songs;
    let verdict = Verdict::new(paired);
    if verdict != Verdict::TooFewSongs && seeds < FEW_SEEDS {
        return few_seeds(seeds);
    }
    let hint = "a hint, not proof";
    let weakened = format!("by McNemar's test alone, but not after Holm for {tests} comparisons");
    match verdict {
        Verdict::TooFewSongs => too_few(songs),
        Verdict::Undecided => format!("the interval includes 0: {}", undecided(songs)),
        Verdict::Claim(side) => format!("{} on songs like these", side.word()),
        Verdict::NotAfterHolm(side) => {
            format!("{} by the interval and {weakened}: {hint}", side.word())
        }
        Verdict::IntervalAlone(side) => format!(
            "{} by the interval, but with all seeds voting together (McNemar's test) there is no \
             difference: {hint}",
            side.word()
        ),
        Verdict::McNemarAlone { side, after_holm } => {
            let but = "the interval includes 0: the mean over seeds shows no difference; with all \
                       seeds voting together, which is another question, it is";
            match after_holm {
                true => format!("{but} {} by McNemar's test", side.word()),
                false => format!("{but} {} {weakened}: {hint}", side.word()),
            }
        }
        Verdict::Contradiction(side) => {
            let other = match side {
                Side::Better => Side::Worse,
                Side::Worse => Side::Better,
            };
            format!(
                "{} by the interval (mean over seeds), but {} with all seeds voting together \
                 (McNemar's test): they contradict, so nothing can be claimed",
                side.word(),
                other.word()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGHER: (f64, f64) = (0.01, 0.2);
    const LOWER: (f64, f64) = (-0.2, -0.01);
    const HOLDS_0: (f64, f64) = (0.0, 0.2);
    /// Songs that one model alone has right.
    const MORE: (u64, u64) = (9, 2);
    const FEWER: (u64, u64) = (2, 9);

    fn said(
        interval_95: (f64, f64),
        (only_model, only_baseline): (u64, u64),
        (mcnemar_p, holm_p): (f64, f64),
        seeds: usize,
    ) -> String {
        let difference = (interval_95.0 + interval_95.1) / 2.0;
        let paired = Paired {
            songs: 43,
            difference,
            interval_95,
            only_model,
            only_baseline,
            mcnemar_p,
            holm_p,
        };
        words(&paired, seeds, 3)
    }

    /// Interval, songs right alone, p before and after Holm (which never makes it less).
    #[test]
    fn what_is_said_is_what_the_figures_say() {
        const HOLDS: (f64, f64) = (0.01, 0.03);
        const ALONE: (f64, f64) = (0.03, 0.09);
        const NEITHER: (f64, f64) = (0.3, 0.9);
        let nothing = "the interval includes 0: no difference can be claimed from 43 songs";
        let hint = "by the interval, but with all seeds voting together (McNemar's test) there is \
                    no difference: a hint, not proof";
        let weak = "by McNemar's test alone, but not after Holm for 3 comparisons: a hint, not \
                    proof";
        let vote = "the interval includes 0: the mean over seeds shows no difference; with all \
                    seeds voting together, which is another question, it is";
        let against = "with all seeds voting together (McNemar's test): they contradict, so \
                       nothing can be claimed";
        let of_mean = "by the interval (mean over seeds), but";
        let cases = [
            (HIGHER, MORE, HOLDS, "better on songs like these".into()),
            (LOWER, FEWER, HOLDS, "worse on songs like these".into()),
            (HIGHER, MORE, ALONE, format!("better by the interval and {weak}")),
            (LOWER, FEWER, ALONE, format!("worse by the interval and {weak}")),
            (HIGHER, MORE, NEITHER, format!("better {hint}")),
            (LOWER, FEWER, NEITHER, format!("worse {hint}")),
            (HIGHER, FEWER, NEITHER, format!("better {hint}")),
            (LOWER, MORE, NEITHER, format!("worse {hint}")),
            (HIGHER, FEWER, HOLDS, format!("better {of_mean} worse {against}")),
            (LOWER, MORE, HOLDS, format!("worse {of_mean} better {against}")),
            (HIGHER, FEWER, ALONE, format!("better {of_mean} worse {against}")),
            (LOWER, MORE, ALONE, format!("worse {of_mean} better {against}")),
            (HOLDS_0, MORE, HOLDS, format!("{vote} better by McNemar's test")),
            (HOLDS_0, FEWER, HOLDS, format!("{vote} worse by McNemar's test")),
            (HOLDS_0, MORE, ALONE, format!("{vote} better {weak}")),
            (HOLDS_0, FEWER, ALONE, format!("{vote} worse {weak}")),
            (HOLDS_0, MORE, NEITHER, nothing.into()),
            (HOLDS_0, FEWER, NEITHER, nothing.into()),
        ];
        for (interval, alone, p, want) in cases {
            assert_eq!(said(interval, alone, p, 5), want, "{interval:?} {alone:?} {p:?}");
        }
        // Both ends may be 0, and 0 may be the upper one.
        assert_eq!(said((0.0, 0.0), (3, 3), (1.0, 1.0), 5), nothing);
        assert_eq!(said((-0.2, 0.0), FEWER, NEITHER, 5), nothing);
    }

    #[test]
    fn fewer_than_three_seeds_bear_no_verdict() {
        for interval in [HIGHER, LOWER, HOLDS_0] {
            for p in [(0.01, 0.03), (0.03, 0.09), (0.3, 0.9)] {
                let text = said(interval, MORE, p, 1);
                assert!(text.starts_with("no verdict from 1 seed, "), "{text}");
                assert!(said(interval, MORE, p, 2).starts_with("no verdict from 2 seeds, "));
                assert!(!said(interval, MORE, p, 3).contains("no verdict"));
            }
        }
    }
}
