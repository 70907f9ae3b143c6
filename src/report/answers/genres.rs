//! Question 5: what differs among the classes' spectrograms.

use askama::Template;

use super::filters;
use super::findings::FEW;
use super::zones::{ZoneName, band_zones};
use crate::explain::{Axes, ClassTexture, Spread, Unit};

/// A trait that differs by less than this, in standard deviations between segments, sets no class
/// apart (J. Cohen, "Statistical power analysis for the behavioral sciences", 1988: a medium effect).
const MEDIUM: f64 = 0.5;

/// So many traits of a class are stated.
const MOST: usize = 2;

/// What differs.
#[derive(Debug, Template)]
#[template(path = "answers/genres.txt", escape = "none")]
pub(super) struct Genres {
    classes: Vec<Genre>,
    unit: Unit,
    /// Mean spectra that differ least and most, where there are more than two classes.
    nearest: Option<Pair>,
    farthest: Option<Pair>,
    /// Parts in which the nearest two are the pair that is confused most often.
    confused: Vec<&'static str>,
    /// Classes that no trait sets apart.
    plain: Vec<String>,
    /// The class that is set apart least, where it attracts errors.
    attractor: Option<Attractor>,
}

/// A class that attracts errors.
#[derive(Debug)]
struct Attractor {
    name: String,
    /// No trait sets it apart.
    is_plain: bool,
    /// `training`, `test`: where it attracts them.
    parts: Vec<&'static str>,
}

/// Where the errors of a part go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errors<'a> {
    /// `training`.
    pub(super) part: &'static str,
    /// The class that attracts them.
    pub(super) attractor: Option<&'a str>,
    /// Rows true, columns predicted.
    pub(super) confusion: &'a [Vec<u64>],
}

impl Errors<'_> {
    /// Labels of the two classes that are taken for each other most often, at least ten times.
    fn pair(&self) -> Option<(usize, usize)> {
        let at =
            |i: usize, j: usize| self.confusion.get(i).and_then(|row| row.get(j)).unwrap_or(&0);
        let classes = self.confusion.len();
        let pairs = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j)));
        let counted = pairs.map(|(i, j)| (at(i, j) + at(j, i), (i, j)));
        let most = counted.reduce(|most, one| if one.0 > most.0 { one } else { most })?;
        (most.0 >= FEW as u64).then_some(most.1)
    }
}

/// A class.
#[derive(Debug)]
struct Genre {
    name: String,
    traits: Vec<Trait>,
    zone: Option<ZoneLevel>,
}

/// Where a class's mean level differs most from the other classes'.
#[derive(Debug)]
struct ZoneLevel {
    name: ZoneName,
    level: f64,
    others: f64,
}

/// What sets a class apart.
#[derive(Debug, Clone, Copy)]
struct Trait {
    kind: Kind,
    value: f64,
    /// The mean of the other classes.
    others: f64,
    /// The difference in standard deviations between segments of a class.
    effect: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Level,
    Tilt,
    Modulation,
    Contrast,
}

/// Two classes and how far their mean spectra differ: the root mean square over bands.
#[derive(Debug)]
struct Pair {
    a: String,
    b: String,
    distance: f64,
}

impl Genres {
    pub(super) fn new(
        textures: &[ClassTexture],
        names: &[String],
        axes: &Axes,
        unit: Unit,
        errors: &[Errors<'_>],
    ) -> Self {
        let known: Vec<&ClassTexture> =
            textures.iter().filter(|texture| !texture.bands.is_empty()).collect();
        let name =
            |texture: &ClassTexture| names.get(texture.label as usize).cloned().unwrap_or_default();
        let of_class = |texture: &&ClassTexture| {
            let others: Vec<&ClassTexture> =
                known.iter().copied().filter(|other| other.label != texture.label).collect();
            let mut traits = traits(texture, &others);
            traits.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
            Genre { name: name(texture), zone: zone(texture, &others, axes), traits }
        };
        let mut classes: Vec<Genre> = known.iter().map(of_class).collect();
        let strength = |genre: &Genre| genre.traits.first().map_or(0.0, |first| first.effect.abs());
        let weakest = classes.iter().min_by(|a, b| strength(a).total_cmp(&strength(b)));
        let weakest = weakest.map(|genre| genre.name.clone());
        let plain: Vec<String> = classes
            .iter()
            .filter(|genre| strength(genre) < MEDIUM)
            .map(|genre| genre.name.clone())
            .collect();
        for genre in &mut classes {
            genre.traits.retain(|one| one.effect.abs() >= MEDIUM);
            genre.traits.truncate(MOST);
        }
        let pairs = known.iter().enumerate().flat_map(|(i, a)| {
            known[i + 1..].iter().map(|b| Pair { a: name(a), b: name(b), distance: distance(a, b) })
        });
        let mut pairs: Vec<Pair> = pairs.filter(|_| known.len() > 2).collect();
        pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        let farthest = pairs.pop();
        let nearest = pairs.into_iter().next();
        let of_labels = |(i, j): (usize, usize)| Some((names.get(i)?, names.get(j)?));
        let are_nearest = |(a, b): (&String, &String)| {
            nearest
                .as_ref()
                .is_some_and(|near| [(&near.a, &near.b), (&near.b, &near.a)].contains(&(a, b)))
        };
        let confused =
            errors.iter().filter(|of| of.pair().and_then(of_labels).is_some_and(are_nearest));
        let attracts =
            |of: &&Errors<'_>| of.attractor.is_some() && of.attractor == weakest.as_deref();
        let parts: Vec<&str> = errors.iter().filter(attracts).map(|of| of.part).collect();
        Self {
            confused: confused.map(|of| of.part).collect(),
            attractor: weakest.clone().filter(|_| !parts.is_empty()).map(|name| Attractor {
                is_plain: plain.contains(&name),
                name,
                parts,
            }),
            nearest,
            farthest,
            classes,
            unit,
            plain,
        }
    }
}

/// One of a texture's numbers.
type OfTexture = fn(&ClassTexture) -> &Spread;

fn traits(texture: &ClassTexture, others: &[&ClassTexture]) -> Vec<Trait> {
    let kinds: [(Kind, OfTexture); 4] = [
        (Kind::Level, |t| &t.level),
        (Kind::Tilt, |t| &t.tilt),
        (Kind::Modulation, |t| &t.modulation),
        (Kind::Contrast, |t| &t.contrast),
    ];
    let found = kinds.into_iter().filter_map(|(kind, of)| {
        let value = of(texture).mean?;
        let means: Vec<f64> = others.iter().filter_map(|other| of(other).mean).collect();
        let spreads = others.iter().copied().chain([texture]).map(of);
        let variances: Vec<f64> =
            spreads.filter_map(|s| s.deviation).map(|deviation| deviation * deviation).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (others, deviation) = (mean(&means), mean(&variances).sqrt());
        let effect = (value - others) / deviation;
        effect.is_finite().then_some(Trait { kind, value, others, effect })
    });
    found.collect()
}

fn zone(texture: &ClassTexture, others: &[&ClassTexture], axes: &Axes) -> Option<ZoneLevel> {
    let zones = band_zones(axes, texture.bands.len()).into_iter().map(|zone| {
        let level = |one: &ClassTexture| {
            let sum: f64 = zone
                .bands
                .iter()
                .map(|b| one.bands.get(*b))
                .map(|v| v.map_or(f64::NAN, |v| f64::from(*v)))
                .sum();
            sum / zone.bands.len() as f64
        };
        let mean = others.iter().map(|other| level(other)).sum::<f64>() / others.len() as f64;
        ZoneLevel { level: level(texture), others: mean, name: zone.name }
    });
    let difference = |zone: &ZoneLevel| (zone.level - zone.others).abs();
    zones
        .filter(|zone| difference(zone).is_finite())
        .max_by(|a, b| difference(a).total_cmp(&difference(b)))
}

fn distance(a: &ClassTexture, b: &ClassTexture) -> f64 {
    let squares: f64 =
        a.bands.iter().zip(&b.bands).map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum();
    (squares / a.bands.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(mean: f64) -> Spread {
        Spread { n: 50, mean: Some(mean), deviation: Some(2.0), ..Spread::default() }
    }

    /// Level, tilt, modulation, contrast; the upper half of eight bands is darker by the tilt.
    fn texture(label: u32, [level, tilt, modulation, contrast]: [f64; 4]) -> ClassTexture {
        let band = |b: usize| (level + if b < 4 { -tilt / 2.0 } else { tilt / 2.0 }) as f32;
        ClassTexture {
            label,
            bands: (0..8).map(band).collect(),
            level: spread(level),
            tilt: spread(tilt),
            modulation: spread(modulation),
            contrast: spread(contrast),
        }
    }

    fn text(textures: &[ClassTexture], axes: &Axes, unit: Unit, attractor: Option<&str>) -> String {
        let names = ["classical", "metal", "rock"].map(String::from);
        // Metal and rock are taken for each other most often in training, the others in test.
        let train = [vec![90, 2, 8], vec![1, 80, 19], vec![0, 30, 70]];
        let test = [vec![9, 2, 20], vec![1, 8, 1], vec![0, 0, 7]];
        let errors = [("training", &train), ("test", &test)].map(|(part, confusion)| Errors {
            part,
            attractor,
            confusion: &confusion[..],
        });
        let found = Genres::new(textures, &names, axes, unit, &errors).render().unwrap();
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn three() -> Vec<ClassTexture> {
        vec![
            texture(0, [-50.0, -20.0, 5.0, 6.0]),
            texture(1, [-30.0, -10.0, 5.0, 2.0]),
            texture(2, [-40.0, -15.0, 5.0, 4.0]),
        ]
    }

    #[test]
    fn traits_are_stated_with_their_numbers() {
        let got = text(&three(), &Axes::default(), Unit::LikeDecibels, Some("rock"));
        for part in [
            "Of the mean spectra, those of classical and metal differ most (20.6 dB",
            "Classical is quieter (mean level −50.0 dB, the others −35.0 dB) and darker (the level changes by −20.0 dB from the lower to the upper half",
            "Metal is louder (mean level −30.0 dB",
            "lies in the highest quarter of the bands (bands 6 to 7: −60.0 dB against −41.3 dB)",
            "those of classical and rock least (10.3 dB), which are taken for each other most often in test.",
            "Rock has no trait of its own, which fits that it attracts the errors in training and test.",
            "read as decibels below the maximum",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        // Of equal modulation nothing is said.
        assert!(!got.contains("more varied") && !got.contains("steadier"), "{got}");
    }

    #[test]
    fn frequencies_are_in_hz_where_they_are_known() {
        let hz = vec![50.0, 100.0, 300.0, 700.0, 1_500.0, 3_000.0, 7_000.0, 9_000.0];
        let axes = Axes { band_hz: Some(hz), frame_seconds: Some(0.01) };
        let got = text(&three(), &axes, Unit::Decibels, None);
        assert!(got.contains("lies above 2 kHz (−60.0 dB") && !got.contains("quarter"), "{got}");
        let got = text(&three(), &Axes::default(), Unit::Unknown, None);
        assert!(!got.contains("dB") && got.contains("unit of the arrays is unknown"), "{got}");
    }

    #[test]
    fn genres_differ_only_where_they_do() {
        let of = |textures: &[ClassTexture]| {
            text(textures, &Axes::default(), Unit::Decibels, Some("rock"))
        };
        assert!(of(&three()).starts_with("Of the mean spectra"));
        assert!(of(&three()[..2]).starts_with("Classical is quieter"));
        let alike: Vec<ClassTexture> =
            (0..3).map(|label| texture(label, [-40.0, -15.0, 5.0, 4.0])).collect();
        let got = of(&alike);
        assert!(got.starts_with("No genre differs from the others by half"), "{got}");
        for part in ["Yes", "no trait of", "attracts"] {
            assert!(!got.contains(part), "{part} in {got}");
        }
        assert!(of(&[]).starts_with("No spectra of the training set were measured"));
    }

    #[test]
    fn few_classes_are_no_trouble() {
        assert!(text(&three()[..1], &Axes::default(), Unit::Unknown, None).contains("one class"));
        assert!(!text(&three(), &Axes::default(), Unit::Unknown, None).contains("attracts"));
        let two = text(&three()[..2], &Axes::default(), Unit::Unknown, Some("metal"));
        assert!(!two.contains("differ most") && two.contains("Metal is louder"), "{two}");
        assert!(!two.contains("attracts"), "{two}");
    }
}
