//! Maps of samples, and figures that are computed for each of the two methods.

use serde::{Deserialize, Serialize};

/// Maps of one sample at one layer, `[h, w]`, signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// See [`super::grad_cam`].
    pub grad_cam: Vec<f32>,
    /// See [`super::hires_cam`].
    pub hires_cam: Vec<f32>,
}

/// The network's output for one sample, and its maps.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleMaps {
    /// Of each class, by label.
    pub probabilities: Vec<f32>,
    /// One for each of the explainer's layers, in order.
    pub layers: Vec<Maps>,
}

/// One figure for each of the two methods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Methods<T> {
    /// Of Grad-CAM.
    pub grad_cam: T,
    /// Of HiResCAM.
    pub hires_cam: T,
}

impl<T> Methods<T> {
    /// Computes the figure for each method; `make` gets a function that selects its map.
    pub(super) fn of(mut make: impl FnMut(fn(&Maps) -> &[f32]) -> T) -> Self {
        Self { grad_cam: make(|maps| &maps.grad_cam), hires_cam: make(|maps| &maps.hires_cam) }
    }
}
