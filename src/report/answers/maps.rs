//! Question 5: where the maps lie, and why predictions are wrong.

use askama::Template;

use super::filters;
use super::findings::{BandHeat, FEW, Finding, Heat, SHARE, TIMES_FLAT};
use super::zones::ZoneName;
use crate::explain::{Class, MeanMap, Unit, Zone};

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
    pub(super) emptiest: Option<Emptiest>,
    /// Frames at the end that no cell covers.
    pub(super) uncovered: usize,
}

/// Where the heat of a class's correct maps lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lit {
    class: String,
    /// Parts of the frequency axis that stand out, the most lit first.
    zones: Vec<LitZone>,
    cost: Option<Cost>,
}

/// A part of the frequency axis with its share of the heat, and that of a uniform map.
#[derive(Debug, Clone, PartialEq)]
struct LitZone {
    name: ZoneName,
    heat: f64,
    flat: f64,
}

/// The part of the frequency axis where occlusion costs most for its width.
#[derive(Debug, Clone, PartialEq)]
struct Cost {
    zone: ZoneName,
    /// Its share of the fall in probability over all bands.
    share: f64,
}

/// How the costliest part lies to what the maps show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    /// It is lit.
    Lit,
    /// No part is.
    NonePart,
    /// Other parts are.
    Elsewhere,
}

/// Classes of which occlusion says the same.
#[derive(Debug)]
struct Costs {
    against: Against,
    zone: String,
    /// Each with its share.
    classes: Vec<String>,
}

/// The group with the largest share of empty maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Emptiest {
    class: String,
    is_wrong: bool,
    empty: usize,
    of: usize,
}

impl MapsShow {
    fn any_zone(&self) -> bool {
        self.lit.iter().any(|one| !one.zones.is_empty())
    }

    /// What occlusion says, that which agrees with the maps first.
    fn costs(&self) -> Vec<Costs> {
        let mut found: Vec<Costs> = Vec::new();
        let mut is_first = true;
        for wanted in [Against::Lit, Against::NonePart, Against::Elsewhere] {
            for one in &self.lit {
                let Some((cost, against)) = one.cost.as_ref().map(|cost| (cost, one.against(cost)))
                else {
                    continue;
                };
                if against != wanted {
                    continue;
                }
                let of = if is_first { " of the drop in probability" } else { "" };
                is_first = false;
                let class = format!("{} ({:.1} %{of})", one.class, 100.0 * cost.share);
                let zone = cost.zone.words.clone();
                match found.iter_mut().find(|group| group.against == against && group.zone == zone)
                {
                    Some(group) => group.classes.push(class),
                    None => found.push(Costs { against, zone, classes: vec![class] }),
                }
            }
        }
        found
    }
}

impl Lit {
    fn against(&self, cost: &Cost) -> Against {
        if self.zones.is_empty() {
            Against::NonePart
        } else if self.zones.iter().any(|zone| zone.name == cost.zone) {
            Against::Lit
        } else {
            Against::Elsewhere
        }
    }
}

/// Whether a part that an even spread gives `flat` stands out with this share.
fn stands_out(share: f64, flat: f64) -> bool {
    share >= SHARE && share >= TIMES_FLAT * flat
}

/// The parts of the frequency axis with much heat for their width, class by class, and the one where
/// occlusion costs most.
pub(super) fn lit(heat: &Heat<'_>) -> Vec<Lit> {
    let known = heat.means.iter().filter_map(|mean| {
        let right = &mean.maps.grad_cam.right;
        let zones = heat.right_shares(mean.label, right);
        (right.n > 0 && !zones.is_empty()).then_some((mean.label, zones))
    });
    known
        .map(|(label, zones)| {
            let costs = zones.iter().filter_map(|BandHeat { zone, .. }| {
                let share = heat.drop_within(label, &zone.bands)?;
                let width = heat.width(&zone.bands);
                let cost = Cost { zone: zone.name.clone(), share };
                stands_out(share, width).then_some((share / width, cost))
            });
            let cost = costs.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, cost)| cost);
            let mut lit: Vec<LitZone> = zones
                .into_iter()
                .filter(|one| stands_out(one.heat, one.flat))
                .map(|BandHeat { zone, flat, heat, .. }| LitZone { name: zone.name, heat, flat })
                .collect();
            lit.sort_by(|a, b| (b.heat / b.flat).total_cmp(&(a.heat / a.flat)));
            let class = heat.names.get(label as usize).cloned().unwrap_or_default();
            Lit { class, zones: lit, cost }
        })
        .collect()
}

/// The group with the largest share of empty maps, if more than a tenth of at least ten is empty.
pub(super) fn emptiest(means: &[&MeanMap], names: &[String]) -> Option<Emptiest> {
    let groups = means.iter().flat_map(|mean| {
        let maps = &mean.maps.grad_cam;
        [(false, &maps.right), (true, &maps.wrong)].map(|(is_wrong, group)| Emptiest {
            class: names.get(mean.label as usize).cloned().unwrap_or_default(),
            is_wrong,
            empty: group.empty,
            of: group.n + group.empty,
        })
    });
    let share = |one: &Emptiest| one.empty as f64 / one.of as f64;
    groups
        .filter(|one| one.of >= FEW && share(one) > 0.1)
        .max_by(|a, b| share(a).total_cmp(&share(b)))
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

    use crate::explain::{
        Axes, ClassOcclusion, HeatShare, MeanCurve, MeanOf, Methods, RightAndWrong,
    };

    use super::super::findings::{
        Alike, AtEdge, Confidence, Edge, Move, OfClass, OnEdge, Resemblance, Units, WholeSongs,
    };

    fn show(errors: usize, findings: Vec<Finding>) -> String {
        show_with(errors, findings, true)
    }

    fn show_with(errors: usize, findings: Vec<Finding>, songs: bool) -> String {
        let zone = |words: &str, span| ZoneName { words: words.into(), span };
        let cost = |words: &str, share| Some(Cost { zone: zone(words, None), share });
        let (mid, sub) = ("between 500 Hz and 2 kHz", "below 60 Hz");
        let lit_zone = |words, span, heat, flat| LitZone { name: zone(words, span), heat, flat };
        let of = |class: &str, zones, cost| Lit { class: class.into(), zones, cost };
        let lit = vec![
            of("blues", vec![lit_zone("in the middle", Some((8, 16)), 0.5, 0.25)], None),
            of("classical", vec![lit_zone(mid, None, 0.677, 0.287)], cost(mid, 0.5)),
            of("disco", vec![lit_zone(sub, None, 0.4, 0.1)], cost(mid, 0.45)),
            of(
                "metal",
                vec![lit_zone(sub, None, 0.4, 0.1), lit_zone(mid, None, 0.38, 0.287)],
                cost(mid, 0.6),
            ),
            of("rock", Vec::new(), cost(sub, 0.3)),
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
            emptiest: None,
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
                "Misclassified metal is lit at an edge, the highest 16 of 128 bands: metal has 59.3 % of its heat there against 0.3 % when correct (12.5 % if uniform). Correctly classified rock, as which most of them are predicted, is lit there too (31.4 %). These bands are nearly silent (−67 dB on average, −39 dB elsewhere), so what counts there is the bandwidth of the recording rather than an instrument.",
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
                "(−67 dB on average, −39 dB elsewhere): what counts there is the bandwidth of the recording rather than an instrument.",
            ),
            (
                on(Zone::LastFrames, None),
                "the last 16 of 128 frames (12.5 % if uniform): where a segment is cut",
            ),
            (
                Finding::HeatMoves(Move {
                    class: "metal".into(),
                    zone: ZoneName { words: "in the middle".into(), span: Some((8, 16)) },
                    wrong: 0.1,
                    right: 0.5,
                    flat: 0.25,
                }),
                "50.0 % of it lies in the middle (bands 8 to 15) when the segment is correct and 10.0 % when it is not (25.0 % if uniform): these segments lack what the map marks in correct ones.",
            ),
            (
                Finding::QuietLit(vec![metal()]),
                "59.3 % of the heat of metal (0.3 % when correct). There is little to hear there.",
            ),
            (
                Finding::LooksLikePredicted(like),
                "Misclassified segments mostly have the map of the predicted genre, not of their own: the mean map of metal predicted as rock (77 maps) correlates at 0.90 with that of correct rock and at −0.30 with that of correct metal. 3 of 4 pairs of genres show this: Grad-CAM points to the same places as in the other genre.",
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
    fn the_worst_group_of_empty_maps_is_named() {
        let group = |n, empty| MeanOf { n, empty, ..MeanOf::default() };
        let mean = |label, right, wrong| {
            let maps = RightAndWrong { right, wrong, difference: None, confused: Vec::new() };
            let maps = Methods { grad_cam: maps.clone(), hires_cam: maps };
            MeanMap { layer: "pool".into(), label, maps }
        };
        let names = ["metal", "rock"].map(String::from);
        let rock = mean(1, group(85, 15), group(1, 5));
        let metal = mean(0, group(90, 2), group(77, 18));
        let got = emptiest(&[&metal, &rock], &names).unwrap();
        assert_eq!((&got.class[..], got.is_wrong, got.empty, got.of), ("metal", true, 18, 95));
        assert_eq!(
            emptiest(&[&rock], &names).map(|one| (one.is_wrong, one.of)),
            Some((false, 100))
        );
        let few = mean(1, group(90, 10), group(1, 5));
        assert_eq!(emptiest(&[&few], &names), None, "a tenth, and six maps");
    }

    /// Quarters of eight bands with a map's heat and occlusion's falls.
    fn lit_of(shares: [f64; 4], falls: [f64; 4]) -> Lit {
        let share = |i: usize| HeatShare {
            zone: Zone::Quarter(i),
            span: Some((2 * i, 2 * i + 2)),
            flat: 0.25,
            heat: shares[i],
            interval_95: None,
        };
        let right = MeanOf { n: 50, heat: (0..4).map(share).collect(), ..MeanOf::default() };
        let wrong = MeanOf::default();
        let maps = RightAndWrong { right, wrong, difference: None, confused: Vec::new() };
        let maps = Methods { grad_cam: maps.clone(), hires_cam: maps };
        let mean = MeanMap { layer: "pool".into(), label: 0, maps };
        let bands = MeanCurve {
            mean: falls.iter().flat_map(|fall| [*fall; 2]).collect(),
            deviation: Vec::new(),
        };
        let frames = MeanCurve::default();
        let found = lit(&Heat {
            means: &[&mean],
            names: &["metal".to_owned()],
            textures: &[],
            units: &Units::default(),
            occlusion: &[ClassOcclusion { label: 0, n: 24, bands, frames }],
            axes: &Axes::default(),
            shape: [8, 4],
        });
        found.into_iter().next().unwrap()
    }

    #[test]
    fn occlusion_is_held_against_every_part_that_is_lit() {
        let against = |shares, falls| {
            let found = lit_of(shares, falls);
            found.cost.as_ref().map(|cost| found.against(cost))
        };
        // Two neighbours that are lit nearly alike are no contradiction.
        let metal = [0.107, 0.415, 0.395, 0.083];
        assert_eq!(lit_of(metal, [0.1; 4]).zones.len(), 2);
        assert_eq!(against(metal, [0.1, 0.0, 0.6, 0.3]), Some(Against::Lit));
        assert_eq!(against(metal, [0.6, 0.0, 0.1, 0.3]), Some(Against::Elsewhere));
        assert_eq!(against([0.25; 4], [0.0, 0.0, 0.6, -1.0]), Some(Against::NonePart));
        // Nothing stands out: 30 % at most, and no fall at all.
        assert_eq!(against(metal, [0.3, 0.25, 0.25, 0.2]), None);
        assert_eq!(against(metal, [-0.1; 4]), None);
        assert_eq!(lit_of(metal, [0.0, 0.0, 0.6, 0.2]).cost.map(|c| c.share), Some(0.75));
    }

    #[test]
    fn without_errors_or_findings_that_is_told() {
        let got = show(0, Vec::new());
        for part in [
            "blues is lit in the middle (bands 8 to 15: 50.0 % of its heat, 25.0 % if uniform); classical is lit between 500 Hz and 2 kHz (67.7 % of its heat, 28.7 % if uniform); disco",
            "metal is lit below 60 Hz (40.0 % of its heat, 10.0 % if uniform) and between 500 Hz and 2 kHz (38.0 % of its heat, 28.7 % if uniform); rock is lit over all bands.",
            "Replacing bands by their training mean (occlusion) costs most between 500 Hz and 2 kHz for classical (50.0 % of the drop in probability) and metal (60.0 %), as the maps show; below 60 Hz for rock (30.0 %), whose maps single out no part; but between 500 Hz and 2 kHz for disco (45.0 %), whose maps point elsewhere.",
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
