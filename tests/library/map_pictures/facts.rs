//! Where in a picture things are.

use genre_gpu::plot::{
    Across, ColourMap, HALF, Line, Lines, MapKind, MapPanel, MeanMaps, SampleAxes, SamplePanel,
    Spectrogram, ground_png, heat_overlay_png, lines, map_grid, map_scale, mean_maps,
    spectrogram_grid, spectrogram_png, spectrogram_scale,
};
use image::RgbaImage;

use super::made_up::{HEAT, TITLE, known_axes, map_panel, place, sample};
use crate::drawn::texts;

fn read(png: &[u8]) -> RgbaImage {
    image::load_from_memory(png).unwrap().to_rgba8()
}

#[test]
fn the_lowest_band_is_at_the_bottom_and_the_first_frame_left() {
    let values = vec![-20.0, 0.0, -80.0, -80.0, -80.0, -80.0];
    let sound = Spectrogram { bands: 3, frames: 2, values };
    let picture = read(&spectrogram_png(&sound, (-80.0, 0.0), ColourMap::Grey).unwrap());
    assert_eq!(picture.dimensions(), (2, 3));
    assert_eq!(picture.get_pixel(0, 2).0, [191, 191, 191, 255]);
    assert_eq!(picture.get_pixel(1, 2).0, [255; 4]);
    assert_eq!(picture.get_pixel(0, 0).0, [0, 0, 0, 255]);
    // Under an overlay it is dim.
    let ground = read(&ground_png(&sound, (-80.0, 0.0)).unwrap());
    assert_eq!(ground.get_pixel(1, 2).0, [153, 153, 153, 255]);
}

#[test]
fn an_overlay_is_opaque_where_its_cell_is() {
    // The hot cell: second from below, third from the left; rows 2 and 3, frames 6 to 8.
    let mut map = vec![-1.0; 16];
    map[4 + 2] = 2.0;
    let place = place(8, 12, 4, 4);
    let picture = heat_overlay_png(&map, &place, (8, 12), HEAT).unwrap().unwrap();
    let pixels = read(&picture);
    let opaque = |x: u32, y: u32| pixels.get_pixel(x, y).0[3];
    let places = (0..8).flat_map(|y| (0..12).map(move |x| (x, y)));
    let (x, y) = places.max_by_key(|&(x, y)| opaque(x, y)).unwrap();
    assert!((6..9).contains(&x) && (4..6).contains(&y), "{x}, {y}");
    assert_eq!([opaque(0, 0), opaque(11, 7)], [0, 0], "what speaks against the class is not shown");
    // Divided by its maximum, a map of twice the size is the same.
    let twice: Vec<f32> = map.iter().map(|v| 2.0 * v).collect();
    assert!(picture == heat_overlay_png(&twice, &place, (8, 12), HEAT).unwrap().unwrap());
}

/// In grey print too: over any ground the maximum is lighter than where the map is 0.
#[test]
fn heat_is_lighter_than_its_ground() {
    let sound = Spectrogram { bands: 1, frames: 3, values: vec![0.0, 0.5, 1.0] };
    let ground = read(&ground_png(&sound, (0.0, 1.0)).unwrap());
    let overlay = heat_overlay_png(&[1.0; 3], &place(1, 3, 1, 3), (1, 3), HEAT).unwrap().unwrap();
    let heat = read(&overlay);
    let brightest = (0..3).map(|x| ground.get_pixel(x, 0).0[0]).max().unwrap();
    for x in 0..3 {
        let (over, under) = (heat.get_pixel(x, 0).0, ground.get_pixel(x, 0).0);
        let alpha = f64::from(over[3]) / 255.0;
        let mix = |i: usize| f64::from(over[i]) * alpha + f64::from(under[i]) * (1.0 - alpha);
        let grey = 0.2126 * mix(0) + 0.7152 * mix(1) + 0.0722 * mix(2);
        assert!(grey > f64::from(brightest) + 20.0, "{grey} over {brightest}");
    }
}

#[test]
fn a_map_of_one_frame_colours_each_band_evenly() {
    let map = [0.0, 1.0, 0.5, 0.2];
    let picture = heat_overlay_png(&map, &place(4, 9, 4, 1), (4, 9), HEAT).unwrap().unwrap();
    let pixels = read(&picture);
    let rows: Vec<Vec<[u8; 4]>> = pixels.rows().map(|row| row.map(|p| p.0).collect()).collect();
    assert!(rows.iter().all(|row| row.iter().all(|p| *p == row[0])));
    assert!(rows.windows(2).all(|w| w[0][0][3] != w[1][0][3]), "{rows:?}");
}

#[test]
fn signed_maps_show_what_heatmaps_leave_out() {
    let place = place(1, 3, 1, 3);
    let overlay = |map: &[f32], kind| heat_overlay_png(map, &place, (1, 3), kind).unwrap();
    let signed = read(&overlay(&[-2.0, 0.0, 2.0], MapKind::Signed).unwrap());
    let [against, nothing, for_it] = [0, 1, 2].map(|x| signed.get_pixel(x, 0).0);
    assert!(against[2] > against[0] + 50 && for_it[0] > for_it[2] + 50, "{against:?} {for_it:?}");
    assert_eq!(nothing[3], 0);
    // No positive value: nothing to lay over the spectrogram.
    assert!(overlay(&[-2.0, 0.0, -1.0], HEAT).is_none());
}

/// Cells as small as a pixel are seen: three by three times as large.
#[test]
fn tiny_cells_are_enlarged() {
    let mut map = vec![0.0; 80 * 80];
    map[40 * 80 + 40] = 1.0;
    let overlay = |place: &_| heat_overlay_png(&map, place, (80, 80), HEAT).unwrap().unwrap();
    let picture = read(&overlay(&place(80, 80, 80, 80)));
    assert_eq!(picture.pixels().filter(|p| p.0[3] > 0).count(), 9);
}

#[test]
fn an_empty_map_is_said_and_six_are_shown() {
    let axes = SampleAxes::default();
    let place = place(20, 20, 2, 2);
    let picture = |panels: &[MapPanel]| {
        map_grid(panels, &[], &place, HEAT, "Grad-CAM", &axes, TITLE).unwrap()
    };
    let full: Vec<MapPanel> = (0..6).map(|i| map_panel(20, 20, i, true, 4)).collect();
    let mut empty = full.clone();
    empty[5].map = vec![-1.0; 4];
    let said = |panels: &[MapPanel]| {
        texts(&picture(panels)).iter().filter(|text| *text == "empty map").count()
    };
    assert_eq!((said(&full), said(&empty)), (0, 1));
    let sound: Vec<SamplePanel> = (0..6).map(|i| sample(20, 20, i, true)).collect();
    // The first six count, a seventh changes nothing.
    let seven: Vec<SamplePanel> = (0..7).map(|i| sample(20, 20, i, true)).collect();
    let six = spectrogram_grid(&sound, &[], &axes, TITLE).unwrap();
    assert!(six == spectrogram_grid(&seven, &[], &axes, TITLE).unwrap());
}

#[test]
fn axes_and_bars_have_their_units() {
    let panels = |axes: &SampleAxes| {
        texts(&spectrogram_grid(&[sample(80, 80, 0, true)], &[], axes, TITLE).unwrap())
    };
    let (known, unknown) = (panels(&known_axes(80)), panels(&SampleAxes::default()));
    for text in ["frequency (Hz)", "1024", "time (s)", "level (dB)", "-60"] {
        assert!(known.iter().any(|t| t == text), "{text} in {known:?}");
    }
    for text in ["mel band", "20", "frame", "value (unit of the array)"] {
        assert!(unknown.iter().any(|t| t == text), "{text} in {unknown:?}");
    }
    let bar = texts(&spectrogram_scale((-80.0, 0.0), &known_axes(80)).unwrap());
    assert!(bar.contains(&"level (dB)".to_owned()) && bar.contains(&"-40".to_owned()), "{bar:?}");
    assert!(texts(&map_scale(MapKind::Signed, "map").unwrap()).contains(&"-1.0".to_owned()));
}

/// The points of the only line.
fn points(at: &[f64], values: &[f64]) -> Vec<(f64, f64)> {
    let drawing = lines(&Lines {
        heading: "",
        across: "band",
        name: "drop in probability",
        label: "occlusion",
        at,
        ticks: Across::Numbers,
        within: Some((-1.0, 1.0)),
        series: &[Line::new("rock", values.to_vec())],
        area: HALF,
    });
    let svg = drawing.unwrap().svg();
    let line = svg.split("<path d=\"M").find(|path| path.contains("stroke-width=\"2\"")).unwrap();
    let point = |point: &str| {
        let (x, y) = point.split_once(' ').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    line.split('"').next().unwrap().split('L').map(point).collect()
}

#[test]
fn a_drop_stands_at_its_band() {
    let at: Vec<f64> = (0..40).map(|i| f64::from(i) + 0.5).collect();
    let spike = |band: usize| {
        let values: Vec<f64> = (0..40).map(|i| if i == band { 0.8 } else { 0.0 }).collect();
        let points = points(&at, &values);
        *points.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
    };
    let (low, high) = (spike(2), spike(37));
    let wide = HALF.0 * 35.0 / 40.0;
    assert!((high.0 - low.0 - wide).abs() < 0.05 * wide, "{low:?} {high:?}");
    assert!((high.1 - low.1).abs() < 1e-6);
}

#[test]
fn higher_values_stand_higher() {
    let middle = |value: f64| points(&[0.0, 1.0], &[value; 2])[0].1;
    assert!(middle(0.5) + 0.4 * HALF.1 < middle(-0.5));
    assert!(middle(0.9) + 0.2 * HALF.1 < middle(0.2));
}

#[test]
fn differences_are_red_where_right_has_more() {
    let colours = |sign: f32| {
        let genre = MeanMaps {
            genre: "rock".to_owned(),
            right: None,
            wrong: None,
            difference: Some(vec![sign * 0.2; 4]),
        };
        let place = place(8, 8, 2, 2);
        let axes = SampleAxes::default();
        let picture = mean_maps(&[genre], &place, (8, 8), ColourMap::Grey, &axes, TITLE).unwrap();
        let picture = picture.pixels().unwrap();
        let red = picture.pixels().filter(|p| p.0[0] > p.0[2].saturating_add(60)).count();
        (red, picture.pixels().filter(|p| p.0[2] > p.0[0].saturating_add(60)).count())
    };
    let (more, less) = (colours(1.0), colours(-1.0));
    // The colour bar has both.
    assert!(more.0 > more.1 + 50_000 && less.1 > less.0 + 50_000, "{more:?} {less:?}");
}
