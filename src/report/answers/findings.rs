//! Question 5: why predictions are wrong, as far as rules over the maps and the errors can tell.
//! Every rule has thresholds that are explained where they stand, and stays silent below them.

use std::collections::BTreeMap;

use super::zones::{BandZone, ZoneName};
use crate::explain::{
    Axes, BandRange, Class, ClassOcclusion, ClassTexture, HeatShare, MeanMap, MeanOf, Zone,
};

/// A mean of fewer maps, or fewer errors, bears no conclusion; nor does an interval over fewer songs
/// (segments, where songs are not known), as it is too narrow.
pub(super) const FEW: usize = 10;

/// A part of the frequency axis stands out if it has this many times what an even spread has there,
/// and this share of all.
pub(super) const TIMES_FLAT: f64 = 1.3;
pub(super) const SHARE: f64 = 0.25;

/// An edge is lit if it has this many times what a uniform map has there.
const AT_EDGE: f64 = 1.5;

/// A correlation over fewer cells is chance.
const FEWEST_CELLS: usize = 20;

/// The 0.975 quantile of the standard normal distribution.
const Z_95: f64 = 1.96;

/// Which of a class's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Right,
    Wrong,
    /// Predicted as another class.
    As(u32),
}

/// How many samples each song has, by label and group. A segment is a song of its own where songs
/// are not known.
#[derive(Debug, Clone, Default)]
pub(super) struct Units(BTreeMap<(u32, Group), Vec<usize>>);

impl Units {
    /// Of the classes of a part, by label, and its samples' songs.
    pub(super) fn of(classes: &[Class], songs: Option<&[i64]>) -> Self {
        let unit = |i: usize| songs.and_then(|songs| songs.get(i).copied()).unwrap_or(i as i64);
        let mut found: BTreeMap<(u32, Group), BTreeMap<i64, usize>> = BTreeMap::new();
        let mut add = |label: usize, group: Group, i: usize| {
            let songs = found.entry((label as u32, group)).or_default();
            *songs.entry(unit(i)).or_default() += 1;
        };
        for (label, class) in classes.iter().enumerate() {
            for i in &class.right {
                add(label, Group::Right, *i);
            }
            for wrong in &class.wrong {
                add(label, Group::Wrong, wrong.index);
                add(label, Group::As(wrong.predicted), wrong.index);
            }
        }
        let counts = |songs: BTreeMap<i64, usize>| songs.into_values().collect();
        Self(found.into_iter().map(|(key, songs)| (key, counts(songs))).collect())
    }

    fn enough(&self, label: u32, group: Group) -> bool {
        self.0.get(&(label, group)).is_some_and(|songs| songs.len() >= FEW)
    }

    /// So many songs of equally many samples tell as much: (Σ n)² / Σ n² (L. Kish, "Survey
    /// sampling", 1965).
    fn effective(&self, label: u32, group: Group) -> f64 {
        let songs = self.0.get(&(label, group)).map_or(&[][..], |songs| songs);
        let all = songs.iter().sum::<usize>() as f64;
        let squares: usize = songs.iter().map(|n| n * n).sum();
        all * all / squares.max(1) as f64
    }
}

/// Whether both intervals are known and the second lies above the first.
fn is_above(first: Option<(f64, f64)>, second: Option<(f64, f64)>) -> bool {
    matches!((first, second), (Some((_, high)), Some((low, _))) if low > high)
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finding {
    /// Maps of misclassified samples are lit at an edge of the spectrogram where correct ones of
    /// the same class are not.
    HeatAtEdge(AtEdge),
    /// Maps of a class are lit at an edge although it is correct.
    RelyOnEdge(OnEdge),
    /// Maps of misclassified samples are lit where the sample is quietest.
    QuietLit(Vec<OfClass>),
    /// The mean map of misclassified samples is that of the predicted class, not their own.
    LooksLikePredicted(Resemblance),
    /// Heat moves from one part of the frequency axis to another.
    HeatMoves(Move),
    /// Errors come from songs most of whose segments are misclassified.
    WholeSongs(WholeSongs),
    /// Errors are made with a low probability.
    Ambiguous(Confidence),
    /// Errors are made with a high probability.
    Confident(Confidence),
}

/// A class with its share of heat when it is incorrect and when it is correct.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OfClass {
    pub(super) class: String,
    pub(super) wrong: f64,
    pub(super) right: f64,
}

/// See [`Finding::HeatAtEdge`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AtEdge {
    pub(super) edge: Edge,
    pub(super) classes: Vec<OfClass>,
    /// The class that most of these errors are predicted as, where its correct maps are lit there
    /// too, and their share.
    pub(super) like: Option<(String, f64)>,
}

impl AtEdge {
    pub(super) fn names(&self) -> Vec<String> {
        self.classes.iter().map(|one| one.class.clone()).collect()
    }
}

/// See [`Finding::RelyOnEdge`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OnEdge {
    pub(super) edge: Edge,
    pub(super) class: String,
    pub(super) right: f64,
}

/// An edge of the spectrogram.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edge {
    pub(super) zone: Zone,
    /// So many of all bands or frames.
    pub(super) count: usize,
    pub(super) of: usize,
    /// What a uniform map has there.
    pub(super) flat: f64,
    /// The training set's mean level there and elsewhere, where it is much lower there.
    pub(super) silent: Option<(f64, f64)>,
}

/// See [`Finding::LooksLikePredicted`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resemblance {
    /// The two pairs with most maps.
    pub(super) strongest: Vec<Alike>,
    /// Pairs of classes in which it is so, of those with enough maps.
    pub(super) pairs: usize,
    pub(super) all_pairs: usize,
}

/// Samples of one class that are predicted as another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alike {
    pub(super) class: String,
    pub(super) predicted: String,
    /// Number of maps.
    pub(super) n: usize,
    /// Correlation of their mean map with the mean correct map of the predicted class.
    pub(super) to: f64,
    /// With that of their own.
    pub(super) own: f64,
}

/// See [`Finding::HeatMoves`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Move {
    pub(super) class: String,
    pub(super) zone: ZoneName,
    pub(super) wrong: f64,
    pub(super) right: f64,
    pub(super) flat: f64,
}

/// See [`Finding::WholeSongs`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WholeSongs {
    pub(super) errors: usize,
    pub(super) all_errors: usize,
    pub(super) songs: usize,
    pub(super) all_songs: usize,
}

/// How sure the network is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Confidence {
    /// Mean probability of the predicted class where it is wrong and where it is correct.
    pub(super) wrong: f64,
    pub(super) right: f64,
    /// Share of errors above 0.9.
    pub(super) sure: f64,
    /// Share of errors in which the true class is second.
    pub(super) second: f64,
    pub(super) errors: usize,
}

/// What the rules look at: the mean maps of one layer and one method, by label.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heat<'a> {
    pub(super) means: &'a [&'a MeanMap],
    pub(super) names: &'a [String],
    pub(super) textures: &'a [ClassTexture],
    pub(super) units: &'a Units,
    pub(super) occlusion: &'a [ClassOcclusion],
    pub(super) axes: &'a Axes,
    /// Bands and frames of a sample.
    pub(super) shape: [usize; 2],
}

impl<'a> Heat<'a> {
    fn name(&self, label: u32) -> String {
        self.names.get(label as usize).cloned().unwrap_or_default()
    }

    fn enough_right(&self, label: u32, right: &MeanOf) -> bool {
        right.n >= FEW && self.units.enough(label, Group::Right)
    }

    fn enough(&self, label: u32, right: &MeanOf, wrong: &MeanOf) -> bool {
        self.enough_right(label, right) && wrong.n >= FEW && self.units.enough(label, Group::Wrong)
    }

    /// How the heat of a class's correct maps falls on parts of the frequency axis.
    pub(super) fn right_shares(&self, label: u32, right: &MeanOf) -> Vec<BandHeat> {
        self.band_shares(right, self.units.effective(label, Group::Right))
    }

    /// The part of the fall in probability that these bands have when they are replaced; none where
    /// it falls nowhere or too few samples were measured.
    pub(super) fn drop_within(&self, label: u32, bands: &[usize]) -> Option<f64> {
        let curve = self.occlusion.iter().find(|one| one.label == label && one.n >= FEW)?;
        let curve = &curve.bands.mean;
        let all: f64 = curve.iter().map(|v| v.max(0.0)).sum();
        let within: f64 = bands.iter().filter_map(|i| curve.get(*i)).map(|v| v.max(0.0)).sum();
        (all > 0.0).then(|| within / all)
    }

    /// What share of the axis these bands are.
    pub(super) fn width(&self, bands: &[usize]) -> f64 {
        bands.len() as f64 / self.shape[0].max(1) as f64
    }

    /// Whether occlusion costs clearly more there than elsewhere.
    fn is_needed(&self, label: u32, zone: &BandZone) -> bool {
        let width = self.width(&zone.bands);
        self.drop_within(label, &zone.bands).is_some_and(|drop| drop >= TIMES_FLAT * width)
    }

    fn maps(&self) -> impl Iterator<Item = (u32, &'a MeanOf, &'a MeanOf)> {
        self.means.iter().map(|mean| {
            let maps = &mean.maps.grad_cam;
            (mean.label, &maps.right, &maps.wrong)
        })
    }

    /// All findings over the maps, those that explain most first.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let edges = [Zone::HighestBands, Zone::LowestBands, Zone::FirstFrames, Zone::LastFrames];
        let mut found: Vec<Finding> = edges
            .into_iter()
            .filter_map(|zone| self.at_edge(zone))
            .map(Finding::HeatAtEdge)
            .collect();
        found.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
        found.extend(edges.into_iter().flat_map(|zone| self.rely_on_edge(zone)));
        found.extend(self.quiet());
        found.extend(self.resemblance());
        found.extend(self.moves());
        without_repetition(&mut found);
        found
    }

    fn edge(&self, share: &HeatShare) -> Edge {
        let along_bands = matches!(share.zone, Zone::LowestBands | Zone::HighestBands);
        let (first, end) = share.span.unwrap_or_default();
        Edge {
            zone: share.zone,
            count: end - first,
            of: self.shape[usize::from(!along_bands)],
            flat: share.flat,
            silent: if along_bands { self.silent(first, end) } else { None },
        }
    }

    /// The training set's mean level in some bands and in all others, where it is lower by more
    /// than a third of the range of the mean spectrum.
    fn silent(&self, first: usize, end: usize) -> Option<(f64, f64)> {
        let known: Vec<&ClassTexture> =
            self.textures.iter().filter(|texture| texture.bands.len() >= end).collect();
        let band = |b: usize| {
            known.iter().map(|t| f64::from(t.bands[b])).sum::<f64>() / known.len() as f64
        };
        let all: Vec<f64> = (0..known.first()?.bands.len()).map(band).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let others = [&all[..first], &all[end..]].concat();
        let (here, elsewhere) = (mean(&all[first..end]), mean(&others));
        let range = all.iter().copied().fold(f64::MIN, f64::max)
            - all.iter().copied().fold(f64::MAX, f64::min);
        (elsewhere - here > range / 3.0).then_some((here, elsewhere))
    }

    /// Lit: half as much again as a uniform map has there and the interval above that, twice what
    /// the correct ones have and five percentage points more, with intervals over enough songs that
    /// do not overlap.
    fn at_edge(&self, zone: Zone) -> Option<AtEdge> {
        let mut classes = Vec::new();
        let (mut edge, mut predicted) = (None, BTreeMap::new());
        for (label, right, wrong) in self.maps() {
            let (Some(r), Some(w)) = (right.heat_in(zone), wrong.heat_in(zone)) else { continue };
            let apart = is_above(r.interval_95, w.interval_95);
            let above = w.interval_95.is_some_and(|(low, _)| low > w.flat);
            let lit = w.heat >= AT_EDGE * w.flat && above;
            let more = w.heat > 2.0 * r.heat && w.heat - r.heat > 0.05;
            if !self.enough(label, right, wrong) || !lit || !more || !apart {
                continue;
            }
            let class = self.name(label);
            classes.push(OfClass { class, wrong: w.heat, right: r.heat });
            edge = Some(self.edge(w));
            for confused in self.confused(label) {
                *predicted.entry(confused.0).or_insert(0) += confused.1;
            }
        }
        classes.sort_by(|a, b| b.wrong.total_cmp(&a.wrong));
        let all: usize = predicted.values().sum();
        let most = predicted.into_iter().max_by_key(|(label, n)| (*n, u32::MAX - label));
        let like = most.filter(|(_, n)| 2 * n > all).and_then(|(label, _)| {
            let (_, right, _) = self.maps().find(|(other, ..)| *other == label)?;
            let share = right.heat_in(zone).filter(|share| share.heat >= AT_EDGE * share.flat)?;
            self.enough_right(label, right).then(|| (self.name(label), share.heat))
        });
        edge.map(|edge| AtEdge { edge, classes, like })
    }

    fn confused(&self, label: u32) -> Vec<(u32, usize)> {
        let own = self.means.iter().filter(|mean| mean.label == label);
        own.flat_map(|mean| &mean.maps.grad_cam.confused).map(|c| (c.predicted, c.n)).collect()
    }

    /// Correct, and yet twice what a uniform map has there, the lower end of the interval above it.
    fn rely_on_edge(&self, zone: Zone) -> Vec<Finding> {
        let lit = |(label, right, _): (u32, &MeanOf, &MeanOf)| {
            let share = right.heat_in(zone)?;
            let above = share.interval_95.is_some_and(|(low, _)| low > share.flat);
            let is_lit = self.enough_right(label, right) && share.heat > 2.0 * share.flat && above;
            is_lit.then(|| {
                let (edge, class) = (self.edge(share), self.name(label));
                Finding::RelyOnEdge(OnEdge { edge, class, right: share.heat })
            })
        };
        self.maps().filter_map(lit).collect()
    }

    /// The quietest quarter of the cells has two fifths of the heat, and a tenth more than where
    /// the class is correct, with intervals that do not overlap.
    fn quiet(&self) -> Option<Finding> {
        let lit = |(label, right, wrong): (u32, &MeanOf, &MeanOf)| {
            let (r, w) = (right.heat_in(Zone::QuietCells)?, wrong.heat_in(Zone::QuietCells)?);
            let apart = is_above(r.interval_95, w.interval_95);
            let is_lit = w.heat > 0.4 && w.heat - r.heat > 0.1 && apart;
            (is_lit && self.enough(label, right, wrong)).then(|| OfClass {
                class: self.name(label),
                wrong: w.heat,
                right: r.heat,
            })
        };
        let classes: Vec<OfClass> = self.maps().filter_map(lit).collect();
        (!classes.is_empty()).then_some(Finding::QuietLit(classes))
    }

    /// The correlation with the predicted class's mean correct map is at least 0.5 and exceeds
    /// that with their own class's by 0.2, for means over enough songs, where a map has enough cells.
    fn resemblance(&self) -> Option<Finding> {
        let mean_map = |label: u32| {
            let (_, right, _) = self.maps().find(|(other, ..)| *other == label)?;
            right.map.as_ref().filter(|_| self.enough_right(label, right))?.values()
        };
        let mut all = Vec::new();
        for mean in self.means {
            let enough = |predicted| self.units.enough(mean.label, Group::As(predicted));
            let confused = mean.maps.grad_cam.confused.iter();
            for confused in confused.filter(|c| c.n >= FEW && enough(c.predicted)) {
                let correlations = || {
                    let map = confused.map.values().filter(|map| map.len() >= FEWEST_CELLS)?;
                    let to = correlation(&map, &mean_map(confused.predicted)?)?;
                    Some((to, correlation(&map, &mean_map(mean.label)?)?))
                };
                all.extend(correlations().map(|(to, own)| Alike {
                    class: self.name(mean.label),
                    predicted: self.name(confused.predicted),
                    n: confused.n,
                    to,
                    own,
                }));
            }
        }
        let all_pairs = all.len();
        all.retain(|one| one.to >= 0.5 && one.to - one.own >= 0.2);
        let pairs = all.len();
        all.sort_by_key(|one| std::cmp::Reverse(one.n));
        all.truncate(2);
        let found = Resemblance { strongest: all, pairs, all_pairs };
        // In half of the pairs at least: in fewer, maps follow the prediction no more than not.
        (pairs > 0 && 2 * pairs >= all_pairs).then_some(Finding::LooksLikePredicted(found))
    }

    /// For each class the part of the frequency axis whose share of the heat differs most, where it
    /// differs by a fifth of all heat, with intervals over enough songs that do not overlap, and
    /// where occlusion finds that part needed; the two largest.
    fn moves(&self) -> Vec<Finding> {
        let of = |(label, right, wrong): (u32, &MeanOf, &MeanOf)| {
            if !self.enough(label, right, wrong) {
                return None;
            }
            let wrong = self.band_shares(wrong, self.units.effective(label, Group::Wrong));
            let all = self.right_shares(label, right).into_iter().filter_map(|r| {
                let w = wrong.iter().find(|w| w.zone.name == r.zone.name)?;
                let apart = is_above(r.interval, w.interval) || is_above(w.interval, r.interval);
                (apart && self.is_needed(label, &r.zone)).then(|| Move {
                    class: self.name(label),
                    zone: r.zone.name,
                    wrong: w.heat,
                    right: r.heat,
                    flat: r.flat,
                })
            });
            all.max_by(|a, b| a.size().total_cmp(&b.size())).filter(|one| one.size() > 0.2)
        };
        let mut moves: Vec<Move> = self.maps().filter_map(of).collect();
        moves.sort_by(|a, b| b.size().total_cmp(&a.size()));
        moves.truncate(2);
        moves.into_iter().map(Finding::HeatMoves).collect()
    }

    /// How the heat of a mean map falls on parts of the frequency axis: named bands where
    /// frequencies are known, quarters of the bands elsewhere. `songs` is how many songs the samples
    /// are worth: as if samples of one song were all alike, the deviation of a mean over them is
    /// that of samples / √songs.
    fn band_shares(&self, mean: &MeanOf, songs: f64) -> Vec<BandHeat> {
        if !mean.shares.is_empty() {
            let hz = self.axes.band_hz.as_deref().unwrap_or_default();
            let within = |range: BandRange| (0..hz.len()).filter(|i| range.holds(hz[*i])).collect();
            let known = mean.shares.iter().filter_map(|share| {
                let heat = share.of_map.mean?;
                let half = share.of_map.deviation.filter(|_| songs >= 2.0);
                let half = half.map(|deviation| Z_95 * deviation / songs.sqrt());
                let interval = half.map(|half| (heat - half, heat + half));
                let name = ZoneName::of_range(share.band);
                let zone = BandZone { name, bands: within(share.band) };
                Some(BandHeat { zone, flat: share.of_bands, heat, interval })
            });
            return known.collect();
        }
        let quarter = |i: usize| {
            let HeatShare { span, flat, heat, interval_95: interval, .. } =
                *mean.heat_in(Zone::Quarter(i))?;
            let (first, end) = span?;
            let name = ZoneName::of_quarter(i, first, end);
            let zone = BandZone { name, bands: (first..end).collect() };
            Some(BandHeat { zone, flat, heat, interval })
        };
        (0..4).filter_map(quarter).collect()
    }
}

impl Move {
    fn size(&self) -> f64 {
        (self.wrong - self.right).abs()
    }
}

/// An edge of bands that a class is lit at says where its heat moves to and, where the edge is
/// silent, that it is quiet there; a class that others resemble at an edge is named with them.
fn without_repetition(found: &mut Vec<Finding>) {
    let edges: Vec<AtEdge> = (found.iter())
        .filter_map(|one| if let Finding::HeatAtEdge(at) = one { Some(at.clone()) } else { None })
        .collect();
    let said = |class: &str, wanted: fn(&Edge) -> bool| {
        edges.iter().any(|at| wanted(&at.edge) && at.classes.iter().any(|c| c.class == class))
    };
    let of_bands = |edge: &Edge| matches!(edge.zone, Zone::HighestBands | Zone::LowestBands);
    found.retain_mut(|one| match one {
        Finding::RelyOnEdge(on) => !edges.iter().any(|at| {
            let like = at.like.as_ref().is_some_and(|(class, _)| *class == on.class);
            like && at.edge.zone == on.edge.zone
        }),
        Finding::QuietLit(classes) => {
            classes.retain(|one| !said(&one.class, |edge| edge.silent.is_some()));
            !classes.is_empty()
        }
        Finding::HeatMoves(one) => !said(&one.class, of_bands),
        Finding::HeatAtEdge(_)
        | Finding::LooksLikePredicted(_)
        | Finding::WholeSongs(_)
        | Finding::Ambiguous(_)
        | Finding::Confident(_) => true,
    });
}

/// How much more of the heat lies at the edge, over classes.
fn excess(finding: &Finding) -> f64 {
    match finding {
        Finding::HeatAtEdge(at) => at.classes.iter().map(|c| c.wrong - c.right).sum(),
        _ => 0.0,
    }
}

/// The share of the heat in a part of the frequency axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BandHeat {
    pub(super) zone: BandZone,
    /// What a uniform map has.
    pub(super) flat: f64,
    pub(super) heat: f64,
    /// 95 %.
    interval: Option<(f64, f64)>,
}

/// Pearson's; none of a constant.
fn correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    let mean = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum::<f64>() / v.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let centred = |v: &[f32], mean: f64| v.iter().map(|v| f64::from(*v) - mean).collect::<Vec<_>>();
    let (a, b) = (centred(a, mean_a), centred(b, mean_b));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (a.len() == b.len() && scale > 0.0).then(|| product(&a, &b) / scale)
}

/// What the errors themselves tell. `songs` are none where they are not known; `probabilities` is
/// `[n, classes]`.
pub(super) fn of_errors(
    y: &[u32],
    songs: Option<&[i64]>,
    probabilities: &[f32],
    classes: usize,
) -> Vec<Finding> {
    let rows: Vec<&[f32]> = probabilities.chunks_exact(classes.max(1)).collect();
    let order = |row: &[f32]| {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|i, j| row[*j].total_cmp(&row[*i]));
        order
    };
    let orders: Vec<Vec<usize>> = rows.iter().map(|row| order(row)).collect();
    let is_wrong = |i: usize| orders[i].first() != Some(&(y[i] as usize));
    let n = y.len().min(rows.len());
    let (wrong, right): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| is_wrong(*i));
    if wrong.len() < FEW {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(songs) = songs {
        found.extend(whole_songs(y, songs, n, &is_wrong));
    }
    let top = |i: &usize| f64::from(rows[*i][orders[*i][0]]);
    let mean = |of: &[usize]| of.iter().map(top).sum::<f64>() / of.len().max(1) as f64;
    let share = |wanted: &dyn Fn(&usize) -> bool| {
        wrong.iter().filter(|i| wanted(i)).count() as f64 / wrong.len() as f64
    };
    let confidence = Confidence {
        wrong: mean(&wrong),
        right: mean(&right),
        sure: share(&|i| top(i) > 0.9),
        second: share(&|i| orders[*i].get(1) == Some(&(y[*i] as usize))),
        errors: wrong.len(),
    };
    // A quarter of the errors above 0.9 is more than doubt explains; a mean confidence that is lower
    // by 0.15 than where the network is correct is doubt.
    if confidence.sure > 0.25 {
        found.push(Finding::Confident(confidence));
    } else if confidence.right - confidence.wrong > 0.15 {
        found.push(Finding::Ambiguous(confidence));
    }
    found
}

/// Songs of at least two segments more than half of which are wrong hold more than half of the
/// errors.
fn whole_songs(
    y: &[u32],
    songs: &[i64],
    n: usize,
    is_wrong: &dyn Fn(usize) -> bool,
) -> Option<Finding> {
    let mut by_song: BTreeMap<(i64, u32), (usize, usize)> = BTreeMap::new();
    for (i, (song, y)) in songs.iter().zip(y).enumerate().take(n) {
        let (wrong, all) = by_song.entry((*song, *y)).or_default();
        *wrong += usize::from(is_wrong(i));
        *all += 1;
    }
    let lost: Vec<usize> = (by_song.values())
        .filter(|(wrong, all)| *all > 1 && 2 * wrong > *all)
        .map(|(wrong, _)| *wrong)
        .collect();
    let all_errors = by_song.values().map(|(wrong, _)| wrong).sum();
    let errors = lost.iter().sum::<usize>();
    (2 * errors > all_errors).then_some(Finding::WholeSongs(WholeSongs {
        errors,
        all_errors,
        songs: lost.len(),
        all_songs: by_song.len(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{
        BandShare, ConfusedMap, MeanCurve, Methods, NamedBand, RightAndWrong, SignedMap, Spread,
        Wrong,
    };

    fn names() -> Vec<String> {
        ["classical", "metal", "rock"].map(String::from).into()
    }

    fn share(zone: Zone, flat: f64, heat: f64) -> HeatShare {
        let interval_95 = Some((heat - 0.02, heat + 0.02));
        HeatShare { zone, span: Some((112, 128)), flat, heat, interval_95 }
    }

    /// Of so many maps.
    fn mean_of(n: usize, map: &[f32], heat: Vec<HeatShare>) -> MeanOf {
        MeanOf { n, map: Some(SignedMap::of(map)), heat, ..MeanOf::default() }
    }

    fn class(label: u32, right: MeanOf, wrong: MeanOf, confused: Vec<ConfusedMap>) -> MeanMap {
        let maps = RightAndWrong { right, wrong, difference: None, confused };
        let maps = Methods { grad_cam: maps.clone(), hires_cam: maps };
        MeanMap { layer: "pool".into(), label, maps }
    }

    fn confused(predicted: u32, n: usize, map: &[f32]) -> ConfusedMap {
        ConfusedMap { predicted, n, map: SignedMap::of(map) }
    }

    /// The lower bands are loud in all classes, the top 16 of 128 are silent.
    fn textures() -> Vec<ClassTexture> {
        let bands = (0..128).map(|b| if b < 112 { -40.0 } else { -70.0 }).collect();
        vec![ClassTexture { bands, ..ClassTexture::default() }]
    }

    /// Each map is of a song of its own.
    fn counted(means: &[MeanMap]) -> Units {
        let mut units = Units::default();
        for MeanMap { label, maps, .. } in means {
            let RightAndWrong { right, wrong, confused, .. } = &maps.grad_cam;
            units.0.insert((*label, Group::Right), vec![1; right.n]);
            units.0.insert((*label, Group::Wrong), vec![1; wrong.n]);
            for one in confused {
                units.0.insert((*label, Group::As(one.predicted)), vec![1; one.n]);
            }
        }
        units
    }

    /// All that the network loses is lost in these bands of 128, by 24 samples of each class.
    fn needed(bands: std::ops::Range<usize>) -> Vec<ClassOcclusion> {
        let mean: Vec<f64> =
            (0..128).map(|b| if bands.contains(&b) { 0.5 } else { -0.1 }).collect();
        let curve = MeanCurve { mean, deviation: Vec::new() };
        let of = |label| ClassOcclusion {
            label,
            n: 24,
            bands: curve.clone(),
            frames: MeanCurve::default(),
        };
        (0..3).map(of).collect()
    }

    fn found_with(means: &[MeanMap], units: &Units, occlusion: &[ClassOcclusion]) -> Vec<Finding> {
        let (means, names, textures) = (means.iter().collect::<Vec<_>>(), names(), textures());
        let (names, textures, shape) = (&names[..], &textures[..], [128, 25]);
        // The top 16 bands are mid, the others bass.
        let hz = (0..128).map(|b| if b < 112 { 100.0 } else { 1_000.0 }).collect();
        let axes = &Axes { band_hz: Some(hz), frame_seconds: None };
        Heat { means: &means, names, textures, units, occlusion, axes, shape }.findings()
    }

    fn found_over(means: &[MeanMap], units: &Units) -> Vec<Finding> {
        found_with(means, units, &needed(112..128))
    }

    fn found(means: &[MeanMap]) -> Vec<Finding> {
        found_over(means, &counted(means))
    }

    const OWN: [f32; 20] = lit_at(0);
    const OTHER: [f32; 20] = lit_at(19);

    const fn lit_at(cell: usize) -> [f32; 20] {
        let mut map = [0.0; 20];
        map[cell] = 1.0;
        map[10] = 0.2;
        map
    }

    /// Metal in the top bands when it is wrong, as rock is when it is correct.
    fn metal(wrong: usize, heat: f64) -> Vec<MeanMap> {
        let top = |heat| vec![share(Zone::HighestBands, 0.125, heat)];
        vec![
            class(
                1,
                mean_of(500, &OWN, top(0.003)),
                mean_of(wrong, &OWN, top(heat)),
                vec![confused(2, wrong, &OWN)],
            ),
            class(2, mean_of(500, &OTHER, top(0.2)), mean_of(0, &[0.0], vec![]), vec![]),
        ]
    }

    #[test]
    fn heat_at_an_edge_is_found_with_the_class_that_has_it_too() {
        let got = found(&metal(77, 0.593));
        let [Finding::HeatAtEdge(at)] = &got[..] else { panic!("{got:?}") };
        assert_eq!(at.classes, [OfClass { class: "metal".into(), wrong: 0.593, right: 0.003 }]);
        assert_eq!(at.like, Some(("rock".into(), 0.2)));
        let Edge { zone, count, of, flat, silent } = &at.edge;
        assert_eq!((*zone, *count, *of, *flat), (Zone::HighestBands, 16, 128, 0.125));
        assert_eq!(*silent, Some((-70.0, -40.0)));
    }

    #[test]
    fn an_edge_is_silent_without_enough_heat_maps_or_distance() {
        for (wrong, heat) in [(77, 0.14), (77, 0.18), (9, 0.593), (77, 0.003)] {
            assert_eq!(found(&metal(wrong, heat)), [], "{wrong} {heat}");
        }
        // Twice as much, but the intervals overlap.
        let mut means = metal(77, 0.3);
        let right = &mut means[0].maps.grad_cam.right.heat[0];
        (right.heat, right.interval_95) = (0.14, Some((0.05, 0.29)));
        assert_eq!(found(&means), []);
    }

    #[test]
    fn no_interval_or_few_songs_are_no_proof() {
        let unknown = |mean: &mut MeanOf| mean.heat.iter_mut().for_each(|h| h.interval_95 = None);
        for of_wrong in [true, false] {
            let mut means = metal(77, 0.593);
            let maps = &mut means[0].maps.grad_cam;
            unknown(if of_wrong { &mut maps.wrong } else { &mut maps.right });
            assert_eq!(found(&means), [], "{of_wrong}");
        }
        // The 77 maps are of nine songs, then of ten.
        let means = metal(77, 0.593);
        let mut units = counted(&means);
        units.0.insert((1, Group::Wrong), vec![8; 9]);
        assert_eq!(found_over(&means, &units), []);
        units.0.insert((1, Group::Wrong), vec![8; 10]);
        assert_eq!(found_over(&means, &units).len(), 1);
        // Likewise quiet cells, moves, and an edge that correct maps rely on.
        let of = |zone, heat| mean_of(50, &OWN, vec![share(zone, 0.25, heat)]);
        for zone in [Zone::QuietCells, Zone::Quarter(2), Zone::HighestBands] {
            let mut one = class(0, of(zone, 0.1), of(zone, 0.6), vec![]);
            if zone == Zone::HighestBands {
                one.maps.grad_cam.right = of(zone, 0.6);
            }
            let mut means = vec![one];
            assert_eq!(found(&means).len(), 1, "{zone:?}");
            let mut few = counted(&means);
            few.0.insert((0, Group::Right), vec![5; 9]);
            assert_eq!(found_over(&means, &few), [], "{zone:?}");
            unknown(&mut means[0].maps.grad_cam.right);
            assert_eq!(found(&means), [], "{zone:?}");
        }
    }

    #[test]
    fn intervals_of_named_bands_are_over_songs() {
        let share = |heat: f64| {
            let deviation = Some(0.5);
            let of_map = Spread { n: 60, mean: Some(heat), deviation, ..Spread::default() };
            let band = BandRange { low: NamedBand::Mid, high: NamedBand::Mid };
            vec![BandShare { band, of_bands: 0.3, of_map }]
        };
        let of = |heat| MeanOf { shares: share(heat), ..mean_of(60, &OWN, Vec::new()) };
        let means = [class(0, of(0.7), of(0.4), vec![])];
        assert!(matches!(&found(&means)[..], [Finding::HeatMoves(_)]));
        // 0.3 apart; over 12 songs the half widths are 0.28 each.
        let mut units = counted(&means);
        units.0.insert((0, Group::Right), vec![5; 12]);
        units.0.insert((0, Group::Wrong), vec![5; 12]);
        assert_eq!(found_over(&means, &units), []);
        assert!((units.effective(0, Group::Right) - 12.0).abs() < 1e-12);
    }

    #[test]
    fn units_are_songs_where_they_are_known() {
        let wrong = |index, predicted| Wrong { index, song: None, predicted, probability: 0.5 };
        let wrong = vec![wrong(2, 1), wrong(3, 1), wrong(4, 2)];
        let classes = [Class { name: "a".into(), right: vec![0, 1], wrong }];
        let by_song = Units::of(&classes, Some(&[7, 7, 8, 8, 9]));
        assert_eq!(by_song.0[&(0, Group::Right)], [2]);
        assert_eq!(by_song.0[&(0, Group::Wrong)], [2, 1]);
        assert_eq!(by_song.0[&(0, Group::As(1))], [2]);
        assert_eq!(Units::of(&classes, None).0[&(0, Group::Wrong)], [1, 1, 1]);
    }

    #[test]
    fn what_an_edge_says_is_said_once() {
        let mut means = metal(77, 0.593);
        let quarter = |heat| share(Zone::Quarter(3), 0.25, heat);
        let quiet = |heat| share(Zone::QuietCells, 0.25, heat);
        let maps = &mut means[0].maps.grad_cam;
        maps.right.heat.extend([quarter(0.05), quiet(0.05)]);
        maps.wrong.heat.extend([quarter(0.7), quiet(0.7)]);
        means[1].maps.grad_cam.right.heat = vec![share(Zone::HighestBands, 0.125, 0.3)];
        let got = found(&means);
        assert!(matches!(&got[..], [Finding::HeatAtEdge(_)]), "{got:?}");
    }

    #[test]
    fn a_class_that_needs_the_edge_is_named() {
        let top = |heat| mean_of(500, &OWN, vec![share(Zone::HighestBands, 0.125, heat)]);
        let none = || mean_of(0, &[0.0], vec![]);
        let got = found(&[class(2, top(0.314), none(), vec![])]);
        let [Finding::RelyOnEdge(on)] = &got[..] else { panic!("{got:?}") };
        assert_eq!((&on.class[..], on.right), ("rock", 0.314));
        assert_eq!(found(&[class(2, top(0.24), none(), vec![])]), [], "less than twice as much");
    }

    #[test]
    fn quiet_cells_that_are_lit_are_found() {
        let of = |heat| mean_of(50, &OWN, vec![share(Zone::QuietCells, 0.25, heat)]);
        let got = found(&[class(0, of(0.1), of(0.6), vec![])]);
        let want = OfClass { class: "classical".into(), wrong: 0.6, right: 0.1 };
        assert_eq!(got, [Finding::QuietLit(vec![want])]);
        assert_eq!(found(&[class(0, of(0.55), of(0.6), vec![])]), [], "also when correct");
        assert_eq!(found(&[class(0, of(0.1), of(0.3), vec![])]), [], "near a uniform map");
    }

    #[test]
    fn maps_of_the_predicted_class_are_recognised() {
        let rock = || class(2, mean_of(80, &OTHER, vec![]), mean_of(0, &[0.0], vec![]), vec![]);
        let metal = |map: &[f32], n| {
            class(1, mean_of(90, &OWN, vec![]), mean_of(n, map, vec![]), vec![confused(2, n, map)])
        };
        let got = found(&[metal(&OTHER, 40), rock()]);
        let [Finding::LooksLikePredicted(like)] = &got[..] else { panic!("{got:?}") };
        let one = &like.strongest[0];
        assert_eq!((&one.predicted[..], &one.class[..], one.n), ("rock", "metal", 40));
        assert!(one.to > 0.99 && one.own < 0.0, "{one:?}");
        assert_eq!((like.pairs, like.all_pairs), (1, 1));
        assert_eq!(found(&[metal(&OWN, 40), rock()]), [], "as when it is correct");
        assert_eq!(found(&[metal(&OTHER, 9), rock()]), [], "too few");
        let short = |map: &[f32]| mean_of(90, &map[1..], vec![]);
        let mut few_cells = [metal(&OTHER, 40), rock()];
        for mean in &mut few_cells {
            let maps = &mut mean.maps.grad_cam;
            maps.right = short(if mean.label == 1 { &OWN } else { &OTHER });
            maps.confused.iter_mut().for_each(|one| one.map = SignedMap::of(&OTHER[1..]));
        }
        assert_eq!(found(&few_cells), [], "19 cells");
    }

    #[test]
    fn heat_that_moves_along_frequency_is_found() {
        let of = |low: f64| {
            let heat = [low, 1.0 - low, 0.0, 0.0];
            let shares = (0..4).map(|i| share(Zone::Quarter(i), 0.25, heat[i])).collect();
            mean_of(60, &OWN, shares)
        };
        let got = found(&[class(0, of(0.7), of(0.3), vec![])]);
        let [Finding::HeatMoves(one)] = &got[..] else { panic!("{got:?}") };
        assert_eq!((one.right, one.wrong, one.flat), (0.7, 0.3, 0.25));
        assert!(one.zone.words.starts_with("in the lowest quarter"), "{:?}", one.zone);
        assert_eq!(found(&[class(0, of(0.7), of(0.6), vec![])]), []);
        // Occlusion finds other bands, falls nowhere, or was not measured.
        let means = [class(0, of(0.7), of(0.3), vec![])];
        let units = counted(&means);
        for occlusion in [needed(0..112), needed(0..0), Vec::new()] {
            assert_eq!(found_with(&means, &units, &occlusion), []);
        }
        // 0.4 apart, but the intervals overlap.
        let mut wide = of(0.3);
        for one in &mut wide.heat {
            one.interval_95 = Some((0.0, 0.9));
        }
        assert_eq!(found(&[class(0, of(0.7), wide, vec![])]), []);
    }

    /// Ten songs of four segments; those of two songs are all wrong.
    #[test]
    fn songs_that_are_lost_as_a_whole_are_counted() {
        let songs: Vec<i64> = (0..40).map(|i| i / 4).collect();
        let y = vec![0; 40];
        let p = |wrong: &dyn Fn(usize) -> bool| -> Vec<f32> {
            (0..40).flat_map(|i| if wrong(i) { [0.45, 0.55] } else { [0.6, 0.4] }).collect()
        };
        // And two single segments of others.
        let lost = p(&|i| i < 8 || i == 12 || i == 20);
        let got = of_errors(&y, Some(&songs), &lost, 2);
        let want = WholeSongs { errors: 8, all_errors: 10, songs: 2, all_songs: 10 };
        assert_eq!(got, [Finding::WholeSongs(want)]);
        let scattered = p(&|i| i % 4 == 0);
        assert_eq!(of_errors(&y, Some(&songs), &scattered, 2), [], "one of each song");
        assert_eq!(of_errors(&y, None, &lost, 2), [], "songs are not known");
        let half = p(&|i| i < 8 || (i % 4 == 0 && i >= 12) || i == 13);
        assert_eq!(of_errors(&y, Some(&songs), &half, 2), [], "8 of 16 are not most");
        assert_eq!(of_errors(&y, Some(&songs), &p(&|i| i < 8), 2), [], "too few errors");
    }

    #[test]
    fn doubt_and_false_certainty_are_told_apart() {
        let y = vec![0; 40];
        let p = |wrong: f32, right: f32| -> Vec<f32> {
            (0..40)
                .flat_map(|i| {
                    if i < 12 { [1.0 - wrong, wrong, 0.0] } else { [right, 1.0 - right, 0.0] }
                })
                .collect()
        };
        let got = of_errors(&y, None, &p(0.6, 0.9), 3);
        let [Finding::Ambiguous(doubt)] = &got[..] else { panic!("{got:?}") };
        assert!((doubt.wrong - 0.6).abs() < 1e-6 && (doubt.right - 0.9).abs() < 1e-6);
        assert_eq!((doubt.sure, doubt.second, doubt.errors), (0.0, 1.0, 12));
        let got = of_errors(&y, None, &p(0.95, 0.96), 3);
        assert!(matches!(&got[..], [Finding::Confident(found)] if found.sure == 1.0), "{got:?}");
        assert_eq!(of_errors(&y, None, &p(0.6, 0.7), 3), []);
        assert_eq!(of_errors(&[], None, &[], 3), []);
    }
}
