//! Pixels as PNG files.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageEncoder, RgbaImage};

use crate::error::{Error, Result};

/// The picture as the bytes of a PNG file.
pub(super) fn encoded(picture: &DynamicImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Level(6), FilterType::NoFilter);
    let (width, height) = (picture.width(), picture.height());
    encoder
        .write_image(picture.as_bytes(), width, height, picture.color().into())
        .map_err(|e| Error::Picture { problem: e.to_string() })?;
    Ok(bytes)
}

/// The smallest of grey, RGB and RGBA that holds the picture.
pub(super) fn rgba_bytes(picture: &RgbaImage) -> Result<Vec<u8>> {
    let is_opaque = picture.pixels().all(|p| p.0[3] == 255);
    let is_grey = picture.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]);
    let picture = DynamicImage::ImageRgba8(picture.clone());
    encoded(&match (is_opaque, is_grey) {
        (true, true) => DynamicImage::ImageLuma8(picture.into_luma8()),
        (true, false) => DynamicImage::ImageRgb8(picture.into_rgb8()),
        _ => picture,
    })
}
