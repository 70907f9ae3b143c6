//! Sun's and NeXT's .au files, in which GTZAN was first distributed.
//!
//! Big-endian words: ".snd", offset of the data, their number of bytes (all ones or 0 if unknown: up
//! to the end of the file), encoding, sample rate, channels; then text, then the data.

use super::pcm::{Encoding, Pcm};
use super::stream::{Kind, MOST_CHANNELS, Stream, Unread};

const HEADER_BYTES: usize = 24;
const UNKNOWN_SIZE: u32 = u32::MAX;

/// The sound of a file of `file_bytes` that begins with `header`, or the problem with it.
pub(super) fn parse(header: &[u8], file_bytes: u64) -> Result<Stream, Unread> {
    let words = header.get(4..HEADER_BYTES).unwrap_or_default().as_chunks().0;
    let &[start, size, encoding, sample_rate_hz, channels] = words else {
        return Err(format!("an .au header has 24 bytes, found {}", header.len()).into());
    };
    let [start, size, encoding, sample_rate_hz, channels] =
        [start, size, encoding, sample_rate_hz, channels].map(u32::from_be_bytes);
    let start = u64::from(start);
    let room = file_bytes.checked_sub(start).filter(|_| start >= HEADER_BYTES as u64);
    let room = room.ok_or_else(|| {
        format!("the .au header has its data begin at byte {start} of {file_bytes}")
    })?;
    let channels = channels as usize;
    if !(1..=MOST_CHANNELS).contains(&channels) {
        return Err(format!("the .au header has {channels} channels").into());
    }
    let pcm = match encoding {
        1 => Some(Pcm::of(Encoding::MuLaw)),
        2..=5 => Pcm::int(encoding as usize - 1, true),
        6 => Pcm::float(4, true),
        7 => Pcm::float(8, true),
        27 => Some(Pcm::of(Encoding::ALaw)),
        _ => None,
    };
    let pcm = pcm.ok_or_else(|| {
        format!(
            "expected .au encoding 1 (mu-law), 2 to 5 (8 to 32 bit PCM), 6, 7 (float) or 27 (A-law), \
             found {encoding}"
        )
    })?;
    let size = Some(u64::from(size)).filter(|_| size != UNKNOWN_SIZE && size != 0);
    Ok(Stream::new(Kind::Pcm(pcm), channels, sample_rate_hz, start, size, room))
}
