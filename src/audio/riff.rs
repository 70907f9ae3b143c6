//! WAV files and their large siblings: RIFF, RIFX (big-endian), RF64 and BW64.
//!
//! Chunks of a name, a length and bytes: `fmt ` has the format, `data` the sound, `ds64` (RF64, BW64)
//! the lengths of more than 32 bits. Programs that write to a pipe, or that were stopped, leave 0 or
//! all ones as lengths, so the length of the whole is not looked at, and a length of `data` that is
//! unknown or beyond the file means: to the end.

use std::io;

use symphonia::core::io::MediaSource;

use super::pcm::{Encoding, Pcm};
use super::stream::{Kind, MOST_CHANNELS, MOST_CHUNKS, PLACEHOLDER, Stream, Unread, read_at};

/// Of a format's chunk, more is not read.
const FORMAT_BYTES: usize = 64;

/// Whether a file begins as one of these.
pub(super) fn is_wave(start: &[u8]) -> bool {
    let magic = [b"RIFF", b"RIFX", b"RF64", b"BW64"];
    magic.iter().any(|magic| start.starts_with(*magic)) && start.get(8..12) == Some(b"WAVE")
}

/// The order of bytes of a file.
#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

struct Chunk {
    name: [u8; 4],
    /// Of its bytes, after name and length.
    start: u64,
    len: u32,
}

fn chunk(source: &mut dyn MediaSource, at: u64, order: Order) -> io::Result<Option<Chunk>> {
    let bytes = read_at(source, at, 8)?;
    let name = bytes.get(..4).and_then(|name| name.try_into().ok());
    Ok(name.zip(order.u32(&bytes, 4)).map(|(name, len)| Chunk { name, start: at + 8, len }))
}

fn is_name(name: &[u8]) -> bool {
    name.len() == 4 && name.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// The sound of a file of `file_bytes`, or the problem with it.
pub(super) fn parse(
    source: &mut dyn MediaSource,
    begin: u64,
    file_bytes: u64,
) -> io::Result<Result<Stream, Unread>> {
    let magic = read_at(source, begin, 4)?;
    let order = Order { big_endian: magic == b"RIFX" };
    let (mut format, mut long_data, mut at) = (None, None, begin + 12);
    for _ in 0..MOST_CHUNKS {
        let Some(Chunk { name, start, len }) = chunk(source, at, order)? else { break };
        match &name {
            b"ds64" => {
                // The length of the whole, then that of the data.
                let bytes = read_at(source, start, 16)?;
                let word = bytes.get(8..16).and_then(|word| word.try_into().ok());
                long_data = word.map(u64::from_le_bytes);
            }
            b"fmt " => {
                let len = (len as usize).min(FORMAT_BYTES);
                format = Some(read_at(source, start, len)?);
            }
            b"data" => {
                let Some(format) = &format else {
                    let problem = "its sound comes before its format: it has no \"fmt \" chunk";
                    return Ok(Err(Unread::Damaged(problem.into())));
                };
                let room = file_bytes.saturating_sub(start);
                let mut promised = u64::from(len);
                if let Some(long) = long_data.filter(|_| len == u32::MAX || len == 0) {
                    promised = long;
                }
                let unknown = promised == 0
                    && !only_chunks_follow(source, start, order, file_bytes)?
                    || promised >= PLACEHOLDER && promised > room;
                let promised = Some(promised).filter(|_| !unknown);
                return Ok(stream(format, order, start, promised, room));
            }
            _ => {}
        }
        let end = start + u64::from(len);
        at = end + u64::from(len % 2);
        // Some programs leave out the byte that pads an odd length.
        if len % 2 == 1 {
            let names = read_at(source, end, 5)?;
            let padded = names.get(1..).is_some_and(is_name);
            if !padded && names.get(..4).is_some_and(is_name) {
                at = end;
            }
        }
    }
    Ok(Err(Unread::Damaged("has no sound: no \"data\" chunk follows its header".into())))
}

/// Whether chunks follow to the very end: then data of no length are truly empty.
fn only_chunks_follow(
    source: &mut dyn MediaSource,
    mut at: u64,
    order: Order,
    file_bytes: u64,
) -> io::Result<bool> {
    for _ in 0..MOST_CHUNKS {
        if at >= file_bytes {
            // The byte that pads an odd length may be missing.
            return Ok(at <= file_bytes + 1);
        }
        match chunk(source, at, order)? {
            Some(chunk) if is_name(&chunk.name) => {
                at = chunk.start + u64::from(chunk.len) + u64::from(chunk.len % 2);
            }
            _ => return Ok(false),
        }
    }
    Ok(false)
}

fn stream(
    format: &[u8],
    order: Order,
    start: u64,
    promised: Option<u64>,
    room: u64,
) -> Result<Stream, Unread> {
    let fields = || {
        let word = |at| order.u16(format, at).map(usize::from);
        Some((word(0)?, word(2)?, order.u32(format, 4)?, word(12)?, word(14)?))
    };
    let (mut tag, channels, rate, block_bytes, bits) =
        fields().ok_or_else(|| format!("a \"fmt \" chunk has 16 bytes, found {}", format.len()))?;
    if tag == 0xfffe {
        // WAVE_FORMAT_EXTENSIBLE: the tag is the beginning of a GUID.
        tag = order.u16(format, 24).map_or(tag, usize::from);
    }
    if !(1..=MOST_CHANNELS).contains(&channels) {
        return Err(
            format!("its header has {channels} channels, expected 1 to {MOST_CHANNELS}").into()
        );
    }
    // The bytes of a sample, which may be more than its bits need.
    let bytes = match block_bytes / channels {
        0 => bits.div_ceil(8),
        bytes => bytes,
    };
    let Order { big_endian } = order;
    let kind = match tag {
        1 if bytes == 1 => Some(Kind::Pcm(Pcm::of(Encoding::U8))),
        1 => Pcm::int(bytes, big_endian).map(Kind::Pcm),
        3 => Pcm::float(bytes, big_endian).map(Kind::Pcm),
        6 => Some(Kind::Pcm(Pcm::of(Encoding::ALaw))),
        7 => Some(Kind::Pcm(Pcm::of(Encoding::MuLaw))),
        2 if channels <= 2 && bits == 4 && block_bytes > 7 * channels => {
            Some(Kind::AdpcmMs { block_bytes })
        }
        0x11 if channels <= 2 && bits == 4 && block_bytes > 4 * channels => {
            Some(Kind::AdpcmIma { block_bytes })
        }
        0x50 | 0x55 => Some(Kind::Mpeg),
        _ => None,
    };
    let kind = kind.ok_or_else(|| {
        let s = if channels == 1 { "" } else { "s" };
        let about = format!("WAV format {tag:#06x}, {bits} bits, {channels} channel{s}");
        Unread::Kind(match codec(tag) {
            Some(codec) => format!("its codec is {codec} ({about}), which is not read"),
            None => format!("its codec is one without a common name ({about}), which is not read"),
        })
    })?;
    Ok(Stream::new(kind, channels, rate, start, promised, room))
}

/// The codec of a format tag, as people know it.
fn codec(tag: usize) -> Option<&'static str> {
    Some(match tag {
        0x01 => "PCM",
        0x02 => "Microsoft ADPCM",
        0x03 => "floating-point PCM",
        0x05 => "IBM CVSD",
        0x0a => "WMA Voice",
        0x10 | 0x17 => "OKI ADPCM",
        0x11 | 0x12 | 0x69 => "IMA ADPCM",
        0x14 | 0x40 | 0x45 | 0x64 | 0x85 => "G.721 or G.726 ADPCM",
        0x20 => "Yamaha ADPCM",
        0x22 | 0x1501 => "TrueSpeech",
        0x31 | 0x32 | 0x86 | 0x1500 => "GSM 6.10",
        0x38 | 0x57 | 0x58 | 0x7a21 | 0x7a22 => "AMR",
        0x42 | 0x111 | 0xa100 => "G.723.1",
        0x61 | 0x62 => "Duck ADPCM",
        0x65 | 0x28f => "G.722",
        0x75 => "VoxWare MetaSound",
        0x83 | 0x84 | 0x729a => "G.729",
        0x92 | 0x2000 => "AC-3",
        0xff | 0x1600..=0x1602 | 0x1610 | 0x4143 | 0x706d | 0xa106 => "AAC",
        0x130 => "ACELP (SIPR)",
        0x160..=0x163 => "WMA",
        0x165 | 0x166 => "XMA",
        0x200 => "Creative ADPCM",
        0x270 => "ATRAC3",
        0x401 => "Intel Music Coder",
        0x402 => "Indeo Audio",
        0x08 | 0x2001 => "DTS",
        0x674f..=0x6771 | 0x566f | 0x6f56 => "Vorbis",
        0x704f => "Opus",
        0xa109 => "Speex",
        0xf1ac => "FLAC",
        _ => return None,
    })
}
