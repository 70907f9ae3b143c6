//! Early stopping, written as `5` or `5:0.001`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::number::number_in;

/// Ends training when the validation loss no longer falls, as Keras's `EarlyStopping` with
/// `restore_best_weights`. By default training runs through all epochs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub enum EarlyStopping {
    /// Never.
    #[default]
    None,
    /// After `patience` epochs in a row without an improvement.
    After {
        /// Number of epochs.
        patience: usize,
        /// An epoch improves if its validation loss is lower than that of the last one that did by more than this.
        min_delta: f64,
    },
}

/// What early stopping makes of the epochs so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The last epoch that improved, from 0: its weights are those to keep.
    pub best: usize,
    /// Whether training ends after the last of the epochs.
    pub is_over: bool,
}

impl EarlyStopping {
    /// Looks at the validation loss of each epoch so far; nothing if there is none or training never stops.
    pub fn patience(self, val_losses: impl IntoIterator<Item = f32>) -> Option<Patience> {
        let Self::After { patience, min_delta } = self else { return None };
        let (mut best, mut lowest, mut last) = (0, f64::INFINITY, None);
        for (epoch, loss) in val_losses.into_iter().map(f64::from).enumerate() {
            if loss + min_delta < lowest {
                (best, lowest) = (epoch, loss);
            }
            last = Some(epoch);
        }
        last.map(|last| Patience { best, is_over: last - best >= patience })
    }
}

impl fmt::Display for EarlyStopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::After { patience, min_delta } if *min_delta > 0.0 => {
                write!(f, "{patience}:{min_delta}")
            }
            Self::After { patience, .. } => write!(f, "{patience}"),
        }
    }
}

impl From<EarlyStopping> for String {
    fn from(early: EarlyStopping) -> Self {
        early.to_string()
    }
}

/// In a file, a patience alone may be a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Patience(u32),
    Text(String),
}

impl TryFrom<Written> for EarlyStopping {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Patience(patience) => patience.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl FromStr for EarlyStopping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (patience, min_delta) = text.split_once(':').unwrap_or((text, "0"));
        let patience = number_in(patience, &(1..=u32::MAX as usize));
        match (text, patience, number_in(min_delta, &(0.0..=1e6))) {
            ("none", ..) => Ok(Self::None),
            (_, Some(patience), Some(min_delta)) => Ok(Self::After { patience, min_delta }),
            _ => Err(format!(
                "expected none, or PATIENCE or PATIENCE:MIN_DELTA (epochs without an improvement, and the \
                 least fall of the validation loss that is one, such as 5 or 5:0.001), found \"{text}\""
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_by_hand() {
        let after = |text: &str, losses: &[f32]| {
            text.parse::<EarlyStopping>().unwrap().patience(losses.iter().copied())
        };
        let losses = [2.0, 1.5, 1.6, 1.5, 1.4375];
        let patience = |best, is_over| Some(Patience { best, is_over });
        assert_eq!(after("2", &[]), None);
        assert_eq!(after("none", &losses), None);
        assert_eq!(after("2", &losses[..1]), patience(0, false));
        assert_eq!(after("2", &losses[..3]), patience(1, false));
        // The same loss again is no improvement.
        assert_eq!(after("2", &losses[..4]), patience(1, true));
        assert_eq!(after("3", &losses), patience(4, false));
        // A fall of just as much is none either.
        assert_eq!(after("3:0.0625", &losses), patience(1, true));
        assert_eq!(after("3:0.06", &losses), patience(4, false));
    }

    #[test]
    fn written_text_is_read_back() {
        for text in ["none", "5", "5:0.001"] {
            assert_eq!(text.parse::<EarlyStopping>().unwrap().to_string(), text);
        }
        for text in ["", "0", "-1", "5:", "5:-1", "5:nan", "x"] {
            assert!(text.parse::<EarlyStopping>().is_err(), "{text}");
        }
        #[derive(Deserialize)]
        struct File {
            early: EarlyStopping,
        }
        let read = |text: &str| toml::from_str::<File>(text).map(|file| file.early);
        assert_eq!(read("early = 5").unwrap(), "5".parse().unwrap());
        assert_eq!(read("early = \"5:0.1\"").unwrap(), "5:0.1".parse().unwrap());
        assert!(read("early = 0").is_err());
    }
}
