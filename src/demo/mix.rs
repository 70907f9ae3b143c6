//! Mixes the band's buses into one signal: effects, rests, room and recording.

use super::band::{Band, Bus, OPEN_HZ};
use super::synth::{Filter, RATE, noise, soft_clip};
use crate::random::streams::Stream;

/// Mono samples on the grid of 16-bit sound, within ±1.
pub(super) fn mix(band: &mut Band) -> Vec<f32> {
    let bar = (band.bar_s() * f64::from(RATE)) as usize;
    // One song in ten was recorded live: the hall's sound is on all of it.
    let hall = if band.stream.chance(0.1) { band.stream.between(0.2, 0.6) as f32 } else { 0.0 };
    let mut dry = vec![0.0; band.buses[0].len()];
    let mut wet = dry.clone();
    let rests = rests(band, bar);
    for (bus, samples) in band.buses.iter_mut().enumerate() {
        let channel = band.channels[bus];
        if !set_rms(samples, 0.1) {
            continue;
        }
        let [low_cut, high_cut] =
            [Filter::high(channel.low_cut_hz), Filter::low(channel.high_cut_hz)];
        if channel.drive > 0.0 {
            // An overdriven amplifier and its loudspeaker.
            samples.iter_mut().for_each(|x| *x = soft_clip(channel.drive * *x));
            Filter::run([low_cut, high_cut.clone(), high_cut], samples);
        } else if channel.low_cut_hz > 0.0 || channel.high_cut_hz < OPEN_HZ {
            Filter::run([low_cut, high_cut], samples);
        }
        let level_db = channel.level_db + 2.5 * band.stream.normal() as f32;
        set_rms(samples, 0.1 * 10f32.powf(level_db / 20.0));
        // A hand on the fader: 10 ms up or down.
        let (mut gain, step) = (1.0f32, 1.0 / (0.01 * RATE));
        for (i, &x) in samples.iter().enumerate() {
            let open = !rests[i / bar][bus];
            gain = (gain + if open { step } else { -step }).clamp(0.0, 1.0);
            dry[i] += gain * x;
            wet[i] += gain * x * channel.reverb.max(hall);
        }
    }
    let size = band.stream.between(0.7, 1.3) as f32;
    reverberate(&mut wet, size, band.stream.between(0.6, 0.86) as f32);
    dry.iter_mut().zip(&wet).for_each(|(d, w)| *d += w);
    record(&mut dry, &mut band.stream);
    dry
}

/// Scales to `rms`, counted over the samples that sound; false where none does.
fn set_rms(samples: &mut [f32], rms: f32) -> bool {
    // Eight independent sums: a single one would wait for each addition.
    let (mut sums, mut counts) = ([0.0f64; 8], [0u32; 8]);
    for chunk in samples.chunks(8) {
        for (lane, x) in chunk.iter().enumerate() {
            let sounds = x.abs() > 1e-4;
            sums[lane] += if sounds { f64::from(x * x) } else { 0.0 };
            counts[lane] += u32::from(sounds);
        }
    }
    let (sum, count) = (sums.iter().sum::<f64>(), counts.iter().sum::<u32>());
    if count == 0 {
        return false;
    }
    let gain = rms / (sum / f64::from(count)).sqrt() as f32;
    samples.iter_mut().for_each(|x| *x *= gain);
    true
}

/// Which bus rests in which bar, `[bars][buses]`. Songs have breaks where one
/// or two play alone; those are the cuts that even people find hard.
fn rests(band: &mut Band, bar_samples: usize) -> Vec<[bool; Bus::COUNT]> {
    let (buses, stream) = (&band.buses, &mut band.stream);
    let rest = |bar: usize| {
        // Enough of the bar that it can be left alone.
        let plays = |bus: &usize| {
            let samples = buses[*bus].chunks(bar_samples).nth(bar).unwrap_or_default();
            samples.iter().filter(|x| x.abs() > 0.02).count() > samples.len() / 8
        };
        let playing: Vec<usize> = (0..Bus::COUNT).filter(plays).collect();
        let mut rests = [false; Bus::COUNT];
        let share = stream.uniform();
        if playing.is_empty() || share >= ALONE + THIN {
            return rests;
        }
        let alone = share < ALONE;
        rests.iter_mut().for_each(|rests| *rests = alone || stream.chance(0.55));
        rests[*stream.pick(&playing)] = false;
        rests
    };
    (0..buses[0].len().div_ceil(bar_samples)).map(rest).collect()
}

/// How many bars are played by one bus alone, and by about half of them.
const ALONE: f64 = 0.08;
const THIN: f64 = 0.22;

/// A plain room after Schroeder (1962): four combs side by side, two all-passes behind them.
fn reverberate(samples: &mut [f32], size: f32, feedback: f32) {
    let delay = |length: f32| vec![0.0f32; (length * size) as usize];
    let mut combs = [1557.0, 1617.0, 1491.0, 1422.0].map(|length| (delay(length), 0usize, 0.0f32));
    let mut passes = [556.0, 225.0].map(|length| (delay(length), 0usize));
    for x in samples {
        let mut y = 0.0;
        for (line, i, damped) in &mut combs {
            let out = line[*i];
            *damped += 0.6 * (out - *damped);
            line[*i] = *x + feedback * *damped;
            *i = if *i + 1 == line.len() { 0 } else { *i + 1 };
            y += out;
        }
        y *= 0.25;
        for (line, i) in &mut passes {
            let out = line[*i];
            let stored = y + 0.5 * out;
            line[*i] = stored;
            *i = if *i + 1 == line.len() { 0 } else { *i + 1 };
            y = out - 0.5 * stored;
        }
        *x = y;
    }
}

/// Tone, bandwidth, compression, noise and level of the recording: drawn from the same ranges for all genres.
fn record(samples: &mut [f32], stream: &mut Stream) {
    let mut draw = |low: f64, high: f64| stream.between(low, high) as f32;
    let (bass_db, treble_db) = (draw(-6.0, 6.0), draw(-8.0, 6.0));
    // From an old disc or a radio to a studio's tape.
    let bottom_hz = 20.0 * 8f32.powf(draw(0.0, 1.0).powi(2));
    let top_hz = 4500.0 * 4f32.powf(draw(0.0, 1.0).powf(0.7));
    let squash = draw(0.3, 4.0);
    let noise_db = draw(-70.0, -34.0);
    let peak = 10f32.powf(draw(-12.0, -0.3) / 20.0);
    shelves(samples, bass_db, treble_db);
    set_rms(samples, 0.15);
    samples.iter_mut().for_each(|x| *x = soft_clip(squash * *x));
    set_rms(samples, 0.15);
    let hiss = 0.15 * 10f32.powf(noise_db / 20.0) * 3f32.sqrt();
    samples.iter_mut().for_each(|x| *x += hiss * noise(stream));
    let ends = [Filter::high(bottom_hz), Filter::low(top_hz), Filter::low(top_hz)];
    Filter::run(ends, samples);
    let loudest = samples.iter().fold(1e-9, |peak: f32, x| peak.max(x.abs()));
    samples.iter_mut().for_each(|x| *x = (*x * peak / loudest * 32_767.0).round() / 32_768.0);
}

/// Gains below 200 Hz and above 3 kHz, by one-pole splits.
fn shelves(samples: &mut [f32], bass_db: f32, treble_db: f32) {
    let [bass, treble] = [bass_db, treble_db].map(|db| 10f32.powf(db / 20.0) - 1.0);
    let pole = |hz: f32| 1.0 - (-std::f32::consts::TAU * hz / RATE).exp();
    let (low_pole, high_pole) = (pole(200.0), pole(3000.0));
    let (mut low, mut high) = (0.0, 0.0);
    for x in samples {
        low += low_pole * (*x - low);
        high += high_pole * (*x - high);
        *x += bass * low + treble * (*x - high);
    }
}
