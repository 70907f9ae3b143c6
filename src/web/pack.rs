//! Data inside the page: gzip, then base64, in an element that no browser interprets.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::error::{Error, Result};

/// Base64 of a gzip file of bytes.
///
/// # Errors
/// If they cannot be compressed.
pub(crate) fn packed(bytes: &[u8]) -> Result<String> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let done = gzip.write_all(bytes).and_then(|()| gzip.finish());
    Ok(STANDARD.encode(done.map_err(Error::io(Path::new("the page"), "pack"))?))
}

/// Bytes under a name, as `web/pack.js` reads them.
pub(super) struct Pack {
    /// The element's id.
    pub(super) id: &'static str,
    /// Base64 of the gzip file.
    pub(super) text: String,
}

impl Pack {
    pub(super) fn of_bytes(id: &'static str, bytes: &[u8]) -> Result<Self> {
        Ok(Self { id, text: packed(bytes)? })
    }

    pub(super) fn of_json(id: &'static str, value: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_vec(value).map_err(std::io::Error::from);
        Self::of_bytes(id, &text.map_err(Error::io(Path::new("the page"), "pack"))?)
    }
}
