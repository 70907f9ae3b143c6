//! Pictures as files.

use std::path::Path;

use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use crate::error::{Error, Result};
use crate::files::write_atomic;

/// The picture as the bytes of a PNG file.
pub fn png_bytes(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Level(6), FilterType::NoFilter);
    picture.write_with_encoder(encoder).map_err(|e| Error::Picture { problem: e.to_string() })?;
    Ok(bytes)
}

/// Writes the picture as a PNG file.
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<()> {
    let bytes = png_bytes(picture)?;
    write_atomic(path, |file| file.write_all(&bytes))
}
