//! The songs and their labels, from folders.
//!
//! A folder for each class; above them, or within each, there may be folders for parts
//! (`train/rock`, `rock/train`). Songs beside each other have classes if they are named as GTZAN's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::song::{Labelled, check_name, is_audio, song};
use super::{Options, SplitKind};
use crate::data::song_names::GTZAN_GENRES;
use crate::data::{PartName, beside_part, part_in_folder, part_of_folder, parts_among};
use crate::error::{Error, Result};
use crate::files::is_own_folder;
use crate::progress::{Progress, Silent};
use crate::text::{shell, shown};

/// The folder of classes: GTZAN is distributed as a folder that contains it.
pub(super) fn root(audio: &Path) -> PathBuf {
    let inner = ["genres_original", "genres"].map(|name| audio.join(name));
    inner.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| audio.to_path_buf())
}

/// A sound file and the names of the folders between it and the root, and its own.
struct Sound {
    names: Vec<String>,
    path: PathBuf,
}

impl Sound {
    fn name(&self, at: usize) -> &str {
        self.names.get(at).map_or("", String::as_str)
    }

    /// Folders between the root and the file.
    fn depth(&self) -> usize {
        self.names.len() - 1
    }
}

/// What is in a folder.
#[derive(Default)]
struct Tree {
    sounds: Vec<Sound>,
    /// Files of other kinds.
    others: usize,
    /// Named as sound files, but devices, pipes, or links that lead nowhere.
    irregular: usize,
}

pub(super) fn in_folders(options: &Options, progress: &dyn Progress) -> Result<Vec<Labelled>> {
    let root = root(&options.audio);
    let mut tree = Tree::default();
    walk(&root, &mut Vec::new(), &mut tree)?;
    let Tree { sounds, others, irregular } = tree;
    if others > 0 {
        progress.note(&format!("{others} files have no audio extension and are skipped"));
    }
    if irregular > 0 {
        progress.warn(&format!(
            "{irregular} files that are named as sound are no regular files and are skipped"
        ));
    }
    let (loose, sounds): (Vec<Sound>, Vec<Sound>) =
        sounds.into_iter().partition(|s| s.depth() == 0);
    if sounds.is_empty() {
        return flat(&root, &options.out, loose, progress);
    }
    if !loose.is_empty() {
        progress.warn(&format!(
            "{} audio files in {} are in no class folder, so they have no label",
            loose.len(),
            shown(&root.display().to_string())
        ));
    }
    if let Some(problem) = ambiguous(&sounds) {
        return Err(Error::Prepare { place: root.display().to_string(), problem });
    }
    let (layout, parts) = layout(&sounds, progress);
    say_parts(options, &parts, progress);
    let part = |folder: &str| parts.get(folder).copied();
    let mut labelled = Vec::new();
    let mut unlabelled = Vec::new();
    for sound in sounds {
        let (class, part) = match layout {
            Layout::Classes => (Some(sound.name(0)), None),
            Layout::PartsOfClasses => (Some(sound.name(0)), part(sound.name(1))),
            Layout::ClassesOfParts if sound.depth() > 1 => {
                (Some(sound.name(1)), part(sound.name(0)))
            }
            Layout::ClassesOfParts => (class_of(sound.name(1)), part(sound.name(0))),
        };
        let name = sound.names.join("/");
        let Some(class) = class.map(str::to_owned) else {
            unlabelled.push(name);
            continue;
        };
        let mut song = song(name, sound.path);
        song.part = part;
        labelled.push(Labelled { song, class });
    }
    if let Some(first) = unlabelled.first() {
        return Err(Error::Prepare {
            place: root.display().to_string(),
            problem: format!(
                "{} songs are in a folder of a part but in none of a class, such as {}; expected \
                 PART/CLASS/SONG, or names that begin with the class as GTZAN's (rock.00042.wav); \
                 or give a list with --csv FILE (columns file, label, part)",
                unlabelled.len(),
                shown(first)
            ),
        });
    }
    Ok(labelled)
}

/// Where the names of classes and parts are.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Classes,
    /// `train/rock/song.wav`
    ClassesOfParts,
    /// `rock/train/song.wav`
    PartsOfClasses,
}

/// The part of each folder that is one's.
type Parts = BTreeMap<String, PartName>;

fn layout(sounds: &[Sound], progress: &dyn Progress) -> (Layout, Parts) {
    let folders = |at: usize| -> BTreeSet<&str> {
        sounds.iter().filter(|s| s.depth() > at).map(|s| s.name(at)).collect()
    };
    let named = |folders: &BTreeSet<&str>, plain: bool| -> Option<Parts> {
        let part_of = if plain { part_of_folder } else { part_in_folder };
        let parts = parts_among(folders.iter().copied(), part_of);
        let different: BTreeSet<_> = parts.values().collect();
        // Other words beside those for parts must be the same everywhere: gtzan_train, gtzan_test.
        let beside: BTreeSet<_> = folders.iter().map(|name| beside_part(name)).collect();
        let alike =
            beside.len() == 1 && different.contains(&PartName::Train) && different.len() > 1;
        (parts.len() == folders.len() && (plain || alike)).then_some(parts)
    };
    let (above, below) = (folders(0), folders(1));
    let deep = sounds.iter().all(|sound| sound.depth() > 1);
    if let Some(parts) = named(&above, true).or_else(|| named(&above, false).filter(|_| deep)) {
        return (Layout::ClassesOfParts, parts);
    }
    if let Some(parts) = named(&below, true)
        .filter(|parts| deep && parts.values().collect::<BTreeSet<_>>().len() > 1)
    {
        return (Layout::PartsOfClasses, parts);
    }
    let like_parts: Vec<(&str, PartName)> =
        above.iter().filter_map(|name| Some((*name, part_in_folder(name)?))).collect();
    if like_parts.iter().map(|(_, part)| part).collect::<BTreeSet<_>>().len() > 1 {
        let listed = |names: &[&str]| {
            let shown: Vec<String> = names.iter().take(3).map(|name| shown(name)).collect();
            let more = if names.len() > 3 { ", …" } else { "" };
            format!("{}{more}", shown.join(", "))
        };
        let names: Vec<&str> = like_parts.iter().map(|(name, _)| *name).collect();
        let others: Vec<&str> =
            above.iter().copied().filter(|name| part_of_folder(name).is_none()).collect();
        progress.warn(&format!(
            "the folders {} are used as classes, since {} beside or among them does not name a part \
             plainly; if they are parts, call them train, val and test, with nothing else beside them, \
             or give a list with the columns file, label and part: --csv FILE",
            listed(&names),
            listed(&others)
        ));
    }
    (Layout::Classes, Parts::new())
}

/// Why folders cannot be told from each other: all that are in the root have the same folders in them,
/// so that either may be the classes, and no names say which are parts.
fn ambiguous(sounds: &[Sound]) -> Option<String> {
    if layout(sounds, &Silent).0 != Layout::Classes {
        return None;
    }
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sound in sounds {
        let below = of.entry(sound.name(0)).or_default();
        below.extend((sound.depth() > 1).then(|| sound.name(1)));
    }
    let mut common: BTreeSet<&str> = of.values().next()?.clone();
    of.values().for_each(|below| common.retain(|name| below.contains(name)));
    let all: BTreeSet<&str> = of.values().flatten().copied().collect();
    // Records and years (CD1, 2004) may recur in classes.
    let is_numbered = |name: &&str| name.bytes().any(|b| b.is_ascii_digit());
    if of.len() < 2 || common.len() < 2 || 2 * common.len() < all.len() {
        return None;
    }
    if common.iter().all(is_numbered) && !of.keys().all(is_numbered) {
        return None;
    }
    // A folder with such a name is a class's, whatever is in it.
    if of.keys().any(|name| GTZAN_GENRES.contains(&name.to_lowercase().as_str())) {
        return None;
    }
    let listed = |names: Vec<&str>| {
        let more = if names.len() > 4 { ", …" } else { "" };
        let shown: Vec<String> = names.iter().take(4).map(|name| shown(name)).collect();
        format!("{}{more}", shown.join(", "))
    };
    let (above, below) =
        (listed(of.keys().copied().collect()), listed(common.into_iter().collect()));
    Some(format!(
        "the folders {above} have the same folders in them, {below}: either may be the classes; if \
         {below} are the classes, call the folders above them train, val and test, or give one of \
         them alone; if {above} are the classes, call the folders in them train, val and test, or \
         move their files up; or give a list with the columns file, label and part: --csv FILE"
    ))
}

/// Below a root with but one folder: the first folder that has several.
pub(super) fn first_with_several(root: &Path) -> Option<PathBuf> {
    let mut folder = root.to_path_buf();
    // No sensible nesting is deeper.
    for depth in 0..8 {
        let inner: Vec<PathBuf> =
            entries(&folder).ok()?.into_iter().map(|e| e.1).filter(|p| is_own_folder(p)).collect();
        match &inner[..] {
            [one] => folder.clone_from(one),
            [] => return None,
            _ => return (depth > 0).then_some(folder),
        }
    }
    None
}

/// Says which folders are which parts, where they are the split.
fn say_parts(options: &Options, folders: &Parts, progress: &dyn Progress) {
    let parts: BTreeSet<PartName> = folders.values().copied().collect();
    let asked = match options.split {
        None => options.parts.is_none(),
        Some(split) => split == SplitKind::Folders,
    };
    if asked && parts.len() > 1 {
        let mut of_parts: Vec<(&PartName, String)> =
            folders.iter().map(|(name, part)| (part, shown(name))).collect();
        of_parts.sort();
        let are: Vec<String> =
            of_parts.iter().map(|(part, name)| format!("{name} is {part}")).collect();
        progress.note(&format!(
            "parts are as the folders are named: {}; --split song draws them",
            are.join(", ")
        ));
    }
}

/// `rock` of `rock.00042.wav`.
fn class_of(name: &str) -> Option<&str> {
    let end = name.find(|c: char| !c.is_alphabetic() && c != ' ' && c != '&')?;
    let (class, rest) = name.split_at(end);
    let rest = rest.trim_start_matches(['.', '_', '-']);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (!class.trim().is_empty() && digits >= 3).then(|| class.trim())
}

/// Songs in no folder: their classes are in their names, or they are one class's.
fn flat(
    root: &Path,
    out: &Path,
    loose: Vec<Sound>,
    progress: &dyn Progress,
) -> Result<Vec<Labelled>> {
    if loose.is_empty() {
        return Ok(Vec::new());
    }
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for sound in &loose {
        *counts.entry(class_of(sound.name(0)).map(str::to_lowercase)).or_default() += 1;
    }
    let n = loose.len();
    let example = shown(loose.first().map_or("", |sound| sound.name(0)));
    let enough = counts.values().all(|count| *count > 1) || counts.len() * 3 <= n;
    if !counts.contains_key(&None) && counts.len() > 1 && enough {
        let classes: Vec<String> = counts.keys().flatten().map(|class| shown(class)).collect();
        progress.note(&format!(
            "{n} files are in no folder of a class: their classes ({}) are the first words of names \
             such as {example}",
            classes.join(", ")
        ));
        let labelled = loose.into_iter().filter_map(|Sound { mut names, path }| {
            let name = names.pop()?;
            let class = class_of(&name)?.to_lowercase();
            Some(Labelled { song: song(name, path), class })
        });
        return Ok(labelled.collect());
    }
    let (place, out) = (root.display().to_string(), shell(&out.display().to_string()));
    let problem = match (above_with_classes(root), list_within(root)) {
        (_, Some(list)) => format!(
            "{n} songs are in no folder of a class, such as {example}; the list beside them has their \
             classes: genre-gpu prepare {} --out {out} --csv {}",
            shell(&place),
            shell(&list.display().to_string())
        ),
        (Some(above), None) => format!(
            "{n} songs are in no folder of a class, such as {example}; this looks like one class's own \
             folder: give the folder above it, genre-gpu prepare {} --out {out}",
            shell(&above.display().to_string())
        ),
        (None, None) => format!(
            "{n} songs are in no folder of a class, such as {example}; expected a folder for each class \
             (rock/song.wav), names that begin with the class as GTZAN's (rock.00042.wav), or a list \
             with the columns file and label: --csv FILE"
        ),
    };
    Err(Error::Prepare { place, problem })
}

/// The folder above, if it has another folder with sound.
fn above_with_classes(root: &Path) -> Option<PathBuf> {
    let own = root.canonicalize().ok()?;
    let has_sound = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.take(1000).any(|entry| is_audio(&entry.path()))
    };
    let siblings = std::fs::read_dir(own.parent()?).ok()?.flatten().map(|entry| entry.path());
    let mut others = siblings.filter(|path| *path != own && path.is_dir());
    others.any(|path| has_sound(&path)).then_some(())?;
    let shorter = root.parent().filter(|parent| !parent.as_os_str().is_empty());
    Some(shorter.unwrap_or(Path::new("..")).to_path_buf())
}

/// A list of files and labels beside the songs.
fn list_within(root: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(root).ok()?.flatten().map(|entry| entry.path());
    let mut lists: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "csv") && path.is_file())
        .collect();
    lists.sort();
    lists
        .into_iter()
        .find(|list| super::list::listed(list, root, &Silent).is_ok_and(|rows| rows.len() > 1))
}

fn walk(folder: &Path, names: &mut Vec<String>, tree: &mut Tree) -> Result<()> {
    for (name, path) in entries(folder)? {
        names.push(name);
        // A link to a folder may lead in a circle: below the classes only true folders are entered.
        let is_folder = match names.len() {
            1 => path.is_dir(),
            _ => is_own_folder(&path),
        };
        if is_folder {
            walk(&path, names, tree)?;
        } else if !is_audio(&path) {
            tree.others += usize::from(names.len() > 1);
        } else if path.is_file() {
            tree.sounds.push(Sound { names: names.clone(), path });
        } else {
            tree.irregular += 1;
        }
        names.pop();
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "read"))? {
        let entry = entry.map_err(Error::io(folder, "read"))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // macOS leaves "._blues.00000.wav" on foreign disks.
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() || is_audio(&path) {
            check_name(&path)?;
        }
        found.push((name, path));
    }
    found.sort();
    Ok(found)
}
