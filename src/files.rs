//! Atomic writing of files: a temporary file is written in the same folder, then renamed.

use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes `path` through `fill`; if that fails, the file is not created or replaced.
pub fn write_atomic(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; results have the permissions of the umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".partial-").tempfile_in(folder)?;
        let mut buffered = BufWriter::new(file.as_file_mut());
        fill(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        // Otherwise a power failure could leave the new name without its contents.
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(Error::io(path, "write"))
}

/// No file of settings is larger; a device such as `/dev/zero` has no end.
const MOST_SETTINGS_BYTES: u64 = 1 << 20;

/// Reads a text file of settings, of at most 1 MiB.
pub fn read_settings(path: &Path) -> Result<String> {
    let read = || -> std::io::Result<String> {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
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
