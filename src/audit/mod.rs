//! Finds what is wrong with a dataset: faults of its arrays, and sound that its parts share.
//!
//! ```text
//! samples.rs  the samples of all parts in one list
//! facts.rs    each part's classes, range and constant samples
//! quick.rs    identical samples, contradictory labels, songs in several parts
//! frames.rs   runs of equal frames: overlapping or repeated segments of one recording
//! near.rs     samples that correlate almost perfectly
//! names.rs    songs' names: pieces of one song, and GTZAN's
//! gtzan.rs    GTZAN's, known repeats and fault-filtered lists
//! text.rs     the whole audit as text
//! ```

mod facts;
mod frames;
mod gtzan;
mod names;
mod near;
mod quick;
mod samples;
mod text;

use serde::Serialize;

use crate::data::{Dataset, PartName};
use crate::progress::Progress;

use samples::AllSamples;

pub use facts::{ClassFacts, PartFacts};
pub use gtzan::{Artists, Known, Repeat, SameNames};
pub use names::Names;
pub use quick::{Quick, SharedSongs};

/// Examples of each finding that are kept.
const EXAMPLES: usize = 10;

/// Pairs of parts that must share nothing: scores of the first count only if nothing of it was seen
/// in the second.
const PAIRS: [[PartName; 2]; 3] = [
    [PartName::Test, PartName::Train],
    [PartName::Test, PartName::Val],
    [PartName::Val, PartName::Train],
];

/// What counts as shared sound.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Number of successive equal frames that prove shared sound.
    pub frames: usize,
    /// Samples whose correlation reaches this are near duplicates.
    pub near: f64,
}

impl Default for Options {
    /// Three frames, r = 0.999.
    fn default() -> Self {
        Self { frames: 3, near: 0.999 }
    }
}

/// A sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sample {
    /// Its part.
    pub part: PartName,
    /// Its index there, from 0.
    pub index: usize,
    /// Its label.
    pub label: u32,
    /// Its song's id, where known.
    pub song: Option<i64>,
}

/// How two samples are known to share sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum How {
    /// They are equal bit by bit.
    Identical,
    /// Frames in a row are equal bit by bit.
    Frames {
        /// How many.
        frames: usize,
        /// Frame `t` of the sample is frame `t + shift` of the other.
        shift: i64,
    },
    /// Frames in a row are equal but for one constant, as where each cut is referred to its
    /// own maximum; bands at a sample's floor are left out.
    LevelledFrames {
        /// How many.
        frames: usize,
        /// Frame `t` of the sample is frame `t + shift` of the other.
        shift: i64,
        /// The sample less the other, in the data's unit (dB).
        level: f32,
    },
    /// Their values correlate almost perfectly.
    Near {
        /// Pearson's r over all values.
        r: f64,
    },
}

/// A sample of one part that shares sound with a sample of another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Match {
    /// In the first part of a pair: test, or val beside train.
    pub sample: Sample,
    /// In the second part of the pair.
    pub other: Sample,
    /// What they share.
    #[serde(flatten)]
    pub how: How,
}

/// Matches of one kind between two parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// `identical`, `frames`, `levelled_frames` or `near`.
    pub kind: &'static str,
    /// The first part of the pair.
    pub part: PartName,
    /// The second part of the pair.
    pub other: PartName,
    /// Pairs of samples; for each sample that is identical or near only one is counted.
    pub pairs: usize,
    /// Samples of `part` in such a pair.
    pub samples: usize,
    /// The first pairs.
    pub examples: Vec<Match>,
}

/// How much of a part shares sound with parts that it must share nothing with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compromised {
    /// Samples that do.
    pub samples: usize,
    /// Samples in the part.
    pub of_samples: usize,
    /// Songs with at least one such sample, where songs are known.
    pub songs: Option<usize>,
    /// Songs in the part.
    pub of_songs: Option<usize>,
}

/// The results of an audit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Where the data are from.
    pub source: String,
    /// Identifies them, as `Dataset::hash`.
    pub hash: String,
    /// h (mel bands), w (frames), c of each sample.
    pub sample_shape: [usize; 3],
    /// Frames in a row that were taken for proof.
    pub least_frames: usize,
    /// The correlation that was taken for a near duplicate.
    pub least_r: f64,
    /// The parts that were loaded.
    pub parts: Vec<PartFacts>,
    /// For each part: samples that equal an earlier one of the same part.
    pub repeated_within: Vec<(PartName, usize)>,
    /// Equal samples with different labels: how many samples, and the first pairs.
    pub label_conflicts: usize,
    /// The first of them.
    pub label_conflict_examples: Vec<[Sample; 2]>,
    /// Sound that parts share, from the arrays alone.
    pub evidence: Vec<Evidence>,
    /// Why frames were not compared at all, where that is so.
    pub frames_not_compared: Option<&'static str>,
    /// Frames that too many others resemble, and which were therefore not compared.
    pub common_frames: usize,
    /// Songs that parts share, where two parts have song ids.
    pub shared_songs: Vec<SharedSongs>,
    /// GTZAN's repeats in different parts, where its songs are named.
    pub gtzan: Option<Known>,
    /// The test part beside train and val.
    pub test: Compromised,
    /// The validation part beside train.
    pub val: Compromised,
    /// Bands that have one value throughout each sample.
    pub constant_bands: Vec<usize>,
    /// What else to know.
    pub warnings: Vec<String>,
}

impl Audit {
    /// Runs all checks; `names` are the names of songs, where known.
    ///
    /// Needs data that are not scaled. The same data give the same result for any number of
    /// threads.
    pub fn of(
        data: &Dataset,
        names: Option<&Names>,
        options: &Options,
        progress: &dyn Progress,
    ) -> Self {
        let all = AllSamples::of(data, names);
        let quick = Quick::of_all(&all);
        let frames_not_compared = frames::not_comparable(&all, options.frames);
        let (frames, common_frames) = match frames_not_compared {
            Some(_) => (Vec::new(), 0),
            None => frames::shared(&all, options.frames, progress),
        };
        let near = near::find(&all, &quick.same.matches, options.near, progress);
        let known = names.map(|names| gtzan::check(&all, names));
        let mut marks = quick.marks(&all);
        for found in frames.iter().chain(&near) {
            marks.mark(found);
        }
        if let Some(known) = &known {
            for same in &known.same {
                marks.mark_songs(&all, same.part, &same.ids);
            }
            for repeat in known.repeats.iter().filter(|repeat| repeat.exact) {
                marks.mark_songs(&all, repeat.part, &repeat.songs);
            }
        }
        let mut warnings = quick.warnings();
        warnings.extend(names.and_then(Names::pieces));
        let constant_bands = facts::constant_bands(&all);
        if let Some(first) = constant_bands.first() {
            warnings.push(format!(
                "{} of {} bands have one value throughout each sample, such as band {first}: mel \
                 filters narrower than a bin of the FFT, or nothing recorded there; fewer mel bands, a \
                 longer FFT or a lower upper edge avoid them",
                constant_bands.len(),
                data.sample_shape[0]
            ));
        }
        let matches: Vec<Match> =
            quick.same.matches.iter().chain(&frames).chain(&near).copied().collect();
        Self {
            source: data.source.clone(),
            hash: data.hash.clone(),
            sample_shape: data.sample_shape,
            least_frames: options.frames,
            least_r: options.near,
            evidence: evidence(&matches),
            frames_not_compared,
            common_frames,
            test: marks.compromised(&all, PartName::Test),
            val: marks.compromised(&all, PartName::Val),
            constant_bands,
            warnings,
            parts: quick.parts.into_iter().map(|part| PartFacts::of(&all, part)).collect(),
            repeated_within: quick.same.within,
            label_conflicts: quick.same.conflicts.len(),
            label_conflict_examples: quick.same.conflicts.into_iter().take(EXAMPLES).collect(),
            shared_songs: quick.shared_songs,
            gtzan: known,
        }
    }

    /// Whether scores of the test part are optimistic: some of its samples share sound with others.
    pub fn test_is_compromised(&self) -> bool {
        self.test.samples > 0
    }
}

impl How {
    fn kind(&self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Frames { .. } => "frames",
            Self::LevelledFrames { .. } => "levelled_frames",
            Self::Near { .. } => "near",
        }
    }
}

/// Sorts findings by kind and parts.
fn evidence(matches: &[Match]) -> Vec<Evidence> {
    let mut all: Vec<Evidence> = Vec::new();
    for [part, other] in PAIRS {
        for kind in ["identical", "frames", "levelled_frames", "near"] {
            let fits =
                |m: &&Match| (m.sample.part, m.other.part, m.how.kind()) == (part, other, kind);
            let mut found: Vec<Match> = matches.iter().filter(fits).copied().collect();
            found.sort_by_key(|m| (m.sample, m.other));
            let samples = found.chunk_by(|a, b| a.sample == b.sample).count();
            let pairs = found.len();
            found.truncate(EXAMPLES);
            if pairs > 0 {
                all.push(Evidence { kind, part, other, pairs, samples, examples: found });
            }
        }
    }
    all
}
