//! Sound files to mono samples.

use std::cell::Cell;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Once;

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
use crate::error::{Error, Result};

/// Files with these endings are taken for sound.
pub const EXTENSIONS: [&str; 6] = ["wav", "au", "mp3", "flac", "ogg", "m4a"];

/// Sample rates outside are damaged headers.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=MOST_HZ;

/// A header may count samples that are none, such as the frame in which MP3 keeps the count.
const SLACK_SAMPLES: u64 = 2 * 1152;

/// The first frame of an MP3, with what fills the place before it.
const FIRST_FRAME_BYTES: usize = 4096;

/// Sound of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples, ±1; of several channels their mean. 16-bit samples are divided by 32,768.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// What is wrong with a file of which not all could be decoded.
    pub damage: Option<String>,
}

impl Sound {
    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate_hz)
    }
}

/// Decodes a whole file that was read from `path`: WAV, AU, MP3, FLAC, Ogg
/// Vorbis, AAC or ALAC in MP4, told by its bytes rather than by its name. A file
/// that ends or breaks half-way gives what comes before, and says so in
/// [`Sound::damage`] where its header tells how long it is: Ogg's does not, nor do
/// MP3 files without a Xing, Info or VBRI frame.
///
/// # Errors
/// `Error::Audio` if it is none of these, or there is no sound in it.
pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<Sound> {
    let fail = |problem: String| Error::Audio { path: path.into(), problem };
    let extension = path.extension().and_then(|extension| extension.to_str());
    let sound = if au::is_au(&bytes) {
        au::decode(&bytes)
    } else {
        caught(|| decode_any(bytes, extension)).and_then(|sound| sound)
    };
    let sound = sound.map_err(fail)?;
    if !RATES_HZ.contains(&sound.sample_rate_hz) {
        return Err(fail(format!("its header says {} samples a second", sound.sample_rate_hz)));
    }
    if sound.samples.is_empty() {
        let why = sound.damage.map_or_else(String::new, |damage| format!(" ({damage})"));
        return Err(fail(format!("there is no sound in it{why}")));
    }
    if let Some(at) = sound.samples.iter().position(|x| !x.is_finite()) {
        return Err(fail(format!("sample {at} is not finite")));
    }
    Ok(sound)
}

/// The mean of interleaved channels.
pub(super) fn mono(interleaved: &[f32], channels: usize) -> Vec<f32> {
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    interleaved.chunks_exact(channels.max(1)).map(mean).collect()
}

fn decode_any(bytes: Vec<u8>, extension: Option<&str>) -> Result<Sound, String> {
    let unusable = |e: Symphonia| match e {
        Symphonia::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            "is no sound file of a known kind, or ends within its header".to_owned()
        }
        e => format!("cannot be decoded: {e}"),
    };
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let mp3_tells = mp3_tells_length(&bytes);
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let probe = symphonia::default::get_probe();
    let mut format = probe
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| match e {
            Symphonia::Unsupported(_) => {
                let kinds = EXTENSIONS.map(|extension| format!(".{extension}")).join(", ");
                format!("is no sound file that can be read ({kinds})")
            }
            e => unusable(e),
        })?;
    let track = format.default_track(TrackType::Audio).ok_or("has no track of sound")?;
    let id = track.id;
    let codec = track.codec_params.as_ref().and_then(|params| params.audio());
    let promised = codec.and_then(|codec| {
        let known = match codec.codec {
            // The sample at which the last page ends, wherever the first begins.
            CODEC_ID_VORBIS => false,
            // Else it is guessed from the file's size.
            CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => mp3_tells,
            _ => true,
        };
        track.num_frames.filter(|_| known).zip(codec.sample_rate)
    });
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(
            codec.ok_or("has sound in no known codec")?,
            &AudioDecoderOptions::default(),
        )
        .map_err(unusable)?;

    let mut sound = Sound { samples: Vec::new(), sample_rate_hz: 0, damage: None };
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
                sound.samples.extend(mono(&interleaved, channels));
            }
            // Such a packet is passed over; those after it may be whole.
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
        return Err(format!("there is no sound in it ({damage})"));
    }
    Ok(sound)
}

/// Whether an MP3's first frame says how many there are.
fn mp3_tells_length(bytes: &[u8]) -> bool {
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

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// A decoder that a damaged file brings to panic has found one more damaged file.
fn caught<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    // A panic that is caught must not be printed either; all others are, as ever.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |info| {
            if !DECODING.get() {
                print(info);
            }
        }));
    });
    DECODING.set(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    decoded.map_err(|_| "its damage is such that the decoder gave up".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    #[allow(clippy::panic)]
    fn a_decoders_panic_is_an_answer() {
        let answer: Result<(), String> = super::caught(|| panic!("index out of bounds"));
        assert!(answer.unwrap_err().contains("gave up"));
        assert_eq!(super::caught(|| 3), Ok(3));
    }
}
