//! Sound files to mono samples.

use std::io::Cursor;
use std::path::Path;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_VORBIS,
};
use symphonia::core::errors::Error as Symphonia;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::au;
use super::front_end::MOST_HZ;
use super::sound::Sound;
use crate::error::{Error, Result};
use crate::panics::quiet_catch_unwind;

/// Extensions of the sound files that can be decoded.
pub const EXTENSIONS: [&str; 6] = ["wav", "au", "mp3", "flac", "ogg", "m4a"];

/// A sample rate outside this range is taken for a damaged header.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=MOST_HZ;

/// A header may count samples that are not decoded, such as the MP3 frame that holds the count.
const SLACK_SAMPLES: u64 = 2 * 1152;

/// Bytes in which the first frame of an MP3 is searched, with any padding before it.
const FIRST_FRAME_BYTES: usize = 4096;

/// The longest file that is decoded, in seconds. At a low sample rate many seconds are few samples,
/// which resampling makes many again.
const MOST_SECONDS: usize = 6 * 3600;

/// The most samples that are decoded of one file: six hours at 48 kHz. A compressed file of a few
/// megabytes can expand to any length; these take 4 GB, and twice that while they grow.
const MOST_SAMPLES: usize = 6 * 3600 * 48_000;

/// Decodes a whole file that was read from `path`: WAV, AU, MP3, FLAC, Ogg Vorbis, AAC or ALAC in
/// MP4, recognised by its bytes, not by its name. Of a truncated or damaged file the samples before
/// the damage are returned, and [`Sound::damage`] is set if the header has the length: Ogg's has
/// not, nor have MP3 files without a Xing, Info or VBRI frame.
///
/// # Errors
/// `Error::Audio` if it is of another kind, has no sound, or is longer than six hours at 48 kHz.
pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<Sound> {
    decode_at_most(path, bytes, MOST_SAMPLES)
}

/// The most samples of a file at a rate.
fn limit(most_samples: usize, rate_hz: u32) -> usize {
    most_samples.min(MOST_SECONDS * rate_hz as usize)
}

/// [`decode`] with another limit of samples.
fn decode_at_most(path: &Path, bytes: Vec<u8>, most_samples: usize) -> Result<Sound> {
    let fail = |problem: String| Error::Audio { path: path.into(), problem };
    let extension = path.extension().and_then(|extension| extension.to_str());
    let sound = if au::is_au(&bytes) {
        au::decode(&bytes)
    } else {
        let decoded = quiet_catch_unwind(|| decode_any(bytes, extension, most_samples));
        decoded.unwrap_or_else(|panic| Err(format!("is damaged: the decoder failed ({panic})")))
    };
    let sound = sound.map_err(fail)?;
    if !RATES_HZ.contains(&sound.sample_rate_hz) {
        return Err(fail(format!("its header has a sample rate of {} Hz", sound.sample_rate_hz)));
    }
    let most_samples = limit(most_samples, sound.sample_rate_hz);
    if sound.samples.len() > most_samples {
        let seconds = (most_samples / sound.sample_rate_hz as usize).min(3600);
        return Err(fail(format!(
            "is longer than {most_samples} samples, the most that are decoded of one file; cut it \
             into pieces, such as with ffmpeg -ss 0 -t {seconds} -i \"{}\" piece.wav",
            path.display()
        )));
    }
    if sound.samples.is_empty() {
        let why = sound.damage.map_or_else(String::new, |damage| format!(" ({damage})"));
        return Err(fail(format!("contains no audio{why}")));
    }
    if let Some(at) = sound.samples.iter().position(|x| !x.is_finite()) {
        return Err(fail(format!("sample {at} is not finite")));
    }
    Ok(sound)
}

/// Decodes with symphonia. Stops after `most_samples` were exceeded.
fn decode_any(
    bytes: Vec<u8>,
    extension: Option<&str>,
    most_samples: usize,
) -> Result<Sound, String> {
    let unusable = |e: Symphonia| match e {
        Symphonia::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            "not a readable audio file: unknown format, or truncated header".to_owned()
        }
        e => format!("cannot be decoded: {e}"),
    };
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let mp3_has_length = mp3_has_length(&bytes);
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let probe = symphonia::default::get_probe();
    let mut format = probe
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| match e {
            Symphonia::Unsupported(_) => {
                let kinds = EXTENSIONS.map(|extension| format!(".{extension}")).join(", ");
                format!("not a readable audio file ({kinds})")
            }
            e => unusable(e),
        })?;
    let track = format.default_track(TrackType::Audio).ok_or("has no track of sound")?;
    let id = track.id;
    let codec = track.codec_params.as_ref().and_then(|params| params.audio());
    let promised = codec.and_then(|codec| {
        let known = match codec.codec {
            // Its count is the position at the end of the last page, wherever the first begins.
            CODEC_ID_VORBIS => false,
            // Otherwise the count is an estimate from the file's size.
            CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => mp3_has_length,
            _ => true,
        };
        track.num_frames.filter(|_| known).zip(codec.sample_rate)
    });
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(
            codec.ok_or("its codec is not supported")?,
            &AudioDecoderOptions::default(),
        )
        .map_err(unusable)?;

    let mut sound = Sound::empty(0);
    let mut interleaved = Vec::new();
    let (mut bad, mut reason) = (0, String::new());
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(e) => {
                sound.damage = Some(format!("breaks off: {e}"));
                break;
            }
        };
        if packet.track_id != id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => {
                let (rate, channels) = (decoded.spec().rate(), decoded.num_planes());
                if sound.sample_rate_hz == 0 {
                    sound.sample_rate_hz = rate;
                } else if rate != sound.sample_rate_hz {
                    sound.damage =
                        Some(format!("changes from {} to {rate} Hz", sound.sample_rate_hz));
                    break;
                }
                decoded.copy_to_vec_interleaved(&mut interleaved);
                sound.extend(&interleaved, channels);
                if sound.samples.len() > limit(most_samples, rate) {
                    return Ok(sound);
                }
            }
            // The packet is skipped; later ones may be intact.
            Err(e @ (Symphonia::DecodeError(_) | Symphonia::IoError(_))) => {
                bad += 1;
                reason = e.to_string();
            }
            Err(e) => {
                sound.damage = Some(format!("breaks off: {e}"));
                break;
            }
        }
    }
    if bad > 0 && sound.damage.is_none() {
        sound.damage = Some(format!("{bad} packets cannot be decoded: {reason}"));
    }
    if let Some((samples, rate)) = promised
        && sound.damage.is_none()
        && rate == sound.sample_rate_hz
        && samples.saturating_sub(SLACK_SAMPLES) > sound.samples.len() as u64
    {
        let there = sound.samples.len();
        sound.damage = Some(format!("its header promises {samples} samples, there are {there}"));
    }
    if sound.sample_rate_hz == 0 {
        let damage = sound.damage.unwrap_or_else(|| "it ends after its header".into());
        return Err(format!("contains no audio ({damage})"));
    }
    Ok(sound)
}

/// Whether an MP3's first frame has the number of frames.
fn mp3_has_length(bytes: &[u8]) -> bool {
    // ID3: three letters, two bytes of version, flags, and the length in sevens of bits.
    let id3 = match *bytes {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] => {
            10 + [a, b, c, d].iter().fold(0, |n, byte| n << 7 | usize::from(byte & 0x7f))
        }
        _ => 0,
    };
    let first = bytes.get(id3..).unwrap_or_default();
    let first = first.get(..FIRST_FRAME_BYTES).unwrap_or(first);
    first.windows(4).any(|word| matches!(word, b"Xing" | b"Info" | b"VBRI"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_the_limit_names_a_way_out() {
        let path = Path::new("songs/long.wav");
        let wav = crate::audio::wav(&[0.25; 1000], 8000).unwrap();
        // The header of an .au file: mu-law, 8 kHz, one channel.
        let mut au = b".snd".to_vec();
        au.extend([24u32, 1000, 1, 8000, 1].iter().flat_map(|word| word.to_be_bytes()));
        au.resize(24 + 1000, 0);
        for bytes in [wav, au] {
            let sound = decode_at_most(path, bytes.clone(), 1000).unwrap();
            assert_eq!(sound.samples.len(), 1000);
            for (most, seconds) in [(999, 0), (10, 0)] {
                let error = decode_at_most(path, bytes.clone(), most).unwrap_err().to_string();
                let way_out = format!("ffmpeg -ss 0 -t {seconds} -i \"songs/long.wav\"");
                for part in ["songs/long.wav", &format!("{most} samples"), &way_out] {
                    assert!(error.contains(part), "{part}: {error}");
                }
            }
        }
        // At a low rate the limit is one of time.
        let mut slow = b".snd".to_vec();
        let len = MOST_SECONDS * 1000 + 1;
        slow.extend([24u32, len as u32, 1, 1000, 1].iter().flat_map(|word| word.to_be_bytes()));
        slow.resize(24 + len, 0);
        let error = decode(path, slow).unwrap_err().to_string();
        assert!(error.contains("is longer than 21600000 samples"), "{error}");
        // The hour that the message proposes is within the limit at every rate that is decoded.
        assert!(RATES_HZ.contains(&48_000) && MOST_SAMPLES / 48_000 == 6 * 3600);
        assert!(MOST_SAMPLES / *RATES_HZ.end() as usize > 0);
    }
}
