//! Where the sound of a file lies, and how it is written: what readers of WAV, AIFF and AU find.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::pcm::Pcm;

/// More channels are taken for a damaged header.
pub(super) const MOST_CHANNELS: usize = 64;
/// More chunks are taken for damage.
pub(super) const MOST_CHUNKS: usize = 10_000;
/// From here on, lengths that are beyond the file are placeholders: 2³¹ less a header, or more.
pub(super) const PLACEHOLDER: u64 = 0x7fff_0000;
/// The shortest length that is remarked where it is missing: headers are often a block off.
const SLACK_SECONDS: f64 = 0.05;

/// The sound of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    pub(super) kind: Kind,
    pub(super) channels: usize,
    pub(super) sample_rate_hz: u32,
    /// Its first byte.
    pub(super) start: u64,
    /// Its bytes.
    pub(super) len: u64,
    /// What is missing.
    pub(super) damage: Option<String>,
}

/// How sound is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pcm(Pcm),
    /// Microsoft's ADPCM, in blocks.
    AdpcmMs {
        block_bytes: usize,
    },
    /// IMA's ADPCM in the blocks of WAV.
    AdpcmIma {
        block_bytes: usize,
    },
    /// MPEG audio, layers 1 to 3.
    Mpeg,
}

/// Why the sound of a file is not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// Its header cannot be right.
    Damaged(String),
    /// It is of a kind that is not read.
    Kind(String),
}

impl From<String> for Unread {
    fn from(problem: String) -> Self {
        Self::Damaged(problem)
    }
}

impl Stream {
    /// A stream whose header promises so many bytes (none if it does not know), in a file with `room`
    /// bytes from its first on. More bytes than there are mean: to the end.
    pub(super) fn new(
        kind: Kind,
        channels: usize,
        sample_rate_hz: u32,
        start: u64,
        promised: Option<u64>,
        room: u64,
    ) -> Self {
        let len = promised.unwrap_or(room).min(room);
        let bytes_per_second = match kind {
            Kind::Pcm(pcm) => (pcm.bytes() * channels) as f64 * f64::from(sample_rate_hz),
            // Four bits for each sample.
            Kind::AdpcmMs { .. } | Kind::AdpcmIma { .. } => {
                channels as f64 * f64::from(sample_rate_hz) / 2.0
            }
            // The least in use.
            Kind::Mpeg => 4000.0,
        };
        let damage = promised
            .filter(|promised| (promised - len) as f64 > SLACK_SECONDS * bytes_per_second)
            .map(|promised| {
                format!("its header promises {promised} bytes of sound, there are {len}")
            });
        Self { kind, channels, sample_rate_hz, start, len, damage }
    }
}

/// Reads up to `len` bytes at a position; fewer at the end of the file.
pub(super) fn read_at(source: &mut dyn MediaSource, at: u64, len: usize) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    source.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A part of a source, as a source.
pub(super) struct Section<'a> {
    source: &'a mut dyn MediaSource,
    start: u64,
    len: u64,
    at: u64,
    patch: Option<Patch>,
}

/// Bytes that are read in place of those of a source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Patch {
    /// In the source.
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

impl<'a> Section<'a> {
    pub(super) fn new(source: &'a mut dyn MediaSource, start: u64, len: u64) -> io::Result<Self> {
        source.seek(SeekFrom::Start(start))?;
        Ok(Self { source, start, len, at: 0, patch: None })
    }

    pub(super) fn patched(self, patch: Option<Patch>) -> Self {
        Self { patch, ..self }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.at);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.source.read(&mut buffer[..most])?;
        if let Some(Patch { at, bytes }) = &self.patch {
            let first = self.start + self.at;
            for (at, byte) in (*at..).zip(bytes) {
                let place = at.checked_sub(first).and_then(|place| usize::try_from(place).ok());
                if let Some(old) = place.and_then(|place| buffer[..read].get_mut(place)) {
                    *old = *byte;
                }
            }
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let place = self.start.checked_add(at);
        let place = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.source.seek(SeekFrom::Start(place))?;
        self.at = at;
        Ok(at)
    }
}

impl MediaSource for Section<'_> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_read_whatever_the_pieces() {
        let bytes: Vec<u8> = (0..40).collect();
        let mut want = bytes[10..30].to_vec();
        want[5..8].copy_from_slice(&[101, 102, 103]);
        for piece in 1..20 {
            let mut source = io::Cursor::new(bytes.clone());
            let patch = Patch { at: 15, bytes: vec![101, 102, 103] };
            let mut section = Section::new(&mut source, 10, 20).unwrap().patched(Some(patch));
            for start in [0, 6] {
                section.seek(SeekFrom::Start(start)).unwrap();
                let mut got = Vec::new();
                while section.by_ref().take(piece).read_to_end(&mut got).unwrap() > 0 {}
                assert_eq!(got, want[start as usize..], "in pieces of {piece} from {start}");
            }
        }
    }
}
