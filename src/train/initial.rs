//! Initial weights.

use crate::graph::{Graph, Role};
use crate::random::keras::{LayerSeeds, glorot_uniform};

/// Glorot-uniform kernels, zero biases and identity batch norms, in one flat buffer. They equal
/// Keras's for the same layers after `set_random_seed(seed)`, unless there are dropouts: in Keras
/// those draw seeds from the same list, here they do not.
pub fn initial_parameters(graph: &Graph, seed: u32) -> Vec<f32> {
    let mut seeds = LayerSeeds::new(seed);
    let mut parameters = Vec::with_capacity(graph.parameter_count());
    for p in graph.parameters() {
        match p.role {
            Role::Kernel => parameters.extend(glorot_uniform(&p.shape, seeds.draw())),
            Role::Bias | Role::Beta | Role::MovingMean => {
                parameters.resize(parameters.len() + p.len(), 0.0);
            }
            Role::Gamma | Role::MovingVariance => {
                parameters.resize(parameters.len() + p.len(), 1.0);
            }
        }
    }
    parameters
}
