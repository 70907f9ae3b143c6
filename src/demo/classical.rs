//! Classical: solo piano, strings, orchestra, baroque, song, guitar, opera, march, minimal music.

use super::band::{Band, Bus, Style};
use super::drums::Drum;
use super::instruments::Instrument::{
    Brass, Flute, Harpsichord, NylonGuitar, Organ, Piano, Strings, Voice,
};

const CADENCES: &[&[i32]] = &[
    &[0, 3, 4, 0],
    &[0, 5, 3, 4],
    &[0, 4, 5, 2, 3, 0, 3, 4],
    &[0, 1, 4, 0],
    &[0, 0, 4, 4, 5, 3, 4, 0],
];

pub(super) const STYLES: &[Style] = &[
    style("solo piano", 1.2, (55.0, 160.0), piano),
    style("string orchestra", 1.0, (50.0, 130.0), strings),
    style("symphony", 1.3, (80.0, 175.0), symphony),
    style("baroque", 1.0, (70.0, 140.0), baroque),
    style("art song", 0.8, (55.0, 115.0), song),
    style("guitar", 0.7, (60.0, 130.0), guitar),
    style("opera", 0.25, (60.0, 130.0), opera),
    style("march", 0.2, (96.0, 132.0), march),
    style("minimal music", 0.2, (96.0, 140.0), minimal),
];

const fn style(name: &'static str, weight: f64, bpm: (f64, f64), write: fn(&mut Band)) -> Style {
    Style { name, weight, bpm, minor: 0.45, chords: CADENCES, write }
}

fn hall(band: &mut Band) {
    let reverb = band.stream.between(0.15, 0.7) as f32;
    band.channels.iter_mut().for_each(|channel| channel.reverb = reverb);
}

fn piano(band: &mut Band) {
    hall(band);
    band.channel(Bus::Keys, -4.0);
    band.channel(Bus::Lead, 0.0);
    let per_beat = *band.stream.pick(&[2, 2, 3, 4]);
    let order = *band.stream.pick::<&[i32]>(&[&[0, 4, 2, 4], &[0, 2, 4, 7, 4, 2], &[0, 4, 7, 9]]);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, Piano), bar, per_beat, 0.9, 41, order);
        band.tune((Bus::Lead, Piano), bar, 64);
        if band.stream.chance(0.3) {
            band.chords((Bus::Lead, Piano), bar, &[0.0, 2.0], 1.8, 60, 0.9);
        }
    }
}

fn strings(band: &mut Band) {
    hall(band);
    band.channel(Bus::Orchestra, -3.0);
    band.channel(Bus::Bass, -5.0);
    band.channel(Bus::Lead, -2.0);
    let lead = *band.stream.pick(&[Strings, Strings, Flute]);
    for bar in 0..band.bars() {
        band.chords((Bus::Orchestra, Strings), bar, &[0.0], 4.0, 52, 0.6);
        band.line((Bus::Bass, Strings), bar, &[(0.0, 0), (2.0, 4)], 2.0, 33);
        band.tune((Bus::Lead, lead), bar, 69);
    }
}

fn symphony(band: &mut Band) {
    hall(band);
    band.channel(Bus::Orchestra, -2.0);
    band.channel(Bus::Lead, -3.0);
    band.channel(Bus::Bass, -6.0);
    let percussion_db = band.stream.between(-8.0, -2.0) as f32;
    band.channel(Bus::Drums, percussion_db);
    let heavy = band.stream.chance(0.6);
    let (per_beat, lead) = *band.stream.pick(&[(2, Brass), (4, Brass), (4, Strings)]);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Orchestra, Strings), bar, per_beat, 0.2, 57, &[0, 0, 2, 2, 4, 4, 2, 2]);
        band.line((Bus::Bass, Strings), bar, &[(0.0, 0), (1.0, 0), (2.0, 4), (3.0, 4)], 0.8, 33);
        band.tune((Bus::Lead, lead), bar, 62);
        if heavy {
            band.chords((Bus::Orchestra, Brass), bar, &[0.0, 2.0], 1.5, 50, 0.9);
            for beat in [0.0, 2.0, 3.0, 3.5] {
                band.hit(Drum::Timpani, bar, beat, 0.9);
            }
            if bar % 2 == 0 {
                band.hit(Drum::Crash, bar, 0.0, 0.8);
            }
            if bar % 4 == 3 {
                for i in 0..12 {
                    band.hit(Drum::Snare, bar, 2.0 + f64::from(i) / 6.0, 0.2 + 0.04 * i as f32);
                }
            }
        }
    }
}

fn baroque(band: &mut Band) {
    hall(band);
    band.channel(Bus::Keys, -3.0);
    band.channel(Bus::Orchestra, -4.0);
    band.channel(Bus::Bass, -6.0);
    band.channel(Bus::Lead, -2.0);
    let lead = *band.stream.pick(&[Strings, Flute, Harpsichord]);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, Harpsichord), bar, 4, 0.5, 55, &[0, 2, 4, 7, 4, 2, 4, 5]);
        band.line((Bus::Bass, Strings), bar, &[(0.0, 0), (1.0, 2), (2.0, 4), (3.0, 2)], 0.9, 36);
        band.chords((Bus::Orchestra, Strings), bar, &[0.0, 2.0], 1.9, 55, 0.5);
        band.tune((Bus::Lead, lead), bar, 67);
    }
}

fn song(band: &mut Band) {
    hall(band);
    band.channel(Bus::Keys, -4.0);
    band.channel(Bus::Lead, 0.0);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, Piano), bar, 2, 1.0, 45, &[0, 4, 7, 4]);
        band.tune((Bus::Lead, Voice), bar, 62);
    }
}

fn guitar(band: &mut Band) {
    hall(band);
    band.channel(Bus::Guitar, -2.0);
    band.channel(Bus::Lead, -2.0);
    let per_beat = *band.stream.pick(&[2, 3, 4]);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Guitar, NylonGuitar), bar, per_beat, 1.5, 45, &[0, 4, 7, 9, 7, 4]);
        band.tune((Bus::Lead, NylonGuitar), bar, 64);
    }
}

fn opera(band: &mut Band) {
    hall(band);
    band.channel(Bus::Orchestra, -4.0);
    band.channel(Bus::Bass, -6.0);
    band.channel(Bus::Drums, -4.0);
    band.channel(Bus::Lead, 0.0);
    let tutti = band.stream.chance(0.5);
    for bar in 0..band.bars() {
        band.chords((Bus::Orchestra, Strings), bar, &[0.0, 1.0, 2.0, 3.0], 0.9, 55, 0.6);
        band.line((Bus::Bass, Strings), bar, &[(0.0, 0), (2.0, 4)], 1.8, 33);
        if tutti && bar % 2 == 1 {
            band.chords((Bus::Orchestra, Brass), bar, &[2.0, 3.5], 0.5, 53, 1.0);
            band.hit(Drum::Timpani, bar, 2.0, 0.9);
            band.hit(Drum::Crash, bar, 2.0, 0.7);
        }
        band.tune((Bus::Lead, Voice), bar, 62);
    }
}

/// The bass drum and the snare drum give a beat as steady as a band's.
fn march(band: &mut Band) {
    hall(band);
    band.channel(Bus::Orchestra, -3.0);
    band.channel(Bus::Bass, -4.0);
    band.channel(Bus::Drums, -3.0);
    band.channel(Bus::Lead, -1.0);
    let lead = *band.stream.pick(&[Brass, Flute]);
    for bar in 0..band.bars() {
        for beat in 0..4 {
            let beat = f64::from(beat);
            band.hit(if beat % 2.0 == 0.0 { Drum::Kick } else { Drum::Snare }, bar, beat, 0.8);
            band.hit(Drum::Snare, bar, beat + 0.5, 0.5);
        }
        if bar % 2 == 0 {
            band.hit(Drum::Crash, bar, 0.0, 0.8);
        }
        band.line((Bus::Bass, Brass), bar, &[(0.0, 0), (1.0, 4), (2.0, 0), (3.0, 4)], 0.6, 33);
        band.chords((Bus::Orchestra, Brass), bar, &[0.5, 1.5, 2.5, 3.5], 0.3, 55, 0.7);
        band.tune((Bus::Lead, lead), bar, 67);
    }
}

/// One figure repeated, as steady as a sequencer.
fn minimal(band: &mut Band) {
    hall(band);
    band.channel(Bus::Keys, -2.0);
    band.channel(Bus::Orchestra, -4.0);
    band.channel(Bus::Bass, -6.0);
    let keys = *band.stream.pick(&[Piano, Organ]);
    let above = *band.stream.pick(&[Flute, Strings, Voice]);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, keys), bar, 4, 0.4, 60, &[0, 2, 4, 2, 7, 4]);
        band.arpeggio((Bus::Orchestra, above), bar, 2, 0.5, 67, &[0, 4, 2]);
        band.line((Bus::Bass, Strings), bar, &[(0.0, 0), (1.5, 0), (3.0, 0)], 0.9, 36);
    }
}
