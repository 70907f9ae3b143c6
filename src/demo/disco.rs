//! Disco: with strings, with synthesisers, funk, orchestral, slow, near rock, with an opening.

use super::band::{Band, Bus, Style};
use super::drums::Drum;
use super::instruments::Instrument::{
    Brass, ElectricPiano, MutedGuitar, Organ, Piano, PickedBass, SteelGuitar, Strings, SynthBass,
    SynthLead, Voice,
};

const VAMPS: &[&[i32]] = &[&[0, 3], &[0, 5, 3, 4], &[1, 4, 0, 5], &[0, 0, 3, 3], &[5, 3, 0, 4]];

pub(super) const STYLES: &[Style] = &[
    style("disco", 1.5, (102.0, 136.0), disco),
    style("synthesiser disco", 1.0, (106.0, 138.0), synthesiser),
    style("funk", 1.0, (90.0, 122.0), funk),
    style("orchestral disco", 0.8, (100.0, 134.0), orchestral),
    style("slow disco", 1.0, (74.0, 110.0), slow),
    style("rock disco", 0.35, (102.0, 132.0), rock),
    style("slow-opening disco", 0.2, (106.0, 132.0), opening),
];

const fn style(name: &'static str, weight: f64, bpm: (f64, f64), write: fn(&mut Band)) -> Style {
    Style { name, weight, bpm, minor: 0.6, chords: VAMPS, write }
}

const OCTAVES: &[(f64, i32)] =
    &[(0.0, 0), (0.5, 7), (1.0, 0), (1.5, 7), (2.0, 0), (2.5, 7), (3.0, 0), (3.5, 7)];
const SYNCOPATED: &[(f64, i32)] =
    &[(0.0, 0), (0.75, 0), (1.5, 4), (2.0, 0), (2.75, 7), (3.25, 4), (3.5, 6)];
const CHOPS: &[f64] = &[0.5, 0.75, 1.5, 2.25, 2.5, 3.5, 3.75];

fn levels(band: &mut Band) {
    band.channel(Bus::Drums, 0.0).reverb = 0.04;
    band.channel(Bus::Bass, -3.0).reverb = 0.0;
    band.channel(Bus::Guitar, -9.0).low_cut_hz = 250.0;
    band.channel(Bus::Keys, -8.0);
    band.channel(Bus::Orchestra, -6.0).reverb = 0.3;
    band.channel(Bus::Lead, -4.0).reverb = 0.2;
}

fn claps(band: &mut Band, bar: usize, drum: Drum) {
    for beat in [1.0, 3.0] {
        band.hit(drum, bar, beat, 0.8);
    }
}

fn disco(band: &mut Band) {
    levels(band);
    let sixteenths = band.stream.chance(0.5);
    let backing = *band.stream.pick(&[Drum::Clap, Drum::Snare]);
    let bass = *band.stream.pick(&[PickedBass, SynthBass]);
    for bar in 0..band.bars() {
        band.four_on_the_floor(bar, Drum::OpenHat, sixteenths);
        claps(band, bar, backing);
        band.line((Bus::Bass, bass), bar, OCTAVES, 0.4, 33);
        band.chords((Bus::Guitar, MutedGuitar), bar, CHOPS, 0.2, 60, 0.7);
        band.chords((Bus::Orchestra, Strings), bar, &[0.0], 3.8, 64, 0.7);
        band.tune((Bus::Lead, Voice), bar, 57);
    }
}

fn synthesiser(band: &mut Band) {
    levels(band);
    let lead = *band.stream.pick(&[SynthLead, Voice]);
    for bar in 0..band.bars() {
        let hat = if bar / 4 % 2 == 0 { Drum::OpenHat } else { Drum::ClosedHat };
        band.four_on_the_floor(bar, hat, false);
        claps(band, bar, Drum::Clap);
        band.arpeggio((Bus::Bass, SynthBass), bar, 4, 0.2, 33, &[0, 0, 7, 0, 4, 0, 7, 6]);
        band.arpeggio((Bus::Keys, SynthLead), bar, 4, 0.15, 60, &[0, 4, 2, 7]);
        band.tune((Bus::Lead, lead), bar, 60);
    }
}

fn funk(band: &mut Band) {
    levels(band);
    band.channel(Bus::Guitar, -5.0);
    let four = band.stream.chance(0.4);
    for bar in 0..band.bars() {
        if four {
            band.four_on_the_floor(bar, Drum::ClosedHat, true);
            claps(band, bar, Drum::Snare);
        } else {
            band.backbeat(bar, Drum::ClosedHat, Drum::Snare);
        }
        band.line((Bus::Bass, PickedBass), bar, SYNCOPATED, 0.35, 31);
        band.chords((Bus::Guitar, SteelGuitar), bar, CHOPS, 0.15, 60, 0.8);
        band.chords((Bus::Keys, ElectricPiano), bar, &[0.0, 2.5], 1.0, 57, 0.7);
        if bar % 2 == 1 {
            band.chords((Bus::Orchestra, Brass), bar, &[0.0, 0.75, 3.5], 0.4, 60, 0.9);
        }
        band.tune((Bus::Lead, Voice), bar, 59);
    }
}

fn orchestral(band: &mut Band) {
    levels(band);
    band.channel(Bus::Orchestra, -1.0);
    for bar in 0..band.bars() {
        band.four_on_the_floor(bar, Drum::OpenHat, false);
        band.hit(Drum::Tambourine, bar, 1.0, 0.8);
        band.hit(Drum::Tambourine, bar, 3.0, 0.8);
        band.line((Bus::Bass, PickedBass), bar, OCTAVES, 0.4, 33);
        band.arpeggio((Bus::Orchestra, Strings), bar, 2, 0.4, 67, &[0, 2, 4, 2, 7, 4, 2, 4]);
        band.chords((Bus::Orchestra, Brass), bar, &[0.0, 1.5], 0.5, 58, 0.8);
        band.chords((Bus::Keys, Piano), bar, &[0.0, 1.0, 2.0, 3.0], 0.5, 60, 0.7);
        band.tune((Bus::Lead, Strings), bar, 71);
    }
}

fn slow(band: &mut Band) {
    levels(band);
    band.channel(Bus::Drums, -5.0);
    band.channel(Bus::Keys, -3.0);
    let keys = *band.stream.pick(&[ElectricPiano, Piano, Organ]);
    let four = band.stream.chance(0.7);
    for bar in 0..band.bars() {
        if four {
            band.four_on_the_floor(bar, Drum::ClosedHat, false);
            claps(band, bar, Drum::Rim);
        } else {
            band.backbeat(bar, Drum::ClosedHat, Drum::Rim);
        }
        band.line((Bus::Bass, PickedBass), bar, SYNCOPATED, 0.5, 31);
        band.chords((Bus::Keys, keys), bar, &[0.0, 1.5], 1.4, 57, 0.6);
        band.chords((Bus::Orchestra, Strings), bar, &[0.0], 3.8, 62, 0.5);
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}

fn rock(band: &mut Band) {
    levels(band);
    let drive = band.stream.between(1.5, 8.0) as f32;
    let guitar = band.channel(Bus::Guitar, -4.0);
    (guitar.drive, guitar.low_cut_hz, guitar.high_cut_hz) = (drive, 100.0, 6000.0);
    let offbeat = *band.stream.pick(&[Drum::OpenHat, Drum::ClosedHat]);
    let with_piano = band.stream.chance(0.5);
    for bar in 0..band.bars() {
        band.four_on_the_floor(bar, offbeat, false);
        claps(band, bar, Drum::Snare);
        band.fill(bar);
        for (beat, length) in [(0.0, 0.4), (0.75, 0.4), (1.5, 0.9), (2.5, 0.4), (3.0, 0.9)] {
            band.power_chord((Bus::Guitar, SteelGuitar), (bar, beat, length), 0, 40, 0.8);
        }
        band.line((Bus::Bass, PickedBass), bar, OCTAVES, 0.4, 28);
        if with_piano {
            band.chords((Bus::Keys, Piano), bar, &[0.0, 1.0, 2.0, 3.0], 0.5, 60, 0.7);
        }
        band.tune((Bus::Lead, Voice), bar, 60);
    }
}

/// Piano, strings and voice alone for some bars, as a ballad; then the beat.
fn opening(band: &mut Band) {
    levels(band);
    band.channel(Bus::Keys, -3.0).reverb = 0.2;
    let beat_from = 2 + band.stream.below(4);
    for bar in 0..band.bars() {
        band.arpeggio((Bus::Keys, Piano), bar, 1, 1.5, 48, &[0, 4, 7, 4]);
        band.chords((Bus::Orchestra, Strings), bar, &[0.0], 3.8, 64, 0.6);
        band.tune((Bus::Lead, Voice), bar, 60);
        if bar >= beat_from {
            band.four_on_the_floor(bar, Drum::OpenHat, true);
            claps(band, bar, Drum::Clap);
            band.line((Bus::Bass, PickedBass), bar, OCTAVES, 0.4, 33);
            band.chords((Bus::Guitar, MutedGuitar), bar, CHOPS, 0.2, 60, 0.7);
        }
    }
}
