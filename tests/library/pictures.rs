//! What must be true of the pictures whatever they look like.

use genre_gpu::Error;
use genre_gpu::metrics::Confusion;
use genre_gpu::plot::{
    EpochRow, ModelCurve, ModelScore, NamedMatrix, confusion, curves, model_curves, model_scores,
    png_bytes, write_png,
};
use image::RgbImage;

const TITLE: &str = "P1 on the demo corpus (synthesised)";

fn history(epochs: u32) -> Vec<EpochRow> {
    let row = |epoch: u32| {
        let left = (-f64::from(epoch) / 7.0).exp();
        EpochRow {
            epoch,
            train_loss: 0.3 + 1.1 * left,
            train_accuracy: 0.95 - 0.7 * left,
            val_loss: 0.6 + 0.6 * left,
            val_accuracy: 0.8 - 0.4 * left,
        }
    };
    (1..=epochs).map(row).collect()
}

fn matrices(counts: &[&Confusion], classes: usize) -> RgbImage {
    let names: Vec<String> = (0..classes).map(|i| format!("a genre with number {i}")).collect();
    let named: Vec<NamedMatrix<'_>> = counts
        .iter()
        .map(|counts| NamedMatrix { name: "test set", unit: "segments", counts })
        .collect();
    confusion(&named, &names, TITLE).unwrap()
}

fn diagonal(classes: usize, count: u64) -> Confusion {
    let row = |i| (0..classes).map(|j| if i == j { count } else { 1 }).collect();
    Confusion { counts: (0..classes).map(row).collect() }
}

/// Text or lines in the outermost pixels would mean that something is cut off.
fn assert_edge_is_white(picture: &RgbImage, what: &str) {
    let (width, height) = picture.dimensions();
    for (x, y, pixel) in picture.enumerate_pixels() {
        if x < 4 || y < 4 || x + 4 >= width || y + 4 >= height {
            assert_eq!(pixel.0, [255; 3], "{what}: ink at {x}, {y} of {width} x {height}");
        }
    }
}

fn has_ink(picture: &RgbImage) -> bool {
    picture.pixels().any(|p| p.0.iter().all(|&v| v < 80))
}

#[test]
fn png_holds_the_picture() {
    let picture = curves(&history(20), Some(17), TITLE).unwrap();
    assert_eq!(picture.dimensions(), (1900, 880));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.png");
    write_png(&path, &picture).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, png_bytes(&picture).unwrap());
    assert_eq!(image::load_from_memory(&bytes).unwrap().into_rgb8(), picture);
}

#[test]
fn curves_show_any_history_and_cut_nothing_off() {
    let nan = f64::NAN;
    let lost = EpochRow {
        epoch: 1,
        train_loss: nan,
        train_accuracy: nan,
        val_loss: f64::INFINITY,
        val_accuracy: nan,
    };
    let flat = EpochRow {
        epoch: 1,
        train_loss: 12.8,
        train_accuracy: 0.25,
        val_loss: 12.8,
        val_accuracy: 0.25,
    };
    let constant: Vec<EpochRow> = (1..=20).map(|epoch| EpochRow { epoch, ..flat }).collect();
    let huge = EpochRow { train_loss: 3.5e30, val_loss: 1e12, ..flat };
    for (what, rows) in [
        ("no epoch", vec![]),
        ("one epoch", history(1)),
        ("200 epochs", history(200)),
        ("all NaN", vec![lost]),
        ("constant", constant),
        ("lost on the way", [history(5), vec![EpochRow { epoch: 6, ..lost }]].concat()),
        ("huge", vec![huge, EpochRow { epoch: 2, ..flat }]),
    ] {
        let picture = curves(&rows, Some(1), TITLE).unwrap();
        assert!(has_ink(&picture), "{what}");
        assert_edge_is_white(&picture, what);
    }
}

#[test]
fn curves_follow_the_data() {
    let rows = history(20);
    let mut other = rows.clone();
    other[7].val_loss += 0.1;
    let picture = curves(&rows, None, TITLE).unwrap();
    assert!(picture == curves(&rows, None, TITLE).unwrap(), "the same data, another picture");
    assert!(picture != curves(&other, None, TITLE).unwrap());
    assert!(picture != curves(&rows, Some(3), TITLE).unwrap());
    assert!(picture != curves(&rows, None, "another title").unwrap());
}

#[test]
fn one_epoch_shows_both_points() {
    let picture = curves(&history(1), None, TITLE).unwrap();
    // Inside the left panel, away from the legend and the end values.
    let inside = |x: u32, y: u32| (150..800).contains(&x) && (210..690).contains(&y);
    for colour in [[0, 114, 178], [230, 159, 0]] {
        let dots = picture.enumerate_pixels().filter(|(x, y, p)| inside(*x, *y) && p.0 == colour);
        assert!(dots.count() > 50, "{colour:?}");
    }
}

#[test]
fn matrices_of_any_size_cut_nothing_off() {
    for classes in [1, 2, 4, 10, 30, 31, 100] {
        let (train, test) = (diagonal(classes, 1_234), diagonal(classes, 99));
        for counts in [&[&train][..], &[&train, &test]] {
            let picture = matrices(counts, classes);
            assert!(has_ink(&picture));
            assert_edge_is_white(&picture, &format!("{classes} classes"));
        }
    }
    let (train, test) = (diagonal(4, 840), diagonal(4, 450));
    let width = matrices(&[&train, &test], 4).width();
    assert!((1600..=2000).contains(&width), "{width}");
}

#[test]
fn many_classes_keep_the_picture_small() {
    for classes in [300, 1000] {
        let (train, test) = (diagonal(classes, 1_234), diagonal(classes, 99));
        let picture = matrices(&[&train, &test], classes);
        assert!(has_ink(&picture));
        assert_edge_is_white(&picture, &format!("{classes} classes"));
        let (width, height) = picture.dimensions();
        assert!(width <= 4_200 && height <= 2_300, "{classes} classes: {width} x {height}");
        let bytes = png_bytes(&picture).unwrap().len();
        assert!(bytes < 1_000_000, "{classes} classes: {bytes} bytes");
    }
}

#[test]
fn an_unreasonable_picture_is_refused() {
    let counts = diagonal(2, 5);
    let named = vec![NamedMatrix { name: "test set", unit: "songs", counts: &counts }; 5_000];
    let names = ["a".to_owned(), "b".to_owned()];
    assert!(matches!(confusion(&named, &names, TITLE), Err(Error::Picture { .. })));
}

#[test]
fn matrices_follow_the_data() {
    let there = Confusion { counts: vec![vec![90, 10], vec![30, 70]] };
    let back = Confusion { counts: vec![vec![90, 30], vec![10, 70]] };
    let empty = Confusion { counts: vec![vec![0; 2]; 2] };
    let picture = matrices(&[&there], 2);
    assert!(picture == matrices(&[&there], 2), "the same data, another picture");
    assert!(picture != matrices(&[&back], 2), "rows and columns are told apart");
    assert!(picture != matrices(&[&empty], 2));
    assert!(matrices(&[&there, &back], 2) != matrices(&[&back, &there], 2));
}

#[test]
fn names_must_fit_the_matrix() {
    let counts = diagonal(3, 5);
    let named = NamedMatrix { name: "test set", unit: "songs", counts: &counts };
    let got = confusion(&[named], &["rock".to_owned()], TITLE);
    assert!(matches!(got, Err(Error::Mismatch { .. })));
}

const NAMES: [&str; 4] =
    ["p1", "p2-bands", "a model with a name that nobody would give to anything at all", "p1-bn"];

fn scores(models: usize, seeds: usize, paired: bool) -> Vec<ModelScore> {
    let model = |i: usize| {
        let mean = 0.80 + 0.02 * (i % 5) as f64;
        let d = mean - 0.80;
        ModelScore {
            name: NAMES[i % NAMES.len()].into(),
            mean,
            seeds: (0..seeds).map(|seed| mean + 0.01 * (seed % 3) as f64 - 0.01).collect(),
            difference: (paired && i > 0).then_some((d, (d - 0.05, d + 0.06))),
            is_baseline: i == 0,
        }
    };
    (0..models).map(model).collect()
}

fn model_curve(i: usize, epochs: usize) -> ModelCurve {
    let point = |epoch: usize| {
        let mean = 0.9 - 0.01 * i as f64 - 0.6 * (-(epoch as f64) / 6.0).exp();
        (mean, (mean - 0.02, mean + 0.02))
    };
    ModelCurve { name: NAMES[i % NAMES.len()].into(), points: (0..epochs).map(point).collect() }
}

#[test]
fn compared_models_cut_nothing_off() {
    for (models, seeds, paired) in
        [(0, 0, false), (1, 1, false), (2, 5, true), (4, 5, false), (9, 20, true), (4, 1, true)]
    {
        let picture = model_scores(&scores(models, seeds, paired), "songs", TITLE).unwrap();
        assert!(has_ink(&picture));
        assert_edge_is_white(&picture, &format!("{models} models, {seeds} seeds"));
    }
    let mut lost = scores(2, 2, true);
    lost[1].mean = f64::NAN;
    lost[1].seeds[0] = f64::NAN;
    assert_edge_is_white(&model_scores(&lost, "songs", TITLE).unwrap(), "NaN");
}

#[test]
fn compared_curves_cut_nothing_off() {
    for (models, epochs) in [(0, 0), (1, 1), (2, 20), (9, 200), (30, 20)] {
        let curves: Vec<ModelCurve> = (0..models).map(|i| model_curve(i, epochs)).collect();
        let picture = model_curves(&curves, TITLE).unwrap();
        assert!(has_ink(&picture));
        assert_edge_is_white(&picture, &format!("{models} models, {epochs} epochs"));
    }
    let mut lost = model_curve(0, 5);
    lost.points[4] = (f64::NAN, (f64::NAN, f64::NAN));
    assert_edge_is_white(&model_curves(&[lost, model_curve(1, 1)], TITLE).unwrap(), "NaN");
}

#[test]
fn compared_models_follow_the_data() {
    let there = scores(3, 3, true);
    let picture = model_scores(&there, "songs", TITLE).unwrap();
    assert!(picture == model_scores(&there, "songs", TITLE).unwrap());
    let mut other = there.clone();
    other[2].seeds[1] -= 0.004;
    assert!(picture != model_scores(&other, "songs", TITLE).unwrap());
    let mut other = there;
    other[1].difference = Some((0.02, (-0.01, 0.07)));
    assert!(picture != model_scores(&other, "songs", TITLE).unwrap());
    let curve = model_curve(0, 9);
    let mut wider = curve.clone();
    wider.points[4].1.0 -= 0.05;
    assert!(model_curves(&[curve], TITLE).unwrap() != model_curves(&[wider], TITLE).unwrap());
}
