//! Where in a picture things are.

use genre_gpu::plot::{
    ColourMap, MapKind, MapPanel, MeanMaps, Occlusion, Profile, SampleAxes, SamplePanel,
    Spectrogram, cascade, deletion_insertion, map_grid, map_thumbnail, mean_maps, sample_occlusion,
    spectrogram_grid, spectrogram_thumbnail,
};
use image::RgbImage;

use super::made_up::{HEAT, TITLE, line, map_panel, place, profile, sample, spectrogram};

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
fn an_empty_map_is_said_and_six_are_shown() {
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
    let sound: Vec<SamplePanel> = (0..6).map(|i| sample(20, 20, i, true)).collect();
    // The first six count, a seventh changes nothing.
    let seven: Vec<SamplePanel> = (0..7).map(|i| sample(20, 20, i, true)).collect();
    let six = spectrogram_grid(&sound, &[], &axes, TITLE).unwrap();
    assert!(six == spectrogram_grid(&seven, &[], &axes, TITLE).unwrap());
}

/// Where the pixels of a colour are, below the legend.
fn places(picture: &RgbImage, colour: [u8; 3]) -> Vec<(u32, u32)> {
    let found = picture.enumerate_pixels().filter(|(_, y, p)| *y > 140 && p.0 == colour);
    found.map(|(x, y, _)| (x, y)).collect()
}

const BLUE: [u8; 3] = [0, 114, 178];

#[test]
fn a_fall_stands_at_its_band_and_its_frame() {
    let (sound, axes) = (spectrogram(40, 40, 0), SampleAxes::default());
    let spike = |at: usize| {
        let mean = (0..40).map(|i| if i == at { 0.8 } else { 0.0 }).collect();
        Profile { mean, ..profile(40, 0.0, 0.0) }
    };
    let blue = |band: usize, frame: usize| {
        let (bands, frames) = (spike(band), spike(frame));
        let fall = Occlusion { bands, frames, map_bands: None, map_frames: None };
        let picture = sample_occlusion(&sound, &fall, "rock", "Grad-CAM", &axes, TITLE).unwrap();
        places(&picture, BLUE)
    };
    // The peak along bands is what is furthest to the right.
    let right = |places: &[(u32, u32)]| *places.iter().max_by_key(|p| p.0).unwrap();
    let (low, high) = (right(&blue(2, 20)), right(&blue(37, 20)));
    assert!(low.1 > high.1 + 300, "{low:?} {high:?}");
    // The one along frames is the highest of what is under the spectrogram.
    let top = |places: &[(u32, u32)]| {
        let under = places.iter().filter(|p| p.1 > low.1 + 60);
        *under.min_by_key(|p| p.1).unwrap()
    };
    let (first, last) = (top(&blue(2, 3)), top(&blue(2, 36)));
    assert!(first.0 + 600 < last.0, "{first:?} {last:?}");
}

#[test]
fn higher_values_stand_higher() {
    let stages = ["dense".to_owned(), "conv".to_owned()];
    let middle = |at: f64| {
        let places =
            places(&cascade(&stages, &[line("map", 2, at, at, 0.0)], TITLE).unwrap(), BLUE);
        places.iter().map(|p| f64::from(p.1)).sum::<f64>() / places.len() as f64
    };
    assert!(middle(0.5) + 200.0 < middle(-0.5));
    let probability = |at: f64| {
        let one = [line("map", 3, at, at, 0.0)];
        let picture = deletion_insertion(&[0.0, 0.5, 1.0], &one, &one, TITLE).unwrap();
        let places = places(&picture, BLUE);
        places.iter().map(|p| f64::from(p.1)).sum::<f64>() / places.len() as f64
    };
    assert!(probability(0.9) + 200.0 < probability(0.2));
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
        let red = picture.pixels().filter(|p| p.0[0] > p.0[2].saturating_add(60)).count();
        (red, picture.pixels().filter(|p| p.0[2] > p.0[0].saturating_add(60)).count())
    };
    let (more, less) = (colours(1.0), colours(-1.0));
    // The colour bar has both.
    assert!(more.0 > more.1 + 50_000 && less.1 > less.0 + 50_000, "{more:?} {less:?}");
}
