//! Text as pixels: one embedded typeface, so that a picture is the same on every machine.

use ab_glyph::{Font as _, FontRef, Glyph, ScaleFont as _, point};

use crate::error::{Error, Result};

/// A typeface, measured in pixels of em size.
///
/// plotters' own text ignores the space on the left of each glyph, which makes letters stand
/// unevenly; so the glyphs are placed here.
pub(super) struct Font(FontRef<'static>);

impl Font {
    /// Ubuntu Light.
    pub(super) fn embedded() -> Result<Self> {
        FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT)
            .map(Self)
            .map_err(|e| Error::Picture { problem: format!("the embedded font: {e}") })
    }

    /// Width of `text` in pixels.
    pub(super) fn width(&self, text: &str, size: f64) -> f64 {
        self.layout(text, size).1
    }

    /// `text` cut to at most `width` pixels, with an ellipsis where something was cut.
    pub(super) fn shorten(&self, text: &str, size: f64, width: f64) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let short = format!("{}…", kept.iter().collect::<String>().trim_end());
            if self.width(&short, size) <= width {
                return short;
            }
        }
        String::new()
    }

    /// Calls `dot(x, y, coverage)` for each pixel touched; x from the text's left end, y from
    /// its baseline (down).
    pub(super) fn draw(&self, text: &str, size: f64, mut dot: impl FnMut(i32, i32, f64)) {
        for glyph in self.layout(text, size).0 {
            if let Some(outline) = self.0.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                let (left, top) = (bounds.min.x as i32, bounds.min.y as i32);
                outline.draw(|x, y, c| dot(left + x as i32, top + y as i32, f64::from(c)));
            }
        }
    }

    fn layout(&self, text: &str, size: f64) -> (Vec<Glyph>, f64) {
        let scale =
            self.0.pt_to_px_scale(size as f32 * 0.75).unwrap_or_else(|| (size as f32).into());
        let font = self.0.as_scaled(scale);
        let (mut x, mut previous, mut glyphs) = (0.0, None, Vec::new());
        for c in text.chars() {
            let id = font.glyph_id(c);
            if let Some(previous) = previous {
                x += font.kern(previous, id);
            }
            glyphs.push(id.with_scale_and_position(scale, point(x, 0.0)));
            x += font.h_advance(id);
            previous = Some(id);
        }
        (glyphs, f64::from(x))
    }
}
