//! What must be true of the pictures of maps whatever they look like. Those of usual sizes are
//! left in `target/tmp` to look at.

mod facts;
mod made_up;

use std::path::Path;

use genre_gpu::Error;
use genre_gpu::plot::{
    ColourMap, MapKind, MapPanel, SampleAxes, SamplePanel, Spectrogram, cascade,
    deletion_insertion, genre_occlusion, map_grid, mean_maps, sample_occlusion, spectrogram_grid,
    spectrogram_thumbnail, write_png,
};
use image::RgbImage;

use made_up::{
    HEAT, TITLE, genres, known_axes, line, map_panel, means, occlusion, place, sample, spectrogram,
};

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
