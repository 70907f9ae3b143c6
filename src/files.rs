//! Files and folders: written whole or not at all, by one process at a time; read only where they
//! have an end.
//!
//! ```text
//! lock.rs       one writer for each folder
//! leftovers.rs  what must not stay when the process is stopped
//! ```

mod leftovers;
mod lock;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use leftovers::{Leftover, exit};
pub use lock::{FolderLock, LOCK};

use crate::error::{Error, Result};
use leftovers::Kind;

/// Temporary files are named so, with six letters or digits.
pub(crate) const PARTIAL: &str = ".genre-gpu-partial-";
const RANDOM: usize = 6;

/// The lines of a small file that remembers things; one that is missing or damaged remembers nothing.
pub fn read_lines(path: &Path) -> BTreeSet<String> {
    let text = read_regular(path).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Replaces such a file; creates its folder.
///
/// # Errors
/// If one of them cannot be written.
pub fn write_lines(path: &Path, lines: &BTreeSet<String>) -> Result<()> {
    create_folder(parent(path))?;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    write_atomic(path, |file| file.write_all(text.as_bytes()))
}

/// Writes `path` through `fill`; if that fails, the file is not created or replaced. A link of that
/// name is replaced, not followed: for files of this program's own folders.
pub fn write_atomic(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let folder = parent(path);
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; results have the permissions of the umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        builder.prefix(PARTIAL).rand_bytes(RANDOM);
        let (mut file, _listed) = leftovers::create(
            Kind::File,
            || builder.tempfile_in(folder).map_err(without_path),
            |file| file.path().into(),
        )?;
        // A temporary file that nobody holds was left by a process that was killed.
        let _ = file.as_file().try_lock();
        let mut buffered = BufWriter::new(file.as_file_mut());
        fill(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        #[cfg(unix)]
        if let Some(older) = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)
        {
            file.as_file().set_permissions(older.permissions())?;
        }
        // Otherwise a power failure could leave the new name without its contents.
        file.as_file().sync_all()?;
        leftovers::place(|| file.persist(path)).map_err(|e| e.error)?;
        sync_folder(folder);
        Ok(())
    };
    write().map_err(Error::io(path, "write"))
}

/// The system's error without the name of a temporary file, which nobody has given.
fn without_path(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((problem, _)) => std::io::Error::new(error.kind(), problem.to_owned()),
        None => error,
    }
}

/// Writes a file that the user named: a link leads to what is replaced; a pipe or a device is written
/// into.
pub fn write_output(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    match destination(path).map_err(Error::io(path, "write"))? {
        Destination::File(path) => {
            sweep(parent(&path));
            write_atomic(&path, fill)
        }
        Destination::Stream => {
            let write = || -> std::io::Result<()> {
                let mut to = BufWriter::new(File::options().append(true).open(path)?);
                fill(&mut to)?;
                to.flush()
            };
            write().map_err(Error::io(path, "write"))
        }
    }
}

enum Destination {
    /// A regular file, or none yet.
    File(PathBuf),
    /// What has no contents to replace, or is another process's open file.
    Stream,
}

/// Where a path leads by its links.
fn destination(path: &Path) -> std::io::Result<Destination> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                let folder = parent(&path);
                // /dev/stdout leads there: links to open files, which may have no name any more.
                if folder.canonicalize()?.starts_with("/proc") {
                    return Ok(Destination::Stream);
                }
                path = folder.join(std::fs::read_link(&path)?);
            }
            Ok(found) if found.is_file() || found.is_dir() => return Ok(Destination::File(path)),
            Ok(_) => return Ok(Destination::Stream),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Destination::File(path)),
            Err(e) => return Err(e),
        }
    }
    Err(std::io::Error::new(ErrorKind::InvalidInput, "its links lead in a circle"))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes new names last through a power failure, where the system can.
pub fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    #[cfg(not(unix))]
    let _ = folder;
}

/// Removes the temporary files in a folder that no process is writing.
pub(crate) fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(PARTIAL));
        let is_ours = random.is_some_and(|random| {
            random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        if File::options().write(true).open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A temporary folder that is removed if the process is stopped; its permissions follow the umask.
pub fn temporary_folder(
    folder: &Path,
    prefix: &str,
) -> std::io::Result<(tempfile::TempDir, Leftover)> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.prefix(prefix);
    let create = || builder.tempdir_in(folder).map_err(without_path);
    leftovers::create(Kind::Tree, create, |made| made.path().into())
}

/// An empty folder that is removed, with all in it, if the process is stopped while this lives.
///
/// # Errors
/// If it cannot be created, or an older one not removed.
pub fn temporary_tree(path: &Path) -> std::io::Result<Leftover> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let create = || std::fs::create_dir_all(path);
    leftovers::create(Kind::Tree, create, |()| path.into()).map(|(_, listed)| listed)
}

/// An error where reading may have no end: `path` is a pipe, a device or a socket.
///
/// # Errors
/// Likewise if there is no such path, or its links lead in a circle.
pub fn check_regular(path: &Path) -> std::io::Result<()> {
    let found = std::fs::metadata(path)?.file_type();
    if found.is_file() || found.is_dir() {
        return Ok(());
    }
    #[cfg(unix)]
    let what = {
        use std::os::unix::fs::FileTypeExt;
        match found {
            f if f.is_fifo() => "a pipe",
            f if f.is_socket() => "a socket",
            _ => "a device",
        }
    };
    #[cfg(not(unix))]
    let what = "something else";
    let problem =
        format!("expected a regular file, found {what}; copy its contents into a file first");
    Err(std::io::Error::new(ErrorKind::InvalidInput, problem))
}

/// Whether a folder is there, not a link to one: a link leads to what is none of ours.
pub fn is_own_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Opens a regular file.
///
/// # Errors
/// If it is none, or cannot be opened.
pub fn open_regular(path: &Path) -> std::io::Result<File> {
    check_regular(path)?;
    File::open(path)
}

/// Reads a regular file.
///
/// # Errors
/// If it is none, or cannot be read.
pub fn read_regular(path: &Path) -> std::io::Result<Vec<u8>> {
    check_regular(path)?;
    std::fs::read(path)
}

/// What tells that an open file has changed: its length, and when it was last written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// # Errors
    /// If the system does not say.
    pub fn of(file: &File) -> std::io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self { len: found.len(), modified: found.modified().ok() })
    }
}

/// Checks that no link leads out of `folder`: files of a run must not bring others into a report, nor
/// have others removed.
///
/// # Errors
/// If one does, or `path` is not there.
pub fn check_inside(folder: &Path, path: &Path) -> std::io::Result<()> {
    if path.canonicalize()?.starts_with(folder.canonicalize()?) {
        return Ok(());
    }
    let problem = "a link leads out of its folder; replace it by what it leads to";
    Err(std::io::Error::new(ErrorKind::InvalidInput, problem))
}

/// `2026-11-28T22:10:05Z`; none before 1970 and after 9999.
pub fn day_and_time(time: SystemTime) -> Option<String> {
    /// The first second of the year 10000.
    const END: u64 = 253_402_300_800;
    // Outside these years its `Display` panics or fails.
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    (seconds < END).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

/// No file of settings is larger.
const MOST_SETTINGS_BYTES: u64 = 1 << 20;

/// Reads a text file of settings, of at most 1 MiB.
pub fn read_settings(path: &Path) -> Result<String> {
    let read = || -> std::io::Result<String> {
        let mut text = String::new();
        let file = open_regular(path)?;
        if file.take(MOST_SETTINGS_BYTES + 1).read_to_string(&mut text)? as u64
            > MOST_SETTINGS_BYTES
        {
            return Err(std::io::Error::new(
                ErrorKind::FileTooLarge,
                "more than 1 MiB, which no settings file has",
            ));
        }
        Ok(text)
    };
    read().map_err(Error::io(path, "read"))
}

/// The folders of `path` that do not exist yet, the deepest first.
pub fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let named = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    path.ancestors().take_while(named).map(Path::to_path_buf).collect()
}

/// Removes those of `folders` that are empty, in their order.
pub fn remove_empty(folders: &[PathBuf]) {
    // A folder with files stays, and so do those that hold it.
    let _ = folders.iter().try_for_each(std::fs::remove_dir);
}

/// Whether nothing is at `path` but what a killed process left.
pub fn is_unused(path: &Path) -> bool {
    !path.exists() || FolderLock::is_only_entry(path)
}

/// Creates a folder and its parents.
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(Error::io(path, "create the folder"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn written_files_have_the_permissions_of_any_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let [ordinary, written] = ["ordinary", "written"].map(|name| folder.path().join(name));
        std::fs::write(&ordinary, "a").unwrap();
        write_atomic(&written, |to| to.write_all(b"a")).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&written), mode(&ordinary));
        assert_eq!(std::fs::read(&written).unwrap(), b"a");
    }
}
