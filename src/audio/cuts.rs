//! Cuts a song's samples into the spectrograms that a classifier is given.

use std::ops::Range;

use super::log_mel::{Decibels, LogMel, Reference, loudest as loudest_of};
use super::samples::Pieces;
use super::{CutFrom, Cutting, FrontEnd, ZeroDb};
use crate::error::Result;

/// The spectrograms of a song.
#[derive(Debug, Clone, PartialEq)]
pub enum Cuts {
    /// `[segments, n_mels, frames]` in dB.
    Made {
        /// The values.
        values: Vec<f32>,
        /// Which samples of the song each covers, `[segments]`.
        spans: Vec<Range<usize>>,
        /// The dB scale of each, `[segments]`.
        scales: Vec<Decibels>,
        /// Neighbours share samples.
        overlap: bool,
    },
    /// The song is too short for this number of cuts.
    TooShort {
        /// The least sufficient length, in samples.
        needed: usize,
    },
}

/// The starts of `count` pieces of `length` that are evenly spaced over `total`, from its start to
/// its end (a single one is in the middle); none if neighbours would overlap by more than half.
pub fn starts(total: usize, length: usize, count: usize) -> Option<Vec<usize>> {
    let room = total.checked_sub(length)?;
    if count < 2 {
        return Some(vec![room / 2; count]);
    }
    let steps = count - 1;
    (room >= steps * length.div_ceil(2)).then(|| (0..count).map(|i| i * room / steps).collect())
}

/// The number of cuts that fit end to end into `samples` samples at the front end's rate.
pub fn fitting(samples: usize, front_end: &FrontEnd, from: CutFrom) -> usize {
    match from {
        CutFrom::Sound => samples / front_end.cut_samples().max(1),
        CutFrom::Spectrogram if samples == 0 => 0,
        CutFrom::Spectrogram => front_end.frames_of(samples) / front_end.frames,
    }
}

/// Where the cuts of a song lie.
struct Places {
    /// In samples, or in frames where the spectrogram is cut.
    starts: Vec<usize>,
    /// Likewise.
    length: usize,
    /// The samples that each covers.
    spans: Vec<Range<usize>>,
}

/// The places of cuts of a song of `samples` samples, or the least sufficient number of samples.
fn places(samples: usize, fe: &FrontEnd, segments: usize, from: CutFrom) -> Result<Places, usize> {
    let (total, length) = match from {
        CutFrom::Sound => {
            // All lengths between these have the same number of frames.
            let least = fe.cut_samples().max(1);
            let share = samples / segments.max(1);
            (samples, share.clamp(least, least.saturating_add(fe.hop_samples.saturating_sub(1))))
        }
        CutFrom::Spectrogram => (fe.frames_of(samples), fe.frames),
    };
    let Some(starts) = starts(total, length, segments) else {
        let needed = length + segments.saturating_sub(1) * length.div_ceil(2);
        return Err(match from {
            CutFrom::Sound => needed,
            CutFrom::Spectrogram => (needed - 1) * fe.hop_samples + fe.n_fft % 2,
        });
    };
    let unit = match from {
        CutFrom::Sound => 1,
        CutFrom::Spectrogram => fe.hop_samples,
    };
    let span = |start: &usize| start * unit..((start + length) * unit).min(samples);
    let spans = starts.iter().map(span).collect();
    Ok(Places { starts, length, spans })
}

/// Whether [`cut`] can make this many cuts of `samples` samples.
pub fn fits(samples: usize, fe: &FrontEnd, segments: usize, from: CutFrom) -> bool {
    samples > 0 && places(samples, fe, segments, from).is_ok()
}

/// Cuts `samples` (mono, ±1, at the front end's rate). Cuts are evenly spaced from the first sample
/// of the song to its last. Cuts from the sound are as long as equal shares of the song, within the
/// lengths that have the right number of frames: 2 s of 30 s for `librosa-2s`. Cuts of a short song
/// overlap, by half at most.
///
/// # Errors
/// If there are no samples, or they cannot be read.
pub fn cut<S: Pieces + ?Sized>(
    samples: &S,
    log_mel: &mut LogMel,
    cutting: Cutting,
) -> Result<Cuts> {
    let fe = log_mel.front_end().clone();
    let Cutting { segments, from, zero_db } = cutting;
    let Places { starts, length, spans } = match places(samples.count(), &fe, segments, from) {
        Ok(places) => places,
        Err(needed) => return Ok(Cuts::TooShort { needed }),
    };
    let size = fe.n_mels * fe.frames;
    let (values, scales) = match from {
        CutFrom::Sound => {
            let mut power = Vec::with_capacity(segments * size);
            for &start in &starts {
                power.extend(log_mel.mel_power(&samples.piece(start..start + length)?)?);
            }
            decibels(&power, size, zero_db)
        }
        CutFrom::Spectrogram => {
            let total = fe.frames_of(samples.count());
            let (power, loudest) = spectrogram_cuts(samples, log_mel, &starts, length, 0..total)?;
            match zero_db {
                ZeroDb::Cut => decibels(&power, size, zero_db),
                // One scale, of the whole song.
                ZeroDb::Song | ZeroDb::Fixed => {
                    let scale = Decibels::of_loudest(loudest, reference(zero_db));
                    (scale.convert(&power), vec![scale])
                }
            }
        }
    };
    let overlap = starts.windows(2).any(|pair| pair[1] - pair[0] < length);
    // A song's scale is that of each of its cuts.
    let scales = scales.iter().copied().cycle().take(segments).collect();
    Ok(Cuts::Made { values, spans, scales, overlap })
}

/// Receives cuts, `[n, n_mels, frames]`, and the samples that each covers.
pub(super) type EachCuts<'a> = dyn FnMut(Vec<f32>, &[Range<usize>]) -> Result<()> + 'a;

/// Like [`cut`], but hands cuts and the samples that they cover to `each`, so many at once: a long
/// song needs no memory for all its cuts. Nothing is handed where the song is too short.
///
/// # Errors
/// As [`cut`]; those of `each`.
pub fn cut_each<S: Pieces + ?Sized>(
    samples: &S,
    log_mel: &mut LogMel,
    cutting: Cutting,
    at_once: usize,
    each: &mut EachCuts<'_>,
) -> Result<()> {
    let Cutting { segments, from, zero_db } = cutting;
    if segments <= at_once {
        return match cut(samples, log_mel, cutting)? {
            Cuts::Made { values, spans, .. } => each(values, &spans),
            Cuts::TooShort { .. } => Ok(()),
        };
    }
    let fe = log_mel.front_end().clone();
    let Ok(Places { starts, length, spans }) =
        places(samples.count(), &fe, cutting.segments, cutting.from)
    else {
        return Ok(());
    };
    let power_of = |log_mel: &mut LogMel, start: usize| match from {
        CutFrom::Sound => log_mel.mel_power(&samples.piece(start..start + length)?),
        CutFrom::Spectrogram => {
            let frames = start..start + length;
            Ok(spectrogram_cuts(samples, log_mel, &[start], length, frames)?.0)
        }
    };
    // The loudest of the song comes first: of its cuts, or of all frames.
    let mut loudest = 0.0;
    match (from, zero_db) {
        (_, ZeroDb::Cut) => {}
        (CutFrom::Sound, _) => {
            for &start in &starts {
                loudest = loudest_of(&power_of(log_mel, start)?).max(loudest);
            }
        }
        (CutFrom::Spectrogram, _) => {
            let total = fe.frames_of(samples.count());
            loudest = spectrogram_cuts(samples, log_mel, &[], length, 0..total)?.1;
        }
    }
    for (starts, spans) in starts.chunks(at_once).zip(spans.chunks(at_once)) {
        let mut values = Vec::with_capacity(starts.len() * fe.n_mels * fe.frames);
        for &start in starts {
            let power = power_of(log_mel, start)?;
            let scale = match zero_db {
                ZeroDb::Cut => Decibels::of(&power, reference(zero_db)),
                _ => Decibels::of_loudest(loudest, reference(zero_db)),
            };
            values.extend(scale.convert(&power));
        }
        each(values, spans)?;
    }
    Ok(())
}

/// Frames of a song that are computed from one piece of it.
const FRAMES_AT_ONCE: usize = 4096;

/// Of `frames` of the spectrogram of a whole song: the mel power of `length` frames from each start,
/// `[starts, n_mels, length]`, and the largest power of all. Starts ascend.
fn spectrogram_cuts<S: Pieces + ?Sized>(
    samples: &S,
    log_mel: &mut LogMel,
    starts: &[usize],
    length: usize,
    frames: Range<usize>,
) -> Result<(Vec<f64>, f64)> {
    let FrontEnd { n_mels, n_fft, hop_samples, .. } = *log_mel.front_end();
    let size = n_mels * length;
    let (mut cuts, mut loudest) = (vec![0.0; starts.len() * size], 0.0);
    for begin in frames.clone().step_by(FRAMES_AT_ONCE) {
        let end = (begin + FRAMES_AT_ONCE).min(frames.end);
        // The samples under the frames' windows; zeros lie around the song.
        let first = (begin * hop_samples).saturating_sub(n_fft / 2);
        let lead = (n_fft / 2).saturating_sub(begin * hop_samples);
        let last = (end * hop_samples + n_fft).min(samples.count());
        let piece = samples.piece(first.min(last)..last)?;
        log_mel.each_frames(&piece, lead, end - begin, &mut |first, count, power| {
            let (first, end) = (begin + first, begin + first + count);
            loudest = loudest_of(power).max(loudest);
            let earlier = starts.partition_point(|start| start + length <= first);
            let with_frames =
                starts.iter().enumerate().skip(earlier).take_while(|(_, start)| **start < end);
            for (cut, &start) in with_frames {
                let (from, to) = (first.max(start), end.min(start + length));
                for (band, power) in power.chunks_exact(count).enumerate() {
                    let at = cut * size + band * length + from - start;
                    cuts[at..at + to - from].copy_from_slice(&power[from - first..to - first]);
                }
            }
        })?;
    }
    Ok((cuts, loudest))
}

fn reference(zero_db: ZeroDb) -> Reference {
    match zero_db {
        ZeroDb::Song | ZeroDb::Cut => Reference::Max,
        ZeroDb::Fixed => Reference::Fixed(1.0),
    }
}

/// Power to dB, with the scales that were used: one for each cut of `size`, or one for all.
fn decibels(power: &[f64], size: usize, zero_db: ZeroDb) -> (Vec<f32>, Vec<Decibels>) {
    let size = match zero_db {
        ZeroDb::Song | ZeroDb::Fixed => power.len(),
        ZeroDb::Cut => size,
    };
    let cuts = || power.chunks(size.max(1));
    let scales: Vec<Decibels> = cuts().map(|cut| Decibels::of(cut, reference(zero_db))).collect();
    let values = cuts().zip(&scales).flat_map(|(cut, scale)| scale.convert(cut)).collect();
    (values, scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Cutting = Cutting { segments: 15, from: CutFrom::Sound, zero_db: ZeroDb::Song };

    /// Louder and louder, so that no two cuts are alike.
    fn sound(n: usize) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * 0.37).sin() * (i + 1) as f32 / n as f32).collect()
    }

    fn made(samples: &[f32], front_end: &FrontEnd, cutting: Cutting) -> (Vec<f32>, bool) {
        match cut(samples, &mut LogMel::new(front_end).unwrap(), cutting).unwrap() {
            Cuts::Made { values, overlap, .. } => (values, overlap),
            Cuts::TooShort { needed } => panic!("needs {needed}"),
        }
    }

    #[test]
    fn pieces_lie_evenly_from_start_to_end() {
        assert_eq!(starts(30, 2, 15).unwrap(), (0..30).step_by(2).collect::<Vec<_>>());
        assert_eq!(starts(100, 10, 3).unwrap(), [0, 45, 90]);
        assert_eq!(starts(100, 10, 1).unwrap(), [45]);
        assert_eq!(starts(20, 10, 3).unwrap(), [0, 5, 10], "half shared");
        assert_eq!((starts(19, 10, 3), starts(9, 10, 1)), (None, None));
    }

    #[test]
    fn thirty_seconds_are_fifteen_cuts_of_two() {
        let front_end = FrontEnd::librosa_2s();
        let samples = sound(661_500);
        let (values, overlap) =
            made(&samples, &front_end, Cutting { zero_db: ZeroDb::Cut, ..PLAIN });
        assert!(!overlap);
        let mut log_mel = LogMel::new(&front_end).unwrap();
        for (own, sound) in values.chunks_exact(128 * 87).zip(samples.chunks_exact(44_100)) {
            assert_eq!(own, log_mel.transform(sound, Reference::Max).unwrap().values);
        }
    }

    #[test]
    fn cuts_that_fit_lie_end_to_end() {
        for (front_end, from, n, want) in [
            (FrontEnd::librosa_2s(), CutFrom::Sound, 661_500, 15),
            (FrontEnd::librosa_2s(), CutFrom::Sound, 44_031, 0),
            (FrontEnd::librosa_2s(), CutFrom::Sound, 88_064, 2),
            (FrontEnd::bristol_80(), CutFrom::Spectrogram, 79 * 512, 1),
            (FrontEnd::bristol_80(), CutFrom::Spectrogram, 79 * 512 - 1, 0),
            (FrontEnd::bristol_80(), CutFrom::Spectrogram, 400_000, 9),
            (FrontEnd::bristol_80(), CutFrom::Spectrogram, 0, 0),
        ] {
            let segments = fitting(n, &front_end, from);
            assert_eq!(segments, want, "{n} {from:?}");
            if segments == 0 {
                continue;
            }
            let cutting = Cutting { segments, from, zero_db: ZeroDb::Song };
            let made = cut(&sound(n), &mut LogMel::new(&front_end).unwrap(), cutting).unwrap();
            let Cuts::Made { values, spans, overlap, .. } = made else { panic!("too short: {n}") };
            let size = front_end.n_mels * front_end.frames;
            assert_eq!((values.len(), spans.len(), overlap), (segments * size, segments, false));
            assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{spans:?}");
            assert!(spans[0].start < front_end.cut_samples() && spans[segments - 1].end <= n);
            // One more would have to overlap.
            let cutting = Cutting { segments: segments + 1, ..cutting };
            let more = cut(&sound(n), &mut LogMel::new(&front_end).unwrap(), cutting).unwrap();
            assert!(!matches!(more, Cuts::Made { overlap: false, .. }), "{n} {from:?}");
        }
    }

    #[test]
    fn zero_db_is_the_songs_loudest_or_each_cuts_or_a_power_of_one() {
        for from in [CutFrom::Sound, CutFrom::Spectrogram] {
            let peaks = |zero_db| -> Vec<f32> {
                let cutting = Cutting { segments: 3, from, zero_db };
                let (values, _) = made(&sound(100_000), &FrontEnd::bristol_80(), cutting);
                let loudest = |cut: &[f32]| cut.iter().copied().fold(f32::MIN, f32::max);
                values.chunks_exact(80 * 80).map(loudest).collect()
            };
            let (song, cut, fixed) =
                (peaks(ZeroDb::Song), peaks(ZeroDb::Cut), peaks(ZeroDb::Fixed));
            assert_eq!(cut, [0.0; 3]);
            assert!(song[0] < song[1] && song[1] < song[2] && song[2] <= 0.0, "{song:?}");
            assert!((fixed[1] - fixed[0] - (song[1] - song[0])).abs() < 1e-4, "{fixed:?}");
            assert!(fixed[2] > 1.0);
        }
    }

    /// Cuts from frames that come one by one have the bits of cuts from the whole spectrogram.
    #[test]
    fn cuts_of_a_spectrogram_have_the_bits_of_the_whole() {
        let fe = FrontEnd { frames: 20, ..FrontEnd::bristol_80() };
        let samples = sound(512 * 70);
        let mut log_mel = LogMel::new(&fe).unwrap();
        let (total, power) = (fe.frames_of(samples.len()), log_mel.mel_power(&samples).unwrap());
        // Apart, end to end and overlapping by half.
        for segments in [2, 3, 6] {
            let starts = starts(total, fe.frames, segments).unwrap();
            let columns = |rows: &[f32], start: usize| -> Vec<u32> {
                let rows = rows.chunks_exact(total);
                rows.flat_map(|row| &row[start..start + fe.frames]).map(|x| x.to_bits()).collect()
            };
            for (zero_db, reference) in
                [(ZeroDb::Song, Reference::Max), (ZeroDb::Fixed, Reference::Fixed(1.0))]
            {
                let whole = Decibels::of(&power, reference).convert(&power);
                let want: Vec<u32> =
                    starts.iter().flat_map(|start| columns(&whole, *start)).collect();
                let cutting = Cutting { segments, from: CutFrom::Spectrogram, zero_db };
                let (values, _) = made(&samples, &fe, cutting);
                let got: Vec<u32> = values.into_iter().map(f32::to_bits).collect();
                assert!(got == want, "{segments} {zero_db:?}");
            }
        }
    }

    /// Cuts that come in batches have the bits of all at once.
    #[test]
    fn batches_have_the_bits_of_all_cuts() {
        let fe = FrontEnd { frames: 20, ..FrontEnd::bristol_80() };
        let samples = sound(512 * 180);
        let mut log_mel = LogMel::new(&fe).unwrap();
        for from in [CutFrom::Sound, CutFrom::Spectrogram] {
            for zero_db in [ZeroDb::Song, ZeroDb::Cut, ZeroDb::Fixed] {
                let cutting = Cutting { segments: 9, from, zero_db };
                let all = cut(&samples, &mut log_mel, cutting).unwrap();
                let Cuts::Made { values: want, spans: want_spans, .. } = all else { panic!() };
                for at_once in [1, 4, 9] {
                    let (mut values, mut spans) = (Vec::new(), Vec::new());
                    cut_each(&samples, &mut log_mel, cutting, at_once, &mut |some, of| {
                        values.extend(some.into_iter().map(f32::to_bits));
                        spans.extend_from_slice(of);
                        Ok(())
                    })
                    .unwrap();
                    let same = values.into_iter().eq(want.iter().map(|x| x.to_bits()));
                    assert!(same && spans == want_spans, "{from:?} {zero_db:?} {at_once}");
                }
            }
        }
    }

    #[test]
    fn a_short_song_overlaps_by_half_at_most() {
        let front_end = FrontEnd::bristol_80();
        for from in [CutFrom::Sound, CutFrom::Spectrogram] {
            let cutting = Cutting { segments: 4, from, ..PLAIN };
            let mut log_mel = LogMel::new(&front_end).unwrap();
            let short = cut(&sound(60_000), &mut log_mel, cutting).unwrap();
            let Cuts::TooShort { needed } = short else { panic!("accepted") };
            let (values, overlap) = made(&sound(needed), &front_end, cutting);
            assert_eq!((values.len(), overlap), (4 * 80 * 80, true));
            let short = cut(&sound(needed - 1), &mut log_mel, cutting).unwrap();
            assert_eq!(short, Cuts::TooShort { needed }, "{from:?}");
        }
    }
}
