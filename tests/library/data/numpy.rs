//! Files that numpy wrote, see `tests/fixtures/npy/make.py`.

use std::path::{Path, PathBuf};

use genre_gpu::data::Dataset;
use genre_gpu::error::DataProblem;

use super::files::{Files, load, load_x, problem, ramp};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/npy").join(name)
}

fn samples(name: &str, transpose: bool) -> Dataset {
    load_x(std::fs::read(fixture(name)).unwrap(), 4, transpose).unwrap()
}

#[test]
fn arrays() {
    for (name, dtype) in [
        ("f16.npy", "float16"),
        ("f64_fortran.npy", "float64"),
        ("f32_big_endian.npy", "float32"),
        ("version2.npy", "float32"),
    ] {
        let data = samples(name, false);
        assert_eq!(data.train.x, ramp(4), "{name}");
        assert_eq!(data.sample_shape, [3, 5, 1], "{name}");
        assert_eq!((data.found[0].dtype.as_str(), &*data.found[0].shape), (dtype, &[4, 3, 5][..]));
    }
    let integers: Vec<f32> = ramp(4).iter().map(|v| v * 4.0).collect();
    assert_eq!(samples("i16.npy", false).train.x, integers);
    let back = samples("transposed_view.npy", true);
    assert_eq!((back.train.x, back.sample_shape), (ramp(4), [3, 5, 1]));
    assert_eq!(samples("transposed_view.npy", false).sample_shape, [5, 3, 1]);
}

#[test]
fn one_hot() {
    let bytes = std::fs::read(fixture("one_hot.npy")).unwrap();
    let data = Files::with("y_train.npy", bytes).load().unwrap();
    assert_eq!(data.train.y, [0, 1, 2, 1]);
    assert_eq!(data.classes.len(), 3);
}

#[test]
fn npz_stored_and_compressed() {
    let [saved, compressed] =
        ["saved.npz", "compressed.npz"].map(|name| load(&fixture(name)).unwrap());
    assert_eq!(saved.train.x, ramp(4));
    assert_eq!(saved.val.x, ramp(4)[15..45]);
    assert_eq!(saved.test.x, ramp(2));
    assert_eq!((saved.train.y, saved.val.y), (vec![0, 1, 2, 1], vec![1, 2]));
    assert_eq!(saved.train.song, Some(vec![7, 7, 8, 9]));
    assert_eq!(saved.test.song, Some(vec![12, -1]));
    assert!(saved.found[0].place.ends_with("saved.npz:X_train"), "{:?}", saved.found[0]);
    assert_eq!(saved.hash, compressed.hash);
    assert_eq!(compressed.test.x, saved.test.x);
}

#[test]
fn types_that_are_not_numbers() {
    let found = |name: &str| problem(load_x(std::fs::read(fixture(name)).unwrap(), 4, false)).1;
    assert!(matches!(found("objects.npy"), DataProblem::Pickled { .. }));
    assert!(matches!(found("text.npy"), DataProblem::Text { .. }));
    assert!(matches!(found("complex.npy"), DataProblem::Complex { .. }));
    let problem = found("structured.npy");
    assert!(
        matches!(&problem, DataProblem::Dtype { found } if found.contains("structured")),
        "{problem}"
    );
}

/// A damaged bit of an npz is an error, or touches nothing of samples and labels. Every
/// fifth bit: so each position within a byte comes up, in a fifth of the time.
#[test]
fn one_bit_of_damage_anywhere() {
    let want = load(&fixture("saved.npz")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.npz");
    for name in ["saved.npz", "compressed.npz"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let mut errors = 0;
        for bit in (0..bytes.len() * 8).step_by(5) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, damaged).unwrap();
            match load(&path) {
                Ok(data) => {
                    for (part, want) in
                        [(data.train, &want.train), (data.val, &want.val), (data.test, &want.test)]
                    {
                        assert_eq!(part.x, want.x, "{name}, bit {bit}");
                        assert_eq!(part.y, want.y, "{name}, bit {bit}");
                    }
                }
                Err(_) => errors += 1,
            }
        }
        // At least the arrays' own bytes are under a checksum.
        assert!(errors > bytes.len() * 8 / 15, "{name}: {errors}");
    }
}
