//! Weights of classes in the loss, written as `balanced`, `1,2,0.5` (by label) or `rock=2,metal=1.5`.

use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::number::number_in;

/// What multiplies the loss of each class's samples in training, as Keras's `class_weight`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClassWeights {
    /// Nothing.
    #[default]
    None,
    /// `n / (classes · count)` of the training set, as in scikit-learn: all classes weigh the same together.
    Balanced,
    /// A number for each class, in the order of the labels.
    ByLabel(Vec<f32>),
    /// Numbers for some classes; 1 for the others.
    ByName(Vec<(String, f32)>),
}

impl ClassWeights {
    /// The weight of each class of a training set with labels `y`; none if nothing is weighted.
    ///
    /// # Errors
    /// If there is not a number for each class, or a name is none of them: what was expected, and found.
    pub fn weights(&self, y: &[u32], classes: &[String]) -> Result<Vec<f32>, [String; 2]> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Balanced => {
                let mut counts = vec![0usize; classes.len()];
                for label in y {
                    counts.iter_mut().skip(*label as usize).take(1).for_each(|count| *count += 1);
                }
                let weight = |count: &usize| match count {
                    // No sample has it.
                    0 => 1.0,
                    count => (y.len() as f64 / (classes.len() * count) as f64) as f32,
                };
                Ok(counts.iter().map(weight).collect())
            }
            Self::ByLabel(weights) if weights.len() == classes.len() => Ok(weights.clone()),
            Self::ByLabel(weights) => {
                let (n, found) = (classes.len(), weights.len());
                let expected =
                    format!("a number for each of the {n} classes {}", classes.join(", "));
                Err([expected, format!("{found} in {self}")])
            }
            Self::ByName(named) => {
                let mut weights = vec![1.0; classes.len()];
                for (name, weight) in named {
                    let Some(at) = classes.iter().position(|class| class == name) else {
                        let expected = format!("names of classes ({})", classes.join(", "));
                        return Err([expected, name.clone()]);
                    };
                    weights[at] = *weight;
                }
                Ok(weights)
            }
        }
    }
}

impl fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = match self {
            Self::None => return f.write_str("none"),
            Self::Balanced => return f.write_str("balanced"),
            Self::ByLabel(weights) => weights.iter().map(f32::to_string).collect(),
            Self::ByName(named) => named.iter().map(|(name, w)| format!("{name}={w}")).collect(),
        };
        f.write_str(&parts.join(","))
    }
}

impl From<ClassWeights> for String {
    fn from(weights: ClassWeights) -> Self {
        weights.to_string()
    }
}

impl TryFrom<String> for ClassWeights {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = |found: &str| {
            format!(
                "expected none, balanced, a number above 0 for each class (such as 1,2,0.5), or names \
                 with theirs (such as rock=2,metal=1.5), found \"{found}\""
            )
        };
        let number = |text: &str| {
            let range = (Bound::Excluded(0.0), Bound::Included(1e6));
            number_in(text.trim(), &range).ok_or_else(|| expected(text))
        };
        match text.trim() {
            "none" => return Ok(Self::None),
            "balanced" => return Ok(Self::Balanced),
            _ => {}
        }
        if !text.contains('=') {
            let weights: Vec<f32> = text.split(',').map(number).collect::<Result<_, _>>()?;
            return Ok(Self::ByLabel(weights));
        }
        let mut named: Vec<(String, f32)> = Vec::new();
        for part in text.split(',') {
            let (name, weight) = part.rsplit_once('=').ok_or_else(|| expected(part))?;
            let name = name.trim().to_owned();
            if named.iter().any(|(known, _)| *known == name) {
                return Err(format!("{name} is given twice"));
            }
            named.push((name, number(weight)?));
        }
        Ok(Self::ByName(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(text: &str) -> Result<Vec<f32>, [String; 2]> {
        let classes = ["jazz", "rock", "metal"].map(String::from);
        text.parse::<ClassWeights>().unwrap().weights(&[0, 0, 0, 1, 1, 0], &classes)
    }

    #[test]
    fn weights_by_hand() {
        assert!(weights("none").unwrap().is_empty());
        // 6 / (3 · 4), 6 / (3 · 2), and of a class that no sample has.
        assert_eq!(weights("balanced").unwrap(), [0.5, 1.0, 1.0]);
        assert_eq!(weights("1,2,0.5").unwrap(), [1.0, 2.0, 0.5]);
        assert_eq!(weights("metal=2.5, jazz = 3").unwrap(), [3.0, 1.0, 2.5]);
        let [expected, found] = weights("1,2").unwrap_err();
        assert_eq!(expected, "a number for each of the 3 classes jazz, rock, metal");
        assert_eq!(found, "2 in 1,2");
        assert_eq!(weights("pop=2").unwrap_err()[1], "pop");
    }

    #[test]
    fn written_text_is_read_back() {
        for text in ["none", "balanced", "1,2,0.5", "rock=2,metal=1.5"] {
            assert_eq!(text.parse::<ClassWeights>().unwrap().to_string(), text);
        }
        for text in ["", "even", "0,1", "-1,2", "1,nan", "rock=", "rock=0", "rock=1,2", "a=1,a=2"] {
            assert!(text.parse::<ClassWeights>().is_err(), "{text}");
        }
    }
}
