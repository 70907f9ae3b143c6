//! Runs that go wrong while they train.

use super::program::Work;

#[test]
fn a_dead_run_is_told_with_advice() {
    let work = Work::new();
    let words = "train --data data --scale none --epochs 3 --learning-rate 0.3 --quiet --out run";
    let ran = work.ok(words);
    for part in [
        "the run is not learning",
        "--scale is none",
        "try --scale standard",
        "run from -79.9",
        " to -0.0",
    ] {
        assert!(ran.err.contains(part), "{part} in {}", ran.err);
    }
    assert!(ran.err.starts_with("genre-gpu: "), "{}", ran.err);
    assert_eq!(ran.err.matches("is not learning").count(), 1, "told once: {}", ran.err);
    let ran = work.ok(&words.replace("none", "standard").replace("run", "other"));
    assert_eq!(ran.err, "");
}

#[test]
fn a_diverging_run_ends_with_where_and_what_to_try() {
    let work = Work::new();
    let words = "train --data data --epochs 3 --batch-size 8 --learning-rate 1e6 --out run";
    let ran = work.fails(words, &["loss is not finite at epoch ", ", step ", "1000000"]);
    ran.told("help", &["\n  help: try --learning-rate 0.1"]);
    let ran = work.fails(&format!("{words} --overwrite --scale none"), &["try --scale standard"]);
    ran.told("help", &["inputs run from -"]);
    assert_eq!(work.list("."), ["data"], "without an epoch there is nothing to resume");
}
