//! What must be true of the pictures whatever they look like.

use genre_gpu::Error;
use genre_gpu::metrics::Confusion;
use genre_gpu::plot::{
    Across, Drawing, EpochRow, Line, Lines, Measure, ModelScore, NamedMatrix, confusion, curves,
    lines, model_scores, png_bytes, sheet, write_png,
};

use super::drawn::{assert_whole, texts};

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

fn matrices(counts: &[&Confusion], classes: usize) -> Drawing {
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

#[test]
fn png_holds_the_picture() {
    let picture = curves(&history(20), Some(17), TITLE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.png");
    write_png(&path, &picture).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, png_bytes(&picture).unwrap());
    let pixels = picture.pixels().unwrap();
    assert_eq!(pixels.width(), 1900);
    assert_eq!(image::load_from_memory(&bytes).unwrap().into_rgb8(), pixels);
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
        let picture = curves(&rows, Some(1), TITLE);
        assert_whole(&picture, what);
    }
}

#[test]
fn curves_follow_the_data() {
    let rows = history(20);
    let mut other = rows.clone();
    other[7].val_loss += 0.1;
    let picture = curves(&rows, None, TITLE);
    assert!(picture == curves(&rows, None, TITLE), "the same data, another picture");
    assert!(picture != curves(&other, None, TITLE));
    assert!(picture != curves(&rows, Some(3), TITLE));
    assert!(picture != curves(&rows, None, "another title"));
}

#[test]
fn one_epoch_shows_both_points() {
    let svg = curves(&history(1), None, TITLE).svg();
    let dots = |colour: &str| {
        svg.split("<circle").filter(|mark| mark.split('>').next().unwrap().contains(colour)).count()
    };
    // In each panel one of training; of validation a point that is alone and its epoch's dot.
    assert_eq!((dots("#0072b2"), dots("#c77700")), (2, 4), "{svg}");
}

#[test]
fn curves_say_what_their_ends_and_their_best_epoch_are() {
    let rows = history(20);
    let texts = texts(&curves(&rows, Some(17), TITLE));
    let last = rows[19];
    for text in [
        TITLE.to_owned(),
        "training".into(),
        "validation".into(),
        format!("{:.3}", last.train_loss),
        format!("{:.1} %", 100.0 * last.val_accuracy),
        format!("epoch 17: {:.3}", rows[16].val_loss),
    ] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
}

#[test]
fn matrices_of_any_size_cut_nothing_off() {
    for classes in [1, 2, 4, 10, 30, 31, 100] {
        let (train, test) = (diagonal(classes, 1_234), diagonal(classes, 99));
        for counts in [&[&train][..], &[&train, &test]] {
            assert_whole(&matrices(counts, classes), &format!("{classes} classes"));
        }
    }
    let (train, test) = (diagonal(4, 840), diagonal(4, 450));
    let width = matrices(&[&train, &test], 4).pixels().unwrap().width();
    assert!((1600..=2000).contains(&width), "{width}");
}

#[test]
fn many_classes_keep_the_picture_small() {
    for classes in [300, 1000] {
        let (train, test) = (diagonal(classes, 1_234), diagonal(classes, 99));
        let picture = matrices(&[&train, &test], classes);
        assert_whole(&picture, &format!("{classes} classes"));
        let (width, height) = picture.pixels().unwrap().dimensions();
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
    let drawing = confusion(&named, &names, TITLE).unwrap();
    assert!(matches!(png_bytes(&drawing), Err(Error::Picture { .. })));
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
    let texts = texts(&picture);
    for text in ["90", "90.0 %", "30", "30.0 %", "80.0 % of 200 segments correct"] {
        assert!(texts.iter().any(|t| t == text), "{text} in {texts:?}");
    }
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

fn model_curve(i: usize, epochs: usize) -> Line {
    let mean = |epoch: usize| 90.0 - i as f64 - 60.0 * (-(epoch as f64) / 6.0).exp();
    let values: Vec<f64> = (0..epochs).map(mean).collect();
    let shaded = values.iter().map(|v| (v - 2.0, v + 2.0)).collect();
    Line { name: NAMES[i % NAMES.len()].into(), values, shaded, thin: false }
}

fn model_curves(series: &[Line]) -> Drawing {
    let epochs = series.iter().map(|line| line.values.len()).max().unwrap_or(0);
    let at: Vec<f64> = (1..=epochs).map(|epoch| epoch as f64).collect();
    let panel = lines(&Lines {
        heading: "",
        across: "epoch",
        name: "validation accuracy (%)",
        label: "accuracy",
        at: &at,
        ticks: Across::Epochs,
        within: None,
        series,
        area: (840.0, 330.0),
    });
    sheet(TITLE, vec![vec![panel.unwrap()]], &[])
}

#[test]
fn compared_models_cut_nothing_off() {
    for (models, seeds, paired) in
        [(0, 0, false), (1, 1, false), (2, 5, true), (4, 5, false), (9, 20, true), (4, 1, true)]
    {
        let picture =
            model_scores(&scores(models, seeds, paired), Measure::Accuracy("songs"), TITLE);
        assert_whole(&picture, &format!("{models} models, {seeds} seeds"));
    }
    let mut lost = scores(2, 2, true);
    lost[1].mean = f64::NAN;
    lost[1].seeds[0] = f64::NAN;
    assert_whole(&model_scores(&lost, Measure::Accuracy("songs"), TITLE), "NaN");
}

#[test]
fn compared_curves_cut_nothing_off() {
    for (models, epochs) in [(0, 0), (1, 1), (2, 20), (9, 200), (30, 20)] {
        let curves: Vec<Line> = (0..models).map(|i| model_curve(i, epochs)).collect();
        assert_whole(&model_curves(&curves), &format!("{models} models, {epochs} epochs"));
    }
    let mut lost = model_curve(0, 5);
    (lost.values[4], lost.shaded[4]) = (f64::NAN, (f64::NAN, f64::NAN));
    assert_whole(&model_curves(&[lost, model_curve(1, 5)]), "NaN");
}

/// Nine models, as in a comparison: in the legend each line's colour and dashes are its own.
#[test]
fn compared_curves_differ_in_colour_or_dashes_in_the_legend_too() {
    let curves: Vec<Line> = (0..9).map(|i| model_curve(i, 20)).collect();
    let svg = model_curves(&curves).svg();
    let looks = |width: &str| -> Vec<String> {
        let of = |mark: &str| {
            let between = |name: &str| Some(mark.split_once(name)?.1.split('"').next()?.to_owned());
            format!("{:?} {:?}", between(" stroke=\""), between("stroke-dasharray=\""))
        };
        let marks = svg.split("<path").filter(|mark| mark.contains(width));
        marks.map(|mark| of(mark.split("/>").next().unwrap())).collect()
    };
    let (legend, drawn) = (looks("stroke-width=\"2.5\""), looks("stroke-width=\"2\""));
    assert_eq!(legend, drawn);
    assert_eq!(drawn.iter().collect::<std::collections::BTreeSet<_>>().len(), 9, "{drawn:?}");
}

#[test]
fn compared_models_follow_the_data() {
    let there = scores(3, 3, true);
    let picture = model_scores(&there, Measure::Accuracy("songs"), TITLE);
    assert!(picture == model_scores(&there, Measure::Accuracy("songs"), TITLE));
    let mut other = there.clone();
    other[2].seeds[1] -= 0.004;
    assert!(picture != model_scores(&other, Measure::Accuracy("songs"), TITLE));
    let mut other = there;
    other[1].difference = Some((0.02, (-0.01, 0.07)));
    assert!(picture != model_scores(&other, Measure::Accuracy("songs"), TITLE));
    let texts = texts(&picture);
    for text in ["80.0 %", "+2.0 (-3.0 to +8.0)", "difference (percentage points)"] {
        assert!(texts.iter().any(|t| t == text), "{text} in {texts:?}");
    }
    let curve = model_curve(0, 9);
    let mut wider = curve.clone();
    wider.shaded[4].0 -= 5.0;
    assert!(model_curves(&[curve]) != model_curves(&[wider]));
}
