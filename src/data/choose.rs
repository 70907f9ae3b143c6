//! Picks the arrays of a data set from what lies in a place.

use std::collections::HashMap;

use super::place::Place;
use super::{ArrayName, DataOptions, Role};
use crate::error::{DataProblem, Error, Result};

/// The arrays to read by name; every part needs samples and labels.
pub(super) fn choose(place: &Place, options: &DataOptions) -> Result<HashMap<ArrayName, String>> {
    let mut chosen = HashMap::new();
    let there = || place.names().to_vec();
    let problem = |problem| Err(Error::data(place.path().display().to_string(), problem));
    for &part in &options.parts {
        for role in Role::ALL {
            let name = ArrayName { role, part };
            let array = name.to_string();
            if let Some(named) = options.explicit.get(&name) {
                let Some(file) = place.find(named) else {
                    let named = named.clone();
                    return problem(DataProblem::NoSuchArray { array, named, found: there() });
                };
                chosen.insert(name, file);
                continue;
            }
            // What a flag gives to one array is no candidate for another.
            let taken = |file: &String| {
                options.explicit.values().any(|named| place.find(named).as_ref() == Some(file))
            };
            let stem = |file: &str| file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
            let candidates = place
                .names()
                .iter()
                .filter(|&file| ArrayName::of(&stem(file)) == Some(name) && !taken(file));
            let candidates: Vec<String> = candidates.cloned().collect();
            match candidates.as_slice() {
                [one] => {
                    chosen.insert(name, one.clone());
                }
                [] if role == Role::Song => {}
                [] => {
                    let accepted = name.accepted();
                    return problem(DataProblem::Missing { array, accepted, found: there() });
                }
                _ => return problem(DataProblem::Ambiguous { array, candidates }),
            }
        }
    }
    Ok(chosen)
}
