//! `--data-from`: samples that stay on disk change no result.

use super::adapter::skipped;
use super::bits::assert_same;
use super::data::Set;
use super::program::Work;

#[test]
fn a_run_from_disk_is_the_run_from_memory() {
    let work = Work::new();
    let words = "train --data data --epochs 3 --batch-size 10 --momentum 0.9 --keep best \
                 --augment bands=0.2,roll,gain=2";
    work.ok(&format!("{words} --out memory --data-from memory"));
    let ran = work.ok(&format!("{words} --out disk --data-from disk"));
    assert!(ran.out.contains("stay on disk") || ran.err.contains("stay on disk"), "{ran:?}");
    assert_same(&work, "memory", "disk");
    for file in ["metrics.json", "summary.txt", "songs_test.csv"] {
        let [memory, disk] = ["memory", "disk"].map(|run| work.text(&format!("{run}/{file}")));
        // Time passes differently.
        let timeless = |text: &str| -> String {
            text.lines().filter(|line| !line.contains("seconds")).collect()
        };
        assert_eq!(timeless(&memory), timeless(&disk), "{file}");
    }
    let ran = work.ok(&format!("{words} --out auto"));
    assert!(!ran.out.contains("stay on disk"), "so few samples are loaded\n{}", ran.out);
    assert_same(&work, "memory", "auto");
}

#[test]
fn a_gpu_is_given_windows_to_the_same_bits() {
    if skipped() {
        return;
    }
    let work = Work::new();
    let words = "train --data data --epochs 2 --batch-size 10 --augment roll,gain=2 --device gpu";
    work.ok(&format!("{words} --out memory"));
    work.ok(&format!("{words} --out disk --data-from disk"));
    assert_same(&work, "memory", "disk");
}

#[test]
fn a_run_goes_on_from_wherever_its_samples_lie() {
    let work = Work::new();
    let words = "train --data data --batch-size 10 --model p1-bn-aug --schedule constant";
    work.ok(&format!("{words} --epochs 2 --out run --data-from disk"));
    work.ok("train --resume run --epochs 4 --data-from disk --threads 3");
    work.ok("train --resume run --epochs 5");
    work.ok(&format!("{words} --epochs 5 --out whole"));
    assert_same(&work, "run", "whole");
    Set { samples: [44, 16, 16], ..Set::default() }.write(&work.path("data"));
    work.fails("train --resume run --epochs 6 --data-from disk", &["hash", "--data"]);
}

#[test]
fn faults_are_found_on_disk_too() {
    let work = Work::new();
    let mut x = work.read("data/x_val.npy");
    let len = x.len();
    x[len - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    work.write("data/x_val.npy", &x);
    let told =
        ["data/x_val.npy: expected finite values, found 1 that are not; the first is NaN in \
                 sample 15 at [h, w] = [15, 11]"];
    work.fails("train --data data --data-from disk --out run", &told);
    work.fails("train --data data --out run", &told);
    assert!(!work.exists("run"));
}

#[test]
fn what_has_no_places_cannot_stay_on_disk() {
    let work = Work::new();
    let shape = (48, 16, 12);
    let x = ndarray::Array3::<f32>::from_shape_fn(shape, |(i, h, w)| (i + h * w) as f32);
    let mut fortran = ndarray::Array3::zeros(ndarray::ShapeBuilder::f(shape));
    fortran.assign(&x);
    ndarray_npy::write_npy(work.path("data/x_train.npy"), &fortran).unwrap();
    let told = ["data/x_train.npy: samples can be read by position only", "--data-from memory"];
    work.fails("train --data data --data-from disk --out run", &told);
    assert!(!work.exists("run"));
    work.ok("train --data data --epochs 1 --out run");
    work.refuses("train --data data --data-from tape", &["tape", "auto", "memory", "disk"]);
}
