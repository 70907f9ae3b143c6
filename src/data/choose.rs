//! Picks the arrays of a data set from what lies in a place.

use std::collections::HashMap;
use std::path::PathBuf;

use super::place::Place;
use super::{ArrayName, DataOptions, Role};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;

/// The arrays to read by name; every part needs samples and labels.
pub(super) fn choose(
    place: &Place,
    options: &DataOptions,
    progress: &dyn Progress,
) -> Result<HashMap<ArrayName, String>> {
    let mut chosen = HashMap::new();
    let mut uses: HashMap<PathBuf, ArrayName> = HashMap::new();
    for &part in &options.parts {
        for role in Role::ALL {
            let name = ArrayName { role, part };
            let file = match options.explicit.get(&name) {
                Some(named) => Some(by_hand(place, name, named)?),
                None => by_name(place, name, options, progress)?,
            };
            let Some(file) = file else { continue };
            if let Some(other) = uses.insert(place.identity(&file), name) {
                progress.warn(&format!("{file} serves as both {other} and {name}"));
            }
            chosen.insert(name, file);
        }
    }
    Ok(chosen)
}

/// The array that a flag gives.
fn by_hand(place: &Place, name: ArrayName, named: &str) -> Result<String> {
    place.find(named).ok_or_else(|| {
        let (array, named) = (name.to_string(), named.to_owned());
        problem(place, DataProblem::NoSuchArray { array, named, found: place.names().to_vec() })
    })
}

/// The array whose name says that it is this one; songs may be missing.
fn by_name(
    place: &Place,
    name: ArrayName,
    options: &DataOptions,
    progress: &dyn Progress,
) -> Result<Option<String>> {
    let array = name.to_string();
    let stem = |file: &str| file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
    let candidates =
        place.names().iter().filter(|&file| ArrayName::of(&stem(file)) == Some(name)).cloned();
    let candidates: Vec<String> = candidates.collect();
    match candidates.as_slice() {
        [one] => return Ok(Some(one.clone())),
        [] if name.role == Role::Song => return Ok(None),
        [] => {
            let (found, npz) = (place.names().to_vec(), place.beside().to_vec());
            let missing = DataProblem::Missing { array, accepted: name.accepted(), found, npz };
            return Err(problem(place, missing));
        }
        _ => {}
    }
    // Of several: not what a flag gives to another array, and rather the plain name.
    let given: Vec<PathBuf> = options
        .explicit
        .values()
        .filter_map(|named| place.find(named))
        .map(|file| place.identity(&file))
        .collect();
    let is_free = |file: &&String| !given.contains(&place.identity(file));
    let free: Vec<&String> = candidates.iter().filter(is_free).collect();
    if let &[one] = free.as_slice() {
        return Ok(Some(one.clone()));
    }
    let exact = free.iter().find(|file| stem(file) == array);
    let any_case = || {
        let mut found = free.iter().filter(|file| stem(file).eq_ignore_ascii_case(&array));
        found.next().filter(|_| found.next().is_none())
    };
    if let Some(&one) = exact.or_else(any_case) {
        let others: Vec<&str> = free.iter().filter(|&&f| f != one).map(|f| f.as_str()).collect();
        progress.note(&format!("{array}: {one} is read, not {}", others.join(", ")));
        return Ok(Some(one.clone()));
    }
    Err(problem(place, DataProblem::Ambiguous { array, candidates }))
}

fn problem(place: &Place, problem: DataProblem) -> Error {
    Error::data(place.path().display().to_string(), problem)
}
