//! The names of arrays: `x_train`, and what `X_train`, `training_labels` or `dev-spectrograms` mean.

#[cfg(feature = "audio")]
use std::collections::BTreeMap;
use std::fmt;

use super::PartName;

/// The role of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The samples.
    X,
    /// Their labels.
    Y,
    /// The songs that they were cut from.
    Song,
}

/// One of the nine arrays of a dataset; displays as `x_train`, `song_val`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArrayName {
    /// Its role.
    pub role: Role,
    /// The part that it belongs to.
    pub part: PartName,
}

/// Words for parts.
const TRAIN: &[&str] = &["train", "training", "trn", "tr"];
const VAL: &[&str] = &["val", "valid", "validation", "dev", "cv", "va"];
const TEST: &[&str] = &["test", "testing", "eval", "evaluation", "tst", "te"];

/// Words for roles.
const SAMPLES: &[&str] = &[
    "x",
    "image",
    "images",
    "img",
    "imgs",
    "input",
    "inputs",
    "sample",
    "samples",
    "feature",
    "features",
    "spectrogram",
    "spectrograms",
    "spec",
    "specs",
    "mel",
    "mels",
    "logmel",
    "logmels",
    "melspec",
    "melspecs",
    "melspectrogram",
    "melspectrograms",
    "mfcc",
    "mfccs",
];
const LABELS: &[&str] =
    &["y", "label", "labels", "target", "targets", "class", "classes", "genre", "genres", "gt"];
const SONGS: &[&str] = &["song", "songs", "group", "groups", "track", "tracks"];

impl Role {
    /// All roles; every part needs the first two.
    pub const ALL: [Self; 3] = [Self::X, Self::Y, Self::Song];

    /// The word in names and flags: `x`, `y`, `song`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Y => "y",
            Self::Song => "song",
        }
    }

    /// Examples of accepted names of an array that is to be split here, for messages.
    pub(super) fn accepted_alone(self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::X => &["x", "data", "features", "spectrograms", "arr_0"],
            Self::Y => &["y", "labels", "target", "arr_1"],
            Self::Song => &["song", "groups"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }
}

impl fmt::Display for ArrayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.role.as_str(), self.part)
    }
}

impl ArrayName {
    /// The array that a file's stem or an npz key means; of an npz or folder for each part, its name
    /// and the key. The name must have a word for exactly one
    /// part. A lone `x` or `y` decides the role, otherwise the last word for a role (`song_labels` are
    /// labels); otherwise `arr_0`, `data`, or no further word (`train.npy`), means samples, and `arr_1`
    /// labels. Other words are ignored.
    pub fn of(stem: &str) -> Option<Self> {
        let stem = stem.to_lowercase();
        let words = words_of(&stem);
        let mut parts = words.iter().filter_map(|word| part_of_word(word));
        let part = parts.next()?;
        if parts.any(|other| other != part) {
            return None;
        }
        let role = role_of_words(&words).or_else(|| (words.len() == 1).then_some(Role::X))?;
        Some(Self { role, part })
    }

    /// The array that a key of a list of arrays means: `x_train`; `x` alone, which is to be split, goes
    /// by the name of the training part's.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        let whole = Role::ALL.into_iter().find(|role| role.as_str() == key);
        let whole = whole.map(|role| Self { role, part: PartName::Train });
        whole.or_else(|| Self::of(key).filter(|name| name.to_string() == key))
    }

    /// The role of an array whose name has no word for a part: `X`, `labels`, `arr_0`.
    pub(super) fn role_without_part(stem: &str) -> Option<Role> {
        let stem = stem.to_lowercase();
        let words = words_of(&stem);
        let has_part = words.iter().any(|word| part_of_word(word).is_some());
        if has_part { None } else { role_of_words(&words) }
    }

    /// Examples of accepted names, for messages.
    pub(super) fn accepted(self) -> Vec<String> {
        let part = self.part.as_str();
        let long = match self.part {
            PartName::Train => "training",
            PartName::Val => "validation",
            PartName::Test => "testing",
        };
        match self.role {
            Role::X => vec![
                format!("x_{part}"),
                format!("{part}_x"),
                format!("{part}_data"),
                format!("{long}_spectrograms"),
            ],
            Role::Y => {
                vec![format!("y_{part}"), format!("{part}_labels"), format!("{long}_labels")]
            }
            Role::Song => vec![format!("song_{part}"), format!("{part}_groups")],
        }
    }
}

fn words_of(stem: &str) -> Vec<&str> {
    let words = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.flat_map(split_compound).collect()
}

/// A lone `x` or `y` decides, otherwise the last word for a role, otherwise the names that numpy gives
/// to arrays without one (`arr_0`, `arr_1`), otherwise `data`.
fn role_of_words(words: &[&str]) -> Option<Role> {
    let letter = words.iter().find(|word| matches!(**word, "x" | "y"));
    let numbered = |number| words.windows(2).any(|pair| pair == ["arr", number]);
    letter
        .and_then(|word| role_of(word))
        .or_else(|| words.iter().rev().find_map(|word| role_of(word)))
        .or_else(|| numbered("0").then_some(Role::X))
        .or_else(|| numbered("1").then_some(Role::Y))
        .or_else(|| words.contains(&"data").then_some(Role::X))
}

/// The part that a word names.
pub(crate) fn part_of_word(word: &str) -> Option<PartName> {
    let lists = [(TRAIN, PartName::Train), (VAL, PartName::Val), (TEST, PartName::Test)];
    lists.into_iter().find_map(|(list, part)| list.contains(&word).then_some(part))
}

/// Words for parts that only folders and lists use: the one that judges, of two or three.
const JUDGING: &[&str] = &["eval", "evaluation", "holdout", "heldout", "unseen"];

/// Words beside that for a part, which say nothing: `train_set`, `audio-test`.
const FILLERS: &[&str] = &[
    "audio", "clips", "data", "dataset", "dir", "files", "folder", "music", "part", "samples",
    "set", "songs", "sound", "sounds", "split", "subset", "tracks", "wav", "wavs", "x",
];

/// The part that a folder, or a word in a list, is plainly called by: `Train_set`, `01-testing`,
/// `trainset`. No word but numbers and fillers may stand beside that for the part.
pub(crate) fn part_of_folder(name: &str) -> Option<PartName> {
    let name = name.trim().to_lowercase();
    if let Some(part) = part_of_word(&name) {
        return Some(part);
    }
    let words: Vec<&str> = (name.split(|c: char| !c.is_alphabetic()))
        .filter(|word| !word.is_empty() && !FILLERS.contains(word))
        .collect();
    part_of_long_word(&words.concat())
}

/// The part of a word that is one by itself, with or without a filler: `training`, `valset`.
fn part_of_long_word(word: &str) -> Option<PartName> {
    let known = |word: &str| match word {
        "validate" | "validating" => Some(PartName::Val),
        _ if JUDGING.contains(&word) => Some(PartName::Test),
        // Two letters stand for a part only where nothing is beside them.
        _ => part_of_word(word).filter(|_| word.len() > 2),
    };
    let fillers = FILLERS.iter();
    known(word).or_else(|| fillers.clone().find_map(|f| known(word.strip_suffix(f)?))).or_else(
        || {
            let mut fillers = fillers;
            fillers.find_map(|f| known(word.strip_prefix(f)?))
        },
    )
}

/// The part that one of a folder's words names, whatever stands beside it: `train-clean-100`.
#[cfg(feature = "audio")]
pub(crate) fn part_in_folder(name: &str) -> Option<PartName> {
    let name = name.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphabetic());
    part_of_folder(&name).or_else(|| words.find_map(part_of_long_word))
}

/// The words of a folder's name beside that for its part, without numbers.
#[cfg(feature = "audio")]
pub(crate) fn beside_part(name: &str) -> Vec<String> {
    let name = name.to_lowercase();
    let words = name.split(|c: char| !c.is_alphabetic());
    let others = words.filter(|word| !word.is_empty() && part_of_long_word(word).is_none());
    others.map(str::to_owned).collect()
}

/// The parts of names that are used together: `eval` is for validation if there is a `test` too.
#[cfg(feature = "audio")]
pub(crate) fn parts_among<'a>(
    names: impl IntoIterator<Item = &'a str>,
    part_of: impl Fn(&str) -> Option<PartName>,
) -> BTreeMap<String, PartName> {
    let named = names.into_iter().filter_map(|name| Some((name.to_owned(), part_of(name)?)));
    let mut parts: BTreeMap<String, PartName> = named.collect();
    let judging = |name: &str| {
        let name = name.to_lowercase();
        let words: String = name.chars().filter(|c| c.is_alphabetic()).collect();
        JUDGING.iter().any(|word| words.contains(word))
    };
    let has_test = parts.iter().any(|(name, part)| *part == PartName::Test && !judging(name));
    if has_test && !parts.values().any(|part| *part == PartName::Val) {
        for (_, part) in parts.iter_mut().filter(|(name, _)| judging(name)) {
            *part = PartName::Val;
        }
    }
    parts
}

fn role_of(word: &str) -> Option<Role> {
    let lists = [(SAMPLES, Role::X), (LABELS, Role::Y), (SONGS, Role::Song)];
    lists.into_iter().find_map(|(list, role)| list.contains(&word).then_some(role))
}

/// `xtrain` is `x` and `train`; `trainlabels` is `train` and `labels`.
fn split_compound(word: &str) -> Vec<&str> {
    let known = |w: &str| part_of_word(w).is_some() || role_of(w).is_some() || w == "data";
    if known(word) {
        return vec![word];
    }
    let halves = word.char_indices().map(|(at, _)| word.split_at(at));
    halves
        .filter(|(a, b)| known(a) && known(b))
        .find(|(a, b)| part_of_word(a).is_some() != part_of_word(b).is_some())
        .map_or_else(|| vec![word], |(a, b)| vec![a, b])
}
