//! Samples of a song: in memory, or in a temporary file where the song is long.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use symphonia::core::io::MediaSource;

use super::decode::{Decoded, decode_blocks};
use super::resample::Resampling;
use crate::error::{Error, Result};

/// More samples than these (32 MB; six minutes at 22,050 Hz) are kept in a file.
const MOST_IN_MEMORY: usize = 1 << 23;
/// Samples that are written to it at once.
const WRITTEN_AT_ONCE: usize = 1 << 18;

/// Samples that can be read piece by piece.
pub trait Pieces {
    /// Number of samples.
    fn count(&self) -> usize;

    /// The samples of a range, which lies within.
    ///
    /// # Errors
    /// If they are in a file that cannot be read.
    fn piece(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>>;
}

impl Pieces for [f32] {
    fn count(&self) -> usize {
        self.len()
    }

    fn piece(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>> {
        Ok(Cow::Borrowed(&self[range]))
    }
}

impl Pieces for Vec<f32> {
    fn count(&self) -> usize {
        self.len()
    }

    fn piece(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>> {
        self.as_slice().piece(range)
    }
}

/// The samples of a song.
#[derive(Debug, Default)]
pub struct Samples {
    /// All samples, or those that are not in the file yet.
    memory: Vec<f32>,
    /// A file without a name, and the samples in it.
    file: Option<(File, usize)>,
}

/// The samples of the sound file at `path`, whose bytes are `source`, at another rate, and what
/// decoding found. Sound of any length takes little memory.
///
/// # Errors
/// As [`decode_blocks`], or if a temporary file cannot be written.
pub fn read_samples(
    path: &Path,
    source: &mut dyn MediaSource,
    rate_hz: u32,
    most_minutes: u32,
) -> Result<(Samples, Decoded)> {
    let mut samples = Samples::default();
    let mut resampling = None;
    let decoded = decode_blocks(path, source, most_minutes, &mut |block, from_hz| {
        let resampling = match &mut resampling {
            Some(resampling) => resampling,
            none => none.insert(Resampling::new(from_hz, rate_hz)?),
        };
        resampling.push(block, &mut |made| samples.extend(made))
    })?;
    if let Some(resampling) = resampling {
        resampling.finish(&mut |made| samples.extend(made))?;
    }
    samples.finish()?;
    Ok((samples, decoded))
}

fn temporary(doing: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |e| {
        let folder = std::env::temp_dir();
        let problem = std::io::Error::other(format!(
            "{e} (a temporary file for a long song; the environment's TMPDIR moves it)"
        ));
        Error::io(&folder, doing)(problem)
    }
}

impl Samples {
    /// Appends samples.
    fn extend(&mut self, samples: &[f32]) -> Result<()> {
        self.memory.extend_from_slice(samples);
        let most = if self.file.is_some() { WRITTEN_AT_ONCE } else { MOST_IN_MEMORY };
        if self.memory.len() <= most { Ok(()) } else { self.write() }
    }

    /// To be called after the last.
    fn finish(&mut self) -> Result<()> {
        if self.file.is_some() { self.write() } else { Ok(()) }
    }

    /// Moves what is in memory to the file.
    fn write(&mut self) -> Result<()> {
        let (file, len) = match &mut self.file {
            Some(file) => file,
            none => none.insert((tempfile::tempfile().map_err(temporary("write"))?, 0)),
        };
        for some in self.memory.chunks(WRITTEN_AT_ONCE) {
            let bytes: Vec<u8> = some.iter().flat_map(|x| x.to_le_bytes()).collect();
            file.write_all(&bytes).map_err(temporary("write"))?;
        }
        *len += self.memory.len();
        self.memory = Vec::new();
        Ok(())
    }

    /// Appends zeros up to a length.
    ///
    /// # Errors
    /// If they are in a file that cannot be written.
    pub fn pad(&mut self, len: usize) -> Result<()> {
        let zeros = vec![0.0; WRITTEN_AT_ONCE];
        let mut more = len.saturating_sub(self.count());
        while more > 0 {
            let some = more.min(zeros.len());
            self.extend(&zeros[..some])?;
            more -= some;
        }
        self.finish()
    }
}

impl Pieces for Samples {
    fn count(&self) -> usize {
        self.file.as_ref().map_or(self.memory.len(), |(_, len)| *len)
    }

    fn piece(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let Some((file, _)) = &self.file else { return self.memory.piece(range) };
        let mut file = file;
        let mut bytes = vec![0; range.len() * size_of::<f32>()];
        let start = (range.start * size_of::<f32>()) as u64;
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(temporary("read"))?;
        Ok(Cow::Owned(bytes.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sound_has_the_same_samples_in_a_file() {
        let value = |i: usize| ((i * 7919) % 10_007) as f32;
        for n in [0, 5, MOST_IN_MEMORY, MOST_IN_MEMORY + 1, MOST_IN_MEMORY + WRITTEN_AT_ONCE + 77] {
            let all: Vec<f32> = (0..n).map(value).collect();
            let mut samples = Samples::default();
            all.chunks(999_983).for_each(|some| samples.extend(some).unwrap());
            samples.finish().unwrap();
            assert_eq!((samples.count(), samples.file.is_some()), (n, n > MOST_IN_MEMORY));
            for range in [0..n, n / 2..n / 2 + n.min(1000) / 2, n..n] {
                assert!(*samples.piece(range.clone()).unwrap() == all[range]);
            }
            let padded = n + WRITTEN_AT_ONCE + 3;
            samples.pad(padded).unwrap();
            assert_eq!(samples.count(), padded);
            assert!(samples.piece(n..padded).unwrap().iter().all(|x| *x == 0.0));
        }
    }
}
