//! A dataset: three parts, loaded from a folder or npz and checked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use super::array_source::{ArraySource, HeldArray, Layout, choose};
use super::check::{SampleSize, check_classes, check_names, count_classes, sample_shape};
use super::facts::table;
use super::hash::{DataHash, part_hash};
use super::labels::{self, Vocabulary};
use super::memory_policy::SampleTotals;
use super::npy::Npy;
use super::read::Reader;
use super::stored::StoredSamples;
use super::{
    ArrayFacts, ArrayName, DataFrom, Disk, Fingerprint, Part, PartName, Role, Scale, Split,
    SplitBy, Values,
};
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
    /// Arrays given by flags, not found by name: a file in the folder, a path, or an npz key.
    pub explicit: HashMap<ArrayName, String>,
    /// How one array of samples without parts is divided; training and test alone lend validation a
    /// share of training.
    pub split: Option<Split>,
    /// The parts to load; the others stay empty.
    pub parts: Vec<PartName>,
    /// Where samples are read from during training.
    pub from: DataFrom,
}

impl DataOptions {
    /// All three parts of the folder or npz `path`, found by their names, in memory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            transpose: false,
            class_names: None,
            explicit: HashMap::new(),
            split: None,
            parts: PartName::ALL.to_vec(),
            from: DataFrom::Memory,
        }
    }
}

/// Samples, labels and songs of all parts that were loaded.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The folder or npz.
    pub source: String,
    /// h (mel bands), w (frames), c (1) of each sample.
    pub sample_shape: [usize; 3],
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// Nothing names the classes: their names are the course's, by their number.
    pub assumed_classes: bool,
    /// The training part, which weights are fitted to.
    pub train: Part,
    /// The validation part, which the checkpoint and early stopping depend on.
    pub val: Part,
    /// The test part, which is evaluated once, at the end.
    pub test: Part,
    /// What was found in each array, in the order of reading.
    pub found: Vec<ArrayFacts>,
    /// The scale of the samples in memory, or the one applied when they are read from disk.
    pub scale: Scale,
    /// The samples' files, where samples stay on disk: `x` of all parts is empty then.
    pub disk: Option<Disk>,
    /// Identifies the data: 32 hexadecimal digits, see [`Dataset::load`].
    pub hash: String,
    /// Song ids that are text in the arrays, and their numbers here; empty where they are numbers.
    pub song_ids: BTreeMap<String, i64>,
    /// The validation part is the test part: the held-out fold of a cross-validation in which nothing is
    /// chosen by validation.
    pub val_is_test: bool,
}

impl Dataset {
    /// The number of samples in the largest part.
    pub fn longest_part(&self) -> usize {
        self.train.len().max(self.val.len()).max(self.test.len())
    }

    /// Finds, reads and checks the arrays of all parts in `options.parts`. Each
    /// needs samples and labels; song ids are read if present.
    ///
    /// `hash` is the start of a BLAKE3 hash over each loaded part in the order
    /// train, val, test: its name; n, h, w, c as u64; the samples as f32 in
    /// `[n, h, w, c]` order before any scaling; the labels as u32; the number of
    /// song ids as u64 (0 without), then the ids as i64; all little-endian. So it
    /// is the same for the same numbers in another container, order or float type.
    ///
    /// # Errors
    /// `Error::Data` with the file (and npz key) and the problem, or `Error::Io`.
    pub fn load(options: &DataOptions, progress: &dyn Progress) -> Result<Self> {
        let class_names = options.class_names.as_ref();
        class_names.map_or(Ok(()), |names| check_names(names))?;
        Self::load_from(ArraySource::open(&options.path)?, options, progress)
    }

    /// The same of arrays that a caller holds in memory; `options.path` is not looked at.
    ///
    /// # Errors
    /// `Error::Data` with the array's name and the problem.
    pub fn load_held(
        arrays: &[HeldArray<'_>],
        options: &DataOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let class_names = options.class_names.as_ref();
        class_names.map_or(Ok(()), |names| check_names(names))?;
        Self::load_from(ArraySource::of_held(arrays), options, progress)
    }

    fn load_from(
        mut source: ArraySource<'_>,
        options: &DataOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let class_names = options.class_names.as_ref();
        let (arrays, layout) = choose(&mut source, options, progress)?;
        let totals = check_headers(&mut source, &arrays, options)?;
        let on_disk = match (options.split, options.from) {
            (None, from) => totals.stay_on_disk(from, progress)?,
            (Some(split), DataFrom::Disk) => {
                let expected = "memory or auto with --split, which reads all samples";
                let found = format!("disk with --split {split}");
                return Err(Error::Setting { name: "data-from", expected, found });
            }
            (Some(_), _) => {
                totals.check_division()?;
                false
            }
        };
        let mut words =
            Vocabulary::read(&mut source, &arrays, class_names.map(Vec::as_slice), progress)?;
        let mut named_by = "--class-names".to_owned();
        if class_names.is_none() && words.classes.is_none() {
            let found = labels::class_names(&mut source, &arrays, &words, progress)?;
            if let Some((place, names)) = found {
                (named_by, words.classes) = (place, Some(names));
            }
        }
        let mut hash = DataHash::default();
        let mut loader = Loader {
            source: &mut source,
            arrays: &arrays,
            reader: Reader { transpose: options.transpose, on_disk, hash: &mut hash, progress },
            size: None,
            classes: class_names.or(words.classes.as_ref()).map(|names| (names.len(), named_by)),
            words: &words,
            layout,
            options,
            told: BTreeSet::new(),
            told_one_hot: false,
            found: Vec::new(),
        };
        let [mut train, mut val, mut test] = [const { None }; 3];
        let mut stored = [const { None }; 3];
        progress.begin("reading", totals.samples, "samples");
        for name in PartName::ALL {
            for (name, part, in_file) in loader.read(name).inspect_err(|_| progress.end())? {
                stored[name as usize] = in_file;
                match name {
                    PartName::Train => train = Some(part),
                    PartName::Val => val = Some(part),
                    PartName::Test => test = Some(part),
                }
            }
        }
        progress.end();

        let Loader { size, classes, mut found, .. } = loader;
        let [train, val, test] = [train, val, test].map(Option::unwrap_or_default);
        let [h, w] = size.map_or([0, 0], |(size, _)| size);
        let highest = [&train, &val, &test].into_iter().flat_map(|part| &part.y).max();
        let counted = classes.is_some();
        let count = classes
            .map_or_else(|| highest.map_or(0, |&label| label as usize + 1), |(count, _)| count);
        count_classes(&mut found, count, [&train, &val, &test])?;
        let song_ids = words.song_ids();
        let named = options.class_names.clone().or(words.classes);
        check_classes(&found, counted, named.as_deref(), progress)?;
        let assumed_classes = named.is_none() && count == COURSE_CLASSES.len();
        let classes = named.unwrap_or_else(|| {
            if count == COURSE_CLASSES.len() {
                COURSE_CLASSES.map(str::to_owned).to_vec()
            } else {
                (0..count).map(|class| format!("class {class}")).collect()
            }
        });
        let source = source.path().display().to_string();
        let (sample_shape, scale, hash) = ([h, w, 1], Scale::NONE, hash.finish());
        let disk = on_disk.then(|| Disk::new(stored));
        Ok(Self {
            source,
            sample_shape,
            classes,
            assumed_classes,
            train,
            val,
            test,
            found,
            scale,
            disk,
            hash,
            song_ids,
            val_is_test: false,
        })
    }

    /// One of the parts.
    pub fn part(&self, name: PartName) -> &Part {
        match name {
            PartName::Train => &self.train,
            PartName::Val => &self.val,
            PartName::Test => &self.test,
        }
    }

    /// Identifies the samples, labels and songs of a part, whichever others are loaded; none if it is
    /// not.
    pub fn part_hash(&self, name: PartName) -> Option<String> {
        let x = ArrayName { role: Role::X, part: name };
        self.found.iter().find_map(|facts| match &facts.values {
            Values::Samples { fingerprints, .. } if facts.name == x => {
                Some(part_hash(fingerprints, self.part(name)))
            }
            _ => None,
        })
    }

    /// Scales the samples of all parts, once: in place, or from now on when they are read.
    /// `found` and `hash` stay those of the files.
    pub fn apply(&mut self, scale: &Scale) {
        for part in [&mut self.train, &mut self.val, &mut self.test] {
            scale.apply(&mut part.x);
        }
        self.scale = *scale;
    }

    /// What was found in the arrays, one aligned line for each, for printing.
    pub fn describe(&self) -> String {
        table(&self.found)
    }
}

/// Compares the shapes in all headers, before any array is read.
fn check_headers(
    source: &mut ArraySource<'_>,
    arrays: &HashMap<ArrayName, String>,
    options: &DataOptions,
) -> Result<SampleTotals> {
    let mut size = None;
    let mut totals = SampleTotals::default();
    for part in PartName::ALL {
        let mut samples = (String::new(), 0);
        for role in Role::ALL {
            let Some(file) = arrays.get(&ArrayName { role, part }) else { continue };
            let mut npy = source.array(file)?;
            let of = (samples.0.as_str(), samples.1);
            match role {
                Role::X => {
                    npy.without_channels();
                    let [n, h, w] = sample_shape(&npy, options.transpose, &mut size)?;
                    samples = (npy.place.clone(), n);
                    totals.samples += n as u64;
                    totals.bytes =
                        totals.bytes.saturating_add((n as u64).saturating_mul(4 * (h * w) as u64));
                    if !npy.has_positions() {
                        totals.without_positions.get_or_insert(samples.0.clone());
                    }
                }
                Role::Y => labels::check_shape(&npy, of).map(|_| ())?,
                Role::Song => labels::check_song_shape(&npy, of)?,
            }
        }
    }
    Ok(totals)
}

/// Reads part after part; what earlier parts have decides what later ones must have.
struct Loader<'a, 's> {
    source: &'a mut ArraySource<'s>,
    arrays: &'a HashMap<ArrayName, String>,
    reader: Reader<'a>,
    size: SampleSize,
    /// The number of classes and where it was given; none while it is unknown.
    classes: Option<(usize, String)>,
    /// What text in labels and song ids means.
    words: &'a Vocabulary,
    layout: Layout,
    options: &'a DataOptions,
    /// What was done with arrays of a role, as far as it was said.
    told: BTreeSet<(&'static str, String)>,
    /// That labels are one-hot was said.
    told_one_hot: bool,
    found: Vec<ArrayFacts>,
}

/// A part that was read, and its samples' file where they stay on disk.
type ReadPart = (PartName, Part, Option<StoredSamples>);

impl Loader<'_, '_> {
    /// The parts that the arrays of `part` become, as far as they are asked for; none if it has none.
    fn read(&mut self, part: PartName) -> Result<Vec<ReadPart>> {
        match (self.layout.parts_of(part), self.options.split) {
            _ if !self.arrays.contains_key(&ArrayName { role: Role::X, part }) => Ok(Vec::new()),
            (&[_], _) | (_, None) => Ok(vec![self.read_part(part)?]),
            (parts, Some(split)) => self.read_split(part, parts, split),
        }
    }

    /// The number of classes is that of one-hot columns, which is said once.
    fn one_hot(&mut self, width: Option<usize>, facts: &ArrayFacts) {
        let Some(width) = width else { return };
        if !self.told_one_hot {
            let ArrayFacts { place, shape, .. } = facts;
            let text = format!("{place}: one-hot {shape:?}: read as labels of {width} classes");
            self.reader.progress.note(&text);
            self.told_one_hot = true;
        }
        self.classes = Some((width, facts.place.clone()));
    }

    /// Says once, not for each part, what was done with arrays of a role.
    fn tell(&mut self, role: Role, done: Option<String>, place: &str) {
        let Some(done) = done else { return };
        // Shapes differ by the number of samples.
        let what = done.split('[').next().unwrap_or(&done);
        if self.told.insert((role.as_str(), what.to_owned())) {
            self.reader.progress.note(&format!("{place}: {done}"));
        }
    }

    /// Facts of an array; its values are to be filled in.
    fn facts(name: ArrayName, npy: &Npy<'_>) -> ArrayFacts {
        ArrayFacts {
            name,
            place: npy.place.clone(),
            shape: npy.shape.clone(),
            dtype: npy.dtype.name(),
            values: Values::Labels { counts: Vec::new() },
        }
    }

    fn read_part(&mut self, part: PartName) -> Result<ReadPart> {
        let (mut result, mut stored) = (Part::default(), None);
        let (mut samples, mut n) = (String::new(), 0);
        for role in Role::ALL {
            let name = ArrayName { role, part };
            let Some(file) = self.arrays.get(&name) else { continue };
            let mut npy = self.source.array(file)?;
            let done = if role == Role::X { npy.without_channels() } else { None };
            let mut facts = Self::facts(name, &npy);
            match role {
                Role::X => {
                    let shape = sample_shape(&npy, self.reader.transpose, &mut self.size)?;
                    let [_, h, w] = shape;
                    n = shape[0];
                    self.reader.hash.part(part, [n, h, w, 1]);
                    let dtype = npy.dtype;
                    let read = self.reader.read(npy, [h, w])?;
                    self.tell(role, done, &facts.place);
                    self.tell(role, Npy::conversion(dtype, read.rounding), &facts.place);
                    (result.x, stored, facts.values) = (read.x, read.stored, read.values);
                    samples.clone_from(&facts.place);
                }
                Role::Y => {
                    let read = labels::read(npy, (&samples, n), self.classes.as_ref(), self.words)?;
                    self.reader.hash.labels(&read.y);
                    result.y = read.y;
                    self.one_hot(read.width, &facts);
                    self.tell(role, read.done, &facts.place);
                }
                Role::Song => {
                    let done = npy.label_conversion();
                    let ids = labels::read_songs(npy, (&samples, n), self.words)?;
                    self.tell(role, done, &facts.place);
                    facts.values = song_count(&ids, &result.y);
                    result.song = Some(ids);
                }
            }
            self.found.push(facts);
        }
        self.reader.hash.songs(result.song.as_deref().unwrap_or_default());
        Ok((part, result, stored))
    }

    /// Reads the arrays of `part` and divides them into `parts`.
    fn read_split(
        &mut self,
        part: PartName,
        parts: &[PartName],
        split: Split,
    ) -> Result<Vec<ReadPart>> {
        let open = |role| self.arrays.get(&ArrayName { role, part });
        let (Some(x), Some(y), song) = (open(Role::X), open(Role::Y), open(Role::Song)) else {
            return Ok(Vec::new());
        };
        let mut npy = self.source.array(x)?;
        let done = npy.without_channels();
        let [n, h, w] = sample_shape(&npy, self.reader.transpose, &mut self.size)?;
        let mut facts = vec![Self::facts(ArrayName { role: Role::X, part }, &npy)];
        let place = npy.place.clone();
        let dtype = npy.dtype;
        let (x, rounding) = npy.into_f32(self.reader.transpose)?;
        let x = Reader::expect_finite(x, rounding, &place, [h, w])?;
        self.tell(Role::X, done, &place);
        self.tell(Role::X, Npy::conversion(dtype, rounding), &place);

        let npy = self.source.array(y)?;
        facts.push(Self::facts(ArrayName { role: Role::Y, part }, &npy));
        let y = labels::read(npy, (&place, n), self.classes.as_ref(), self.words)?;
        if let Some(facts) = facts.last() {
            let place = facts.place.clone();
            self.one_hot(y.width, facts);
            self.tell(Role::Y, y.done, &place);
        }
        let y = y.y;
        let song = match song {
            Some(song) => {
                let npy = self.source.array(song)?;
                let own = Self::facts(ArrayName { role: Role::Song, part }, &npy);
                let done = npy.label_conversion();
                let ids = labels::read_songs(npy, (&place, n), self.words)?;
                self.tell(Role::Song, done, &own.place);
                facts.push(own);
                Some(ids)
            }
            None => None,
        };

        let ids = match (split.by, &song) {
            (SplitBy::Song, Some(song)) => song.clone(),
            (SplitBy::Song, None) => return Err(Error::data(&*place, DataProblem::NoSongs)),
            // Equal samples stay together.
            (SplitBy::Sample, _) => same_as(&x, h * w),
        };
        let names = self.options.class_names.as_deref().or(self.words.classes.as_deref());
        let drawn = split.draw(&y, &ids, parts, names);
        let drawn = drawn.map_err(|problem| Error::data(&*place, problem))?;
        let name = |id| self.words.song(id);
        self.reader.progress.note(&split.describe(&place, &y, &ids, &drawn, &name));
        let songs: BTreeSet<i64> = ids.iter().copied().collect();
        if split.by == SplitBy::Song && songs.len() == n {
            self.reader.progress.warn(
                "--split song: every sample has a song id of its own; if these name pieces of songs, \
                 pieces of one song are in several parts, so give the ids of the songs",
            );
        }
        if split.by == SplitBy::Sample {
            self.reader.progress.warn(
                "--split sample: samples of one song may be in training and test, so scores look too \
                 good; --split song with song ids keeps songs together",
            );
        }
        let mut read = Vec::new();
        for &name in parts.iter().filter(|name| self.options.parts.contains(name)) {
            let own = |index: &usize| drawn.get(*index) == Some(&name);
            let rows: Vec<usize> = (0..n).filter(own).collect();
            let sample = |row: &usize| x.get(row * h * w..(row + 1) * h * w).unwrap_or_default();
            let mut part = Part {
                x: Vec::new(),
                y: rows.iter().filter_map(|row| y.get(*row).copied()).collect(),
                song: song
                    .as_ref()
                    .map(|song| rows.iter().filter_map(|row| song.get(*row).copied()).collect()),
            };
            let own_x = rows.iter().flat_map(sample).copied().collect();
            self.reader.hash.part(name, [rows.len(), h, w, 1]);
            let samples = self.reader.examine_split(own_x, &place, [h, w])?;
            part.x = samples.x;
            self.reader.hash.labels(&part.y);
            self.reader.hash.songs(part.song.as_deref().unwrap_or_default());
            let mut values = Some(samples.values);
            for facts in &facts {
                let mut own = facts.clone();
                own.name.part = name;
                if let Some(count) = own.shape.first_mut() {
                    *count = rows.len();
                }
                match own.name.role {
                    Role::X => own.values = values.take().unwrap_or(own.values),
                    Role::Y => {}
                    Role::Song => {
                        own.values = song_count(part.song.as_deref().unwrap_or_default(), &part.y);
                    }
                }
                self.found.push(own);
            }
            read.push((name, part, None));
        }
        Ok(read)
    }
}

/// The first sample that each sample is equal to.
fn same_as(x: &[f32], sample_len: usize) -> Vec<i64> {
    let mut first: HashMap<u128, i64> = HashMap::new();
    let prints = x.chunks_exact(sample_len.max(1)).map(Fingerprint::of);
    (0..).zip(prints).map(|(i, print)| *first.entry(print.hash).or_insert(i)).collect()
}

/// The number of songs; as in voting, an id that occurs with two labels is two songs.
fn song_count(ids: &[i64], y: &[u32]) -> Values {
    Values::Songs { songs: ids.iter().zip(y).collect::<BTreeSet<_>>().len() }
}
