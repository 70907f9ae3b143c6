//! Songs that occur in several parts: what is learned by heart from one cut helps with the next.

use std::collections::BTreeSet;

use serde::Serialize;

use super::all::All;
use super::{EXAMPLES, PAIRS};
use crate::data::{Part, PartName};

/// What songs that parts share may come from.
pub(super) const ANEW: &str = "if song ids start anew in each part, number them through";

/// Songs that two parts share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedSongs {
    /// The part that judges.
    pub part: PartName,
    /// The part that it is judged by.
    pub other: PartName,
    /// How many.
    pub songs: usize,
    /// The first of them: id and label, which together tell a song.
    pub examples: Vec<(i64, u32)>,
    #[serde(skip)]
    pub(super) all: Vec<(i64, u32)>,
}

/// The songs of a part, as they vote: an id that occurs with two labels is two songs.
pub(super) fn songs_of(part: &Part) -> BTreeSet<(i64, u32)> {
    part.song.iter().flatten().copied().zip(part.y.iter().copied()).collect()
}

/// Those that parts share.
pub(super) fn shared(all: &All<'_>) -> Vec<SharedSongs> {
    let shared = |[part, other]: [PartName; 2]| {
        let [ours, theirs] = [part, other].map(|name| songs_of(all.data.part(name)));
        let both: Vec<_> = ours.intersection(&theirs).copied().collect();
        (!both.is_empty()).then(|| SharedSongs {
            part,
            other,
            songs: both.len(),
            examples: both.iter().take(EXAMPLES).copied().collect(),
            all: both,
        })
    };
    PAIRS.into_iter().filter_map(shared).collect()
}
