//! A sheet to draw on: plotters' bitmap at twice the size, averaged down so that edges are
//! smooth, with text that is placed by the glyph.

use image::RgbImage;
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color as _, RGBAColor, RGBColor, ShapeStyle};

use super::font::Font;
use super::style::{INK, LABEL, PAPER, Rgb, TITLE};
use crate::error::{Error, Result};

/// Bitmap pixels per picture pixel, each way.
const SCALE: u32 = 2;

/// Bitmaps of more pixels than this (192 MB) are not drawn.
const MOST_PIXELS: u64 = 64_000_000;

/// Where the given point lies in a line of text.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Centre,
    Right,
}

/// Draws in picture pixels, x to the right and y down.
pub(super) struct Canvas<'a> {
    backend: BitMapBackend<'a>,
    pub(super) font: &'a Font,
}

/// A white picture of the given size with what `draw` puts on it; fails where it would be
/// unreasonably large.
pub(super) fn paint(
    (width, height): (u32, u32),
    font: &Font,
    draw: impl FnOnce(&mut Canvas<'_>) -> Result<()>,
) -> Result<RgbImage> {
    let pixels = u64::from(width) * u64::from(height) * u64::from(SCALE * SCALE);
    if pixels > MOST_PIXELS {
        let problem = format!(
            "expected at most {} pixels, found {width} × {height}; draw fewer matrices or classes",
            MOST_PIXELS / u64::from(SCALE * SCALE)
        );
        return Err(Error::Picture { problem });
    }
    let (wide, high) = (width * SCALE, height * SCALE);
    let mut pixels = vec![255; 3 * wide as usize * high as usize];
    let backend =
        BitMapBackend::with_buffer_and_format(&mut pixels, (wide, high)).map_err(failed)?;
    draw(&mut Canvas { backend, font })?;
    Ok(averaged_down(&pixels, width, height))
}

fn averaged_down(pixels: &[u8], width: u32, height: u32) -> RgbImage {
    let (scale, row) = (SCALE as usize, 3 * width as usize);
    let mut picture = RgbImage::new(width, height);
    let mut sums = vec![0u16; row];
    let bands = pixels.chunks_exact(row * scale * scale);
    for (line, band) in picture.chunks_exact_mut(row).zip(bands) {
        sums.fill(0);
        for high in band.chunks_exact(row * scale) {
            for (sums, block) in sums.chunks_exact_mut(3).zip(high.chunks_exact(3 * scale)) {
                for pixel in block.chunks_exact(3) {
                    sums.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += u16::from(*v));
                }
            }
        }
        let count = (SCALE * SCALE) as u16;
        line.iter_mut().zip(&sums).for_each(|(v, sum)| *v = (sum / count) as u8);
    }
    picture
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Picture { problem: e.to_string() }
}

fn scaled((x, y): (f64, f64)) -> (i32, i32) {
    let scale = f64::from(SCALE);
    ((x * scale).round() as i32, (y * scale).round() as i32)
}

fn style((r, g, b): Rgb) -> ShapeStyle {
    RGBColor(r, g, b).filled()
}

impl Canvas<'_> {
    /// A filled rectangle from its upper left to its lower right corner.
    pub(super) fn rect(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb) -> Result<()> {
        let (from, to) = (scaled(from), scaled(to));
        self.backend.draw_rect(from, to, &style(colour), true).map_err(failed)
    }

    /// A little picture stretched over a rectangle, each of its pixels a block with sharp edges.
    pub(super) fn blocks(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        picture: &RgbImage,
    ) -> Result<()> {
        let (wide, high) = picture.dimensions();
        let at = |from: f64, to: f64, i: u32, count: u32| {
            from + (to - from) * f64::from(i) / f64::from(count.max(1))
        };
        for (x, y, pixel) in picture.enumerate_pixels() {
            let upper = (at(from.0, to.0, x, wide), at(from.1, to.1, y, high));
            let lower = (at(from.0, to.0, x + 1, wide), at(from.1, to.1, y + 1, high));
            let [r, g, b] = pixel.0;
            self.rect(upper, lower, (r, g, b))?;
        }
        Ok(())
    }

    /// The outline of a rectangle, `width` thick, centred on its edges.
    pub(super) fn frame(
        &mut self,
        (x0, y0): (f64, f64),
        (x1, y1): (f64, f64),
        width: f64,
        colour: Rgb,
    ) -> Result<()> {
        let h = width / 2.0;
        self.rect((x0 - h, y0 - h), (x1 + h, y0 + h), colour)?;
        self.rect((x0 - h, y1 - h), (x1 + h, y1 + h), colour)?;
        self.rect((x0 - h, y0 - h), (x0 + h, y1 + h), colour)?;
        self.rect((x1 - h, y0 - h), (x1 + h, y1 + h), colour)
    }

    /// A straight stroke with round ends.
    pub(super) fn line(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        width: f64,
        colour: Rgb,
    ) -> Result<()> {
        self.backend
            .draw_line(
                scaled(from),
                scaled(to),
                &style(colour).stroke_width((width * f64::from(SCALE)).round() as u32),
            )
            .map_err(failed)?;
        self.dot(from, width / 2.0, colour)?;
        self.dot(to, width / 2.0, colour)
    }

    /// Strokes from point to point; `dash` gives the lengths of stroke and gap.
    pub(super) fn polyline(
        &mut self,
        points: &[(f64, f64)],
        width: f64,
        dash: Option<(f64, f64)>,
        colour: Rgb,
    ) -> Result<()> {
        let mut travelled = 0.0;
        for pair in points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let Some((stroke, gap)) = dash else {
                self.line(a, b, width, colour)?;
                continue;
            };
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            let at = |d: f64| (a.0 + (b.0 - a.0) * d / length, a.1 + (b.1 - a.1) * d / length);
            let mut start = 0.0;
            while start < length {
                let phase = (travelled + start) % (stroke + gap);
                // Never a step of nothing, whatever rounding does to the phase.
                let rest = if phase < stroke { stroke - phase } else { stroke + gap - phase };
                let end = (start + rest.max(0.01)).min(length);
                if phase < stroke {
                    self.line(at(start), at(end), width, colour)?;
                }
                start = end;
            }
            travelled += length;
        }
        Ok(())
    }

    /// A translucent band between two lines, as (x, top, bottom) from left to right.
    pub(super) fn band(&mut self, edges: &[(f64, f64, f64)], colour: Rgb) -> Result<()> {
        self.strips(edges, colour, |x, y| (x, y))
    }

    /// The same upright, as (y, left, right) from the top down.
    pub(super) fn band_upright(&mut self, edges: &[(f64, f64, f64)], colour: Rgb) -> Result<()> {
        self.strips(edges, colour, |y, x| (x, y))
    }

    fn strips(
        &mut self,
        edges: &[(f64, f64, f64)],
        (r, g, b): Rgb,
        turn: impl Fn(i32, i32) -> (i32, i32),
    ) -> Result<()> {
        let style = RGBAColor(r, g, b, 0.18).filled();
        for pair in edges.windows(2) {
            let (one, two) = (pair[0], pair[1]);
            let (first, last) = (scaled((one.0, 0.0)).0, scaled((two.0, 0.0)).0);
            // Column by column, none twice: what is drawn twice would be darker.
            for x in first..last {
                let t = f64::from(x - first) / f64::from(last - first);
                let y = |a: f64, b: f64| scaled((0.0, a + t * (b - a))).1;
                let (top, bottom) = (y(one.1, two.1), y(one.2, two.2));
                let (from, to) = (turn(x, top), turn(x + 1, bottom));
                let drawn = self.backend.draw_rect(from, to, &style, true);
                drawn.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// A filled circle.
    pub(super) fn dot(&mut self, centre: (f64, f64), radius: f64, colour: Rgb) -> Result<()> {
        let radius = (radius * f64::from(SCALE)).round() as u32;
        self.backend.draw_circle(scaled(centre), radius, &style(colour), true).map_err(failed)
    }

    /// A filled circle with a white ring and a coloured one around it.
    pub(super) fn target(&mut self, centre: (f64, f64), radius: f64, colour: Rgb) -> Result<()> {
        self.dot(centre, radius, colour)?;
        self.dot(centre, radius - 3.0, PAPER)?;
        self.dot(centre, radius - 6.0, colour)
    }

    /// A centred title, in smaller letters and at last cut where `width` is not enough.
    pub(super) fn title(&mut self, text: &str, (x, y): (f64, f64), width: f64) -> Result<()> {
        let size = (TITLE * width / self.font.width(text, TITLE).max(1.0)).clamp(LABEL, TITLE);
        let text = self.font.shorten(text, size, width);
        self.text(&text, (x, y), Anchor::Centre, size, INK)
    }

    /// A line of text, upright; y is the middle of its small letters.
    pub(super) fn text(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        size: f64,
        colour: Rgb,
    ) -> Result<()> {
        self.glyphs(text, scaled((x, y)), anchor, size, colour, |across, down| (across, down))
    }

    /// A line of text that reads upwards; x is the middle of its small letters.
    pub(super) fn text_upwards(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        anchor: Anchor,
        size: f64,
        colour: Rgb,
    ) -> Result<()> {
        self.glyphs(text, scaled((x, y)), anchor, size, colour, |across, down| (down, -across))
    }

    fn glyphs(
        &mut self,
        text: &str,
        (x, y): (i32, i32),
        anchor: Anchor,
        size: f64,
        (r, g, b): Rgb,
        turn: impl Fn(i32, i32) -> (i32, i32),
    ) -> Result<()> {
        let size = size * f64::from(SCALE);
        let shift = match anchor {
            Anchor::Left => 0.0,
            Anchor::Centre => -0.5 * self.font.width(text, size),
            Anchor::Right => -self.font.width(text, size),
        };
        // The baseline lies a third of the em below the middle of capitals and digits.
        let (across, down) = (shift.round() as i32, (0.33 * size).round() as i32);
        let (backend, mut outcome) = (&mut self.backend, Ok(()));
        self.font.draw(text, size, |gx, gy, coverage| {
            let ink = RGBAColor(r, g, b, coverage.min(1.0)).to_backend_color();
            // Twice, half a picture pixel apart: the typeface is light for small sizes.
            for bold in [0, 1] {
                let (dx, dy) = turn(gx + across + bold, gy + down);
                let drawn = backend.draw_pixel((x + dx, y + dy), ink);
                if outcome.is_ok() {
                    outcome = drawn.map_err(failed);
                }
            }
        });
        outcome
    }
}
