//! The pictures of an explanation: which there are, and drawing them.
//!
//! ```text
//! samples.rs  of a class: spectrograms and maps of its first six right and wrong
//! figures.rs  over samples: mean maps, occlusion, randomisation, deletion and insertion
//! ```

mod figures;
mod samples;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::cells::{CellGrid, LayerFacts};
use super::record::Explanation;
use crate::error::Result;
use crate::plot::write_png;
use crate::plot::{AxisCells, ColourMap, MapPlace, SampleAxes};
use crate::progress::Progress;

/// What a picture shows. Layers and classes are indices of the explanation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawing {
    /// The first six right and wrong of a class.
    Spectrograms(usize),
    /// Grad-CAM of the same at a layer.
    GradCam(usize, usize),
    /// The same with its sign.
    Signed(usize, usize),
    /// HiResCAM of the same.
    HiresCam(usize, usize),
    /// Mean Grad-CAM of all classes at a layer.
    Means(usize),
    /// Occlusion of all classes, beside the mean maps' profiles at a layer.
    Occlusion(usize),
    /// What is left of maps as weights are drawn anew, at a layer.
    Randomisation(usize),
    /// Deletion and insertion at a layer.
    DeletionInsertion(usize),
}

impl Drawing {
    /// All that an explanation has figures for.
    pub(super) fn all(of: &Explanation) -> Vec<Self> {
        let mut all = Vec::new();
        for class in 0..of.classes.len() {
            if samples::panels(of, class).is_some() {
                all.push(Self::Spectrograms(class));
                for layer in 0..of.layers.len() {
                    all.extend([
                        Self::GradCam(layer, class),
                        Self::HiresCam(layer, class),
                        Self::Signed(layer, class),
                    ]);
                }
            }
        }
        for layer in 0..of.layers.len() {
            if of.means.iter().any(|mean| mean.layer == of.layers[layer].name) {
                all.push(Self::Means(layer));
            }
        }
        for (layer, trust) in of.trust.iter().enumerate() {
            all.push(Self::Occlusion(layer));
            all.push(Self::Randomisation(layer));
            if trust.curves.is_some() {
                all.push(Self::DeletionInsertion(layer));
            }
        }
        all
    }

    /// Whether a file of this name is one.
    pub(super) fn made(name: &str) -> bool {
        let kinds = [
            "spectrograms_",
            "grad_cam_",
            "signed_",
            "hires_cam_",
            "means_",
            "occlusion_",
            "randomisation_",
            "deletion_insertion_",
        ];
        name.ends_with(".png") && kinds.iter().any(|kind| name.starts_with(kind))
    }

    /// The name of its file.
    pub(super) fn file(self, of: &Explanation) -> String {
        let class = |class: usize| format!("{class}_{}", plain(&of.classes[class]));
        let layer = |layer: usize| plain(&of.layers[layer].name);
        match self {
            Self::Spectrograms(c) => format!("spectrograms_{}.png", class(c)),
            Self::GradCam(l, c) => format!("grad_cam_{}_{}.png", layer(l), class(c)),
            Self::Signed(l, c) => format!("signed_{}_{}.png", layer(l), class(c)),
            Self::HiresCam(l, c) => format!("hires_cam_{}_{}.png", layer(l), class(c)),
            Self::Means(l) => format!("means_{}.png", layer(l)),
            Self::Occlusion(l) => format!("occlusion_{}.png", layer(l)),
            Self::Randomisation(l) => format!("randomisation_{}.png", layer(l)),
            Self::DeletionInsertion(l) => format!("deletion_insertion_{}.png", layer(l)),
        }
    }

    fn draw(self, of: &Explanation, heat: ColourMap) -> Result<image::RgbImage> {
        match self {
            Self::Spectrograms(class) => samples::spectrograms(of, class),
            Self::GradCam(..) | Self::Signed(..) | Self::HiresCam(..) => {
                samples::maps(of, self, heat)
            }
            Self::Means(layer) => figures::means(of, layer, heat),
            Self::Occlusion(layer) => figures::occlusion(of, layer),
            Self::Randomisation(layer) => figures::randomisation(of, layer),
            Self::DeletionInsertion(layer) => figures::deletion_insertion(of, layer),
        }
    }
}

/// Draws all pictures of an explanation into a folder; `heat` colours heatmaps.
///
/// # Errors
/// If one cannot be drawn or written.
pub(super) fn write_pictures(
    of: &Explanation,
    folder: &Path,
    heat: ColourMap,
    progress: &dyn Progress,
) -> Result<()> {
    let all = Drawing::all(of);
    progress.begin("pictures", all.len() as u64, "pictures");
    let drawn = all.par_iter().try_for_each(|drawing| {
        let path: PathBuf = folder.join(drawing.file(of));
        write_png(&path, &drawing.draw(of, heat)?)?;
        progress.advance(1);
        Ok(())
    });
    progress.end();
    drawn
}

/// A name as part of a file's name on any system.
fn plain(name: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().take(60).map(|c| if fine(c) { c } else { '_' }).collect()
}

fn axes(of: &Explanation) -> SampleAxes {
    let unit = of.axes.band_hz.as_ref().map(|_| "dB".to_owned());
    SampleAxes { band_hz: of.axes.band_hz.clone(), frame_seconds: of.axes.frame_seconds, unit }
}

fn place(layer: &LayerFacts) -> MapPlace {
    let cells =
        |cells: CellGrid| AxisCells { first: cells.first, size: cells.size, count: cells.count };
    MapPlace { bands: cells(layer.place.bands), frames: cells(layer.place.frames) }
}

/// `P1 on demo corpus (synthesised)`.
fn title(of: &Explanation) -> String {
    format!("{} on {}", of.model.to_uppercase(), of.data)
}
