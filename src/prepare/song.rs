//! A sound file and what is known of it.

use std::path::{Path, PathBuf};

use crate::audio::EXTENSIONS;
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::text::shown;

/// A sound file.
#[derive(Debug, Clone)]
pub(super) struct Song {
    /// Its path within the folder of audio, with `/`: `rock/rock.00042.wav`.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Its label.
    pub(super) class: usize,
    /// The song that a list says it belongs to.
    pub(super) listed_song: Option<String>,
    /// The song that it belongs to: `rock/Yellow` of `rock/Yellow (part 2).wav`.
    pub(super) group: String,
    /// Class · 1000 (or 10,000 …) + the song's number within its class, in
    /// alphabetical order.
    pub(super) id: i64,
    /// The part that its folder or the list of songs names.
    pub(super) part: Option<PartName>,
}

impl Song {
    /// Its name as a terminal may show it.
    pub(super) fn shown(&self) -> String {
        shown(&self.name)
    }

    /// Its file's name without folders and extension.
    pub(super) fn stem(&self) -> &str {
        let file = self.name.rsplit('/').next().unwrap_or(&self.name);
        file.rsplit_once('.').map_or(file, |(stem, _)| stem)
    }
}

/// A file with its class's name.
pub(super) struct Labelled {
    pub(super) song: Song,
    pub(super) class: String,
}

/// Refuses names that are not UTF-8: lists and records are, and could not tell two such names apart.
pub(super) fn check_name(path: &Path) -> Result<()> {
    if path.to_str().is_some() {
        return Ok(());
    }
    Err(Error::Prepare {
        place: path.display().to_string(),
        problem: "its name is not UTF-8 (shown with \u{fffd} for what is not): rename it".into(),
    })
}

pub(super) fn song(name: String, path: PathBuf) -> Song {
    Song { group: name.clone(), name, path, class: 0, listed_song: None, id: 0, part: None }
}

pub(super) fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| EXTENSIONS.iter().any(|e| e.eq_ignore_ascii_case(found)))
}
