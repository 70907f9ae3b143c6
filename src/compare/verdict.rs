//! What the interval and McNemar's test together allow to be said of a model.

use super::paired::{FEW_SONGS, Paired};

/// Below this, a p-value is evidence against chance.
const ALPHA: f64 = 0.05;
/// Fewer seeds than this do not show how much results vary between seeds.
const FEW_SEEDS: usize = 3;

/// What may be claimed of a model of so many seeds, one of `tests` models that are compared with
/// the baseline.
///
/// With several seeds the interval is of the mean over runs and McNemar's test of one vote of all
/// runs: two questions, which may have different answers.
pub(super) fn verdict(paired: &Paired, seeds: usize, tests: usize) -> String {
    let songs = paired.songs;
    if songs < FEW_SONGS {
        return format!("{songs} songs are too few for a conclusion");
    }
    if seeds < FEW_SEEDS {
        return format!(
            "no verdict from {seeds} {}, since results vary from seed to seed; use at least \
             {FEW_SEEDS}",
            if seeds == 1 { "seed" } else { "seeds" }
        );
    }
    let mean = match paired.interval_95 {
        (low, _) if low > 0.0 => Some("better"),
        (_, high) if high < 0.0 => Some("worse"),
        _ => None,
    };
    let vote = match paired.only_model > paired.only_baseline {
        true => "better",
        false => "worse",
    };
    let (alone, after_holm) = (paired.mcnemar_p < ALPHA, paired.holm_p < ALPHA);
    let hint = "a hint, not proof";
    let weakened = format!("by McNemar's test alone, but not after Holm for {tests} comparisons");
    match (mean, alone) {
        (None, false) => {
            format!("the interval includes 0: no difference can be claimed from {songs} songs")
        }
        (None, true) => {
            let but = "the interval includes 0: the mean over seeds shows no difference; with all \
                       seeds voting together, which is another question, it is";
            match after_holm {
                true => format!("{but} {vote} by McNemar's test"),
                false => format!("{but} {vote} {weakened}: {hint}"),
            }
        }
        (Some(mean), false) => format!(
            "{mean} by the interval, but with all seeds voting together (McNemar's test) there is \
             no difference: {hint}"
        ),
        (Some(mean), true) if mean != vote => format!(
            "{mean} by the interval (mean over seeds), but {vote} with all seeds voting together \
             (McNemar's test): they contradict, so nothing can be claimed"
        ),
        (Some(mean), true) if after_holm => format!("{mean} on songs like these"),
        (Some(mean), true) => format!("{mean} by the interval and {weakened}: {hint}"),
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
        verdict(&paired, seeds, 3)
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
