//! Problems of arrays. `Error::Data` adds the file or the npz and key.

use std::io;

use super::words::{beside, class_name, label_gap, list};

/// A problem of a folder, an npz or an array; `array` is `x_train`, `y_val`, `song_test`, ….
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataProblem {
    /// The path does not exist.
    #[error("there is no such file or folder; expected a folder of .npy files or an .npz file")]
    NoSuchPath,
    /// The path is a file of another kind.
    #[error("expected a folder of .npy files or an .npz file, found another kind of file")]
    NeitherFolderNorNpz,
    /// The path is one array.
    #[error(
        "expected a folder of .npy files or an .npz file, found one array; give the folder that holds \
         it and the others"
    )]
    OneArray,
    /// There are files of another kind, and no arrays.
    #[error("expected .npy arrays or an .npz, found {found}\n  help: {help}")]
    OtherFiles {
        /// What there is.
        found: String,
        /// What to do with it.
        help: String,
    },
    /// One array of samples and one of labels, without parts.
    #[error(
        "expected a training, validation and test part, found {x} and {y} alone; {}--split sample to \
         divide the samples at random",
        if *songs { "give --split song to divide the songs here, or " } else {
            "give song ids with --split song to divide the songs here, or "
        }
    )]
    OnePart {
        /// The samples.
        x: String,
        /// The labels.
        y: String,
        /// There are song ids too.
        songs: bool,
    },
    /// `--split song` without song ids.
    #[error(
        "--split song needs song ids, an array such as song.npy with an id for each sample (numbers or \
         text); without them give --split sample, whose scores look too good if songs have several \
         samples"
    )]
    NoSongs,
    /// A class that is too small to be divided.
    #[error(
        "class {} has {found} {what}, and each of {expected} parts needs one; add some, or leave the \
         class out",
        class_name(*class, name)
    )]
    TooFewToSplit {
        /// The class.
        class: u32,
        /// Its name, if it has one.
        name: Option<String>,
        /// Songs or samples.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The number of parts.
        expected: usize,
    },
    /// `prepare` did not finish the folder.
    #[error("prepare was interrupted here, so its arrays are not complete: run it again")]
    PrepareStopped,
    /// A folder holds several npz files and no npy file.
    #[error(
        "expected .npy files, one .npz, or one for each part (train.npz, val.npz, test.npz, each with x \
         and y), found several: {}; give the path of one of them",
        list(found)
    )]
    SeveralNpz {
        /// Their names.
        found: Vec<String>,
    },
    /// The npz cannot be read as a ZIP archive.
    #[error("cannot be read as an .npz: {problem}; write it again with numpy.savez_compressed")]
    Npz {
        /// The reader's message.
        problem: String,
    },
    /// No array has a name that means this one.
    #[error(
        "no array for {array}: expected a name such as {} (any case), or --arrays {array}=NAME; found \
         {}{}",
        list(accepted),
        list(found),
        beside(npz)
    )]
    Missing {
        /// The array that was looked for.
        array: String,
        /// Some accepted names.
        accepted: Vec<String>,
        /// The arrays that are there.
        found: Vec<String>,
        /// The npz files in the folder, which are not read.
        npz: Vec<String>,
    },
    /// There are arrays for training and test, or for training, alone.
    #[error(
        "no array for x_val: expected a name such as {} (any case), or --arrays x_val=NAME; found {}; or \
         give --split song (needs song ids) or --split sample to {}",
        list(accepted),
        list(found),
        match test {
            true => "draw it from the training part",
            false => "divide the training arrays into all three parts here",
        }
    )]
    NoValidation {
        /// There is a test part.
        test: bool,
        /// Some accepted names.
        accepted: Vec<String>,
        /// The arrays that are there.
        found: Vec<String>,
    },
    /// Several arrays have a name that means this one.
    #[error(
        "several arrays could be {array}: {}; choose one with --arrays {array}=NAME",
        list(candidates)
    )]
    Ambiguous {
        /// The array that was looked for.
        array: String,
        /// Their names.
        candidates: Vec<String>,
    },
    /// An array that a flag names does not exist.
    #[error("--arrays {array}={named}: there is no such array; found {}", list(found))]
    NoSuchArray {
        /// The array that was chosen for.
        array: String,
        /// The name that was given.
        named: String,
        /// The arrays that are there.
        found: Vec<String>,
    },
    /// The file has no bytes.
    #[error("expected a .npy array, found an empty file")]
    EmptyFile,
    /// The file does not begin with the magic bytes of a npy file.
    #[error("expected a .npy array (first bytes \\x93NUMPY), found \"{}\"", found.escape_ascii())]
    NotNpy {
        /// Its first bytes.
        found: Vec<u8>,
    },
    /// The npy header is incomplete or invalid.
    #[error("the .npy header cannot be read: {problem}; write the file again with numpy.save")]
    Header {
        /// What is wrong with it.
        problem: String,
    },
    /// The file is shorter or longer than its header states.
    #[error(
        "expected {expected} bytes (header and array), found {found}; copy or write the file again"
    )]
    Length {
        /// The number of bytes according to the header.
        expected: u64,
        /// The size of the file.
        found: u64,
    },
    /// The header's shape exceeds any memory.
    #[error("the .npy header claims the impossible shape {shape:?}; write the file again")]
    ImpossibleShape {
        /// The shape that it claims.
        shape: Vec<u64>,
    },
    /// The array needs more memory than is available.
    #[error(
        "needs {bytes} bytes of memory, more than this system gives; \
         close other programs, or cut the array to fewer samples"
    )]
    TooLarge {
        /// Bytes of its elements in memory.
        bytes: u64,
    },
    /// Reading failed half-way: a damaged archive or disk.
    #[error("cannot be read to its end: {source}; copy or write the file again")]
    Unreadable {
        /// The error of the system or the archive.
        source: io::Error,
    },
    /// Samples that cannot stay on disk, since they cannot be read by position.
    #[error(
        "samples can be read by position only from .npy files in C order, not from an .npz or \
         in Fortran order; save them with numpy.save of numpy.ascontiguousarray, or \
         use --data-from memory"
    )]
    NoPositions,
    /// A file that samples are read from has changed.
    #[error("the file has changed since it was opened; start again with its present contents")]
    Changed,
    /// An array of Python objects.
    #[error(
        "expected numbers, found {}",
        match (shape.is_empty(), labels) {
            (true, _) => "a pickled Python object, such as a dict of arrays",
            (_, true) => "pickled Python objects, often text",
            (_, false) => "pickled Python objects, often samples of unequal length",
        }
    )]
    Pickled {
        /// The shape in the file.
        shape: Vec<usize>,
        /// Labels or song ids were expected.
        labels: bool,
    },
    /// Complex numbers.
    #[error(
        "expected real numbers, found {found}{}",
        if *labels { "" } else { ", as a short-time Fourier transform has them" }
    )]
    Complex {
        /// The type.
        found: String,
        /// Labels or song ids were expected.
        labels: bool,
    },
    /// Text where samples are expected.
    #[error("expected numbers, found text ({found})")]
    Text {
        /// The type.
        found: String,
    },
    /// A label that is no name of a class.
    #[error("expected names of classes, found {found:?} at index {index}")]
    LabelText {
        /// Its index, from 0.
        index: usize,
        /// The text.
        found: String,
    },
    /// A label that is not among the names of the classes.
    #[error(
        "expected one of the class names {names}, found {found:?} at index {index}; without \
         --class-names the labels' own names are used"
    )]
    UnknownLabel {
        /// Its index, from 0.
        index: usize,
        /// The text.
        found: String,
        /// The names.
        names: String,
    },
    /// More different labels than a classification has.
    #[error("expected at most {most} classes, found {count} different texts: are these song ids?")]
    ManyLabels {
        /// The number of different labels.
        count: usize,
        /// The most that are accepted.
        most: usize,
    },
    /// One part has text and another numbers.
    #[error("has text, but {numbers} has numbers; save both in one way")]
    TextAndNumbers {
        /// The array with numbers.
        numbers: String,
    },
    /// Channels that are not equal.
    #[error(
        "expected samples of one channel, or of equal ones, found {found:?}, whose channels differ (first \
         in sample {sample})"
    )]
    Channels {
        /// The shape in the file.
        found: Vec<usize>,
        /// The axis of channels is the second, not the last.
        first: bool,
        /// The first sample that differs, from 0.
        sample: usize,
    },
    /// Elements of a type that is not a number of the usual widths.
    #[error(
        "expected elements of type float16/32/64, (u)int8/16/32/64 or bool, found {found}; \
         convert with astype before numpy.save"
    )]
    Dtype {
        /// The type, as the file has it.
        found: String,
    },
    /// Samples of a wrong shape.
    #[error(
        "expected samples of shape [n, h, w] or [n, h, w, 1], found {found:?}{}",
        if let [_, _] = found.as_slice() {
            ", one row for each sample: if rows are spectrograms, save x.reshape(len(x), bands, frames)"
        } else {
            ""
        }
    )]
    SampleShape {
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// The array has no samples.
    #[error("expected at least one sample, found shape {shape:?}")]
    NoSamples {
        /// The shape in the file.
        shape: Vec<usize>,
    },
    /// Samples without height or width.
    #[error("expected samples of at least one mel band and one frame, found shape {shape:?}")]
    ZeroSize {
        /// The shape in the file.
        shape: Vec<usize>,
    },
    /// Samples of another size than those of another part.
    #[error(
        "expected samples of {expected:?} (h, w) as in {other}, found {found:?}; cut all parts to one size"
    )]
    ShapesDiffer {
        /// The file that was read before.
        other: String,
        /// Its sample shape, h and w.
        expected: [usize; 2],
        /// The sample shape of this file.
        found: [usize; 2],
    },
    /// Values that are not finite as 32-bit floats.
    #[error(
        "expected finite values, found {count} that are {}; the first is {value} in sample {sample} at [h, w] = [{h}, {w}]",
        if *beyond { "not as float32, which the network takes" } else { "not" }
    )]
    NotFinite {
        /// Their number.
        count: usize,
        /// The first one.
        value: f32,
        /// Its sample, from 0.
        sample: usize,
        /// Its mel band, from 0.
        h: usize,
        /// Its frame, from 0.
        w: usize,
        /// Whether some are finite in the file, but beyond the range of float32.
        beyond: bool,
    },
    /// Labels of a wrong shape.
    #[error("expected labels of shape [n], [n, 1] or one-hot [n, classes], found {found:?}")]
    LabelShape {
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// Song ids of a wrong shape.
    #[error("expected song ids of shape [n] or [n, 1], found {found:?}")]
    SongShape {
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// Not one label or id for each sample.
    #[error("expected {expected} entries, one for each sample in {samples}, found {found}")]
    Count {
        /// The file with the samples.
        samples: String,
        /// Its number of samples.
        expected: usize,
        /// The number of labels or ids.
        found: usize,
    },
    /// A label outside the classes.
    #[error(
        "expected labels that are whole numbers from 0 to {}{}, found {value} at index {index}",
        classes.saturating_sub(1),
        by.as_ref().map_or_else(String::new, |by| format!(", for the {classes} classes of {by}"))
    )]
    Label {
        /// Its index, from 0.
        index: usize,
        /// The label.
        value: String,
        /// The number of classes, or the most that are accepted.
        classes: usize,
        /// Where the number of classes was given.
        by: Option<String>,
    },
    /// A row of one-hot labels that is not one-hot.
    #[error(
        "expected one-hot rows (one 1, otherwise 0), found {ones} ones and {others} other values than 0 and 1 in row {row}"
    )]
    OneHot {
        /// The row, from 0.
        row: usize,
        /// The number of ones in it.
        ones: usize,
        /// The number of values that are neither 0 nor 1.
        others: usize,
    },
    /// One-hot labels of another width than elsewhere.
    #[error(
        "expected one-hot labels for {expected} classes as {by} has them, found {found} columns"
    )]
    OneHotWidth {
        /// The number of classes.
        expected: usize,
        /// Where that number was given.
        by: String,
        /// The number of columns.
        found: usize,
    },
    /// A song id that is not a whole number.
    #[error("expected song ids that are whole numbers of 64 bits, found {value} at index {index}")]
    SongId {
        /// Its index, from 0.
        index: usize,
        /// The id.
        value: String,
    },
    /// A `songs.csv` without the songs' names.
    #[error("expected a line for each song with its number and file, but {problem}")]
    SongNames {
        /// What is wrong.
        problem: String,
    },
    /// The training labels have one class only.
    #[error(
        "expected at least two classes among the training labels, found only class {}",
        class_name(*class, name)
    )]
    OneClass {
        /// The class of all samples.
        class: u32,
        /// Its name, if it has one.
        name: Option<String>,
    },
    /// Training labels without a class below the highest.
    #[error("{}", label_gap(*lowest, *highest, *missing, *others))]
    LabelGap {
        /// The lowest label of training.
        lowest: u32,
        /// The highest label of training.
        highest: u32,
        /// The first class without a sample.
        missing: u32,
        /// The number of further classes without samples.
        others: usize,
    },
    /// A part has a class that the training part does not have.
    #[error(
        "{count} samples are of class {}, of which the training labels have none; \
         split the data again or check how the labels are numbered",
        class_name(*class, name)
    )]
    ClassNotInTraining {
        /// The class.
        class: u32,
        /// Its name, if it has one.
        name: Option<String>,
        /// The number of its samples in this part.
        count: usize,
    },
    /// Samples whose values are all equal, or whose range a scale cannot represent.
    #[error(
        "values from {min} to {max} cannot be scaled ({scale}); check the arrays, or use train --scale none \
         (scale = \"none\" in a --config file)"
    )]
    Unscalable {
        /// The scale: "standard", "minmax".
        scale: &'static str,
        /// The least value.
        min: f32,
        /// The greatest value.
        max: f32,
    },
}
