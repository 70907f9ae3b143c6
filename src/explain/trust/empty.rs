//! Maps that point at nothing.

use serde::{Deserialize, Serialize};

use crate::explain::spread::{Estimate, Units};

/// Maps without a positive value at one layer: nothing speaks for the class there, and there is no
/// heatmap to draw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Empty {
    /// Share of all maps, 0 to 1.
    pub share: Estimate,
    /// By true class, in order of labels.
    pub classes: Vec<ClassEmpty>,
}

/// The same of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassEmpty {
    /// Of samples that are predicted rightly.
    pub right: Count,
    /// Of the others.
    pub wrong: Count,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Empty maps.
    pub empty: usize,
    /// All maps.
    pub of: usize,
}

/// Of one map for each sample.
pub(super) fn empty<'a>(
    maps: impl Iterator<Item = &'a [f32]>,
    y: &[u32],
    predicted: &[u32],
    classes: usize,
    units: &Units,
) -> Empty {
    let mut by_class = vec![ClassEmpty::default(); classes];
    let mut values = Vec::with_capacity(y.len());
    for (map, (y, predicted)) in maps.zip(y.iter().zip(predicted)) {
        let is_empty = !map.iter().any(|v| *v > 0.0);
        values.push(Some(f64::from(u8::from(is_empty))));
        if let Some(class) = by_class.get_mut(*y as usize) {
            let count = if y == predicted { &mut class.right } else { &mut class.wrong };
            count.empty += usize::from(is_empty);
            count.of += 1;
        }
    }
    Empty { share: Estimate::of(&values, units), classes: by_class }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Part;

    #[test]
    fn empty_maps_are_counted_where_they_belong() {
        let maps: [&[f32]; 4] = [&[-1.0, 0.0], &[0.0, 0.1], &[0.0, 0.0], &[2.0, -3.0]];
        let units = Units::new(&Part::default(), &[0, 1, 2, 3]);
        let got = empty(maps.into_iter(), &[0, 0, 1, 1], &[0, 1, 0, 1], 2, &units);
        assert_eq!((got.share.spread.mean, got.share.spread.n), (Some(0.5), 4));
        let count = |empty, of| Count { empty, of };
        assert_eq!(got.classes[0], ClassEmpty { right: count(1, 1), wrong: count(0, 1) });
        assert_eq!(got.classes[1], ClassEmpty { right: count(0, 1), wrong: count(1, 1) });
    }
}
