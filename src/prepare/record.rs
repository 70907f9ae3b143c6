//! `prepare.json`: how a folder of arrays was made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folders::root;
use super::song::check_name;
use super::split::SplitKind;
use super::{Count, Done, Options, Summary};
use crate::audio::{Cutting, FrontEnd};
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::files::read_regular;

pub(super) const RECORD: &str = "prepare.json";

/// Everything that determines the arrays, except the sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder of audio, as an absolute path.
    pub audio: PathBuf,
    /// BLAKE3 of the list of labels, where one was given.
    pub list: Option<String>,
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// How sound became spectrograms.
    pub front_end: FrontEnd,
    /// How songs were cut.
    pub cutting: Cutting,
    /// The expression that told songs from files' names, where one was given.
    #[serde(default)]
    pub song_from: Option<String>,
    /// How songs were split into parts.
    pub split: SplitKind,
    /// BLAKE3 of the list of parts, where one was given.
    pub parts: Option<String>,
    /// Seed of the split.
    pub seed: u64,
}

impl Settings {
    pub(super) fn new(options: &Options, split: SplitKind, classes: &[String]) -> Result<Self> {
        let hash = |path: &Option<PathBuf>| -> Result<Option<String>> {
            let Some(path) = path else { return Ok(None) };
            let bytes = read_regular(path).map_err(Error::io(path, "read"))?;
            Ok(Some(blake3::hash(&bytes).to_hex().to_string()))
        };
        let audio = &options.audio;
        let audio = audio.canonicalize().map_err(Error::io(audio, "read"))?;
        check_name(&audio)?;
        Ok(Self {
            audio,
            list: hash(&options.list)?,
            classes: classes.to_vec(),
            front_end: options.front_end.clone(),
            cutting: options.cutting,
            song_from: options.song_from.clone(),
            split,
            parts: hash(&options.parts)?,
            seed: options.seed,
        })
    }

    /// The first setting that differs: `seed: 42 there, 7 here`.
    pub(super) fn difference(&self, here: &Self) -> Option<String> {
        let values = |settings: &Self| -> BTreeMap<String, String> {
            let value = serde_json::to_value(settings).unwrap_or_default();
            let mut flat = BTreeMap::new();
            for (key, value) in value.as_object().into_iter().flatten() {
                match value.as_object() {
                    Some(inner) => {
                        flat.extend(inner.iter().map(|(k, v)| (k.clone(), v.to_string())));
                    }
                    None => drop(flat.insert(key.clone(), value.to_string())),
                }
            }
            flat
        };
        let (there, here) = (values(self), values(here));
        let mut keys: Vec<&String> = there.keys().collect();
        // A front end's name says less than its numbers.
        keys.sort_by_key(|key| *key == "name");
        let key = keys.into_iter().find(|key| there.get(*key) != here.get(*key))?;
        let show = |values: &BTreeMap<String, String>| values.get(key).cloned().unwrap_or_default();
        Some(format!("{key}: {} there, {} here", show(&there), show(&here)))
    }
}

/// The contents of `prepare.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// `genre-gpu` and its version.
    pub program: String,
    /// What the arrays were made from and how.
    pub settings: Settings,
    /// Songs and samples by part, then class.
    pub counts: BTreeMap<String, BTreeMap<String, Count>>,
    /// Files that could not be used, and why.
    pub skipped: BTreeMap<String, String>,
    /// Files that the split does not name.
    pub left_out: usize,
    /// BLAKE3 of each file in the arrays.
    pub files: BTreeMap<String, String>,
}

impl Record {
    pub(super) fn new(settings: Settings, summary: &Summary, done: &[Done]) -> Self {
        let of_class = |part: PartName| {
            let count = |(class, name): (usize, &String)| {
                let count = summary.counts.get(&(part, class)).copied().unwrap_or_default();
                (name.clone(), count)
            };
            summary.classes.iter().enumerate().map(count).collect()
        };
        let used = done.iter().filter(|done| !done.parts.is_empty());
        let files = used.filter_map(|done| {
            Some((done.song.name.clone(), done.made.as_ref().ok()?.blake3.clone()))
        });
        Self {
            program: concat!("genre-gpu ", env!("CARGO_PKG_VERSION")).into(),
            settings,
            counts: PartName::ALL.map(|part| (part.to_string(), of_class(part))).into(),
            skipped: summary.skipped.iter().cloned().collect(),
            left_out: summary.left_out,
            files: files.collect(),
        }
    }

    /// The record in a folder, if there is one.
    pub(super) fn read_if_any(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(RECORD);
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = read_regular(&path).map_err(Error::io(&path, "read"))?;
        let fail = |problem: String| Error::Prepare {
            place: path.display().to_string(),
            problem: format!("cannot be read: {problem}; remove it, or prepare the folder again"),
        };
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| fail(e.to_string()))?;
        record.settings.front_end.check().map_err(|e| fail(e.to_string()))?;
        Ok(Some(record))
    }
}

/// How the arrays in a folder were made, where `prepare` made them.
///
/// # Errors
/// If there is a record that cannot be read.
pub fn read(folder: &Path) -> Result<Option<Record>> {
    if folder.is_dir() { Record::read_if_any(folder) } else { Ok(None) }
}

/// The path of a file of [`Record::files`], if it has not been moved.
pub fn path_of(settings: &Settings, file: &str) -> PathBuf {
    // A list's files are named from the folder itself.
    let root = if settings.list.is_some() { settings.audio.clone() } else { root(&settings.audio) };
    root.join(file)
}
