//! Bootstrap confidence interval of a mean.

use super::quantile::quantile;
use crate::random::streams::Stream;

/// The 95 % percentile interval of the mean of `counts[seed][song]` under the bootstrap over seeds and
/// songs, as (low, high); none without counts.
///
/// B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979), on
/// both factors (A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007): each of
/// `resamples` draws as many seeds and as many songs as there are, with replacement, and takes the mean
/// over their pairs; the 2.5 and 97.5 % quantiles. With one seed it is the bootstrap over songs. A song
/// is an independent unit, unlike segments of the same song. Of paired differences it is the paired
/// bootstrap. Sums are whole numbers and are divided once, at the end: an end is 0 just where it should
/// be, whatever floats round to.
pub fn bootstrap_mean(
    counts: &[Vec<i64>],
    resamples: usize,
    stream: &mut Stream,
) -> Option<(f64, f64)> {
    let (seeds, songs) = (counts.len(), counts.first().map_or(0, Vec::len));
    if seeds == 0 || songs == 0 || resamples == 0 || counts.iter().any(|row| row.len() != songs) {
        return None;
    }
    let mut totals = vec![0; songs];
    let mut sum = || {
        totals.fill(0);
        for _ in 0..seeds {
            // One seed is drawn without chance, so that streams are those of songs alone.
            let row = &counts[if seeds == 1 { 0 } else { stream.below(seeds) }];
            totals.iter_mut().zip(row).for_each(|(total, count)| *total += count);
        }
        (0..songs).map(|_| totals[stream.below(songs)]).sum::<i64>() as f64
    };
    let mut sums: Vec<f64> = (0..resamples).map(|_| sum()).collect();
    sums.sort_unstable_by(f64::total_cmp);
    let mean = |sum: f64| sum / (songs * seeds) as f64;
    Some((mean(quantile(&sums, 25)?), mean(quantile(&sums, 975)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From scipy.stats.bootstrap((d,), numpy.mean, method="percentile") of scipy 1.17 with
    /// 1,000,000 and 200,000 resamples; 10,000 leave an error of about a hundredth.
    #[test]
    fn agrees_with_scipy() {
        let mut d = Vec::new();
        // In fifths.
        for (count, times) in [(0, 20), (1, 6), (2, 4), (5, 5), (-1, 5), (-3, 2), (4, 1)] {
            d.extend(vec![count; times]);
        }
        let (low, high) = bootstrap_mean(&[d], 10_000, &mut Stream::new(7, "test")).unwrap();
        let (low, high) = (low / 5.0, high / 5.0);
        assert!((low - 0.037_209_302_3).abs() < 0.01, "{low}");
        assert!((high - 0.269_767_441_9).abs() < 0.01, "{high}");
        let few = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
        let (low, high) =
            bootstrap_mean(&[few.to_vec()], 10_000, &mut Stream::new(7, "test")).unwrap();
        assert!(low.abs() < 1e-12 && (high - 0.6).abs() < 1e-12, "{low} {high}");
    }

    /// Of samples of 80 from a known law, the interval holds the law's mean about 95 times of 100.
    #[test]
    fn covers_what_it_says() {
        let (mut draws, mut resamples) = (Stream::new(1, "draws"), Stream::new(1, "resamples"));
        let (mut held, trials) = (0, 400);
        for _ in 0..trials {
            // As songs differ: +1 in 25, -1 in 10 of 100.
            let value = |u: f64| i64::from(u < 0.25) - i64::from(u >= 0.9);
            let sample: Vec<i64> = (0..80).map(|_| value(draws.uniform())).collect();
            let (low, high) = bootstrap_mean(&[sample], 1_000, &mut resamples).unwrap();
            held += u32::from(low <= 0.15 && 0.15 <= high);
        }
        // Three standard errors of 400 trials, and a point for being a bootstrap of 80.
        let share = f64::from(held) / f64::from(trials);
        assert!((0.907..0.985).contains(&share), "{share}");
    }

    #[test]
    fn the_seed_decides_and_few_values_are_no_trouble() {
        let rows = [vec![0, 4, 1]];
        let of = |seed| bootstrap_mean(&rows, 50, &mut Stream::new(seed, "test"));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let mut stream = Stream::new(1, "test");
        assert_eq!(bootstrap_mean(&[], 50, &mut stream), None);
        assert_eq!(bootstrap_mean(&[Vec::new()], 50, &mut stream), None);
        assert_eq!(bootstrap_mean(&[vec![1], vec![1, 2]], 50, &mut stream), None);
        assert_eq!(bootstrap_mean(&[vec![1], vec![0]], 50, &mut stream), Some((0.0, 1.0)));
    }

    /// Two seeds that disagree on every song: songs alone would give an interval without width.
    #[test]
    fn the_choice_of_seeds_widens_the_interval() {
        let rows = [vec![1; 40], vec![0; 40]];
        let interval = bootstrap_mean(&rows, 1_000, &mut Stream::new(7, "test"));
        assert_eq!(interval, Some((0.0, 1.0)));
    }
}
