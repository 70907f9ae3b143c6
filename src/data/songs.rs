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
    let mut found = Vec::new();
    let mut examples = Vec::new();
    for (names, one, other) in [
        ([PartName::Train, PartName::Test], train, test),
        ([PartName::Train, PartName::Val], train, val),
        ([PartName::Val, PartName::Test], val, test),
    ] {
        let shared: Vec<_> = one.intersection(other).collect();
        if !shared.is_empty() {
            let [one, other] = names;
            found.push(format!("{} in both {one} and {other}", shared.len()));
            examples.extend(shared.iter().map(|(id, label)| format!("{id} of class {label}")));
        }
    }
    if !found.is_empty() {
        examples.truncate(2);
        progress.warn(&format!(
            "parts share songs: {} (such as {}), so scores look too good; or the ids start anew \
             in each part, then number the songs through",
            found.join(", "),
            examples.join(" and ")
        ));
    }
}
