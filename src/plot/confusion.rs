//! Confusion matrices side by side.

use image::{Rgba, RgbaImage};

use super::axis::Tick;
use super::drawing::{Anchor, Drawing, Look};
use super::font;
use super::frame::{Frame, WIDTH};
use super::grid::{Bar, colour_bar};
use super::style::{Colour, LABEL, TICK, blues, text_on};
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

const TOP: f64 = 84.0;
/// Width of the colour bar with its numbers.
const BAR: f64 = 86.0;
/// Between a matrix and the next one's axis title.
const GAP: f64 = 20.0;
/// The smallest cell that has room for its numbers.
const SMALLEST_CELL: f64 = 29.0;
/// More classes than this have cells without numbers, in a matrix that grows no further.
const MOST_WITH_NUMBERS: usize = 30;
/// More classes than this have no names either.
const MOST_WITH_NAMES: usize = 100;
const LONGEST_NAME: f64 = 95.0;

/// Where things stand, the same for each matrix.
struct Layout {
    /// Side of a cell.
    cell: f64,
    /// Side of a matrix.
    side: f64,
    /// Left of a matrix: the names and the axis's title.
    margin: f64,
    /// Size of the letters in a cell, where there is room for numbers.
    letters: Option<f64>,
    /// Class names; none where they would run together.
    names: Vec<Tick>,
}

/// Matrices side by side: rows true, columns predicted, in each cell the count and its share of
/// the row, coloured by that share from 0 to 100 %; "–" in rows without samples.
///
/// Two matrices of up to ten classes are about 950 CSS pixels wide; more classes or matrices make
/// it wider. Beyond 30 classes a matrix grows no further and its cells have colours only; beyond
/// 100 the classes' names are left out too. `title` should say which model and which data.
///
/// # Errors
/// If a matrix is not of these classes.
pub fn confusion(matrices: &[NamedMatrix<'_>], classes: &[String], title: &str) -> Result<Drawing> {
    for matrix in matrices {
        if matrix.counts.classes() != classes.len() {
            return Err(Error::Mismatch {
                what: "confusion matrix",
                expected: format!("{} classes, one for each name", classes.len()),
                found: format!("{}", matrix.counts.classes()),
            });
        }
    }
    let count = matrices.len().max(1) as f64;
    let layout = Layout::new(count, classes);
    let stride = layout.margin + layout.side + GAP;
    let width = stride * count - GAP + BAR;
    let mut drawing = Drawing::new((width, TOP), "confusion", title);
    drawing.title(title);
    let mut bottom = TOP + layout.side;
    for (i, matrix) in matrices.iter().enumerate() {
        let left = layout.margin + stride * i as f64;
        bottom = bottom.max(draw(&mut drawing, &layout, left, matrix, classes.len())?);
    }
    let share = |share: f64| blues(share);
    let bar = Bar { rows: 0..1, colour: &share, range: (0.0, 100.0), name: "% of the row" };
    let x = width - BAR + 20.0;
    colour_bar(&mut drawing, &bar, (x, TOP), (x + 13.0, TOP + layout.side))?;
    drawing.size.1 = bottom + 8.0;
    Ok(drawing)
}

impl Layout {
    fn new(matrices: f64, classes: &[String]) -> Self {
        let count = classes.len();
        let numbered = count <= MOST_WITH_NUMBERS;
        let full_side = SMALLEST_CELL * MOST_WITH_NUMBERS as f64;
        let named = count <= MOST_WITH_NAMES;
        let wide = |name: &String| font::width(name, TICK).min(LONGEST_NAME);
        let longest = classes.iter().filter(|_| named).map(wide).fold(0.0, f64::max);
        let margin = longest + 44.0;
        let fair = (WIDTH - BAR + GAP) / matrices - margin - GAP;
        let cell = if numbered {
            (fair.clamp(200.0, 330.0) / count.max(1) as f64).max(SMALLEST_CELL).floor()
        } else {
            // Without numbers a cell is as small as it must be, but never nothing.
            (full_side / count as f64).floor().max(0.5)
        };
        let tick = |(i, name): (usize, &String)| Tick { at: i as f64 + 0.5, label: name.clone() };
        Self {
            cell,
            side: cell * count as f64,
            margin,
            letters: numbered.then(|| (cell * 0.27).clamp(9.0, 15.0)),
            names: classes.iter().filter(|_| named).enumerate().map(tick).collect(),
        }
    }
}

/// Returns where its lower axis ends.
fn draw(
    drawing: &mut Drawing,
    layout: &Layout,
    left: f64,
    matrix: &NamedMatrix<'_>,
    classes: usize,
) -> Result<f64> {
    let side = layout.side;
    let frame = Frame {
        from: (left, TOP),
        to: (left + side, TOP + side),
        x: (0.0, classes.max(1) as f64),
        // The first class on top.
        y: (classes.max(1) as f64, 0.0),
    };
    let (middle, room) = (frame.middle().0, (layout.margin + side - 10.0, false));
    let at = (middle, TOP - 33.0);
    drawing.fitted(at, Anchor::Middle, matrix.name, (LABEL, Colour::Ink), room);
    let total = thousands(matrix.counts.total());
    let heading = if matrix.counts.total() == 0 {
        format!("no {}", matrix.unit)
    } else {
        format!("{:.1} % of {total} {} correct", 100.0 * matrix.counts.accuracy(), matrix.unit)
    };
    let at = (middle, TOP - 14.0);
    drawing.fitted(at, Anchor::Middle, &heading, (TICK, Colour::Ink), room);
    let shares = matrix.counts.row_percentages();
    let colour = |row: usize, column: usize| {
        let share = shares.get(row).and_then(|row| row.as_ref()).map(|row| row[column]);
        share.map(|percent| blues(percent / 100.0))
    };
    if layout.letters.is_none() {
        // So many that they are a picture.
        let pixel = |x: u32, y: u32| {
            colour(y as usize, x as usize).map_or(Rgba([255; 4]), |(r, g, b)| Rgba([r, g, b, 255]))
        };
        let picture = RgbaImage::from_fn(classes as u32, classes as u32, pixel);
        drawing.image(frame.from, frame.to, picture, false)?;
    }
    if let Some(letters) = layout.letters {
        for (i, row) in matrix.counts.counts.iter().enumerate() {
            for (j, &count) in row.iter().enumerate() {
                let at = (frame.x(j as f64), frame.y(i as f64));
                let share = shares.get(i).and_then(|row| row.as_ref()).map(|row| row[j]);
                draw_cell(drawing, (layout.cell, letters), at, count, share);
            }
        }
        for i in 1..classes {
            let look = Look::stroke(Colour::Paper, 1.0);
            let (x, y) = (frame.x(i as f64), frame.y(i as f64));
            drawing.line(&[(x, frame.from.1), (x, frame.to.1)], look);
            drawing.line(&[(frame.from.0, y), (frame.to.0, y)], look);
        }
    }
    frame.border(drawing, Colour::Ink);
    let all = if layout.names.is_empty() && classes > 0 {
        format!(" (classes 0 to {})", classes - 1)
    } else {
        String::new()
    };
    frame.left_axis(drawing, &layout.names, &format!("true genre{all}"), layout.margin - 6.0);
    Ok(frame.bottom_names(drawing, &layout.names, &format!("predicted genre{all}")))
}

fn draw_cell(
    drawing: &mut Drawing,
    (cell, letters): (f64, f64),
    (x, y): (f64, f64),
    count: u64,
    share: Option<f64>,
) {
    let middle = (x + cell / 2.0, y + cell / 2.0);
    let Some(percent) = share else {
        return drawing.text(middle, Anchor::Middle, "–", (letters, Colour::Faint));
    };
    let colour = blues(percent / 100.0);
    drawing.rect((x, y), (x + cell, y + cell), Look::fill(Colour::Fixed(colour)));
    // Faint zeros let the mistakes stand out.
    let ink = Colour::Fixed(if count == 0 { ZERO } else { text_on(colour) });
    let digits = usize::from(cell >= 50.0);
    let (above, below) =
        ((middle.0, middle.1 - 0.55 * letters), (middle.0, middle.1 + 0.65 * letters));
    let room = (cell - 2.0, false);
    drawing.fitted(above, Anchor::Middle, &thousands(count), (letters, ink), room);
    let percent = format!("{percent:.digits$} %");
    drawing.fitted(below, Anchor::Middle, &percent, (0.85 * letters, ink), room);
}

/// Of a count of 0.
const ZERO: (u8, u8, u8) = (125, 125, 125);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::style::luminance;

    #[test]
    fn cells_are_darker_the_larger_their_share_of_the_row() {
        // Row 0 has the larger counts, row 1 the larger contrast, row 2 nothing.
        let counts = Confusion { counts: vec![vec![500, 300, 200], vec![9, 0, 1], vec![0, 0, 0]] };
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let named = NamedMatrix { name: "test set", unit: "segments", counts: &counts };
        let drawing = confusion(&[named], &names, "model on data").unwrap();
        let (pixels, layout) = (drawing.pixels().unwrap(), Layout::new(1.0, &names));
        // Near the upper left corner of a cell, where no text is.
        let colour = |row: usize, column: usize| {
            let x = layout.margin + layout.cell * column as f64 + 3.0;
            let y = TOP + layout.cell * row as f64 + 3.0;
            let [r, g, b] = pixels.get_pixel((2.0 * x) as u32, (2.0 * y) as u32).0;
            (r, g, b)
        };
        let at = |row, column| luminance(colour(row, column));
        // 90 %, 50 %, 30 %, 20 %, 10 %, 0 %.
        let order = [at(1, 0), at(0, 0), at(0, 1), at(0, 2), at(1, 2), at(1, 1)];
        assert!(order.windows(2).all(|w| w[0] < w[1]), "{order:?}");
        assert_eq!(colour(2, 0), (255, 255, 255));
        assert!(drawing.svg().contains(">50.0 %</text>"));
    }

    #[test]
    fn a_matrix_may_have_no_classes() {
        let counts = Confusion { counts: Vec::new() };
        let named = NamedMatrix { name: "test set", unit: "segments", counts: &counts };
        let svg = confusion(&[named], &[], "model on data").unwrap().svg();
        assert!(svg.contains(">test set</text>") && !svg.contains("\"NaN"), "{svg}");
    }
}
