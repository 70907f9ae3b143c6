//! What a file is, from its bytes: where its sound begins, and the names of kinds that are not read.

use std::io;

use symphonia::core::io::MediaSource;

use super::stream::read_at;

/// In so many bytes the first frame of MPEG audio is searched, whatever comes before.
const SEARCHED_BYTES: usize = 4 << 20;
/// More tags are taken for damage.
const MOST_TAGS: usize = 100;
/// So many frames in a row are MPEG audio.
const FRAMES_IN_A_ROW: usize = 3;

/// The position after all ID3v2 tags at the beginning of a file.
pub(super) fn after_id3(source: &mut dyn MediaSource) -> io::Result<u64> {
    let mut at = 0;
    for _ in 0..MOST_TAGS {
        // Three letters, two bytes of version, flags, and the length in sevens of bits.
        match *read_at(source, at, 10)? {
            [b'I', b'D', b'3', _, _, flags, a, b, c, d] => {
                let size = [a, b, c, d].iter().fold(0, |n, byte| n << 7 | u64::from(byte & 0x7f));
                at += 10 + size + if flags & 0x10 != 0 { 10 } else { 0 };
            }
            _ => break,
        }
    }
    Ok(at)
}

/// The offset of the first of several MPEG audio frames in a row, from `begin` on.
pub(super) fn first_mpeg_frame(
    source: &mut dyn MediaSource,
    begin: u64,
) -> io::Result<Option<u64>> {
    let bytes = read_at(source, begin, SEARCHED_BYTES)?;
    let is_first = |at: &usize| {
        let mut next = *at;
        let mut first = None;
        for _ in 0..FRAMES_IN_A_ROW {
            let Some((len, same)) = bytes.get(next..next + 4).and_then(mpeg_frame) else {
                return false;
            };
            if *first.get_or_insert(same) != same {
                return false;
            }
            next += len;
        }
        true
    };
    Ok((0..bytes.len()).find(is_first).map(|at| begin + at as u64))
}

/// The bytes of the MPEG audio frame with this header, and what its neighbours have in common.
fn mpeg_frame(header: &[u8]) -> Option<(usize, [u8; 2])> {
    const KBPS: [[usize; 14]; 5] = [
        [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let &[a, b, c, _] = header else { return None };
    let (version, layer) = (b >> 3 & 3, b >> 1 & 3);
    let (bit_rate, rate, padding) = (usize::from(c >> 4), usize::from(c >> 2 & 3), c >> 1 & 1);
    if a != 0xff || b >> 5 != 7 || version == 1 || layer == 0 {
        return None;
    }
    let is_first_version = version == 3;
    let row = match (is_first_version, layer) {
        (true, 3) => 0,
        (true, 2) => 1,
        (true, _) => 2,
        (false, 3) => 3,
        (false, _) => 4,
    };
    let kbps = KBPS[row].get(bit_rate.checked_sub(1)?)?;
    let hz = [44_100, 48_000, 32_000].get(rate)?
        >> match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
    let bytes = match layer {
        3 => (12_000 * kbps / hz + usize::from(padding)) * 4,
        1 if !is_first_version => 72_000 * kbps / hz + usize::from(padding),
        _ => 144_000 * kbps / hz + usize::from(padding),
    };
    Some((bytes, [b & 0x1e, c & 0x0c]))
}

/// What a Xing, Info or VBRI header in the first frames of `start` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MpegCount {
    /// The bytes of the stream, where they are said.
    pub(super) bytes: Option<u32>,
}

/// The header that counts frames, if the first frame has one.
pub(super) fn mpeg_count(start: &[u8]) -> Option<MpegCount> {
    let at = start.windows(4).position(|word| matches!(word, b"Xing" | b"Info" | b"VBRI"))?;
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(start.get(at..at + 4)?.try_into().ok()?))
    };
    if start[at..].starts_with(b"VBRI") {
        // Version, delay and quality, then bytes and frames.
        return Some(MpegCount { bytes: word(at + 10) });
    }
    let flags = word(at + 4)?;
    // Without a number of frames it counts nothing.
    (flags & 1 != 0).then(|| MpegCount { bytes: word(at + 12).filter(|_| flags & 2 != 0) })
}

/// The kind of a file that is not read, if it is a known one.
pub(super) fn unread(start: &[u8]) -> Option<&'static str> {
    let has = |at: usize, magic: &[u8]| start.get(at..).is_some_and(|x| x.starts_with(magic));
    let contains = |word: &[u8]| start.windows(word.len()).any(|part| part == word);
    Some(match start {
        _ if has(0, b"OggS") && contains(b"OpusHead") => "Opus",
        _ if has(0, b"OggS") && contains(b"Speex   ") => "Speex",
        _ if has(0, b"OggS") && contains(b"\x80theora") => "Ogg video",
        _ if has(0, &[0x30, 0x26, 0xb2, 0x75]) => "WMA (ASF)",
        _ if has(0, &[0x1a, 0x45, 0xdf, 0xa3]) => "Matroska or WebM",
        _ if has(0, &[0x0b, 0x77]) || has(0, &[0x77, 0x0b]) => "AC-3",
        _ if has(0, &[0x7f, 0xfe, 0x80, 0x01]) => "DTS",
        _ if has(0, b"caff") => "CAF",
        _ if has(0, b"MAC ") => "Monkey's Audio",
        _ if has(0, b"wvpk") => "WavPack",
        _ if has(0, b"TTA1") => "TTA",
        _ if has(0, b"MPCK") || has(0, b"MP+") => "Musepack",
        _ if has(0, b"#!AMR") => "AMR",
        _ if has(0, b".RMF") || has(0, b".ra\xfd") => "RealAudio",
        _ if has(0, b"FLV") => "Flash video",
        _ if has(0, b"FRM8") || has(0, b"DSD ") => "DSD",
        _ if has(0, b"riff.\x91\xcf\x11") => "Wave64",
        _ if has(0, b"RIFF") && has(8, b"AVI ") => "AVI",
        _ if has(0, b"FORM") && has(8, b"8SVX") => "8SVX",
        _ if has(0, b"Creative Voice File") => "VOC",
        _ if has(0, &[0x00, 0x00, 0x01, 0xba]) => "MPEG video",
        _ if start.first() == Some(&0x47) && start.get(188) == Some(&0x47) => {
            "an MPEG transport stream"
        }
        _ => return None,
    })
}

/// The codec of an MP4's first track of sound that is not read, by the name of its description.
pub(super) fn mp4_codec(moov: &[u8]) -> Option<&'static str> {
    let descriptions = moov.windows(20).filter(|part| part.starts_with(b"stsd"));
    // The name, version and flags, number, size, then the codec.
    descriptions.into_iter().find_map(|part| {
        Some(match part.get(16..20)? {
            b"ac-3" | b"ec-3" => "AC-3",
            b"Opus" => "Opus",
            b"samr" | b"sawb" => "AMR",
            b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" => "DTS",
            b"ima4" => "IMA ADPCM of QuickTime",
            b"QDM2" | b"QDMC" => "QDesign Music",
            b"drms" | b"enca" => "protected by DRM",
            b"mha1" | b"mhm1" => "MPEG-H",
            _ => return None,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn frames_have_the_lengths_of_the_standard() {
        for (header, bytes) in [
            // 128 kbit/s, 44.1 kHz, layer 3, without and with padding.
            ([0xff, 0xfb, 0x90, 0x00], 417),
            ([0xff, 0xfb, 0x92, 0x00], 418),
            // MPEG 2, 64 kbit/s, 22.05 kHz, layer 3; layer 2, 192 kbit/s, 48 kHz.
            ([0xff, 0xf3, 0x80, 0x00], 208),
            ([0xff, 0xfd, 0xa4, 0x00], 576),
            // Layer 1, 384 kbit/s, 32 kHz.
            ([0xff, 0xff, 0xc8, 0x00], 576),
        ] {
            assert_eq!(mpeg_frame(&header).map(|(len, _)| len), Some(bytes), "{header:x?}");
        }
        for header in [[0xff, 0xfb, 0xf0, 0], [0xff, 0xf9, 0x90, 0], [0xfe, 0xfb, 0x90, 0]] {
            assert_eq!(mpeg_frame(&header), None);
        }
    }

    #[test]
    fn tags_and_what_is_no_frame_are_passed_over() {
        let mut frame = vec![0u8; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        let tag = |len: usize| {
            let sevens = [21, 14, 7, 0].map(|shift| (len >> shift & 0x7f) as u8);
            let mut tag = b"ID3\x04\0\0".to_vec();
            tag.extend(sevens);
            tag.resize(10 + len, 0xff);
            tag
        };
        let mut bytes = [tag(300), tag(70_000)].concat();
        let after = bytes.len();
        bytes.extend([0xff, 0xfb, 0x90, 0x00].repeat(5));
        let first = bytes.len();
        bytes.extend(frame.repeat(3));
        let mut source = Cursor::new(bytes);
        let begin = after_id3(&mut source).unwrap();
        assert_eq!(begin, after as u64);
        assert_eq!(first_mpeg_frame(&mut source, begin).unwrap(), Some(first as u64));
        assert_eq!(first_mpeg_frame(&mut source, first as u64 + 1).unwrap(), None);
    }
}
