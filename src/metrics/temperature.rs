//! Temperature scaling: probabilities softmax(logits / T) with a T that is fitted on validation data.
//!
//! C. Guo et al., "On calibration of modern neural networks", ICML 2017. The logits are the logarithms of
//! the probabilities, but for a constant of each sample that softmax does not see, so that nothing
//! but probabilities is needed. T changes no predicted class.
//!
//! A song's probability is the mean over its segments, which is less confident than they are, though it is
//! more often correct. So songs have a temperature of their own, applied to the mean (R. Rahaman and
//! A. H. Thiery, "Uncertainty quantification and deep ensembles", NeurIPS 2021: pool, then calibrate).

use serde::{Deserialize, Serialize};

use super::calibration::logit;
use super::{Calibration, SongVotes, all_song_votes, check_rows, check_same_length, first_maximum};
use crate::error::Result;

/// The least and the largest temperature: those of trained networks are between 0.3 and 6.
const RANGE: [f64; 2] = [0.2, 20.0];
/// Newton's steps; five to eight are taken, and bisection alone would come to 1e-15 with as many.
const MOST_STEPS: usize = 60;
/// The relative change of 1 / T below which it is found.
const PRECISION: f64 = 1e-12;

/// A temperature, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// Logits are divided by it; 1 changes nothing.
    pub value: f64,
    /// How it was found.
    pub fit: Fit,
}

/// How a [`Temperature`] was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// It has the least log loss.
    Minimum,
    /// The log loss falls further beyond it, the limit.
    Limit,
    /// It is 1: all predictions are correct, so that the log loss falls as long as T does.
    NoErrors,
    /// It is 1: a probability is not a number.
    NotFinite,
    /// It is 1: there are no validation samples.
    NoSamples,
}

impl Fit {
    /// Why the temperature is not where log loss is least, if so; of `what`, `validation segments`.
    pub fn problem(self, what: &str) -> Option<String> {
        match self {
            Self::Minimum => None,
            Self::Limit => {
                Some(format!("the limit; the log loss of {what} falls further beyond it"))
            }
            Self::NoErrors => Some(format!("all {what} are classified correctly")),
            Self::NotFinite => Some(format!("probabilities of {what} are not numbers")),
            Self::NoSamples => Some(format!("there are no {what}")),
        }
    }
}

/// The temperatures of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Temperatures {
    /// Of a segment's probabilities.
    pub segments: Temperature,
    /// Of a song's mean probabilities; none where songs are unknown.
    pub songs: Option<SongTemperature>,
}

/// The temperature of songs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SongTemperature {
    /// That of songs with so many segments as those of the validation set.
    #[serde(flatten)]
    pub temperature: Temperature,
    /// Mean number of segments of its songs.
    pub segments: f64,
}

/// Calibration of a part's probabilities as they are calibrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// Of samples; before, it is [`super::PartScores::calibration`].
    pub samples: Calibration,
    /// Of songs, where they are known.
    pub songs: Option<CalibratedSongs>,
}

/// Calibration of songs' probabilities before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratedSongs {
    /// Of mean probabilities.
    pub before: Calibration,
    /// Of these as they are calibrated.
    pub after: Calibration,
}

impl Temperatures {
    /// Fits them on validation samples with labels `y` and `probabilities`, `[n, classes]`.
    ///
    /// # Errors
    /// If they do not fit together.
    pub fn fit(
        y: &[u32],
        probabilities: &[f32],
        classes: usize,
        song: Option<&[i64]>,
    ) -> Result<Self> {
        check_rows(probabilities.len(), classes)?;
        check_same_length(y.len(), probabilities.len() / classes)?;
        let logits = probabilities.iter().map(|p| logit((*p).into())).collect();
        let segments = Temperature::fit(&Logits { y: y.to_vec(), logits, classes });
        let songs = song.map(|song| all_song_votes(song, y, probabilities, classes)).transpose()?;
        let songs = songs.map(|songs| SongTemperature {
            temperature: Temperature::fit(&Logits {
                y: songs.iter().map(|song| song.label).collect(),
                logits: songs
                    .iter()
                    .flat_map(|song| &song.probabilities)
                    .map(|p| logit(*p))
                    .collect(),
                classes,
            }),
            segments: y.len() as f64 / songs.len().max(1) as f64,
        });
        Ok(Self { segments, songs })
    }

    /// The temperature of the mean over so many segments of a song: between that of one segment and
    /// that of songs, 1 / T goes with the logarithm of the number.
    pub fn of_song(&self, segments: usize) -> f64 {
        let one = self.segments.value;
        let Some(SongTemperature { temperature, segments: all }) = self.songs else {
            return if segments > 1 { 1.0 } else { one };
        };
        if segments as f64 >= all {
            return temperature.value;
        }
        let share = (segments.max(1) as f64).ln() / all.ln();
        1.0 / ((1.0 - share) / one + share / temperature.value)
    }

    /// How well the probabilities of a part are calibrated with these temperatures.
    ///
    /// # Errors
    /// If labels and probabilities do not fit together.
    pub fn calibrated(
        &self,
        y: &[u32],
        probabilities: &[f32],
        classes: usize,
        songs: Option<&[SongVotes]>,
    ) -> Result<Calibrated> {
        check_rows(probabilities.len(), classes)?;
        check_same_length(y.len(), probabilities.len() / classes)?;
        let rows = y.iter().zip(probabilities.chunks_exact(classes));
        let samples = rows
            .map(|(&y, row)| (y, scaled(row.iter().map(|p| f64::from(*p)), self.segments.value)));
        let of_songs = |songs: &[SongVotes]| CalibratedSongs {
            before: Calibration::of(
                songs.iter().map(|song| (song.label, song.probabilities.clone())),
            ),
            after: Calibration::of(songs.iter().map(|song| {
                let means = song.probabilities.iter().copied();
                (song.label, scaled(means, self.of_song(song.segments)))
            })),
        };
        Ok(Calibrated { samples: Calibration::of(samples), songs: songs.map(of_songs) })
    }
}

/// Probabilities at a temperature; at 1 they stay as they are.
pub fn scaled(row: impl Iterator<Item = f64>, temperature: f64) -> Vec<f64> {
    let row: Vec<f64> = row.collect();
    #[expect(clippy::float_cmp, reason = "bits that must not change")]
    if temperature == 1.0 {
        return row;
    }
    softmax(row.into_iter().map(logit), 1.0 / temperature)
}

/// softmax(inverse · logits).
fn softmax(logits: impl Iterator<Item = f64>, inverse: f64) -> Vec<f64> {
    let mut row: Vec<f64> = logits.map(|z| inverse * z).collect();
    let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|z| *z = (*z - highest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|p| *p /= sum);
    row
}

/// Labels and logits `[n, classes]`.
struct Logits {
    y: Vec<u32>,
    logits: Vec<f64>,
    classes: usize,
}

impl Logits {
    fn rows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        self.y.iter().map(|y| *y as usize).zip(self.logits.chunks_exact(self.classes))
    }

    /// First and second derivative of the log loss by b = 1 / T: the means over samples of
    /// E(z) − z_y and of Var(z) under softmax(b z), so that the log loss is convex in b.
    fn derivatives(&self, inverse: f64) -> (f64, f64) {
        let (mut first, mut second) = (0.0, 0.0);
        for (y, row) in self.rows() {
            let p = softmax(row.iter().copied(), inverse);
            let mean: f64 = p.iter().zip(row).map(|(p, z)| p * z).sum();
            first += mean - row[y];
            second += p.iter().zip(row).map(|(p, z)| p * (z - mean).powi(2)).sum::<f64>();
        }
        let n = self.y.len() as f64;
        (first / n, second / n)
    }
}

impl Temperature {
    /// Newton's method for 1 / T, within an interval that each step narrows: a step that leaves it is
    /// replaced by bisection.
    fn fit(samples: &Logits) -> Self {
        let one = |fit| Self { value: 1.0, fit };
        if samples.y.is_empty() {
            return one(Fit::NoSamples);
        }
        if !samples.logits.iter().all(|z| z.is_finite()) {
            return one(Fit::NotFinite);
        }
        if samples.rows().all(|(y, row)| first_maximum(row.iter().copied()) as usize == y) {
            return one(Fit::NoErrors);
        }
        let [mut low, mut high] = [1.0 / RANGE[1], 1.0 / RANGE[0]];
        if samples.derivatives(low).0 >= 0.0 {
            return Self { value: RANGE[1], fit: Fit::Limit };
        }
        if samples.derivatives(high).0 <= 0.0 {
            return Self { value: RANGE[0], fit: Fit::Limit };
        }
        let mut inverse = 1.0;
        for _ in 0..MOST_STEPS {
            let (slope, curvature) = samples.derivatives(inverse);
            if slope > 0.0 {
                high = inverse;
            } else {
                low = inverse;
            }
            let newton = inverse - slope / curvature;
            let inside = newton > low && newton < high;
            let next = if inside { newton } else { f64::midpoint(low, high) };
            let found = (next - inverse).abs() <= PRECISION * inverse;
            inverse = next;
            if found || slope == 0.0 {
                break;
            }
        }
        Self { value: 1.0 / inverse, fit: Fit::Minimum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::streams::Stream;

    fn fitted(y: &[u32], p: &[f32], classes: usize) -> Temperature {
        Temperatures::fit(y, p, classes, None).unwrap().segments
    }

    /// Two classes, three of four samples correct with p = 0.9: at the minimum p is 3/4, so 1 / T is
    /// ln 3 / ln 9.
    #[test]
    fn two_classes_by_hand() {
        let got = fitted(&[0, 0, 0, 1], &[0.9, 0.1].repeat(4), 2);
        assert_eq!(got.fit, Fit::Minimum);
        let want = f64::from(0.9_f32 / 0.1_f32).ln() / 3_f64.ln();
        assert!((got.value - want).abs() < 1e-6, "{} {want}", got.value);
        let row = scaled([0.9, 0.1].into_iter(), 2.0);
        assert!((row[0] - 0.75).abs() < 1e-12 && (row[1] - 0.25).abs() < 1e-12, "{row:?}");
        assert_eq!(scaled([0.9, 0.1].into_iter(), 1.0), [0.9, 0.1]);
    }

    /// Labels drawn from softmax(z / 2.5): the temperature is found again, and the derivative there is
    /// zero; probabilities that were rounded to 0 count as the least normal ones.
    #[test]
    fn a_known_temperature_is_found() {
        let mut stream = Stream::new(7, "temperature");
        let (mut y, mut p) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            let z: Vec<f64> = (0..4).map(|_| 4.0 * stream.normal()).collect();
            let mut left = stream.uniform();
            let truth = softmax(z.iter().copied(), 1.0 / 2.5);
            let label = truth.iter().position(|p| {
                left -= p;
                left < 0.0
            });
            y.push(label.unwrap_or(3) as u32);
            p.extend(softmax(z.into_iter(), 1.0).iter().map(|p| *p as f32));
        }
        let got = fitted(&y, &p, 4);
        assert!((got.value - 2.5).abs() < 0.1, "{got:?}");
        let logits = p.iter().map(|p| logit((*p).into())).collect();
        let slope = Logits { y, logits, classes: 4 }.derivatives(1.0 / got.value).0;
        assert!(slope.abs() < 1e-11, "{slope}");
        assert!(logit(0.0) > -88.0 && logit(0.0) < -87.0);
    }

    #[test]
    fn what_has_no_minimum_is_bounded_and_says_so() {
        let of = |y: &[u32], p: &[f32]| fitted(y, p, 2);
        assert_eq!(of(&[], &[]), Temperature { value: 1.0, fit: Fit::NoSamples });
        let right = of(&[0, 1], &[0.9, 0.1, 0.2, 0.8]);
        assert_eq!(right, Temperature { value: 1.0, fit: Fit::NoErrors });
        assert!(right.fit.problem("validation songs").unwrap().contains("all validation songs"));
        let nan = of(&[0, 1], &[f32::NAN, 0.1, 0.2, 0.8]);
        assert_eq!(nan, Temperature { value: 1.0, fit: Fit::NotFinite });
        let wrong = of(&[1, 0], &[0.9, 0.1, 0.2, 0.8]);
        assert_eq!(wrong, Temperature { value: 20.0, fit: Fit::Limit });
        // One of a thousand is wrong, nearly a tie; the others are correct by as little.
        let y: Vec<u32> = (0..1000).map(|i| u32::from(i == 0)).collect();
        let sharp = of(&y, &[0.51, 0.49].repeat(1000));
        assert_eq!(sharp, Temperature { value: 0.2, fit: Fit::Limit });
        assert!(Temperatures::fit(&[0], &[0.5; 3], 2, None).is_err());
        assert!(Temperatures::fit(&[0, 1], &[0.5; 2], 2, None).is_err());
    }

    /// A network that knows nothing has all temperatures alike; Newton's division by 0 is no harm.
    #[test]
    fn equal_probabilities_end() {
        let got = fitted(&[0, 1, 1], &[0.5; 6], 2);
        assert!(got.value.is_finite() && got.value > 0.0, "{got:?}");
    }

    #[test]
    fn the_number_of_segments_of_a_song_counts() {
        let of = |value| Temperature { value, fit: Fit::Minimum };
        let songs = SongTemperature { temperature: of(0.5), segments: 16.0 };
        let both = Temperatures { segments: of(2.0), songs: Some(songs) };
        let got = [0, 1, 4, 16, 99].map(|n| both.of_song(n));
        // 1 / T: 0.5 for one, 2 for 16, and half way, at 4, 1.25.
        assert_eq!(got, [2.0, 2.0, 0.8, 0.5, 0.5]);
        let unknown = Temperatures { songs: None, ..both };
        assert_eq!([1, 2].map(|n| unknown.of_song(n)), [2.0, 1.0]);
        let single = SongTemperature { temperature: of(2.0), segments: 1.0 };
        assert_eq!(Temperatures { songs: Some(single), ..both }.of_song(5), 2.0);
        let text = serde_json::to_string(&both).unwrap();
        let want = "{\"segments\":{\"value\":2.0,\"fit\":\"minimum\"},\
                    \"songs\":{\"value\":0.5,\"fit\":\"minimum\",\"segments\":16.0}}";
        assert_eq!(text, want);
        assert_eq!(serde_json::from_str::<Temperatures>(&text).unwrap(), both);
    }

    /// On the data that it was fitted on no temperature has a lower log loss, by segment and by song,
    /// and no class changes.
    #[test]
    fn the_log_loss_is_least() {
        let mut stream = Stream::new(9, "temperature");
        let (mut y, mut song, mut p) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..400_u32 {
            let label = i / 4 % 3;
            let z = (0..3).map(|k| 3.0 * stream.normal() + f64::from(u8::from(k == label)));
            p.extend(softmax(z, 1.0).iter().map(|p| *p as f32));
            y.push(label);
            song.push(i64::from(i / 4));
        }
        let best = Temperatures::fit(&y, &p, 3, Some(&song)).unwrap();
        let songs = all_song_votes(&song, &y, &p, 3).unwrap();
        let losses = |temperatures: Temperatures| {
            let got = temperatures.calibrated(&y, &p, 3, Some(&songs)).unwrap();
            (got.samples.log_loss.unwrap(), got.songs.unwrap().after.log_loss.unwrap())
        };
        let least = losses(best);
        for factor in [0.99, 1.01] {
            let mut other = best;
            other.segments.value *= factor;
            other.songs.as_mut().unwrap().temperature.value *= factor;
            let (segments, songs) = losses(other);
            assert!(segments > least.0 && songs > least.1);
        }
        for (row, song) in p.chunks_exact(3).zip(song) {
            let class = |row: &[f64]| first_maximum(row.iter().copied());
            let before: Vec<f64> = row.iter().map(|p| f64::from(*p)).collect();
            let after = scaled(before.iter().copied(), best.segments.value);
            assert_eq!(class(&before), class(&after), "song {song}");
        }
    }
}
