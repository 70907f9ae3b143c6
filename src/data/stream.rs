//! Reads a dataset in blocks and by position, and computes over all samples of a part, in the same
//! way from memory and from disk.

use std::sync::Arc;

use super::stats::{Chunks, Stats, chunk_squares, chunk_stats};
use super::stored::StoredSamples;
use super::{Dataset, PartName, Scale, ScaleKind, Values};
use crate::error::Result;

/// The files of samples that stay on disk.
#[derive(Debug, Clone)]
pub struct Disk(Arc<[Option<StoredSamples>; 3]>);

impl Disk {
    /// In the order of [`PartName::ALL`].
    pub(super) fn new(parts: [Option<StoredSamples>; 3]) -> Self {
        Self(Arc::new(parts))
    }

    fn part(&self, part: PartName) -> Option<&StoredSamples> {
        self.0[part as usize].as_ref()
    }
}

impl Dataset {
    /// Values of a sample.
    pub fn sample_len(&self) -> usize {
        self.sample_shape.iter().product()
    }

    /// Checks that no file of samples has changed since it was opened: otherwise the samples would
    /// no longer be those of `hash`.
    ///
    /// # Errors
    /// If one has, or its metadata cannot be read.
    pub fn check_unchanged(&self) -> Result<()> {
        let mut parts = self.disk.iter().flat_map(|disk| disk.0.iter().flatten());
        parts.try_for_each(StoredSamples::check_unchanged)
    }

    /// Reads samples of a part from disk into `to`, `[samples, h, w, c]`, scaled. Does nothing for
    /// a dataset in memory.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn read(&self, part: PartName, samples: &[u32], to: &mut [f32]) -> Result<()> {
        if let Some(stored) = self.disk.as_ref().and_then(|disk| disk.part(part)) {
            stored.read_each(samples, to)?;
            self.scale.apply(to);
        }
        Ok(())
    }

    /// Calls `each` with a part's samples in order, `[.., h, w, c]`, as they are scaled now: all at
    /// once from memory, block by block from disk.
    ///
    /// # Errors
    /// If they cannot be read, or the errors of `each`.
    pub fn each_block(
        &self,
        part: PartName,
        each: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let Some(disk) = &self.disk else { return each(&self.part(part).x) };
        let Some(stored) = disk.part(part) else { return Ok(()) };
        stored.for_each_block(&mut |block| {
            self.scale.apply(block);
            each(block)
        })
    }

    /// Fits a scale to the training samples, which must not be scaled yet.
    ///
    /// # Errors
    /// If all values are equal (nothing to scale by), or they cannot be read.
    pub fn fit(&self, kind: ScaleKind) -> Result<Scale> {
        let (range, mean) = match self.range_and_mean_of_arrays(PartName::Train) {
            Some(known) => known,
            None => self.range_and_mean(PartName::Train)?,
        };
        Scale::of(kind, range, mean, || self.deviation_about(PartName::Train, mean))
    }

    /// The least and greatest value of a part's arrays before scaling, if it was loaded.
    pub fn range(&self, part: PartName) -> Option<[f32; 2]> {
        Some(self.range_and_mean_of_arrays(part)?.0)
    }

    /// Range and mean of a part's values before scaling, as they were found while loading.
    fn range_and_mean_of_arrays(&self, part: PartName) -> Option<([f32; 2], f64)> {
        self.found.iter().find_map(|facts| match &facts.values {
            Values::Samples { min, max, mean, .. } if facts.name.part == part => {
                Some(([*min, *max], *mean))
            }
            _ => None,
        })
    }

    /// Mean and (population) standard deviation over a part's values as they are scaled now, in
    /// f64, independent of the number of threads.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn mean_and_deviation(&self, part: PartName) -> Result<(f64, f64)> {
        let (_, mean) = self.range_and_mean(part)?;
        Ok((mean, self.deviation_about(part, mean)?))
    }

    fn range_and_mean(&self, part: PartName) -> Result<([f32; 2], f64)> {
        let mut chunks = Chunks::new(chunk_stats);
        self.each_block(part, &mut |block| {
            chunks.add(block);
            Ok(())
        })?;
        let Stats { min, max, sum } = chunks.stats();
        Ok(([min, max], sum / self.values(part)))
    }

    fn deviation_about(&self, part: PartName, mean: f64) -> Result<f64> {
        let mut chunks = Chunks::new(|chunk: &[f32]| chunk_squares(chunk, mean));
        self.each_block(part, &mut |block| {
            chunks.add(block);
            Ok(())
        })?;
        Ok((chunks.finish().iter().sum::<f64>() / self.values(part)).sqrt())
    }

    /// Number of values in a part.
    fn values(&self, part: PartName) -> f64 {
        (self.part(part).len() * self.sample_len()) as f64
    }
}
