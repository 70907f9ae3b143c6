//! The same seed gives the same bits, whatever the number of threads.

use super::program::Work;

const RESULTS: [&str; 5] = [
    "model.safetensors",
    "history.csv",
    "predictions_train.csv",
    "predictions_val.csv",
    "predictions_test.csv",
];

/// Two runs' results, byte by byte.
pub fn assert_same(work: &Work, one: &str, other: &str) {
    for file in RESULTS {
        let (a, b) = (work.read(&format!("{one}/{file}")), work.read(&format!("{other}/{file}")));
        assert!(a == b, "{file} of {one} and {other} differ");
    }
}

#[test]
fn threads_and_repetition_change_nothing() {
    let work = Work::new();
    let words = "train --data data --epochs 3 --batch-size 10 --momentum 0.9 --keep best";
    for (out, threads) in [("one", 1), ("two", 2), ("seven", 7), ("again", 1)] {
        work.ok(&format!("{words} --out {out} --threads {threads}"));
        assert_same(&work, "one", out);
    }
    work.ok(&format!("{words} --out other --seed 43"));
    assert!(work.read("one/history.csv") != work.read("other/history.csv"));
}

#[test]
fn the_orders_of_keras_2_and_3_differ() {
    let work = Work::new();
    let words = "train --data data --epochs 2 --batch-size 8";
    work.ok(&format!("{words} --out keras2"));
    work.ok(&format!("{words} --out named --shuffle keras2"));
    work.ok(&format!("{words} --out keras3 --shuffle keras3"));
    assert_same(&work, "keras2", "named");
    assert!(work.read("keras2/history.csv") != work.read("keras3/history.csv"));
}

#[test]
fn any_number_of_threads_gives_the_same_bits_at_every_vector_level() {
    let work = Work::new();
    for level in genre_gpu::cpu::levels() {
        for threads in [1, 3] {
            let words = format!(
                "train --data data --epochs 2 --batch-size 8 --threads {threads} --out {level}{threads}"
            );
            let mut command = work.command(&words.split_whitespace().collect::<Vec<_>>());
            let status = command.env("GENRE_GPU_SIMD", level).output().unwrap().status;
            assert!(status.success(), "{level}");
        }
        assert_same(&work, &format!("{level}1"), &format!("{level}3"));
    }
    let mut command = work.command(&["train", "--data", "data", "--out", "none"]);
    let ran = super::program::Ran::of(&command.env("GENRE_GPU_SIMD", "mmx").output().unwrap());
    ran.failed("an unknown level", &["GENRE_GPU_SIMD", "mmx", "baseline"]);
}
