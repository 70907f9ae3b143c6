//! What `genre-gpu export` writes.

use crate::formats::Format;

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExportFormat {
    /// A model's file.
    Model(Format),
    /// A recording.
    WebGpu,
}

impl ExportFormat {
    /// The usual name of its files.
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Model(format) => format.file_name(),
            Self::WebGpu => "webgpu.json",
        }
    }
}
