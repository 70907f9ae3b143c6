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
fn every_vector_level_gives_the_same_bits() {
    let work = Work::new();
    let words = "train --data data --epochs 2 --batch-size 8 --out";
    work.ok(&format!("{words} best"));
    let mut levels = vec!["baseline"];
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        levels.push("avx2");
    }
    for level in levels {
        let words = format!("{words} {level}");
        let mut command = work.command(&words.split_whitespace().collect::<Vec<_>>());
        let status = command.env("GENRE_GPU_SIMD", level).output().unwrap().status;
        assert!(status.success(), "{level}");
        assert_same(&work, "best", level);
    }
    let mut command = work.command(&["train", "--data", "data", "--out", "none"]);
    let ran = super::program::Ran::of(&command.env("GENRE_GPU_SIMD", "mmx").output().unwrap());
    ran.failed("an unknown level", &["GENRE_GPU_SIMD", "mmx", "baseline"]);
}
