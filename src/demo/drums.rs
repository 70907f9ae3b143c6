//! The drum kit: each sound is made once per song and struck many times.

use super::synth::{Filter, Partial, RATE, decay, fade, noise, partials};
use crate::random::streams::Stream;

/// What is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drum {
    Kick,
    Snare,
    /// A stick on the rim, for ballads.
    Rim,
    ClosedHat,
    OpenHat,
    Ride,
    Crash,
    Tom,
    Clap,
    Tambourine,
    Timpani,
}

impl Drum {
    const ALL: [Self; 11] = [
        Self::Kick,
        Self::Snare,
        Self::Rim,
        Self::ClosedHat,
        Self::OpenHat,
        Self::Ride,
        Self::Crash,
        Self::Tom,
        Self::Clap,
        Self::Tambourine,
        Self::Timpani,
    ];
}

/// One song's drums.
#[derive(Debug)]
pub(super) struct Kit(Vec<Vec<f32>>);

impl Kit {
    pub(super) fn new(stream: &mut Stream) -> Self {
        Self(Drum::ALL.iter().map(|&drum| make(drum, stream)).collect())
    }

    pub(super) fn sound(&self, drum: Drum) -> &[f32] {
        &self.0[drum as usize]
    }
}

fn make(drum: Drum, stream: &mut Stream) -> Vec<f32> {
    let mut between = |low: f64, high: f64| stream.between(low, high) as f32;
    match drum {
        Drum::Kick => {
            let (end_hz, click, ring_s) =
                (between(42.0, 65.0), between(0.0, 0.5), between(0.07, 0.16));
            kick(end_hz, click, ring_s, stream)
        }
        Drum::Snare => {
            let (tone_hz, ring_s, cut_hz) =
                (between(160.0, 260.0), between(0.05, 0.13), between(900.0, 2500.0));
            let mut y = hiss(0.35, 0.9, ring_s, Filter::high(cut_hz), stream);
            partials(&mut y, &modes(tone_hz, 0.7, 0.06, &[1.0, 1.6, 2.3]));
            y
        }
        Drum::Rim => {
            let hz = between(400.0, 600.0);
            let mut y = hiss(0.06, 0.4, 0.006, Filter::high(1500.0), stream);
            partials(&mut y, &modes(hz, 0.4, 0.015, &[1.0, 2.7, 4.1]));
            y
        }
        Drum::ClosedHat => {
            let (cut_hz, ring_s) = (between(6000.0, 9500.0), between(0.015, 0.035));
            hiss(0.12, 0.5, ring_s, Filter::high(cut_hz), stream)
        }
        Drum::OpenHat => {
            let (cut_hz, ring_s) = (between(5500.0, 8500.0), between(0.09, 0.18));
            hiss(0.4, 0.45, ring_s, Filter::high(cut_hz), stream)
        }
        Drum::Ride => {
            let (cut_hz, hz) = (between(5000.0, 8000.0), between(3000.0, 4200.0));
            let mut y = hiss(0.7, 0.2, 0.25, Filter::high(cut_hz), stream);
            partials(&mut y, &modes(hz, 0.12, 0.3, &[1.0, 1.37, 1.83, 2.61]));
            y
        }
        Drum::Crash => {
            let (cut_hz, ring_s) = (between(2500.0, 5000.0), between(0.4, 0.9));
            hiss(1.8, 0.6, ring_s, Filter::high(cut_hz), stream)
        }
        Drum::Tom => {
            let mut y = vec![0.0; seconds(0.5)];
            partials(&mut y, &modes(between(80.0, 160.0), 0.9, 0.15, &[1.0, 1.5, 2.2]));
            y
        }
        Drum::Clap => {
            let cut_hz = between(1000.0, 1500.0);
            let mut y = hiss(0.3, 1.2, 0.07, Filter::band(cut_hz, 1.2), stream);
            // Several hands, not quite together.
            for late_s in [0.009, 0.019] {
                let burst = hiss(0.02, 1.0, 0.006, Filter::band(cut_hz, 1.2), stream);
                y[seconds(late_s)..].iter_mut().zip(&burst).for_each(|(y, x)| *y += x);
            }
            y
        }
        Drum::Tambourine => {
            hiss(0.15, 0.4, 0.04, Filter::band(between(7000.0, 10_000.0), 1.5), stream)
        }
        Drum::Timpani => {
            let mut y = vec![0.0; seconds(1.5)];
            partials(&mut y, &modes(between(70.0, 120.0), 0.8, 0.6, &[1.0, 1.5, 1.99, 2.44, 2.9]));
            y
        }
    }
}

/// A sine that falls to its pitch, and the beater's click.
fn kick(end_hz: f32, click: f32, ring_s: f32, stream: &mut Stream) -> Vec<f32> {
    let mut phase = 0.0f32;
    let mut y: Vec<f32> = (0..seconds(0.45))
        .map(|i| {
            let t = i as f32 / RATE;
            phase += (end_hz + 220.0 * (-t / 0.02).exp()) / RATE;
            (std::f32::consts::TAU * phase).sin()
        })
        .collect();
    decay(&mut y, ring_s);
    let beater = hiss(0.02, click, 0.004, Filter::high(2000.0), stream);
    y.iter_mut().zip(&beater).for_each(|(y, x)| *y += x);
    fade(&mut y, 0.0005, 0.02);
    y
}

fn hiss(length_s: f32, gain: f32, ring_s: f32, filter: Filter, stream: &mut Stream) -> Vec<f32> {
    let mut y: Vec<f32> = (0..seconds(length_s)).map(|_| gain * noise(stream)).collect();
    Filter::run([filter], &mut y);
    decay(&mut y, ring_s);
    fade(&mut y, 0.0005, 0.01);
    y
}

fn modes(hz: f32, gain: f32, decay_s: f32, ratios: &[f32]) -> Vec<Partial> {
    let tone = |r: &f32| Partial { hz: hz * r, gain: gain / r, decay_s: decay_s / r.sqrt() };
    ratios.iter().map(tone).collect()
}

fn seconds(s: f32) -> usize {
    (s * RATE) as usize
}
