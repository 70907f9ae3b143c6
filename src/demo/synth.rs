//! The few sound sources that every instrument is made of: decaying partials,
//! a plucked string, a sawtooth and noise; and one filter.

use std::f32::consts::{PI, TAU};

use crate::random::streams::Stream;

/// Samples per second of the songs.
pub const RATE_HZ: u32 = 44_100;
/// The same as f32.
pub(super) const RATE: f32 = RATE_HZ as f32;

/// Partials at or above this are left out.
const HIGHEST_PARTIAL_HZ: f32 = 18_000.0;

/// A decaying sinusoid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partial {
    pub hz: f32,
    pub gain: f32,
    /// Time in which it falls to 1/e.
    pub decay_s: f32,
}

/// Adds decaying sinusoids: `y[n] = 2 r cos(w) y[n-1] − r² y[n-2]`, four at a time.
pub(super) fn partials(out: &mut [f32], partials: &[Partial]) {
    let audible: Vec<&Partial> =
        partials.iter().filter(|p| p.hz < HIGHEST_PARTIAL_HZ && p.gain != 0.0).collect();
    for group in audible.chunks(4) {
        let [mut y1, mut y2, mut a1, mut a2] = [[0.0f64; 4]; 4];
        for (lane, partial) in group.iter().enumerate() {
            let w = f64::from(TAU * partial.hz / RATE);
            let r = (-1.0 / f64::from(partial.decay_s * RATE)).exp();
            (a1[lane], a2[lane]) = (2.0 * r * w.cos(), r * r);
            y1[lane] = f64::from(partial.gain) * (-w).sin() / r;
            y2[lane] = f64::from(partial.gain) * (-2.0 * w).sin() / (r * r);
        }
        for x in out.iter_mut() {
            let mut sum = 0.0;
            for lane in 0..4 {
                let y = a1[lane] * y1[lane] - a2[lane] * y2[lane];
                y2[lane] = y1[lane];
                y1[lane] = y;
                sum += y;
            }
            *x += sum as f32;
        }
    }
}

/// A plucked string after Karplus and Strong (1983): a burst of noise runs
/// round a delay line and loses treble on each round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pluck {
    pub gain: f32,
    /// Until it has fallen to 1/e, at the fundamental.
    pub decay_s: f32,
    /// 0 dull … 1 bright.
    pub brightness: f32,
}

pub(super) fn pluck(out: &mut [f32], hz: f32, how: Pluck, stream: &mut Stream) {
    let smoothing = 0.5 * (1.0 - how.brightness).clamp(0.02, 1.0);
    // The loop's filter delays by `smoothing` samples; linear interpolation makes up the fraction.
    let period = (RATE / hz - smoothing).max(2.0);
    let whole = period as usize;
    let fraction = period - whole as f32;
    let loss = (-1.0 / (how.decay_s * hz)).exp();
    let mut line = vec![0.0f32; whole + 1];
    let mut burst = Filter::low(1000.0 * 16f32.powf(how.brightness));
    let mut mean = 0.0;
    for x in &mut line {
        *x = burst.next(noise(stream)) * how.gain;
        mean += *x;
    }
    mean /= line.len() as f32;
    line.iter_mut().for_each(|x| *x -= mean);
    let (mut i, mut before) = (0, 0.0);
    for x in out {
        let next = if i + 1 == line.len() { 0 } else { i + 1 };
        let y = line[i] * fraction + line[next] * (1.0 - fraction);
        *x += y;
        line[i] = loss * ((1.0 - smoothing) * y + smoothing * before);
        before = y;
        i = next;
    }
}

/// A sawtooth without audible aliasing (PolyBLEP), bent by vibrato.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saw {
    pub gain: f32,
    pub vibrato_cents: f32,
    pub vibrato_hz: f32,
    /// The pitch slides here from this many semitones away.
    pub slide_semitones: f32,
}

pub(super) fn saw(out: &mut [f32], hz: f32, how: Saw, stream: &mut Stream) {
    let (mut phase, mut sway) = (stream.uniform() as f32, stream.uniform() as f32 * TAU);
    let mut slide = how.slide_semitones;
    for block in out.chunks_mut(64) {
        let semitones = how.vibrato_cents / 100.0 * sway.sin() + slide;
        let step = hz * (semitones / 12.0).exp2() / RATE;
        sway += TAU * how.vibrato_hz * 64.0 / RATE;
        slide *= 0.97;
        for x in block {
            let mut y = 2.0 * phase - 1.0;
            if phase < step {
                let t = phase / step;
                y -= t + t - t * t - 1.0;
            } else if phase > 1.0 - step {
                let t = (phase - 1.0) / step;
                y -= t * t + t + t + 1.0;
            }
            *x += how.gain * y;
            phase += step;
            if phase >= 1.0 {
                phase -= 1.0;
            }
        }
    }
}

/// White noise, uniform in ±1.
pub(super) fn noise(stream: &mut Stream) -> f32 {
    2.0 * stream.uniform() as f32 - 1.0
}

/// A second-order state variable filter (A. Simper, 2013), whose frequency can be changed at any time.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    kind: Kind,
    g: f32,
    k: f32,
    a: f32,
    state: [f32; 2],
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Low,
    Band,
    High,
}

impl Filter {
    fn new(kind: Kind, hz: f32, q: f32) -> Self {
        let mut filter = Self { kind, g: 0.0, k: 1.0 / q, a: 0.0, state: [0.0; 2] };
        filter.tune(hz);
        filter
    }

    pub(super) fn low(hz: f32) -> Self {
        Self::new(Kind::Low, hz, 0.707)
    }

    pub(super) fn resonant_low(hz: f32, q: f32) -> Self {
        Self::new(Kind::Low, hz, q)
    }

    pub(super) fn high(hz: f32) -> Self {
        Self::new(Kind::High, hz, 0.707)
    }

    /// Unit gain at `hz`.
    pub(super) fn band(hz: f32, q: f32) -> Self {
        Self::new(Kind::Band, hz, q)
    }

    pub(super) fn tune(&mut self, hz: f32) {
        self.g = (PI * hz.clamp(10.0, 0.45 * RATE) / RATE).tan();
        self.a = 1.0 / (1.0 + self.g * (self.g + self.k));
    }

    #[inline]
    pub(super) fn next(&mut self, x: f32) -> f32 {
        let [s1, s2] = self.state;
        let high = (x - (self.g + self.k) * s1 - s2) * self.a;
        let band = self.g * high + s1;
        let low = self.g * band + s2;
        self.state = [2.0 * band - s1, 2.0 * low - s2];
        match self.kind {
            Kind::Low => low,
            Kind::Band => self.k * band,
            Kind::High => high,
        }
    }

    /// All `filters` in series in one pass: each depends on its own last output only, so several
    /// take hardly longer than one.
    pub(super) fn run<const N: usize>(mut filters: [Self; N], samples: &mut [f32]) {
        for x in samples {
            *x = filters.iter_mut().fold(*x, |x, filter| filter.next(x));
        }
    }
}

/// Fades in over `attack_s` and out over `release_s` at the end.
pub(super) fn fade(samples: &mut [f32], attack_s: f32, release_s: f32) {
    let length = samples.len();
    let ramp = |seconds: f32| ((seconds * RATE) as usize).clamp(1, length.max(1));
    let (attack, release) = (ramp(attack_s), ramp(release_s));
    for (i, x) in samples.iter_mut().take(attack).enumerate() {
        *x *= i as f32 / attack as f32;
    }
    for (i, x) in samples.iter_mut().rev().take(release).enumerate() {
        *x *= i as f32 / release as f32;
    }
}

/// Multiplies by an exponential decay.
pub(super) fn decay(samples: &mut [f32], decay_s: f32) {
    let step = (-1.0 / (decay_s * RATE)).exp();
    let mut level = 1.0;
    for x in samples {
        *x *= level;
        level *= step;
    }
}

/// A cheap soft clipper: odd, slope 1 at 0, ±1 far out (Padé form of tanh).
#[inline]
pub(super) fn soft_clip(x: f32) -> f32 {
    let x = x.clamp(-3.0, 3.0);
    x * (27.0 + x * x) / (27.0 + 9.0 * x * x)
}
