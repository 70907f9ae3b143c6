//! Right and wrong samples of each class.

use crate::explain::{Class, ExplainedSample, Explanation};
use crate::report::words::counted;

/// So many right and so many wrong of each class.
const ROW: usize = 6;

/// A class's right and wrong samples.
#[derive(Debug)]
pub(super) struct GenreView {
    pub(super) name: String,
    pub(super) right_count: String,
    pub(super) wrong_count: String,
    /// All indices, with commas between.
    pub(super) right: String,
    pub(super) wrong: Vec<WrongView>,
    pub(super) first_right: Row,
    pub(super) first_wrong: Row,
}

/// A wrong prediction in words.
#[derive(Debug)]
pub(super) struct WrongView {
    pub(super) index: usize,
    pub(super) song: String,
    pub(super) predicted: String,
    pub(super) probability: String,
}

/// Six samples, or as many as there are.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) items: Vec<Item>,
    /// What is missing of six, where it is.
    pub(super) missing: String,
}

/// A sample that is drawn.
#[derive(Debug)]
pub(super) struct Item {
    /// Its number among those shown.
    pub(super) at: usize,
    /// Index and song.
    pub(super) caption: String,
    /// What it was taken for, with the probability.
    pub(super) verdict: String,
}

/// The part whose samples are shown by class: the first that was explained.
pub(super) fn genres(found: &Explanation) -> Vec<GenreView> {
    let Some(part) = found.parts.first() else { return Vec::new() };
    (0..).zip(&part.classes).map(|(label, class)| genre(found, &part.part, label, class)).collect()
}

fn genre(found: &Explanation, part: &str, label: u32, class: &Class) -> GenreView {
    let name = |label: u32| found.classes[label as usize].clone();
    let wrong = |w: &crate::explain::Wrong| WrongView {
        index: w.index,
        song: w.song.map_or("unknown".into(), |song| song.to_string()),
        predicted: name(w.predicted),
        probability: format!("{:.3}", w.probability),
    };
    let right: Vec<String> = class.right.iter().map(ToString::to_string).collect();
    let row = |right: bool, wanted: &[usize]| {
        let is_it = |shown: &&(usize, &ExplainedSample), index: usize| {
            shown.1.part == part && shown.1.index == index && shown.1.truth == label
        };
        let all: Vec<(usize, &ExplainedSample)> = found.shown.iter().enumerate().collect();
        let first = &wanted[..wanted.len().min(ROW)];
        let items: Vec<Item> = first
            .iter()
            .filter_map(|index| all.iter().find(|shown| is_it(shown, *index)))
            .map(|(at, shown)| Item {
                at: *at,
                caption: caption(shown),
                verdict: verdict(shown, &found.classes),
            })
            .collect();
        let word = if right { "right" } else { "wrong" };
        let missing = match (wanted.len(), items.len()) {
            (0, _) => format!("No sample of this class is {word}."),
            (n, m) if m < n.min(ROW) => {
                format!("Only {m} of the first {} are in explain.json.", n.min(ROW))
            }
            (n, _) if n < ROW => format!("There is no more: only {} {word}.", are(n)),
            _ => String::new(),
        };
        Row { items, missing }
    };
    let indices: Vec<usize> = class.wrong.iter().map(|w| w.index).collect();
    GenreView {
        name: class.name.clone(),
        right_count: counted(class.right.len(), "sample"),
        wrong_count: counted(class.wrong.len(), "sample"),
        right: right.join(", "),
        wrong: class.wrong.iter().map(wrong).collect(),
        first_right: row(true, &class.right),
        first_wrong: row(false, &indices),
    }
}

fn are(n: usize) -> String {
    format!("{n} {}", if n == 1 { "is" } else { "are" })
}

fn caption(shown: &ExplainedSample) -> String {
    let song = shown.song.map_or_else(String::new, |song| format!(", song {song}"));
    format!("{}{song}", shown.index)
}

fn verdict(shown: &ExplainedSample, classes: &[String]) -> String {
    let p = shown.probabilities[shown.predicted as usize];
    match shown.predicted == shown.truth {
        true => format!("p {p:.2}"),
        false => format!("{}, p {p:.2}", classes[shown.predicted as usize]),
    }
}

/// The samples that [`genres`] shows.
pub(super) fn twelve<'a>(found: &'a Explanation, genres: &[GenreView]) -> Vec<&'a ExplainedSample> {
    let items = genres.iter().flat_map(|g| g.first_right.items.iter().chain(&g.first_wrong.items));
    items.filter_map(|item| found.shown.get(item.at)).collect()
}
