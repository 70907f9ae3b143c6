//! The pitched instruments, shared by all genres.

use super::synth::{
    Filter, Partial, Pluck, Saw, decay, fade, noise, partials, pluck, saw, soft_clip,
};
use crate::random::streams::Stream;

/// What plays a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instrument {
    Piano,
    ElectricPiano,
    Harpsichord,
    Organ,
    NylonGuitar,
    SteelGuitar,
    /// A steel string damped by the palm.
    MutedGuitar,
    PickedBass,
    SynthBass,
    Strings,
    Brass,
    Flute,
    SynthLead,
    Voice,
    /// A shouted voice.
    Growl,
}

impl Instrument {
    /// How long it sounds on after the note's end.
    pub(super) fn release_s(self) -> f64 {
        match self {
            Self::Strings | Self::Voice => 0.25,
            Self::Piano | Self::ElectricPiano | Self::NylonGuitar => 0.3,
            Self::Brass | Self::Flute | Self::Growl => 0.12,
            Self::Harpsichord | Self::SteelGuitar | Self::Organ | Self::SynthLead => 0.06,
            Self::MutedGuitar | Self::PickedBass | Self::SynthBass => 0.03,
        }
    }

    /// The note, as long as `out`, release included.
    pub(super) fn play(self, out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
        match self {
            Self::Piano => piano(out, hz, velocity),
            Self::ElectricPiano => electric_piano(out, hz, velocity),
            Self::Harpsichord => string(out, hz, velocity, 0.7, 0.98, stream),
            Self::Organ => organ(out, hz, velocity),
            Self::NylonGuitar => string(out, hz, velocity, 0.8, 0.45, stream),
            Self::SteelGuitar => string(out, hz, velocity, 1.2, 0.8, stream),
            Self::MutedGuitar => string(out, hz, velocity, 0.09, 0.55, stream),
            Self::PickedBass => picked_bass(out, hz, velocity),
            Self::SynthBass => synth_bass(out, hz, velocity, stream),
            Self::Strings => strings(out, hz, velocity, stream),
            Self::Brass => brass(out, hz, velocity, stream),
            Self::Flute => flute(out, hz, velocity, stream),
            Self::SynthLead => synth_lead(out, hz, velocity, stream),
            Self::Voice => voice(out, hz, velocity, stream),
            Self::Growl => growl(out, hz, velocity, stream),
        }
        let attack_s = match self {
            Self::Strings => 0.09,
            Self::Voice | Self::Flute | Self::Brass => 0.04,
            Self::Organ | Self::SynthLead | Self::Growl => 0.01,
            _ => 0.001,
        };
        fade(out, attack_s, self.release_s() as f32);
    }
}

fn piano(out: &mut [f32], hz: f32, velocity: f32) {
    let ring_s = 2.5 * (220.0 / hz).sqrt();
    let tones: Vec<Partial> = (1..=12)
        .map(|k| {
            let k = k as f32;
            Partial {
                hz: hz * k * (1.0 + 0.0005 * k * k).sqrt(),
                // A harder stroke is brighter.
                gain: 0.5 * velocity * (0.55 + 0.4 * velocity).powf(k - 1.0),
                decay_s: ring_s / (1.0 + 0.4 * (k - 1.0)),
            }
        })
        .collect();
    partials(out, &tones);
    // The hammer.
    partials(
        out,
        &[(180.0, 0.05), (910.0, 0.02), (2300.0, 0.01)].map(|(hz, decay_s)| Partial {
            hz,
            gain: 0.12 * velocity,
            decay_s,
        }),
    );
}

fn electric_piano(out: &mut [f32], hz: f32, velocity: f32) {
    let tone = |ratio, gain, decay_s| Partial { hz: hz * ratio, gain: gain * velocity, decay_s };
    partials(
        out,
        &[tone(1.0, 0.6, 1.4), tone(2.0, 0.12, 0.9), tone(3.0, 0.1, 0.5), tone(11.3, 0.1, 0.08)],
    );
}

fn organ(out: &mut [f32], hz: f32, velocity: f32) {
    let bars =
        [(0.5, 0.3), (1.0, 0.4), (1.5, 0.2), (2.0, 0.3), (3.0, 0.15), (4.0, 0.15), (8.0, 0.08)];
    partials(
        out,
        &bars.map(|(ratio, gain)| Partial {
            hz: hz * ratio,
            gain: gain * velocity,
            decay_s: 1000.0,
        }),
    );
}

fn string(
    out: &mut [f32],
    hz: f32,
    velocity: f32,
    decay_s: f32,
    brightness: f32,
    stream: &mut Stream,
) {
    pluck(out, hz, Pluck { gain: velocity, decay_s, brightness }, stream);
}

fn picked_bass(out: &mut [f32], hz: f32, velocity: f32) {
    let tones: Vec<Partial> = (1..=10)
        .map(|k| {
            let k = k as f32;
            Partial {
                hz: hz * k,
                gain: 0.6 * velocity / k.powf(1.2),
                decay_s: 1.0 / (1.0 + 0.5 * k),
            }
        })
        .collect();
    partials(out, &tones);
}

/// Sawtooths through a low-pass whose cut falls from `from_hz` to `to_hz` within `fall_s`.
fn swept_saws(out: &mut [f32], tones: &[(f32, Saw)], cut: (f32, f32, f32), stream: &mut Stream) {
    let mut dry = vec![0.0; out.len()];
    for &(hz, how) in tones {
        saw(&mut dry, hz, how, stream);
    }
    let (from_hz, to_hz, fall_s) = cut;
    let mut filter = Filter::resonant_low(from_hz, 1.0);
    let step = (-64.0 / (fall_s * super::synth::RATE)).exp();
    let mut share = 1.0;
    for (out, dry) in out.chunks_mut(64).zip(dry.chunks(64)) {
        filter.tune(to_hz + (from_hz - to_hz) * share);
        share *= step;
        out.iter_mut().zip(dry).for_each(|(y, &x)| *y += filter.next(x));
    }
}

fn plain(gain: f32) -> Saw {
    Saw { gain, vibrato_cents: 0.0, vibrato_hz: 1.0, slide_semitones: 0.0 }
}

fn synth_bass(out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
    let saws = [(hz, plain(0.5 * velocity)), (hz * 1.004, plain(0.4 * velocity))];
    swept_saws(out, &saws, (2400.0, 250.0, 0.09), stream);
    decay(out, 0.6);
}

fn synth_lead(out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
    let saws = [(hz, plain(0.3 * velocity)), (hz * 1.006, plain(0.3 * velocity))];
    swept_saws(out, &saws, (6000.0, 1800.0, 0.15), stream);
}

fn strings(out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
    let saws = [-0.005, 0.0, 0.006].map(|off| {
        let vibrato_hz = stream.between(4.5, 6.0) as f32;
        let how =
            Saw { gain: 0.2 * velocity, vibrato_cents: 12.0, vibrato_hz, slide_semitones: 0.0 };
        (hz * (1.0 + off), how)
    });
    let cut_hz = 1500.0 + 3500.0 * velocity;
    swept_saws(out, &saws, (cut_hz, cut_hz, 1.0), stream);
}

fn brass(out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
    let saws = [(hz, plain(0.3 * velocity)), (hz * 1.003, plain(0.25 * velocity))];
    swept_saws(out, &saws, (700.0, 1200.0 + 3000.0 * velocity, 0.07), stream);
}

fn flute(out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
    let how =
        Saw { gain: 0.6 * velocity, vibrato_cents: 15.0, vibrato_hz: 5.0, slide_semitones: 0.0 };
    swept_saws(out, &[(hz, how)], (1.5 * hz, 1.5 * hz, 1.0), stream);
    let mut breath = Filter::band(2.0 * hz, 2.0);
    out.iter_mut().for_each(|x| *x += 0.06 * velocity * breath.next(noise(stream)));
}

/// First three formants of a, e, i, o, u in Hz (Peterson and Barney 1952, rounded).
const FORMANTS_HZ: [[f32; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [290.0, 2250.0, 2950.0],
    [570.0, 840.0, 2410.0],
    [320.0, 870.0, 2240.0],
];

fn voice(out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
    let mut source = vec![0.0; out.len()];
    let how = Saw {
        gain: velocity,
        vibrato_cents: stream.between(10.0, 45.0) as f32,
        vibrato_hz: stream.between(4.8, 6.2) as f32,
        slide_semitones: stream.between(-1.5, 0.3) as f32,
    };
    saw(&mut source, hz, how, stream);
    // A consonant: a few hundredths of a second of hiss.
    if stream.chance(0.5) {
        let length = source.len().min(2000);
        source[..length].iter_mut().for_each(|x| *x += 0.5 * velocity * noise(stream));
    }
    formants(out, &source, stream);
}

fn growl(out: &mut [f32], hz: f32, velocity: f32, stream: &mut Stream) {
    let mut source = vec![0.0; out.len()];
    let how = Saw { gain: 1.0, vibrato_cents: 60.0, vibrato_hz: 23.0, slide_semitones: -2.0 };
    saw(&mut source, hz, how, stream);
    source
        .iter_mut()
        .for_each(|x| *x = soft_clip(4.0 * (*x * 0.6 + 0.7 * noise(stream))) * velocity);
    formants(out, &source, stream);
}

fn formants(out: &mut [f32], source: &[f32], stream: &mut Stream) {
    let vowel = *stream.pick(&FORMANTS_HZ);
    let mut bands = [(0, 7.0), (1, 9.0), (2, 12.0)].map(|(i, q)| Filter::band(vowel[i], q));
    for (y, &x) in out.iter_mut().zip(source) {
        *y += bands[0].next(x) + 0.7 * bands[1].next(x) + 0.45 * bands[2].next(x) + 0.02 * x;
    }
}
