//! How far maps can be trusted on these data, measured.
//!
//! ```text
//! explained.rs      what is looked at, and which samples of it
//! rank.rs           rank correlation
//! views.rs          maps as they are ranked
//! randomisation.rs  do maps depend on what was learned?
//! orders.rs         orders of cells, for
//! curves.rs         do maps point at what the network uses? Deletion and insertion
//! agreement.rs      do maps and occlusion point at the same?
//! empty.rs          maps that point at nothing
//! verdict.rs        how each check comes out
//! ```
//!
//! All in all some 270 forward passes for each chosen sample and layer, and maps of it under 3
//! redrawn networks for each layer with weights. At 96 samples of 80 × 80 that is 26,000 passes of
//! P1: some nine seconds of one core.

mod agreement;
mod curves;
mod empty;
mod explained;
mod orders;
mod randomisation;
mod rank;
#[cfg(test)]
mod tests;
mod verdict;
mod views;

use serde::{Deserialize, Serialize};

pub use agreement::Agreement;
pub use curves::{Course, Curves, Gain, Test};
pub use empty::{ClassEmpty, Count, Empty};
pub use explained::{Explained, Subject};
pub use randomisation::{Randomisation, Similarity, Stage};
pub use rank::spearman;
pub use verdict::{About, Check, Effect, Outcome, verdicts};
#[cfg(feature = "audio")]
pub(crate) use verdict::{FEW, FEW_UNITS, LITTLE, MOST, RARE};
pub use views::Views;

use super::grid::Grid;
use super::maps::{Maps, Methods};
use super::network::Network;
use super::occlusion::{ClassOcclusion, class_occlusions, occlusions};
use super::spread::{Estimate, Units};
use crate::error::Result;
use crate::progress::Progress;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Samples that the network is run on again, at most.
    pub samples: usize,
    /// What redrawn weights and random orders come from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { samples: 96, seed: 42 }
    }
}

/// How far maps of one layer can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// The layer's name.
    pub layer: String,
    /// Indices, in the part, of the samples that all is measured on but for empty maps, which are
    /// counted over the whole part.
    pub samples: Vec<usize>,
    /// Whether maps depend on what was learned.
    pub randomisation: Randomisation,
    /// Whether they point at what the network uses; none where the layer has one cell.
    pub curves: Option<Curves>,
    /// Rank correlation of a map with the sample's level in its cells.
    pub energy: Views<Estimate>,
    /// Maps without a positive value.
    pub empty: Methods<Empty>,
    /// Rank correlation with occlusion.
    pub occlusion: Agreement,
}

/// All that is measured by running the network again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// One for each layer, in order.
    pub trust: Vec<Trust>,
    /// Occlusion curves of the chosen samples that are classified correctly, by class.
    pub occlusion: Vec<ClassOcclusion>,
}

/// Measures how far maps can be trusted. The network has the subject's weights afterwards.
///
/// # Errors
/// If samples, maps and network do not belong together, or the device fails.
pub fn trust(
    network: &mut dyn Network,
    subject: &Subject<'_>,
    explained: &Explained<'_>,
    settings: Settings,
    progress: &dyn Progress,
) -> Result<Checks> {
    explained.check(subject)?;
    let (classes, Settings { samples, seed }) = (subject.graph.classes(), settings);
    let (part, shape) = (explained.part, explained.shape);
    let predicted = explained.predicted(classes)?;
    let chosen = explained::choose(&part.y, classes, samples);

    let redrawn =
        randomisation::randomisation(network, subject, explained, &chosen, seed, progress)?;
    let (x, targets) = explained.gather(&chosen);
    let muted = occlusions(network, &x, &targets, shape, explained.fill, progress)?;
    let [y, answers] =
        [&part.y, &predicted].map(|of| chosen.iter().map(|&i| of[i]).collect::<Vec<u32>>());

    let all: Vec<usize> = (0..part.len()).collect();
    let (units, all_units) = (Units::new(part, &chosen), Units::new(part, &all));
    let mut found = Vec::new();
    for (l, (layer, randomisation)) in subject.layers.iter().zip(redrawn).enumerate() {
        let grid = Grid::new(&layer.place, shape);
        let maps: Vec<&Maps> = chosen.iter().map(|&i| explained.maps(i, l)).collect();
        let levels: Vec<Vec<f64>> =
            chosen.iter().map(|&i| grid.levels(explained.sample(i))).collect();
        let energy = Views::of(|view| {
            let rho = |(maps, levels): (&&Maps, &Vec<f64>)| spearman(&view.values(maps), levels);
            Estimate::of(&maps.iter().zip(&levels).map(rho).collect::<Vec<_>>(), &units)
        });
        let empty = Methods::of(|map| {
            let maps = all.iter().map(|i| map(explained.maps(*i, l)));
            empty::empty(maps, &part.y, &predicted, classes, &all_units)
        });
        found.push(Trust {
            layer: layer.name.clone(),
            samples: chosen.clone(),
            randomisation,
            curves: curves::curves(network, explained, &chosen, l, &grid, seed, progress)?,
            energy,
            empty,
            occlusion: agreement::agreement(&maps, &muted, &grid, &units),
        });
    }
    Ok(Checks { trust: found, occlusion: class_occlusions(&muted, &y, &answers, classes) })
}
