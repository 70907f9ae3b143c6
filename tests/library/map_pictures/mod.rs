//! What must be true of the pictures of maps whatever they look like. Those of usual sizes are
//! left in `target/tmp` to look at.

mod facts;
mod made_up;

use std::path::Path;

use genre_gpu::Error;
use genre_gpu::plot::{
    Across, ColourMap, Drawing, HALF, Line, Lines, MapKind, MapPanel, SampleAxes, SamplePanel,
    Spectrogram, lines, map_grid, mean_maps, sheet, spectrogram_grid, spectrogram_png, write_png,
};

use super::drawn::assert_whole;
use made_up::{HEAT, TITLE, known_axes, line, map_panel, means, place, sample};

/// All pictures of one size of sample, by name.
fn all(
    (bands, frames): (usize, usize),
    (h, w): (usize, usize),
    axes: &SampleAxes,
    (right, wrong): (usize, usize),
    classes: usize,
) -> Vec<(&'static str, Drawing)> {
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
    let signed = MapKind::Signed;
    let grid = spectrogram_grid(&samples(right, true), &samples(wrong, false), axes, TITLE);
    let (means, shape) = (means(classes, h * w), (bands, frames));
    vec![
        ("spectrograms", grid.unwrap()),
        ("grad_cam", map_grid(&good, &bad, &place, HEAT, "Grad-CAM", axes, TITLE).unwrap()),
        ("signed", map_grid(&good, &bad, &place, signed, "HiResCAM", axes, TITLE).unwrap()),
        ("means", mean_maps(&means, &place, shape, ColourMap::Magma, axes, TITLE).unwrap()),
    ]
}

fn panel(at: &[f64], ticks: Across, series: &[Line]) -> Result<Drawing, Error> {
    lines(&Lines {
        heading: "deletion",
        across: "share of cells deleted",
        name: "probability of the class",
        label: "deletion",
        at,
        ticks,
        within: Some((0.0, 1.0)),
        series,
        area: HALF,
    })
}

fn cascade(names: &[String], series: &[Line]) -> Drawing {
    let at: Vec<f64> = (0..names.len()).map(|i| i as f64).collect();
    panel(&at, Across::Names(names.to_vec()), series).unwrap()
}

fn trust(stages: usize, long: bool) -> Vec<(&'static str, Drawing)> {
    let name = |i: usize| format!("{}conv{i}", if long { "rhythm.block.layer." } else { "" });
    let names: Vec<String> = (0..stages).map(name).collect();
    let both = [line("Grad-CAM", stages, 0.9, 0.1, 0.15), line("HiResCAM", stages, 0.7, -0.2, 0.2)];
    let shares: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).collect();
    let orders = |from: f64, to: f64| {
        let all = [("Grad-CAM", 0.1), ("HiResCAM", 0.0), ("loudest first", 0.3), ("random", 0.4)]
            .map(|(name, by)| {
                let spread = if name == "random" { 0.06 } else { 0.0 };
                line(name, 21, from, to + by * (from - to), spread)
            });
        panel(&shares, Across::Numbers, &all).unwrap()
    };
    let both_orders = vec![orders(0.9, 0.2), orders(0.25, 0.9)];
    vec![
        ("cascade", sheet(TITLE, vec![vec![cascade(&names, &both)]], &[])),
        ("deletion", sheet(TITLE, vec![both_orders], &["a note ".repeat(60)])),
    ]
}

#[test]
fn pictures_of_usual_sizes_cut_nothing_off() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let known = all((80, 80), (18, 18), &known_axes(80), (9, 4), 4);
    for (name, picture) in known.into_iter().chain(trust(6, false)) {
        write_png(&folder.join(format!("{name}.png")), &picture).unwrap();
        assert_whole(&picture, name);
        let width = 2.0 * picture.size().0;
        assert!((1500.0..=2100.0).contains(&width), "{name}: {width}");
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
    assert_whole(&cascade(&[], &[]), "no line");
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
    let lines = |to: f64, spread: f64| cascade(&stages, &[line("map", 2, 0.8, to, spread)]);
    assert!(lines(0.1, 0.0) != lines(0.2, 0.0));
    assert!(lines(0.1, 0.0) != lines(0.1, 0.1));
}

#[test]
fn what_does_not_fit_is_refused() {
    let axes = SampleAxes::default();
    let bad = |got: Result<Drawing, Error>| {
        assert!(matches!(got, Err(Error::Mismatch { .. })), "{got:?}");
    };
    for values in [vec![0.0; 3], Vec::new()] {
        let short = Spectrogram { bands: values.len().min(2), frames: 2, values };
        let got = spectrogram_png(&short, (0.0, 1.0), ColourMap::Magma);
        assert!(matches!(got, Err(Error::Mismatch { .. })), "{got:?}");
    }
    let two = [sample(4, 4, 0, true), sample(4, 5, 1, true)];
    bad(spectrogram_grid(&two, &[], &axes, TITLE));
    bad(spectrogram_grid(&two[..1], &[], &known_axes(5), TITLE));
    let wide = place(4, 4, 3, 3);
    let panels = [map_panel(4, 4, 0, true, 4)];
    bad(map_grid(&panels, &[], &wide, HEAT, "Grad-CAM", &axes, TITLE));
    bad(mean_maps(&means(2, 4), &wide, (4, 4), ColourMap::Magma, &axes, TITLE));
    bad(panel(&[0.0], Across::Numbers, &[line("map", 2, 0.0, 1.0, 0.0)]));
    let mut uneven = line("map", 2, 0.0, 1.0, 0.1);
    uneven.shaded.pop();
    bad(panel(&[0.0, 1.0], Across::Numbers, &[uneven]));
}
