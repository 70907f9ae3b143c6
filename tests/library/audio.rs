//! Sound files of every kind against the WAV that they were made from
//! (tests/fixtures/audio/make.py).

use std::path::{Path, PathBuf};

use genre_gpu::Error;
use genre_gpu::audio::{Sound, decode};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn read(name: &str) -> Sound {
    decode(&fixture(name), bytes(name)).unwrap()
}

/// A WAV of 16 bits as hound writes it.
fn wav(rate_hz: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let (bits_per_sample, sample_format) = (16, hound::SampleFormat::Int);
    let spec = hound::WavSpec { channels, sample_rate: rate_hz, bits_per_sample, sample_format };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// The offset of `got` against `want` at which they are most alike, and how alike:
/// the energy of the difference over that of `want`.
fn align(want: &[f32], got: &[f32]) -> (isize, f64) {
    let inside = 3000..want.len() - 3000;
    let error = |lag: isize| -> f64 {
        let (mut off, mut all) = (0.0, 0.0);
        for i in inside.clone() {
            let other = got.get((i as isize + lag) as usize).copied().unwrap_or(0.0);
            off += f64::from(want[i] - other).powi(2);
            all += f64::from(want[i]).powi(2);
        }
        off / all
    };
    let lags = (-2500..=2500).map(|lag| (lag, error(lag)));
    lags.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

#[test]
fn samples_of_16_bits_are_divided_by_32768() {
    let sound = decode(Path::new("a.wav"), wav(8000, 1, &[0, 1, -32_768, 32_767])).unwrap();
    assert_eq!(sound.samples, [0.0, 1.0 / 32_768.0, -1.0, 32_767.0 / 32_768.0]);
    assert_eq!((sound.sample_rate_hz, sound.damage), (8000, None));
    let stereo = decode(Path::new("a.wav"), wav(44_100, 2, &[100, 300, -7, 8])).unwrap();
    assert_eq!(stereo.samples, [200.0 / 32_768.0, 0.5 / 32_768.0], "the mean of channels");
}

#[test]
fn lossless_files_are_the_wav_exactly() {
    let want = read("tones.wav");
    assert_eq!((want.samples.len(), want.sample_rate_hz), (11_025, 22_050));
    let mut reader = hound::WavReader::open(fixture("tones.wav")).unwrap();
    let plain: Vec<f32> =
        reader.samples::<i16>().map(|x| f32::from(x.unwrap()) / 32_768.0).collect();
    assert_eq!(want.samples, plain);
    assert_eq!(read("tones.flac"), want);
    // ALAC's packets are of one length: what fills the last is not sound, and zero.
    let alac = read("tones.alac.m4a");
    assert_eq!((&alac.samples[..11_025], alac.sample_rate_hz), (&want.samples[..], 22_050));
    assert!(alac.samples[11_025..].iter().all(|&x| x == 0.0));
}

#[test]
fn lossy_files_are_the_wav_nearly() {
    let want = read("tones.wav");
    // The lag is the encoder's, where its format does not tell it.
    for (name, most_lag, tolerance) in
        [("tones.mp3", 0, 0.01), ("tones.ogg", 0, 0.01), ("tones.m4a", 2112, 0.01)]
    {
        let got = read(name);
        assert_eq!((got.sample_rate_hz, &got.damage), (22_050, &None), "{name}");
        let (lag, error) = align(&want.samples, &got.samples);
        assert!((0..=most_lag).contains(&lag), "{name}: lag {lag}");
        assert!(error < tolerance, "{name}: {error}");
        let more = got.samples.len() as isize - want.samples.len() as isize;
        assert!((0..=4096).contains(&more), "{name}: {more} samples more");
    }
}

#[test]
fn what_a_file_is_stands_in_its_bytes() {
    let want = read("tones.flac");
    for name in ["tones.wav", "tones", "tones.mp3"] {
        assert_eq!(decode(Path::new(name), bytes("tones.flac")).unwrap(), want, "{name}");
    }
}

#[test]
fn a_file_that_breaks_off_gives_what_comes_before() {
    // The other formats pack this half second into one to three blocks.
    for name in ["tones.wav", "tones.mp3"] {
        assert_eq!(read(name).damage, None, "{name}");
        let whole = read(name);
        let mut cut_off = bytes(name);
        cut_off.truncate(cut_off.len() * 6 / 10);
        let got = decode(&fixture(name), cut_off).unwrap();
        let (had, has) = (whole.samples.len(), got.samples.len());
        assert!((had / 5..had * 9 / 10).contains(&has), "{name}: {has} of {had}");
        assert!(got.damage.is_some(), "{name} does not say so");
        let same = got.samples.iter().zip(&whole.samples).take(has - 1152);
        assert!(same.into_iter().all(|(a, b)| a == b), "{name}");
    }
}

/// Without the frame that counts them, symphonia guesses how long an MP3 is.
#[test]
fn an_mp3_that_does_not_tell_its_length_is_not_taken_for_damaged() {
    let whole = bytes("tones.mp3");
    let info = whole.windows(4).position(|word| word == b"Info" || word == b"Xing").unwrap();
    let frame = |from: usize| {
        let at = whole[from..].windows(2).position(|w| w[0] == 0xff && w[1] & 0xe0 == 0xe0);
        from + at.unwrap()
    };
    let mut bare = whole[frame(info)..].to_vec();
    bare.truncate(bare.len() / 2);
    assert_eq!(decode(Path::new("bare.mp3"), bare).unwrap().damage, None);
}

#[test]
fn what_holds_no_sound_is_an_error_with_its_name() {
    let noise: Vec<u8> = (0..20_000u64).map(|i| ((i * i * 7919) >> 7) as u8).collect();
    let mut header_only = bytes("tones.flac");
    header_only.truncate(50);
    let nan: Vec<u8> = {
        let mut bytes = b".snd".to_vec();
        for word in [24u32, 4, 6, 22_050, 1, f32::NAN.to_bits()] {
            bytes.extend(word.to_be_bytes());
        }
        bytes
    };
    for (name, bytes) in [
        ("empty.wav", Vec::new()),
        ("text.mp3", b"<html>not found</html>".repeat(50)),
        ("noise.wav", noise),
        ("header.flac", header_only),
        ("silent.wav", wav(22_050, 1, &[])),
        ("rate.wav", wav(7, 1, &[1; 100])),
        ("nan.au", nan),
    ] {
        let error = decode(Path::new(name), bytes).unwrap_err();
        assert!(matches!(error, Error::Audio { .. }), "{error}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

/// Whatever the damage: an answer, never a panic.
#[test]
fn damage_anywhere_is_an_answer() {
    for name in ["tones.wav", "tones.mp3", "tones.flac", "tones.ogg", "tones.m4a"] {
        let whole = bytes(name);
        for k in 0..120usize {
            let mut damaged = whole.clone();
            let at = if k < 60 { k } else { k * 7919 % whole.len() };
            damaged[at] ^= 0xff;
            if let Err(error) = decode(&fixture(name), damaged) {
                assert!(matches!(error, Error::Audio { .. }), "{error}");
            }
        }
    }
}
