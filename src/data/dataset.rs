//! A data set: three parts, loaded from a folder or npz and checked.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::choose::choose;
use super::classes::{check_classes, check_names, count_classes};
use super::facts::table;
use super::from::{available, readable, too_many};
use super::hash::DataHash;
use super::labels;
use super::place::Place;
use super::reading::Reader;
use super::samples::sample_shape;
use super::stored::Stored;
use super::{ArrayFacts, ArrayName, DataFrom, Disk, Part, PartName, Role, Scale, Values};
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
    /// Where samples are taken from.
    pub from: DataFrom,
}

impl DataOptions {
    /// All three parts of what lies at `path`, found by their names, in memory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            transpose: false,
            class_names: None,
            explicit: HashMap::new(),
            parts: PartName::ALL.to_vec(),
            from: DataFrom::Memory,
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
    /// What the samples were scaled by, or are when they are read.
    pub scale: Scale,
    /// The samples, where they stay on disk: `x` of all parts is empty then.
    pub disk: Option<Disk>,
    /// Identifies the data: 32 hex characters, see [`Dataset::load`].
    pub hash: String,
}

/// What is known from the parts read so far, and where it was seen first.
#[derive(Default)]
pub(super) struct Known {
    pub(super) size: Option<([usize; 2], String)>,
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
        let classes = options.class_names.as_ref();
        classes.map_or(Ok(()), |names| check_names(names))?;
        let mut place = Place::open(&options.path)?;
        let arrays = choose(&place, options, progress)?;
        let headers = check_headers(&mut place, &arrays, options)?;
        let on_disk = headers.stay_on_disk(options.from, progress)?;
        let mut known = Known {
            size: None,
            classes: classes.map(|names| (names.len(), "--class-names".to_owned())),
        };
        let mut found = Vec::new();
        let [mut train, mut val, mut test] = [const { None }; 3];
        let mut hash = DataHash::default();
        let mut stored = [const { None }; 3];
        progress.begin("reading", headers.samples, "samples");
        for part in PartName::ALL.into_iter().filter(|part| options.parts.contains(part)) {
            let reader =
                Reader { transpose: options.transpose, on_disk, hash: &mut hash, progress };
            let read = read_part(&mut place, &arrays, part, reader, &mut known, &mut found);
            let (read, of_part) = read.inspect_err(|_| progress.end())?;
            stored[part as usize] = of_part;
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
        let counted = known.classes.is_some();
        let count = known
            .classes
            .map_or_else(|| highest.map_or(0, |&label| label as usize + 1), |(count, _)| count);
        count_classes(&mut found, count, [&train, &val, &test])?;
        check_classes(&found, counted, progress)?;

        let classes = options.class_names.clone().unwrap_or_else(|| {
            if count == COURSE_CLASSES.len() {
                COURSE_CLASSES.map(str::to_owned).to_vec()
            } else {
                (0..count).map(|class| format!("class {class}")).collect()
            }
        });
        let source = place.path().display().to_string();
        let (sample_shape, scale, hash) = ([h, w, 1], Scale::NONE, hash.finish());
        let disk = on_disk.then(|| Disk::new(stored));
        Ok(Self { source, sample_shape, classes, train, val, test, found, scale, disk, hash })
    }

    /// One of the parts.
    pub fn part(&self, name: PartName) -> &Part {
        match name {
            PartName::Train => &self.train,
            PartName::Val => &self.val,
            PartName::Test => &self.test,
        }
    }

    /// Scales the samples of all parts, once: in place, or from now on when they are read.
    /// `found` and `hash` stay those of the files.
    pub fn apply(&mut self, scale: &Scale) {
        for part in [&mut self.train, &mut self.val, &mut self.test] {
            scale.apply(&mut part.x);
        }
        self.scale = *scale;
    }

    /// What was found, one aligned line for each array, for printing.
    pub fn describe(&self) -> String {
        table(&self.found)
    }
}

/// What headers tell of all samples.
#[derive(Default)]
struct Headers {
    samples: u64,
    /// What they take in memory.
    bytes: u64,
    /// The first array whose samples cannot be read by their position.
    without_places: Option<String>,
}

impl Headers {
    fn stay_on_disk(&self, from: DataFrom, progress: &dyn Progress) -> Result<bool> {
        let needed = readable(self.bytes);
        let on_disk = match (from, &self.without_places) {
            (DataFrom::Memory, _) => false,
            (DataFrom::Disk, Some(place)) => return Err(Error::data(place, DataProblem::NoPlaces)),
            (DataFrom::Disk, None) => true,
            (DataFrom::Auto, without) => {
                let available = available();
                let too_many = too_many(self.bytes, available);
                if let (true, Some(place)) = (too_many, without) {
                    progress.warn(&format!(
                        "samples take {needed} of the {} of memory that are available; {place} {}",
                        readable(available.unwrap_or(0)),
                        DataProblem::NoPlaces
                    ));
                }
                too_many && without.is_none()
            }
        };
        if on_disk {
            progress.note(&format!(
                "Samples ({needed} as float32) stay on disk and are read as they are needed; \
                 --data-from memory would load them"
            ));
        }
        Ok(on_disk)
    }
}

/// Compares the shapes that all headers tell, before any array is read.
fn check_headers(
    place: &mut Place,
    arrays: &HashMap<ArrayName, String>,
    options: &DataOptions,
) -> Result<Headers> {
    let mut known = Known::default();
    let mut headers = Headers::default();
    for part in PartName::ALL {
        let mut samples = (String::new(), 0);
        for role in Role::ALL {
            let Some(file) = arrays.get(&ArrayName { role, part }) else { continue };
            let npy = place.array(file)?;
            let of = (samples.0.as_str(), samples.1);
            match role {
                Role::X => {
                    let [n, h, w] = sample_shape(&npy, options.transpose, &mut known)?;
                    samples = (npy.place.clone(), n);
                    headers.samples += n as u64;
                    headers.bytes =
                        headers.bytes.saturating_add((n as u64).saturating_mul(4 * (h * w) as u64));
                    if !npy.has_places() {
                        headers.without_places.get_or_insert(samples.0.clone());
                    }
                }
                Role::Y => labels::check_shape(&npy, of).map(|_| ())?,
                Role::Song => labels::check_song_shape(&npy, of)?,
            }
        }
    }
    Ok(headers)
}

fn read_part(
    place: &mut Place,
    arrays: &HashMap<ArrayName, String>,
    part: PartName,
    mut reader: Reader<'_>,
    known: &mut Known,
    found: &mut Vec<ArrayFacts>,
) -> Result<(Part, Option<Stored>)> {
    let (mut result, mut stored) = (Part::default(), None);
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
                let shape = sample_shape(&npy, reader.transpose, known)?;
                n = shape[0];
                reader.hash.part(part, [n, shape[1], shape[2], 1]);
                let read = reader.read(npy, shape)?;
                (result.x, stored, facts.values) = (read.x, read.stored, read.values);
                samples.clone_from(&facts.place);
            }
            Role::Y => {
                let read = labels::read(npy, (&samples, n), known.classes.as_ref())?;
                reader.hash.labels(&read.y);
                result.y = read.y;
                if let Some(width) = read.width {
                    known.classes = Some((width, facts.place.clone()));
                }
            }
            Role::Song => {
                let ids = labels::read_songs(npy, (&samples, n))?;
                // As songs vote: an id that occurs with two labels is two songs.
                let songs = ids.iter().zip(&result.y).collect::<BTreeSet<_>>().len();
                facts.values = Values::Songs { songs };
                result.song = Some(ids);
            }
        }
        found.push(facts);
    }
    reader.hash.songs(result.song.as_deref().unwrap_or_default());
    Ok((result, stored))
}
