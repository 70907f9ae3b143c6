//! A drawing painted as pixels, by the rasteriser of resvg.

use std::path::Path as FilePath;

use image::{DynamicImage, RgbImage};
use tiny_skia::{
    FillRule, FilterQuality, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint,
    PixmapRef, Rect, Stroke, StrokeDash, Transform,
};

use super::drawing::{Anchor, Drawing, Look, Point, Shape, Step, Text};
use super::font;
use super::png::encoded;
use super::style::Colour;
use crate::error::{Error, Result};
use crate::files::write_atomic;

/// Pixels per CSS pixel, each way.
const SCALE: f64 = 2.0;

/// Pictures of more pixels than this are not painted.
const MOST_PIXELS: f64 = 16_000_000.0;

/// The typeface is light for small sizes: its letters get an outline of so much of their size.
const BOLDER: f64 = 0.022;

impl Drawing {
    /// The drawing on white paper, two pixels for each CSS pixel.
    ///
    /// # Errors
    /// If it would be unreasonably large.
    pub fn pixels(&self) -> Result<RgbImage> {
        let (wide, high) = ((self.size.0 * SCALE).ceil(), (self.size.1 * SCALE).ceil());
        let sheet = (wide * high <= MOST_PIXELS).then(|| Pixmap::new(wide as u32, high as u32));
        let Some(mut sheet) = sheet.flatten() else {
            let problem = format!(
                "expected at most {MOST_PIXELS} pixels, found {wide} × {high}; draw fewer matrices \
                 or classes"
            );
            return Err(Error::Picture { problem });
        };
        sheet.fill(tiny_skia::Color::WHITE);
        for (shape, look) in &self.marks {
            paint(&mut sheet, shape, look);
        }
        let rgb = sheet.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        RgbImage::from_raw(sheet.width(), sheet.height(), rgb)
            .ok_or_else(|| Error::Picture { problem: "wrong number of pixels".into() })
    }
}

/// The drawing as the bytes of a PNG file.
///
/// # Errors
/// If it would be unreasonably large.
pub fn png_bytes(drawing: &Drawing) -> Result<Vec<u8>> {
    encoded(&DynamicImage::ImageRgb8(drawing.pixels()?))
}

/// Writes the drawing as a PNG file.
///
/// # Errors
/// If it would be unreasonably large or cannot be written.
pub fn write_png(path: &FilePath, drawing: &Drawing) -> Result<()> {
    let bytes = png_bytes(drawing)?;
    write_atomic(path, |file| file.write_all(&bytes))
}

fn paint(sheet: &mut Pixmap, shape: &Shape, look: &Look) {
    match shape {
        Shape::Path(steps) => painted(sheet, path(steps), look),
        Shape::Circle((x, y), r) => {
            painted(sheet, PathBuilder::from_circle(*x as f32, *y as f32, *r as f32), look);
        }
        Shape::Rect((x, y), (w, h), radius) => {
            let path = match *radius > 0.0 {
                true => rounded((*x, *y), (x + w, y + h), *radius),
                false => Rect::from_xywh(*x as f32, *y as f32, *w as f32, *h as f32)
                    .map(PathBuilder::from_rect),
            };
            painted(sheet, path, look);
        }
        Shape::Text(text) => write(sheet, text, look),
        Shape::Image((x, y), (w, h), picture, smooth) => {
            let (wide, high) = picture.0.dimensions();
            // Premultiplied, as the rasteriser wants them.
            let mul = |v: u8, a: u8| (u32::from(v) * u32::from(a) / 255) as u8;
            let pixel = |p: &image::Rgba<u8>| {
                let [r, g, b, a] = p.0;
                [mul(r, a), mul(g, a), mul(b, a), a]
            };
            let bytes: Vec<u8> = picture.0.pixels().flat_map(pixel).collect();
            let Some(pixels) = PixmapRef::from_bytes(&bytes, wide, high) else { return };
            let scale = |length: f64, count: u32| (SCALE * length / f64::from(count)) as f32;
            let quality = if *smooth { FilterQuality::Bilinear } else { FilterQuality::Nearest };
            let how = PixmapPaint { quality, ..PixmapPaint::default() };
            let to = Transform::from_row(
                scale(*w, wide),
                0.0,
                0.0,
                scale(*h, high),
                (SCALE * x) as f32,
                (SCALE * y) as f32,
            );
            sheet.draw_pixmap(0, 0, pixels, &how, to, None);
        }
        Shape::Strip(..) | Shape::Guide => {}
    }
}

fn colour(colour: Colour, opacity: f64) -> Paint<'static> {
    let (r, g, b) = colour.rgb();
    let mut paint = Paint::default();
    let alpha = if opacity > 0.0 { (255.0 * opacity).round() as u8 } else { 255 };
    paint.set_color_rgba8(r, g, b, alpha);
    paint
}

fn painted(sheet: &mut Pixmap, path: Option<Path>, look: &Look) {
    let Some(path) = path else { return };
    let scale = Transform::from_scale(SCALE as f32, SCALE as f32);
    if let Some(fill) = look.fill {
        sheet.fill_path(&path, &colour(fill, look.opacity), FillRule::Winding, scale, None);
    }
    if let Some((stroke, width)) = look.stroke {
        let dash: Vec<f32> = look.dash.iter().map(|d| *d as f32).collect();
        let stroke_of = Stroke {
            width: width as f32,
            line_cap: LineCap::Butt,
            line_join: LineJoin::Round,
            dash: (!dash.is_empty()).then(|| StrokeDash::new(dash, 0.0)).flatten(),
            ..Stroke::default()
        };
        sheet.stroke_path(&path, &colour(stroke, look.opacity), &stroke_of, scale, None);
    }
}

fn path(steps: &[Step]) -> Option<Path> {
    let mut path = PathBuilder::new();
    let f = |(x, y): Point| (x as f32, y as f32);
    for step in steps {
        match *step {
            Step::Move(to) => path.move_to(f(to).0, f(to).1),
            Step::Line(to) => path.line_to(f(to).0, f(to).1),
            Step::Curve(a, b, to) => {
                path.cubic_to(f(a).0, f(a).1, f(b).0, f(b).1, f(to).0, f(to).1);
            }
            Step::Close => path.close(),
        }
    }
    path.finish()
}

fn rounded((x0, y0): Point, (x1, y1): Point, r: f64) -> Option<Path> {
    use Step::{Curve, Line, Move};
    // How far control points of a quarter of a circle lie from its ends.
    let k = 0.447_7 * r;
    path(&[
        Move((x0 + r, y0)),
        Line((x1 - r, y0)),
        Curve((x1 - k, y0), (x1, y0 + k), (x1, y0 + r)),
        Line((x1, y1 - r)),
        Curve((x1, y1 - k), (x1 - k, y1), (x1 - r, y1)),
        Line((x0 + r, y1)),
        Curve((x0 + k, y1), (x0, y1 - k), (x0, y1 - r)),
        Line((x0, y0 + r)),
        Curve((x0, y0 + k), (x0 + k, y0), (x0 + r, y0)),
        Step::Close,
    ])
}

fn write(sheet: &mut Pixmap, text: &Text, look: &Look) {
    let Some(letters) = font::path(&text.text, text.size) else { return };
    let wide = font::width(&text.text, text.size);
    let left = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -wide / 2.0,
        Anchor::End => -wide,
    };
    let to = Transform::from_translate(left as f32, 0.0)
        .post_rotate(if text.upwards { -90.0 } else { 0.0 })
        .post_translate(text.at.0 as f32, text.at.1 as f32);
    let bolder = BOLDER * if text.bold { 3.0 } else { 1.0 } * text.size;
    let look = Look { stroke: look.fill.map(|colour| (colour, bolder)), ..*look };
    painted(sheet, letters.transform(to), &look);
}
