//! Sound files as people have them: headers that lie, rare kinds, files put together or cut off.
//! Figures are by hand or from the fixtures; where ffmpeg is installed, its lengths and samples are
//! compared, too.

use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

use genre_gpu::audio::{Decoded, Sound, decode, decode_blocks};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    std::fs::read(folder.join(name)).unwrap()
}

fn read(name: &str, bytes: &[u8]) -> Sound {
    decode(Path::new(name), bytes.to_vec()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn problem(name: &str, bytes: &[u8]) -> String {
    decode(Path::new(name), bytes.to_vec()).unwrap_err().to_string()
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = [&name[..], &(body.len() as u32).to_le_bytes(), body].concat();
    bytes.resize(bytes.len() + body.len() % 2, 0);
    bytes
}

/// A `fmt ` chunk.
fn fmt(tag: u16, channels: u16, rate: u32, block_bytes: u16, bits: u16, more: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend([tag, channels].iter().flat_map(|x| x.to_le_bytes()));
    let bytes_per_second = rate * u32::from(block_bytes);
    body.extend([rate, bytes_per_second].iter().flat_map(|x| x.to_le_bytes()));
    body.extend([block_bytes, bits].iter().flat_map(|x| x.to_le_bytes()));
    body.extend(more);
    chunk(b"fmt ", &body)
}

fn riff(magic: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [&magic[..], &(body.len() as u32 + 4).to_le_bytes(), b"WAVE", &body].concat()
}

const RATE: u32 = 8000;

/// A second of 16 bits.
fn second() -> Vec<i16> {
    (0..RATE as i32).map(|i| ((i * 7919) % 20_001 - 10_000) as i16).collect()
}

fn le(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn be(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|x| x.to_be_bytes()).collect()
}

fn values(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&x| f32::from(x) / 32_768.0).collect()
}

fn plain() -> Vec<u8> {
    fmt(1, 1, RATE, 2, 16, &[])
}

/// The file is read to its end, and not called damaged.
fn is_whole(what: &str, bytes: &[u8]) {
    let sound = read("a.wav", bytes);
    assert_eq!(sound.damage, None, "{what}");
    assert_eq!(sound.sample_rate_hz, RATE, "{what}");
    assert!(sound.samples == values(&second()), "{what}: {} samples", sound.samples.len());
}

#[test]
fn lengths_in_the_header_of_a_wav_may_lie() {
    let good = riff(b"RIFF", &[plain(), chunk(b"data", &le(&second()))]);
    is_whole("right", &good);
    for whole in [0, 8, u32::MAX, 36, 0x8000_0024] {
        for data in [16_000, 0, u32::MAX, 0x7fff_ffff, 0x8000_0000, 0x7fff_f000, 16_100] {
            let mut bytes = good.clone();
            bytes[4..8].copy_from_slice(&whole.to_le_bytes());
            bytes[40..44].copy_from_slice(&u32::to_le_bytes(data));
            is_whole(&format!("{whole:#x} {data:#x}"), &bytes);
        }
    }
    // Cut off: remarked, and what is there is read.
    let cut = read("a.wav", &good[..44 + 6000]);
    assert_eq!(cut.samples, values(&second()[..3000]));
    assert!(cut.damage.unwrap().contains("promises 16000 bytes of sound, there are 6000"));
    // An odd byte at the end is no sample.
    assert_eq!(read("a.wav", &good[..44 + 15_999]).samples.len(), 7999);
    // Truly empty: nothing follows, or other chunks.
    for chunks in [
        vec![plain(), chunk(b"data", &[])],
        vec![plain(), chunk(b"data", &[]), chunk(b"LIST", b"INFO")],
    ] {
        assert!(problem("a.wav", &riff(b"RIFF", &chunks)).contains("contains no audio"));
    }
}

#[test]
fn chunks_of_any_kind_may_surround_the_sound() {
    let data = || chunk(b"data", &le(&second()));
    let list = || chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0");
    is_whole("LIST before", &riff(b"RIFF", &[plain(), list(), data()]));
    is_whole("LIST first", &riff(b"RIFF", &[list(), plain(), data(), list()]));
    is_whole("odd length", &riff(b"RIFF", &[plain(), chunk(b"junk", &[1; 7]), data()]));
    let mut unpadded = chunk(b"junk", &[1; 7]);
    unpadded.pop();
    is_whole("odd length without padding", &riff(b"RIFF", &[plain(), unpadded, data()]));
    let tag = [b"ID3\x03\0\0\0\0\0\x20".to_vec(), vec![0xff; 32]].concat();
    is_whole("a tag before", &[tag, riff(b"RIFF", &[plain(), data()])].concat());
    // WAVE_FORMAT_EXTENSIBLE: size, valid bits, channels, GUID.
    let mut more = vec![22, 0, 16, 0, 4, 0, 0, 0, 1, 0];
    more.extend(*b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    is_whole("extensible", &riff(b"RIFF", &[fmt(0xfffe, 1, RATE, 2, 16, &more), data()]));
    for magic in [b"RF64", b"BW64"] {
        let mut ds64 = Vec::new();
        ds64.extend([16_100u64, 16_000, 8000].iter().flat_map(|x| x.to_le_bytes()));
        ds64.extend([0; 4]);
        let mut long = data();
        long[4..8].fill(0xff);
        let chunks = [chunk(b"ds64", &ds64), plain(), long, list()];
        is_whole("RF64", &riff(magic, &chunks));
    }
    // Big-endian.
    let mut rifx =
        b"RIFX\0\0\0\0WAVEfmt \0\0\0\x10\0\x01\0\x01\0\0\x1f\x40\0\0\x3e\x80\0\x02\0\x10data"
            .to_vec();
    rifx.extend(16_000u32.to_be_bytes());
    rifx.extend(be(&second()));
    is_whole("RIFX", &rifx);
}

#[test]
fn samples_of_every_width_and_law() {
    let wav = |tag, bytes: u16, bits, data: &[u8]| {
        riff(b"RIFF", &[fmt(tag, 1, RATE, bytes, bits, &[]), chunk(b"data", data)])
    };
    for (what, bytes, want) in [
        ("u8", wav(1, 1, 8, &[0, 128, 192]), vec![-1.0, 0.0, 0.5]),
        ("24 bits", wav(1, 3, 24, &[0, 0, 0x80, 0, 0, 0x40]), vec![-1.0, 0.5]),
        ("20 of 24 bits", wav(1, 3, 20, &[0, 0, 0x40]), vec![0.5]),
        ("32 bits", wav(1, 4, 32, &[0, 0, 0, 0x40]), vec![0.5]),
        ("float", wav(3, 4, 32, &0.3f32.to_le_bytes()), vec![0.3]),
        ("double", wav(3, 8, 64, &0.3f64.to_le_bytes()), vec![0.3]),
        ("A-law", wav(6, 1, 8, &[0xaa]), vec![32_256.0 / 32_768.0]),
        ("mu-law", wav(7, 1, 8, &[0x80]), vec![32_124.0 / 32_768.0]),
    ] {
        assert_eq!(read("a.wav", &bytes).samples, want, "{what}");
    }
}

/// The standards' arithmetic by hand.
#[test]
fn adpcm_by_hand() {
    // IMA: the first sample and the index of the step, then four bits each, low ones first. Step 7:
    // 15 · 7 / 8 = 13, then, 8 steps up, step 16: −15 · 16 / 8 (as ffmpeg rounds).
    let ima = riff(
        b"RIFF",
        &[fmt(0x11, 1, RATE, 8, 4, &[2, 0, 9, 0]), chunk(b"data", &[0, 0, 0, 0, 0xf7, 0, 0, 0])],
    );
    let got = read("a.wav", &ima);
    assert_eq!(got.samples[..3], values(&[0, 13, -17]));
    assert_eq!((got.samples.len(), got.damage), (9, None));
    // Microsoft: predictor 0 (256, 0), delta 16, samples 100 and 50 (the earlier one), high bits first.
    let ms = riff(
        b"RIFF",
        &[fmt(2, 1, RATE, 9, 4, &[0, 0]), chunk(b"data", &[0, 16, 0, 100, 0, 50, 0, 0x1f, 0])],
    );
    assert_eq!(read("a.wav", &ms).samples[..4], values(&[50, 100, 116, 100]));
    // Of the last block what is there.
    let cut = &ms[..ms.len() - 2];
    assert_eq!(read("a.wav", cut).samples, values(&[50, 100, 116, 100]));
}

fn aiff(
    form: &[u8; 4],
    codec: &[u8],
    data: &[u8],
    bits: u16,
    frames: u32,
    ssnd_first: bool,
) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let mut bytes = [&name[..], &(body.len() as u32).to_be_bytes(), body].concat();
        bytes.resize(bytes.len() + body.len() % 2, 0);
        bytes
    };
    let mut common = vec![0, 1];
    common.extend(frames.to_be_bytes());
    common.extend(bits.to_be_bytes());
    // 8000 as a number of 80 bits.
    common.extend([0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0]);
    common.extend(codec);
    let mut chunks = [chunk(b"COMM", &common), chunk(b"SSND", &[&[0; 8], data].concat())];
    if ssnd_first {
        chunks.reverse();
    }
    let body = chunks.concat();
    [b"FORM", &(body.len() as u32 + 4).to_be_bytes()[..], form, &body].concat()
}

#[test]
fn aiff_in_its_kinds() {
    let (big, little) = (be(&second()), le(&second()));
    let float: Vec<u8> = values(&second()).iter().flat_map(|x| x.to_be_bytes()).collect();
    for ssnd_first in [false, true] {
        for (form, codec, data, bits) in [
            (b"AIFF", &b""[..], &big, 16),
            (b"AIFC", b"NONE\0\0", &big, 16),
            (b"AIFC", b"sowt\0\0", &little, 16),
            (b"AIFC", b"fl32\0\0", &float, 32),
            (b"AIFC", b"FL32\0\0", &float, 32),
        ] {
            let bytes = aiff(form, codec, data, bits, RATE, ssnd_first);
            is_whole(&format!("{codec:?}"), &bytes);
            let at = bytes.windows(4).position(|word| word == b"SSND").unwrap() + 4;
            for (frames, len) in [(0u32, 0u32), (RATE, 0), (0, u32::MAX), (RATE, u32::MAX)] {
                if ssnd_first && len == u32::MAX {
                    // Nothing can be found after it.
                    continue;
                }
                let mut bytes = aiff(form, codec, data, bits, frames, ssnd_first);
                if !ssnd_first {
                    bytes[at..at + 4].copy_from_slice(&len.to_be_bytes());
                }
                is_whole(&format!("{codec:?} {frames} {len}"), &bytes);
            }
        }
    }
    let told = problem("a.aifc", &aiff(b"AIFC", b"ima4\0\0", &[0; 34], 16, 1, false));
    assert!(
        told.contains("IMA ADPCM of QuickTime") && told.contains("ffmpeg -i a.aifc a.read.wav"),
        "{told}"
    );
}

fn au(start: u32, size: u32, encoding: u32, channels: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b".snd".to_vec();
    for word in [start, size, encoding, 22_050, channels] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.resize((start as usize).max(24), b'#');
    bytes.extend(data);
    bytes
}

#[test]
fn au_honours_its_size_and_its_channels() {
    let data = [0x40, 0, 0, 0, 0x20, 0, 0x20, 0, 0x7f, 0xff, 0x7f, 0xff];
    let stereo = read("a.au", &au(24, 8, 3, 2, &data));
    assert_eq!(stereo.samples, [0.25, 0.25], "what follows the data is not sound");
    for size in [u32::MAX, 0] {
        let unknown = read("a.au", &au(28, size, 3, 2, &data));
        assert_eq!((unknown.samples.len(), unknown.damage), (3, None), "{size}");
    }
    let cut_off = read("a.au", &au(24, 40_000, 3, 2, &data[..11]));
    assert_eq!(cut_off.samples.len(), 2);
    assert!(cut_off.damage.unwrap().contains("40000"));
    for (encoding, data, want) in [
        (1, &[0x80u8, 0xff][..], &[32_124.0 / 32_768.0, 0.0][..]),
        (2, &[0x80, 0x40, 0xff], &[-1.0, 0.5, -1.0 / 128.0]),
        (3, &[0x80, 0, 0x40, 0, 0, 1], &[-1.0, 0.5, 1.0 / 32_768.0]),
        (4, &[0x80, 0, 0, 0x40, 0, 0, 0, 0, 1], &[-1.0, 0.5, 1.0 / 8_388_608.0]),
        (5, &[0x80, 0, 0, 0, 0x40, 0, 0, 0], &[-1.0, 0.5]),
        (6, &0.3f32.to_be_bytes(), &[0.3]),
        (7, &0.3f64.to_be_bytes(), &[0.3]),
        (27, &[0xaa, 0x55], &[32_256.0 / 32_768.0, -8.0 / 32_768.0]),
    ] {
        let sound = read("a.au", &au(28, data.len() as u32, encoding, 1, data));
        assert_eq!((&sound.samples[..], sound.damage), (want, None), "{encoding}");
    }
}

#[test]
fn an_au_header_that_cannot_be_is_named() {
    let whole = au(24, 4, 3, 1, &[0; 4]);
    for (bytes, told) in [
        (&whole[..23], "24 bytes, found 23"),
        (&au(24, 4, 23, 1, &[0; 4]), "found 23"),
        (&au(24, 4, 3, 0, &[0; 4]), "0 channels"),
    ] {
        let problem = problem("a.au", bytes);
        assert!(problem.contains(told), "{problem}");
    }
    for start in [3u32, 1000] {
        let mut bytes = whole.clone();
        bytes[4..8].copy_from_slice(&start.to_be_bytes());
        assert!(problem("a.au", &bytes).contains("begin"), "{start}");
    }
}

#[test]
fn what_is_not_read_names_its_codec_and_the_way_out() {
    for (name, start, codec) in [
        (
            "a.opus",
            &b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01"[..],
            "Opus",
        ),
        ("a.wma", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
        ("a.ac3", b"\x0b\x77\0\0", "AC-3"),
        ("a.mka", b"\x1a\x45\xdf\xa3", "Matroska"),
        ("a.ape", b"MAC \x96\x0f", "Monkey's Audio"),
        ("a.wv", b"wvpk", "WavPack"),
        ("a.amr", b"#!AMR\n", "AMR"),
    ] {
        let told = problem(name, &[start, &[0; 500]].concat());
        let way_out = format!("ffmpeg -i {name} a.read.wav");
        assert!(told.contains(codec) && told.contains(&way_out), "{told}");
    }
    let wma = riff(b"RIFF", &[fmt(0x161, 2, 44_100, 2230, 16, &[]), chunk(b"data", &[0; 99])]);
    let told = problem("a.wav", &wma);
    assert!(told.contains("WMA") && told.contains("ffmpeg -i"), "{told}");
    // No sound, whatever ffmpeg is asked.
    assert!(!problem("a.mp3", &b"<html>".repeat(99)).contains("ffmpeg"));
}

/// The frame of `tones.mp3` that counts frames, and what follows.
fn mp3() -> (Vec<u8>, Vec<u8>) {
    let whole = fixture("tones.mp3");
    let info = whole.windows(4).position(|word| word == b"Info" || word == b"Xing").unwrap();
    let frames: Vec<usize> = (0..whole.len() - 1)
        .filter(|&at| whole[at] == 0xff && whole[at + 1] & 0xe0 == 0xe0)
        .collect();
    let first = *frames.iter().rfind(|&&at| at < info).unwrap();
    let next = *frames.iter().find(|&&at| at > info).unwrap();
    (whole[first..next].to_vec(), whole[next..].to_vec())
}

#[test]
fn an_mp3_is_as_long_as_its_frames() {
    let (info, frames) = mp3();
    let whole = read("a.mp3", &fixture("tones.mp3"));
    let bare = read("a.mp3", &frames);
    assert_eq!((bare.damage.clone(), bare.samples.len() % 576), (None, 0));
    assert!(bare.samples.len() >= whole.samples.len());
    // Put together, with and without their first frames; with a tag and other bytes before.
    let twice = read("a.mp3", &frames.repeat(2));
    assert_eq!((twice.samples.len(), twice.damage), (2 * bare.samples.len(), None));
    let four = fixture("tones.mp3").repeat(4);
    let four = read("a.mp3", &four);
    assert!(four.samples.len() >= 4 * whole.samples.len() && four.damage.is_none());
    let mut tag = b"ID3\x04\0\0\0\x7f\0\0".to_vec();
    tag.resize(10 + (0x7f << 14), 7);
    let tagged = read("a.mp3", &[&tag[..], &[0; 5000], b"garbage", &frames].concat());
    assert_eq!((tagged.samples, tagged.damage), (bare.samples.clone(), None));
    // A count of frames that is stale, too small or too large; the number of bytes says that it is all.
    let at = info.windows(4).position(|word| word == b"Info" || word == b"Xing").unwrap();
    for count in [1u32, 5, 1000] {
        let mut stale = info.clone();
        stale[at + 8..at + 12].copy_from_slice(&count.to_be_bytes());
        let sound = read("a.mp3", &[&stale[..], &frames].concat());
        let less = bare.samples.len() - sound.samples.len();
        assert!(less <= 3000 && sound.damage.is_none(), "{count}: {less} {:?}", sound.damage);
    }
    // VBRI instead.
    for count in [2u32, 40_000] {
        let mut vbri = info.clone();
        vbri[4..].fill(0);
        vbri[36..40].copy_from_slice(b"VBRI");
        vbri[41] = 1;
        let bytes = (info.len() + frames.len()) as u32;
        vbri[46..50].copy_from_slice(&bytes.to_be_bytes());
        vbri[50..54].copy_from_slice(&count.to_be_bytes());
        let sound = read("a.mp3", &[&vbri[..], &frames].concat());
        assert_eq!((sound.samples.len(), sound.damage), (bare.samples.len(), None), "{count}");
    }
    // In a WAV.
    let wav = riff(b"RIFF", &[fmt(0x55, 1, 22_050, 1, 0, &[]), chunk(b"data", &frames)]);
    assert_eq!(read("a.wav", &wav).samples, bare.samples);
}

#[test]
fn ogg_files_in_a_chain_are_read_to_the_last() {
    let one = fixture("tones.ogg");
    let want = read("a.ogg", &one);
    let two = read("a.ogg", &one.repeat(2));
    assert_eq!((two.samples.len(), two.damage), (2 * want.samples.len(), None));
    assert_eq!(two.samples[want.samples.len()..], want.samples);
}

/// Where a box of this name begins.
fn mp4_box(bytes: &[u8], name: &[u8; 4]) -> usize {
    bytes.windows(4).position(|word| word == name).unwrap() - 4
}

/// The same MP4 with its index before its sound, which then lies farther from the start.
fn index_first(whole: &[u8]) -> Vec<u8> {
    let (mdat, moov) = (mp4_box(whole, b"mdat"), mp4_box(whole, b"moov"));
    assert!(mdat < moov);
    let mut index = whole[moov..].to_vec();
    let by = u32::try_from(index.len()).unwrap();
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    // Size, name, version, count, then the places of chunks.
    let stco = mp4_box(&index, b"stco");
    for i in 0..word(&index[stco + 12..stco + 16]) as usize {
        let at = stco + 16 + 4 * i;
        let place = word(&index[at..at + 4]) + by;
        index[at..at + 4].copy_from_slice(&place.to_be_bytes());
    }
    [&whole[..mdat], &index, &whole[mdat..moov]].concat()
}

#[test]
fn a_cut_mp4_is_read_as_far_as_it_goes_or_says_what_is_missing() {
    for name in ["tones.m4a", "tones.alac.m4a"] {
        let whole = fixture(name);
        let told = problem("a.m4a", &whole[..mp4_box(&whole, b"moov")]);
        assert!(told.contains("moov") && told.contains("cut off"), "{told}");

        let all = read("a.m4a", &whole);
        let first = index_first(&whole);
        let same = read("a.m4a", &first);
        assert_eq!((&same.samples, same.damage), (&all.samples, None));
        let mdat = mp4_box(&first, b"mdat");
        for at in [mdat + (first.len() - mdat) / 2, first.len() - 3] {
            let cut = read("a.m4a", &first[..at]);
            let n = cut.samples.len();
            assert!(n > all.samples.len() / 4 && n < all.samples.len(), "{n}");
            assert_eq!(cut.samples, all.samples[..n]);
            let damage = cut.damage.unwrap();
            assert!(damage.contains("breaks off"), "{damage}");
        }
    }
}

#[test]
fn what_the_samples_are_like_is_measured_while_they_are_decoded() {
    let stereo: Vec<i16> = second().iter().flat_map(|&x| [x, -x]).collect();
    let wav = riff(b"RIFF", &[fmt(1, 2, RATE, 4, 16, &[]), chunk(b"data", &le(&stereo))]);
    let mut samples = 0;
    let mut source = Cursor::new(wav);
    let decoded: Decoded = decode_blocks(Path::new("a.wav"), &mut source, 1, &mut |block, rate| {
        assert!(rate == RATE && block.iter().all(|&x| x == 0.0));
        samples += block.len();
        Ok(())
    })
    .unwrap();
    assert_eq!((samples, decoded.samples), (RATE as usize, u64::from(RATE)));
    assert!(decoded.levels.nothing().unwrap().contains("out of phase"));
}

/// FLAC is read to the last file, as MP3 and Ogg are; of other kinds it is said that more follows.
#[test]
fn what_follows_a_file_is_read_or_said() {
    let flac = fixture("tones.flac");
    let want = read("a.flac", &flac).samples;
    let twice = read("a.flac", &flac.repeat(2));
    assert_eq!((twice.samples, twice.damage), (want.repeat(2), None));
    let mut broken = flac.clone();
    // Behind the first frames: 8 KB of it are padding.
    broken.truncate(flac.len() * 3 / 4);
    let sound = read("a.flac", &[&flac[..], &broken].concat());
    assert!(sound.samples.len() > want.len() && sound.damage.is_some());
    let wav = riff(b"RIFF", &[plain(), chunk(b"data", &le(&second()))]);
    let other = riff(b"RIFF", &[fmt(1, 1, 2 * RATE, 2, 16, &[]), chunk(b"data", &le(&second()))]);
    let mut piped = wav.clone();
    piped[40..44].fill(0xff);
    let aiff = aiff(b"AIFF", b"", &be(&second()), 16, RATE, false);
    let m4a = fixture("tones.m4a");
    let au = au(24, 16_000, 3, 1, &be(&second()));
    for (name, first, second) in [
        ("a.wav", &wav, &wav),
        ("a.wav", &wav, &other),
        ("a.wav", &piped, &wav),
        ("a.aiff", &aiff, &aiff),
        ("a.au", &au, &au),
        ("a.m4a", &m4a, &m4a),
    ] {
        let alone = read(name, first).samples;
        let sound = read(name, &[&first[..], second].concat());
        assert_eq!(sound.samples.len(), alone.len(), "{name}");
        let damage = sound.damage.unwrap();
        let told =
            format!("another file begins within it, at byte {}, and is not read", first.len());
        assert!(damage.contains(&told), "{name}: {damage}");
    }
}

/// A FLAC whose header has another number of samples.
fn counted(flac: &[u8], samples: u64) -> Vec<u8> {
    let mut flac = flac.to_vec();
    // The last 36 of these 64 bits of the first block.
    let word = u64::from_be_bytes(flac[18..26].try_into().unwrap());
    flac[18..26].copy_from_slice(&(word >> 36 << 36 | samples).to_be_bytes());
    flac
}

/// A header alone does not have a short file refused.
#[test]
fn a_stated_length_is_believed_where_there_is_sound() {
    let flac = fixture("tones.flac");
    let want = read("a.flac", &flac).samples;
    for samples in [0, 1 << 31, (1 << 36) - 1] {
        let sound = read("a.flac", &counted(&flac, samples));
        assert!(sound.samples == want, "{samples}: {} samples", sound.samples.len());
        assert_eq!(sound.damage.is_some(), samples > 0, "{samples}");
    }
    // Long ones are refused before anything is decoded.
    let rate = 1000;
    let wav = riff(b"RIFF", &[fmt(1, 1, rate, 2, 16, &[]), chunk(b"data", &vec![0; 122_002])]);
    let mut source = Cursor::new(wav);
    let mut blocks = 0;
    let refused = decode_blocks(Path::new("a.wav"), &mut source, 1, &mut |_, _| {
        blocks += 1;
        Ok(())
    });
    assert!(refused.unwrap_err().to_string().contains("longer than 1 minutes") && blocks == 0);
}

#[test]
fn codecs_of_wav_are_named_with_their_number() {
    for (tag, channels, told) in [
        (0x31, 1, "GSM 6.10 (WAV format 0x0031, 0 bits, 1 channel)"),
        (0xff, 2, "AAC (WAV format 0x00ff, 0 bits, 2 channels)"),
        (0x28f, 1, "G.722 (WAV format 0x028f, 0 bits, 1 channel)"),
        (0x704f, 2, "Opus (WAV format 0x704f"),
        (0x45, 1, "G.726"),
        (0x1234, 1, "without a common name (WAV format 0x1234"),
    ] {
        let wav = riff(b"RIFF", &[fmt(tag, channels, RATE, 2, 0, &[]), chunk(b"data", &[0; 99])]);
        let problem = problem("a.wav", &wav);
        assert!(problem.contains(told) && problem.contains("ffmpeg -i"), "{problem}");
    }
}

/// Runs ffmpeg; none where it is not installed.
fn ffmpeg(words: &str, files: &[&Path], stdin: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut words: Vec<String> = words.split_whitespace().map(ToOwned::to_owned).collect();
    for word in &mut words {
        if let Some(i) = word.strip_prefix('@') {
            *word = files[i.parse::<usize>().unwrap()].to_str().unwrap().to_owned();
        }
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(words).stdout(Stdio::piped());
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().ok()?;
    if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
        std::io::Write::write_all(&mut pipe, bytes).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    Some(output.stdout)
}

/// Lengths and samples are those of ffmpeg, where it is installed.
#[test]
fn lengths_and_samples_are_those_of_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("a.wav");
    let noise = "aevalsrc=0.3*sin(440*2*PI*t)+0.1*random(0)|0.3*sin(660*2*PI*t):s=44100:d=4";
    if ffmpeg(&format!("-f lavfi -i {noise} -bitexact @0"), &[&wav], None).is_none() {
        eprintln!("skipped: ffmpeg is not installed");
        return;
    }
    // What encodes, the file, and by how many samples lengths may differ: decoders of MP3 and AAC
    // differ in what they cut off at the ends.
    for (words, name, most) in [
        ("-c:a pcm_s24le", "s24.wav", 0),
        ("-c:a pcm_f32le", "f32.wav", 0),
        ("-c:a pcm_f64le", "f64.wav", 0),
        ("-c:a pcm_u8", "u8.wav", 0),
        ("-c:a pcm_alaw", "alaw.wav", 0),
        ("-c:a pcm_mulaw", "mulaw.wav", 0),
        ("-c:a adpcm_ms", "ms.wav", 0),
        ("-c:a adpcm_ima_wav", "ima.wav", 0),
        ("-c:a adpcm_ms -ac 1", "ms1.wav", 0),
        ("-c:a adpcm_ima_wav -ac 1", "ima1.wav", 0),
        ("-rf64 always", "rf64.wav", 0),
        ("-c:a pcm_s16be", "s16.aiff", 0),
        ("-c:a pcm_s16le", "sowt.aiff", 0),
        ("-c:a pcm_f32be", "fl32.aiff", 0),
        ("-c:a mp2", "a.mp2", 0),
        ("-c:a libmp3lame -q:a 5", "xing.mp3", 1200),
        ("-c:a libmp3lame -q:a 5 -write_xing 0", "bare.mp3", 1200),
        ("-c:a libmp3lame -b:a 128k -ar 22050 -ac 1", "low.mp3", 1200),
        ("-c:a libvorbis", "a.ogg", 0),
        ("-c:a flac", "a.flac", 0),
        ("-c:a flac -f ogg", "flac.ogg", 0),
        ("-c:a aac", "a.m4a", 2200),
        ("-c:a alac", "alac.m4a", 4096),
    ] {
        let file = folder.path().join(name);
        ffmpeg(&format!("-i @0 {words} @1"), &[&wav, &file], None);
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let channels = if words.contains("-ac 1") { 1 } else { 2 };
        let want = ffmpeg("-i @0 -f f32le -", &[&file], None).unwrap();
        let want: Vec<f32> = want
            .as_chunks()
            .0
            .chunks_exact(channels)
            .map(|x| x.iter().map(|&x| f32::from_le_bytes(x)).sum::<f32>() / channels as f32)
            .collect();
        let got = read(name, &bytes);
        assert_eq!(got.damage, None, "{name}");
        let (a, b) = (got.samples.len(), want.len());
        assert!(a.abs_diff(b) <= most, "{name}: {a} samples, ffmpeg has {b}");
        // Lossless, or the same arithmetic but for rounding.
        if most == 0 {
            let off = got.samples.iter().zip(&want).map(|(a, b)| (a - b).abs());
            let off = off.fold(0.0, f32::max);
            assert!(off < 2e-3, "{name}: samples differ by {off}");
        }
        // From a pipe: lengths that are not known.
        if name.ends_with(".wav") || name == "a.flac" {
            let format = if name == "a.flac" { "flac" } else { "wav" };
            let piped = ffmpeg(&format!("-i @0 {words} -f {format} -"), &[&wav], None).unwrap();
            let piped = read(name, &piped);
            assert_eq!((piped.samples.len(), piped.damage), (a, None), "{name} from a pipe");
        }
    }
    // Ogg: a page that is lost is remarked; the rest is read.
    let ogg = std::fs::read(folder.path().join("a.ogg")).unwrap();
    let pages: Vec<usize> =
        ogg.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(at, _)| at).collect();
    let whole = read("a.ogg", &ogg).samples.len();
    let lost = [&ogg[..pages[3]], &ogg[pages[4]..]].concat();
    let lost = read("a.ogg", &lost);
    assert!(lost.samples.len() > whole / 4 && lost.samples.len() < whole);
    assert!(lost.damage.unwrap().contains("missing"));
    // Fragmented MP4, cut off within its sound, and within and after the index of a fragment.
    let file = folder.path().join("frag.m4a");
    let words = "-c:a aac -movflags frag_keyframe+empty_moov -frag_duration 1000000";
    ffmpeg(&format!("-i @0 {words} @1"), &[&wav, &file], None);
    let frag = std::fs::read(&file).unwrap();
    let whole = read("a.m4a", &frag);
    assert_eq!(whole.damage, None);
    let second = frag.windows(4).enumerate().filter(|(_, word)| word == b"moof").nth(1).unwrap().0;
    let index = u32::from_be_bytes(frag[second - 4..second].try_into().unwrap()) as usize;
    for at in [second + 4, second + 40, second - 4 + index, second + index + 900, frag.len() / 2] {
        let cut = read("a.m4a", &frag[..at]);
        assert!(cut.samples.len() < whole.samples.len() && cut.damage.is_some(), "{at}");
    }
    // MP4 with its index first, cut off.
    let file = folder.path().join("fast.m4a");
    ffmpeg("-i @0 -c:a aac -movflags +faststart @1", &[&wav, &file], None);
    let fast = std::fs::read(&file).unwrap();
    let cut = read("a.m4a", &fast[..fast.len() / 2]);
    let whole = read("a.m4a", &fast).samples.len();
    assert!(cut.samples.len() > whole / 4 && cut.samples.len() < whole);
    assert!(cut.damage.unwrap().contains("breaks off"));
}

/// One mutation: bytes overwritten, cut out, repeated, or the file cut off.
fn mutated(whole: &[u8], stream: &mut genre_gpu::random::streams::Stream) -> Vec<u8> {
    let mut below = |n: usize| stream.below(n);
    let mut bytes = whole.to_vec();
    for _ in 0..=below(3) {
        // Headers matter most.
        let len = bytes.len().max(1);
        let at = if below(2) == 0 { below(len.min(120)) } else { below(len) };
        let span = at..(at + 1 + below(8)).min(bytes.len()).max(at);
        match below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(span)),
            2 => bytes.extend_from_within(span),
            3 => bytes[span].fill([0, 0x7f, 0x80, 0xff][below(4)]),
            _ => bytes[span].iter_mut().for_each(|byte| *byte = below(256) as u8),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Whatever the bytes: sound or an error with the file's name, never a panic.
#[test]
fn any_mutation_is_an_answer() {
    let noise: Vec<u8> = (0..9000u32).map(|i| (i * i / 7) as u8).collect();
    let block = |tag, bytes: u16| {
        riff(b"RIFF", &[fmt(tag, 1, RATE, bytes, 4, &[2, 0, 9, 0]), chunk(b"data", &noise[..900])])
    };
    let bases = [
        ("a.wav", riff(b"RIFF", &[plain(), chunk(b"LIST", b"INFO"), chunk(b"data", &noise)])),
        ("ima.wav", block(0x11, 36)),
        ("ms.wav", block(2, 70)),
        ("mp3.wav", riff(b"RIFF", &[fmt(0x55, 1, 22_050, 1, 0, &[]), chunk(b"data", &mp3().1)])),
        ("a.aiff", aiff(b"AIFC", b"fl32\0\0", &noise, 32, 2250, false)),
        ("a.mp3", fixture("tones.mp3")),
        ("a.ogg", fixture("tones.ogg")),
        ("a.flac", fixture("tones.flac")),
        ("a.m4a", fixture("tones.m4a")),
        ("alac.m4a", fixture("tones.alac.m4a")),
    ];
    for (name, whole) in bases {
        let mut stream = genre_gpu::random::streams::Stream::new(14, name);
        for case in 0..100 {
            let bytes = mutated(&whole, &mut stream);
            match decode(Path::new(name), bytes) {
                Ok(sound) => assert!(!sound.samples.is_empty(), "{name} {case}"),
                Err(error) => {
                    assert!(error.to_string().starts_with(name), "{name} {case}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_folder_of_any_kind_of_sound_is_known_where_arrays_are_expected() {
    for extension in genre_gpu::audio::EXTENSIONS {
        let work = tempfile::tempdir().unwrap();
        std::fs::write(work.path().join(format!("a.{extension}")), b"sound").unwrap();
        let options = genre_gpu::data::DataOptions::new(work.path());
        let error = genre_gpu::data::Dataset::load(&options, &genre_gpu::progress::Silent);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a sound file") && error.contains("prepare"), "{error}");
    }
}

#[test]
fn flac_files_put_together_are_read_up_to_the_first_without_sound() {
    let whole = fixture("tones.flac");
    let one = read("a.flac", &whole);
    let many = read("many.flac", &whole.repeat(150));
    assert_eq!(many.samples.len(), 100 * one.samples.len());
    let damage = many.damage.unwrap();
    let at = format!("what follows, from byte {}, is not read", 100 * whole.len());
    assert!(damage.contains(&at), "{damage}");

    // Heads alone, and ones that no decoder accepts: one of them is tried, not each.
    let head = whole[..42].to_vec();
    let mut wrong = head.clone();
    wrong[8..12].fill(0);
    for heads in [head.repeat(10_000), wrong.repeat(10_000)] {
        let sound = read("heads.flac", &[&whole[..], &heads, &whole].concat());
        assert_eq!(sound.samples, one.samples);
        let damage = sound.damage.unwrap();
        assert_eq!(damage.matches("the file that begins at byte").count(), 1, "{damage}");
        assert!(damage.contains(&format!("begins at byte {} ", whole.len())), "{damage}");
        assert!(damage.ends_with(", and what follows it is not read"), "{damage}");
    }
}
