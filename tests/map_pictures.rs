//! What must be true of the pictures of maps whatever they look like. Those of the demo size are
//! left in `target/tmp` to look at.

#![allow(clippy::unwrap_used, reason = "clippy's own exception does not reach helpers of tests")]

use std::path::Path;

use genre_gpu::Error;
use genre_gpu::report::{
    AxisCells, BandLine, ColourMap, GenreOcclusion, MapKind, MapPanel, MapPlace, MeanMaps,
    Occlusion, Profile, SampleAxes, SamplePanel, Spectrogram, cascade, deletion_insertion,
    genre_occlusion, map_grid, map_thumbnail, mean_maps, sample_occlusion, spectrogram_grid,
    spectrogram_thumbnail, write_png,
};
use image::RgbImage;

const TITLE: &str = "P1 on the demo corpus (synthesised), rock";
const HEAT: MapKind = MapKind::Heat(ColourMap::Jet);
const GENRES: [&str; 4] = ["classical", "hiphop", "metal", "rock"];

/// Beats and a few partials, louder below, in dB; another for each seed.
fn spectrogram(bands: usize, frames: usize, seed: usize) -> Spectrogram {
    let value = |i: usize| {
        let (band, frame) = (i / frames, i % frames);
        let beat = if (frame + 3 * seed) % 11 < 2 { 14.0 } else { 0.0 };
        let partial = if (band + seed + frame / 20) % 13 == 0 { 18.0 } else { 0.0 };
        let noise = ((i * 7919 + seed * 104_729) % 101) as f32 / 9.0;
        (-72.0 + beat + partial + noise + 40.0 / (1.0 + 0.05 * band as f32)).clamp(-80.0, 0.0)
    };
    Spectrogram { bands, frames, values: (0..bands * frames).map(value).collect() }
}

fn place(bands: usize, frames: usize, h: usize, w: usize) -> MapPlace {
    let axis = |length: usize, count: usize| {
        let size = length as f64 / count as f64;
        AxisCells { first: 0.0, size, count }
    };
    MapPlace { bands: axis(bands, h), frames: axis(frames, w) }
}

fn sample(bands: usize, frames: usize, i: usize, right: bool) -> SamplePanel {
    SamplePanel {
        index: 37 * i + 4,
        song: Some(10 * i as i64 + 7),
        taken_for: (!right).then(|| (GENRES[i % 3].to_owned(), 0.4 + 0.07 * i as f32)),
        spectrogram: spectrogram(bands, frames, i),
    }
}

fn map_panel(bands: usize, frames: usize, i: usize, right: bool, cells: usize) -> MapPanel {
    let value = |c: usize| ((c * 31 + i * 17) % 23) as f32 - 9.0;
    MapPanel {
        sample: sample(bands, frames, i, right),
        map: (0..cells).map(value).collect(),
        target: if i == 2 { "rock".to_owned() } else { GENRES[i % 3].to_owned() },
        probability: 0.9 - 0.1 * i as f32,
    }
}

fn known_axes(bands: usize) -> SampleAxes {
    // Centres of filters that are even in mel (here: in log) from 0 to 11 kHz.
    let hz = |i: usize| 700.0 * ((16.7_f64.ln() * (i + 1) as f64 / (bands + 1) as f64).exp() - 1.0);
    SampleAxes {
        band_hz: Some((0..bands).map(hz).collect()),
        frame_seconds: Some(0.023),
        unit: Some("dB".to_owned()),
    }
}

fn profile(count: usize, spread: f32, phase: f32) -> Profile {
    let mean: Vec<f32> = (0..count)
        .map(|i| 0.3 * ((i as f32 / count as f32) * 7.0 + phase).sin().powi(3) + 0.1)
        .collect();
    let shifted = |by: f32| {
        if spread > 0.0 { mean.iter().map(|v| v + by).collect() } else { Vec::new() }
    };
    let (low, high) = (shifted(-spread), shifted(spread));
    Profile { cells: AxisCells::each(count), mean, low, high }
}

fn occlusion(bands: usize, frames: usize, spread: f32, phase: f32) -> Occlusion {
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

fn genres(count: usize, bands: usize, frames: usize) -> Vec<GenreOcclusion> {
    let genre = |i: usize| GenreOcclusion {
        genre: GENRES[i % 4].to_owned(),
        n: if i == 1 { 0 } else { 840 - i },
        curves: (i != 1).then(|| occlusion(bands, frames, 0.05, i as f32)),
    };
    (0..count).map(genre).collect()
}

fn means(count: usize, cells: usize) -> Vec<MeanMaps> {
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

fn line(name: &str, count: usize, from: f64, to: f64, spread: f64) -> BandLine {
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

/// Text or lines in the outermost pixels would mean that something is cut off.
fn assert_whole(picture: &RgbImage, what: &str) {
    let (width, height) = picture.dimensions();
    assert!(picture.pixels().any(|p| p.0.iter().all(|&v| v < 80)), "{what}: nothing drawn");
    for (x, y, pixel) in picture.enumerate_pixels() {
        if x < 4 || y < 4 || x + 4 >= width || y + 4 >= height {
            assert_eq!(pixel.0, [255; 3], "{what}: ink at {x}, {y} of {width} x {height}");
        }
    }
}

/// All pictures of one size of sample, by name.
fn all(
    (bands, frames): (usize, usize),
    (h, w): (usize, usize),
    axes: &SampleAxes,
    (right, wrong): (usize, usize),
    classes: usize,
) -> Vec<(&'static str, RgbImage)> {
    let place = place(bands, frames, h, w);
    let samples = |n: usize, is: bool| -> Vec<SamplePanel> {
        (0..n).map(|i| sample(bands, frames, i, is)).collect()
    };
    let maps = |n: usize, is: bool| -> Vec<MapPanel> {
        let mut maps: Vec<MapPanel> =
            (0..n).map(|i| map_panel(bands, frames, i, is, h * w)).collect();
        if let Some(second) = maps.get_mut(1) {
            second.map.fill(0.0);
        }
        maps
    };
    let (good, bad) = (maps(right, true), maps(wrong, false));
    let (sound, fall) = (spectrogram(bands, frames, 1), occlusion(bands, frames, 0.0, 2.0));
    let signed = MapKind::Signed;
    let grid = spectrogram_grid(&samples(right, true), &samples(wrong, false), axes, TITLE);
    let curves = genres(classes, bands, frames);
    vec![
        ("spectrograms", grid.unwrap()),
        ("grad_cam", map_grid(&good, &bad, &place, HEAT, "Grad-CAM", axes, TITLE).unwrap()),
        ("signed", map_grid(&good, &bad, &place, signed, "HiResCAM", axes, TITLE).unwrap()),
        ("occlusion", sample_occlusion(&sound, &fall, "rock", "Grad-CAM", axes, TITLE).unwrap()),
        (
            "genre_occlusion",
            genre_occlusion(&curves, (bands, frames), "Grad-CAM", axes, TITLE).unwrap(),
        ),
        (
            "means",
            mean_maps(
                &means(classes, h * w),
                &place,
                (bands, frames),
                ColourMap::Magma,
                axes,
                TITLE,
            )
            .unwrap(),
        ),
    ]
}

fn trust(stages: usize, long: bool) -> Vec<(&'static str, RgbImage)> {
    let name = |i: usize| format!("{}conv{i}", if long { "rhythm.block.layer." } else { "" });
    let names: Vec<String> = (0..stages).map(name).collect();
    let both = [line("Grad-CAM", stages, 0.9, 0.1, 0.15), line("HiResCAM", stages, 0.7, -0.2, 0.2)];
    let shares: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).collect();
    let orders = |from: f64, to: f64| {
        [("Grad-CAM", 0.1), ("HiResCAM", 0.0), ("loudest first", 0.3), ("random", 0.4)].map(
            |(name, by)| {
                let spread = if name == "random" { 0.06 } else { 0.0 };
                line(name, 21, from, to + by * (from - to), spread)
            },
        )
    };
    vec![
        ("cascade", cascade(&names, &both, TITLE).unwrap()),
        (
            "deletion",
            deletion_insertion(&shares, &orders(0.9, 0.2), &orders(0.25, 0.9), TITLE).unwrap(),
        ),
    ]
}

#[test]
fn pictures_of_usual_sizes_cut_nothing_off() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let known = all((80, 80), (18, 18), &known_axes(80), (9, 4), 4);
    for (name, picture) in known.into_iter().chain(trust(6, false)) {
        write_png(&folder.join(format!("{name}.png")), &picture).unwrap();
        assert_whole(&picture, name);
        assert!((1500..=2100).contains(&picture.width()), "{name}: {}", picture.width());
    }
    let unknown = all((128, 25), (64, 1), &SampleAxes::default(), (2, 0), 10);
    for (name, picture) in unknown.into_iter().chain(trust(14, true)) {
        write_png(&folder.join(format!("{name}_unknown.png")), &picture).unwrap();
        assert_whole(&picture, name);
    }
}

#[test]
fn pictures_of_odd_sizes_cut_nothing_off() {
    for (shape, cells, counts, classes) in [
        ((1, 1), (1, 1), (6, 6), 2),
        ((256, 256), (5, 3), (1, 1), 2),
        ((2, 300), (1, 7), (0, 1), 3),
        ((300, 1), (3, 1), (0, 0), 0),
    ] {
        for axes in [SampleAxes::default(), known_axes(shape.0)] {
            for (name, picture) in all(shape, cells, &axes, counts, classes) {
                assert_whole(&picture, &format!("{name} {shape:?}"));
            }
        }
    }
    for (stages, long) in [(0, false), (1, true), (40, true)] {
        for (name, picture) in trust(stages, long) {
            assert_whole(&picture, &format!("{name} {stages}"));
        }
    }
    assert_whole(&cascade(&[], &[], TITLE).unwrap(), "no line");
    assert_whole(&deletion_insertion(&[], &[], &[], TITLE).unwrap(), "no line");
}

#[test]
fn the_lowest_band_is_at_the_bottom_and_the_first_frame_left() {
    let values = vec![-20.0, 0.0, -80.0, -80.0, -80.0, -80.0];
    let sound = Spectrogram { bands: 3, frames: 2, values };
    let picture = spectrogram_thumbnail(&sound, (-80.0, 0.0), ColourMap::Grey).unwrap();
    assert_eq!(picture.dimensions(), (2, 3));
    assert_eq!(picture.get_pixel(0, 2).0, [191; 3]);
    assert_eq!(picture.get_pixel(1, 2).0, [255; 3]);
    assert_eq!(picture.get_pixel(0, 0).0, [0; 3]);
}

#[test]
fn an_overlay_is_hot_where_its_cell_is() {
    let sound = Spectrogram { bands: 8, frames: 12, values: vec![0.5; 96] };
    // The hot cell: second from below, third from the left; rows 2 and 3, frames 6 to 8.
    let mut map = vec![-1.0; 16];
    map[4 + 2] = 2.0;
    let place = place(8, 12, 4, 4);
    let picture = map_thumbnail(&sound, (0.0, 1.0), &map, &place, HEAT).unwrap();
    let warmth = |x: u32, y: u32| {
        let [r, _, b] = picture.get_pixel(x, y).0;
        i32::from(r) - i32::from(b)
    };
    let hottest =
        (0..8).flat_map(|y| (0..12).map(move |x| (x, y))).max_by_key(|&(x, y)| warmth(x, y));
    // jet rises to red and ends in dark red, so that the hottest lies in the cell, not only there.
    let (x, y) = hottest.unwrap();
    assert!((6..9).contains(&x) && (4..6).contains(&y), "{x}, {y}");
    assert!(warmth(0, 0) < 0 && warmth(11, 7) < 0, "what speaks against the class is cold");
    // Divided by its maximum, a map of twice the size is the same.
    let twice: Vec<f32> = map.iter().map(|v| 2.0 * v).collect();
    assert!(picture == map_thumbnail(&sound, (0.0, 1.0), &twice, &place, HEAT).unwrap());
}

#[test]
fn a_map_of_one_frame_colours_each_band_evenly() {
    let sound = Spectrogram { bands: 4, frames: 9, values: vec![0.0; 36] };
    let place = place(4, 9, 4, 1);
    let picture = map_thumbnail(&sound, (0.0, 1.0), &[0.0, 1.0, 0.5, 0.2], &place, HEAT).unwrap();
    let rows: Vec<Vec<[u8; 3]>> = picture.rows().map(|row| row.map(|p| p.0).collect()).collect();
    assert!(rows.iter().all(|row| row.iter().all(|p| *p == row[0])));
    assert!(rows.windows(2).all(|w| w[0][0] != w[1][0]), "{rows:?}");
}

#[test]
fn signed_maps_show_what_heatmaps_leave_out() {
    let sound = Spectrogram { bands: 1, frames: 3, values: vec![1.0; 3] };
    let place = place(1, 3, 1, 3);
    let picture = |map: &[f32], kind| map_thumbnail(&sound, (0.0, 1.0), map, &place, kind).unwrap();
    let signed = picture(&[-2.0, 0.0, 2.0], MapKind::Signed);
    let [against, nothing, for_it] = [0, 1, 2].map(|x| signed.get_pixel(x, 0).0);
    assert!(against[2] > against[0] + 50 && for_it[0] > for_it[2] + 50, "{against:?} {for_it:?}");
    assert!(nothing.iter().all(|&v| v > 230), "{nothing:?}");
    // No positive value: the spectrogram alone, in grey.
    let empty = picture(&[-2.0, 0.0, -1.0], HEAT);
    assert!(empty.pixels().all(|p| p.0 == [255; 3]));
}

#[test]
fn an_empty_map_and_a_missing_sample_are_said() {
    let axes = SampleAxes::default();
    let place = place(20, 20, 2, 2);
    let picture = |panels: &[MapPanel]| {
        map_grid(panels, &[], &place, HEAT, "Grad-CAM", &axes, TITLE).unwrap()
    };
    let full: Vec<MapPanel> = (0..6).map(|i| map_panel(20, 20, i, true, 4)).collect();
    let mut empty = full.clone();
    empty[5].map = vec![-1.0; 4];
    // White paper under the words, where full panels have none.
    let white = |picture: &RgbImage| picture.pixels().filter(|p| p.0 == [255; 3]).count();
    assert!(white(&picture(&empty)) > white(&picture(&full)) + 1000);
    // A frame alone has no ink in its middle: what is missing is said.
    let ink = |picture: &RgbImage| picture.pixels().filter(|p| p.0.iter().all(|&v| v < 60)).count();
    let sound: Vec<SamplePanel> = (0..6).map(|i| sample(20, 20, i, true)).collect();
    let five = spectrogram_grid(&sound[..5], &[], &axes, TITLE).unwrap();
    let four = spectrogram_grid(&sound[..4], &[], &axes, TITLE).unwrap();
    assert_eq!(five.dimensions(), four.dimensions());
    assert!(ink(&five) > 0 && five != four);
    // The first six count, a seventh changes nothing.
    let seven: Vec<SamplePanel> = (0..7).map(|i| sample(20, 20, i, true)).collect();
    let six = spectrogram_grid(&sound, &[], &axes, TITLE).unwrap();
    assert!(six == spectrogram_grid(&seven, &[], &axes, TITLE).unwrap());
}

#[test]
fn pictures_follow_the_data() {
    let axes = known_axes(20);
    let again = |axes: &SampleAxes| all((20, 20), (4, 4), axes, (3, 3), 3);
    let (one, two, other) = (again(&axes), again(&axes), again(&SampleAxes::default()));
    for ((a, b), c) in one.iter().zip(&two).zip(&other) {
        assert!(a.1 == b.1, "{}: the same data, another picture", a.0);
        assert!(a.1 != c.1, "{}: axes are not shown", a.0);
    }
    let stages = ["dense".to_owned(), "conv".to_owned()];
    let lines = |to: f64, spread: f64| cascade(&stages, &[line("map", 2, 0.8, to, spread)], TITLE);
    assert!(lines(0.1, 0.0).unwrap() != lines(0.2, 0.0).unwrap());
    assert!(lines(0.1, 0.0).unwrap() != lines(0.1, 0.1).unwrap());
}

#[test]
fn what_does_not_fit_is_refused() {
    let axes = SampleAxes::default();
    let bad = |got: Result<RgbImage, Error>| {
        assert!(matches!(got, Err(Error::Mismatch { .. })), "{got:?}");
    };
    let short = Spectrogram { bands: 2, frames: 2, values: vec![0.0; 3] };
    bad(spectrogram_thumbnail(&short, (0.0, 1.0), ColourMap::Magma));
    let none = Spectrogram { bands: 0, frames: 2, values: Vec::new() };
    bad(spectrogram_thumbnail(&none, (0.0, 1.0), ColourMap::Magma));
    let two = [sample(4, 4, 0, true), sample(4, 5, 1, true)];
    bad(spectrogram_grid(&two, &[], &axes, TITLE));
    bad(spectrogram_grid(&two[..1], &[], &known_axes(5), TITLE));
    let wide = place(4, 4, 3, 3);
    let panel = [map_panel(4, 4, 0, true, 4)];
    bad(map_grid(&panel, &[], &wide, HEAT, "Grad-CAM", &axes, TITLE));
    bad(mean_maps(&means(2, 4), &wide, (4, 4), ColourMap::Magma, &axes, TITLE));
    let mut fall = occlusion(4, 4, 0.0, 0.0);
    fall.bands.mean.pop();
    let sound = spectrogram(4, 4, 0);
    bad(sample_occlusion(&sound, &fall, "rock", "Grad-CAM", &axes, TITLE));
    bad(cascade(&["dense".to_owned()], &[line("map", 2, 0.0, 1.0, 0.0)], TITLE));
    bad(deletion_insertion(&[0.0], &[], &[line("map", 2, 0.0, 1.0, 0.0)], TITLE));
}
