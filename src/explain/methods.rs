//! The same figure of either kind of map.

use serde::{Deserialize, Serialize};

use super::explainer::Maps;

/// The same of either kind of map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Methods<T> {
    /// Of Grad-CAM.
    pub grad_cam: T,
    /// Of HiResCAM.
    pub hires_cam: T,
}

impl<T> Methods<T> {
    /// From a sample's maps at one layer, one at a time.
    pub(super) fn of(mut make: impl FnMut(fn(&Maps) -> &[f32]) -> T) -> Self {
        Self { grad_cam: make(|maps| &maps.grad_cam), hires_cam: make(|maps| &maps.hires_cam) }
    }
}
