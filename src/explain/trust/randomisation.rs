//! Whether maps depend on what was learned.
//!
//! J. Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, cascading randomisation:
//! from the output towards the input, node after node gets freshly drawn weights, and those before
//! it keep theirs. A map that stays as it was shows the input and the network's form, not what was
//! learned.

use serde::{Deserialize, Serialize};

use super::explained::{Explained, Subject};
use super::rank::spearman;
use super::views::{View, Views};
use crate::error::Result;
use crate::explain::maps::SampleMaps;
use crate::explain::network::Network;
use crate::explain::spread::{Estimate, Spread, Units};
use crate::graph::{Graph, NodeId, Role};
use crate::progress::Progress;
use crate::random::streams::Stream;
use crate::train::initial_parameters;

/// How often all of it is drawn anew.
pub(super) const DRAWS: usize = 3;

/// Cascading randomisation at one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Randomisation {
    /// How often weights are drawn; a sample's figure is its mean over draws.
    pub draws: usize,
    /// From the output to the input, each with those before it.
    pub stages: Vec<Stage>,
}

/// What is left of maps after a node's weights are drawn anew too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The node. Batch norms that read it go with it.
    pub node: String,
    /// Map by map.
    pub similarity: Views<Similarity>,
}

/// How alike the maps under trained and under redrawn weights are, cell by cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Spearman's rank correlation of the two.
    pub rho: Estimate,
    /// Its magnitude. Where the mean is near 0 and this is not, the same pattern comes back with
    /// either sign.
    pub magnitude: Spread,
}

/// Maps of the chosen samples under ever more redrawn weights, at each layer. The network has its
/// own weights again afterwards.
pub(super) fn randomisation(
    network: &mut dyn Network,
    subject: &Subject<'_>,
    explained: &Explained<'_>,
    chosen: &[usize],
    seed: u64,
    progress: &dyn Progress,
) -> Result<Vec<Randomisation>> {
    let (x, targets) = explained.gather(chosen);
    let stages = stages(subject.graph);
    let mut maps: Vec<Vec<Vec<SampleMaps>>> = vec![Vec::new(); stages.len()];
    progress.begin("weights drawn anew", (DRAWS * stages.len()) as u64, "networks");
    for draw in 0..DRAWS {
        // From a stream: the run's own seed would give the weights that it began with.
        let mut stream = Stream::new(seed, &format!("trust/weights/{draw}"));
        let fresh = initial_parameters(subject.graph, stream.below(1 << 32) as u32);
        let mut parameters = subject.parameters.to_vec();
        for (nodes, maps) in stages.iter().zip(&mut maps) {
            for range in nodes.iter().flat_map(|id| subject.graph.parameters_of(*id)) {
                parameters[range.range()].copy_from_slice(&fresh[range.range()]);
            }
            network.set_parameters(&parameters)?;
            maps.push(network.maps(&x, &targets)?);
            progress.advance(1);
        }
    }
    progress.end();
    network.set_parameters(subject.parameters)?;

    let units = Units::new(explained.part, chosen);
    let stage = |layer: usize, (nodes, draws): (&Vec<NodeId>, &Vec<Vec<SampleMaps>>)| Stage {
        node: nodes.last().map_or(String::new(), |id| subject.graph.node(*id).name.clone()),
        similarity: Views::of(|view| similarity(view, explained, chosen, layer, draws, &units)),
    };
    let of_layer = |layer| Randomisation {
        draws: DRAWS,
        stages: stages.iter().zip(&maps).map(|one| stage(layer, one)).collect(),
    };
    Ok((0..subject.layers.len()).map(of_layer).collect())
}

/// Nodes with parameters, last first; each kernel with the batch norms behind it.
fn stages(graph: &Graph) -> Vec<Vec<NodeId>> {
    let (mut stages, mut norms) = (Vec::new(), Vec::new());
    for id in graph.ids().rev() {
        let roles: Vec<Role> = graph.parameters_of(id).map(|p| p.role).collect();
        if roles.contains(&Role::Kernel) {
            norms.push(id);
            stages.push(std::mem::take(&mut norms));
        } else if !roles.is_empty() {
            norms.push(id);
        }
    }
    if !norms.is_empty() {
        stages.push(norms);
    }
    stages
}

fn similarity(
    view: View,
    explained: &Explained<'_>,
    chosen: &[usize],
    layer: usize,
    draws: &[Vec<SampleMaps>],
    units: &Units,
) -> Similarity {
    let rhos = |(at, &i): (usize, &usize)| -> Vec<f64> {
        let original = view.values(explained.maps(i, layer));
        let maps = draws.iter().filter_map(|draw| draw.get(at)?.layers.get(layer));
        maps.filter_map(|maps| spearman(&original, &view.values(maps))).collect()
    };
    let rhos: Vec<Vec<f64>> = chosen.iter().enumerate().map(rhos).collect();
    let mean = |of: fn(f64) -> f64| -> Vec<Option<f64>> {
        let mean = |rhos: &Vec<f64>| {
            let sum = rhos.iter().copied().map(of).sum::<f64>();
            (!rhos.is_empty()).then(|| sum / rhos.len() as f64)
        };
        rhos.iter().map(mean).collect()
    };
    Similarity { rho: Estimate::of(&mean(|v| v), units), magnitude: Spread::of(&mean(f64::abs)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    fn nodes(model: &str) -> Vec<Vec<String>> {
        let graph = Model::open(model).unwrap().graph([80, 80, 1], 4).unwrap();
        let name = |id: &NodeId| graph.node(*id).name.clone();
        stages(&graph).iter().map(|stage| stage.iter().map(name).collect()).collect()
    }

    #[test]
    fn stages_go_from_the_output_to_the_input_with_their_norms() {
        assert_eq!(nodes("p1").concat(), ["dense_1", "dense", "conv2d_2", "conv2d_1", "conv2d"]);
        let p2 = nodes("p2");
        assert_eq!(p2[0], ["head.logits"]);
        assert_eq!(p2[2], ["band.norm2", "band.conv2"]);
        assert_eq!(p2.last().unwrap(), &["time.norm", "time.conv"]);
        assert_eq!(p2[4], ["frequency.norm", "frequency.conv"]);
        assert_eq!(p2.len(), 6);
    }
}
