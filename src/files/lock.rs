//! One writer for each folder. The lock is the operating system's, on a file in the folder: a process
//! that dies, however it dies, releases it.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::leftovers::{self, Kind, Leftover};
use super::{create_folder, missing_folders, remove_empty, sweep};
use crate::error::{Error, Result};

/// Holds the lock and, for the message to others, process id and start time. It is removed with the
/// lock; one that a killed process left is taken over.
pub const LOCK: &str = ".genre-gpu.lock";

/// Tries to lock a file that others may remove at the same time.
const TRIES: usize = 16;

/// The right to write into a folder, until this is dropped or the process ends.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// None where the file system has no locks.
    file: Option<File>,
    /// The folders that were created for it, the deepest first.
    created: Vec<PathBuf>,
    _listed: Vec<Leftover>,
}

impl FolderLock {
    /// Creates the folder if need be, locks it and removes temporary files that killed processes
    /// left in it.
    ///
    /// # Errors
    /// If another process holds it, or it cannot be written to.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let created = missing_folders(folder);
        let path = folder.join(LOCK);
        for _ in 0..TRIES {
            create_folder(folder)?;
            let cannot = Error::io(folder, "write into the folder");
            match std::fs::symlink_metadata(&path) {
                Ok(found) if !found.is_file() => {
                    let problem = "is no regular file; remove it".into();
                    return Err(Error::Run { path, problem });
                }
                _ => {}
            }
            let open =
                File::options().create(true).read(true).write(true).truncate(false).open(&path);
            let mut file = match open {
                Ok(file) => file,
                // The folder went away with another process's lock.
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => {
                    remove_empty(&created);
                    return Err(cannot(e));
                }
            };
            let file = match file.try_lock() {
                // Removed by its former holder between opening and locking.
                Ok(()) if !is_at(&file, &path) => continue,
                Ok(()) => {
                    // On a full disk the lock holds without a text.
                    let _ = file.set_len(0).and_then(|()| file.write_all(own_text().as_bytes()));
                    Some(file)
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::InUse { path: folder.into(), by: holder(&mut file) });
                }
                Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => None,
                Err(TryLockError::Error(e)) => return Err(Error::io(&path, "lock")(e)),
            };
            // Not before: until then the file may be another process's.
            let folders = created.iter().map(|folder| leftovers::list(Kind::Empty, folder));
            let listed = folders.chain([leftovers::list(Kind::File, &path)]).collect();
            sweep(folder);
            return Ok(Self { path, file, created, _listed: listed });
        }
        Err(Error::InUse { path: folder.into(), by: "other processes".into() })
    }

    /// Whether a folder holds nothing but a lock that a killed process left.
    pub(super) fn is_only_entry(folder: &Path) -> bool {
        let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
        let is_lock = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.is_ok_and(|entry| entry.file_name() == LOCK)
        };
        let free =
            || File::open(folder.join(LOCK)).is_ok_and(|file| file.try_lock_shared().is_ok());
        entries.next().is_some_and(is_lock) && entries.next().is_none() && free()
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // While it is held: whoever opened the file meanwhile sees that it is gone.
        let _ = std::fs::remove_file(&self.path);
        drop(self.file.take());
        remove_empty(&self.created);
    }
}

/// Whether the open file is the one of that path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |found: std::fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => id(open) == id(there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Process id, and seconds since 1970 where the clock has them.
fn own_text() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or_else(|_| String::new(), |now| now.as_secs().to_string());
    format!("{}\n{now}\n", std::process::id())
}

impl FolderLock {
    /// The process that writes into a folder now, as far as its lock's file has it.
    pub fn holder_of(folder: &Path) -> Option<String> {
        let mut file = File::open(folder.join(LOCK)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
            _ => None,
        }
    }
}

/// `process 4711 since 2026-11-28T22:10:05Z`, as far as the lock's file has it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind();
    let _ = file.take(100).read_to_string(&mut text);
    let mut lines = text.lines();
    let Some(process) = lines.next().and_then(|line| line.parse::<u32>().ok()) else {
        return "another process".into();
    };
    let since = lines.next().and_then(|line| line.parse().ok()).map(Duration::from_secs);
    match since.and_then(|since| UNIX_EPOCH.checked_add(since)).and_then(super::day_and_time) {
        Some(since) => format!("process {process} since {since}"),
        None => format!("process {process}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_writer() {
        let work = tempfile::tempdir().unwrap();
        let folder = work.path().join("deep/run");
        let lock = FolderLock::acquire(&folder).unwrap();
        let refused = FolderLock::acquire(&folder).unwrap_err().to_string();
        let process = format!("is in use by process {} since 20", std::process::id());
        assert!(refused.contains(&process), "{refused}");
        drop(lock);
        assert!(!work.path().join("deep").exists(), "what was created for it is gone if empty");

        let lock = FolderLock::acquire(&folder).unwrap();
        std::fs::write(folder.join("kept"), "").unwrap();
        drop(lock);
        assert!(folder.join("kept").exists() && !folder.join(LOCK).exists());
    }

    #[test]
    fn what_killed_processes_left_is_taken_over_and_swept() {
        let work = tempfile::tempdir().unwrap();
        let at = |name: &str| work.path().join(name);
        for name in [
            LOCK,
            ".genre-gpu-partial-aB3xyz",
            ".genre-gpu-partial-",
            ".genre-gpu-partial-mine",
            "kept",
        ] {
            std::fs::write(at(name), "1\n2\n").unwrap();
        }
        // One that a live process is writing.
        let live = File::create(at(".genre-gpu-partial-a1B2c3")).unwrap();
        live.lock().unwrap();
        let lock = FolderLock::acquire(work.path()).unwrap();
        assert!(
            !at(".genre-gpu-partial-aB3xyz").exists() && at(".genre-gpu-partial-a1B2c3").exists()
        );
        assert!(
            at(".genre-gpu-partial-").exists()
                && at(".genre-gpu-partial-mine").exists()
                && at("kept").exists()
        );
        drop(lock);
        assert!(!at(LOCK).exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_locks_place_is_not_followed() {
        let work = tempfile::tempdir().unwrap();
        let other = work.path().join("other");
        std::fs::write(&other, "mine").unwrap();
        std::fs::create_dir(work.path().join("run")).unwrap();
        std::os::unix::fs::symlink(&other, work.path().join("run").join(LOCK)).unwrap();
        assert!(FolderLock::acquire(&work.path().join("run")).is_err());
        assert_eq!(std::fs::read(&other).unwrap(), b"mine");
    }
}
