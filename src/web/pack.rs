//! Data inside the page: gzip, then base64, in an element that no browser interprets.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

/// Bytes under a name, as `web/pack.js` reads them.
pub(super) struct Pack {
    /// The element's id.
    pub(super) id: &'static str,
    /// Base64 of the gzip file.
    pub(super) text: String,
}

impl Pack {
    pub(super) fn of_bytes(id: &'static str, bytes: &[u8]) -> std::io::Result<Self> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(bytes)?;
        Ok(Self { id, text: STANDARD.encode(gzip.finish()?) })
    }

    pub(super) fn of_json(id: &'static str, value: &impl Serialize) -> std::io::Result<Self> {
        Self::of_bytes(id, &serde_json::to_vec(value)?)
    }
}
