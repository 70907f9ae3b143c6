//! A sample's maps at a layer as they are ranked.

use serde::{Deserialize, Serialize};

use crate::explain::maps::Maps;

/// The same of Grad-CAM as it is, of what is drawn of it, and of HiResCAM as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Views<T> {
    /// Of Grad-CAM with its sign.
    pub grad_cam: T,
    /// Of Grad-CAM's positive part, the heatmap.
    pub heatmap: T,
    /// Of HiResCAM with its sign.
    pub hires_cam: T,
}

impl<T> Views<T> {
    /// Of each view in its turn.
    pub(super) fn of(mut make: impl FnMut(View) -> T) -> Self {
        Self {
            grad_cam: make(View::GradCam),
            heatmap: make(View::Heatmap),
            hires_cam: make(View::HiresCam),
        }
    }
}

/// How a sample's maps are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum View {
    GradCam,
    Heatmap,
    HiresCam,
}

impl View {
    /// `[h · w]`.
    pub(super) fn values(self, maps: &Maps) -> Vec<f64> {
        let signed = |map: &[f32]| map.iter().map(|v| f64::from(*v)).collect();
        match self {
            Self::GradCam => signed(&maps.grad_cam),
            Self::Heatmap => positive(&maps.grad_cam),
            Self::HiresCam => signed(&maps.hires_cam),
        }
    }
}

/// The positive part; what is not a number stays so, and has no rank.
pub(super) fn positive(map: &[f32]) -> Vec<f64> {
    map.iter().map(|v| if *v < 0.0 { 0.0 } else { f64::from(*v) }).collect()
}
