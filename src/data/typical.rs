//! Which songs are like the training songs, so that a class may be claimed of them.
//!
//! Three properties of a song's bands are compared with those of the training songs: the average
//! spectrum, how much each band varies over time, and how much it changes from one frame to the
//! next. Silence, noise and tones vary less than music; other recordings have another spectrum.
//! The distance in each is the root mean square over bands of the standardised difference: about 1
//! for a training song.
//!
//! A song that was stored with few bits, at a low sample rate or a low bit rate is still a song, but
//! some of its bands hold noise or nothing. So the distance over all bands gives a remark, and that
//! over the nearer half of the bands decides. Sound that has hardly any band, or that is noise under
//! changing loudness, may be near in half of its bands: two more figures catch it.

use serde::{Deserialize, Serialize};

use super::bands::{Bands, SongBands, distance, mean_and_deviation, positive};
use super::{Dataset, PartName, Spectra};
use crate::error::Result;
use crate::metrics::quantile;

/// Limits are at least this quantile of the distances of training and validation songs, in
/// thousandths …
const LIMIT_QUANTILE: usize = 980;
/// … and at least this: of few songs, all may be alike by chance.
const LEAST_LIMIT: f64 = 1.5;
/// The share of validation songs, and of all, that may be beyond the limits.
const MOST_ATYPICAL: f64 = 0.02;
/// Variances are compared by their logarithm; this share of the training set's mean variance is
/// added to them, because below it they are that of rounding.
const FLOOR: f64 = 0.04;
/// Limits of what decides are this multiple of their quantile: half of the bands of a badly stored
/// song are not quite what they were.
const SLACK: f64 = 1.25;
/// The least limit of the likeness to noise; songs of four genres reach 3.2, noise 3.7 and more.
const LEAST_NOISE: f64 = 3.4;
/// The least deviation of the figures behind it, which are logarithms.
const LEAST_DEVIATION: f64 = 0.05;
/// The least share of bands with sound, as a share of the training songs' mean.
const LEAST_BANDS: f64 = 0.5;

/// A property of songs that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Mean of each band.
    Spectrum,
    /// Logarithm of each band's standard deviation over time.
    Variation,
    /// Logarithm of the root mean square difference between neighbouring frames.
    Steps,
}

impl Property {
    /// All, in the order of [`Typical::properties`].
    pub const ALL: [Self; 3] = [Self::Spectrum, Self::Variation, Self::Steps];
}

/// Why a song is not like the training songs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlike {
    /// A property, even in the nearer half of the bands.
    Property(Property),
    /// Each band changes as noise does, whatever the loudness.
    Noise,
    /// Few bands have sound.
    FewBands,
}

/// The training songs' distribution of one property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Mean of each band over songs, `[h]`.
    pub mean: Vec<f32>,
    /// Their standard deviation, `[h]`; at least a tenth of all bands' root mean square.
    pub deviation: Vec<f32>,
    /// The largest distance of a typical song.
    pub limit: f32,
    /// That in the nearer half of the bands.
    pub half_limit: f32,
}

/// How much a song's bands change against each other, and how much of that is from frame to frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Texture {
    /// Means over the training songs of the bands' variation and of its share from frame to frame.
    pub mean: [f32; 2],
    /// Their standard deviations.
    pub deviation: [f32; 2],
    /// The largest likeness to noise of a typical song.
    pub limit: f32,
}

/// What the training songs are like, and the limits beyond which a song is not like them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Typical {
    /// Spectrum, variation and steps.
    pub properties: [Distribution; 3],
    /// What is added to variances.
    pub floor: f32,
    /// What tells music from noise.
    pub texture: Texture,
    /// The least share of bands with sound.
    pub least_bands: f32,
    /// Validation songs (or samples) that the limits were calibrated on.
    pub validation: usize,
    /// Those of them that are unlike the training songs.
    pub atypical: usize,
}

/// How far a song is from the training songs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Typicality {
    /// Distances by spectrum, variation and steps.
    pub distances: [f64; 3],
    /// Their limits.
    pub limits: [f64; 3],
    /// Distances in the nearer half of the bands.
    pub half_distances: [f64; 3],
    /// Their limits.
    pub half_limits: [f64; 3],
    /// The likeness to noise: 0 for the mean training song, in standard deviations.
    pub noise: f64,
    /// Its limit.
    pub noise_limit: f64,
    /// The share of bands with sound.
    pub bands: f64,
    /// Its limit, from below.
    pub least_bands: f64,
    /// Bands that are farther than the limit, by property.
    #[serde(skip)]
    pub far_bands: [usize; 3],
    /// The highest band with sound, counted from 1; 0 if there is none.
    #[serde(skip)]
    pub highest_band: usize,
    /// Number of bands.
    #[serde(skip)]
    pub all_bands: usize,
    /// The mean over bands of the standardised differences, with their signs.
    #[serde(skip)]
    pub shifts: [f64; 3],
}

impl Typicality {
    /// The property whose distance over all bands is most beyond its limit, if one is.
    pub fn beyond(&self) -> Option<Property> {
        most_beyond(Property::ALL.into_iter().zip(self.scores()))
    }

    /// Why the song is unlike the training songs, if it is.
    pub fn unlike(&self) -> Option<Unlike> {
        most_beyond(self.deciding())
    }

    /// Whether the song has less of a property than the training songs.
    pub fn is_less(&self, property: Property) -> bool {
        self.shifts[property as usize] < 0.0
    }

    fn scores(&self) -> impl Iterator<Item = f64> {
        self.distances.into_iter().zip(self.limits).map(|(distance, limit)| distance / limit)
    }

    /// What decides, relative to its limits.
    fn deciding(&self) -> impl Iterator<Item = (Unlike, f64)> {
        let half = self.half_distances.into_iter().zip(self.half_limits);
        let half =
            Property::ALL.map(Unlike::Property).into_iter().zip(half.map(|(d, limit)| d / limit));
        let bands = if self.least_bands > 0.0 { self.least_bands / self.bands } else { 0.0 };
        half.chain([(Unlike::Noise, self.noise / self.noise_limit), (Unlike::FewBands, bands)])
    }
}

fn most_beyond<T>(scores: impl Iterator<Item = (T, f64)>) -> Option<T> {
    let (which, score) = scores.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    // Not a number is beyond, too.
    (score > 1.0 || score.is_nan()).then_some(which)
}

/// What is known of the songs that a model was trained on: their spectra, and which songs are like
/// them.
///
/// # Errors
/// If samples are on disk and cannot be read.
pub fn known_songs(data: &Dataset) -> Result<(Spectra, Typical)> {
    let train = SongBands::read(data, PartName::Train)?;
    let val = SongBands::read(data, PartName::Val)?;
    Ok((Spectra::of(&train), Typical::new(&train.bands, &val.bands)))
}

impl Typical {
    fn new(train: &[Bands], val: &[Bands]) -> Self {
        let variances = || train.iter().flat_map(|bands| &bands.variance);
        let mean_variance = variances().sum::<f64>() / variances().count().max(1) as f64;
        let floor = if mean_variance > 0.0 { positive(FLOOR * mean_variance) } else { 1.0 };
        let mut typical = Self {
            properties: Property::ALL.map(|property| {
                let each: Vec<Vec<f64>> =
                    train.iter().map(|bands| values(property, bands, floor)).collect();
                let each: Vec<&[f64]> = each.iter().map(Vec::as_slice).collect();
                let (mean, deviation) = mean_and_deviation(&each);
                Distribution { mean, deviation, limit: 1.0, half_limit: 1.0 }
            }),
            floor,
            texture: Texture::of(train, floor),
            least_bands: (LEAST_BANDS * average(train.iter().map(share_heard))) as f32,
            validation: val.len(),
            atypical: 0,
        };
        let judge = |typical: &Self| -> Vec<Typicality> {
            train.iter().chain(val).map(|bands| typical.judge(bands)).collect()
        };
        let all = judge(&typical);
        let quantile_of = |figure: &dyn Fn(&Typicality) -> f64| {
            let mut figures: Vec<f64> = all.iter().map(figure).collect();
            figures.sort_unstable_by(f64::total_cmp);
            quantile(&figures, LIMIT_QUANTILE).unwrap_or(LEAST_LIMIT)
        };
        for (i, property) in typical.properties.iter_mut().enumerate() {
            property.limit = positive(quantile_of(&|song| song.distances[i]).max(LEAST_LIMIT));
            let half = SLACK * quantile_of(&|song| song.half_distances[i]);
            property.half_limit = positive(half.max(LEAST_LIMIT / 2.0));
        }
        typical.texture.limit = positive(quantile_of(&|song| song.noise).max(LEAST_NOISE));
        // All limits are raised together until few songs are beyond any of them: of the validation
        // songs, and of all, since each figure has its own limit.
        let factor_of = |score: &dyn Fn(&Typicality) -> f64| {
            let scores: Vec<f64> = judge(&typical).iter().map(score).collect();
            let of = |scores: &[f64]| {
                let allowed = (MOST_ATYPICAL * scores.len() as f64) as usize;
                let mut scores = scores.to_vec();
                scores.sort_unstable_by(|a, b| b.total_cmp(a));
                // Rounded up, so that the song with this score is within.
                scores.get(allowed).map_or(1.0, |score| (score * 1.000_001).max(1.0))
            };
            of(&scores).max(of(&scores[train.len()..]))
        };
        let over_all = factor_of(&|song| song.scores().fold(0.0, f64::max));
        let deciding =
            factor_of(&|song| song.deciding().fold(0.0, |most, (_, score)| most.max(score)));
        let raise = |limit: &mut f32, factor: f64| *limit = positive(f64::from(*limit) * factor);
        for property in &mut typical.properties {
            raise(&mut property.limit, over_all);
            raise(&mut property.half_limit, deciding);
        }
        raise(&mut typical.texture.limit, deciding);
        typical.least_bands = (f64::from(typical.least_bands) / deciding) as f32;
        let unlike = |song: &&Typicality| song.unlike().is_some();
        typical.atypical = judge(&typical).iter().skip(train.len()).filter(unlike).count();
        typical
    }

    /// Whether it is of this number of bands, and its numbers are possible.
    pub fn fits(&self, bands: usize) -> bool {
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let Texture { mean, deviation, limit } = &self.texture;
        positive(self.floor)
            && positive(*limit)
            && mean.iter().all(|x| x.is_finite())
            && deviation.iter().all(|x| positive(*x))
            && (0.0..=1.0).contains(&self.least_bands)
            && self.properties.iter().all(|Distribution { mean, deviation, limit, half_limit }| {
                [mean.len(), deviation.len()] == [bands; 2]
                    && positive(*limit)
                    && positive(*half_limit)
                    && deviation.iter().all(|x| positive(*x))
                    && mean.iter().all(|x| x.is_finite())
            })
    }

    /// Compares a song with the training songs.
    pub fn judge(&self, bands: &Bands) -> Typicality {
        let heard = || bands.mostly_heard().zip(1..);
        let mut judged = Typicality {
            distances: [0.0; 3],
            limits: [0.0; 3],
            half_distances: [0.0; 3],
            half_limits: [0.0; 3],
            noise: self.texture.noise(texture(bands, self.floor)),
            noise_limit: f64::from(self.texture.limit),
            bands: share_heard(bands),
            least_bands: f64::from(self.least_bands),
            far_bands: [0; 3],
            highest_band: heard()
                .filter_map(|(heard, band)| heard.then_some(band))
                .last()
                .unwrap_or(0),
            all_bands: bands.mean.len(),
            shifts: [0.0; 3],
        };
        for (i, (property, known)) in Property::ALL.into_iter().zip(&self.properties).enumerate() {
            let Distribution { mean, deviation, limit, half_limit } = known;
            let values = values(property, bands, self.floor);
            let terms = values.iter().zip(mean).zip(deviation);
            let mut off: Vec<f64> =
                terms.map(|((x, m), d)| (x - f64::from(*m)) / f64::from(*d)).collect();
            judged.shifts[i] = average(off.iter().copied());
            judged.distances[i] = distance(&values, mean, deviation);
            judged.limits[i] = f64::from(*limit);
            judged.far_bands[i] = off.iter().filter(|x| x.abs() > f64::from(*limit)).count();
            off.iter_mut().for_each(|x| *x *= *x);
            off.sort_unstable_by(f64::total_cmp);
            off.truncate(off.len().div_ceil(2));
            judged.half_distances[i] = average(off).sqrt();
            judged.half_limits[i] = f64::from(*half_limit);
        }
        judged
    }
}

impl Texture {
    fn of(train: &[Bands], floor: f32) -> Self {
        let each: Vec<[f64; 2]> = train.iter().map(|bands| texture(bands, floor)).collect();
        let mean = [0, 1].map(|i| average(each.iter().map(|x| x[i])));
        let deviation = [0, 1].map(|i| {
            let variance = average(each.iter().map(|x| (x[i] - mean[i]).powi(2)));
            positive(variance.sqrt().max(LEAST_DEVIATION))
        });
        Self { mean: mean.map(|x| x as f32), deviation, limit: 1.0 }
    }

    /// Noise has less contrast than music, and changes more from frame to frame.
    fn noise(&self, texture: [f64; 2]) -> f64 {
        let [contrast, haste] =
            [0, 1].map(|i| (texture[i] - f64::from(self.mean[i])) / f64::from(self.deviation[i]));
        (haste - contrast) / 2f64.sqrt()
    }
}

fn average(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0), |(sum, n), x| (sum + x, n + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// The share of bands with sound.
fn share_heard(bands: &Bands) -> f64 {
    average(bands.mostly_heard().map(|heard| f64::from(u8::from(heard))))
}

/// Over the bands with sound, each without the frame's level: the upper quartile of the logarithm of
/// the deviation, and the lower one of that of the step relative to it. Quartiles, since of a badly
/// stored song some bands hold noise.
fn texture(bands: &Bands, floor: f32) -> [f64; 2] {
    let floor = f64::from(floor);
    let own = bands.own_variance.iter().zip(&bands.own_step).zip(bands.mostly_heard());
    let own = own.filter(|(_, heard)| *heard).map(|((variance, step), _)| {
        [0.5 * (variance + floor).ln(), 0.5 * ((step + floor) / (variance + floor)).ln()]
    });
    let (mut contrast, mut haste): (Vec<f64>, Vec<f64>) = own.map(|[a, b]| (a, b)).unzip();
    contrast.sort_unstable_by(f64::total_cmp);
    haste.sort_unstable_by(f64::total_cmp);
    let nothing = [0.5 * floor.ln(), 0.0];
    [quantile(&contrast, 750).unwrap_or(nothing[0]), quantile(&haste, 250).unwrap_or(nothing[1])]
}

/// A property of each band.
fn values(property: Property, bands: &Bands, floor: f32) -> Vec<f64> {
    let half_log = |squares: &[f64]| -> Vec<f64> {
        squares.iter().map(|square| 0.5 * (square + f64::from(floor)).ln()).collect()
    };
    match property {
        Property::Spectrum => bands.mean.clone(),
        Property::Variation => half_log(&bands.variance),
        Property::Steps => half_log(&bands.step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::streams::Stream;

    const SHAPE: [usize; 3] = [4, 20, 1];

    /// A "song": each band is a random walk around a level.
    fn song(seed: u64, swing: f64) -> Bands {
        let mut stream = Stream::new(seed, "song");
        let mut x = Vec::new();
        for band in 0..SHAPE[0] {
            let level = 0.3 * stream.normal() - band as f64;
            let mut at = 0.0;
            for _ in 0..SHAPE[1] {
                at = 0.8 * at + swing * stream.normal();
                x.push((level + at) as f32);
            }
        }
        Bands::of(&x, SHAPE)
    }

    fn songs(seeds: std::ops::Range<u64>) -> Vec<Bands> {
        seeds.map(|seed| song(seed, 0.4)).collect()
    }

    #[test]
    fn bands_by_hand() {
        let bands = Bands::of(&[0.0, 2.0, 4.0, 1.0, 1.0, 1.0], [2, 3, 1]);
        assert_eq!((bands.mean, bands.step), (vec![2.0, 1.0], vec![4.0, 0.0]));
        assert!((bands.variance[0] - 8.0 / 3.0).abs() < 1e-12 && bands.variance[1] == 0.0);
        // The first band is heard in half of the frames only, so the second is the level.
        let own = Bands::of(&[0.0, 0.0, 9.0, 9.0, 5.0, 5.0, 6.0, 7.0], [2, 4, 1]);
        assert_eq!(own.heard, [0.5, 1.0]);
        assert_eq!((own.own_variance[1], own.own_step[1]), (0.0, 0.0), "it is the level itself");
        assert_eq!(own.own_step[0], (0.0f64 + 64.0 + 1.0) / 3.0);
        // Two channels: steps are from frame to frame, not from channel to channel.
        let two = Bands::of(&[0.0, 9.0, 1.0, 10.0, 2.0, 11.0], [1, 3, 2]);
        assert_eq!((two.mean, two.step), (vec![5.5], vec![1.0]));
        assert_eq!(Bands::of(&[3.0, 5.0], [2, 1, 1]).step, [0.0, 0.0], "one frame has no step");
    }

    #[test]
    fn at_most_two_in_a_hundred_validation_songs_are_beyond() {
        for n in [1, 3, 20, 49, 50, 120] {
            let typical = Typical::new(&songs(0..100), &songs(1000..1000 + n));
            assert!(typical.fits(4) && !typical.fits(5));
            assert_eq!(typical.validation, n as usize);
            assert!(typical.atypical as f64 <= 0.02 * n as f64, "{} of {n}", typical.atypical);
        }
    }

    #[test]
    fn what_does_not_change_or_is_elsewhere_is_named() {
        let typical = Typical::new(&songs(0..100), &songs(1000..1050));
        let new = songs(5000..5100);
        let beyond = new.iter().filter(|song| typical.judge(song).beyond().is_some()).count();
        // One of the 50 validation songs may be beyond, so that of new ones 2 in 51 are on average; in
        // 97 of 100 draws of validation songs no more than 10.
        assert!(beyond <= 10, "{beyond} of 100 songs of the kind");
        let steady = typical.judge(&song(7, 0.02));
        assert!(matches!(steady.beyond(), Some(Property::Variation | Property::Steps)));
        assert!(steady.is_less(Property::Variation) && steady.is_less(Property::Steps));
        let mut louder = song(7, 0.4);
        louder.mean.iter_mut().for_each(|mean| *mean += 3.0);
        let louder = typical.judge(&louder);
        assert_eq!(louder.beyond(), Some(Property::Spectrum));
        assert!(!louder.is_less(Property::Spectrum));
    }

    /// Bands `[20, 40, 1]` with notes of their own, at the floor of −8 where nothing sounds.
    fn music(seed: u64) -> Vec<f32> {
        let mut stream = Stream::new(seed, "music");
        let mut x = Vec::new();
        let (swing, shift) = (1.5 * (0.25 * stream.normal()).exp(), 0.5 * stream.normal());
        for band in 0..20 {
            let mut note = 0.0;
            for frame in 0..40 {
                if frame % 8 == 0 {
                    note = shift + swing * stream.normal();
                }
                let level = 0.1 * stream.normal() - 0.1 * f64::from(band);
                x.push((level + note - 0.1 * f64::from(frame % 8)).max(-8.0) as f32);
            }
        }
        x
    }

    /// Noise in all bands, under one envelope.
    fn noise(seed: u64, envelope: impl Fn(usize) -> f64) -> Vec<f32> {
        let mut stream = Stream::new(seed, "noise");
        let frames = std::iter::repeat_n(0..40, 20).flatten();
        frames.map(|frame| (envelope(frame) + 0.4 * stream.normal()) as f32).collect()
    }

    /// Some bands hold nothing, or noise: still a song. Noise stays noise whatever its loudness.
    #[test]
    fn a_badly_stored_song_is_a_song_and_noise_is_not() {
        let of = |x: &[f32]| Bands::of(x, [20, 40, 1]);
        let songs = |seeds: std::ops::Range<u64>| -> Vec<Bands> {
            seeds.map(|seed| of(&music(seed))).collect()
        };
        let typical = Typical::new(&songs(0..60), &songs(100..150));
        assert!(typical.fits(20) && typical.atypical <= 1);
        let (mut cut, mut hissing) = (music(500), music(501));
        cut[14 * 40..].fill(-8.0);
        hissing[14 * 40..].copy_from_slice(&noise(1, |_| 3.0)[14 * 40..]);
        for (what, x) in [("cut", cut), ("hissing", hissing)] {
            let judged = typical.judge(&of(&x));
            assert_eq!(judged.unlike(), None, "{what}: {judged:?}");
            assert!(judged.beyond().is_some(), "{what}: {judged:?}");
            let property = judged.beyond().unwrap();
            assert!((4..=10).contains(&judged.far_bands[property as usize]), "{what}: {judged:?}");
        }
        let waving = |frame: usize| 1.6 * (frame as f64 / 4.0).sin() - 1.0;
        let stepping = |frame: usize| if frame % 16 < 8 { 1.0 } else { -2.0 };
        let fading = |frame: usize| frame as f64 / 10.0 - 3.0;
        let envelopes: [(&str, &dyn Fn(usize) -> f64); 4] = [
            ("even", &|_| -1.0),
            ("waving", &waving),
            ("stepping", &stepping),
            ("fading", &fading),
        ];
        for (what, envelope) in envelopes {
            let judged = typical.judge(&of(&noise(7, envelope)));
            assert!(judged.unlike().is_some(), "{what}: {judged:?}");
            assert!(judged.noise > judged.noise_limit, "{what}: {judged:?}");
        }
        // Two bands, as of a tone that swells.
        let mut tone = vec![-8.0; 800];
        tone[5 * 40..7 * 40].copy_from_slice(&music(502)[5 * 40..7 * 40]);
        assert!(typical.judge(&of(&tone)).unlike().is_some());
        assert_eq!(typical.judge(&of(&tone)).highest_band, 7);
    }

    #[test]
    fn few_or_equal_songs_are_no_division_by_zero() {
        for (train, val) in [(songs(0..1), vec![]), (vec![song(3, 0.0); 2], songs(0..1))] {
            let typical = Typical::new(&train, &val);
            assert!(typical.fits(4), "{typical:?}");
            assert_eq!(typical.judge(&train[0]).beyond(), None);
        }
    }

    #[test]
    fn a_file_gives_back_the_very_numbers() {
        let typical = Typical::new(&songs(0..10), &songs(10..14));
        let text = serde_json::to_string(&typical).unwrap();
        assert_eq!(serde_json::from_str::<Typical>(&text).unwrap(), typical);
    }
}
