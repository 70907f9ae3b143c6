//! Labels, classes and song ids.

use genre_gpu::audit::Quick;
use genre_gpu::data::{DataOptions, Dataset, Values};
use genre_gpu::error::{DataProblem, Error};
use genre_gpu::progress::Silent;

use super::files::{Files, Notes, f32s, i64s, npy, problem};

fn load_named(files: &Files, names: &[&str]) -> genre_gpu::Result<Dataset> {
    let folder = files.folder();
    let class_names = Some(names.iter().map(|&name| name.to_owned()).collect());
    Dataset::load(&DataOptions { class_names, ..DataOptions::new(folder.path()) }, &Silent)
}

#[test]
fn every_form_of_labels() {
    let bytes = |values: [f64; 4]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    for (form, labels) in [
        ("int8", npy("|i1", false, "(4,)", &[0, 1, 2, 1])),
        ("uint16 big", npy(">u2", false, "(4,)", &[0, 0, 0, 1, 0, 2, 0, 1])),
        ("column", npy("|u1", false, "(4, 1)", &[0, 1, 2, 1])),
        ("whole floats", npy("<f8", false, "(4,)", &bytes([0.0, 1.0, 2.0, 1.0]))),
        ("one-hot", npy("|u1", false, "(4, 3)", &[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0])),
        ("one-hot bool", npy("|b1", false, "(4, 3)", &[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0])),
        ("one-hot fortran", npy("|u1", true, "(4, 3)", &[1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0])),
    ] {
        let data = Files::with("y_train.npy", labels).load().unwrap();
        assert_eq!(data.train.y, [0, 1, 2, 1], "{form}");
        assert_eq!(data.classes, ["class 0", "class 1", "class 2"], "{form}");
        assert_eq!(data.found[1].values, Values::Labels { counts: vec![1, 2, 1] }, "{form}");
    }
    let mut two = Files::with("y_train.npy", npy("|b1", false, "(4,)", &[1, 0, 0, 1]));
    two.set("y_val.npy", i64s(&[1, 1]));
    assert_eq!(two.load().unwrap().train.y, [1, 0, 0, 1]);
}

#[test]
fn class_names() {
    let four = Files::with("y_train.npy", i64s(&[0, 1, 2, 3]));
    assert_eq!(four.load().unwrap().classes, ["classical", "disco", "metal", "rock"]);
    let named = load_named(&four, &["a", "b", "c", "d"]).unwrap();
    assert_eq!(named.classes, ["a", "b", "c", "d"]);
    // A class without samples keeps its name, its place and its count of none.
    let five = load_named(&four, &["a", "b", "c", "d", "e"]).unwrap();
    assert_eq!(five.classes.len(), 5);
    assert_eq!(five.found[1].values, Values::Labels { counts: vec![1, 1, 1, 1, 0] });
}

#[test]
fn labels_out_of_range() {
    let float = |v: f32| f32s(&[4], &[0.0, 1.0, v, 1.0]);
    for (labels, wanted) in [
        (i64s(&[0, 1, -1, 1]), "-1"),
        (i64s(&[0, 1, 1 << 40, 1]), "1099511627776"),
        (i64s(&[0, 1, 1000, 1]), "1000"),
        (npy("<u8", false, "(2, 1)", &[[0; 8], [255; 8]].concat()), "18446744073709551615"),
        (float(0.5), "0.5"),
        (float(f32::NAN), "NaN"),
    ] {
        let mut files = Files::with("y_train.npy", labels);
        if wanted.len() > 15 {
            files.set("x_train.npy", f32s(&[2, 3, 5], &[0.5; 30]));
        }
        let (name, found) = files.problem();
        assert_eq!(name, "y_train.npy");
        let DataProblem::Label { index, value, classes: 1000, by: None } = found else {
            panic!("{found}")
        };
        assert_eq!((index, value.as_str()), (if wanted.len() > 15 { 1 } else { 2 }, wanted));
    }
    let (name, found) = problem(load_named(&Files::good(), &["a", "b"]));
    assert_eq!(name, "y_train.npy");
    assert!(matches!(found, DataProblem::Label { index: 2, classes: 2, .. }), "{found}");
}

#[test]
fn one_hot_rows_that_are_not() {
    for (rows, wanted) in [
        ([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0], (1, 0, 0)),
        ([1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0], (2, 2, 0)),
        ([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 2], (3, 1, 1)),
    ] {
        let (name, found) =
            Files::with("y_train.npy", npy("|u1", false, "(4, 3)", &rows)).problem();
        assert_eq!(name, "y_train.npy");
        let DataProblem::OneHot { row, ones, others } = found else { panic!("{found}") };
        assert_eq!((row, ones, others), wanted);
    }
    let soft = f32s(&[4, 2], &[1.0, 0.0, 0.0, 1.0, 0.9, 0.1, 1.0, 0.0]);
    let (_, found) = Files::with("y_train.npy", soft).problem();
    assert!(matches!(found, DataProblem::OneHot { row: 2, ones: 0, others: 2 }), "{found}");
}

#[test]
fn one_hot_widths_that_differ() {
    let three = npy("|u1", false, "(4, 3)", &[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0]);
    let two = npy("|u1", false, "(2, 2)", &[1, 0, 0, 1]);
    let mut files = Files::with("y_train.npy", three);
    let (_, found) = problem(load_named(&files, &["a", "b"]));
    assert!(
        matches!(&found, DataProblem::OneHotWidth { expected: 2, found: 3, by } if by == "--class-names"),
        "{found}"
    );
    files.set("y_val.npy", two.clone());
    let (name, found) = files.problem();
    assert_eq!(name, "y_val.npy");
    assert!(
        matches!(&found, DataProblem::OneHotWidth { expected: 3, found: 2, by } if by.ends_with("y_train.npy")),
        "{found}"
    );
    // Plain labels first: label 2 has no column in the one-hot labels that follow.
    let (name, found) = Files::with("y_val.npy", two).problem();
    assert_eq!(name, "y_train.npy");
    assert!(matches!(found, DataProblem::Label { index: 2, classes: 2, .. }), "{found}");
}

#[test]
fn counts_and_shapes_of_labels_and_songs() {
    for name in ["y_train.npy", "song_train.npy"] {
        let (place, found) = Files::with(name, i64s(&[0, 1, 2])).problem();
        assert_eq!(place, name);
        let DataProblem::Count { samples, expected: 4, found: 3 } = found else {
            panic!("{found}")
        };
        assert!(samples.ends_with("x_train.npy"), "{samples}");
    }
    let cube = npy("|u1", false, "(4, 1, 1)", &[0, 1, 2, 1]);
    let (_, found) = Files::with("y_train.npy", cube.clone()).problem();
    assert!(matches!(found, DataProblem::LabelShape { found } if found == [4, 1, 1]));
    let wide = npy("|u1", false, "(4, 1001)", &[0; 4004]);
    let (_, found) = Files::with("y_train.npy", wide).problem();
    assert!(matches!(found, DataProblem::LabelShape { found } if found == [4, 1001]));
    let (_, found) = Files::with("song_train.npy", cube).problem();
    assert!(matches!(found, DataProblem::SongShape { found } if found == [4, 1, 1]));
}

#[test]
fn song_ids() {
    let whole = f32s(&[4, 1], &[101.0, 101.0, -3.0, 7.0]);
    let data = Files::with("song_train.npy", whole).load().unwrap();
    assert_eq!(data.train.song, Some(vec![101, 101, -3, 7]));
    let large =
        Files::with("song_train.npy", i64s(&[i64::MIN, i64::MAX, 9_007_199_254_740_993, 0]));
    assert_eq!(
        large.load().unwrap().train.song,
        Some(vec![i64::MIN, i64::MAX, 9_007_199_254_740_993, 0])
    );
    for (bytes, wanted) in [
        (f32s(&[4], &[1.0, 1.5, 2.0, 2.0]), "1.5"),
        (
            npy("<u8", false, "(4,)", &[[0; 8], [255; 8], [0; 8], [0; 8]].concat()),
            "18446744073709551615",
        ),
    ] {
        let (name, found) = Files::with("song_train.npy", bytes).problem();
        assert_eq!(name, "song_train.npy");
        assert!(
            matches!(&found, DataProblem::SongId { index: 1, value } if value == wanted),
            "{found}"
        );
    }
}

#[test]
fn classes_that_are_missing() {
    let (name, found) = Files::with("y_train.npy", i64s(&[1, 1, 1, 1])).problem();
    assert_eq!(name, "y_train.npy");
    assert!(matches!(found, DataProblem::OneClass { class: 1, .. }), "{found}");

    let (name, found) = Files::with("y_test.npy", i64s(&[3, 3])).problem();
    assert_eq!(name, "y_test.npy");
    assert!(matches!(found, DataProblem::ClassNotInTraining { class: 3, count: 2, .. }), "{found}");

    // The other way round is only warned of: val and test of `good` lack class 2.
    let notes = notes(&Files::good(), None);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("y_val.npy") && notes[0].contains("class 2"), "{notes:?}");
}

/// What is said of data that load.
fn notes(files: &Files, names: Option<&[&str]>) -> Vec<String> {
    let (folder, notes) = (files.folder(), Notes::default());
    let class_names = names.map(|names| names.iter().map(|&name| name.to_owned()).collect());
    let options = DataOptions { class_names, ..DataOptions::new(folder.path()) };
    Dataset::load(&options, &notes).unwrap();
    notes.0.into_inner().unwrap()
}

#[test]
fn plain_labels_have_no_gaps() {
    let gaps = |train: [i64; 4], others: [i64; 2]| {
        let mut files = Files::with("y_train.npy", i64s(&train));
        files.set("y_val.npy", i64s(&others));
        files.set("y_test.npy", i64s(&others));
        files
    };
    let from_one = gaps([1, 2, 3, 4], [1, 2]);
    let error = from_one.load().unwrap_err().to_string();
    assert!(error.contains("labels run from 1 to 4 and none is 0: subtract 1"), "{error}");
    let (name, found) = from_one.problem();
    assert_eq!(name, "y_train.npy");
    assert!(
        matches!(found, DataProblem::LabelGap { lowest: 1, highest: 4, missing: 0, others: 0 }),
        "{found}"
    );
    let (_, found) = gaps([0, 1, 900, 1], [0, 1]).problem();
    assert!(
        matches!(found, DataProblem::LabelGap { lowest: 0, highest: 900, missing: 2, others: 897 }),
        "{found}"
    );
    // Names, or one-hot columns, say that a class may be missing.
    let told = notes(&from_one, Some(&["none", "a", "b", "c", "d"]));
    assert!(told[0].contains("no sample in train is of class 0"), "{told:?}");
    let one_hot = npy("|u1", false, "(4, 3)", &[1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1]);
    let mut files = Files::with("y_train.npy", one_hot);
    files.set("y_val.npy", i64s(&[0, 2]));
    files.set("y_test.npy", i64s(&[0, 2]));
    let told = notes(&files, None);
    assert!(told[0].contains("one-hot [4, 3]: read as labels of 3 classes"), "{told:?}");
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn class_names_are_checked() {
    for names in [["a", " ", "c"], ["a", "b", "a"]] {
        let error = load_named(&Files::good(), &names).unwrap_err();
        assert!(matches!(error, Error::Setting { name: "class-names", .. }), "{error}");
    }
    let told = notes(&Files::good(), Some(&["a", "b", "c", "d", "e"]));
    assert!(told[0].contains("5 classes") && told[0].contains("above 2"), "{told:?}");
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn an_empty_text_is_no_label() {
    let (_, found) = Files::with("y_train.npy", npy("<U9", false, "(4,)", &[0; 144])).problem();
    assert!(matches!(&found, DataProblem::TextAndNumbers { .. }), "{found}");
    let mut files = Files::with("y_train.npy", npy("<U9", false, "(4,)", &[0; 144]));
    for name in ["y_val.npy", "y_test.npy"] {
        files.set(name, npy("<U9", false, "(2,)", &[0; 72]));
    }
    let (place, found) = files.problem();
    assert_eq!(place, "y_train.npy");
    assert!(matches!(&found, DataProblem::LabelText { index: 0, .. }), "{found}");
}

#[test]
fn songs_that_parts_share() {
    let mut files = Files::with("song_train.npy", i64s(&[5, 5, 6, 7]));
    // With another label an id is another song.
    assert_eq!(files.load().unwrap().found[2].values, Values::Songs { songs: 4 });
    // Label 0 of test and 5: the song of training's first sample.
    files.set("song_val.npy", i64s(&[8, 9]));
    files.set("song_test.npy", i64s(&[5, 10]));
    let line = Quick::of(&files.load().unwrap()).line();
    assert!(line.contains("1 song is in both test and train (such as id 5 of class 0)"), "{line}");
    assert!(line.contains("use ids that are unique over all parts"), "{line}");
    files.set("song_test.npy", i64s(&[6, 6]));
    let line = Quick::of(&files.load().unwrap()).line();
    assert!(!line.contains("in both"), "{line}");
}

/// An array that is damaged at its end is not read before what all headers say.
#[test]
fn shapes_are_compared_before_anything_is_read() {
    let mut files = Files::with("y_test.npy", i64s(&[0, 1, 2]));
    files.set("x_train.npy", f32s(&[4, 3, 5], &[f32::NAN; 60]));
    let (name, found) = files.problem();
    assert_eq!(name, "y_test.npy");
    assert!(matches!(found, DataProblem::Count { expected: 2, found: 3, .. }), "{found}");
}

/// A text array `[n]`, or of another shape.
fn texts(texts: &[String], shape: &str) -> Vec<u8> {
    let wide = |text: &String| {
        let mut letters: Vec<u32> = text.chars().map(u32::from).collect();
        letters.resize(12, 0);
        letters.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<u8>>()
    };
    npy("<U12", false, shape, &texts.iter().flat_map(wide).collect::<Vec<u8>>())
}

#[test]
fn an_array_of_text_names_the_classes_if_it_has_one_name_for_each() {
    let each = |n: usize| (0..n).map(|i| format!("file{i}.wav")).collect::<Vec<_>>();
    let three = ["a", "b", "c"].map(String::from).to_vec();
    let one_hot = npy("|u1", false, "(4, 3)", &[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0]);
    for y in [i64s(&[0, 1, 2, 1]), one_hot] {
        for name in ["class_names", "classes", "genres", "mapping"] {
            let mut files = Files::with("y_train.npy", y.clone());
            files.set(&format!("{name}.npy"), texts(&three, "(3,)"));
            assert_eq!(files.load().unwrap().classes, ["a", "b", "c"], "{name}");
            // One name for each of eight samples, and other texts that are not names of classes.
            let twice = ["a", "b", "a"].map(String::from);
            for (other, shape, why) in [
                (each(8), "(8,)", "its shape is [8], and "),
                (each(4), "(4,)", "names of classes would be 3 in a row"),
                (three.clone(), "(3, 1)", "its shape is [3, 1], and "),
                (twice.to_vec(), "(3,)", "names are empty or occur twice"),
            ] {
                files.set(&format!("{name}.npy"), texts(&other, shape));
                assert_eq!(files.load().unwrap().classes, ["class 0", "class 1", "class 2"]);
                let told = notes(&files, None).join("\n");
                let unused = format!("{name}.npy is not used for the names of the classes: ");
                assert!(told.contains(&unused) && told.contains(why), "{told}");
            }
        }
    }
    // It does not hide a gap in the labels either, and the right one is found beside it.
    let mut files = Files::with("y_train.npy", i64s(&[1, 2, 3, 1]));
    files.set("y_val.npy", i64s(&[1, 2]));
    files.set("y_test.npy", i64s(&[1, 2]));
    files.set("classes.npy", texts(&each(8), "(8,)"));
    let (_, found) = files.problem();
    assert!(matches!(found, DataProblem::LabelGap { missing: 0, .. }), "{found}");
    let mut files = Files::good();
    files.set("classes.npy", texts(&each(8), "(8,)"));
    files.set("names.npy", texts(&each(3), "(3,)"));
    files.set("mapping.npy", texts(&three, "(3,)"));
    assert_eq!(files.load().unwrap().classes, ["a", "b", "c"]);
}
