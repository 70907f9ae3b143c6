//! One error type for the whole crate. Variants carry data; the messages name
//! the thing, what was expected, what was found, and the way out.

use std::io;
use std::path::{Path, PathBuf};

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
    /// A node of a model does not fit its input, or says something impossible.
    #[error("model {model}, node \"{node}\": {problem}")]
    Node {
        /// The model's name or file.
        model: String,
        /// The node's path.
        node: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A model file is not a model.
    #[error("model {model}: {problem}")]
    Model {
        /// The model's name or file.
        model: String,
        /// What is wrong with it.
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
    /// The system names no cache folder for this user.
    #[error("this system names no cache folder; give one with --cache-dir")]
    NoCacheFolder,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// For `map_err`: names the path and what was tried.
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }
}
