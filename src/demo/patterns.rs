//! What many styles share: beats, bass lines, accompaniment, tunes.

use super::band::{BEATS_PER_BAR, Band, Bus};
use super::drums::Drum;
use super::instruments::Instrument;

/// Who plays, and where its desk channel is.
pub(super) type Part = (Bus, Instrument);

impl Band {
    /// Kick on 1 and 3, snare on 2 and 4, `cymbal` in eighths.
    pub(super) fn backbeat(&mut self, bar: usize, cymbal: Drum, snare: Drum) {
        let busy = self.stream.chance(0.5);
        for beat in [0.0, 2.0] {
            self.hit(Drum::Kick, bar, beat, 1.0);
        }
        if busy {
            self.hit(Drum::Kick, bar, [1.5, 2.5, 3.5][bar % 3], 0.8);
        }
        for beat in [1.0, 3.0] {
            self.hit(snare, bar, beat, 1.0);
        }
        for eighth in 0..8 {
            let velocity = if eighth % 2 == 0 { 0.9 } else { 0.55 };
            self.hit(cymbal, bar, f64::from(eighth) / 2.0, velocity);
        }
    }

    /// A kick on every beat, an open hi-hat between them.
    pub(super) fn four_on_the_floor(&mut self, bar: usize, offbeat: Drum, sixteenths: bool) {
        for beat in 0..4 {
            let beat = f64::from(beat);
            self.hit(Drum::Kick, bar, beat, 1.0);
            self.hit(offbeat, bar, beat + 0.5, 0.9);
            if sixteenths {
                for part in [0.0, 0.25, 0.75] {
                    self.hit(Drum::ClosedHat, bar, beat + part, 0.5);
                }
            }
        }
    }

    /// Toms at the end of every fourth bar.
    pub(super) fn fill(&mut self, bar: usize) {
        if bar % 4 == 3 {
            for sixteenth in 0..6 {
                let drum = if sixteenth < 3 { Drum::Snare } else { Drum::Tom };
                self.hit(drum, bar, 2.5 + f64::from(sixteenth) / 4.0, 0.8);
            }
        }
    }

    /// The chord's notes together, at each of `beats`.
    pub(super) fn chords(
        &mut self,
        part: Part,
        bar: usize,
        beats: &[f64],
        length: f64,
        lowest: i32,
        velocity: f32,
    ) {
        for &beat in beats {
            for pitch in self.triad(bar, lowest) {
                self.note(part, (bar, beat, length), pitch, velocity);
            }
        }
    }

    /// Root, fifth and octave together: no third survives distortion well.
    pub(super) fn power_chord(
        &mut self,
        part: Part,
        at: (usize, f64, f64),
        steps: i32,
        lowest: i32,
        velocity: f32,
    ) {
        let root = self.pitch(at.0, steps, lowest);
        for pitch in [root, root + 7, root + 12] {
            self.note(part, at, pitch, velocity);
        }
    }

    /// The chord's notes one after the other, `per_beat` to a beat, each ringing for `length` beats.
    pub(super) fn arpeggio(
        &mut self,
        part: Part,
        bar: usize,
        per_beat: usize,
        length: f64,
        lowest: i32,
        order: &[i32],
    ) {
        for i in 0..per_beat * BEATS_PER_BAR {
            let pitch = self.pitch(bar, order[i % order.len()], lowest);
            let accent = if i % per_beat == 0 { 0.8 } else { 0.6 };
            self.note(part, (bar, i as f64 / per_beat as f64, length), pitch, accent);
        }
    }

    /// Notes of the chord's root, at `(beat, steps above the root)`.
    pub(super) fn line(
        &mut self,
        part: Part,
        bar: usize,
        notes: &[(f64, i32)],
        length: f64,
        lowest: i32,
    ) {
        for &(beat, steps) in notes {
            let pitch = self.pitch(bar, steps, lowest);
            self.note(part, (bar, beat, length), pitch, 0.85);
        }
    }

    /// One bar of a tune: a walk over the scale, in one of a few rhythms, with rests.
    pub(super) fn tune(&mut self, part: Part, bar: usize, lowest: i32) {
        const RHYTHMS: [&[(f64, f64)]; 6] = [
            &[(0.0, 1.0), (1.0, 1.0), (2.0, 2.0)],
            &[(0.0, 1.5), (1.5, 0.5), (2.0, 1.0), (3.0, 1.0)],
            &[(0.5, 0.5), (1.0, 0.5), (1.5, 1.0), (2.5, 1.5)],
            &[(0.0, 0.5), (0.5, 0.5), (1.0, 1.0), (2.0, 0.5), (2.5, 0.5), (3.0, 1.0)],
            &[(0.0, 3.0)],
            &[(1.0, 0.75), (1.75, 0.25), (2.0, 1.5)],
        ];
        let rhythm = *self.stream.pick(&RHYTHMS);
        let mut steps = *self.stream.pick(&[0, 2, 4]);
        for &(beat, beats) in rhythm {
            if beat >= BEATS_PER_BAR as f64 {
                break;
            }
            let pitch = self.pitch(bar, steps, lowest);
            self.note(part, (bar, beat, beats * 0.9), pitch, 0.9);
            steps = (steps + self.stream.below(5) as i32 - 2).clamp(-3, 8);
        }
    }
}
