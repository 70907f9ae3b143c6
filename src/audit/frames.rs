//! Finds runs of equal frames, at any position and level: the trace of overlapping cuts of one
//! recording, or of a segment that it repeats.
//!
//! Candidates are frames whose loudest bands are the same in the same order, which neither a
//! change of level nor a rounding in the last bits disturbs. Each candidate is then compared
//! band by band. Bands at a sample's floor (its least value) prove nothing and are left out, as are
//! frames with too few bands above it and frames that repeat the one before: silence and held tones
//! are similar in all recordings.

use rayon::prelude::*;

use super::samples::AllSamples;
use super::{How, Match, Sample};
use crate::progress::Progress;

/// Loudest bands whose order makes frames candidates; fewer where there are few bands.
const LOUDEST: usize = 16;

/// With fewer bands, frames of different recordings can be equal by chance
/// ([`not_comparable`] has the number).
const LEAST_BANDS: usize = 8;

/// If more frames than this have the same loudest bands, they are not compared.
const MOST_ALIKE: usize = 256;

/// Levelled bands may differ by this share of the data's range: 0.0008 dB of 80 dB.
const TOLERANCE: f32 = 1e-5;

/// A frame of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    key: u64,
    sample: usize,
    at: usize,
}

/// Two equal frames of different parts.
#[derive(Debug, Clone, Copy)]
struct Equal {
    /// In the later part.
    sample: usize,
    other: usize,
    shift: i64,
    at: usize,
    exact: bool,
    level: f32,
}

/// A sample's values `[h, w]` and the least of them.
#[derive(Clone, Copy)]
struct Values<'a> {
    x: &'a [f32],
    w: usize,
    floor: f32,
}

impl Values<'_> {
    fn frame(&self, at: usize) -> impl Iterator<Item = f32> + '_ {
        self.x.iter().skip(at).step_by(self.w).copied()
    }
}

/// How two frames are equal, if they are.
struct Comparison {
    loudest: usize,
    tolerance: f32,
}

impl Comparison {
    /// Whether they are so bit by bit, and by how much the first is louder.
    fn compare(
        &self,
        (a, a_at): (Values<'_>, usize),
        (b, b_at): (Values<'_>, usize),
    ) -> Option<(bool, f32)> {
        let pairs = || a.frame(a_at).zip(b.frame(b_at));
        if pairs().all(|(a, b)| a == b) {
            return Some((true, 0.0));
        }
        let (top, other) = pairs().max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        let level = top - other;
        let mut compared = 0;
        for (x, y) in pairs() {
            let equal = match (x > a.floor, y > b.floor) {
                (true, true) => {
                    compared += 1;
                    (x - y - level).abs() <= self.tolerance
                }
                // The other sample's floor hides it.
                (true, false) => x - level <= b.floor + self.tolerance,
                (false, true) => y + level <= a.floor + self.tolerance,
                (false, false) => true,
            };
            if !equal {
                return None;
            }
        }
        (compared >= self.loudest).then_some((false, level))
    }
}

/// Why [`shared`] cannot find runs of `least` frames, if it cannot.
pub(super) fn not_comparable(all: &AllSamples<'_>, least: usize) -> Option<&'static str> {
    match all.data.sample_shape {
        [h, ..] if h < LEAST_BANDS => Some("fewer than 8 bands"),
        [_, w, _] if w < least => Some("samples have fewer frames"),
        [.., c] if c != 1 => Some("more than one channel"),
        _ => None,
    }
}

/// Pairs of samples that share at least `least` frames in a row, of each pair the longest run,
/// and the number of frames that were too common to compare.
pub(super) fn shared(
    all: &AllSamples<'_>,
    least: usize,
    progress: &dyn Progress,
) -> (Vec<Match>, usize) {
    let [h, w, _] = all.data.sample_shape;
    let parts = [&all.data.train, &all.data.val, &all.data.test];
    let values = || parts.into_iter().flat_map(|part| &part.x).copied();
    let range = values().fold(f32::MIN, f32::max) - values().fold(f32::MAX, f32::min);
    let rule = Comparison { loudest: LOUDEST.min(h / 2), tolerance: TOLERANCE * range };
    let of = |sample: &Sample| {
        let x = all.x(sample);
        Values { x, w, floor: x.iter().copied().fold(f32::MAX, f32::min) }
    };
    let values: Vec<Values<'_>> = all.samples.par_iter().map(of).collect();

    progress.begin("comparing frames", all.samples.len() as u64, "samples");
    let keyed = |(sample, values): (usize, &Values<'_>)| {
        progress.advance(1);
        keys(&rule, sample, *values)
    };
    let mut frames: Vec<Frame> = values.par_iter().enumerate().flat_map_iter(keyed).collect();
    frames.par_sort_unstable();
    let groups: Vec<&[Frame]> = frames.chunk_by(|a, b| a.key == b.key).collect();
    let (alike, common): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|group| group.len() <= MOST_ALIKE);
    let compared = |group: &&[Frame]| equal_frames(&rule, all, &values, group);
    let mut equal: Vec<Equal> = alike.par_iter().flat_map_iter(compared).collect();
    equal.par_sort_unstable_by_key(|e| (e.sample, e.other, e.shift, e.at));
    progress.end();

    let pairs = equal.chunk_by(|a, b| (a.sample, a.other) == (b.sample, b.other));
    let matched = |pair: &[Equal]| {
        let run = longest_run(pair, rule.tolerance);
        let first = run.first().filter(|_| run.len() >= least)?;
        let (frames, shift, level) = (run.len(), first.shift, first.level);
        let how = match run.iter().all(|frame| frame.exact) {
            true => How::Frames { frames, shift },
            false => How::LevelledFrames { frames, shift, level },
        };
        Some(Match { sample: all.samples[first.sample], other: all.samples[first.other], how })
    };
    let common = common.into_iter().map(<[Frame]>::len).sum();
    (pairs.filter_map(matched).collect(), common)
}

/// The frames of a sample that can prove something, with keys from their loudest bands.
fn keys(rule: &Comparison, sample: usize, values: Values<'_>) -> Vec<Frame> {
    let mut bands: Vec<(f32, usize)> = Vec::new();
    let mut frames = Vec::new();
    for at in 0..values.w {
        bands.clear();
        bands.extend(values.frame(at).zip(0..).filter(|(x, _)| *x > values.floor));
        if bands.len() < rule.loudest {
            continue;
        }
        let louder = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        bands.select_nth_unstable_by(rule.loudest - 1, louder);
        bands.truncate(rule.loudest);
        bands.sort_unstable_by(louder);
        // Near silence there are few quantised values, and their order proves little.
        let different = bands.chunk_by(|a, b| a.0 == b.0).count();
        let held = at > 0 && rule.compare((values, at), (values, at - 1)).is_some();
        if different > rule.loudest / 2 && !held {
            // FNV-1a; the comparison rejects frames whose keys collide.
            let mix = |key: u64, (_, band): &(f32, usize)| {
                (key ^ *band as u64).wrapping_mul(0x0100_0000_01b3)
            };
            let key = bands.iter().fold(0xcbf2_9ce4_8422_2325, mix);
            frames.push(Frame { key, sample, at });
        }
    }
    frames
}

/// The frames of a group that are equal and in different parts.
fn equal_frames(
    rule: &Comparison,
    all: &AllSamples<'_>,
    values: &[Values<'_>],
    group: &[Frame],
) -> Vec<Equal> {
    let mut equal = Vec::new();
    for (i, b) in group.iter().enumerate() {
        // Samples are in the order of their parts, so `a` is in the later one.
        let later =
            group[i..].iter().filter(|a| all.samples[a.sample].part != all.samples[b.sample].part);
        for a in later {
            let found = rule.compare((values[a.sample], a.at), (values[b.sample], b.at));
            let Some((exact, level)) = found else { continue };
            let shift = b.at as i64 - a.at as i64;
            equal.push(Equal { sample: a.sample, other: b.sample, shift, at: a.at, exact, level });
        }
    }
    equal
}

/// The longest run of successive frames at one shift and one level; the first of equal ones.
fn longest_run(pair: &[Equal], tolerance: f32) -> &[Equal] {
    let goes_on = |a: &Equal, b: &Equal| {
        let level = (a.level - b.level).abs() <= 2.0 * tolerance;
        a.shift == b.shift && b.at == a.at + 1 && level
    };
    let mut best: &[Equal] = &[];
    for run in pair.chunk_by(goes_on) {
        if run.len() > best.len() {
            best = run;
        }
    }
    best
}
