//! Confusion matrices side by side.

use image::RgbImage;

use super::canvas::{Anchor, Canvas, paint};
use super::font::Font;
use super::style::{FAINT_INK, INK, LABEL, PAPER, TICK, ZERO_INK, blues, text_on};
use crate::error::{Error, Result};
use crate::metrics::Confusion;
use crate::text::thousands;

/// One matrix of the picture.
#[derive(Debug, Clone, Copy)]
pub struct NamedMatrix<'a> {
    /// What was classified: "training set", "test set, mean-probability vote".
    pub name: &'a str,
    /// What is counted: "segments" or "songs".
    pub unit: &'a str,
    /// The counts; its accuracy and number stand in the matrix's heading.
    pub counts: &'a Confusion,
}

const TOP: f64 = 170.0;
/// Width of the colour bar with its numbers.
const BAR: f64 = 170.0;
/// Between a matrix and the next one's axis title.
const GAP: f64 = 50.0;
/// Two matrices fill this width, unless the cells would become too small for their numbers.
const WIDTH: f64 = 1900.0;
/// The smallest cell that has room for its numbers.
const SMALLEST_CELL: f64 = 58.0;
/// More classes than this have cells without numbers, in a matrix that grows no further.
const MOST_WITH_NUMBERS: usize = 30;
/// More classes than this have no names either.
const MOST_WITH_NAMES: usize = 100;
const LONGEST_NAME: f64 = 190.0;

/// Where things stand, the same for each matrix.
struct Layout {
    /// Side of a cell.
    cell: f64,
    /// Side of a matrix.
    side: f64,
    /// From a matrix's left edge to the next one's.
    stride: f64,
    /// Left edge of the first matrix.
    left: f64,
    /// Size of the letters in a cell, where there is room for numbers.
    letters: Option<f64>,
    classes: usize,
    /// Class names as they fit; none where they would run together.
    names: Vec<String>,
    /// Size of the names' letters.
    tick: f64,
    /// Class names read upwards under the columns.
    upright: bool,
    size: (u32, u32),
}

/// Matrices side by side: rows true, columns predicted, in each cell the count and its share of
/// the row, coloured by that share from 0 to 100 %; "–" in rows without samples.
///
/// Two matrices of up to ten classes are about 1900 pixels wide; more classes or matrices make it
/// wider. Beyond 30 classes a matrix grows no further and its cells have colours only; beyond 100
/// the classes' names are left out too. `title` should say which model and which data.
pub fn confusion(
    matrices: &[NamedMatrix<'_>],
    classes: &[String],
    title: &str,
) -> Result<RgbImage> {
    for matrix in matrices {
        if matrix.counts.classes() != classes.len() {
            return Err(Error::Mismatch {
                what: "confusion matrix",
                expected: format!("{} classes, one for each name", classes.len()),
                found: format!("{}", matrix.counts.classes()),
            });
        }
    }
    let font = Font::embedded()?;
    let layout = Layout::new(&font, matrices.len().max(1), classes);
    let (width, _) = layout.size;
    paint(layout.size, &font, |canvas| {
        let middle = f64::from(width) / 2.0;
        canvas.title(title, (middle, 48.0), f64::from(width) - 60.0)?;
        let mut left = layout.left;
        for matrix in matrices {
            draw(canvas, &layout, left, matrix)?;
            left += layout.stride;
        }
        colour_bar(canvas, &layout, f64::from(width) - BAR + 40.0)
    })
}

impl Layout {
    fn new(font: &Font, matrices: usize, classes: &[String]) -> Self {
        let count = classes.len();
        let numbered = count <= MOST_WITH_NUMBERS;
        let full_side = SMALLEST_CELL * MOST_WITH_NUMBERS as f64;
        // Without numbers a cell is as small as it must be, but never nothing.
        let small_cell = (full_side / count.max(1) as f64).floor().max(1.0);
        let tick = if numbered { TICK } else { TICK.min(0.9 * small_cell) };
        let names: Vec<String> = if count <= MOST_WITH_NAMES {
            classes.iter().map(|name| font.shorten(name, tick, LONGEST_NAME)).collect()
        } else {
            Vec::new()
        };
        let longest = names.iter().map(|n| font.width(n, tick)).fold(0.0, f64::max);
        let margin = 70.0 + longest + 20.0;
        let fair = (WIDTH - BAR + GAP) / matrices as f64 - margin - GAP;
        let cell = if numbered {
            let cell = fair.clamp(400.0, 660.0) / count.max(1) as f64;
            cell.max(SMALLEST_CELL).floor()
        } else {
            small_cell
        };
        let side = cell * count as f64;
        let upright = longest > cell - 12.0;
        let stride = side + margin + GAP;
        let under = if upright { longest } else { 30.0 } + 100.0;
        let width = margin + stride * (matrices - 1) as f64 + side + BAR;
        Self {
            cell,
            side,
            stride,
            left: margin,
            letters: numbered.then(|| (cell * 0.27).clamp(18.0, 30.0)),
            classes: count,
            names,
            tick,
            upright,
            size: (width.ceil() as u32, (TOP + side + under).ceil() as u32),
        }
    }

    /// An axis's title; it says which classes there are where no names do.
    fn axis(&self, what: &str) -> String {
        match self.classes {
            count if count > MOST_WITH_NAMES => {
                format!("{what} genre (classes 0 to {})", count - 1)
            }
            _ => format!("{what} genre"),
        }
    }
}

fn draw(
    canvas: &mut Canvas<'_>,
    layout: &Layout,
    left: f64,
    matrix: &NamedMatrix<'_>,
) -> Result<()> {
    let (cell, side) = (layout.cell, layout.side);
    let (middle, bottom) = (left + side / 2.0, TOP + side);
    let total = thousands(matrix.counts.total());
    let name = canvas.font.shorten(matrix.name, LABEL, layout.stride - 20.0);
    canvas.text(&name, (middle, TOP - 66.0), Anchor::Centre, LABEL, INK)?;
    let heading = if matrix.counts.total() == 0 {
        format!("no {}", matrix.unit)
    } else {
        format!("{:.1} % of {total} {} right", 100.0 * matrix.counts.accuracy(), matrix.unit)
    };
    canvas.text(&heading, (middle, TOP - 28.0), Anchor::Centre, TICK, INK)?;
    for (i, (row, shares)) in
        matrix.counts.counts.iter().zip(matrix.counts.row_percentages()).enumerate()
    {
        for (j, &count) in row.iter().enumerate() {
            let at = (left + cell * j as f64, TOP + cell * i as f64);
            draw_cell(canvas, layout, at, count, shares.as_ref().map(|s| s[j]))?;
        }
    }
    // Without names the cells are too small to be parted by lines.
    for i in 1..layout.names.len() {
        let d = cell * i as f64;
        canvas.rect((left + d - 1.0, TOP), (left + d + 1.0, bottom), PAPER)?;
        canvas.rect((left, TOP + d - 1.0), (left + side, TOP + d + 1.0), PAPER)?;
    }
    canvas.frame((left, TOP), (left + side, bottom), 1.5, INK)?;
    for (i, name) in layout.names.iter().enumerate() {
        let at = cell * (i as f64 + 0.5);
        canvas.text(name, (left - 14.0, TOP + at), Anchor::Right, layout.tick, INK)?;
        if layout.upright {
            let under = (left + at, bottom + 14.0);
            canvas.text_upwards(name, under, Anchor::Right, layout.tick, INK)?;
        } else {
            canvas.text(name, (left + at, bottom + 28.0), Anchor::Centre, layout.tick, INK)?;
        }
    }
    let low = f64::from(layout.size.1) - 40.0;
    canvas.text(&layout.axis("predicted"), (middle, low), Anchor::Centre, LABEL, INK)?;
    let x = left - layout.left + 38.0;
    canvas.text_upwards(&layout.axis("true"), (x, TOP + side / 2.0), Anchor::Centre, LABEL, INK)
}

fn draw_cell(
    canvas: &mut Canvas<'_>,
    layout: &Layout,
    (x, y): (f64, f64),
    count: u64,
    share: Option<f64>,
) -> Result<()> {
    let cell = layout.cell;
    let middle = (x + cell / 2.0, y + cell / 2.0);
    let Some(percent) = share else {
        return match layout.letters {
            Some(letters) => canvas.text("–", middle, Anchor::Centre, letters, FAINT_INK),
            None => Ok(()),
        };
    };
    let colour = blues(percent / 100.0);
    canvas.rect((x, y), (x + cell, y + cell), colour)?;
    let Some(letters) = layout.letters else { return Ok(()) };
    // Faint zeros let the mistakes stand out.
    let ink = if count == 0 { ZERO_INK } else { text_on(colour) };
    let digits = usize::from(cell >= 100.0);
    let (above, below) =
        ((middle.0, middle.1 - 0.55 * letters), (middle.0, middle.1 + 0.65 * letters));
    canvas.text(&thousands(count), above, Anchor::Centre, letters, ink)?;
    canvas.text(&format!("{percent:.digits$} %"), below, Anchor::Centre, 0.85 * letters, ink)
}

fn colour_bar(canvas: &mut Canvas<'_>, layout: &Layout, x: f64) -> Result<()> {
    let (width, bottom) = (26.0, TOP + layout.side);
    let rows = layout.side as u32;
    for i in 0..rows {
        let y = TOP + f64::from(i);
        let share = 1.0 - (f64::from(i) + 0.5) / f64::from(rows);
        canvas.rect((x, y), (x + width, y + 1.0), blues(share))?;
    }
    canvas.frame((x, TOP), (x + width, bottom), 1.5, INK)?;
    for percent in [0, 25, 50, 75, 100] {
        let y = bottom - layout.side * f64::from(percent) / 100.0;
        canvas.rect((x + width, y - 1.0), (x + width + 7.0, y + 1.0), INK)?;
        canvas.text(&percent.to_string(), (x + width + 13.0, y), Anchor::Left, TICK, INK)?;
    }
    let middle = TOP + layout.side / 2.0;
    canvas.text_upwards("% of the row", (x + width + 82.0, middle), Anchor::Centre, TICK, INK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::style::luminance;

    /// The colour near the upper left corner of a cell, where no text is.
    fn colour(picture: &RgbImage, layout: &Layout, row: usize, column: usize) -> (u8, u8, u8) {
        let x = layout.left + layout.cell * column as f64 + 5.0;
        let y = TOP + layout.cell * row as f64 + 5.0;
        let [r, g, b] = picture.get_pixel(x as u32, y as u32).0;
        (r, g, b)
    }

    #[test]
    fn cells_are_darker_the_larger_their_share_of_the_row() {
        // Row 0 has the larger counts, row 1 the larger contrast, row 2 nothing.
        let counts = Confusion { counts: vec![vec![500, 300, 200], vec![9, 0, 1], vec![0, 0, 0]] };
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let named = NamedMatrix { name: "test set", unit: "segments", counts: &counts };
        let picture = confusion(&[named], &names, "model on data").unwrap();
        let layout = Layout::new(&Font::embedded().unwrap(), 1, &names);
        let at = |row, column| luminance(colour(&picture, &layout, row, column));
        // 90 %, 50 %, 30 %, 20 %, 10 %, 0 %.
        let order = [at(1, 0), at(0, 0), at(0, 1), at(0, 2), at(1, 2), at(1, 1)];
        assert!(order.windows(2).all(|w| w[0] < w[1]), "{order:?}");
        assert_eq!(colour(&picture, &layout, 2, 0), PAPER);
    }
}
