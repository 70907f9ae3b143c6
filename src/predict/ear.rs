//! A sound file to spectrograms, by the rule that made the model's training data.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Options;
use crate::audio::{
    CutFrom, Cutting, FrontEnd, FrontEndSpec, LogMel, Pieces, Samples, ZeroDb, cut_each, fitting,
    read_samples,
};
use crate::error::{Error, Result};
use crate::files::open_regular;
use crate::progress::Progress;
use crate::train::ModelFacts;
use crate::train::run_folder::RunFolder;

/// How sound becomes samples.
#[derive(Debug)]
pub(super) struct Ear {
    front_end: FrontEnd,
    from: CutFrom,
    zero_db: ZeroDb,
    /// At most; none means all that fit.
    cuts: Option<usize>,
    /// Of sound; longer files are refused.
    most_minutes: u32,
}

/// Cuts, `[n, n_mels, frames]`, and from where to where each is, in seconds.
type MadeCuts = (Vec<f32>, Vec<(f64, f64)>);

/// A song as spectrograms.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) path: PathBuf,
    pub(super) seconds: f64,
    /// Of the file.
    pub(super) sample_rate_hz: u32,
    /// What could not be decoded.
    pub(super) damage: Option<String>,
    /// Why nothing can be said of it, whatever the model: it is silent, or too short for a cut.
    pub(super) nothing: Option<String>,
    /// The cuts `[cuts, n_mels, frames, 1]` in dB, and their start and end in seconds; none where they
    /// are so many that they are made from the samples batch by batch.
    pub(super) cuts: Option<MadeCuts>,
    samples: Samples,
    cutting: Cutting,
}

/// How a model's samples were made of sound.
pub(crate) struct SoundRule {
    pub(crate) front_end: FrontEnd,
    pub(crate) from: CutFrom,
    pub(crate) zero_db: ZeroDb,
}

impl SoundRule {
    /// What the weights' file says, else what is given or usual.
    ///
    /// # Errors
    /// If the front end is unknown and none is given, or it does not give the model's samples.
    pub(crate) fn of(
        folder: &RunFolder,
        facts: &ModelFacts,
        given: Option<&FrontEndSpec>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let fail = |problem: String| Err(Error::Run { path: folder.path().into(), problem });
        let [h, w, c] = facts.sample_shape;
        let fits = |fe: &FrontEnd| [fe.n_mels, fe.frames, 1] == [h, w, c];
        let front_end = match (&facts.front_end, given) {
            (Some(known), None) => known.clone(),
            (Some(known), Some(given)) => {
                return fail(format!(
                    "the model's front end is known ({}); leave out --front-end {given}",
                    known.name
                ));
            }
            (None, Some(given)) => given.of_samples([h, w])?,
            (None, None) => return fail(unknown([h, w])),
        };
        if !fits(&front_end) {
            let FrontEnd { name, n_mels, frames, .. } = &front_end;
            return fail(format!(
                "front end {name} gives samples of {n_mels} bands x {frames} frames, but the \
                 model's are {h} x {w}"
            ));
        }
        let (from, zero_db) = match facts.cutting {
            Some(Cutting { from, zero_db, .. }) => (from, zero_db),
            None => {
                let from = CutFrom::usual(&front_end.name);
                let what = match from {
                    CutFrom::Sound => "sound",
                    CutFrom::Spectrogram => "spectrogram",
                };
                progress.note(&format!(
                    "how the training songs were cut is unknown; assuming {}: from the {what}, with \
                     0 dB at the song's maximum",
                    front_end.name
                ));
                (from, ZeroDb::Song)
            }
        };
        Ok(Self { front_end, from, zero_db })
    }
}

impl Ear {
    pub(super) fn new(
        folder: &RunFolder,
        facts: &ModelFacts,
        options: Options<'_>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let SoundRule { front_end, from, zero_db } =
            SoundRule::of(folder, facts, options.front_end, progress)?;
        let Options { cuts, most_minutes, .. } = options;
        Ok(Self { front_end, from, zero_db, cuts, most_minutes })
    }

    pub(super) fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// Reads, decodes, resamples and cuts a file.
    pub(super) fn hear(&self, path: &Path, log_mel: &mut LogMel, at_once: usize) -> Result<Heard> {
        let Self { front_end: fe, from, zero_db, cuts, most_minutes } = self;
        let mut file = open_regular(path).map_err(Error::io(path, "read"))?;
        let (mut samples, decoded) =
            read_samples(path, &mut file, fe.sample_rate_hz, *most_minutes)?;
        let seconds = decoded.seconds();
        let mut nothing = decoded.levels.nothing();
        if fitting(samples.count(), fe, *from) == 0 {
            nothing.get_or_insert(format!(
                "{seconds:.2} s are too short for one cut of {:.2} s",
                fe.cut_samples() as f64 / f64::from(fe.sample_rate_hz)
            ));
            // Zeros follow, so that there is a cut.
            samples.pad(fe.cut_samples().max(1))?;
        }
        let fitting = fitting(samples.count(), fe, *from);
        let segments = cuts.map_or(fitting, |cuts| cuts.min(fitting));
        let cutting = Cutting { segments, from: *from, zero_db: *zero_db };
        let mut heard = Heard {
            path: path.into(),
            seconds,
            sample_rate_hz: decoded.sample_rate_hz,
            damage: decoded.damage,
            nothing,
            cuts: None,
            samples,
            cutting,
        };
        if segments <= at_once {
            let mut made = None;
            self.each_batch(&heard, log_mel, at_once, &mut |x, spans_s| {
                made = Some((x, spans_s));
                Ok(())
            })?;
            heard.cuts = made;
            heard.samples = Samples::default();
        }
        Ok(heard)
    }

    /// Hands the cuts of a song and their times to `each`, so many at once.
    pub(super) fn each_batch(
        &self,
        heard: &Heard,
        log_mel: &mut LogMel,
        at_once: usize,
        each: &mut dyn FnMut(Vec<f32>, Vec<(f64, f64)>) -> Result<()>,
    ) -> Result<()> {
        let Heard { seconds, samples, cutting, .. } = heard;
        let second = |sample: usize| {
            (sample as f64 / f64::from(self.front_end.sample_rate_hz)).min(*seconds)
        };
        let times = |span: &Range<usize>| (second(span.start), second(span.end));
        cut_each(samples, log_mel, *cutting, at_once, &mut |x, spans| {
            each(x, spans.iter().map(times).collect())
        })
    }
}

fn unknown([h, w]: [usize; 2]) -> String {
    let fit = FrontEnd::PRESETS
        .into_iter()
        .find(|name| FrontEnd::preset(name).is_ok_and(|preset| preset.n_mels == h));
    let name = fit.map_or_else(|| format!("{},mels={h}", FrontEnd::PRESETS[0]), Into::into);
    format!(
        "how sound became the model's samples ({h} bands x {w} frames) is unknown, because its arrays \
         came without a prepare.json; if you know it, give it, such as --front-end {name}"
    )
}
