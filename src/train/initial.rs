//! The weights that a run starts from.

use crate::graph::{Graph, Role};
use crate::random::keras::{LayerSeeds, glorot_uniform};

/// Glorot-uniform kernels and zero biases in one flat buffer: those that Keras
/// makes of the same layers after `set_random_seed(seed)`.
pub fn initial_parameters(graph: &Graph, seed: u32) -> Vec<f32> {
    let mut seeds = LayerSeeds::new(seed);
    let mut parameters = Vec::with_capacity(graph.parameter_count());
    for p in graph.parameters() {
        match p.role {
            Role::Kernel => parameters.extend(glorot_uniform(&p.shape, seeds.draw())),
            Role::Bias => parameters.resize(parameters.len() + p.len(), 0.0),
        }
    }
    parameters
}
