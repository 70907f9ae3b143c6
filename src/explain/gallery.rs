//! Which samples are shown.

use std::collections::{BTreeMap, BTreeSet};

use super::right_wrong::{Class, ExplainedPart, FIRST};

/// Samples of each cell of a confusion matrix that can be looked at.
const OF_CELL: usize = 4;

/// The first six right and wrong of each class, class after class, in index order.
pub(super) fn twelves(part: &ExplainedPart) -> Vec<usize> {
    let both = part.classes.iter().map(Class::first);
    both.flat_map(|(right, wrong)| right.into_iter().chain(wrong)).collect()
}

/// The first correct and the first incorrect sample of up to six songs of each class: the first six
/// samples may all be segments of one song. `song` is that of each sample of the part.
pub(super) fn one_per_song(part: &ExplainedPart, song: &[i64]) -> Vec<usize> {
    let mut shown = Vec::new();
    for class in &part.classes {
        let wrong: Vec<usize> = class.wrong.iter().map(|wrong| wrong.index).collect();
        for indices in [&class.right, &wrong] {
            let mut seen = BTreeSet::new();
            let first = indices.iter().filter(|i| song.get(**i).is_some_and(|s| seen.insert(*s)));
            shown.extend(first.take(FIRST));
        }
    }
    shown
}

/// The first few of each cell of a part's confusion matrix.
pub(super) fn of_cells(part: &ExplainedPart) -> Vec<usize> {
    let mut shown = Vec::new();
    for class in &part.classes {
        shown.extend(class.right.iter().take(OF_CELL));
        let mut cells: BTreeMap<u32, usize> = BTreeMap::new();
        for wrong in &class.wrong {
            let count = cells.entry(wrong.predicted).or_default();
            *count += 1;
            if *count <= OF_CELL {
                shown.push(wrong.index);
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::right_wrong::Wrong;
    use super::*;

    #[test]
    fn every_cell_has_a_few() {
        let wrong = |index: usize| {
            let predicted = if index.is_multiple_of(2) { 2 } else { 3 };
            Wrong { index, song: None, predicted, probability: 0.5 }
        };
        let class = Class {
            name: "a".into(),
            right: (0..10).collect(),
            wrong: (10..30).map(wrong).collect(),
        };
        let part = ExplainedPart { part: crate::data::PartName::Train, classes: vec![class] };
        assert_eq!(of_cells(&part), [0, 1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17]);
        assert_eq!(twelves(&part), [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
        let song: Vec<i64> = (0..30).map(|i| i / 4).collect();
        assert_eq!(one_per_song(&part, &song), [0, 4, 8, 10, 12, 16, 20, 24, 28]);
    }
}
