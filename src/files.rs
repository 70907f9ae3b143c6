//! Atomic writing of files: a temporary file is written in the same folder, then renamed.

use std::io::{BufWriter, Write};
use std::path::Path;

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
