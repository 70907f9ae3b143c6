//! What must not stay if the process is stopped: temporary files, locks and new folders are listed
//! while they are there, so that Ctrl-C can remove them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a leftover is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// With all that is in it.
    Tree,
    /// A folder that stays if anything is in it.
    Empty,
}

static LISTED: Mutex<Vec<(PathBuf, Kind)>> = Mutex::new(Vec::new());

fn listed() -> MutexGuard<'static, Vec<(PathBuf, Kind)>> {
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path that is listed until this is dropped.
#[derive(Debug)]
pub struct Leftover(PathBuf);

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut listed = listed();
        if let Some(at) = listed.iter().rposition(|(path, _)| *path == self.0) {
            listed.swap_remove(at);
        }
    }
}

/// Creates something and lists its path. No signal is handled in between.
pub(super) fn create<T>(
    kind: Kind,
    make: impl FnOnce() -> io::Result<T>,
    path: impl FnOnce(&T) -> PathBuf,
) -> io::Result<(T, Leftover)> {
    let mut listed = listed();
    let made = make()?;
    let path = path(&made);
    listed.push((path.clone(), kind));
    Ok((made, Leftover(path)))
}

/// Lists what is there.
pub(super) fn list(kind: Kind, path: &Path) -> Leftover {
    listed().push((path.to_path_buf(), kind));
    Leftover(path.to_path_buf())
}

/// Puts a finished file into place. No signal is handled in between.
pub(super) fn place<T>(rename: impl FnOnce() -> T) -> T {
    let _listed = listed();
    rename()
}

/// Says what is left by `last`, removes all that is listed and ends the process.
pub fn exit(code: i32, last: impl FnOnce()) -> ! {
    // Held to the end: other threads create nothing more and put no file into place.
    let mut listed = listed();
    last();
    // Files before the folders that they are in.
    listed.sort_by_key(|(path, kind)| (*kind == Kind::Empty, std::cmp::Reverse(path.clone())));
    for (path, kind) in listed.iter() {
        let _ = match kind {
            Kind::File => std::fs::remove_file(path),
            Kind::Tree => std::fs::remove_dir_all(path),
            Kind::Empty => std::fs::remove_dir(path),
        };
    }
    std::process::exit(code)
}
