//! What a trained model makes of sound files: `genre-gpu predict`.
//!
//! ```text
//! ear.rs      a file -> scaled spectrograms, as prepare makes them
//! verdict.rs  probabilities of cuts -> the song's verdict
//! json.rs     songs as JSON
//! strip.rs    verdicts over time, laid out for a terminal
//! ```

mod ear;
mod json;
mod strip;
mod verdict;

use std::path::PathBuf;

use rayon::prelude::*;

use ear::{Ear, Heard};

use crate::audio::{FrontEndSpec, LogMel, MOST_MINUTES};
use crate::backend::{Backend, DatasetRef, State};
use crate::data::{BandSums, Spectra, Typical};
use crate::device::{self, inference_batch};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::train::run_folder::RunFolder;
use crate::train::settings::Config;
use crate::train::{ModelFacts, SavedModel};

#[cfg(all(feature = "gpu", feature = "pictures"))]
pub(crate) use ear::SoundRule;
pub use json::json;
pub use strip::{Line, Strip, clock, letters};
pub use verdict::{Cut, Song, Votes};

/// How songs are predicted.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The front end of a model that does not know it.
    pub front_end: Option<&'a FrontEndSpec>,
    /// Cuts of each song at most, evenly spaced; none means all that fit end to end.
    pub cuts: Option<usize>,
    /// The longest file in minutes; longer ones are refused.
    pub most_minutes: u32,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { front_end: None, cuts: None, most_minutes: MOST_MINUTES }
    }
}

/// A trained model, ready for sound.
pub struct Predictor {
    facts: ModelFacts,
    ear: Ear,
    backend: Box<dyn Backend>,
    pool: rayon::ThreadPool,
}

impl Predictor {
    /// Opens a run's weights on the device that `config` names.
    ///
    /// # Errors
    /// If the run is not finished, it is not known how its sound became spectrograms, a
    /// file is damaged, or the device cannot be had.
    pub fn open(
        folder: &RunFolder,
        config: &Config,
        options: Options<'_>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        folder.check_finished()?;
        let (saved, graph, behind) = folder.read_model_and_age()?;
        if let Some(behind) = behind {
            progress.warn(&behind);
        }
        let SavedModel { parameters, facts } = saved;
        let ear = Ear::new(folder, &facts, options, progress)?;
        let [bands, ..] = facts.sample_shape;
        if facts.spectra.as_ref().is_some_and(|spectra| !spectra.fits(bands))
            || facts.typical.as_ref().is_some_and(|typical| !typical.fits(bands))
        {
            let problem = "its summary of the training set's spectra is damaged".into();
            return Err(Error::Weights { path: folder.model(), problem });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.threads)
            .build()
            .map_err(|e| Error::Threads { threads: config.threads, problem: e.to_string() })?;
        let cuts = options.cuts.unwrap_or(usize::MAX);
        let plan = Plan::for_inference(graph, inference_batch(config.batch_size, cuts))?;
        let mut backend = device::open(config.device, plan, config.device_options())?;
        backend.set_state(&State::new(parameters))?;
        Ok(Self { facts, ear, backend, pool })
    }

    /// What the model's file says of it.
    pub fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    /// Length of a cut in seconds.
    pub fn cut_seconds(&self) -> f64 {
        self.ear.front_end().seconds()
    }

    /// Where it runs.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Hands each file's verdict, or what is wrong with the file, to `each`, in the order of
    /// `files`. As many are decoded at once as there are threads.
    ///
    /// # Errors
    /// If the device fails, or `each` does; a file that cannot be used is `each`'s affair.
    pub fn predict(
        &mut self,
        files: &[PathBuf],
        progress: &dyn Progress,
        each: &mut dyn FnMut(Result<Song>) -> Result<()>,
    ) -> Result<()> {
        progress.begin("songs", files.len() as u64, "songs");
        let mut all = || -> Result<()> {
            for some in files.chunks(self.pool.current_num_threads().max(1)) {
                let ear = &self.ear;
                let hear = |log_mel: &mut Result<LogMel>, path: &PathBuf| {
                    let log_mel = log_mel.as_mut().map_err(|e| Error::FrontEnd {
                        name: ear.front_end().name.clone(),
                        problem: e.to_string(),
                    })?;
                    ear.hear(path, log_mel, device::INFERENCE_SAMPLES)
                };
                let heard: Vec<Result<Heard>> = self.pool.install(|| {
                    some.par_iter().map_init(|| LogMel::new(ear.front_end()), hear).collect()
                });
                for heard in heard {
                    match heard {
                        Ok(heard) => {
                            if let Some(damage) = &heard.damage {
                                let (path, seconds) = (heard.path.display(), heard.seconds);
                                progress.warn(&format!(
                                    "{path}: {damage}; {seconds:.1} s of it are used"
                                ));
                            }
                            each(Ok(self.judge(heard)?))?;
                        }
                        Err(error) => each(Err(error))?,
                    }
                    progress.advance(1);
                }
            }
            Ok(())
        };
        let done = all();
        progress.end();
        done
    }

    fn judge(&mut self, mut heard: Heard) -> Result<Song> {
        let shape = self.facts.sample_shape;
        let (mut probabilities, mut times, mut sums) =
            (Vec::new(), Vec::new(), BandSums::default());
        let (backend, scale) = (&mut self.backend, &self.facts.scale);
        let mut add = |mut x: Vec<f32>, spans_s: Vec<(f64, f64)>| {
            scale.apply(&mut x);
            sums.extend(&x, shape);
            // Nobody knows its class; what the backend says of right and wrong is not looked at.
            let y = vec![0; spans_s.len()];
            let mut some = Vec::new();
            backend.evaluate(DatasetRef::new(&x, &y), &mut some)?;
            probabilities.extend(some);
            times.extend(spans_s);
            Ok(())
        };
        match heard.cuts.take() {
            Some((x, spans_s)) => add(x, spans_s)?,
            None => {
                let mut log_mel = LogMel::new(self.ear.front_end())?;
                self.ear.each_batch(&heard, &mut log_mel, device::INFERENCE_SAMPLES, &mut add)?;
            }
        }
        let bands = sums.finish(shape);
        let place = |spectra: &Spectra| spectra.locate(&bands.mean);
        let spectrum = self.facts.spectra.as_ref().map(place);
        let typicality = self.facts.typical.as_ref().map(|typical: &Typical| typical.judge(&bands));
        let front_end = self.ear.front_end();
        Song::new(heard, front_end, &times, &probabilities, spectrum, typicality, &self.facts)
    }
}
