//! What is looked at, and which samples of it.

use std::ops::Range;

use crate::data::Part;
use crate::error::{Error, Result};
use crate::explain::cells::LayerFacts;
use crate::explain::grid::Grid;
use crate::explain::maps::{Maps, SampleMaps};
use crate::graph::Graph;
use crate::metrics::predictions;

/// The network as it was trained.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its nodes.
    pub graph: &'a Graph,
    /// Its weights, flat.
    pub parameters: &'a [f32],
    /// Whose maps are looked at.
    pub layers: &'a [LayerFacts],
}

/// Samples with their maps.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// Scaled, with labels and songs.
    pub part: &'a Part,
    /// Of a sample, `[h, w, c]`.
    pub shape: [usize; 3],
    /// The class that each sample's maps speak for.
    pub targets: &'a [u32],
    /// Of each sample.
    pub maps: &'a [SampleMaps],
    /// The training set's mean in each band, scaled, `[h]`: what stands for nothing.
    pub fill: &'a [f32],
}

impl<'a> Explained<'a> {
    /// A sample's elements.
    pub(super) fn sample(&self, i: usize) -> &'a [f32] {
        let len = self.len();
        &self.part.x[i * len..(i + 1) * len]
    }

    /// Elements of a sample.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Some samples end to end, and their targets.
    pub(super) fn gather(&self, indices: &[usize]) -> (Vec<f32>, Vec<u32>) {
        let x = indices.iter().flat_map(|&i| self.sample(i)).copied().collect();
        (x, indices.iter().map(|&i| self.targets[i]).collect())
    }

    /// A sample's maps at a layer.
    pub(super) fn maps(&self, i: usize, layer: usize) -> &'a Maps {
        &self.maps[i].layers[layer]
    }

    /// The most probable class of each sample.
    pub(super) fn predicted(&self, classes: usize) -> Result<Vec<u32>> {
        let rows: Vec<f32> = self.maps.iter().flat_map(|one| &one.probabilities).copied().collect();
        predictions(&rows, classes)
    }

    /// Makes sure that all belongs together: what comes after counts on it.
    pub(super) fn check(&self, subject: &Subject<'_>) -> Result<()> {
        let (n, classes) = (self.part.len(), subject.graph.classes());
        let same = |what, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => {
                let (expected, found) = (expected.to_string(), found.to_string());
                Err(Error::Mismatch { what, expected, found })
            }
        };
        same("values of the samples to explain", n * self.len(), self.part.x.len())?;
        same("their songs", n, self.part.song.as_ref().map_or(n, Vec::len))?;
        same("their targets", n, self.targets.len())?;
        same("samples with maps", n, self.maps.len())?;
        same("bands of the training set's mean", self.shape[0], self.fill.len())?;
        same("weights", subject.graph.parameter_count(), subject.parameters.len())?;
        for label in self.part.y.iter().chain(self.targets) {
            if *label as usize >= classes {
                let (what, expected) = ("labels and targets", format!("below {classes}"));
                return Err(Error::Mismatch { what, expected, found: label.to_string() });
            }
        }
        let cells = |layer: &LayerFacts| Grid::new(&layer.place, self.shape).cells();
        let cells: Vec<usize> = subject.layers.iter().map(cells).collect();
        for maps in self.maps {
            same("probabilities of a sample", classes, maps.probabilities.len())?;
            same("layers of a sample's maps", subject.layers.len(), maps.layers.len())?;
            for (cells, maps) in cells.iter().zip(&maps.layers) {
                same("cells of a layer's Grad-CAM", *cells, maps.grad_cam.len())?;
                same("cells of a layer's HiResCAM", *cells, maps.hires_cam.len())?;
            }
        }
        Ok(())
    }
}

/// At most so many samples, spaced evenly over each class, and so, where cuts stand beside their
/// song, over songs; in index order. A class with fewer than its share gives all that it has.
pub(super) fn choose(y: &[u32], classes: usize, most: usize) -> Vec<usize> {
    let mut chosen = Vec::new();
    for label in 0..classes {
        let share = most / classes + usize::from(label < most % classes);
        let own: Vec<usize> = (0..y.len()).filter(|&i| y[i] as usize == label).collect();
        chosen.extend(middles(own.len(), share).map(|i| own[i]));
    }
    chosen.sort_unstable();
    chosen
}

/// Middles of equal shares of `0..n`, or all.
fn middles(n: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(n);
    let all: Range<usize> = 0..count;
    all.map(move |i| (2 * i + 1) * n / (2 * count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spaced_over_classes() {
        let y: Vec<u32> = [vec![0; 10], vec![1; 3], vec![2; 100]].concat();
        assert_eq!(choose(&y, 3, 9), [1, 5, 8, 10, 11, 12, 29, 63, 96]);
        assert_eq!(choose(&y, 3, 2), [5, 11], "the first classes have the rest");
        assert_eq!(choose(&y, 3, 1000).len(), 113);
        assert_eq!(choose(&[], 3, 9), [0; 0]);
        assert_eq!(middles(4, 4).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
