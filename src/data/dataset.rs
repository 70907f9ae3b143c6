//! A data set: three parts, loaded from a folder or npz and checked.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::choose::choose;
use super::facts::table;
use super::hash::hash;
use super::labels;
use super::npy::Npy;
use super::place::Place;
use super::stats::stats;
use super::{ArrayFacts, ArrayName, Part, PartName, Role, Scale, Values};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;

/// Names of the four genres of the course's data, in the order of their labels.
const COURSE_CLASSES: [&str; 4] = ["classical", "disco", "metal", "rock"];

/// What to load.
#[derive(Debug, Clone)]
pub struct DataOptions {
    /// A folder of npy files, or an npz.
    pub path: PathBuf,
    /// The arrays are `[n, frames, mel]`: swap their last two axes.
    pub transpose: bool,
    /// Names of the classes by label; where not given, the course's four for
    /// four classes and else `class 0`, `class 1`, ….
    pub class_names: Option<Vec<String>>,
    /// Arrays chosen by hand: a file in the folder, a path, or an npz key.
    pub explicit: HashMap<ArrayName, String>,
    /// The parts to load; the others stay empty.
    pub parts: Vec<PartName>,
}

impl DataOptions {
    /// All three parts of what lies at `path`, found by their names.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            transpose: false,
            class_names: None,
            explicit: HashMap::new(),
            parts: PartName::ALL.to_vec(),
        }
    }
}

/// Samples, labels and songs of all parts that were asked for.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The folder or npz.
    pub source: String,
    /// h (mel bands), w (frames), c (1) of each sample.
    pub sample_shape: [usize; 3],
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// What the weights are fitted to.
    pub train: Part,
    /// What choices are made by.
    pub val: Part,
    /// What is looked at once, at the end.
    pub test: Part,
    /// What was found in each array, in the order of reading.
    pub found: Vec<ArrayFacts>,
    /// Identifies the data: 32 hex characters, see [`Dataset::load`].
    pub hash: String,
}

/// What is known from the parts read so far, and where it was seen first.
#[derive(Default)]
struct Known {
    size: Option<([usize; 2], String)>,
    classes: Option<(usize, String)>,
}

impl Dataset {
    /// The number of samples in the part that has most.
    pub fn longest_part(&self) -> usize {
        self.train.len().max(self.val.len()).max(self.test.len())
    }

    /// Finds, reads and checks the arrays of all parts in `options.parts`. Each
    /// needs samples and labels; song ids are read where they are.
    ///
    /// `hash` is the start of a BLAKE3 hash over each loaded part in the order
    /// train, val, test: its name; n, h, w, c as u64; the samples as f32 in
    /// `[n, h, w, c]` order before any scaling; the labels as u32; the number of
    /// song ids as u64 (0 without), then the ids as i64; all little-endian. So it
    /// is the same for the same numbers in another container, order or float type.
    ///
    /// # Errors
    /// `Error::Data` with the file (and npz key) and what is wrong with it, or
    /// `Error::Io`.
    pub fn load(options: &DataOptions, progress: &dyn Progress) -> Result<Self> {
        let mut place = Place::open(&options.path)?;
        let arrays = choose(&place, options)?;
        let classes = options.class_names.as_ref();
        let mut known = Known {
            size: None,
            classes: classes.map(|names| (names.len(), "--class-names".to_owned())),
        };
        let mut found = Vec::new();
        let [mut train, mut val, mut test] = [const { None }; 3];
        progress.begin("reading", arrays.len() as u64, "arrays");
        for part in PartName::ALL.into_iter().filter(|part| options.parts.contains(part)) {
            let read = read_part(&mut place, &arrays, part, options, &mut known, &mut found);
            let read = read.inspect_err(|_| progress.end())?;
            progress.advance(arrays.keys().filter(|name| name.part == part).count() as u64);
            match part {
                PartName::Train => train = Some(read),
                PartName::Val => val = Some(read),
                PartName::Test => test = Some(read),
            }
        }
        progress.end();

        let [train, val, test] = [train, val, test].map(Option::unwrap_or_default);
        let [h, w] = known.size.map_or([0, 0], |(size, _)| size);
        let highest = [&train, &val, &test].into_iter().flat_map(|part| &part.y).max();
        let count = known
            .classes
            .map_or_else(|| highest.map_or(0, |&label| label as usize + 1), |(count, _)| count);
        count_classes(&mut found, count, [&train, &val, &test])?;
        check_classes(&found, progress)?;

        let classes = options.class_names.clone().unwrap_or_else(|| {
            if count == COURSE_CLASSES.len() {
                COURSE_CLASSES.map(str::to_owned).to_vec()
            } else {
                (0..count).map(|class| format!("class {class}")).collect()
            }
        });
        let source = place.path().display().to_string();
        let hash = hash([h, w, 1], [&train, &val, &test]);
        Ok(Self { source, sample_shape: [h, w, 1], classes, train, val, test, found, hash })
    }

    /// One of the parts.
    pub fn part(&self, name: PartName) -> &Part {
        match name {
            PartName::Train => &self.train,
            PartName::Val => &self.val,
            PartName::Test => &self.test,
        }
    }

    /// Scales the samples of all parts in place. `found` and `hash` stay those of the files.
    pub fn apply(&mut self, scale: &Scale) {
        for part in [&mut self.train, &mut self.val, &mut self.test] {
            scale.apply(&mut part.x);
        }
    }

    /// What was found, one aligned line for each array, for printing.
    pub fn describe(&self) -> String {
        table(&self.found)
    }
}

fn read_part(
    place: &mut Place,
    arrays: &HashMap<ArrayName, String>,
    part: PartName,
    options: &DataOptions,
    known: &mut Known,
    found: &mut Vec<ArrayFacts>,
) -> Result<Part> {
    let mut result = Part::default();
    let (mut samples, mut n) = (String::new(), 0);
    for role in Role::ALL {
        let name = ArrayName { role, part };
        let Some(file) = arrays.get(&name) else { continue };
        let npy = place.array(file)?;
        let mut facts = ArrayFacts {
            name,
            place: npy.place.clone(),
            shape: npy.shape.clone(),
            dtype: npy.dtype.name(),
            values: Values::Labels { counts: Vec::new() },
        };
        match role {
            Role::X => {
                let [_, h, w] = sample_shape(&npy, options.transpose, known)?;
                result.x = npy.into_f32(options.transpose)?;
                facts.values = check_samples(&result.x, [h, w], &facts.place)?;
                samples.clone_from(&facts.place);
                n = facts.shape.first().copied().unwrap_or(0);
            }
            Role::Y => {
                let read = labels::read(npy, (&samples, n), known.classes.as_ref())?;
                result.y = read.y;
                if let Some(width) = read.width {
                    known.classes = Some((width, facts.place.clone()));
                }
            }
            Role::Song => {
                let ids = labels::read_songs(npy, (&samples, n))?;
                let songs = ids.iter().collect::<BTreeSet<_>>().len();
                facts.values = Values::Songs { songs };
                result.song = Some(ids);
            }
        }
        found.push(facts);
    }
    Ok(result)
}

/// n, h and w of an array of samples, compared with the parts before.
fn sample_shape(npy: &Npy<'_>, transpose: bool, known: &mut Known) -> Result<[usize; 3]> {
    let shape = npy.shape.clone();
    let (n, mut size) = match shape.as_slice() {
        &[n, h, w] | &[n, h, w, 1] => (n, [h, w]),
        _ => return Err(npy.problem(DataProblem::SampleShape { found: shape })),
    };
    if transpose {
        size.reverse();
    }
    if n == 0 {
        return Err(npy.problem(DataProblem::NoSamples { shape }));
    }
    if size.contains(&0) {
        return Err(npy.problem(DataProblem::ZeroSize { shape }));
    }
    let (expected, other) = known.size.get_or_insert_with(|| (size, npy.place.clone()));
    if *expected != size {
        let (other, expected) = (other.clone(), *expected);
        return Err(npy.problem(DataProblem::ShapesDiffer { other, expected, found: size }));
    }
    Ok([n, size[0], size[1]])
}

/// The range and mean of samples that are all finite.
fn check_samples(x: &[f32], [h, w]: [usize; 2], place: &str) -> Result<Values> {
    let found = stats(x);
    if !found.sum.is_finite() {
        let mut bad = x.iter().enumerate().filter(|(_, value)| !value.is_finite());
        if let Some((at, &value)) = bad.next() {
            let count = 1 + bad.count();
            let (sample, h, w) = (at / (h * w), at / w % h, at % w);
            return Err(Error::data(place, DataProblem::NotFinite { count, value, sample, h, w }));
        }
    }
    Ok(Values::Samples { min: found.min, max: found.max, mean: found.sum / x.len() as f64 })
}

/// Completes the facts of labels, now that the number of classes is known.
fn count_classes(found: &mut [ArrayFacts], classes: usize, parts: [&Part; 3]) -> Result<()> {
    for facts in found {
        let part = PartName::ALL.into_iter().zip(parts).find(|(name, _)| *name == facts.name.part);
        let (Values::Labels { counts }, Some((_, part))) = (&mut facts.values, part) else {
            continue;
        };
        counts.resize(classes, 0);
        for (index, label) in part.y.iter().enumerate() {
            // Plain labels can be read before one-hot ones tell how many classes there are.
            let Some(count) = counts.get_mut(*label as usize) else {
                let problem = DataProblem::Label { index, value: label.to_string(), classes };
                return Err(Error::data(&*facts.place, problem));
            };
            *count += 1;
        }
    }
    Ok(())
}

/// A class that only val or test have is an error: the network is never shown
/// it, so its scores would say nothing. A class that they lack is only noted.
fn check_classes(found: &[ArrayFacts], progress: &dyn Progress) -> Result<()> {
    let labels = |facts: &ArrayFacts| match &facts.values {
        Values::Labels { counts } => Some((facts.name.part, facts.place.clone(), counts.clone())),
        _ => None,
    };
    let labels: Vec<_> = found.iter().filter_map(labels).collect();
    let Some((_, place, train)) = labels.iter().find(|(part, ..)| *part == PartName::Train) else {
        return Ok(());
    };
    let mut present = (0u32..).zip(train).filter(|(_, count)| **count > 0);
    if let (Some((class, _)), None) = (present.next(), present.next()) {
        return Err(Error::data(place, DataProblem::OneClass { class }));
    }
    let mut notes = Vec::new();
    for (part, place, counts) in &labels {
        for (class, (&count, &shown)) in (0u32..).zip(counts.iter().zip(train)) {
            if count > 0 && shown == 0 {
                return Err(Error::data(place, DataProblem::ClassNotInTraining { class, count }));
            }
            if count == 0 {
                notes.push(format!("{place}: no sample in {part} is of class {class}"));
            }
        }
    }
    notes.iter().for_each(|note| progress.note(note));
    Ok(())
}
