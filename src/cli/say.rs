//! Lines on standard output and standard error.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::OnceLock;

use serde::Serialize;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::text::{json_shown, lines_shown, shell};

/// What a command prints: text for people, unless --quiet or --json is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) quiet: bool,
    pub(super) json: bool,
}

impl Output {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, json: false }
    }

    /// With --json standard output is one JSON document and nothing else.
    pub(super) fn with_json(self, json: bool) -> Self {
        Self { json, ..self }
    }

    /// Whether text for people is printed.
    pub(super) fn is_text(self) -> bool {
        !self.quiet && !self.json
    }

    pub(super) fn say(self, text: &str) -> Result<()> {
        if self.is_text() { say(text) } else { Ok(()) }
    }

    /// Prints the document if --json is given.
    pub(super) fn document(self, value: &impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from);
        say_json(&text.map_err(Error::io(Path::new("standard output"), "write JSON to"))?)
    }
}

/// When text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    /// On a terminal, and not with NO_COLOR.
    Auto,
    Always,
    Never,
}

impl Colour {
    pub(super) fn apply(self) {
        if self != Self::Auto {
            console::set_colors_enabled(self == Self::Always);
            console::set_colors_enabled_stderr(self == Self::Always);
        }
    }
}

/// Prints text and a newline; control characters in names appear as escapes. A reader that has gone (`| head`) is no error.
pub(super) fn say(text: &str) -> Result<()> {
    print(&lines_shown(text))
}

/// Prints a JSON document and a newline; control characters in names appear as its own escapes.
pub(super) fn say_json(document: &str) -> Result<()> {
    print(&json_shown(document))
}

/// Prints the text of a file that was asked for on standard output, and a line break.
pub(super) fn say_raw(text: &str) -> Result<()> {
    print(text)
}

/// Prints the bytes of a file that was asked for on standard output.
pub(super) fn say_bytes(bytes: &[u8]) -> Result<()> {
    print_bytes(&[bytes])
}

fn print(text: &str) -> Result<()> {
    print_bytes(&[text.as_bytes(), b"\n"])
}

fn print_bytes(parts: &[&[u8]]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = parts.iter().try_for_each(|part| stdout.write_all(part));
    match written.and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io(Path::new("standard output"), "write")(e))
        }
        _ => Ok(()),
    }
}

/// Prints a message on standard error. If that is closed, nobody reads it.
pub(super) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "genre-gpu: {}", lines_shown(text));
}

/// A device's warning, before people wait for it.
pub(super) fn warn_of(backend: &dyn Backend) {
    if let Some(warning) = backend.warning() {
        tell(&format!("warning: {warning}"));
    }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    shell(&path.display().to_string())
}

/// The arguments that the program was given, without its name; the process may be Python's, which has others.
static ARGUMENTS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Keeps the arguments for [`this_command`].
pub(super) fn keep_arguments(arguments: &[OsString]) {
    ARGUMENTS.get_or_init(|| arguments.iter().skip(1).cloned().collect());
}

/// The command line as a shell takes it.
pub(super) fn this_command() -> String {
    let args = ARGUMENTS.get().into_iter().flatten().map(|arg| quoted(Path::new(arg)));
    std::iter::once("genre-gpu".to_owned()).chain(args).collect::<Vec<_>>().join(" ")
}
