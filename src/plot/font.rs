//! The one embedded typeface, Ubuntu Light: how wide text is, and the outlines of its letters, so
//! that a picture is the same on every machine.

use std::sync::LazyLock;

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

static FACE: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(epaint_default_fonts::UBUNTU_LIGHT, 0).ok());

/// A glyph for each character, and the distance to the next one in shares of the size.
fn glyphs(text: &str) -> impl Iterator<Item = (Option<GlyphId>, f64)> {
    let face = FACE.as_ref();
    let em = face.map_or(1.0, |face| f64::from(face.units_per_em()));
    text.chars().map(move |c| {
        let id = face.and_then(|face| face.glyph_index(c).or_else(|| face.glyph_index('?')));
        let advance = id.and_then(|id| face?.glyph_hor_advance(id));
        (id, advance.map_or(0.5, |units| f64::from(units) / em))
    })
}

/// Whether the typeface has all letters of `text`, each of which stands alone and from left to right.
fn is_drawn(text: &str) -> bool {
    // Hebrew, Arabic and their neighbours: from the right, joined.
    let alone =
        |c| !matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}');
    let has = |c| FACE.as_ref().is_some_and(|face| face.glyph_index(c).is_some());
    text.chars().all(|c| alone(c) && has(c))
}

/// Names of classes as PNG files show them: those that the typeface lacks letters of by their numbers.
/// SVG is set in the reader's fonts and needs none of this.
pub fn png_names(classes: &[String]) -> Vec<String> {
    let name = |(class, name): (usize, &String)| match is_drawn(name) {
        true => name.clone(),
        false => format!("class {class}"),
    };
    classes.iter().enumerate().map(name).collect()
}

/// What is to be said of names that PNG files show as numbers; nothing if there are none.
pub fn undrawn(classes: &[String]) -> Option<String> {
    let drawn = png_names(classes);
    let other = classes.iter().zip(&drawn).filter(|(name, drawn)| name != drawn);
    let other: Vec<String> = other.map(|(name, drawn)| format!("{drawn} for {name}")).collect();
    (!other.is_empty()).then(|| {
        format!(
            "PNG files show {}, since their typeface lacks letters of the names; the report's page shows \
             the names.",
            other.join(", ")
        )
    })
}

/// Width of a line of text in pixels, at so many pixels of em size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    glyphs(text).map(|(_, advance)| advance).sum::<f64>() * size
}

/// `text` cut to at most `width` pixels, with an ellipsis where something was cut.
pub(super) fn shorten(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let short = format!("{}…", kept.iter().collect::<String>().trim_end());
        if width(&short, size) <= most {
            return short;
        }
    }
    String::new()
}

/// The letters' outlines, the text's left end and its baseline at 0.
pub(super) fn path(text: &str, size: f64) -> Option<Path> {
    let face = FACE.as_ref()?;
    let scale = (size / f64::from(face.units_per_em())) as f32;
    let mut letters = Letters { path: PathBuilder::new(), left: 0.0, scale };
    for (id, advance) in glyphs(text) {
        if let Some(id) = id {
            face.outline_glyph(id, &mut letters);
        }
        letters.left += (advance * size) as f32;
    }
    letters.path.finish()
}

/// Letters behind each other; the font's units, y upwards, become pixels, y downwards.
struct Letters {
    path: PathBuilder,
    left: f32,
    scale: f32,
}

impl Letters {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.left + self.scale * x, -self.scale * y)
    }
}

impl OutlineBuilder for Letters {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_letters_are_numbers_in_png_files_and_said() {
        let names =
            ["Früh", "古典", "рок", "كلاسيكي", "🎸", "cafe\u{301}", "jazz"].map(String::from);
        let drawn = png_names(&names);
        assert_eq!(drawn[0], "Früh");
        assert_eq!([&drawn[1], &drawn[3], &drawn[4]], ["class 1", "class 3", "class 4"]);
        assert_eq!(drawn[6], "jazz");
        let said = undrawn(&names).unwrap();
        assert!(said.contains("class 1 for 古典") && !said.contains("jazz"), "{said}");
        assert_eq!(undrawn(&names[..1]), None);
    }
}
