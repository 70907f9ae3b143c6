//! The samples of each class that are classified correctly and incorrectly.

use std::collections::{BTreeMap, BTreeSet};

use super::axes::Axes;
use crate::data::PartName;
use crate::error::Result;
use crate::explain::{Class, ExplainedSample, Explanation, FIRST, Wrong};
use crate::report::pictures::{Plot, Tiles};
use crate::text::thousands;

/// A class's correct and incorrect samples.
#[derive(Debug)]
pub(in crate::report) struct GenreView {
    pub(in crate::report) name: String,
    pub(in crate::report) right_count: String,
    pub(in crate::report) wrong_count: String,
    /// Indices: `0–14, 16`.
    pub(in crate::report) right: String,
    /// By predicted class, the most frequent first.
    pub(in crate::report) wrong: Vec<WrongAs>,
    /// The first six correct and incorrect.
    pub(in crate::report) rows: [Row; 2],
    /// The same with one sample per song, where the first six have fewer songs.
    pub(in crate::report) by_song: Vec<Row>,
    /// The first six correct or incorrect ones are of one song, so those by song are shown at once.
    pub(in crate::report) opens: bool,
}

/// Incorrect samples with the same prediction.
#[derive(Debug)]
pub(in crate::report) struct WrongAs {
    pub(in crate::report) predicted: String,
    pub(in crate::report) count: String,
    pub(in crate::report) indices: String,
}

/// Up to six samples.
#[derive(Debug)]
pub(in crate::report) struct Row {
    pub(in crate::report) title: String,
    pub(in crate::report) items: Vec<Item>,
    /// What a reader must know of the choice.
    pub(in crate::report) note: String,
}

/// A sample that is shown.
#[derive(Debug)]
pub(in crate::report) struct Item {
    /// Its number in the explanation.
    pub(in crate::report) at: usize,
    /// Index and song.
    pub(in crate::report) caption: String,
    /// The prediction and its probability.
    pub(in crate::report) verdict: String,
    /// Spectrogram, then a map of each layer.
    pub(in crate::report) plots: Vec<Plot>,
}

/// What a run's pictures are drawn from.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Drawn<'a> {
    pub(in crate::report) found: &'a Explanation,
    pub(in crate::report) tiles: Tiles,
    /// Layers whose maps are shown.
    pub(in crate::report) layers: &'a [usize],
}

/// Indices in order, with an en dash for runs of three and more.
pub(in crate::report) fn runs(indices: impl IntoIterator<Item = usize>) -> String {
    let mut text: Vec<String> = Vec::new();
    let mut all = indices.into_iter().peekable();
    while let Some(first) = all.next() {
        let mut last = first;
        while let Some(next) = all.next_if(|next| *next == last + 1) {
            last = next;
        }
        text.push(match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}–{last}"),
        });
    }
    text.join(", ")
}

/// The part whose samples are shown by class: the first that was explained.
pub(in crate::report) fn genres(drawn: Drawn<'_>) -> Result<Vec<GenreView>> {
    let Some(part) = drawn.found.parts.first() else { return Ok(Vec::new()) };
    let all = (0..).zip(&part.classes);
    all.map(|(label, class)| genre(drawn, part.part, label, class)).collect()
}

fn genre(drawn: Drawn<'_>, part: PartName, label: u32, class: &Class) -> Result<GenreView> {
    let found = drawn.found;
    let mut wrong: Vec<WrongAs> = (0..)
        .zip(&found.classes)
        .filter_map(|(other, name)| {
            let own: Vec<usize> =
                class.wrong.iter().filter(|w| w.predicted == other).map(|w| w.index).collect();
            (!own.is_empty()).then(|| WrongAs {
                predicted: name.clone(),
                count: thousands(own.len() as u64),
                indices: runs(own),
            })
        })
        .collect();
    wrong
        .sort_by_key(|w| std::cmp::Reverse(w.count.replace(',', "").parse::<usize>().unwrap_or(0)));
    let wrong_indices: Vec<usize> = class.wrong.iter().map(|w: &Wrong| w.index).collect();
    let first = [true, false].map(|right| {
        row(drawn, part, label, right, if right { &class.right } else { &wrong_indices })
    });
    let [right_row, wrong_row] = first;
    let rows = [right_row?, wrong_row?];
    let by_song = by_song(drawn, part, label, class)?;
    let opens = !by_song.is_empty()
        && [true, false].iter().any(|right| {
            let all = shown(found, part, label, *right);
            let (first, wrong) = class.first();
            let first = if *right { first } else { wrong };
            is_one_song(all.iter().filter(|(_, shown)| first.contains(&shown.index)).map(|s| s.1))
        });
    Ok(GenreView {
        name: class.name.clone(),
        right_count: thousands(class.right.len() as u64),
        wrong_count: thousands(class.wrong.len() as u64),
        right: runs(class.right.iter().copied()),
        wrong,
        rows,
        by_song,
        opens,
    })
}

/// Samples of a class that are shown, in index order.
fn shown(
    found: &Explanation,
    part: PartName,
    label: u32,
    right: bool,
) -> Vec<(usize, &ExplainedSample)> {
    let own = |(_, shown): &(usize, &ExplainedSample)| {
        shown.part == part && shown.truth == label && (shown.predicted == shown.truth) == right
    };
    let mut all: Vec<_> = found.shown.iter().enumerate().filter(own).collect();
    all.sort_by_key(|(_, shown)| shown.index);
    all
}

fn title(right: bool, n: usize) -> String {
    let word = if right { "correct" } else { "incorrect" };
    match n {
        0 => format!("First {word}"),
        1 => format!("The only {word} segment"),
        n if n < FIRST => format!("All {n} {word}"),
        _ => format!("First six {word}"),
    }
}

fn row(drawn: Drawn<'_>, part: PartName, label: u32, right: bool, wanted: &[usize]) -> Result<Row> {
    let all = shown(drawn.found, part, label, right);
    let first = &wanted[..wanted.len().min(FIRST)];
    let chosen: Vec<(usize, &ExplainedSample)> = first
        .iter()
        .filter_map(|index| all.iter().find(|(_, shown)| shown.index == *index).copied())
        .collect();
    let items: Vec<Item> = chosen
        .iter()
        .map(|(at, shown)| item(drawn, *at, shown, drawn.layers))
        .collect::<Result<_>>()?;
    let word = if right { "correctly" } else { "incorrectly" };
    let note = match (wanted.len(), items.len()) {
        (0, _) => format!("No segment of this genre is classified {word}."),
        (n, m) if m < n.min(FIRST) => {
            format!("Only {m} of the first {} are in explain.json.", n.min(FIRST))
        }
        _ => songs_note(&chosen),
    };
    Ok(Row { title: title(right, wanted.len()), items, note })
}

/// Whether these are several, all of one known song.
fn is_one_song<'a>(mut all: impl Iterator<Item = &'a ExplainedSample>) -> bool {
    let Some(song) = all.next().and_then(|shown| shown.song) else { return false };
    let others: Vec<bool> = all.map(|shown| shown.song == Some(song)).collect();
    !others.is_empty() && !others.contains(&false)
}

/// How many segments of the explained part are classified correctly and incorrectly, and how many
/// songs hold how many of the errors, where they are concentrated. `songs` are the part's, by index.
pub(in crate::report) fn errors(found: &Explanation, songs: Option<&[i64]>) -> String {
    let Some(part) = found.parts.first() else { return String::new() };
    let right: usize = part.classes.iter().map(|class| class.right.len()).sum();
    let wrong: usize = part.classes.iter().map(|class| class.wrong.len()).sum();
    let count = |n: usize| thousands(n as u64);
    let held = songs.and_then(|songs| concentrated(&part.classes, songs));
    let held = held.map_or_else(String::new, |(most, of, held)| {
        format!(
            "; {most} of {} songs hold {} of the {} errors",
            count(of),
            count(held),
            count(wrong)
        )
    });
    format!(
        "Of {} {} segments {} are classified correctly and {} incorrectly{held}.",
        count(right + wrong),
        part.part.word(),
        count(right),
        count(wrong)
    )
}

/// So many songs are named at most: those with most errors.
const SONGS: usize = 10;

/// The ten songs with most errors, of so many, and how many errors they hold: a third of all at
/// least, and they are a tenth of the songs at most.
fn concentrated(classes: &[Class], songs: &[i64]) -> Option<(usize, usize, usize)> {
    let mut errors: BTreeMap<(usize, i64), usize> = BTreeMap::new();
    for (label, class) in classes.iter().enumerate() {
        let wrong = class.wrong.iter().map(|wrong| (wrong.index, 1));
        for (index, n) in class.right.iter().map(|index| (*index, 0)).chain(wrong) {
            *errors.entry((label, *songs.get(index)?)).or_default() += n;
        }
    }
    let (all, of) = (errors.values().sum::<usize>(), errors.len());
    let mut counts: Vec<usize> = errors.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let held = counts.iter().take(SONGS).sum::<usize>();
    (10 * SONGS <= of && held > SONGS && 3 * held >= all).then_some((SONGS, of, held))
}

/// How many songs the samples are cut from, where that is fewer than samples.
fn songs_note(chosen: &[(usize, &ExplainedSample)]) -> String {
    let songs: Option<BTreeSet<i64>> = chosen.iter().map(|(_, shown)| shown.song).collect();
    match songs {
        Some(songs) if songs.len() == 1 && chosen.len() > 1 => {
            format!("All {} are segments of one song, so they are one example.", chosen.len())
        }
        Some(songs) if songs.len() < chosen.len() => {
            format!("These {} are segments of only {} songs.", chosen.len(), songs.len())
        }
        _ => String::new(),
    }
}

/// The first sample of each song, up to six, where that differs from the first six.
fn by_song(drawn: Drawn<'_>, part: PartName, label: u32, class: &Class) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for right in [true, false] {
        let all = shown(drawn.found, part, label, right);
        let mut seen = BTreeSet::new();
        let one: Vec<_> = all
            .iter()
            .filter(|(_, shown)| shown.song.is_some_and(|song| seen.insert(song)))
            .take(FIRST)
            .collect();
        let first: Vec<usize> = match right {
            true => class.right.iter().take(FIRST).copied().collect(),
            false => class.wrong.iter().take(FIRST).map(|w| w.index).collect(),
        };
        if one.is_empty() || one.iter().map(|(_, shown)| shown.index).eq(first) {
            continue;
        }
        let items = one.iter().map(|(at, shown)| item(drawn, *at, shown, drawn.layers));
        let word = if right { "correct" } else { "incorrect" };
        rows.push(Row {
            title: format!("First {word} segment of each song"),
            items: items.collect::<Result<_>>()?,
            note: String::new(),
        });
    }
    Ok(rows)
}

/// A sample with its spectrogram and Grad-CAM at the given layers.
fn item(drawn: Drawn<'_>, at: usize, shown: &ExplainedSample, layers: &[usize]) -> Result<Item> {
    let Drawn { found, tiles, .. } = drawn;
    let name = |label: u32| &found.classes[label as usize];
    let song = shown.song.map_or_else(String::new, |song| format!(", song {song}"));
    let p = shown.probabilities[shown.predicted as usize];
    let arrow = if shown.predicted == shown.truth { "" } else { "→ " };
    Ok(Item {
        at,
        caption: format!("{}{song}", shown.index),
        verdict: format!("{arrow}{} {p:.2}", name(shown.predicted)),
        plots: tiles.plots(found, shown, layers)?,
    })
}

/// Layers whose Grad-CAM can be read: those where at least half of the samples shown have one.
/// Where there is none of them, all.
pub(in crate::report) fn legible(found: &Explanation) -> Vec<usize> {
    let Some(part) = found.parts.first() else { return Vec::new() };
    let own: Vec<&ExplainedSample> =
        found.shown.iter().filter(|shown| shown.part == part.part).collect();
    let all = 0..found.layers.len();
    let has_maps = |layer: &usize| {
        let empty = own.iter().filter(|shown| shown.maps[*layer].grad_cam.is_empty()).count();
        2 * empty <= own.len()
    };
    let some: Vec<usize> = all.clone().filter(has_maps).collect();
    if some.is_empty() { all.collect() } else { some }
}

/// How the pictures are to be read: their axes, and what is left out.
pub(in crate::report) fn reading(drawn: Drawn<'_>, axes: &Axes) -> Vec<String> {
    let found = drawn.found;
    let mut notes = vec![format!(
        "Under each spectrogram is Grad-CAM for the predicted class. Captions give index, song, \
         predicted class and its probability; → marks a wrong prediction. {} upwards, {} to the \
         right.",
        axes.up, axes.along
    )];
    for &layer in drawn.layers {
        let facts = &found.layers[layer];
        let [h, w, _] = facts.shape;
        let [bands, frames] = found.sample_shape;
        let place = facts.place;
        let left = |whole: usize, end: f64| (whole as f64 - end).round().max(0.0) as usize;
        let rest = [
            (left(bands, place.bands.first + place.bands.size * place.bands.count as f64), "band"),
            (
                left(frames, place.frames.first + place.frames.size * place.frames.count as f64),
                "frame",
            ),
        ];
        let rest: Vec<String> = rest
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| match n {
                1 => format!("the last {word}"),
                n => format!("the last {n} {word}s"),
            })
            .collect();
        let dropped = match rest.is_empty() {
            true => String::new(),
            false => format!(" Grey at the edge: {}, which no cell covers.", rest.join(" and ")),
        };
        notes.push(format!(
            "Maps of {} have {h} × {w} cells (bands × frames), each the size of {} bands × {} \
             frames; colours are interpolated between cells.{dropped}",
            facts.name, place.bands.size, place.frames.size
        ));
    }
    for (layer, facts) in found.layers.iter().enumerate() {
        if !drawn.layers.contains(&layer) {
            notes.push(format!(
                "Maps of {} are left out: most of them have no positive value. They are in the \
                 run's folder explain.",
                facts.name
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 songs of four segments; `wrong` of each are misclassified.
    fn held(wrong: impl Fn(usize) -> usize) -> Option<(usize, usize, usize)> {
        let songs: Vec<i64> = (0..400).map(|i| i / 4).collect();
        let mut class = Class { name: "a".into(), right: Vec::new(), wrong: Vec::new() };
        for index in 0..400 {
            match index % 4 < wrong(index / 4) {
                true => {
                    class.wrong.push(Wrong { index, song: None, predicted: 1, probability: 0.5 });
                }
                false => class.right.push(index),
            }
        }
        concentrated(&[class], &songs)
    }

    #[test]
    fn songs_that_hold_many_errors_are_counted() {
        // 40 in ten songs, one in each of 30 others; then one in each of 90 others.
        assert_eq!(held(|s| if s < 10 { 4 } else { usize::from(s < 40) }), Some((10, 100, 40)));
        assert_eq!(held(|s| if s < 10 { 4 } else { 1 }), None);
        assert_eq!(held(|s| usize::from(s < 10)), None, "one each");
        assert_eq!(held(|_| 0), None);
        // Ten of twenty songs are no small part.
        let class = Class { name: "a".into(), right: (0..20).collect(), wrong: Vec::new() };
        assert_eq!(concentrated(&[class], &(0..20).collect::<Vec<i64>>()), None);
    }

    #[test]
    fn runs_of_three_are_shortened() {
        assert_eq!(runs([0, 1, 2, 3, 5, 7, 8, 10, 11, 12]), "0–3, 5, 7, 8, 10–12");
        assert_eq!(runs([]), "");
        assert_eq!(runs([4]), "4");
    }
}
