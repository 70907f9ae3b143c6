//! Question 5: where the maps lie, and why predictions are wrong.

use askama::Template;

use super::filters;
use super::findings::{BandHeat, FEW, Finding, Heat};
use super::zones::band_zones;
use crate::explain::{Axes, Class, ClassOcclusion, Unit, Zone};

/// A part of the frequency axis is where a class's heat lies if it has this many times what a
/// uniform map has there, and this share of the heat.
const TIMES_FLAT: f64 = 1.3;
const SHARE: f64 = 0.25;

/// Where the maps lie, and why predictions are wrong.
#[derive(Debug, Template)]
#[template(path = "answers/maps.txt", escape = "none")]
pub(super) struct MapsShow {
    /// `training`.
    pub(super) part: &'static str,
    pub(super) layer: String,
    /// The network pads with zeros.
    pub(super) pads: bool,
    pub(super) unit: Unit,
    pub(super) errors: usize,
    /// Songs are known, and some have several segments.
    pub(super) songs: bool,
    pub(super) lit: Vec<Lit>,
    pub(super) findings: Vec<Finding>,
    /// Classes whose first correct samples, all of them, are of one song.
    pub(super) one_song: Vec<String>,
    /// Empty maps among those of the part, where there are any: so many of so many.
    pub(super) empty: usize,
    pub(super) all: usize,
    /// Frames at the end that no cell covers.
    pub(super) uncovered: usize,
}

/// Where the heat of a class's correct maps lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lit {
    class: String,
    /// Part of the frequency axis, share of the heat, share of a uniform map.
    zone: Option<(String, f64, f64)>,
    /// What muting the bands of that part costs: its share of the drop in probability by band.
    muted: Option<f64>,
}

impl MapsShow {
    fn any_zone(&self) -> bool {
        self.lit.iter().any(|one| one.zone.is_some())
    }

    /// Classes where occlusion finds the part that is lit, with its share of the drop, and those
    /// where it does not; what lies between is not decided.
    fn by_occlusion(&self, agrees: bool) -> Vec<String> {
        let known = self.lit.iter().filter_map(|one| {
            let ((_, _, flat), muted) = (one.zone.as_ref()?, one.muted?);
            let decided = if agrees { muted >= TIMES_FLAT * flat } else { muted <= *flat };
            decided.then(|| format!("{} ({:.1} %)", one.class, 100.0 * muted))
        });
        known.collect()
    }
}

/// The part of the frequency axis with most heat for its width, class by class, and what muting it
/// costs.
pub(super) fn lit(heat: &Heat<'_>, occlusion: &[ClassOcclusion], axes: &Axes) -> Vec<Lit> {
    let parts = band_zones(axes, heat.shape[0]);
    let of = |zones: Vec<BandHeat>| {
        let zones = zones.into_iter();
        let zones = zones.filter(|zone| zone.heat >= SHARE && zone.heat >= TIMES_FLAT * zone.flat);
        zones.max_by(|a, b| (a.heat / a.flat).total_cmp(&(b.heat / b.flat)))
    };
    let known = heat.means.iter().filter_map(|mean| {
        let right = &mean.maps.grad_cam.right;
        let zones = heat.right_shares(mean.label, right);
        (right.n > 0 && !zones.is_empty()).then_some((mean.label, zones))
    });
    known
        .map(|(label, zones)| {
            let zone = of(zones);
            let curve = occlusion.iter().find(|one| one.label == label && one.n >= FEW);
            let muted = || {
                let part =
                    parts.iter().find(|part| Some(&part.name) == zone.as_ref().map(|z| &z.name));
                drop_within(&curve?.bands.mean, &part?.bands)
            };
            Lit {
                class: heat.names.get(label as usize).cloned().unwrap_or_default(),
                muted: muted(),
                zone: zone.map(|BandHeat { name, flat, heat, .. }| (name, heat, flat)),
            }
        })
        .collect()
}

/// The share of a curve's positive part that these places have; none where it has no positive part.
fn drop_within(curve: &[f64], places: &[usize]) -> Option<f64> {
    let all: f64 = curve.iter().map(|v| v.max(0.0)).sum();
    let within: f64 = places.iter().filter_map(|i| curve.get(*i)).map(|v| v.max(0.0)).sum();
    (all > 0.0).then(|| within / all)
}

/// Classes whose first samples that are correct are all of one song; `song` knows a sample's.
pub(super) fn one_song(classes: &[Class], song: impl Fn(usize) -> Option<i64>) -> Vec<String> {
    let is_one = |class: &&Class| {
        let (right, _) = class.first();
        let songs: Vec<Option<i64>> = right.iter().map(|i| song(*i)).collect();
        let [first, others @ ..] = &songs[..] else { return false };
        first.is_some() && !others.is_empty() && others.iter().all(|song| song == first)
    };
    classes.iter().filter(is_one).map(|class| class.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_samples_of_one_song_are_noticed() {
        let class = |name: &str, right| Class { name: name.into(), right, wrong: Vec::new() };
        let classes = [class("a", vec![0, 1, 2]), class("b", vec![3, 4, 9]), class("c", vec![5])];
        let song = |i: usize| Some((i / 3) as i64);
        assert_eq!(one_song(&classes, song), ["a"]);
        assert_eq!(one_song(&classes, |_| None), [""; 0], "songs are not known");
    }

    use super::super::findings::{
        Alike, AtEdge, Confidence, Edge, OfClass, OnEdge, Resemblance, WholeSongs,
    };

    fn show(errors: usize, findings: Vec<Finding>) -> String {
        show_with(errors, findings, true)
    }

    fn show_with(errors: usize, findings: Vec<Finding>, songs: bool) -> String {
        let lit = vec![
            Lit {
                class: "classical".into(),
                zone: Some(("between 500 Hz and 2 kHz".into(), 0.677, 0.287)),
                muted: Some(0.5),
            },
            Lit {
                class: "disco".into(),
                zone: Some(("below 60 Hz".into(), 0.4, 0.1)),
                muted: Some(0.05),
            },
            Lit { class: "rock".into(), zone: None, muted: None },
        ];
        let show = MapsShow {
            part: "training",
            layer: "pool".into(),
            pads: true,
            unit: Unit::Decibels,
            errors,
            songs,
            lit,
            findings,
            one_song: vec!["classical".into()],
            empty: 0,
            all: 100,
            uncovered: 1,
        };
        let text = show.render().unwrap();
        assert!(!text.contains("\n\n\n\n"), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn edge(zone: Zone, silent: Option<(f64, f64)>) -> Edge {
        Edge { zone, count: 16, of: 128, flat: 0.125, silent }
    }

    #[test]
    fn each_finding_has_its_sentence() {
        let metal = || OfClass { class: "metal".into(), wrong: 0.593, right: 0.003 };
        let at = |zone, silent| {
            let like = Some(("rock".into(), 0.314));
            Finding::HeatAtEdge(AtEdge { edge: edge(zone, silent), classes: vec![metal()], like })
        };
        let on = |zone, silent| {
            Finding::RelyOnEdge(OnEdge {
                edge: edge(zone, silent),
                class: "rock".into(),
                right: 0.314,
            })
        };
        let sure = |sure| Confidence { wrong: 0.6, right: 0.9, sure, second: 0.75, errors: 40 };
        let alike =
            Alike { class: "metal".into(), predicted: "rock".into(), n: 77, to: 0.9, own: -0.3 };
        let like = Resemblance { strongest: vec![alike], pairs: 3, all_pairs: 4 };
        let songs = WholeSongs { errors: 30, all_errors: 40, songs: 3, all_songs: 56 };
        let top = Zone::HighestBands;
        let cases = [
            (
                at(top, Some((-67.0, -39.0))),
                "the highest 16 of 128 bands: metal has 59.3 % of its heat there against 0.3 % when correct (12.5 % if uniform). Correctly classified rock, as which most of them are predicted, is lit there too (31.4 %). These bands are nearly silent (−67 dB on average, −39 dB elsewhere)",
            ),
            (
                at(Zone::FirstFrames, None),
                "Where a segment is cut has no musical meaning, so the heat there is an artefact; the zeros of the padding may be its cause.",
            ),
            (
                at(top, None),
                "The network sees the zeros of its padding there, so part of this heat may be an artefact.",
            ),
            (
                on(top, Some((-67.0, -39.0))),
                "(−67 dB on average, −39 dB elsewhere): what marks it there is a lack of sound.",
            ),
            (
                on(Zone::LastFrames, None),
                "the last 16 of 128 frames (12.5 % if uniform): where a segment is cut",
            ),
            (
                Finding::QuietLit(vec![metal()]),
                "59.3 % of the heat of metal (0.3 % when correct). Such heat marks no sound.",
            ),
            (
                Finding::LooksLikePredicted(like),
                "the mean map of metal predicted as rock (77 maps) correlates at 0.90 with that of correct rock and at −0.30 with that of correct metal. 3 of 4 pairs",
            ),
            (Finding::WholeSongs(songs), "30 of 40 errors come from 3 of 56 songs"),
            (
                Finding::Ambiguous(sure(0.0)),
                "confidence is 0.60 when it is wrong and 0.90 when it is correct, and in 75.0 % of the 40",
            ),
            (
                Finding::Confident(sure(0.5)),
                "50.0 % of the 40 are made with a probability above 0.9",
            ),
        ];
        for (finding, words) in cases {
            let got = show(40, vec![finding]);
            assert!(got.contains(words), "{words} in {got}");
        }
    }

    #[test]
    fn without_errors_or_findings_that_is_told() {
        let got = show(0, Vec::new());
        for part in [
            "classical is lit between 500 Hz and 2 kHz (67.7 % of its heat, 28.7 % if it were uniform); disco is lit below 60 Hz (40.0 % of its heat, 10.0 % if it were uniform); rock is lit over all bands.",
            "Muting these bands confirms this for classical (50.0 %), but not for disco (5.0 %); in brackets",
            "No training segment is misclassified",
            "segments of classical are cuts of one song each",
            "The last frame is covered by no cell",
        ] {
            assert!(got.contains(part), "{part} in {got}");
        }
        assert!(!got.contains("no positive value"), "{got}");
        let moved = |songs| show_with(40, vec![Finding::QuietLit(Vec::new())], songs);
        assert!(moved(true).contains("at least 10 songs and its 95 % intervals do not overlap."));
        assert!(moved(false).contains("at least 10 segments"));
        let got = show(40, Vec::new());
        assert!(got.contains("the maps do not show") && got.contains("neither mostly"), "{got}");
        let got = show_with(40, Vec::new(), false);
        assert!(got.contains("not made with clearly lower") && !got.contains("whole"), "{got}");
        // Where rules did not run, nothing is said of what they look for.
        for (errors, words) in [
            (1, "1 misclassified training segment is too few"),
            (9, "9 misclassified training segments are too few"),
        ] {
            let got = show(errors, Vec::new());
            assert!(got.contains(words) && !got.contains("confidence"), "{got}");
        }
    }
}
