//! Recordings of the samples that are shown, as many as a page should hold.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::record::RunRecord;
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::explain::{ExplainFolder, ExplainedSample, Heard, Recording};
use crate::files::{check_inside, read_regular};

/// A recording that can be played.
#[derive(Debug, Serialize)]
pub(super) struct Player {
    /// What it is, and what the network makes of it.
    pub(super) name: String,
    /// `data:audio/wav;base64,…`.
    pub(super) source: String,
}

/// Of samples, by their number among those shown: the first right and wrong of each class and
/// part, then the second, until `most` bytes are full.
pub(super) fn players(run: &RunRecord, most: usize) -> Result<BTreeMap<usize, Vec<Player>>> {
    let found = &run.explanation;
    let folder = ExplainFolder::of(&run.folder);
    let mut all = BTreeMap::new();
    let mut room = most;
    for at in turns(found.shown.iter().map(group)) {
        let shown = &found.shown[at];
        let Some(heard) = &shown.sound else { continue };
        let mut own = Vec::new();
        for (word, recording) in named(heard) {
            let path = inside(folder.path(), &recording.file)?;
            let bytes = check_inside(run.folder.path(), &path).and_then(|()| read_regular(&path));
            let bytes = bytes.map_err(Error::io(&path, "read"))?;
            let class = &found.classes[shown.target as usize];
            let name = match recording.probabilities.get(shown.target as usize) {
                Some(p) => format!("{word}: {class} {p:.2}"),
                None => word.to_owned(),
            };
            let source = format!("data:audio/wav;base64,{}", STANDARD.encode(bytes));
            own.push(Player { name, source });
        }
        let size = own.iter().map(|player| player.source.len()).sum();
        let Some(rest) = room.checked_sub(size) else { break };
        room = rest;
        all.insert(at, own);
    }
    Ok(all)
}

fn named(heard: &Heard) -> [(&'static str, &Recording); 3] {
    [("clip", &heard.clip), ("kept by the map", &heard.kept), ("the rest", &heard.rest)]
}

/// Part, class, and whether it is predicted correctly.
type Group = (PartName, u32, bool);

fn group(shown: &ExplainedSample) -> Group {
    (shown.part, shown.truth, shown.truth == shown.predicted)
}

/// Numbers of samples, each group's first before any group's second.
fn turns(groups: impl Iterator<Item = Group>) -> Vec<usize> {
    let mut counts: BTreeMap<Group, usize> = BTreeMap::new();
    let mut turns = Vec::new();
    for (at, group) in groups.enumerate() {
        let count = counts.entry(group).or_default();
        *count += 1;
        turns.push((*count, at));
    }
    turns.sort_unstable();
    turns.into_iter().map(|(_, at)| at).collect()
}

/// A file in a folder; one that leads out of it is none of ours.
fn inside(folder: &Path, file: &str) -> Result<PathBuf> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !file.is_empty() && Path::new(file).components().all(plain) {
        return Ok(folder.join(file));
    }
    let problem = format!("names the recording \"{file}\", which does not lie in its folder");
    Err(Error::Run { path: folder.join("explain.json"), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_its_turn() {
        let groups = [
            (PartName::Train, 0, true),
            (PartName::Train, 0, true),
            (PartName::Train, 1, true),
            (PartName::Test, 0, true),
        ];
        assert_eq!(turns(groups.into_iter()), [0, 2, 3, 1]);
    }

    #[test]
    fn recordings_lie_in_the_folder() {
        let folder = Path::new("run/explain");
        assert_eq!(inside(folder, "sound/a.wav").unwrap(), folder.join("sound/a.wav"));
        for file in ["", "../a.wav", "/etc/passwd", "sound/../../a.wav"] {
            assert!(inside(folder, file).is_err(), "{file}");
        }
    }
}
