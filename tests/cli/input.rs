//! Bad data through the binary; tests/library/data holds the loader itself to account.

use ndarray::{Array1, Array3};
use ndarray_npy::{read_npy, write_npy};

use super::data::Set;
use super::program::Work;

/// Trains on `data`, which must fail at once and leave nothing.
fn fails(work: &Work, told: &[&str]) {
    work.fails("train --data data --epochs 1 --out run", told);
    assert!(!work.exists("run"));
}

#[test]
fn missing_places_and_parts() {
    let work = Work::new();
    work.fails("train --data nowhere --out run", &["nowhere: there is no such file or folder"]);
    std::fs::remove_file(work.path("data/x_val.npy")).unwrap();
    fails(&work, &["data: no array for x_val", "--arrays x_val=NAME", "x_test.npy"]);
    work.fails("train --data data --arrays x_val=odd.npy --out run", &["--arrays x_val=odd.npy"]);
}

#[test]
fn a_cut_file() {
    let work = Work::new();
    let bytes = work.read("data/x_test.npy");
    work.write("data/x_test.npy", &bytes[..bytes.len() - 5]);
    let (whole, found) = (bytes.len().to_string(), (bytes.len() - 5).to_string());
    fails(&work, &["x_test.npy: expected", &whole, &found]);
}

#[test]
fn values_that_are_not_numbers() {
    let work = Work::new();
    let file = work.path("data/x_train.npy");
    let mut x: Array3<f32> = read_npy(&file).unwrap();
    x[[30, 5, 7]] = f32::NAN;
    x[[31, 0, 0]] = f32::INFINITY;
    write_npy(&file, &x).unwrap();
    fails(&work, &["x_train.npy: ", "2 that are not", "NaN in sample 30 at [h, w] = [5, 7]"]);
}

#[test]
fn parts_of_unequal_shape() {
    let work = Work::new();
    write_npy(work.path("data/x_val.npy"), &Array3::<f32>::zeros((16, 12, 16))).unwrap();
    fails(&work, &["x_val.npy: ", "[16, 12] (h, w) as in", "x_train.npy", "found [12, 16]"]);
}

#[test]
fn labels() {
    let work = Work::new();
    let file = work.path("data/y_test.npy");
    let mut y: Array1<i64> = read_npy(&file).unwrap();
    y[3] = 9;
    write_npy(&file, &y).unwrap();
    fails(&work, &["y_test.npy: ", "class 9"]);
    y[3] = -1;
    write_npy(&file, &y).unwrap();
    fails(&work, &["y_test.npy: ", "-1 at index 3"]);
    write_npy(&file, &Array1::from_elem(15, 0i64)).unwrap();
    fails(&work, &["y_test.npy: expected 16 entries", "x_test.npy", "found 15"]);
    Set::default().write(&work.path("data"));
    write_npy(work.path("data/y_train.npy"), &Array1::from_elem(48, 2i64)).unwrap();
    fails(&work, &["y_train.npy: ", "at least two classes", "class 2"]);
}

#[test]
fn class_names() {
    let work = Work::new();
    let words = "train --data data --epochs 1 --out run --class-names";
    work.fails(&format!("{words} a,b,c"), &["y_train.npy", "from 0 to 2"]);
    let ran = work.ok(&format!("{words} Früh,spät,x,y"));
    assert!(ran.out.contains("Classes: Früh, spät, x, y"), "{}", ran.out);
    assert!(work.text("run/predictions_val.csv").starts_with("index,song,true,predicted,p_Früh,"));
}

#[test]
fn samples_that_the_model_is_too_large_for() {
    let work = Work::with(Set { size: [1, 1], ..Set::default() });
    fails(&work, &["model p1, node \"max_pooling2d\": ", "[2, 2]", "larger than its input"]);
}

#[test]
fn flags_on_arrays_need_arrays() {
    let work = Work::new();
    for flag in
        ["--arrays x_train=a.npy", "--transpose", "--class-names a,b,c,d", "--front-end librosa-2s"]
    {
        let name = flag.split(' ').next().unwrap();
        work.refuses(&format!("train --out run {flag}"), &[name, "--data"]);
        assert_eq!(work.list("."), ["data"], "{flag}");
    }
}
