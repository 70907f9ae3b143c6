//! Apple's AIFF and AIFF-C files.
//!
//! Big-endian chunks: `COMM` has the format, `SSND` the sound, in either order.

use std::io;

use symphonia::core::io::MediaSource;

use super::pcm::{Encoding, Pcm};
use super::stream::{Kind, MOST_CHANNELS, MOST_CHUNKS, PLACEHOLDER, Stream, Unread, read_at};

/// Whether a file begins as one.
pub(super) fn is_aiff(start: &[u8]) -> bool {
    start.starts_with(b"FORM") && matches!(start.get(8..12), Some(b"AIFF" | b"AIFC"))
}

/// What `COMM` says.
struct Common {
    kind: Kind,
    channels: usize,
    sample_rate_hz: u32,
    /// Samples of each channel.
    frames: u32,
}

/// The sound of a file of `file_bytes`, or the problem with it.
pub(super) fn parse(
    source: &mut dyn MediaSource,
    begin: u64,
    file_bytes: u64,
) -> io::Result<Result<Stream, Unread>> {
    let compressed = read_at(source, begin + 8, 4)? == b"AIFC";
    let (mut common, mut data, mut at) = (None, None, begin + 12);
    for _ in 0..MOST_CHUNKS {
        let bytes = read_at(source, at, 8)?;
        let Some((name, len)) = bytes
            .split_at_checked(4)
            .and_then(|(name, len)| Some((name, u32::from_be_bytes(len.try_into().ok()?))))
        else {
            break;
        };
        let start = at + 8;
        match name {
            b"COMM" => {
                let bytes = read_at(source, start, (len as usize).min(22))?;
                common = match parse_common(&bytes, compressed) {
                    Ok(common) => Some(common),
                    Err(problem) => return Ok(Err(problem)),
                };
            }
            b"SSND" => {
                // An offset and the size of blocks come first.
                let bytes = read_at(source, start, 4)?;
                let offset = bytes.try_into().map_or(0, u32::from_be_bytes);
                let first = start + 8 + u64::from(offset);
                data = Some((first, u64::from(len).saturating_sub(8 + u64::from(offset))));
            }
            _ => {}
        }
        if common.is_some() && data.is_some() {
            break;
        }
        at = start + u64::from(len) + u64::from(len % 2);
    }
    let Some((common, (start, len))) = common.zip(data) else {
        let problem = "has no sound: a \"COMM\" or \"SSND\" chunk is missing";
        return Ok(Err(Unread::Damaged(problem.into())));
    };
    let Common { kind, channels, sample_rate_hz, frames } = common;
    let room = file_bytes.saturating_sub(start);
    // Of the two lengths, one may be unknown: 0, or beyond the file.
    let counted = match kind {
        Kind::Pcm(pcm) => u64::from(frames) * (pcm.bytes() * channels) as u64,
        _ => 0,
    };
    let promised = match (counted, len) {
        (0, 0) => None,
        (counted, len) if counted <= room && counted > 0 && (len == 0 || len > room) => {
            Some(counted)
        }
        (_, 0) => None,
        (_, len) if len >= PLACEHOLDER && len > room => None,
        (_, len) => Some(len),
    };
    Ok(Ok(Stream::new(kind, channels, sample_rate_hz, start, promised, room)))
}

fn parse_common(bytes: &[u8], compressed: bool) -> Result<Common, Unread> {
    let word = |at: usize| -> Option<u16> {
        Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
    };
    let fields = || {
        let frames = u32::from_be_bytes(bytes.get(2..6)?.try_into().ok()?);
        let rate = extended(bytes.get(8..18)?.try_into().ok()?);
        Some((usize::from(word(0)?), frames, usize::from(word(6)?), rate))
    };
    let (channels, frames, bits, rate) =
        fields().ok_or_else(|| format!("a \"COMM\" chunk has 18 bytes, found {}", bytes.len()))?;
    if !(1..=MOST_CHANNELS).contains(&channels) {
        return Err(format!("its header has {channels} channels").into());
    }
    let codec = bytes.get(18..22).filter(|_| compressed).unwrap_or(b"NONE");
    let whole = bits.div_ceil(8);
    let pcm = match codec {
        b"NONE" | b"twos" => Pcm::int(whole, true),
        b"sowt" => Pcm::int(whole, false),
        b"in24" => Pcm::int(3, true),
        b"in32" => Pcm::int(4, true),
        b"42ni" => Pcm::int(3, false),
        b"23ni" => Pcm::int(4, false),
        b"fl32" | b"FL32" => Pcm::float(4, true),
        b"fl64" | b"FL64" => Pcm::float(8, true),
        b"raw " => Some(Pcm::of(Encoding::U8)),
        b"alaw" | b"ALAW" => Some(Pcm::of(Encoding::ALaw)),
        b"ulaw" | b"ULAW" => Some(Pcm::of(Encoding::MuLaw)),
        _ => None,
    };
    let pcm = pcm.ok_or_else(|| {
        let codec = String::from_utf8_lossy(codec);
        let name = match &*codec {
            "ima4" => "IMA ADPCM of QuickTime",
            "MAC3" | "MAC6" => "MACE",
            "QDM2" | "QDMC" => "QDesign Music",
            "GSM " | "agsm" => "GSM 6.10",
            _ => "unknown",
        };
        let codec = codec.escape_debug();
        Unread::Kind(format!(
            "its codec is {name} (AIFF-C \"{codec}\", {bits} bits), which is not read"
        ))
    })?;
    Ok(Common { kind: Kind::Pcm(pcm), channels, sample_rate_hz: rate, frames })
}

/// A number of 80 bits as a sample rate; 0 where it is none.
fn extended(bytes: [u8; 10]) -> u32 {
    let [a, b, mantissa @ ..] = bytes;
    let exponent = i32::from(u16::from_be_bytes([a & 0x7f, b])) - 16_383 - 63;
    let value = u64::from_be_bytes(mantissa) as f64 * f64::from(exponent).exp2();
    if a & 0x80 == 0 { value.round() as u32 } else { 0 }
}
