//! Songs that occur in several parts.

use std::collections::BTreeSet;

use super::{Part, PartName};
use crate::progress::Progress;

/// Warns of songs (id and label) that two parts share: what is learned by heart
/// from one cut helps with the next.
pub(super) fn warn_of_shared_songs(parts: [&Part; 3], progress: &dyn Progress) {
    let songs = parts.map(|part| -> BTreeSet<(i64, u32)> {
        let ids = part.song.iter().flatten().copied();
        ids.zip(part.y.iter().copied()).collect()
    });
    let [train, val, test] = &songs;
    for (names, one, other) in [
        ([PartName::Train, PartName::Val], train, val),
        ([PartName::Train, PartName::Test], train, test),
        ([PartName::Val, PartName::Test], val, test),
    ] {
        let shared: Vec<_> = one.intersection(other).collect();
        let examples: Vec<String> =
            shared.iter().take(2).map(|(id, label)| format!("{id} of class {label}")).collect();
        if !shared.is_empty() {
            let [one, other] = names;
            progress.warn(&format!(
                "{} song(s) are in both {one} and {other}, such as {}: then the scores of {other} \
                 are too good; if the ids start anew in each part, number the songs through",
                shared.len(),
                examples.join(" and ")
            ));
        }
    }
}
