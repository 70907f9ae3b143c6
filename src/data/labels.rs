//! Labels and song ids from arrays of any number type, or of text.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use super::array_source::ArraySource;
use super::npy::{Npy, Number};
use super::song_names::{FileName, SongNames, Unsure, songs_of};
use super::{ArrayName, PartName, Role};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;
use crate::text::{shown, thousands};

/// More classes than this are taken for a mistake, such as song ids given as labels.
pub(super) const MOST_CLASSES: usize = 1_000;

/// Extensions of files that ids may be named by.
const SOUND: [&str; 9] = ["wav", "mp3", "au", "flac", "ogg", "m4a", "aif", "aiff", "npy"];

/// Labels of one part.
pub(super) struct Labels {
    /// `[n]`.
    pub(super) y: Vec<u32>,
    /// The number of one-hot columns; none for plain labels.
    pub(super) width: Option<usize>,
    /// What was done with them, in words.
    pub(super) done: Option<String>,
}

/// What text means where labels or song ids are text: the same in all parts.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// Names of classes in the order of their numbers; none where labels are numbers, as text or not.
    pub(super) classes: Option<Vec<String>>,
    /// Song ids, numbered in the order of their appearance.
    songs: HashMap<String, i64>,
}

impl Vocabulary {
    /// Reads all labels and song ids that are text, and says how they are numbered.
    pub(super) fn read(
        source: &mut ArraySource<'_>,
        arrays: &HashMap<ArrayName, String>,
        class_names: Option<&[String]>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mut words = Self::default();
        let labels = read_texts(source, arrays, Role::Y)?;
        let mut all: Vec<(&str, usize, &String)> = Vec::new();
        for (place, texts) in &labels {
            all.extend(texts.iter().enumerate().map(|(index, text)| (place.as_str(), index, text)));
        }
        let fail = |place: &str, problem| Err(Error::data(place, problem));
        if let Some((place, index, text)) = all.iter().find(|(.., text)| !is_name(text)) {
            return fail(place, DataProblem::LabelText { index: *index, found: (*text).clone() });
        }
        let numbers = !all.is_empty() && all.iter().all(|(.., text)| text.parse::<u32>().is_ok());
        let is_class = |text: &String| class_names.is_some_and(|names| names.contains(text));
        if numbers && !all.iter().all(|(.., text)| is_class(text)) {
            progress.note("labels are whole numbers as text: read as numbers");
        } else if let Some(names) = class_names.filter(|_| !all.is_empty()) {
            if let Some((place, index, text)) = all.iter().find(|(.., text)| !is_class(text)) {
                let (found, names) = ((*text).clone(), names.join(","));
                return fail(place, DataProblem::UnknownLabel { index: *index, found, names });
            }
            words.classes = Some(names.to_vec());
            progress.note("labels are text: numbered in the order of the class names");
        } else if let Some((place, ..)) = all.first() {
            let names: BTreeSet<&String> = all.iter().map(|(.., text)| *text).collect();
            if names.len() > MOST_CLASSES {
                let (count, most) = (names.len(), MOST_CLASSES);
                return fail(place, DataProblem::ManyLabels { count, most });
            }
            let names: Vec<String> = names.into_iter().cloned().collect();
            progress.note(&format!(
                "labels are text: numbered from 0 in alphabetical order, {}",
                names.join(", ")
            ));
            words.classes = Some(names);
        }
        let mut ids = Vec::new();
        let mut known = BTreeSet::new();
        for (_, texts) in read_texts(source, arrays, Role::Song)? {
            ids.extend(texts.into_iter().filter(|text| known.insert(text.clone())));
        }
        words.number_songs(&ids, progress);
        Ok(words)
    }

    /// Numbers songs in the order of their appearance; ids that are names of pieces of one song get
    /// its number.
    fn number_songs(&mut self, ids: &[String], progress: &dyn Progress) {
        if ids.is_empty() {
            return;
        }
        let is_file = |id: &str| {
            let extension = id.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
            extension.is_some_and(|extension| SOUND.contains(&extension.as_str()))
        };
        let path = |id: &String| if is_file(id) { id.clone() } else { format!("{id}.id") };
        let paths: Vec<String> = ids.iter().map(path).collect();
        let files: Vec<FileName<'_>> =
            paths.iter().map(|path| FileName { path, class: "" }).collect();
        let SongNames { songs, unsure } = songs_of(&files);
        let mut numbers: HashMap<&String, (i64, &String)> = HashMap::new();
        let (mut pieces, mut example) = (0, None);
        for (id, song) in ids.iter().zip(&songs) {
            let next = numbers.len() as i64;
            let (number, first) = *numbers.entry(song).or_insert((next, id));
            if first != id {
                pieces += 1;
                example = example.or(Some((first, id, song)));
            }
            self.songs.insert(id.clone(), number);
        }
        let count = thousands(numbers.len() as u64);
        let mut text = format!(
            "song ids are text: {count} songs, numbered from 0 in the order of their appearance"
        );
        if let Some((one, other, song)) = example {
            text.push_str(&format!(
                "; of {} ids {pieces} name further pieces of a song, such as {} and {} of {}, and count \
                 as that song (ids that are numbers are taken as they are)",
                thousands(ids.len() as u64),
                shown(one),
                shown(other),
                shown(song)
            ));
        }
        progress.note(&text);
        if let Some(Unsure { pair, .. }) = unsure {
            let [one, other] = pair.map(|i| shown(ids.get(i).map_or("", String::as_str)));
            progress.warn(&format!(
                "song ids such as {one} and {other} may be those of pieces of one song; each is taken \
                 for a song of its own, and the two may be in different parts: if they are pieces, \
                 give each sample the id of its song"
            ));
        }
    }

    /// A song as the data name it: by its number, or by the first of the texts that it was read from.
    pub(super) fn song(&self, id: i64) -> String {
        let texts = self.songs.iter().filter(|(_, number)| **number == id);
        texts.map(|(text, _)| text).min().map_or_else(|| id.to_string(), |text| shown(text))
    }

    /// The numbers of song ids that are text.
    pub(super) fn song_ids(&self) -> BTreeMap<String, i64> {
        self.songs.iter().map(|(text, number)| (text.clone(), *number)).collect()
    }

    fn label(&self, text: &str) -> Option<u32> {
        match &self.classes {
            Some(names) => names.iter().position(|name| name == text).map(|label| label as u32),
            None => text.parse().ok(),
        }
    }
}

/// What arrays of the names of classes are called.
const CLASS_NAMES: [&str; 8] = [
    "mapping",
    "class_names",
    "label_names",
    "target_names",
    "genre_names",
    "classes",
    "labels_names",
    "genres",
];

/// The names of classes in an array of text beside the others, and its place. Text that is called so
/// may be anything, such as a genre for each sample: it is used only if it has one name for each of
/// the classes that the labels have.
pub(super) fn class_names(
    source: &mut ArraySource<'_>,
    arrays: &HashMap<ArrayName, String>,
    words: &Vocabulary,
    progress: &dyn Progress,
) -> Result<Option<(String, Vec<String>)>> {
    let candidates = source.names().iter().filter(|name| {
        let key = name.rsplit([':', '/']).next().unwrap_or(name).to_lowercase();
        CLASS_NAMES.contains(&key.trim_end_matches(".npy"))
            && !arrays.values().any(|chosen| chosen == *name)
    });
    let candidates: Vec<String> = candidates.cloned().collect();
    if candidates.is_empty() {
        return Ok(None);
    }
    // Labels that cannot be read are refused when the samples are read.
    let Some((count, by)) = class_count(source, arrays, words).ok().flatten() else {
        return Ok(None);
    };
    for name in candidates {
        let npy = source.array(&name)?;
        let (place, shape) = (npy.place.clone(), npy.shape.clone());
        if !npy.dtype.is_text() {
            continue;
        }
        let names = if shape == [count] { npy.into_text()? } else { Vec::new() };
        let different: BTreeSet<&String> = names.iter().collect();
        let why = if shape != [count] {
            format!("its shape is {shape:?}, and {by}: names of classes would be {count} in a row")
        } else if different.len() < count || !names.iter().all(|name| is_name(name)) {
            "names are empty or occur twice".to_owned()
        } else {
            progress.note(&format!("classes are called as {place} has it: {}", names.join(", ")));
            return Ok(Some((place, names)));
        };
        progress.note(&format!("{place} is not used for the names of the classes: {why}"));
    }
    Ok(None)
}

/// The number of classes that the labels have, and what says so: the width of one-hot labels, or the
/// highest label.
fn class_count(
    source: &mut ArraySource<'_>,
    arrays: &HashMap<ArrayName, String>,
    words: &Vocabulary,
) -> Result<Option<(usize, String)>> {
    let mut highest = None;
    for part in PartName::ALL {
        let Some(file) = arrays.get(&ArrayName { role: Role::Y, part }) else { continue };
        let npy = source.array(file)?;
        let n = npy.shape.first().copied().unwrap_or(0);
        let labels = read(npy, ("", n), None, words)?;
        if let Some(width) = labels.width {
            return Ok(Some((width, format!("one-hot labels have {width} columns"))));
        }
        highest = highest.max(labels.y.into_iter().max());
    }
    Ok(highest.map(|label| (label as usize + 1, format!("the highest label is {label}"))))
}

/// Whether text can be the name of a class on a terminal and in a picture.
pub(super) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// The arrays of a role that are text, with their places; all of them must be, or none.
fn read_texts(
    source: &mut ArraySource<'_>,
    arrays: &HashMap<ArrayName, String>,
    role: Role,
) -> Result<Vec<(String, Vec<String>)>> {
    let (mut texts, mut numbers) = (Vec::new(), None);
    for part in PartName::ALL {
        let Some(file) = arrays.get(&ArrayName { role, part }) else { continue };
        let npy = source.array(file)?;
        let place = npy.place.clone();
        match npy.dtype.is_text() {
            true => texts.push((place, npy.into_text()?)),
            false => numbers = Some(place),
        }
    }
    match (texts.first(), numbers) {
        (Some((text, _)), Some(numbers)) => {
            Err(Error::data(text, DataProblem::TextAndNumbers { numbers }))
        }
        _ => Ok(texts),
    }
}

/// Reads labels of shape `[n]`, `[n, 1]` or one-hot `[n, classes]`. `samples` is the name of the
/// array of samples and their number; `classes` the number of classes and where it was given, if it
/// is already known.
pub(super) fn read(
    npy: Npy<'_>,
    samples: (&str, usize),
    classes: Option<&(usize, String)>,
    words: &Vocabulary,
) -> Result<Labels> {
    let place = npy.place.clone();
    let problem = |problem| Err(Error::data(&*place, problem));
    let width = check_shape(&npy, samples)?;
    if let (Some(found), Some((expected, by))) = (width, classes)
        && found != *expected
    {
        return problem(DataProblem::OneHotWidth { expected: *expected, by: by.clone(), found });
    }

    let most = classes.map_or(MOST_CLASSES, |(classes, _)| *classes);
    let by = classes.map(|(_, by)| by.clone());
    let check = |index: usize, label: Option<u32>, value: &dyn Display| {
        label.filter(|&label| (label as usize) < most).ok_or_else(|| DataProblem::Label {
            index,
            value: value.to_string(),
            classes: most,
            by: by.clone(),
        })
    };
    let done = if width.is_none() { npy.label_conversion() } else { None };
    let y: Result<Vec<u32>, DataProblem> = if npy.dtype.is_text() {
        let texts = npy.into_text()?;
        texts.iter().enumerate().map(|(i, text)| check(i, words.label(text), text)).collect()
    } else {
        let numbers = npy.into_numbers()?;
        match width {
            None => {
                let label = |number: &Number| u32::try_from(number.whole()?).ok();
                let numbers = numbers.iter().enumerate();
                numbers.map(|(i, number)| check(i, label(number), number)).collect()
            }
            Some(width) => numbers.chunks_exact(width).enumerate().map(from_one_hot).collect(),
        }
    };
    match y {
        Ok(y) => Ok(Labels { y, width, done }),
        Err(found) => problem(found),
    }
}

/// Reads song ids of shape `[n]` or `[n, 1]`.
pub(super) fn read_songs(
    npy: Npy<'_>,
    samples: (&str, usize),
    words: &Vocabulary,
) -> Result<Vec<i64>> {
    let place = npy.place.clone();
    check_song_shape(&npy, samples)?;
    if npy.dtype.is_text() {
        let texts = npy.into_text()?;
        return Ok(texts.iter().filter_map(|text| words.songs.get(text).copied()).collect());
    }
    let id = |(index, number): (usize, Number)| {
        number.whole().ok_or_else(|| {
            Error::data(&*place, DataProblem::SongId { index, value: number.to_string() })
        })
    };
    npy.into_numbers()?.into_iter().enumerate().map(id).collect()
}

/// The number of one-hot columns, none for plain labels; fails unless there is one label for each
/// sample.
pub(super) fn check_shape(npy: &Npy<'_>, samples: (&str, usize)) -> Result<Option<usize>> {
    let text = npy.dtype.is_text();
    if !text {
        npy.expect_numbers(true)?;
    }
    let (n, width) = match npy.shape.as_slice() {
        &[n] | &[n, 1] => (n, None),
        &[n, width @ 2..=MOST_CLASSES] if !text => (n, Some(width)),
        found => return Err(npy.problem(DataProblem::LabelShape { found: found.to_vec() })),
    };
    check_count(npy, samples, n)?;
    Ok(width)
}

/// Fails unless there is one song id for each sample.
pub(super) fn check_song_shape(npy: &Npy<'_>, samples: (&str, usize)) -> Result<()> {
    if !npy.dtype.is_text() {
        npy.expect_numbers(true)?;
    }
    let (&[n] | &[n, 1]) = npy.shape.as_slice() else {
        let found = npy.shape.clone();
        return Err(npy.problem(DataProblem::SongShape { found }));
    };
    check_count(npy, samples, n)
}

fn check_count(npy: &Npy<'_>, (samples, expected): (&str, usize), found: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(npy.problem(DataProblem::Count { samples: samples.to_owned(), expected, found }))
}

fn from_one_hot((row, values): (usize, &[Number])) -> Result<u32, DataProblem> {
    let (mut ones, mut others, mut label) = (0, 0, 0);
    for (class, value) in (0..).zip(values) {
        match value.whole() {
            Some(0) => {}
            Some(1) => {
                ones += 1;
                label = class;
            }
            _ => others += 1,
        }
    }
    if (ones, others) == (1, 0) {
        Ok(label)
    } else {
        Err(DataProblem::OneHot { row, ones, others })
    }
}
