//! Makes the cuts of one file and caches them on disk until all files are done.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Options;
use super::song::Song;
use crate::audio::{Cuts, Cutting, FrontEnd, LogMel, Pieces, cut, read_samples};
use crate::error::{Error, Result};
use crate::files::{Stamp, open_regular, write_atomic};

/// How a file's cuts were made: the first line of their cache file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Made {
    /// Hash of the file's bytes, in hexadecimal.
    pub(super) blake3: String,
    /// Rate of the file, before resampling.
    pub(super) sample_rate_hz: u32,
    pub(super) seconds: f64,
    /// Number of spectrograms.
    pub(super) cuts: usize,
    /// Cuts share samples.
    pub(super) overlap: bool,
    /// What could not be decoded.
    pub(super) damage: Option<String>,
    /// What a training song should not be like: silent, out of phase, or clipped.
    #[serde(default)]
    pub(super) remark: Option<String>,
    /// The cache file of the cuts.
    #[serde(skip)]
    pub(super) kept: PathBuf,
}

/// Why a file has no cuts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unusable {
    pub(super) reason: String,
    /// Its samples at the front end's rate, where it is only too short.
    pub(super) too_short: Option<usize>,
}

impl From<String> for Unusable {
    fn from(reason: String) -> Self {
        Self { reason, too_short: None }
    }
}

/// Decodes, resamples and cuts songs; one for each thread.
pub(super) struct Worker {
    log_mel: LogMel,
    cutting: Cutting,
    /// Everything besides the file's bytes that the cuts depend on: part of the cache file's name.
    settings: String,
    folder: PathBuf,
    most_minutes: u32,
}

impl Worker {
    pub(super) fn new(options: &Options, folder: PathBuf) -> Result<Self> {
        let Options { front_end, cutting, .. } = options;
        // All that decides a file's cuts; the name of a front end does not.
        let FrontEnd {
            sample_rate_hz, n_fft, hop_samples, n_mels, f_min_hz, f_max_hz, frames, ..
        } = front_end;
        let version = env!("CARGO_PKG_VERSION");
        let settings = format!(
            "{version} {sample_rate_hz} {n_fft} {hop_samples} {n_mels} {f_min_hz} {f_max_hz} \
             {frames} {cutting:?}"
        );
        let log_mel = LogMel::new(front_end)?;
        let most_minutes = options.most_minutes;
        Ok(Self { log_mel, cutting: *cutting, settings, folder, most_minutes })
    }

    /// Makes the cuts of a song, or finds them in the cache. The inner result is the problem of a
    /// file that cannot be used.
    pub(super) fn make(&mut self, song: &Song) -> Result<Result<Made, Unusable>> {
        let mut file = match open_regular(&song.path) {
            Ok(file) => file,
            Err(e) => return Ok(Err(format!("cannot be read: {e}").into())),
        };
        let mut hasher = blake3::Hasher::new();
        let before = Stamp::of(&file).ok();
        if let Err(e) = hasher.update_reader(&file) {
            return Ok(Err(format!("cannot be read: {e}").into()));
        }
        let hash = hasher.finalize().to_hex().to_string();
        let key = blake3::hash(format!("{hash} {}", self.settings).as_bytes());
        let kept = self.folder.join(format!("{}.cuts", key.to_hex()));
        let fe = self.log_mel.front_end().clone();
        let size = size_of::<f32>() * fe.n_mels * fe.frames;
        let most_seconds = 60.0 * f64::from(self.most_minutes);
        // The limit is not among what decides the cuts of a file that it lets pass.
        let made = match read_kept(&kept, size).filter(|made| made.seconds <= most_seconds) {
            Some(made) => made,
            None => {
                let cuts = cuts_of(
                    &song.path,
                    &mut file,
                    &mut self.log_mel,
                    self.cutting,
                    self.most_minutes,
                )?;
                // Otherwise these cuts would be kept as those of another file.
                if Stamp::of(&file).ok() != before {
                    return Ok(Err("has changed while it was read".to_owned().into()));
                }
                let cuts = match cuts {
                    Ok(cuts) => cuts,
                    Err(unusable) => return Ok(Err(unusable)),
                };
                let made = Made {
                    blake3: hash,
                    sample_rate_hz: cuts.sample_rate_hz,
                    seconds: cuts.seconds,
                    cuts: self.cutting.segments,
                    overlap: cuts.overlap,
                    damage: cuts.damage,
                    remark: cuts.remark,
                    kept: PathBuf::new(),
                };
                keep(&kept, &made, &cuts.values)?;
                made
            }
        };
        Ok(Ok(Made { kept, ..made }))
    }
}

/// The spectrograms of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileCuts {
    /// `[cuts, n_mels, frames]` in dB.
    pub values: Vec<f32>,
    /// Where each begins in the file, in seconds.
    pub starts_s: Vec<f64>,
    /// Length of the file.
    pub seconds: f64,
    /// Rate of the file, before resampling.
    pub sample_rate_hz: u32,
    /// Cuts share samples.
    pub overlap: bool,
    /// What could not be decoded.
    pub damage: Option<String>,
    /// What a training song should not be like: silent, out of phase, or clipped.
    pub remark: Option<String>,
}

/// The spectrograms of one sound file, as [`super::prepare`] makes them.
///
/// # Errors
/// `Error::Audio` if the file cannot be used, and `Error::Io` if it cannot be read.
pub fn file_cuts(
    path: &Path,
    log_mel: &mut LogMel,
    cutting: Cutting,
    most_minutes: u32,
) -> Result<FileCuts> {
    let mut file = open_regular(path).map_err(Error::io(path, "read"))?;
    let cuts = cuts_of(path, &mut file, log_mel, cutting, most_minutes)?;
    cuts.map_err(|Unusable { reason: problem, .. }| Error::Audio { path: path.into(), problem })
}

fn cuts_of(
    path: &Path,
    file: &mut File,
    log_mel: &mut LogMel,
    cutting: Cutting,
    most_minutes: u32,
) -> Result<Result<FileCuts, Unusable>> {
    let rate_hz = log_mel.front_end().sample_rate_hz;
    let (samples, decoded) = match read_samples(path, file, rate_hz, most_minutes) {
        Ok(read) => read,
        // The name is told beside it.
        Err(Error::Audio { problem, .. }) => return Ok(Err(problem.into())),
        Err(e) => return Err(e),
    };
    let seconds = decoded.seconds();
    Ok(match cut(&samples, log_mel, cutting)? {
        Cuts::Made { values, spans, overlap, .. } => Ok(FileCuts {
            values,
            starts_s: spans.iter().map(|span| span.start as f64 / f64::from(rate_hz)).collect(),
            seconds,
            sample_rate_hz: decoded.sample_rate_hz,
            overlap,
            damage: decoded.damage,
            remark: decoded.levels.remark(),
        }),
        Cuts::TooShort { needed } => {
            let reason = too_short(seconds, needed, cutting, log_mel.front_end());
            Err(Unusable { reason, too_short: Some(samples.count()) })
        }
    })
}

fn too_short(seconds: f64, needed: usize, cutting: Cutting, fe: &FrontEnd) -> String {
    let needed = needed as f64 / f64::from(fe.sample_rate_hz);
    match cutting.segments {
        1 => format!(
            "{seconds:.2} s are too short: a cut of {} frames needs {needed:.2} s",
            fe.frames
        ),
        n => format!(
            "{seconds:.2} s are too short: {n} cuts of {:.2} s that overlap by no more than half need \
             {needed:.2} s",
            fe.seconds()
        ),
    }
}

/// A line with the hash of all that follows, one of JSON, then the cuts as little-endian f32.
fn keep(path: &Path, made: &Made, values: &[f32]) -> Result<()> {
    write_atomic(path, |w| {
        let mut bytes = serde_json::to_vec(made)?;
        bytes.push(b'\n');
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        writeln!(w, "{}", blake3::hash(&bytes))?;
        w.write_all(&bytes)
    })
}

/// The header of a cache file, if the file is whole; else its cuts are made again.
fn read_kept(path: &Path, size: usize) -> Option<Made> {
    let (made, values) = split_kept(std::fs::read(path).ok()?)?;
    (values.len() == made.cuts * size).then_some(made)
}

fn split_kept(mut bytes: Vec<u8>) -> Option<(Made, Vec<u8>)> {
    let line = |bytes: &mut Vec<u8>| {
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        let rest = bytes.split_off(end + 1);
        bytes.pop();
        Some(std::mem::replace(bytes, rest))
    };
    let hash = line(&mut bytes)?;
    if blake3::hash(&bytes).to_hex().as_bytes() != hash {
        return None;
    }
    let made = line(&mut bytes)?;
    Some((serde_json::from_slice(&made).ok()?, bytes))
}

impl Made {
    /// The cuts as little-endian f32, `[cuts, n_mels, frames]`.
    pub(super) fn values(&self) -> std::io::Result<Vec<u8>> {
        let bytes = std::fs::read(&self.kept)?;
        let damaged = || std::io::Error::other(format!("{} is damaged", self.kept.display()));
        split_kept(bytes).map(|(_, values)| values).ok_or_else(damaged)
    }
}
