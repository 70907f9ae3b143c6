//! Samples, maps and curves that are made up.

use genre_gpu::plot::{
    AxisCells, ColourMap, Line, MapKind, MapPanel, MapPlace, MeanMaps, SampleAxes, SamplePanel,
    Spectrogram,
};

pub(crate) const TITLE: &str = "P1 on the demo corpus (synthesised), rock";
pub(crate) const HEAT: MapKind = MapKind::Heat(ColourMap::Viridis);
pub(crate) const GENRES: [&str; 4] = ["classical", "hiphop", "metal", "rock"];

/// Beats and a few partials, louder below, in dB; another for each seed.
pub(crate) fn spectrogram(bands: usize, frames: usize, seed: usize) -> Spectrogram {
    let value = |i: usize| {
        let (band, frame) = (i / frames, i % frames);
        let beat = if (frame + 3 * seed) % 11 < 2 { 14.0 } else { 0.0 };
        let partial = if (band + seed + frame / 20).is_multiple_of(13) { 18.0 } else { 0.0 };
        let noise = ((i * 7919 + seed * 104_729) % 101) as f32 / 9.0;
        (-72.0 + beat + partial + noise + 40.0 / (1.0 + 0.05 * band as f32)).clamp(-80.0, 0.0)
    };
    Spectrogram { bands, frames, values: (0..bands * frames).map(value).collect() }
}

pub(crate) fn place(bands: usize, frames: usize, h: usize, w: usize) -> MapPlace {
    let axis = |length: usize, count: usize| {
        let size = length as f64 / count as f64;
        AxisCells { first: 0.0, size, count }
    };
    MapPlace { bands: axis(bands, h), frames: axis(frames, w) }
}

pub(crate) fn sample(bands: usize, frames: usize, i: usize, right: bool) -> SamplePanel {
    SamplePanel {
        index: 37 * i + 4,
        song: Some(10 * i as i64 + 7),
        predicted: (GENRES[if right { 3 } else { i % 3 }].to_owned(), 0.4 + 0.07 * i as f32),
        spectrogram: spectrogram(bands, frames, i),
    }
}

pub(crate) fn map_panel(
    bands: usize,
    frames: usize,
    i: usize,
    right: bool,
    cells: usize,
) -> MapPanel {
    let value = |c: usize| ((c * 31 + i * 17) % 23) as f32 - 9.0;
    MapPanel {
        sample: sample(bands, frames, i, right),
        map: (0..cells).map(value).collect(),
        target: (GENRES[if i == 2 { 3 } else { i % 3 }].to_owned(), 0.9 - 0.1 * i as f32),
    }
}

pub(crate) fn known_axes(bands: usize) -> SampleAxes {
    // Centres of filters that are even in mel (here: in log) from 0 to 11 kHz.
    let hz = |i: usize| 700.0 * ((16.7_f64.ln() * (i + 1) as f64 / (bands + 1) as f64).exp() - 1.0);
    SampleAxes {
        band_hz: Some((0..bands).map(hz).collect()),
        frame_seconds: Some(0.023),
        unit: Some("level (dB)".to_owned()),
        range: None,
    }
}

pub(crate) fn means(count: usize, cells: usize) -> Vec<MeanMaps> {
    let map = |seed: usize| -> Vec<f32> {
        (0..cells).map(|c| ((c * 13 + seed * 5) % 19) as f32 / 40.0).collect()
    };
    let genre = |i: usize| {
        let (right, wrong) = (map(i), map(i + 7));
        let less = right.iter().zip(&wrong).map(|(a, b)| a - b).collect();
        MeanMaps {
            genre: GENRES[i % 4].to_owned(),
            right: Some((800 - i, right)),
            wrong: (i != 2).then_some((3 * i + 1, wrong)),
            difference: (i != 2).then_some(less),
        }
    };
    (0..count).map(genre).collect()
}

pub(crate) fn line(name: &str, count: usize, from: f64, to: f64, spread: f64) -> Line {
    let at = |i: usize| from + (to - from) * (i as f64 / count.max(2) as f64).sqrt();
    let ends = |i: usize| (at(i) - spread, at(i) + spread);
    Line {
        name: name.to_owned(),
        values: (0..count).map(at).collect(),
        shaded: (0..if spread > 0.0 { count } else { 0 }).map(ends).collect(),
        thin: false,
    }
}
