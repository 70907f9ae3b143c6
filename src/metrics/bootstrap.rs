//! Bootstrap confidence intervals of a mean: over songs or groups of songs, and over seeds.

use super::quantile::quantile;
use super::spread::mean_and_deviation;
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

/// What the bootstrap over seeds and groups of songs says of a mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupBootstrap {
    /// The 95 % interval, as (low, high).
    pub interval_95: (f64, f64),
    /// The standard error.
    pub standard_error: f64,
}

/// The 95 % interval and the standard error of the mean of `values[seed][song]` under the bootstrap over
/// seeds and groups of songs; `groups` has the number of each song's group, from 0 without gaps. None of
/// fewer than two groups.
///
/// The hierarchical form of [`bootstrap_mean`], a cluster bootstrap: songs of a group depend on each
/// other (an artist's, an album's), so whole groups are drawn, as many as there are, with replacement,
/// beside as many seeds; the mean is that of all songs drawn. With each song a group of its own it is the
/// bootstrap over songs.
///
/// Resampled means of G groups vary by √((G − 1) / G) too little and those of S seeds by √((S − 1) / S), and
/// percentiles are those of a normal distribution. The variance is corrected for both, and both ends are moved
/// away from the mean by the corrected over the resampled deviation times t / 1.96, t the 97.5 % quantile of
/// Student's distribution (T. C. Hesterberg, "What teachers should know about the bootstrap", The American
/// Statistician 69, 2015), whose degrees of freedom are those of a sum of two estimated variances: S − 1 of the
/// seeds', G − 1 of the rest (F. E. Satterthwaite, Biometrics Bulletin 2, 1946). With one seed or seeds that agree
/// that is 10 % with 20 groups and under 1 % with 200; with three seeds that make all of the variance it is 2.7 times.
pub fn bootstrap_groups(
    values: &[Vec<f64>],
    groups: &[usize],
    resamples: usize,
    stream: &mut Stream,
) -> Option<GroupBootstrap> {
    let (seeds, songs) = (values.len(), groups.len());
    let count = groups.iter().max().map_or(0, |last| last + 1);
    if seeds == 0 || count < 2 || resamples < 2 || values.iter().any(|row| row.len() != songs) {
        return None;
    }
    let (mut sizes, mut sums) = (vec![0.0; count], vec![vec![0.0; count]; seeds]);
    for (song, &group) in groups.iter().enumerate() {
        sizes[group] += 1.0;
        values.iter().zip(&mut sums).for_each(|(row, sums)| sums[group] += row[song]);
    }
    let mean = sums.iter().flatten().sum::<f64>() / (seeds * songs) as f64;
    let mut totals = vec![0.0; count];
    let mut resample = || {
        totals.fill(0.0);
        for _ in 0..seeds {
            let row = &sums[if seeds == 1 { 0 } else { stream.below(seeds) }];
            totals.iter_mut().zip(row).for_each(|(total, sum)| *total += sum);
        }
        let (mut sum, mut size) = (0.0, 0.0);
        for _ in 0..count {
            let group = stream.below(count);
            (sum, size) = (sum + totals[group], size + sizes[group]);
        }
        sum / (size * seeds as f64)
    };
    let mut means: Vec<f64> = (0..resamples).map(|_| resample()).collect();
    means.sort_unstable_by(f64::total_cmp);
    let of_seed = |sums: &Vec<f64>| sums.iter().sum::<f64>() / songs as f64;
    let by_seed: Vec<f64> = sums.iter().map(of_seed).collect();
    let of_seeds = mean_and_deviation(&by_seed).1.unwrap_or(0.0).powi(2) / seeds as f64;
    let resampled = mean_and_deviation(&means).1.unwrap_or(0.0);
    let g = count as f64;
    // The resampled variance has (S - 1) / S of the seeds'.
    let variance = resampled.powi(2) * g / (g - 1.0) + of_seeds / seeds as f64;
    let rest = (variance - of_seeds).max(0.0);
    let uncertain = of_seeds.powi(2) / (seeds as f64 - 1.0).max(1.0) + rest.powi(2) / (g - 1.0);
    let (standard_error, wider) = match uncertain > 0.0 && resampled > 0.0 {
        true => {
            let degrees = (variance.powi(2) / uncertain).max(1.0);
            (variance.sqrt(), variance.sqrt() / resampled * student(degrees) / NORMAL)
        }
        // All resamples are alike.
        false => (0.0, 1.0),
    };
    let end = |thousandths| Some(mean + wider * (quantile(&means, thousandths)? - mean));
    Some(GroupBootstrap { interval_95: (end(25)?, end(975)?), standard_error })
}

/// The 97.5 % quantile of the normal distribution.
const NORMAL: f64 = 1.959_963_984_540_054;

/// The 97.5 % quantile of Student's distribution, by the expansion about the normal one (Abramowitz and
/// Stegun, 26.7.5): within 0.002 from 4 degrees of freedom on, within 1 % from 2.
fn student(degrees: f64) -> f64 {
    let (z, v) = (NORMAL, degrees);
    let z2 = z * z;
    let terms = [
        (z2 + 1.0) / 4.0,
        ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0,
        (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0,
        ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92160.0,
    ];
    z + terms.iter().rev().fold(0.0, |sum, term| (sum + z * term) / v)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of tables.
    #[test]
    fn students_quantiles() {
        for (degrees, want) in
            [(4.0, 2.776), (5.0, 2.571), (10.0, 2.228), (19.0, 2.093), (100.0, 1.984)]
        {
            assert!((student(degrees) - want).abs() < 0.002, "{degrees}: {}", student(degrees));
        }
    }

    #[test]
    fn groups_are_drawn_whole() {
        let mut stream = Stream::new(7, "test");
        // Two groups of one value each: means are those of both, or of one of them twice.
        let groups = [0, 0, 0, 1];
        let got =
            bootstrap_groups(&[vec![1.0, 1.0, 1.0, 0.0]], &groups, 4_000, &mut stream).unwrap();
        let (low, high) = got.interval_95;
        let wider = 2f64.sqrt() * student(1.0) / NORMAL;
        assert!((low - (0.75 - 0.75 * wider)).abs() < 1e-9, "{low}");
        assert!((high - (0.75 + 0.25 * wider)).abs() < 1e-9, "{high}");
        // Equal songs in groups of ten are worth a tenth of so many songs.
        let value = |group: usize| (group % 4) as f64;
        let row: Vec<f64> = (0..400).map(|i| value(i / 10)).collect();
        let of = |groups: Vec<usize>, stream: &mut Stream| {
            bootstrap_groups(std::slice::from_ref(&row), &groups, 4_000, stream)
                .unwrap()
                .standard_error
        };
        let (one, ten) = (
            of((0..400).collect(), &mut stream),
            of((0..400).map(|i| i / 10).collect(), &mut stream),
        );
        assert!((ten / one - 10f64.sqrt()).abs() < 0.2, "{one} {ten}");
        assert!((one - (1.25f64 / 400.0).sqrt()).abs() < 0.003, "{one}");
        assert_eq!(bootstrap_groups(&[vec![1.0]], &[0], 100, &mut stream), None);
        assert_eq!(bootstrap_groups(&[], &[0, 1], 100, &mut stream), None);
        assert_eq!(bootstrap_groups(&[vec![1.0]], &[0, 1], 100, &mut stream), None);
    }

    /// Songs of one group are alike, seeds differ as a whole and song by song: of data from such a law
    /// the interval holds the law's mean about 95 times of 100, in few groups and in many.
    #[test]
    fn the_interval_over_groups_and_seeds_covers_what_it_says() {
        let sizes = [11, 4, 16, 17, 20, 19, 18, 16, 8, 3, 15, 6, 13, 14, 16, 14, 8, 11, 20, 15];
        let of_sizes: Vec<usize> =
            sizes.iter().enumerate().flat_map(|(group, size)| vec![group; *size]).collect();
        let laws = [
            ("20 groups", &of_sizes, 0.05, 0.005),
            ("20 groups, seeds that differ", &of_sizes, 0.05, 0.015),
            ("songs", &(0..120).collect(), 0.0, 0.01),
            ("seeds that differ more than songs", &(0..264).collect(), 0.0, 0.05),
        ];
        for (name, groups, of_group, of_seed) in laws {
            let (mut draws, mut resamples) = (Stream::new(1, "draws"), Stream::new(1, "resamples"));
            let (mut held, trials) = (0, 400);
            for _ in 0..trials {
                let mut normal = |deviation: f64, count: usize| -> Vec<f64> {
                    (0..count).map(|_| deviation * draws.normal()).collect()
                };
                let (by_group, by_song) = (normal(of_group, 264), normal(0.2, groups.len()));
                let by_seed = normal(of_seed, 3);
                let noise = normal(0.2, 3 * groups.len());
                let value = |seed: usize, song: usize| {
                    let own = by_group[groups[song]] + by_song[song] + by_seed[seed];
                    0.04 + own + noise[seed * groups.len() + song]
                };
                let values: Vec<Vec<f64>> = (0..3)
                    .map(|seed| (0..groups.len()).map(|song| value(seed, song)).collect())
                    .collect();
                let got = bootstrap_groups(&values, groups, 400, &mut resamples).unwrap();
                let (low, high) = got.interval_95;
                held += u32::from(low <= 0.04 && 0.04 <= high);
            }
            // Three standard errors of 400 trials about 0.95, and a point.
            let share = f64::from(held) / f64::from(trials);
            assert!((0.907..0.993).contains(&share), "{name}: {share}");
        }
    }

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
