//! A band: which instrument plays which note when, in bars and beats, over a key and its chords.

use super::drums::{Drum, Kit};
use super::instruments::Instrument;
use super::synth::{RATE, RATE_HZ};
use crate::random::streams::Stream;

/// Length of a song: fifteen cuts of 0.93 s fit end to end.
pub(super) const SONG_SECONDS: usize = 14;

pub(super) const BEATS_PER_BAR: usize = 4;

const MAJOR: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
const MINOR: [i32; 7] = [0, 2, 3, 5, 7, 8, 10];
const NAMES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

/// A style within a genre.
pub(super) struct Style {
    pub name: &'static str,
    /// Relative frequency among the styles of its genre.
    pub weight: f64,
    pub bpm: (f64, f64),
    /// Share of songs in a minor key.
    pub minor: f64,
    /// The scale's degree (0 is the tonic) that is the root of each bar's chord, repeated.
    pub chords: &'static [&'static [i32]],
    pub write: fn(&mut Band),
}

/// A channel of the mixing desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bus {
    Drums,
    Bass,
    Guitar,
    Keys,
    Orchestra,
    Lead,
}

impl Bus {
    pub(super) const COUNT: usize = 6;
    pub(super) const ALL: [Self; Self::COUNT] =
        [Self::Drums, Self::Bass, Self::Guitar, Self::Keys, Self::Orchestra, Self::Lead];
}

/// A high cut at this frequency or above has no effect.
pub(super) const OPEN_HZ: f32 = 18_000.0;

/// The mixing desk's settings of a bus.
#[derive(Debug, Clone, Copy)]
pub(super) struct Channel {
    pub level_db: f32,
    /// Gain before soft clipping, for a signal of RMS 0.1; 0 leaves it clean.
    pub drive: f32,
    /// 0 for none.
    pub low_cut_hz: f32,
    /// [`OPEN_HZ`] for none.
    pub high_cut_hz: f32,
    pub reverb: f32,
}

/// The band and what it has played so far.
pub(super) struct Band {
    pub stream: Stream,
    pub bpm: f64,
    root: i32,
    scale: &'static [i32; 7],
    chords: &'static [i32],
    /// Standard deviation of notes from the grid, in seconds.
    loose_s: f64,
    kit: Kit,
    pub channels: [Channel; Bus::COUNT],
    pub buses: [Vec<f32>; Bus::COUNT],
    /// Whether what is played on a bus sounds.
    open: [bool; Bus::COUNT],
}

impl Band {
    pub(super) fn new(style: &Style, mut stream: Stream) -> Self {
        let channel = Channel {
            level_db: 0.0,
            drive: 0.0,
            low_cut_hz: 0.0,
            high_cut_hz: OPEN_HZ,
            reverb: 0.1,
        };
        Self {
            bpm: stream.between(style.bpm.0, style.bpm.1),
            root: stream.below(12) as i32,
            scale: if stream.chance(style.minor) { &MINOR } else { &MAJOR },
            chords: stream.pick::<&'static [i32]>(style.chords),
            loose_s: stream.between(0.0, 0.008),
            kit: Kit::new(&mut stream),
            channels: [channel; Bus::COUNT],
            buses: std::array::from_fn(|_| vec![0.0; SONG_SECONDS * RATE_HZ as usize]),
            open: [true; Bus::COUNT],
            stream,
        }
    }

    /// Plays a style on those of `buses` that nobody has played on.
    pub(super) fn play(&mut self, style: &Style, buses: &[Bus]) {
        self.open = Bus::ALL
            .map(|bus| buses.contains(&bus) && self.buses[bus as usize].iter().all(|&x| x == 0.0));
        let before = self.channels;
        (style.write)(self);
        for (bus, before) in before.into_iter().enumerate() {
            if !self.open[bus] {
                self.channels[bus] = before;
            }
        }
    }

    /// The key's name, e.g. "A minor".
    pub(super) fn key(&self) -> String {
        let mode = if self.scale == &MINOR { "minor" } else { "major" };
        format!("{} {mode}", NAMES[self.root as usize])
    }

    /// Number of bars that begin within the song.
    pub(super) fn bars(&self) -> usize {
        (SONG_SECONDS as f64 / self.bar_s()).ceil() as usize
    }

    /// Length of a bar in seconds.
    pub(super) fn bar_s(&self) -> f64 {
        BEATS_PER_BAR as f64 * 60.0 / self.bpm
    }

    /// Sets a bus's level, the desk's other settings staying as they are.
    pub(super) fn channel(&mut self, bus: Bus, level_db: f32) -> &mut Channel {
        let channel = &mut self.channels[bus as usize];
        channel.level_db = level_db;
        channel
    }

    /// The MIDI pitch `steps` scale steps above the bar's chord root, which
    /// is in the octave above `lowest`.
    pub(super) fn pitch(&self, bar: usize, steps: i32, lowest: i32) -> i32 {
        let degree = self.chords[bar % self.chords.len()];
        let root = self.root + self.scale[degree.rem_euclid(7) as usize];
        let root = lowest + (root - lowest).rem_euclid(12);
        let of = |d: i32| 12 * d.div_euclid(7) + self.scale[d.rem_euclid(7) as usize];
        root + of(degree + steps) - of(degree)
    }

    /// The bar's triad in close position, its root in the octave above `lowest`.
    pub(super) fn triad(&self, bar: usize, lowest: i32) -> [i32; 3] {
        [0, 2, 4].map(|steps| self.pitch(bar, steps, lowest))
    }

    pub(super) fn hit(&mut self, drum: Drum, bar: usize, beat: f64, velocity: f32) {
        if !self.open[Bus::Drums as usize] {
            return;
        }
        let start = self.position(bar, beat);
        let velocity = velocity * self.stream.between(0.8, 1.0) as f32;
        let bus = &mut self.buses[Bus::Drums as usize];
        if let Some(out) = bus.get_mut(start..) {
            out.iter_mut().zip(self.kit.sound(drum)).for_each(|(y, x)| *y += velocity * x);
        }
    }

    pub(super) fn note(
        &mut self,
        (bus, instrument): (Bus, Instrument),
        (bar, beat, beats): (usize, f64, f64),
        pitch: i32,
        velocity: f32,
    ) {
        if !self.open[bus as usize] {
            return;
        }
        let start = self.position(bar, beat);
        let length_s = beats * 60.0 / self.bpm + instrument.release_s();
        let whole = self.buses[bus as usize].len();
        let end = (start + (length_s * f64::from(RATE)) as usize).min(whole);
        if start >= end {
            return;
        }
        let hz = 440.0 * ((pitch - 69) as f32 / 12.0).exp2();
        let velocity = velocity * self.stream.between(0.75, 1.0) as f32;
        let mut sound = vec![0.0; end - start];
        instrument.play(&mut sound, hz, velocity, &mut self.stream);
        let out = &mut self.buses[bus as usize][start..end];
        out.iter_mut().zip(&sound).for_each(|(y, x)| *y += x);
    }

    /// The sample of a beat, with a random deviation from the grid.
    fn position(&mut self, bar: usize, beat: f64) -> usize {
        let s = bar as f64 * self.bar_s() + beat * 60.0 / self.bpm;
        ((s + self.loose_s * self.stream.normal()).max(0.0) * f64::from(RATE)) as usize
    }
}
