//! Samples of a data set that stay on disk, and what is done in the same way with those in memory.

use std::sync::Arc;

use super::reading::each_block;
use super::stats::{Chunks, chunk_squares, chunk_stats};
use super::stored::Stored;
use super::{Dataset, PartName, Scale, ScaleKind, Values};
use crate::error::Result;

/// The files of samples that stay on disk.
#[derive(Debug, Clone)]
pub struct Disk(Arc<[Option<Stored>; 3]>);

impl Disk {
    /// In the order of [`PartName::ALL`].
    pub(super) fn new(parts: [Option<Stored>; 3]) -> Self {
        Self(Arc::new(parts))
    }

    fn part(&self, part: PartName) -> Option<&Stored> {
        self.0[part as usize].as_ref()
    }
}

impl Dataset {
    /// Values of a sample.
    pub fn sample_len(&self) -> usize {
        self.sample_shape.iter().product()
    }

    /// Fails where files that samples are read from have changed since they were opened: the
    /// data would no longer be those of `hash`.
    ///
    /// # Errors
    /// If they have, or cannot be looked at.
    pub fn check_unchanged(&self) -> Result<()> {
        let mut parts = self.disk.iter().flat_map(|disk| disk.0.iter().flatten());
        parts.try_for_each(Stored::check_unchanged)
    }

    /// Reads samples of a part from disk into `to`, `[samples, h, w, c]`, scaled; of a data set in
    /// memory nothing is read.
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

    /// Hands out a part's samples in order, `[.., h, w, c]`, scaled as they are now: all at once
    /// from memory, block after block from disk.
    ///
    /// # Errors
    /// If they cannot be read, or what `each` says.
    pub fn each_block(
        &self,
        part: PartName,
        each: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let Some(disk) = &self.disk else { return each(&self.part(part).x) };
        let Some(stored) = disk.part(part) else { return Ok(()) };
        let n = self.part(part).len();
        each_block(stored, [n, self.sample_len()], &mut |block| {
            self.scale.apply(block);
            each(block)
        })
    }

    /// The scale that fits the training samples, which are not scaled yet.
    ///
    /// # Errors
    /// If they have no spread to scale by, or cannot be read.
    pub fn fit(&self, kind: ScaleKind) -> Result<Scale> {
        let (range, mean) = match self.known(PartName::Train) {
            Some(known) => known,
            None => self.range_and_mean(PartName::Train)?,
        };
        Scale::of(kind, range, mean, || self.deviation_about(PartName::Train, mean))
    }

    /// The least and greatest value of a part's arrays, if it was loaded.
    pub fn range(&self, part: PartName) -> Option<[f32; 2]> {
        Some(self.known(part)?.0)
    }

    /// Range and mean of a part's values, as loading found them.
    fn known(&self, part: PartName) -> Option<([f32; 2], f64)> {
        self.found.iter().find_map(|facts| match &facts.values {
            Values::Samples { min, max, mean, .. } if facts.name.part == part => {
                Some(([*min, *max], *mean))
            }
            _ => None,
        })
    }

    /// Mean and (population) deviation over a part's values as they are now, in f64 and in an
    /// order that no thread changes.
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
        let found = chunks.stats();
        Ok(([found.min, found.max], found.sum / self.values(part)))
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
