//! Samples on their way in: all that must be known of their values is found in one pass,
//! whether they then stay in memory or on disk.

use rayon::prelude::*;

use super::hash::DataHash;
use super::npy::Npy;
use super::stats::{Chunks, Stats, chunk_stats};
use super::stored::Stored;
use super::{Fingerprint, Values};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;

/// Bytes of samples, as f32, that are looked at at once: few enough to lie in a cache from
/// reading to hashing, and whole samples.
const BLOCK: usize = 4 << 20;

/// Samples of one part.
pub(super) struct Samples {
    /// All of them, or nothing where they stay on disk.
    pub(super) x: Vec<f32>,
    pub(super) stored: Option<Stored>,
    pub(super) values: Values,
}

/// Where samples are read to.
pub(super) struct Reader<'a> {
    pub(super) transpose: bool,
    pub(super) on_disk: bool,
    pub(super) hash: &'a mut DataHash,
    pub(super) progress: &'a dyn Progress,
}

impl Reader<'_> {
    /// Reads `n` samples of `[h, w]`, all of which must be finite.
    pub(super) fn read(&mut self, npy: Npy<'_>, [n, h, w]: [usize; 3]) -> Result<Samples> {
        let (place, len) = (npy.place.clone(), h * w);
        let mut pass = Pass::new(len);
        if self.on_disk || npy.has_places() {
            // Of what stays on disk a block at a time.
            let mut x = if self.on_disk { Vec::new() } else { npy.zeros()? };
            let positioned = npy.problem(DataProblem::NoPlaces);
            let stored = Stored::new(npy, self.transpose)?.ok_or(positioned)?;
            if self.on_disk {
                each_block(&stored, [n, len], &mut |block| self.see(&mut pass, block))?;
                let mut again = |bad: &mut NotFinite| {
                    each_block(&stored, [n, len], &mut |block| bad.look(block))
                };
                let values = pass.finish(&place, [h, w], &mut again)?;
                return Ok(Samples { x, stored: Some(stored), values });
            }
            for (i, block) in x.chunks_mut(block_len(len)).enumerate() {
                stored.read_run(i * block_len(len) / len, block)?;
                self.see(&mut pass, block)?;
            }
            let values = pass.finish(&place, [h, w], &mut |bad| bad.look(&x))?;
            return Ok(Samples { x, stored: None, values });
        }
        let x = npy.into_f32(self.transpose)?;
        x.chunks(block_len(len)).try_for_each(|block| self.see(&mut pass, block))?;
        let values = pass.finish(&place, [h, w], &mut |bad| bad.look(&x))?;
        Ok(Samples { x, stored: None, values })
    }

    fn see(&mut self, pass: &mut Pass, block: &[f32]) -> Result<()> {
        pass.add(block);
        self.hash.samples(block);
        self.progress.advance((block.len() / pass.len) as u64);
        Ok(())
    }
}

/// Values of the samples in a block.
fn block_len(len: usize) -> usize {
    (BLOCK / (4 * len)).max(1) * len
}

/// Hands out all `n` samples of `len` values in order, block by block.
pub(super) fn each_block(
    stored: &Stored,
    [n, len]: [usize; 2],
    each: &mut dyn FnMut(&mut [f32]) -> Result<()>,
) -> Result<()> {
    let samples = block_len(len) / len;
    let mut block = vec![0.0; samples.min(n) * len];
    for first in (0..n).step_by(samples) {
        let (block, _) = block.split_at_mut(samples.min(n - first) * len);
        stored.read_run(first, block)?;
        each(block)?;
    }
    Ok(())
}

/// What was seen of the values so far.
struct Pass {
    len: usize,
    stats: Chunks<Stats, fn(&[f32]) -> Stats>,
    fingerprints: Vec<Fingerprint>,
    values: usize,
}

impl Pass {
    fn new(len: usize) -> Self {
        Self {
            len,
            stats: Chunks::new(chunk_stats as fn(&[f32]) -> Stats),
            fingerprints: Vec::new(),
            values: 0,
        }
    }

    fn add(&mut self, block: &[f32]) {
        self.stats.add(block);
        self.fingerprints.par_extend(block.par_chunks_exact(self.len).map(Fingerprint::of));
        self.values += block.len();
    }

    /// Fails if a value is not finite; `again` shows all of them once more.
    fn finish(
        self,
        place: &str,
        [h, w]: [usize; 2],
        again: &mut dyn FnMut(&mut NotFinite) -> Result<()>,
    ) -> Result<Values> {
        let found = self.stats.stats();
        if !found.sum.is_finite() {
            let mut bad = NotFinite::default();
            again(&mut bad)?;
            if let NotFinite { count, first: Some((at, value)), .. } = bad {
                let (sample, h, w) = (at / (h * w), at / w % h, at % w);
                return Err(Error::data(
                    place,
                    DataProblem::NotFinite { count, value, sample, h, w },
                ));
            }
        }
        let mean = found.sum / self.values as f64;
        let fingerprints = self.fingerprints;
        Ok(Values::Samples { min: found.min, max: found.max, mean, fingerprints })
    }
}

/// Values that are not finite.
#[derive(Default)]
struct NotFinite {
    seen: usize,
    count: usize,
    first: Option<(usize, f32)>,
}

impl NotFinite {
    fn look(&mut self, x: &[f32]) -> Result<()> {
        for (at, &value) in (self.seen..).zip(x).filter(|(_, value)| !value.is_finite()) {
            self.count += 1;
            self.first.get_or_insert((at, value));
        }
        self.seen += x.len();
        Ok(())
    }
}
