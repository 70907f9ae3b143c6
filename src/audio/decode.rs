//! Sound files to mono samples, block by block.

use std::io::{Cursor, Read};
use std::path::Path;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2,
    CODEC_ID_MP3, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as Symphonia;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::front_end::MOST_HZ;
use super::joined::{Joined, last_ogg_page};
use super::kinds::{MpegCount, after_id3, first_mpeg_frame, mp4_codec, mpeg_count, unread};
use super::sound::{Levels, Sound};
use super::stream::{Kind, Patch, Section, Stream, Unread, read_at};
use super::{aiff, au, riff};
use crate::error::{Error, Result};
use crate::panics::quiet_catch_unwind;
use crate::simd::vectorised;
use crate::text::shell;

/// Extensions of the sound files that can be decoded.
pub const EXTENSIONS: [&str; 13] =
    ["wav", "wave", "au", "snd", "aif", "aiff", "aifc", "mp3", "mp2", "flac", "ogg", "oga", "m4a"];

/// Minutes of one file that are decoded at most, unless another limit is given: a compressed file of
/// a few megabytes can expand to any length.
pub const MOST_MINUTES: u32 = 360;

/// A sample rate outside this range is taken for a damaged header.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=MOST_HZ;

/// A header may count samples that are not decoded, such as the MP3 frame that holds the count.
const SLACK_SAMPLES: u64 = 2 * 1152;
/// A header may count the bytes of a tag at the end, too.
const SLACK_BYTES: u64 = 128;
/// Bytes of an MPEG file that may be tags at its end, not frames.
const SLACK_TAGS: u64 = 8192;
/// Frames at the start of a cut MP3 whose data lie before the cut.
const FRAMES_WITHOUT_DATA: u64 = 3;
/// Packets of Ogg and FLAC that are missing are remarked from this length on.
const GAP_SECONDS: f64 = 0.05;
/// Bytes of a file in which its kind is recognised, and those that are searched for a codec's name.
const START_BYTES: usize = 4096;
const SEARCHED_BYTES: usize = 1 << 20;
/// More boxes before the index of an MP4 are taken for damage.
const MOST_BOXES: usize = 10_000;
/// Of so many packets after a seek to the limit, one is beyond it.
const PACKETS_FROM_LIMIT: usize = 64;
/// FLAC files that are read of one file, if others were put behind it.
const MOST_JOINED: usize = 100;
/// Bytes of uncompressed sound in a block.
const BLOCK_BYTES: usize = 1 << 16;

/// What decoding found of a whole file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Samples of each channel.
    pub samples: u64,
    /// What could not be decoded, if the file was not decoded completely.
    pub damage: Option<String>,
    /// What its samples are like.
    pub levels: Levels,
}

impl Decoded {
    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.sample_rate_hz)
    }
}

/// Receives mono samples, ±1, and their rate, block by block; the rate stays the same.
pub type Sink<'a> = dyn FnMut(&[f32], u32) -> Result<()> + 'a;

/// Decodes a whole file that was read from `path` into memory; see [`decode_blocks`].
///
/// # Errors
/// As [`decode_blocks`], with a limit of [`MOST_MINUTES`].
pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<Sound> {
    let mut samples = Vec::new();
    let mut source = Cursor::new(bytes);
    let Decoded { sample_rate_hz, damage, levels, .. } =
        decode_blocks(path, &mut source, MOST_MINUTES, &mut |block, _| {
            samples.extend_from_slice(block);
            Ok(())
        })?;
    Ok(Sound { samples, sample_rate_hz, damage, levels })
}

/// Decodes the file at `path`, whose bytes are `source`: WAV (with PCM, float, A-law, mu-law, ADPCM
/// or MPEG audio), RF64, AIFF, AU, MPEG audio of layers 1 to 3, FLAC, Ogg Vorbis, AAC or ALAC in MP4,
/// recognised by its bytes, not by its name. The mean of its channels goes to `sink`. Of a truncated
/// or damaged file the samples before the damage are decoded, and [`Decoded::damage`] is set if the
/// header has the length: Ogg's has not, nor have MP3 files without a Xing, Info or VBRI frame.
/// Lengths in headers that are unknown or beyond the file mean: to the end.
///
/// # Errors
/// `Error::Audio` if it is of another kind, has no sound, or is longer than `most_minutes`; the
/// errors of `sink`.
pub fn decode_blocks(
    path: &Path,
    source: &mut dyn MediaSource,
    most_minutes: u32,
    sink: &mut Sink<'_>,
) -> Result<Decoded> {
    let mut out = Out { decoded: Decoded::default(), most_minutes, sink, mono: Vec::new() };
    let done = decode_any(path, source, &mut out);
    let decoded = out.decoded;
    let fail = |problem: String| Err(Error::Audio { path: path.into(), problem });
    match done {
        Ok(()) | Err(Stop::RateChanged) => {}
        Err(Stop::Problem(problem)) => return fail(problem),
        Err(Stop::NotRead(what)) => {
            let other = path.with_extension("read.wav");
            let [path, other] = [path, &other].map(|path| shell(&path.display().to_string()));
            return fail(format!("{what}; convert it: ffmpeg -i {path} {other}"));
        }
        Err(Stop::TooLong) => {
            let piece = 60 * most_minutes.min(60);
            return fail(format!(
                "is longer than {most_minutes} minutes, the most that are decoded of one file; raise \
                 --max-minutes, or cut it into pieces, such as with ffmpeg -ss 0 -t {piece} -i \
                 {} piece.wav",
                shell(&path.display().to_string())
            ));
        }
        Err(Stop::Sink(error)) => return Err(error),
    }
    if decoded.samples == 0 {
        let why = decoded.damage.map_or_else(String::new, |damage| format!(" ({damage})"));
        return fail(format!("contains no audio{why}"));
    }
    Ok(decoded)
}

/// Why decoding stops before the end.
enum Stop {
    /// What is wrong with the file.
    Problem(String),
    /// It is of a kind that is not read.
    NotRead(String),
    /// Another rate begins; what comes before it is kept.
    RateChanged,
    TooLong,
    Sink(Error),
}

impl From<std::io::Error> for Stop {
    fn from(e: std::io::Error) -> Self {
        Self::Problem(format!("cannot be read: {e}"))
    }
}

/// Calls symphonia, which may panic on a damaged file.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Stop> {
    quiet_catch_unwind(work)
        .map_err(|panic| Stop::Problem(format!("is damaged: the decoder failed ({panic})")))
}

/// Samples of a file at most.
fn most_samples(most_minutes: u32, rate: u32) -> u64 {
    u64::from(most_minutes) * 60 * u64::from(rate)
}

/// Where decoded blocks go.
struct Out<'a, 's> {
    decoded: Decoded,
    most_minutes: u32,
    sink: &'a mut Sink<'s>,
    mono: Vec<f32>,
}

impl Out<'_, '_> {
    fn push(&mut self, interleaved: &[f32], channels: usize, rate: u32) -> Result<(), Stop> {
        let channels = channels.max(1);
        let Decoded { sample_rate_hz, samples, damage, levels } = &mut self.decoded;
        if interleaved.len() < channels {
            return Ok(());
        }
        if *sample_rate_hz == 0 {
            if !RATES_HZ.contains(&rate) {
                return Err(Stop::Problem(format!("its header has a sample rate of {rate} Hz")));
            }
            *sample_rate_hz = rate;
        } else if rate != *sample_rate_hz {
            let at = *samples as f64 / f64::from(*sample_rate_hz);
            damage.get_or_insert(format!(
                "changes from {sample_rate_hz} to {rate} Hz at {at:.2} s, and what follows is not read"
            ));
            return Err(Stop::RateChanged);
        }
        if !all_finite(interleaved) {
            let at = interleaved.iter().position(|x| !x.is_finite()).unwrap_or(0);
            let at = *samples + (at / channels) as u64;
            return Err(Stop::Problem(format!("sample {at} is not finite")));
        }
        self.mono.clear();
        match channels {
            1 => self.mono.extend_from_slice(interleaved),
            2 => self.mono.extend(interleaved.as_chunks().0.iter().map(|[a, b]| (a + b) / 2.0)),
            _ => {
                let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
                self.mono.extend(interleaved.chunks_exact(channels).map(mean));
            }
        }
        levels.add(interleaved, channels, &self.mono);
        *samples += self.mono.len() as u64;
        if *samples > most_samples(self.most_minutes, rate) {
            return Err(Stop::TooLong);
        }
        (self.sink)(&self.mono, rate).map_err(Stop::Sink)
    }

    fn damage(&mut self, damage: String) {
        self.decoded.damage.get_or_insert(damage);
    }
}

/// Whether no sample is infinite or not a number.
fn all_finite(samples: &[f32]) -> bool {
    let magnitude = |x: &f32| x.to_bits() & !(1 << 31);
    let largest = vectorised(
        #[inline(always)]
        || samples.iter().map(magnitude).fold(0, u32::max),
    );
    largest < f32::INFINITY.to_bits()
}

fn decode_any(
    path: &Path,
    source: &mut dyn MediaSource,
    out: &mut Out<'_, '_>,
) -> Result<(), Stop> {
    let file_bytes = source.seek(std::io::SeekFrom::End(0))?;
    if file_bytes == 0 {
        return Err(Stop::Problem("is empty".into()));
    }
    let mut begin = after_id3(source)?;
    let start = read_at(source, begin, START_BYTES)?;
    let kind = Joined::of(&start);
    if matches!(kind, Some(Joined::Flac | Joined::Mp4))
        && is_stated_too_long(source, begin..file_bytes, out.most_minutes)?
    {
        return Err(Stop::TooLong);
    }
    let (mut damage, mut files) = (Vec::new(), 0);
    let done = loop {
        files += 1;
        let next = match kind {
            Some(kind) => kind.next(source, begin, file_bytes)?,
            None => None,
        };
        let before = out.decoded.samples;
        let done = decode_one(path, source, begin, next.unwrap_or(file_bytes), out);
        damage.extend(out.decoded.damage.take());
        // What was put behind a file that could be read.
        let unread = match &done {
            Err(Stop::Problem(problem)) if before > 0 => problem.as_str(),
            Ok(()) if files > 1 && out.decoded.samples == before => "has no sound",
            Ok(()) => "",
            Err(_) => break done,
        };
        let mut end = match next {
            Some(next) if kind != Some(Joined::Flac) => {
                Some(format!("another file begins within it, at byte {next}, and is not read"))
            }
            Some(next) if files == MOST_JOINED => Some(format!(
                "{MOST_JOINED} files were put together, and what follows, from byte {next}, is not read"
            )),
            _ => None,
        };
        // Each beginning costs a decoder, and bytes that look like one may be anything.
        if !unread.is_empty() {
            let rest = if next.is_some() { ", and what follows it is not read" } else { "" };
            end = Some(format!("the file that begins at byte {begin} {unread}{rest}"));
        }
        match (next, end) {
            (Some(next), None) => begin = next,
            (_, end) => {
                damage.extend(end);
                break Ok(());
            }
        }
    };
    out.decoded.damage = (!damage.is_empty()).then(|| damage.join("; "));
    done
}

/// Decodes the file between two positions of a source.
fn decode_one(
    path: &Path,
    source: &mut dyn MediaSource,
    begin: u64,
    file_bytes: u64,
    out: &mut Out<'_, '_>,
) -> Result<(), Stop> {
    let start = read_at(source, begin, START_BYTES)?;
    let stream = if au_magic(&start) {
        au::parse(&start, file_bytes - begin)
            .map(|stream| Stream { start: stream.start + begin, ..stream })
    } else if riff::is_wave(&start) {
        riff::parse(source, begin, file_bytes)?
    } else if aiff::is_aiff(&start) {
        aiff::parse(source, begin, file_bytes)?
    } else {
        return decode_packed(path, source, begin, file_bytes, &start, out);
    };
    let stream = stream.map_err(|unread| match unread {
        Unread::Kind(kind) => Stop::NotRead(kind),
        Unread::Damaged(problem) => Stop::Problem(problem),
    })?;
    let done = match stream.kind {
        Kind::Pcm(pcm) => {
            let frame = pcm.bytes() * stream.channels;
            let samples = stream.len / frame as u64;
            if RATES_HZ.contains(&stream.sample_rate_hz)
                && samples > most_samples(out.most_minutes, stream.sample_rate_hz)
            {
                return Err(Stop::TooLong);
            }
            each_block(source, &stream, frame, BLOCK_BYTES / frame.min(BLOCK_BYTES), &mut |block| {
                out.push(&pcm.values(block), stream.channels, stream.sample_rate_hz)
            })
        }
        Kind::AdpcmMs { .. } | Kind::AdpcmIma { .. } => decode_adpcm(source, &stream, out),
        Kind::Mpeg => {
            let start = read_at(source, stream.start, START_BYTES)?;
            let end = stream.start + stream.len;
            decode_packed(path, source, stream.start, end, &start, out)
        }
    };
    if let Some(damage) = stream.damage {
        out.damage(damage);
    }
    done
}

fn au_magic(start: &[u8]) -> bool {
    start.starts_with(b".snd")
}

/// Calls `each` with blocks of a stream, of `count` units of `unit` bytes at most.
fn each_block(
    source: &mut dyn MediaSource,
    stream: &Stream,
    unit: usize,
    count: usize,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut section = Section::new(source, stream.start, stream.len)?;
    let mut block = Vec::new();
    loop {
        block.clear();
        (&mut section).take((unit * count.max(1)) as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(());
        }
        each(&block)?;
    }
}

/// Decodes ADPCM block by block; of the last one what is there.
fn decode_adpcm(
    source: &mut dyn MediaSource,
    stream: &Stream,
    out: &mut Out<'_, '_>,
) -> Result<(), Stop> {
    let &Stream { channels, sample_rate_hz, .. } = stream;
    // A block has a head for each channel, with the first samples, and four bits for each other.
    let (codec, block_bytes, head_bytes, head_samples) = match stream.kind {
        Kind::AdpcmMs { block_bytes } => (CODEC_ID_ADPCM_MS, block_bytes, 7 * channels, 2),
        Kind::AdpcmIma { block_bytes } => (CODEC_ID_ADPCM_IMA_WAV, block_bytes, 4 * channels, 1),
        Kind::Pcm(_) | Kind::Mpeg => return Ok(()),
    };
    let samples_of = |bytes: usize| 2 * bytes.saturating_sub(head_bytes) / channels + head_samples;
    let frames = samples_of(block_bytes) as u64;
    let mut parameters = AudioCodecParameters::new();
    parameters
        .for_codec(codec)
        .with_sample_rate(sample_rate_hz)
        .with_channels(Channels::Discrete(channels as u16))
        .with_max_frames_per_packet(frames)
        .with_frames_per_block(frames);
    let codecs = symphonia::default::get_codecs();
    let options = AudioDecoderOptions::default();
    let mut decoder = guarded(|| codecs.make_audio_decoder(&parameters, &options))?
        .map_err(|e| Stop::Problem(format!("cannot be decoded: {e}")))?;
    let mut interleaved = Vec::new();
    each_block(source, stream, block_bytes, 1, &mut |block| {
        if block.len() <= head_bytes {
            return Ok(());
        }
        let mut whole = block.to_vec();
        whole.resize(block_bytes, 0);
        let packet = Packet::new(0, Timestamp::from(0u32), Duration::from(frames), whole);
        let decoded = guarded(|| {
            let decoded = decoder.decode(&packet);
            decoded.map(|decoded| decoded.copy_to_vec_interleaved(&mut interleaved))
        })?;
        match decoded {
            Ok(()) => {
                interleaved.truncate(samples_of(block.len()) * channels);
                out.push(&interleaved, channels, sample_rate_hz)
            }
            Err(e) => {
                out.damage(format!("a block cannot be decoded: {e}"));
                Ok(())
            }
        }
    })
}

/// Decodes what symphonia reads, between two positions of a source.
fn decode_packed(
    path: &Path,
    source: &mut dyn MediaSource,
    begin: u64,
    end: u64,
    start: &[u8],
    out: &mut Out<'_, '_>,
) -> Result<(), Stop> {
    if let Some(kind) = unread(start) {
        return Err(Stop::NotRead(format!("is {kind}, which is not read")));
    }
    let is_known = start.starts_with(b"OggS")
        || start.starts_with(b"fLaC")
        || start.get(4..8) == Some(b"ftyp");
    let first = if is_known { None } else { first_mpeg_frame(source, begin)? };
    let begin = first.unwrap_or(begin).min(end);
    let count = match first {
        Some(first) => mpeg_count(&read_at(source, first, START_BYTES)?),
        None => None,
    };
    let mp4 = match start.get(4..8) {
        Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"wide") => {
            Some(mp4_index(source, begin, end)?)
        }
        _ => None,
    };
    let cut = mp4.as_ref().and_then(|index| index.cut.clone());
    let is_ogg = start.starts_with(b"OggS");
    let last = if is_ogg { last_ogg_page(source, begin, end)? } else { None };
    let (is_cut, end) = (last.is_some(), last.unwrap_or(end));
    let mut hint = Hint::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        _ if first.is_some() => drop(hint.with_extension("mp3")),
        Some(extension) => drop(hint.with_extension(extension)),
        None => {}
    }
    let unusable = |e: Symphonia| match e {
        _ if mp4.as_ref().is_some_and(|index| index.codec.is_some()) => {
            let codec = mp4.as_ref().and_then(|index| index.codec).unwrap_or_default();
            Stop::NotRead(format!("its codec is {codec}, which is not read"))
        }
        _ if mp4.as_ref().is_some_and(|index| !index.is_there) => Stop::Problem(
            "is cut off: the index of its sound (moov), which stands at the end, is missing".into(),
        ),
        Symphonia::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Stop::Problem("not a readable audio file: unknown format, or truncated header".into())
        }
        e => Stop::Problem(format!("cannot be decoded: {e}")),
    };
    let unreadable = |e: Symphonia| match e {
        // Such as 384 kbit/s for one channel in layer 2.
        Symphonia::Unsupported(_) if first.is_some() => Stop::NotRead(
            "is MPEG audio with a bit rate that the standard does not allow for its channels"
                .into(),
        ),
        Symphonia::Unsupported(_) if mp4.is_none() => {
            let kinds = EXTENSIONS.map(|extension| format!(".{extension}")).join(", ");
            Stop::Problem(format!("not a readable audio file ({kinds})"))
        }
        e => unusable(e),
    };
    if (is_ogg || first.is_some()) && is_stated_too_long(source, begin..end, out.most_minutes)? {
        return Err(Stop::TooLong);
    }
    let format = open(source, begin..end, cut, &hint)?.map_err(unreadable)?;
    let done = decode_track(format, count, end - begin, &unusable, out);
    if is_cut {
        out.damage("is cut off within its last page".into());
    }
    if mp4.is_some_and(|index| index.is_cut) {
        out.damage("is cut off within its last box".into());
    }
    done
}

/// Opens what lies between two positions.
fn open<'a>(
    source: &'a mut dyn MediaSource,
    range: std::ops::Range<u64>,
    patch: Option<Patch>,
    hint: &Hint,
) -> Result<Result<Box<dyn FormatReader + 'a>, Symphonia>, Stop> {
    let section = Section::new(source, range.start, range.end - range.start)?.patched(patch);
    let stream = MediaSourceStream::new(Box::new(section), Default::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    guarded(|| symphonia::default::get_probe().probe(hint, stream, format, metadata))
}

/// Whether the header promises too much, and there is sound beyond the limit: a header may lie.
fn is_stated_too_long(
    source: &mut dyn MediaSource,
    range: std::ops::Range<u64>,
    most_minutes: u32,
) -> Result<bool, Stop> {
    // What cannot be opened is reported when it is decoded.
    let Ok(mut format) = open(source, range, None, &Hint::new())? else { return Ok(false) };
    guarded(|| reaches(format.as_mut(), most_minutes))
}

/// The samples that may be decoded, if the header promises more.
fn promises_more_than(format: &dyn FormatReader, most_minutes: u32) -> Option<u64> {
    let track = format.default_track(TrackType::Audio)?;
    let rate = track.codec_params.as_ref()?.audio()?.sample_rate?;
    let most = most_samples(most_minutes, rate);
    track.num_frames.is_some_and(|samples| samples > most).then_some(most)
}

/// Whether there is a packet beyond the limit, as the header promises.
fn reaches(format: &mut dyn FormatReader, most_minutes: u32) -> bool {
    let Some(most) = promises_more_than(format, most_minutes) else { return false };
    let Some(track_id) = format.default_track(TrackType::Audio).map(|track| track.id) else {
        return false;
    };
    let (Ok(ts), Ok(most)) = (u32::try_from(most).map(Timestamp::from), i64::try_from(most)) else {
        return false;
    };
    let to = SeekTo::Timestamp { ts, track_id };
    format.seek(SeekMode::Accurate, to).is_ok()
        && (0..PACKETS_FROM_LIMIT).any(|_| match format.next_packet() {
            Ok(Some(packet)) => packet.track_id == track_id && packet.pts.get() >= most,
            _ => false,
        })
}

/// What the boxes of an MP4 say before it is read.
#[derive(Default)]
struct Mp4 {
    /// There is an index.
    is_there: bool,
    codec: Option<&'static str>,
    /// The size of the last box, of sound, in a file that ends within it: without it symphonia finds
    /// no box to read from.
    cut: Option<Patch>,
    /// The file ends within a box.
    is_cut: bool,
}

fn mp4_index(source: &mut dyn MediaSource, begin: u64, end: u64) -> Result<Mp4, Stop> {
    let mut found = Mp4::default();
    let mut at = begin;
    for _ in 0..MOST_BOXES {
        let head = read_at(source, at, 16)?;
        let Some((size, name)) =
            head.get(..8).filter(|_| at + 8 <= end).map(|head| head.split_at(4))
        else {
            found.is_cut |= at < end;
            break;
        };
        let size = size.try_into().map_or(0, u32::from_be_bytes);
        let long =
            head.get(8..16).and_then(|long| long.try_into().ok()).map_or(0, u64::from_be_bytes);
        if name == b"moov" {
            found.is_there = true;
            found.codec = mp4_codec(&read_at(source, at, SEARCHED_BYTES)?);
        }
        let next = match size {
            0 => break,
            1 => at.saturating_add(long.max(16)),
            size => at.saturating_add(u64::from(size).max(8)),
        };
        if name == b"mdat" && next > end {
            let there = end.saturating_sub(at);
            found.cut = Some(match (size, u32::try_from(there)) {
                (1, _) | (_, Err(_)) => Patch { at: at + 8, bytes: there.to_be_bytes().into() },
                (_, Ok(there)) => Patch { at, bytes: there.to_be_bytes().into() },
            });
        }
        // After the index of a fragment comes its sound.
        found.is_cut = next > end || name == b"moof" && next == end;
        at = next;
    }
    Ok(found)
}

/// The number of samples and what encoders put around them, of a stream of MPEG audio.
#[derive(Default)]
struct Trim {
    /// Samples that were decoded, with those that are cut off.
    at: u64,
    /// Samples before the sound.
    delay: u64,
    /// Where the samples after the sound lie: begin and end.
    padding: std::ops::Range<u64>,
}

impl Trim {
    fn push(
        &mut self,
        interleaved: &[f32],
        channels: usize,
        rate: u32,
        out: &mut Out<'_, '_>,
    ) -> Result<(), Stop> {
        let from = self.at;
        let to = from + (interleaved.len() / channels.max(1)) as u64;
        self.at = to;
        let Self { delay, padding, .. } = self;
        for (a, b) in [(*delay, padding.start), (padding.end.max(*delay), u64::MAX)] {
            let (a, b) = (a.clamp(from, to), b.clamp(from, to));
            if a < b {
                let [a, b] = [a, b].map(|x| (x - from) as usize * channels);
                out.push(&interleaved[a..b], channels, rate)?;
            }
        }
        Ok(())
    }
}

/// Sound that is not there, or not readable.
#[derive(Default)]
struct Lost {
    times: u64,
    samples: u64,
    /// The sample before which the first was.
    first: u64,
    reason: String,
}

impl Lost {
    fn add(&mut self, at: u64, samples: u64, reason: String) {
        if self.times == 0 {
            self.first = at;
        }
        self.times += 1;
        self.samples += samples;
        self.reason = reason;
    }

    fn seconds(&self, rate: u32) -> f64 {
        self.samples as f64 / f64::from(rate.max(1))
    }

    fn where_in(&self, rate: u32) -> String {
        let first = self.first as f64 / f64::from(rate.max(1));
        format!("{:.2} s, the first at {first:.2} s", self.seconds(rate))
    }
}

fn decode_track(
    mut format: Box<dyn FormatReader + '_>,
    count: Option<MpegCount>,
    bytes: u64,
    unusable: &dyn Fn(Symphonia) -> Stop,
    out: &mut Out<'_, '_>,
) -> Result<(), Stop> {
    let no_track = || Stop::Problem("has no track of sound".into());
    let track = format.default_track(TrackType::Audio).ok_or_else(no_track)?;
    let mut id = track.id;
    let codec = track.codec_params.as_ref().and_then(|params| params.audio()).cloned();
    let codec = codec.ok_or_else(|| unusable(Symphonia::Unsupported("codec")))?;
    let is_mpeg = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3].contains(&codec.codec);
    let is_vorbis = codec.codec == CODEC_ID_VORBIS;
    // Their packets know the sample that they begin with.
    let is_placed = is_vorbis || codec.codec == CODEC_ID_FLAC;
    let before = out.decoded.samples;
    let mut is_complete = false;
    let mut trim = Trim { padding: u64::MAX..u64::MAX, ..Trim::default() };
    let is_counted = !is_mpeg || count.is_some() || track.delay.is_some();
    // Vorbis: the count is the position at the end of the last page, wherever the first begins.
    let mut promised = track.num_frames.filter(|_| is_counted && !is_vorbis);
    if is_mpeg && let Some(samples) = promised {
        let [delay, padding] = [track.delay, track.padding].map(|n| u64::from(n.unwrap_or(0)));
        let all = samples + delay + padding;
        trim = Trim { at: 0, delay, padding: all - padding..all };
        // A number of bytes that is that of the file tells that the file is whole.
        let is_whole = |count: MpegCount| {
            count.bytes.is_some_and(|said| u64::from(said) <= bytes + SLACK_BYTES)
        };
        is_complete = count.is_some_and(is_whole);
    }
    // Symphonia ends MPEG audio where it guesses the end from the first bit rates.
    let options = AudioDecoderOptions::default().gapless(!is_mpeg);
    let make = |codec: &AudioCodecParameters| {
        guarded(|| symphonia::default::get_codecs().make_audio_decoder(codec, &options))
    };
    let mut decoder: Box<dyn AudioDecoder> = make(&codec)?.map_err(unusable)?;
    let mut interleaved = Vec::new();
    let (mut bad, mut packets, mut packet_bytes) = (Lost::default(), 0u64, 0u64);
    let (mut expected, mut gaps) = (None::<i64>, Lost::default());
    let (mut spec, mut silence) = (None, (0, 0, 0));
    loop {
        let packet = match guarded(|| format.next_packet())? {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // Another file begins, in a chain of Ogg files.
            Err(Symphonia::ResetRequired) => {
                let Some(track) = format.default_track(TrackType::Audio) else { break };
                let codec = track.codec_params.as_ref().and_then(|params| params.audio());
                let next = codec.map(&make).transpose()?;
                let Some(Ok(next)) = next else {
                    out.damage("goes on with a codec that is not read".into());
                    break;
                };
                (id, decoder, expected, promised) = (track.id, next, None, None);
                continue;
            }
            Err(e) => {
                out.damage(format!("breaks off: {e}"));
                break;
            }
        };
        if packet.track_id != id {
            continue;
        }
        packets += 1;
        packet_bytes += packet.data.len() as u64;
        if is_mpeg {
            // Channels and rates may change where files were put together.
            let now = packet
                .data
                .get(1..4)
                .map(|head| (head[0] & 0x1e, head[1] & 0x0c, head[2] >> 6 == 3));
            if spec.is_some()
                && spec != now
                && let Ok(next) = make(&codec)?
            {
                decoder = next;
            }
            spec = now;
        } else if is_placed {
            let from = packet.pts.get();
            let gap = expected.map_or(0, |expected| from.saturating_sub(expected));
            if gap > 0 {
                gaps.add(out.decoded.samples, gap.unsigned_abs(), String::new());
            }
            let len = i64::try_from(packet.block_dur().get()).unwrap_or(0);
            expected = Some(from.saturating_add(len));
        }
        let decoded = guarded(|| {
            decoder.decode(&packet).map(|decoded| {
                decoded.copy_to_vec_interleaved(&mut interleaved);
                (decoded.spec().rate(), decoded.num_planes())
            })
        })?;
        match decoded {
            Ok((rate, channels)) => {
                silence = (interleaved.len(), channels, rate);
                trim.push(&interleaved, channels, rate, out)?;
            }
            // The packet is skipped; later ones may be intact. Damage may look like what is not read.
            Err(e) => {
                let (len, channels, _) = silence;
                // The first frames of a cut stream need data from before the cut.
                if !(is_mpeg && packets <= FRAMES_WITHOUT_DATA) {
                    let samples = len / channels.max(1);
                    bad.add(out.decoded.samples, samples as u64, e.to_string());
                }
                // Zeros keep the time.
                if let (len @ 1.., channels, rate) = silence
                    && is_mpeg
                {
                    trim.push(&vec![0.0; len], channels, rate, out)?;
                }
            }
        }
    }
    let rate = out.decoded.sample_rate_hz;
    if bad.times > 0 {
        let Lost { times, reason, .. } = &bad;
        out.damage(format!("{times} packets cannot be decoded ({}): {reason}", bad.where_in(rate)));
    }
    if gaps.seconds(rate) > GAP_SECONDS {
        out.damage(format!("sound is missing within: {}", gaps.where_in(rate)));
    }
    let there = out.decoded.samples - before;
    if is_complete && packet_bytes + SLACK_TAGS >= bytes {
        // All that is there was read: the count of samples is stale.
        promised = None;
    }
    if let Some(promised) = promised.filter(|n| n.saturating_sub(SLACK_SAMPLES) > there) {
        let less = (promised - there) as f64 / f64::from(rate.max(1));
        out.damage(format!(
            "its header promises {promised} samples, there are {there} ({less:.2} s less)"
        ));
    }
    if rate == 0 {
        let damage = out.decoded.damage.take().unwrap_or_else(|| "it ends after its header".into());
        return Err(Stop::Problem(format!("contains no audio ({damage})")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_the_limit_names_a_way_out() {
        let path = Path::new("my songs/long.wav");
        // 61 s of mu-law at 1 kHz, in .au, .wav and .aiff.
        let mut au = b".snd".to_vec();
        au.extend([24u32, 61_000, 1, 1000, 1].iter().flat_map(|word| word.to_be_bytes()));
        au.resize(24 + 61_000, 0);
        let wav = crate::audio::wav(&vec![0.25; 61_000], 1000).unwrap();
        for bytes in [wav, au] {
            let decoded = |most_minutes| {
                let mut source = Cursor::new(bytes.clone());
                decode_blocks(path, &mut source, most_minutes, &mut |_, _| Ok(()))
            };
            assert_eq!(decoded(2).unwrap().samples, 61_000);
            let error = decoded(1).unwrap_err().to_string();
            let way_out = "ffmpeg -ss 0 -t 60 -i 'my songs/long.wav'";
            for part in ["my songs/long.wav", "1 minutes", "--max-minutes", way_out] {
                assert!(error.contains(part), "{part}: {error}");
            }
        }
        // The hour that the message proposes is within the limit.
        const { assert!(MOST_MINUTES >= 60) };
    }
}
