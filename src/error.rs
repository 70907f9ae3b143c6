//! One error type for the whole crate. Variants carry data; the messages name
//! the thing, what was expected, what was found, and the way out.

use std::io;
use std::path::{Path, PathBuf};

mod data;
mod numpy;
mod words;

pub use data::DataProblem;

/// What went wrong, in terms of what the user gave.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read, written or created.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb phrase: "read", "write", "create the folder".
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Data that were given cannot be used.
    #[error("{place}: {problem}{}", numpy::remedy(place, problem))]
    Data {
        /// The file, the folder, or the file and the npz key: `gtzan.npz:x_train`.
        place: String,
        /// What is wrong with it.
        problem: DataProblem,
    },
    /// A node of a model does not fit its input, or is impossible.
    #[error("model {model}, node \"{node}\": {problem}")]
    Node {
        /// The model's name or file.
        model: String,
        /// The node's path.
        node: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A model file is wrong.
    #[error("model {model}: {problem}")]
    Model {
        /// The model's name or file.
        model: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No built-in model has this name, and it is no file.
    #[error("model {model}: expected a built-in model ({known}) or a path to a .toml file{hint}")]
    UnknownModel {
        /// What was given.
        model: String,
        /// The names of the built-in models.
        known: String,
        /// A name that resembles it.
        hint: String,
    },
    /// A setting is outside its range.
    #[error("--{name}: expected {expected}, found {found}")]
    Setting {
        /// The flag's name, which is the config file's key.
        name: &'static str,
        /// What would have been accepted.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// A file of settings (`--config`) is wrong.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Where and what.
        problem: String,
    },
    /// A file of weights is damaged or of another model.
    #[error("{}: {problem}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Training diverged.
    #[error(
        "loss is not finite at epoch {epoch}, step {step} (learning rate {learning_rate})\n  \
         help: {help}"
    )]
    Diverged {
        /// From 1.
        epoch: usize,
        /// From 1, within the epoch.
        step: usize,
        /// The step size that was used.
        learning_rate: f32,
        /// What to try, from what is known of the inputs.
        help: String,
    },
    /// A run folder holds something that must not be overwritten, or lacks something.
    #[error("{}: {problem}", path.display())]
    Run {
        /// The run's folder.
        path: PathBuf,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// Something would take more memory than there is.
    #[error(
        "{what} needs about {needed}, more than three quarters of the {available} of memory that are \
         available; {help}"
    )]
    Memory {
        /// What needs it.
        what: String,
        /// How much.
        needed: String,
        /// How much there is.
        available: String,
        /// What to change.
        help: String,
    },
    /// Another process writes into a folder.
    #[error(
        "{}: is in use by {by}; wait until that has ended, or use another folder", path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Which process, as far as is known.
        by: String,
    },
    /// A file of notes on a report's questions.
    #[error("{}: {problem}", path.display())]
    Notes {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// The system refused to start threads.
    #[error("cannot start {threads} threads: {problem}; try fewer with --threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The system's answer.
        problem: String,
    },
    /// There is no GPU, not even a software one.
    #[error(
        "no GPU adapter was found, not even a software one; install your GPU's Vulkan driver, or a \
         software one (Debian, Ubuntu: sudo apt-get install mesa-vulkan-drivers), or use --device \
         cpu"
    )]
    NoAdapter,
    /// No GPU of that name.
    #[error(
        "no adapter matches --adapter \"{wanted}\": found {}; give a part of one of these, or use \
         --device cpu",
        found.join("; ")
    )]
    AdapterName {
        /// What was asked for.
        wanted: String,
        /// The adapters that there are.
        found: Vec<String>,
    },
    /// A tensor is too large for the device.
    #[error(
        "{what}: {bytes} bytes are needed in one buffer, but {adapter} takes at most {most}; {help}"
    )]
    DeviceLimit {
        /// The adapter.
        adapter: String,
        /// The tensor and its node.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        most: u64,
        /// What to try.
        help: String,
    },
    /// A shader is not one.
    #[error("{file}: {problem}")]
    Shader {
        /// The shader's file.
        file: String,
        /// Where and what.
        problem: String,
    },
    /// A device that fuses a node with the next never has its tensors.
    #[error("node \"{node}\" is fused with the next: this device keeps no tensor of it")]
    TensorNotMaterialized {
        /// The node.
        node: String,
    },
    /// The device failed, or was taken away.
    #[error("{adapter}: {problem}")]
    Gpu {
        /// The adapter.
        adapter: String,
        /// What it said.
        problem: String,
    },
    /// An error with the way out of it, which only the caller knows.
    #[error("{source}\n  help: {help}")]
    WithHelp {
        /// The failure.
        source: Box<Error>,
        /// How to go on.
        help: String,
    },
    /// The environment asks for vector units that are not there.
    #[error(
        "GENRE_GPU_SIMD: expected one of {levels}, the levels of this processor, found \
         \"{wanted}\"; unset it for the widest"
    )]
    SimdLevel {
        /// What it says.
        wanted: String,
        /// What it may say here.
        levels: String,
    },
    /// The library was compiled without a feature that is needed.
    #[error("this build has no {what}; build with --features {feature}")]
    Feature {
        /// What it lacks.
        what: &'static str,
        /// The Cargo feature that has it.
        feature: &'static str,
    },
    /// Values that belong together do not fit each other.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// What was looked at.
        what: &'static str,
        /// What would have fitted.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A picture could not be drawn or encoded.
    #[error("picture: {problem}")]
    Picture {
        /// What went wrong.
        problem: String,
    },
    /// A front end is impossible, or its sound is.
    #[error("front end {name}: {problem}")]
    FrontEnd {
        /// The preset's name, or the user's own.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A sound file is none, or is damaged.
    #[error("{}: {problem}", path.display())]
    Audio {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Songs cannot be made into a data set.
    #[error("{place}: {problem}")]
    Prepare {
        /// The folder, the file or its line.
        place: String,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// The demo corpus in the cache is unusable, and it cannot be made there either.
    #[error(
        "demo corpus: {fault}, and it cannot be generated there ({source}); use another --cache-dir"
    )]
    DemoCache {
        /// Why what is there cannot be used.
        fault: String,
        /// Why no other can be made.
        source: Box<Error>,
    },
    /// The system names no cache folder for this user.
    #[error("this system has no cache folder; set --cache-dir")]
    NoCacheFolder,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the command line or the file of settings that it names is wrong.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Setting { .. } | Self::UnknownModel { .. } | Self::Config { .. })
    }

    /// Names what was read and what is wrong with it.
    pub fn data(place: impl Into<String>, problem: DataProblem) -> Self {
        Self::Data { place: place.into(), problem }
    }

    /// For `map_err`: names the path and what was tried.
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }
}
