//! Metal: thrash, heavy, doom, symphonic, glam, groove, industrial, ballad, the quiet opening.

use super::band::{Band, Bus, Style};
use super::drums::Drum;
use super::instruments::Instrument::{
    Growl, MutedGuitar, Piano, PickedBass, SteelGuitar, Strings, SynthLead, Voice,
};

const RIFFS: &[&[i32]] = &[&[0, 0, 5, 6], &[0, 0, 0, 1], &[0, 5, 2, 6], &[0, 6, 5, 4], &[0, 0]];

pub(super) const STYLES: &[Style] = &[
    style("thrash", 1.4, (140.0, 205.0), 1.0, thrash),
    style("heavy metal", 1.3, (95.0, 165.0), 0.9, heavy),
    style("doom", 0.9, (56.0, 92.0), 1.0, doom),
    style("symphonic metal", 0.7, (100.0, 172.0), 1.0, symphonic),
    style("glam metal", 0.8, (95.0, 148.0), 0.3, glam),
    style("clean opening", 0.7, (65.0, 125.0), 0.9, opening),
    style("groove metal", 0.3, (76.0, 120.0), 0.9, groove),
    style("industrial metal", 0.2, (102.0, 138.0), 1.0, industrial),
    style("power ballad", 0.2, (58.0, 92.0), 0.6, ballad),
];

const fn style(
    name: &'static str,
    weight: f64,
    bpm: (f64, f64),
    minor: f64,
    write: fn(&mut Band),
) -> Style {
    Style { name, weight, bpm, minor, chords: RIFFS, write }
}

/// The guitars' lowest note, E or a little below.
const LOW: i32 = 36;

fn levels(band: &mut Band) {
    band.channel(Bus::Drums, -1.0).reverb = 0.08;
    let bass = band.channel(Bus::Bass, -5.0);
    (bass.reverb, bass.drive) = (0.0, 3.0);
    let drive = band.stream.between(8.0, 40.0) as f32;
    let high_cut_hz = band.stream.between(4200.0, 8500.0) as f32;
    let guitar = band.channel(Bus::Guitar, -1.0);
    (guitar.drive, guitar.high_cut_hz, guitar.low_cut_hz, guitar.reverb) =
        (drive, high_cut_hz, 90.0, 0.05);
    let lead = band.channel(Bus::Lead, -3.0);
    lead.reverb = 0.2;
    band.channel(Bus::Orchestra, -7.0).reverb = 0.3;
}

/// Muted strokes on the open string, with chords let ring at `open`.
fn chug(band: &mut Band, bar: usize, per_beat: usize, open: &[usize]) {
    for i in 0..4 * per_beat {
        let (beat, length) = (i as f64 / per_beat as f64, 1.0 / per_beat as f64);
        if open.contains(&i) {
            let steps = band.stream.below(3) as i32;
            band.power_chord(
                (Bus::Guitar, SteelGuitar),
                (bar, beat, 2.0 * length),
                steps,
                LOW,
                0.8,
            );
        } else {
            band.power_chord((Bus::Guitar, MutedGuitar), (bar, beat, length), 0, LOW, 1.0);
        }
        let pitch = band.pitch(bar, 0, LOW - 12);
        band.note((Bus::Bass, PickedBass), (bar, beat, 0.9 * length), pitch, 0.8);
    }
}

fn double_kick(band: &mut Band, bar: usize, per_beat: usize) {
    for i in 0..4 * per_beat {
        band.hit(Drum::Kick, bar, i as f64 / per_beat as f64, 0.9);
    }
}

fn thrash(band: &mut Band) {
    levels(band);
    let blast = band.stream.chance(0.4);
    let singer = *band.stream.pick(&[Growl, Growl, Voice]);
    let open = *band.stream.pick::<&[usize]>(&[&[0, 6, 12], &[3, 7, 11], &[8, 14]]);
    for bar in 0..band.bars() {
        double_kick(band, bar, if blast { 4 } else { 2 });
        for beat in 0..4 {
            let at = f64::from(beat) + 0.5;
            band.hit(Drum::Snare, bar, at, 0.9);
            band.hit(Drum::ClosedHat, bar, f64::from(beat), 0.7);
            band.hit(Drum::Ride, bar, at, 0.6);
        }
        if bar % 2 == 0 {
            band.hit(Drum::Crash, bar, 0.0, 0.9);
        }
        band.fill(bar);
        chug(band, bar, 4, open);
        band.tune((Bus::Lead, singer), bar, 50);
    }
}

fn heavy(band: &mut Band) {
    levels(band);
    let solo = *band.stream.pick(&[Voice, Voice, SteelGuitar, Growl]);
    if solo == SteelGuitar {
        band.channel(Bus::Lead, -3.0).drive = 15.0;
    }
    for bar in 0..band.bars() {
        band.backbeat(bar, Drum::Ride, Drum::Snare);
        if bar % 4 > 1 {
            double_kick(band, bar, 4);
        }
        if bar % 2 == 0 {
            band.hit(Drum::Crash, bar, 0.0, 0.9);
        }
        band.fill(bar);
        chug(band, bar, 2, &[0, 3, 6]);
        band.tune((Bus::Lead, solo), bar, 60);
    }
}

fn doom(band: &mut Band) {
    levels(band);
    let singer = *band.stream.pick(&[Voice, Growl]);
    for bar in 0..band.bars() {
        for (beat, steps) in [(0.0, 0), (2.0, 1)] {
            band.power_chord((Bus::Guitar, SteelGuitar), (bar, beat, 1.95), steps, LOW - 4, 0.9);
            let pitch = band.pitch(bar, steps, LOW - 12);
            band.note((Bus::Bass, PickedBass), (bar, beat, 1.9), pitch, 0.9);
        }
        band.hit(Drum::Kick, bar, 0.0, 1.0);
        band.hit(Drum::Kick, bar, 1.5, 0.8);
        band.hit(Drum::Snare, bar, 2.0, 1.0);
        for beat in 0..4 {
            band.hit(Drum::Crash, bar, f64::from(beat), 0.5);
        }
        band.tune((Bus::Lead, singer), bar, 48);
    }
}

fn symphonic(band: &mut Band) {
    heavy(band);
    for bar in 0..band.bars() {
        band.chords((Bus::Orchestra, Strings), bar, &[0.0], 3.9, 62, 0.8);
        if band.stream.chance(0.4) {
            band.arpeggio((Bus::Orchestra, SynthLead), bar, 4, 0.2, 72, &[0, 2, 4, 7]);
        }
    }
}

fn glam(band: &mut Band) {
    levels(band);
    band.channels[Bus::Guitar as usize].drive = band.stream.between(5.0, 14.0) as f32;
    for bar in 0..band.bars() {
        band.backbeat(bar, Drum::ClosedHat, Drum::Snare);
        if bar % 4 == 0 {
            band.hit(Drum::Crash, bar, 0.0, 0.8);
        }
        band.fill(bar);
        for (beat, length) in [(0.0, 1.4), (1.5, 0.4), (2.0, 0.9), (3.0, 0.4), (3.5, 0.4)] {
            band.power_chord((Bus::Guitar, SteelGuitar), (bar, beat, length), 0, 40, 0.8);
        }
        band.line((Bus::Bass, PickedBass), bar, EIGHTHS, 0.45, 28);
        band.tune((Bus::Lead, Voice), bar, 64);
    }
}

const EIGHTHS: &[(f64, i32)] =
    &[(0.0, 0), (0.5, 0), (1.0, 0), (1.5, 0), (2.0, 0), (2.5, 0), (3.0, 0), (3.5, 0)];

fn opening(band: &mut Band) {
    levels(band);
    let heavy_from = 1 + band.stream.below(band.bars());
    // Clean strings play on the keys' bus, beside the distorted one.
    band.channel(Bus::Keys, -3.0).reverb = 0.35;
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, SteelGuitar), bar, 2, 1.5, 45, &[0, 4, 7, 9, 8, 7, 4, 2]);
        if bar >= heavy_from {
            band.backbeat(bar, Drum::Crash, Drum::Snare);
            chug(band, bar, 2, &[0, 1, 4, 5]);
        } else if bar % 2 == 1 {
            band.hit(Drum::Ride, bar, 0.0, 0.7);
            band.hit(Drum::Tom, bar, 2.0, 0.6);
        }
        band.tune((Bus::Lead, Voice), bar, 57);
    }
}

/// Half-time: the snare only on 3, the kick with the guitar.
fn groove(band: &mut Band) {
    levels(band);
    let singer = *band.stream.pick(&[Growl, Voice]);
    for bar in 0..band.bars() {
        for beat in [0.0, 0.75, 1.5, 2.5, 3.25] {
            band.hit(Drum::Kick, bar, beat, 1.0);
        }
        band.hit(Drum::Snare, bar, 2.0, 1.0);
        for beat in 0..4 {
            band.hit(Drum::OpenHat, bar, f64::from(beat), 0.8);
        }
        band.fill(bar);
        chug(band, bar, 4, &[0, 10]);
        band.tune((Bus::Lead, singer), bar, 52);
    }
}

fn industrial(band: &mut Band) {
    levels(band);
    band.channel(Bus::Keys, -5.0);
    let singer = *band.stream.pick(&[Growl, Voice]);
    for bar in 0..band.bars() {
        band.four_on_the_floor(bar, Drum::OpenHat, false);
        for beat in [1.0, 3.0] {
            band.hit(Drum::Snare, bar, beat, 1.0);
        }
        chug(band, bar, 2, &[0, 5]);
        band.arpeggio((Bus::Keys, SynthLead), bar, 4, 0.15, 57, &[0, 4, 0, 7]);
        band.tune((Bus::Lead, singer), bar, 50);
    }
}

fn ballad(band: &mut Band) {
    levels(band);
    band.channels[Bus::Guitar as usize].drive = band.stream.between(5.0, 20.0) as f32;
    band.channel(Bus::Keys, -3.0).reverb = 0.3;
    let keys = *band.stream.pick(&[Piano, SteelGuitar]);
    let (heavy_from, with_strings) =
        (band.stream.below(band.bars().div_ceil(2)), band.stream.chance(0.4));
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, keys), bar, 2, 1.2, 45, &[0, 4, 7, 9, 7, 4]);
        if bar >= heavy_from {
            band.backbeat(bar, Drum::Ride, Drum::Snare);
            band.power_chord((Bus::Guitar, SteelGuitar), (bar, 0.0, 3.8), 0, LOW, 0.8);
            band.line((Bus::Bass, PickedBass), bar, &[(0.0, 0), (2.0, 0)], 1.9, LOW - 12);
        }
        if with_strings {
            band.chords((Bus::Orchestra, Strings), bar, &[0.0], 3.9, 62, 0.6);
        }
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}
