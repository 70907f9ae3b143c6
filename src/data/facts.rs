//! What was found in the arrays, as values and as a table.

use std::fmt;

use super::{ArrayName, Fingerprint};

/// What was found in one array.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayFacts {
    /// Part and role.
    pub name: ArrayName,
    /// The file, or the npz and its key: `data/x_train.npy`, `gtzan.npz:X_train`.
    pub place: String,
    /// The shape in the file.
    pub shape: Vec<usize>,
    /// The element type as numpy calls it: `float32`.
    pub dtype: String,
    /// A summary of its values.
    pub values: Values,
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

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Samples { min, max, mean, .. } => write!(f, "{min} to {max}, mean {mean:.3}"),
            Self::Labels { counts } => {
                let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
                write!(f, "{} by class", counts.join(" + "))
            }
            Self::Songs { songs } => write!(f, "{songs} songs"),
        }
    }
}

/// One line for each array, in aligned columns: name, shape, type, values, place.
pub(super) fn table(found: &[ArrayFacts]) -> String {
    let rows: Vec<[String; 5]> = found
        .iter()
        .map(|facts| {
            [
                facts.name.to_string(),
                format!("{:?}", facts.shape),
                facts.dtype.clone(),
                facts.values.to_string(),
                facts.place.clone(),
            ]
        })
        .collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
