//! Confusion matrices as tables.

use super::tables;
use crate::report::words::{confusions, counted, part_word, percent};
use crate::text::thousands;

/// A matrix, rows true.
#[derive(Debug)]
pub(super) struct MatrixView {
    pub(super) caption: String,
    /// `train`, `val`, `test`.
    pub(super) part: String,
    /// Number of the run.
    pub(super) run: usize,
    /// Whether its cells can be opened: those of samples can.
    pub(super) opens: bool,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// What it says.
    pub(super) sentences: Vec<String>,
}

/// A true class.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<Cell>,
}

/// A count and its share of the row.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) truth: usize,
    pub(super) predicted: usize,
    pub(super) count: String,
    pub(super) percent: String,
    /// From 0 to 100, for the colour.
    pub(super) share: u32,
    /// Whether light letters are read better on it.
    pub(super) deep: bool,
    pub(super) is_zero: bool,
    /// For those who hear it.
    pub(super) label: String,
}

/// Where the style's blue is so dark that light letters have the better contrast.
const DEEP: f64 = 0.78;

impl MatrixView {
    /// `unit` is `sample` or `song`.
    pub(super) fn new(
        run: usize,
        part: &str,
        unit: &str,
        rows: &[Vec<u64>],
        classes: &[String],
    ) -> Self {
        let word = part_word(part);
        let right: u64 = rows.iter().enumerate().map(|(i, row)| row[i]).sum();
        let all: u64 = rows.iter().flatten().sum();
        let mut caption = format!(
            "{} set by {unit}: {} of {} right ({})",
            crate::report::words::capital(word),
            thousands(right),
            counted(all as usize, unit),
            percent(right as f64 / all.max(1) as f64)
        );
        if unit == "song" {
            caption = format!("{caption}, {}", tables::interval(rows));
        }
        let row = |(truth, counts): (usize, &Vec<u64>)| {
            let all: u64 = counts.iter().sum();
            let cell = |(predicted, count): (usize, &u64)| {
                let share = if all == 0 { 0.0 } else { *count as f64 / all as f64 };
                Cell {
                    truth,
                    predicted,
                    count: thousands(*count),
                    percent: percent(share),
                    share: (100.0 * share).round() as u32,
                    deep: share >= DEEP,
                    is_zero: *count == 0,
                    label: format!(
                        "{} {word} {unit}s of class {} predicted as {}, {} of the class",
                        thousands(*count),
                        classes[truth],
                        classes[predicted],
                        percent(share)
                    ),
                }
            };
            Row {
                name: classes[truth].clone(),
                cells: counts.iter().enumerate().map(cell).collect(),
            }
        };
        Self {
            caption,
            part: part.into(),
            run,
            opens: unit == "sample",
            head: classes.to_vec(),
            rows: rows.iter().enumerate().map(row).collect(),
            sentences: confusions(part, unit, rows, classes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_row() {
        let classes = ["a", "b"].map(String::from);
        let rows = [vec![8, 2], vec![0, 0]];
        let view = MatrixView::new(0, "test", "sample", &rows, &classes);
        let shares: Vec<u32> =
            view.rows.iter().flat_map(|row| row.cells.iter().map(|cell| cell.share)).collect();
        assert_eq!(shares, [80, 20, 0, 0]);
        assert!(view.rows[0].cells[0].deep && !view.rows[0].cells[1].deep);
        assert!(view.caption.contains("8 of 10 samples right (80.0 %)"), "{}", view.caption);
        assert!(view.opens && !MatrixView::new(0, "test", "song", &rows, &classes).opens);
    }
}
