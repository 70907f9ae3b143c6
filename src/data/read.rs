//! Reads the samples of one part, block by block: one pass over the values gives their statistics,
//! hash and fingerprints, whether the samples then stay in memory or on disk.

use rayon::prelude::*;

use super::hash::DataHash;
use super::npy::{Npy, Rounding};
use super::stats::{Chunks, Stats, chunk_stats};
use super::stored::{StoredSamples, block_samples};
use super::{Fingerprint, Values};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;

/// Samples in order, in blocks of whole samples.
trait BlockSource {
    /// Calls `each` with every block, in order.
    fn for_each_block(&mut self, each: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()>;

    /// What reading as f32 did to their values, after a pass.
    fn rounding(&self) -> Rounding;
}

/// Samples that stay in their file; one block at a time is in memory.
struct FileBlocks(StoredSamples);

impl BlockSource for FileBlocks {
    fn for_each_block(&mut self, each: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        self.0.for_each_block(&mut |block| each(block))
    }

    fn rounding(&self) -> Rounding {
        self.0.rounding()
    }
}

/// Samples in memory.
struct MemoryBlocks {
    /// `[n, h, w]`.
    x: Vec<f32>,
    sample_len: usize,
    /// Where the values are still to be read from: the first pass fills `x` block by block, so that
    /// each block is read and examined while it is in the cache.
    unread: Option<StoredSamples>,
    /// What reading as f32 did to the values.
    rounding: Rounding,
}

impl MemoryBlocks {
    fn open(npy: Npy<'_>, transpose: bool, sample_len: usize) -> Result<Self> {
        if !npy.has_positions() {
            let (x, rounding) = npy.into_f32(transpose)?;
            return Ok(Self { x, sample_len, unread: None, rounding });
        }
        let x = npy.zeros()?;
        let unread = Some(StoredSamples::open(npy, transpose)?);
        Ok(Self { x, sample_len, unread, rounding: Rounding::Exact })
    }
}

impl BlockSource for MemoryBlocks {
    fn for_each_block(&mut self, each: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        let samples = block_samples(self.sample_len);
        let unread = self.unread.take();
        for (i, block) in self.x.chunks_mut(samples * self.sample_len).enumerate() {
            if let Some(stored) = &unread {
                stored.read_run(i * samples, block)?;
            }
            each(block)?;
        }
        if let Some(stored) = &unread {
            self.rounding = self.rounding.max(stored.rounding());
        }
        Ok(())
    }

    fn rounding(&self) -> Rounding {
        self.rounding
    }
}

/// Samples of one part.
pub(super) struct Samples {
    /// All of them; empty where they stay on disk.
    pub(super) x: Vec<f32>,
    /// The samples in their file, where they stay on disk.
    pub(super) stored: Option<StoredSamples>,
    /// Their statistics and fingerprints.
    pub(super) values: Values,
    /// What reading as f32 did to the values.
    pub(super) rounding: Rounding,
}

/// How samples are read.
pub(super) struct Reader<'a> {
    pub(super) transpose: bool,
    /// Samples stay on disk.
    pub(super) on_disk: bool,
    pub(super) hash: &'a mut DataHash,
    pub(super) progress: &'a dyn Progress,
}

impl Reader<'_> {
    /// Reads the samples of `npy`, `[n, h, w]` with this h and w, all of which must be finite.
    pub(super) fn read(&mut self, npy: Npy<'_>, size: [usize; 2]) -> Result<Samples> {
        let place = npy.place.clone();
        if self.on_disk {
            let mut source = FileBlocks(StoredSamples::open(npy, self.transpose)?);
            let values = self.examine(&mut source, &place, size)?;
            let rounding = source.rounding();
            return Ok(Samples { x: Vec::new(), stored: Some(source.0), values, rounding });
        }
        let mut source = MemoryBlocks::open(npy, self.transpose, size[0] * size[1])?;
        let values = self.examine(&mut source, &place, size)?;
        let rounding = source.rounding;
        Ok(Samples { x: source.x, stored: None, values, rounding })
    }

    /// Examines samples in memory that were split here, of the array at `place`.
    pub(super) fn examine_split(
        &mut self,
        x: Vec<f32>,
        place: &str,
        size: [usize; 2],
    ) -> Result<Samples> {
        let rounding = Rounding::Exact;
        let mut source = MemoryBlocks { x, sample_len: size[0] * size[1], unread: None, rounding };
        let values = self.examine(&mut source, place, size)?;
        Ok(Samples { x: source.x, stored: None, values, rounding: Rounding::Exact })
    }

    /// Fails if a value of an array that will be split is not finite, with its place in the file.
    pub(super) fn expect_finite(
        x: Vec<f32>,
        rounding: Rounding,
        place: &str,
        size: [usize; 2],
    ) -> Result<Vec<f32>> {
        let mut source = MemoryBlocks { x, sample_len: size[0] * size[1], unread: None, rounding };
        match non_finite(&mut source, size)? {
            Some(problem) => Err(Error::data(place, problem)),
            None => Ok(source.x),
        }
    }

    /// Statistics and fingerprints of all samples of `[h, w]`; adds them to the hash.
    fn examine(
        &mut self,
        source: &mut dyn BlockSource,
        place: &str,
        size: [usize; 2],
    ) -> Result<Values> {
        let sample_len = size[0] * size[1];
        let mut stats = Chunks::new(chunk_stats as fn(&[f32]) -> Stats);
        let mut fingerprints: Vec<Fingerprint> = Vec::new();
        source.for_each_block(&mut |block| {
            stats.add(block);
            fingerprints.par_extend(block.par_chunks_exact(sample_len).map(Fingerprint::of));
            self.hash.samples(block);
            self.progress.advance((block.len() / sample_len) as u64);
            Ok(())
        })?;
        let Stats { min, max, sum } = stats.stats();
        if !sum.is_finite()
            && let Some(problem) = non_finite(source, size)?
        {
            return Err(Error::data(place, problem));
        }
        let mean = sum / (fingerprints.len() * sample_len) as f64;
        Ok(Values::Samples { min, max, mean, fingerprints })
    }
}

/// Counts the values that are not finite, in a second pass; none if all are.
fn non_finite(source: &mut dyn BlockSource, [h, w]: [usize; 2]) -> Result<Option<DataProblem>> {
    let (mut seen, mut count, mut first) = (0, 0, None);
    source.for_each_block(&mut |block| {
        for (index, &value) in (seen..).zip(block).filter(|(_, value)| !value.is_finite()) {
            count += 1;
            first.get_or_insert((index, value));
        }
        seen += block.len();
        Ok(())
    })?;
    let beyond = source.rounding() == Rounding::Beyond;
    Ok(first.map(|(index, value)| {
        let (sample, h, w) = (index / (h * w), index / w % h, index % w);
        DataProblem::NotFinite { count, value, sample, h, w, beyond }
    }))
}
