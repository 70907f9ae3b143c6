//! Rock: classic, pop, hard, ballad, danceable, folk, punk, progressive, new wave, slow and heavy.

use super::band::{Band, Bus, Style};
use super::drums::Drum;
use super::instruments::Instrument::{
    Growl, MutedGuitar, Organ, Piano, PickedBass, SteelGuitar, Strings, SynthLead, Voice,
};

const CHANGES: &[&[i32]] =
    &[&[0, 4, 5, 3], &[0, 3, 4, 3], &[0, 6, 3, 0], &[5, 3, 0, 4], &[0, 0, 3, 4]];

pub(super) const STYLES: &[Style] = &[
    style("classic rock", 1.5, (85.0, 160.0), classic),
    style("pop rock", 1.3, (85.0, 150.0), pop),
    style("hard rock", 0.8, (90.0, 160.0), hard),
    style("ballad", 1.0, (56.0, 98.0), ballad),
    style("dance rock", 0.7, (102.0, 136.0), dance),
    style("folk rock", 0.7, (72.0, 130.0), folk),
    style("punk rock", 0.3, (145.0, 205.0), punk),
    style("progressive rock", 0.25, (66.0, 130.0), progressive),
    style("new wave", 0.25, (104.0, 148.0), new_wave),
    style("stoner rock", 0.2, (62.0, 95.0), stoner),
];

const fn style(name: &'static str, weight: f64, bpm: (f64, f64), write: fn(&mut Band)) -> Style {
    Style { name, weight, bpm, minor: 0.35, chords: CHANGES, write }
}

const EIGHTHS: &[(f64, i32)] =
    &[(0.0, 0), (0.5, 0), (1.0, 0), (1.5, 0), (2.0, 4), (2.5, 4), (3.0, 0), (3.5, 4)];
const STRUM: &[f64] = &[0.0, 1.0, 1.5, 2.5, 3.0, 3.5];

fn levels(band: &mut Band, drive: (f64, f64)) {
    band.channel(Bus::Drums, -1.0).reverb = 0.1;
    band.channel(Bus::Bass, -4.0).reverb = 0.0;
    let drive = band.stream.between(drive.0, drive.1) as f32;
    let high_cut_hz = band.stream.between(4000.0, 7500.0) as f32;
    let guitar = band.channel(Bus::Guitar, -3.0);
    (guitar.drive, guitar.high_cut_hz, guitar.low_cut_hz) = (drive, high_cut_hz, 100.0);
    band.channel(Bus::Keys, -7.0);
    band.channel(Bus::Orchestra, -8.0).reverb = 0.3;
    band.channel(Bus::Lead, -2.0).reverb = 0.2;
}

/// Chords with the root doubled low, as on six strings.
fn strum(band: &mut Band, bar: usize, beats: &[f64], length: f64) {
    band.chords((Bus::Guitar, SteelGuitar), bar, beats, length, 50, 0.7);
    for &beat in beats {
        let pitch = band.pitch(bar, 0, 38);
        band.note((Bus::Guitar, SteelGuitar), (bar, beat, length), pitch, 0.7);
    }
}

fn classic(band: &mut Band) {
    levels(band, (1.5, 5.0));
    let cymbal = *band.stream.pick(&[Drum::ClosedHat, Drum::Ride, Drum::OpenHat]);
    let with_organ = band.stream.chance(0.4);
    for bar in 0..band.bars() {
        band.backbeat(bar, cymbal, Drum::Snare);
        band.fill(bar);
        if bar % 4 == 0 {
            band.hit(Drum::Crash, bar, 0.0, 0.7);
        }
        for beat in [0.0, 0.5, 1.5, 2.0, 2.5, 3.0, 3.5] {
            let steps = if beat == 1.5 { 2 } else { 0 };
            band.power_chord((Bus::Guitar, SteelGuitar), (bar, beat, 0.45), steps, 40, 0.8);
        }
        band.line((Bus::Bass, PickedBass), bar, EIGHTHS, 0.45, 28);
        if with_organ {
            band.chords((Bus::Keys, Organ), bar, &[0.0], 3.9, 57, 0.6);
        }
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}

fn pop(band: &mut Band) {
    levels(band, (0.5, 3.0));
    for bar in 0..band.bars() {
        band.backbeat(bar, Drum::ClosedHat, Drum::Snare);
        band.fill(bar);
        strum(band, bar, STRUM, 0.6);
        band.line((Bus::Bass, PickedBass), bar, EIGHTHS, 0.45, 28);
        band.arpeggio((Bus::Keys, SteelGuitar), bar, 2, 0.8, 62, &[0, 4, 7, 4]);
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}

fn hard(band: &mut Band) {
    levels(band, (3.0, 18.0));
    band.channel(Bus::Guitar, -1.0);
    let solo = band.stream.chance(0.35);
    if solo {
        band.channel(Bus::Lead, -3.0).drive = 10.0;
    }
    for bar in 0..band.bars() {
        let cymbal = if bar / 4 % 2 == 0 { Drum::OpenHat } else { Drum::Ride };
        band.backbeat(bar, cymbal, Drum::Snare);
        band.fill(bar);
        if bar % 2 == 0 {
            band.hit(Drum::Crash, bar, 0.0, 0.8);
        }
        for (beat, length) in [(0.0, 0.9), (1.0, 0.4), (1.5, 0.9), (2.5, 0.4), (3.0, 0.9)] {
            band.power_chord((Bus::Guitar, SteelGuitar), (bar, beat, length), 0, 42, 0.8);
        }
        if band.stream.chance(0.4) {
            for i in 0..8 {
                let at = (bar, f64::from(i) / 2.0, 0.4);
                band.power_chord((Bus::Guitar, MutedGuitar), at, 0, 42, 0.8);
            }
        }
        band.line((Bus::Bass, PickedBass), bar, EIGHTHS, 0.45, 28);
        band.tune((Bus::Lead, if solo { SteelGuitar } else { Voice }), bar, 62);
    }
}

fn ballad(band: &mut Band) {
    levels(band, (0.5, 2.0));
    band.channel(Bus::Keys, -2.0).reverb = 0.25;
    band.channel(Bus::Drums, -5.0);
    let drums_from = band.stream.below(band.bars().div_ceil(2));
    let with_strings = band.stream.chance(0.4);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, Piano), bar, 2, 1.0, 48, &[0, 4, 7, 4]);
        band.chords((Bus::Keys, Piano), bar, &[0.0], 3.5, 60, 0.6);
        if bar >= drums_from {
            let snare = *band.stream.pick(&[Drum::Rim, Drum::Snare]);
            band.backbeat(bar, Drum::ClosedHat, snare);
            band.line((Bus::Bass, PickedBass), bar, &[(0.0, 0), (2.0, 4)], 1.9, 28);
        }
        if with_strings {
            band.chords((Bus::Orchestra, Strings), bar, &[0.0], 3.9, 60, 0.5);
        }
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}

fn dance(band: &mut Band) {
    levels(band, (1.0, 6.0));
    let octaves: Vec<(f64, i32)> = (0..8).map(|i| (f64::from(i) / 2.0, 7 * (i % 2))).collect();
    for bar in 0..band.bars() {
        band.four_on_the_floor(bar, Drum::OpenHat, false);
        for beat in [1.0, 3.0] {
            band.hit(Drum::Snare, bar, beat, 0.9);
        }
        band.line((Bus::Bass, PickedBass), bar, &octaves, 0.4, 31);
        band.chords(
            (Bus::Guitar, MutedGuitar),
            bar,
            &[0.0, 0.5, 1.5, 2.0, 2.75, 3.5],
            0.4,
            57,
            0.8,
        );
        strum(band, bar, &[0.0, 2.5], 1.0);
        band.tune((Bus::Lead, Voice), bar, 62);
    }
}

fn folk(band: &mut Band) {
    levels(band, (0.0, 0.0));
    band.channel(Bus::Guitar, -2.0).high_cut_hz = 14_000.0;
    let picked = band.stream.chance(0.5);
    let tambourine = band.stream.chance(0.5);
    for bar in 0..band.bars() {
        if picked {
            band.arpeggio((Bus::Guitar, SteelGuitar), bar, 2, 1.5, 45, &[0, 4, 7, 9, 7, 4]);
        } else {
            strum(band, bar, STRUM, 0.7);
        }
        if tambourine {
            for beat in [1.0, 3.0] {
                band.hit(Drum::Tambourine, bar, beat, 0.8);
            }
        }
        band.line((Bus::Bass, PickedBass), bar, &[(0.0, 0), (2.0, 4)], 1.5, 28);
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}

fn punk(band: &mut Band) {
    levels(band, (5.0, 20.0));
    band.channel(Bus::Guitar, -1.0);
    let singer = *band.stream.pick(&[Voice, Voice, Growl]);
    let cymbal = *band.stream.pick(&[Drum::ClosedHat, Drum::OpenHat, Drum::Crash]);
    for bar in 0..band.bars() {
        band.backbeat(bar, cymbal, Drum::Snare);
        band.fill(bar);
        for i in 0..8 {
            let at = (bar, f64::from(i) / 2.0, 0.5);
            band.power_chord((Bus::Guitar, SteelGuitar), at, 0, 40, 0.9);
        }
        band.line((Bus::Bass, PickedBass), bar, EIGHTHS, 0.45, 28);
        band.tune((Bus::Lead, singer), bar, 58);
    }
}

/// Keyboards and strings first; band and electric guitar come in later.
fn progressive(band: &mut Band) {
    levels(band, (0.5, 6.0));
    band.channel(Bus::Keys, -3.0).reverb = 0.25;
    band.channel(Bus::Orchestra, -5.0);
    band.channel(Bus::Lead, -3.0).drive = 6.0;
    let keys = *band.stream.pick(&[Organ, Piano]);
    let band_from = band.stream.below(band.bars().div_ceil(2));
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, keys), bar, 2, 0.8, 52, &[0, 4, 7, 9, 7, 4, 2, 4]);
        band.chords((Bus::Orchestra, Strings), bar, &[0.0], 3.9, 60, 0.7);
        if bar >= band_from {
            band.backbeat(bar, Drum::Ride, Drum::Snare);
            band.fill(bar);
            band.line((Bus::Bass, PickedBass), bar, EIGHTHS, 0.45, 28);
            strum(band, bar, &[0.0, 2.0], 1.8);
            band.tune((Bus::Lead, SteelGuitar), bar, 64);
        }
    }
}

fn new_wave(band: &mut Band) {
    levels(band, (0.5, 4.0));
    band.channel(Bus::Keys, -4.0);
    let four = band.stream.chance(0.5);
    for bar in 0..band.bars() {
        if four {
            band.four_on_the_floor(bar, Drum::ClosedHat, false);
            for beat in [1.0, 3.0] {
                band.hit(Drum::Clap, bar, beat, 0.8);
            }
        } else {
            band.backbeat(bar, Drum::ClosedHat, Drum::Snare);
        }
        band.line((Bus::Bass, PickedBass), bar, EIGHTHS, 0.4, 31);
        band.chords((Bus::Guitar, SteelGuitar), bar, &[0.5, 1.5, 2.5, 3.5], 0.3, 57, 0.7);
        band.arpeggio((Bus::Keys, SynthLead), bar, 2, 0.4, 64, &[0, 4, 2, 7]);
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}

fn stoner(band: &mut Band) {
    levels(band, (5.0, 16.0));
    band.channel(Bus::Guitar, -1.0);
    for bar in 0..band.bars() {
        band.backbeat(bar, Drum::OpenHat, Drum::Snare);
        band.fill(bar);
        for (beat, length, steps) in [(0.0, 1.4, 0), (1.5, 0.5, 0), (2.0, 1.0, 2), (3.0, 0.9, 1)] {
            band.power_chord((Bus::Guitar, SteelGuitar), (bar, beat, length), steps, 38, 0.9);
            let pitch = band.pitch(bar, steps, 26);
            band.note((Bus::Bass, PickedBass), (bar, beat, length), pitch, 0.9);
        }
        band.tune((Bus::Lead, Voice), bar, 58);
    }
}
