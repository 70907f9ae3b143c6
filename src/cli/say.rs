//! Lines on standard output and standard error.

use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::backend::Backend;
use crate::error::{Error, Result};

/// Prints text and a line's end. A reader that has gone (`| head`) is no error.
pub(super) fn say(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io(Path::new("standard output"), "write")(e))
        }
        _ => Ok(()),
    }
}

/// Prints text and a line's end on standard error. Where nobody takes it there is nobody to tell.
pub(super) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What people should know before they wait for a device.
pub(super) fn warn_of(backend: &dyn Backend) {
    if let Some(warning) = backend.warning() {
        tell(&format!("genre-gpu: warning: {warning}"));
    }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/\\._-+:".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// The command line as a shell takes it.
pub(super) fn this_command() -> String {
    let args = std::env::args_os().skip(1).map(|arg| quoted(Path::new(&arg)));
    std::iter::once("genre-gpu".to_owned()).chain(args).collect::<Vec<_>>().join(" ")
}
