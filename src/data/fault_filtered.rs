//! The fault-filtered, artist-disjoint split of GTZAN for the course's four
//! genres: Kereliuk, Sturm and Larsen, "Deep learning and music adversaries",
//! IEEE Transactions on Multimedia 17 (11), 2015 (`data/splits/README.md`).

use crate::data::PartName;

/// The genres that the lists cover.
#[cfg(any(test, feature = "audio"))]
pub(crate) const GENRES: [&str; 4] = ["classical", "disco", "metal", "rock"];

const LISTS: [(PartName, &str); 3] = [
    (PartName::Train, include_str!("../../data/splits/train_filtered.txt")),
    (PartName::Val, include_str!("../../data/splits/valid_filtered.txt")),
    (PartName::Test, include_str!("../../data/splits/test_filtered.txt")),
];

/// All songs with their parts: `("rock.00042", Train)`.
pub(crate) fn songs() -> impl Iterator<Item = (&'static str, PartName)> {
    let lines = |(part, list): (PartName, &'static str)| {
        list.lines().map(str::trim).filter(|line| !line.is_empty()).map(move |line| (line, part))
    };
    LISTS.into_iter().flat_map(lines)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_lists_are_those_of_the_paper() {
        let count = |wanted| songs().filter(|(_, part)| *part == wanted).count();
        assert_eq!(PartName::ALL.map(count), [178, 86, 119]);
        let names: BTreeSet<&str> = songs().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 383, "no song is in two parts");
        for name in names {
            let (genre, number) = name.split_once('.').unwrap();
            assert!(GENRES.contains(&genre), "{name}");
            assert!(number.len() == 5 && number.parse::<u32>().unwrap() < 100, "{name}");
        }
    }
}
