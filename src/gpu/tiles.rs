//! Which tiles each pass of a plan's nodes takes: one kind for all, and exceptions that were measured.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::TileConfig;

/// What has tiles of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// A node's output from its inputs.
    Forward,
    /// The gradients of a node's parameters and inputs.
    Backward,
    /// The optimiser's step, of all nodes.
    Update,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Backward, Self::Update];

    /// Its name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Update => "update",
        }
    }
}

/// The node that [`Phase::Update`] is of.
pub(super) const ALL_NODES: &str = "all";
/// Between the parts of the text.
const SEPARATOR: &str = "; ";

/// The tiles of a plan. As text: `narrow`, or `narrow; conv2d forward wide; all update small`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiles {
    /// Those of all phases that are not in `chosen`.
    preset: TileConfig,
    /// Exceptions, by node and phase.
    chosen: BTreeMap<(String, Phase), TileConfig>,
}

impl Tiles {
    /// Those of a node's phase.
    pub(super) fn of(&self, node: &str, phase: Phase) -> TileConfig {
        // Names are few and short.
        let chosen = self.chosen.iter().find(|((name, of), _)| name == node && *of == phase);
        chosen.map_or(self.preset, |(_, tiles)| *tiles)
    }

    /// The nodes that are named.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.chosen.keys().map(|(node, _)| node.as_str())
    }

    /// These tiles, and others for a phase of a node.
    pub fn set(&mut self, node: &str, phase: Phase, tiles: TileConfig) {
        let key = (node.to_owned(), phase);
        if tiles == self.preset {
            self.chosen.remove(&key);
        } else {
            self.chosen.insert(key, tiles);
        }
    }
}

impl From<TileConfig> for Tiles {
    fn from(preset: TileConfig) -> Self {
        Self { preset, chosen: BTreeMap::new() }
    }
}

impl fmt::Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.preset.as_str())?;
        for ((node, phase), tiles) in &self.chosen {
            write!(f, "{SEPARATOR}{node} {} {}", phase.as_str(), tiles.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Tiles {
    /// What is wrong.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = TileConfig::ALL.map(TileConfig::as_str).join(", ");
        let kind = |name: &str| {
            let found = TileConfig::ALL.into_iter().find(|tiles| tiles.as_str() == name);
            found.ok_or_else(|| format!("\"{name}\" is none of {kinds}"))
        };
        let mut parts = text.split(SEPARATOR);
        let mut tiles = Self::from(kind(parts.next().unwrap_or_default())?);
        let mut named = BTreeSet::new();
        for part in parts {
            let fail = || format!("\"{part}\" is not NODE forward|backward|update {kinds}");
            let mut words = part.rsplitn(3, ' ');
            let (Some(name), Some(of), Some(node)) = (words.next(), words.next(), words.next())
            else {
                return Err(fail());
            };
            let phase =
                Phase::ALL.into_iter().find(|phase| phase.as_str() == of).ok_or_else(fail)?;
            if (node == ALL_NODES) != (phase == Phase::Update) {
                return Err(format!(
                    "\"{part}\": the update is that of \"{ALL_NODES}\", and of nothing else"
                ));
            }
            if !named.insert((node, phase)) {
                return Err(format!("\"{node} {of}\" is given twice"));
            }
            tiles.set(node, phase, kind(name)?);
        }
        Ok(tiles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_and_what_is_none_is_refused() {
        let mut tiles = Tiles::from(TileConfig::Narrow);
        assert_eq!(tiles.to_string(), "narrow");
        tiles.set("band 1.conv", Phase::Forward, TileConfig::Wide);
        tiles.set("conv2d", Phase::Backward, TileConfig::Narrow);
        tiles.set(ALL_NODES, Phase::Update, TileConfig::Small);
        let text = tiles.to_string();
        assert_eq!(text, "narrow; all update small; band 1.conv forward wide");
        assert_eq!(text.parse(), Ok(tiles.clone()));
        assert_eq!(tiles.of("band 1.conv", Phase::Forward), TileConfig::Wide);
        assert_eq!(tiles.of("band 1.conv", Phase::Backward), TileConfig::Narrow);
        assert_eq!(tiles.of(ALL_NODES, Phase::Update), TileConfig::Small);
        for wrong in [
            "",
            "broad",
            "wide; ",
            "wide; a forward",
            "wide; a back wide",
            "wide; a forward x",
            "wide; a update small",
            "wide; all forward small",
            "wide; a forward small; a forward narrow",
        ] {
            assert!(wrong.parse::<Tiles>().is_err(), "{wrong}");
        }
    }
}
