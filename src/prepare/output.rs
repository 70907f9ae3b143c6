//! The output folder.

use std::path::{Path, PathBuf};

use super::Done;
use super::record::{RECORD, Record, Settings};
use crate::data::PREPARE_WORK;
use crate::error::{Error, Result};
use crate::files::{FolderLock, LOCK, create_folder, sweep, write_atomic};

const SETTINGS: &str = "settings.json";

/// The output folder, while it is being filled.
pub(super) struct Output {
    folder: PathBuf,
    _lock: FolderLock,
}

/// The folder in which a process keeps its share of the cuts, while others keep theirs: nothing of
/// theirs is swept away.
///
/// # Errors
/// If the folder holds anything but a start with the same settings.
pub(super) fn shared_work(folder: &Path, settings: &Settings) -> Result<PathBuf> {
    check(folder, settings)?;
    if folder.join(RECORD).exists() {
        let (place, problem) =
            (folder.display().to_string(), "holds the whole arrays already".into());
        return Err(Error::Prepare { place, problem });
    }
    let work = folder.join(PREPARE_WORK);
    create_folder(&work)?;
    write_settings(&work, settings)?;
    Ok(work)
}

fn write_settings(work: &Path, settings: &Settings) -> Result<()> {
    write_atomic(&work.join(SETTINGS), |w| Ok(serde_json::to_writer_pretty(w, settings)?))
}

/// Refuses a folder that is not new or empty, and was not started or finished with the same settings.
fn check(folder: &Path, settings: &Settings) -> Result<()> {
    let work = folder.join(PREPARE_WORK);
    if std::fs::symlink_metadata(&work).is_ok_and(|found| found.is_symlink()) {
        let problem = "is a link, which prepare does not follow; remove it".into();
        return Err(Error::Prepare { place: work.display().to_string(), problem });
    }
    let begun = work.join(SETTINGS);
    let fail = |problem: String| Error::Prepare { place: folder.display().to_string(), problem };
    // Cuts that are kept have all that decides them in their names, so a folder without whole
    // arrays may go on with other settings.
    match Record::read_if_any(folder)?.map(|record| record.settings) {
        None if read_json::<Settings>(&begun).is_some() => Ok(()),
        Some(before) => match before.difference(settings) {
            Some(difference) => Err(fail(format!(
                "holds arrays made with other settings ({difference}); use another --out, or remove this \
                 folder"
            ))),
            None => Ok(()),
        },
        None => {
            let entries = match std::fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(e) => return Err(Error::io(folder, "read")(e)),
            };
            let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
            let mut names: Vec<String> =
                names.map(|name| name.to_string_lossy().into_owned()).collect();
            names.retain(|name| name != PREPARE_WORK && name != LOCK);
            names.sort();
            match names.first() {
                Some(name) => Err(fail(format!(
                    "expected a new or empty folder, found {name} in it; give another --out"
                ))),
                None => Ok(()),
            }
        }
    }
}

impl Output {
    /// Opens a folder that is new or empty, or was started or finished with the same settings.
    pub(super) fn open(folder: &Path, settings: &Settings) -> Result<Self> {
        let output = Self { folder: folder.to_path_buf(), _lock: FolderLock::acquire(folder)? };
        check(folder, settings)?;
        let work = output.work();
        create_folder(&work)?;
        // The lock has swept the folder itself.
        sweep(&work);
        write_settings(&work, settings)?;
        Ok(output)
    }

    /// The folder in which cuts are cached until all are made.
    pub(super) fn work(&self) -> PathBuf {
        self.folder.join(PREPARE_WORK)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Leaves nothing of a start that had no cut: there is nothing to go on from. The folder, if it is
    /// new, goes with its lock.
    pub(super) fn give_up(&self, done: &[Done]) -> Result<()> {
        if done.iter().any(|done| done.made.is_ok()) || self.file(RECORD).exists() {
            return Ok(());
        }
        let work = self.work();
        std::fs::remove_dir_all(&work).map_err(Error::io(&work, "remove"))
    }

    /// Removes the record of an earlier run, before its arrays are overwritten.
    pub(super) fn begin_arrays(&self) -> Result<()> {
        let path = self.file(RECORD);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&path, "remove")(e))
            }
            _ => Ok(()),
        }
    }

    /// Writes the record, which marks the arrays as complete, and removes the cache.
    pub(super) fn finish(&self, record: &Record) -> Result<()> {
        write_atomic(&self.file(RECORD), |w| {
            serde_json::to_writer_pretty(&mut *w, record)?;
            w.write_all(b"\n")
        })?;
        let work = self.work();
        std::fs::remove_dir_all(&work).map_err(Error::io(&work, "remove"))
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
