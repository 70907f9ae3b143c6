//! Samples, maps and curves that are made up.

use genre_gpu::plot::{
    AxisCells, BandLine, ColourMap, GenreOcclusion, MapKind, MapPanel, MapPlace, MeanMaps,
    Occlusion, Profile, SampleAxes, SamplePanel, Spectrogram,
};

pub(crate) const TITLE: &str = "P1 on the demo corpus (synthesised), rock";
pub(crate) const HEAT: MapKind = MapKind::Heat(ColourMap::Jet);
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
        taken_for: (!right).then(|| (GENRES[i % 3].to_owned(), 0.4 + 0.07 * i as f32)),
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
        target: if i == 2 { "rock".to_owned() } else { GENRES[i % 3].to_owned() },
        probability: 0.9 - 0.1 * i as f32,
    }
}

pub(crate) fn known_axes(bands: usize) -> SampleAxes {
    // Centres of filters that are even in mel (here: in log) from 0 to 11 kHz.
    let hz = |i: usize| 700.0 * ((16.7_f64.ln() * (i + 1) as f64 / (bands + 1) as f64).exp() - 1.0);
    SampleAxes {
        band_hz: Some((0..bands).map(hz).collect()),
        frame_seconds: Some(0.023),
        unit: Some("dB".to_owned()),
    }
}

pub(crate) fn profile(count: usize, spread: f32, phase: f32) -> Profile {
    let mean: Vec<f32> = (0..count)
        .map(|i| 0.3 * ((i as f32 / count as f32) * 7.0 + phase).sin().powi(3) + 0.1)
        .collect();
    let shifted = |by: f32| {
        if spread > 0.0 { mean.iter().map(|v| v + by).collect() } else { Vec::new() }
    };
    let (low, high) = (shifted(-spread), shifted(spread));
    Profile { cells: AxisCells::each(count), mean, low, high }
}

pub(crate) fn occlusion(bands: usize, frames: usize, spread: f32, phase: f32) -> Occlusion {
    let map = |length: usize| {
        let cells = AxisCells { first: 0.0, size: length as f64 / 5.0, count: 5 };
        let mean = (0..5).map(|i| 0.1 + 0.15 * ((i + phase as usize) % 4) as f32).collect();
        Some(Profile { cells, mean, low: Vec::new(), high: Vec::new() })
    };
    Occlusion {
        bands: profile(bands, spread, phase),
        frames: profile(frames, spread, phase + 1.0),
        map_bands: map(bands),
        map_frames: map(frames),
    }
}

pub(crate) fn genres(count: usize, bands: usize, frames: usize) -> Vec<GenreOcclusion> {
    let genre = |i: usize| GenreOcclusion {
        genre: GENRES[i % 4].to_owned(),
        n: if i == 1 { 0 } else { 840 - i },
        curves: (i != 1).then(|| occlusion(bands, frames, 0.05, i as f32)),
    };
    (0..count).map(genre).collect()
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

pub(crate) fn line(name: &str, count: usize, from: f64, to: f64, spread: f64) -> BandLine {
    let at = |i: usize| from + (to - from) * (i as f64 / count.max(2) as f64).sqrt();
    let ends = |by: f64| {
        if spread > 0.0 { (0..count).map(|i| at(i) + by).collect() } else { Vec::new() }
    };
    BandLine {
        name: name.to_owned(),
        mean: (0..count).map(at).collect(),
        low: ends(-spread),
        high: ends(spread),
    }
}
