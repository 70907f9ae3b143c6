//! Checks of arrays before they become a dataset: shapes of samples, names of classes, and which
//! parts have samples of which class.

use super::npy::Npy;
use super::{ArrayFacts, Part, PartName, Values};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;

/// More classes than this are not listed in a warning.
const MOST_LISTED: usize = 5;

/// Height and width of the samples of the first part that was looked at, and the array that has
/// them; none before that.
pub(super) type SampleSize = Option<([usize; 2], String)>;

/// The extents n, h and w of an array of samples `[n, h, w]` or `[n, h, w, 1]`, whose channels were
/// dealt with (h and w swapped for `transpose`). All parts must agree in h and w: `size` holds what the earlier ones have.
pub(super) fn sample_shape(
    npy: &Npy<'_>,
    transpose: bool,
    size: &mut SampleSize,
) -> Result<[usize; 3]> {
    npy.expect_numbers(false)?;
    let shape = npy.shape.clone();
    let (n, mut found) = match shape.as_slice() {
        &[n, h, w] | &[n, h, w, 1] => (n, [h, w]),
        _ => return Err(npy.problem(DataProblem::SampleShape { found: shape })),
    };
    if transpose {
        found.reverse();
    }
    if n == 0 {
        return Err(npy.problem(DataProblem::NoSamples { shape }));
    }
    if found.contains(&0) {
        return Err(npy.problem(DataProblem::ZeroSize { shape }));
    }
    let (expected, other) = size.get_or_insert_with(|| (found, npy.place.clone()));
    if *expected != found {
        let (other, expected) = (other.clone(), *expected);
        return Err(npy.problem(DataProblem::ShapesDiffer { other, expected, found }));
    }
    Ok([n, found[0], found[1]])
}

/// Refuses class names that are empty or occur twice.
pub(super) fn check_names(names: &[String]) -> Result<()> {
    let wrong = |found: String| {
        let expected = "names that are not empty and all differ";
        Err(Error::Setting { name: "class-names", expected, found })
    };
    for (i, name) in names.iter().enumerate() {
        if name.trim().is_empty() {
            return wrong(format!("an empty name (number {} of {})", i + 1, names.len()));
        }
        if let Some(c) = name.chars().find(|c| c.is_control()) {
            return wrong(format!("a control character ({c:?}) in name {}", i + 1));
        }
        if names.iter().take(i).any(|earlier| earlier.trim() == name.trim()) {
            return wrong(format!("\"{name}\" twice"));
        }
    }
    Ok(())
}

/// Counts the samples of each class into the facts of labels, once the number of classes is known.
pub(super) fn count_classes(
    found: &mut [ArrayFacts],
    classes: usize,
    parts: [&Part; 3],
) -> Result<()> {
    for facts in found {
        let part = PartName::ALL.into_iter().zip(parts).find(|(name, _)| *name == facts.name.part);
        let (Values::Labels { counts }, Some((_, part))) = (&mut facts.values, part) else {
            continue;
        };
        counts.resize(classes, 0);
        for (index, label) in part.y.iter().enumerate() {
            // Plain labels can be read before one-hot labels give the number of classes.
            let Some(count) = counts.get_mut(*label as usize) else {
                let problem =
                    DataProblem::Label { index, value: label.to_string(), classes, by: None };
                return Err(Error::data(&*facts.place, problem));
            };
            *count += 1;
        }
    }
    Ok(())
}

/// The name of a class, where names are given.
pub(super) fn name_of(class: u32, names: Option<&[String]>) -> Option<String> {
    names?.get(class as usize).cloned()
}

/// Checks which classes occur in which part. A class that occurs in val or test only is an error:
/// the network is never trained on it. So is a gap in plain labels, unless the number of classes
/// was given (`counted`) by their names or by one-hot labels: it would give the network an output
/// without a class. Other classes without samples are reported as warnings.
pub(super) fn check_classes(
    found: &[ArrayFacts],
    counted: bool,
    names: Option<&[String]>,
    progress: &dyn Progress,
) -> Result<()> {
    let labels = |facts: &ArrayFacts| match &facts.values {
        Values::Labels { counts } => Some((facts.name.part, facts.place.clone(), counts.clone())),
        _ => None,
    };
    let labels: Vec<_> = found.iter().filter_map(labels).collect();
    let Some((_, place, train)) = labels.iter().find(|(part, ..)| *part == PartName::Train) else {
        return Ok(());
    };
    let trained: Vec<u32> =
        (0..).zip(train).filter(|(_, n)| **n > 0).map(|(class, _)| class).collect();
    if let &[class] = trained.as_slice() {
        let name = name_of(class, names);
        return Err(Error::data(place, DataProblem::OneClass { class, name }));
    }
    for (_, place, counts) in &labels {
        for (class, (&count, &train_count)) in (0u32..).zip(counts.iter().zip(train)) {
            if count > 0 && train_count == 0 {
                let name = name_of(class, names);
                let problem = DataProblem::ClassNotInTraining { class, name, count };
                return Err(Error::data(place, problem));
            }
        }
    }
    let (Some(&lowest), Some(&highest)) = (trained.first(), trained.last()) else { return Ok(()) };
    let gaps: Vec<u32> = (0..highest).filter(|class| !trained.contains(class)).collect();
    if let (Some(&missing), false) = (gaps.first(), counted) {
        let problem = DataProblem::LabelGap { lowest, highest, missing, others: gaps.len() - 1 };
        return Err(Error::data(place, problem));
    }
    let used = highest as usize + 1;
    if used < train.len() {
        progress.warn(&format!(
            "{place}: there are {} classes (names or one-hot columns), but no label is above \
             {highest}; the network gets outputs that no label uses",
            train.len()
        ));
    }
    for (part, place, counts) in &labels {
        let missing: Vec<String> = (0..used)
            .zip(counts)
            .filter(|(_, count)| **count == 0)
            .map(|(class, _)| match names.and_then(|names| names.get(class)) {
                Some(name) => format!("{class} ({name})"),
                None => class.to_string(),
            })
            .collect();
        if !missing.is_empty() {
            let listed = missing.get(..MOST_LISTED).unwrap_or(&missing).join(", ");
            let more = missing.len().saturating_sub(MOST_LISTED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            progress.warn(&format!("{place}: no sample in {part} is of class {listed}{more}"));
        }
    }
    Ok(())
}
