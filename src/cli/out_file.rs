//! The rules for a command's `--out` that is a file.

use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};
use crate::text::shell;

/// Names of standard output as a file.
const STANDARD_OUTPUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Whether the document goes to standard output.
pub(super) fn is_dash(out: &Path) -> bool {
    out.as_os_str() == "-"
}

/// Whether standard output is free for a line about the file.
pub(super) fn leaves_room(out: &Path) -> bool {
    !is_dash(out) && !STANDARD_OUTPUT.iter().any(|name| out.as_os_str() == *name)
}

/// Checks early that the folder is there into which a file is to be written.
pub(super) fn check_folder_of(out: &Path) -> Result<()> {
    let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    match std::fs::metadata(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let folder = folder.display().to_string();
            let problem =
                format!("there is no folder {folder}; make it first (mkdir -p {})", shell(&folder));
            Err(Error::io(out, "write")(std::io::Error::new(ErrorKind::NotFound, problem)))
        }
        _ => Ok(()),
    }
}
