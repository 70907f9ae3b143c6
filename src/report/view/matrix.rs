//! Confusion matrices as tables.

use super::tables;
use crate::data::PartName;
use crate::report::words::{counted, percent};
use crate::text::thousands;

/// A matrix, rows true.
#[derive(Debug)]
pub(in crate::report) struct MatrixView {
    pub(in crate::report) caption: String,
    /// `train`, `val`, `test`.
    pub(in crate::report) part: PartName,
    /// Number of the run.
    pub(in crate::report) run: usize,
    /// Whether its cells can be opened: those of samples can.
    pub(in crate::report) opens: bool,
    pub(in crate::report) head: Vec<String>,
    pub(in crate::report) rows: Vec<Row>,
}

/// A true class.
#[derive(Debug)]
pub(in crate::report) struct Row {
    pub(in crate::report) name: String,
    pub(in crate::report) cells: Vec<Cell>,
}

/// A count and its share of the row.
#[derive(Debug)]
pub(in crate::report) struct Cell {
    pub(in crate::report) truth: usize,
    pub(in crate::report) predicted: usize,
    pub(in crate::report) count: String,
    pub(in crate::report) percent: String,
    /// From 0 to 100, for the colour.
    pub(in crate::report) share: u32,
    /// Whether light letters are read better on it.
    pub(in crate::report) deep: bool,
    pub(in crate::report) is_zero: bool,
    /// For screen readers.
    pub(in crate::report) label: String,
}

/// Where the style's blue is so dark that light letters have the better contrast.
const DEEP: f64 = 0.78;

impl MatrixView {
    /// `unit` is `sample` or `song`.
    pub(in crate::report) fn new(
        (run, model): (usize, &str),
        part: PartName,
        unit: &str,
        rows: &[Vec<u64>],
        classes: &[String],
    ) -> Self {
        let word = part.word();
        let right: u64 = rows.iter().enumerate().map(|(i, row)| row[i]).sum();
        let all: u64 = rows.iter().flatten().sum();
        let mut caption = format!(
            "{model}, {word} set by {unit}: {} of {} correct ({})",
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
            part,
            run,
            opens: unit == "segment",
            head: classes.to_vec(),
            rows: rows.iter().enumerate().map(row).collect(),
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
        let view = MatrixView::new((0, "P1"), PartName::Test, "segment", &rows, &classes);
        let shares: Vec<u32> =
            view.rows.iter().flat_map(|row| row.cells.iter().map(|cell| cell.share)).collect();
        assert_eq!(shares, [80, 20, 0, 0]);
        assert!(view.rows[0].cells[0].deep && !view.rows[0].cells[1].deep);
        assert!(view.caption.contains("8 of 10 segments correct (80.0 %)"), "{}", view.caption);
        assert!(
            view.opens
                && !MatrixView::new((0, "P1"), PartName::Test, "song", &rows, &classes).opens
        );
    }
}
