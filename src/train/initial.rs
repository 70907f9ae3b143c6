//! The weights that a run starts from.

use crate::graph::{Graph, Role};
use crate::random::keras::{LayerSeeds, glorot_uniform};

/// Glorot-uniform kernels, zero biases, and batch norms that change nothing, in one flat
/// buffer. Those that Keras makes of the same layers after `set_random_seed(seed)`, unless
/// there are dropouts, which take seeds of their own from Keras's list and none from here.
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
