//! The parameters of the log-mel front end, and their named presets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The highest sample rate, in Hz.
pub(crate) const MOST_HZ: u32 = 768_000;
/// The longest FFT and hop: more than a second at any rate.
pub(crate) const MOST_SAMPLES: usize = 1 << 20;
/// The most mel bands, and the most frames.
pub(crate) const MOST_LONG: usize = 1 << 16;
/// The most values of a spectrogram (64 MiB): with more a song's cuts would fill the memory.
pub(crate) const MOST_VALUES: usize = 1 << 24;

/// The most samples of a cut (1 GiB): a shorter file is filled up to them.
pub(crate) const MOST_CUT: usize = 1 << 28;

/// How sound becomes a log-mel spectrogram of shape `[n_mels, frames]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    /// The preset's name, or the user's own.
    pub name: String,
    /// Sample rate of the mono sound, in Hz.
    pub sample_rate_hz: u32,
    /// Length of the FFT and of its periodic Hann window, in samples.
    pub n_fft: usize,
    /// Samples from one frame to the next.
    pub hop_samples: usize,
    /// Number of mel bands.
    pub n_mels: usize,
    /// Lower edge of the lowest band, in Hz.
    pub f_min_hz: f64,
    /// Upper edge of the highest band, in Hz; at most half the sample rate.
    pub f_max_hz: f64,
    /// Width of one spectrogram, the classifier's input, in frames.
    pub frames: usize,
}

impl FrontEnd {
    /// The presets' names.
    pub const PRESETS: [&str; 2] = ["librosa-2s", "bristol-80"];

    /// librosa's defaults on 2 s cuts at 22,050 Hz: 128 bands × 87 frames.
    pub fn librosa_2s() -> Self {
        Self {
            name: "librosa-2s".into(),
            sample_rate_hz: 22_050,
            n_fft: 2048,
            hop_samples: 512,
            n_mels: 128,
            f_min_hz: 0.0,
            f_max_hz: 11_025.0,
            frames: 87,
        }
    }

    /// Windows of 1,024 samples at 44,100 Hz: 80 bands × 80 frames (0.93 s).
    pub fn bristol_80() -> Self {
        Self {
            name: "bristol-80".into(),
            sample_rate_hz: 44_100,
            n_fft: 1024,
            hop_samples: 512,
            n_mels: 80,
            f_min_hz: 0.0,
            f_max_hz: 22_050.0,
            frames: 80,
        }
    }

    /// The preset called `name`.
    pub fn preset(name: &str) -> Result<Self> {
        match name {
            "librosa-2s" => Ok(Self::librosa_2s()),
            "bristol-80" => Ok(Self::bristol_80()),
            _ => Err(Error::FrontEnd {
                name: name.into(),
                problem: format!("no such preset; there are {}", Self::PRESETS.join(" and ")),
            }),
        }
    }

    /// The number of frames that librosa computes from `samples` samples: `1 + samples / hop` for an even `n_fft`.
    pub fn frames_of(&self, samples: usize) -> usize {
        // n_fft / 2 zeros on both sides, so an odd n_fft lacks one sample.
        1 + samples.saturating_sub(self.n_fft % 2) / self.hop_samples
    }

    /// The least number of samples that give [`frames`](Self::frames) frames.
    pub fn cut_samples(&self) -> usize {
        self.frames.saturating_sub(1).saturating_mul(self.hop_samples) + self.n_fft % 2
    }

    /// Length of one spectrogram in seconds, as `frames` hops.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 * self.hop_samples as f64 / f64::from(self.sample_rate_hz)
    }

    /// Checks that all parameters are possible. Front ends that are read from files are checked
    /// before they are used.
    ///
    /// # Errors
    /// `Error::FrontEnd` with the parameter, its bounds and the value found.
    pub fn check(&self) -> Result<()> {
        let fail = |problem: String| Err(Error::FrontEnd { name: self.name.clone(), problem });
        for (what, value, least, most) in [
            ("sample_rate_hz", self.sample_rate_hz as usize, 1, MOST_HZ as usize),
            ("n_fft", self.n_fft, 2, MOST_SAMPLES),
            ("hop_samples", self.hop_samples, 1, MOST_SAMPLES),
            ("n_mels", self.n_mels, 1, MOST_LONG),
            ("frames", self.frames, 1, MOST_LONG),
        ] {
            if !(least..=most).contains(&value) {
                return fail(format!("expected {what} from {least} to {most}, found {value}"));
            }
        }
        if self.n_mels * self.frames > MOST_VALUES {
            return fail(format!(
                "expected n_mels · frames of at most {MOST_VALUES}, found {} · {}",
                self.n_mels, self.frames
            ));
        }
        if self.cut_samples() > MOST_CUT {
            return fail(format!(
                "expected hop_samples · frames of at most {MOST_CUT}, found {} · {}",
                self.hop_samples, self.frames
            ));
        }
        let nyquist = f64::from(self.sample_rate_hz) / 2.0;
        if !(0.0 <= self.f_min_hz && self.f_min_hz < self.f_max_hz && self.f_max_hz <= nyquist) {
            return fail(format!(
                "expected 0 <= f_min_hz < f_max_hz <= {nyquist} (half the sample rate), \
                 found f_min_hz = {} and f_max_hz = {}",
                self.f_min_hz, self.f_max_hz
            ));
        }
        Ok(())
    }
}

/// A front end as people give it for arrays that do not say theirs: a preset's name, then changes:
/// `librosa-2s,sample-rate=44100,hop=1024,f-max=8000`. The number of frames is that of the arrays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FrontEndSpec {
    text: String,
    front_end: FrontEnd,
}

impl FrontEndSpec {
    /// The preset with its changes; its number of frames is the preset's.
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// The front end of samples of `h` bands and `w` frames.
    ///
    /// # Errors
    /// If it has another number of bands.
    pub fn of_samples(&self, [h, w]: [usize; 2]) -> Result<FrontEnd> {
        let front_end = FrontEnd { frames: w, ..self.front_end.clone() };
        front_end.check()?;
        if front_end.n_mels == h {
            return Ok(front_end);
        }
        Err(Error::Setting {
            name: "front-end",
            expected: "as many mel bands as the samples have",
            found: format!(
                "{}: {} bands, but samples of {h} x {w}; if the rest is right, add mels={h}",
                self.text, front_end.n_mels
            ),
        })
    }
}

impl fmt::Display for FrontEndSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<FrontEndSpec> for String {
    fn from(spec: FrontEndSpec) -> Self {
        spec.text
    }
}

impl TryFrom<String> for FrontEndSpec {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for FrontEndSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const KEYS: &str = "sample-rate, n-fft, hop, f-min, f-max or mels";
        fn number<T: FromStr>(key: &str, value: &str) -> Result<T, String> {
            let wrong = |_| format!("expected {key}=NUMBER, found \"{value}\"");
            value.trim().parse().map_err(wrong)
        }
        let mut words = text.split(',');
        let name = words.next().unwrap_or_default().trim();
        let preset = FrontEnd::preset(name).map_err(|_| {
            let presets = FrontEnd::PRESETS.join(" or ");
            format!("expected {presets}, and changes such as hop=1024, found \"{name}\"")
        })?;
        let mut fe = preset.clone();
        let mut has_f_max = false;
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key.trim() {
                key @ "sample-rate" => fe.sample_rate_hz = number(key, value)?,
                key @ "n-fft" => fe.n_fft = number(key, value)?,
                key @ "hop" => fe.hop_samples = number(key, value)?,
                key @ "f-min" => fe.f_min_hz = number(key, value)?,
                key @ "f-max" => (fe.f_max_hz, has_f_max) = (number(key, value)?, true),
                key @ "mels" => fe.n_mels = number(key, value)?,
                // Words of librosa and torchaudio.
                key => {
                    let meant = match key.to_lowercase().replace('_', "-").as_str() {
                        "n-fft" | "nfft" | "fft" | "fft-size" | "win-length" => "n-fft",
                        "hop" | "hop-length" | "hop-size" => "hop",
                        "sample-rate" | "sr" | "rate" | "samplerate" => "sample-rate",
                        "fmax" | "f-max" => "f-max",
                        "fmin" | "f-min" => "f-min",
                        "n-mels" | "nmels" | "mels" | "n-mel" | "bands" => "mels",
                        _ => return Err(format!("expected {KEYS}=NUMBER, found \"{word}\"")),
                    };
                    return Err(format!(
                        "expected {KEYS}=NUMBER, found \"{word}\": write {meant}={value}"
                    ));
                }
            }
        }
        if !has_f_max {
            fe.f_max_hz = f64::from(fe.sample_rate_hz) / 2.0;
        }
        fe.check().map_err(|e| e.to_string())?;
        if fe != preset {
            fe.name = format!("{} (changed)", preset.name);
        }
        Ok(Self { text: text.to_owned(), front_end: fe })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_end_for_arrays_is_a_preset_with_changes() {
        let spec = |text: &str| text.parse::<FrontEndSpec>();
        let plain = spec("librosa-2s").unwrap().of_samples([128, 25]).unwrap();
        assert_eq!(plain, FrontEnd { frames: 25, ..FrontEnd::librosa_2s() });
        let changed = spec("librosa-2s,sample-rate=44100,hop=1024,mels=64").unwrap();
        let changed = changed.of_samples([64, 10]).unwrap();
        assert_eq!((changed.sample_rate_hz, changed.hop_samples), (44_100, 1024));
        assert_eq!((changed.f_max_hz, changed.name.as_str()), (22_050.0, "librosa-2s (changed)"));
        assert_eq!(spec("librosa-2s,f-max=8000").unwrap().front_end.f_max_hz, 8000.0);
        let error = spec("librosa-2s").unwrap().of_samples([80, 80]).unwrap_err().to_string();
        assert!(error.contains("128 bands") && error.contains("add mels=80"), "{error}");
        let error = spec("librosa-2s,n_fft=1024").unwrap_err();
        assert!(error.ends_with("found \"n_fft=1024\": write n-fft=1024"), "{error}");
        for bad in
            ["", "mine", "librosa-2s,hop", "librosa-2s,hop=x", "librosa-2s,hop=0", "librosa-2s,a=1"]
        {
            assert!(spec(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        assert!(
            FrontEnd::PRESETS.iter().all(|name| FrontEnd::preset(name).unwrap().check().is_ok())
        );
        type Set = fn(&mut FrontEnd, usize);
        let set: [(&str, Set, usize, usize); 5] = [
            ("sample_rate_hz", |fe, n| fe.sample_rate_hz = n as u32, 22_050, 768_000),
            ("n_fft", |fe, n| fe.n_fft = n, 2, 1 << 20),
            ("hop_samples", |fe, n| fe.hop_samples = n, 1, 1 << 20),
            ("n_mels", |fe, n| fe.n_mels = n, 1, 65_536),
            ("frames", |fe, n| fe.frames = n, 1, 65_536),
        ];
        for (what, set, least, most) in set {
            let checked = |value: usize| {
                let mut front_end = FrontEnd::librosa_2s();
                set(&mut front_end, value);
                // No number may make these panic.
                assert!(front_end.seconds() >= 0.0 && front_end.cut_samples() < usize::MAX);
                front_end.check().map_err(|e| e.to_string())
            };
            assert_eq!((checked(least), checked(most)), (Ok(()), Ok(())), "{what}");
            for value in [0, most + 1, u32::MAX as usize] {
                let problem = checked(value).unwrap_err();
                let bounds = format!("to {most}, found {value}");
                assert!(problem.contains(what) && problem.contains(&bounds), "{problem}");
            }
        }
        let large = FrontEnd { n_mels: 65_536, frames: 65_536, ..FrontEnd::librosa_2s() };
        assert!(large.check().unwrap_err().to_string().contains("16777216"), "{large:?}");
        let long =
            FrontEnd { hop_samples: 1 << 20, frames: 65_536, n_mels: 8, ..FrontEnd::librosa_2s() };
        assert!(long.check().unwrap_err().to_string().contains("268435456"), "{long:?}");
    }
}
