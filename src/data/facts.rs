//! What was found in the arrays, as values and as a table.

use std::fmt;

use super::names::Role;
use super::{ArrayName, Fingerprint, PartName};
use crate::text::{fold, thousands};

/// What was found in one array.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayFacts {
    /// Part and role.
    pub name: ArrayName,
    /// The file, or the npz and its key: `data/x_train.npy`, `gtzan.npz:X_train`.
    pub place: String,
    /// The shape in the file; of samples without an axis of channels before or behind bands and frames
    /// that was left out, and of those that were split here only this part's.
    pub shape: Vec<usize>,
    /// The element type as numpy calls it: `float32`.
    pub dtype: String,
    /// A summary of its values.
    pub values: Values,
}

impl ArrayFacts {
    /// The file's name or the npz's key; behind that of the npz or folder if only that names the part.
    fn own_name(&self) -> &str {
        let own = |parts: usize| {
            let starts = self.place.rmatch_indices(['/', '\\', ':']).map(|(at, _)| at + 1);
            self.place.get(starts.take(parts).last().unwrap_or(0)..).unwrap_or(&self.place)
        };
        let stem = |name: &str| ArrayName::of(name.trim_end_matches(".npy"));
        match stem(own(1)) != Some(self.name) && stem(own(2)) == Some(self.name) {
            true => own(2),
            false => own(1),
        }
    }

    /// Whether it is called as this program writes it.
    fn has_usual_name(&self) -> bool {
        self.own_name().trim_end_matches(".npy").eq_ignore_ascii_case(&self.name.to_string())
    }
}

/// A summary of the values of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Samples, in their own unit (dB for log-mel spectrograms), before any scaling.
    Samples {
        /// The least value.
        min: f32,
        /// The greatest value.
        max: f32,
        /// The mean over all values.
        mean: f64,
        /// One for each sample.
        fingerprints: Vec<Fingerprint>,
    },
    /// Labels.
    Labels {
        /// How many samples each class has, by class.
        counts: Vec<usize>,
    },
    /// Song ids.
    Songs {
        /// How many different songs.
        songs: usize,
    },
}

/// Counts of more classes do not fit a line.
const MOST_CLASSES: usize = 6;

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Samples { min, max, mean, .. } => write!(f, "{min} to {max}, mean {mean:.3}"),
            Self::Labels { counts } if counts.len() > MOST_CLASSES => {
                let (least, most) = (counts.iter().min(), counts.iter().max());
                let [least, most] = [least, most].map(|n| n.copied().unwrap_or(0));
                write!(f, "{} classes of {least} to {most}", counts.len())
            }
            Self::Labels { counts } => {
                let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
                write!(f, "{} by class", counts.join("+"))
            }
            Self::Songs { songs } => write!(f, "{songs} songs"),
        }
    }
}

/// One line for each part: samples, songs, shape, and samples by class; then the names of arrays that
/// are not the usual ones.
pub(super) fn table(found: &[ArrayFacts]) -> String {
    let of = |part, role| found.iter().find(|facts| facts.name == ArrayName { role, part });
    let mut text = String::new();
    for part in PartName::ALL {
        let Some(samples) = of(part, Role::X) else { continue };
        let count = thousands(samples.shape.first().copied().unwrap_or(0) as u64);
        let mut cells = vec![format!("{:<5} {count:>6} samples", part.as_str())];
        cells.extend(of(part, Role::Song).map(|facts| facts.values.to_string()));
        let extents: Vec<String> =
            samples.shape.iter().skip(1).take(2).map(ToString::to_string).collect();
        cells.push(format!("{} {}", extents.join("x"), samples.dtype));
        cells.extend(of(part, Role::Y).map(|facts| facts.values.to_string()));
        text.push_str(&format!("  {}\n", cells.join(", ")));
    }
    // One array that was divided into parts is reported already.
    let shared = |facts: &ArrayFacts| {
        found.iter().any(|other| other.place == facts.place && other.name != facts.name)
    };
    let own_name = |facts: &&ArrayFacts| !facts.has_usual_name() && !shared(facts);
    let names: Vec<String> = found
        .iter()
        .filter(own_name)
        .map(|facts| format!("{}={}", facts.name, facts.own_name()))
        .collect();
    if !names.is_empty() {
        text.push_str(&fold(&format!("  Arrays: {}", names.join(", "))));
        text.push('\n');
    }
    text
}
