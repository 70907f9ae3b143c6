//! From a sample's place in the arrays to the sound that it was cut from.

use std::collections::BTreeMap;
use std::fmt;

use rayon::prelude::*;

use super::clip::Clip;
use super::masker::Masker;
use crate::audio::{Cuts, Cutting, FrontEnd, LogMel, cut};
use crate::data::{Dataset, PartName, Scale};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::train::recordings::Track;
use crate::train::source::Source;

/// A cut is a sample's own if no value is further off, in dB: a platform's own logarithm may
/// have other last bits, but no other cut is so near.
const NEAR_DB: f32 = 1e-3;

/// A data set whose sound can be had.
pub struct Listener<'a> {
    data: &'a Dataset,
    front_end: &'a FrontEnd,
    cutting: Cutting,
    tracks: BTreeMap<i64, Vec<Track>>,
    masker: Masker,
}

impl fmt::Debug for Listener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("songs", &self.tracks.len()).finish_non_exhaustive()
    }
}

impl<'a> Listener<'a> {
    /// Finds the songs of a data set whose samples are scaled; none where nobody knows what sound
    /// it came from.
    ///
    /// # Errors
    /// If the list of songs cannot be read, or the front end's windows overlap too little.
    pub fn open(source: &'a Source) -> Result<Option<Self>> {
        let Source { data, front_end, cutting, recordings } = source;
        let (Some(front_end), Some(cutting), Some(recordings)) = (front_end, *cutting, recordings)
        else {
            return Ok(None);
        };
        let (tracks, masker) = (recordings.tracks()?, Masker::new(front_end)?);
        Ok(Some(Self { data, front_end, cutting, tracks, masker }))
    }

    /// The same, where sound was asked for.
    ///
    /// # Errors
    /// Also if nobody knows what sound the samples came from.
    pub fn asked(source: &'a Source) -> Result<Self> {
        Self::open(source)?.ok_or_else(|| Error::Setting {
            name: "listen",
            expected: "samples whose sound is known: the demo corpus of this version, or arrays \
                       that genre-gpu prepare made",
            found: source.data.source.clone(),
        })
    }

    /// How sound became samples.
    pub fn front_end(&self) -> &FrontEnd {
        self.front_end
    }

    /// What samples are scaled by before the network sees them.
    pub fn scale(&self) -> Scale {
        self.data.scale
    }

    /// Splits clips by masks.
    pub fn masker(&self) -> &Masker {
        &self.masker
    }

    /// The sound of samples, by part and index, in the order given; songs are worked on in
    /// parallel, each once.
    ///
    /// # Errors
    /// If there is no such sample, or its song is gone, has changed or cannot be decoded.
    pub fn clips(&self, picks: &[(PartName, usize)], progress: &dyn Progress) -> Result<Vec<Clip>> {
        let mut by_song: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (place, (part, index)) in picks.iter().enumerate() {
            by_song.entry(self.song(*part, *index)?).or_default().push(place);
        }
        progress.begin("sound", by_song.len() as u64, "songs");
        let found: Vec<Result<Vec<Clip>>> = by_song
            .par_iter()
            .map(|(song, places)| {
                let picks: Vec<_> = places.iter().map(|place| picks[*place]).collect();
                let clips = self.of_song(*song, &picks);
                progress.advance(1);
                clips
            })
            .collect();
        progress.end();
        let mut clips = BTreeMap::new();
        for (places, found) in by_song.values().zip(found) {
            clips.extend(places.iter().zip(found?));
        }
        Ok(clips.into_values().collect())
    }

    fn song(&self, part: PartName, index: usize) -> Result<i64> {
        let songs = self.data.part(part).song.as_ref();
        songs.and_then(|songs| songs.get(index)).copied().ok_or_else(|| Error::Mismatch {
            what: "sample to listen to",
            expected: format!("one of {part} whose song is known"),
            found: format!("index {index}"),
        })
    }

    /// The clips of samples of one song.
    fn of_song(&self, song: i64, picks: &[(PartName, usize)]) -> Result<Vec<Clip>> {
        let fe = self.front_end;
        let mut log_mel = LogMel::new(fe)?;
        // The nearest cut of each, and how far off it is.
        let mut best: Vec<Option<(f32, Clip)>> = vec![None; picks.len()];
        for track in self.tracks.get(&song).into_iter().flatten() {
            let samples = track.samples(fe.sample_rate_hz)?;
            let Cuts::Made { mut values, spans, scales, .. } =
                cut(&samples, &mut log_mel, self.cutting)?
            else {
                continue;
            };
            self.data.scale.apply(&mut values);
            let cuts = || values.chunks_exact(fe.n_mels * fe.frames).zip(spans.iter().zip(&scales));
            for ((part, index), best) in picks.iter().zip(&mut best) {
                for (made, (span, scale)) in cuts() {
                    let off = self.off_db(*part, *index, made);
                    if best.as_ref().is_none_or(|(least, _)| off < *least) {
                        let from = self.cutting.from;
                        let clip = Clip::new(&track.name, &samples, span, from, *scale, fe);
                        *best = Some((off, clip));
                    }
                }
            }
        }
        let own = |((part, index), best): (&(PartName, usize), Option<(f32, Clip)>)| match best {
            Some((off, clip)) if off <= NEAR_DB => Ok(clip),
            best => Err(self.strange(song, (*part, *index), best)),
        };
        picks.iter().zip(best).map(own).collect()
    }

    /// The largest difference between a scaled sample and a scaled cut, in the arrays' dB.
    fn off_db(&self, part: PartName, index: usize, made: &[f32]) -> f32 {
        let size = made.len();
        let sample = &self.data.part(part).x[index * size..][..size];
        let off = sample.iter().zip(made).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        off / self.data.scale.factor.abs()
    }

    fn strange(
        &self,
        song: i64,
        (part, index): (PartName, usize),
        best: Option<(f32, Clip)>,
    ) -> Error {
        let found = match best {
            None => format!("no sound for song {song} of songs.csv"),
            Some((off, clip)) => format!("{off:.3} dB off in the nearest cut of {}", clip.song),
        };
        Error::Mismatch {
            what: "sound",
            expected: format!(
                "a cut that gives sample {index} of {part} in {}, to {NEAR_DB} dB",
                self.data.source
            ),
            found: format!("{found}; make the arrays again, train on them, or leave out --listen"),
        }
    }
}
