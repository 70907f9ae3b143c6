//! `--overwrite`: the older run stays until the new one has a checkpoint.

use super::program::{Ran, Work};
use super::writers::contents;

/// In batches of 48 an epoch is one step: three checks.
const NEW: &str = "train --data data --epochs 2 --batch-size 48 --out run --overwrite";

#[test]
fn a_new_run_that_fails_leaves_the_older_one() {
    let work = Work::trained();
    let before = contents(&work, "run");
    let ran = work.fails(&format!("{NEW} --learning-rate 1e30"), &["loss is not finite"]);
    assert!(ran.err.contains("the run that was in its folder before is in place again"));
    assert!(contents(&work, "run") == before);
    work.ok("train --resume run --epochs 3");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_older_run() {
    let work = Work::trained();
    let before = contents(&work, "run");
    // config.toml fits, the checkpoint does not.
    let program = env!("CARGO_BIN_EXE_genre-gpu");
    let script = format!("trap '' XFSZ; ulimit -f 8; exec '{program}' {NEW}");
    let ran = Ran::of(&work.any_command("sh").args(["-c", &script]).output().unwrap());
    ran.failed("full", &["checkpoint.safetensors: cannot write"]);
    assert!(contents(&work, "run") == before);
}

#[test]
fn a_new_run_with_a_checkpoint_replaces_it() {
    let work = Work::trained();
    let mut command = work.command(&NEW.split(' ').collect::<Vec<_>>());
    let ran = Ran::of(&command.env("GENRE_GPU_INTERRUPT_AFTER", "3").output().unwrap());
    ran.failed("interrupted", &["resume with"]);
    assert!(!work.exists("run/model.safetensors") && work.exists("run/checkpoint.safetensors"));
    assert!(!work.exists("run/.older-run"));
    work.ok("train --resume run");
    work.ok("train --data data --epochs 2 --batch-size 48 --out whole");
    assert!(work.read("run/model.safetensors") == work.read("whole/model.safetensors"));
}

/// What kill -9 leaves at each moment of a replacement.
#[test]
fn a_killed_replacement_is_taken_back_or_finished() {
    let older = contents(&Work::trained(), "run");
    let aside = |work: &Work, folder: &str, names: &[&str]| {
        std::fs::create_dir(work.path(&format!("run/{folder}"))).unwrap();
        for name in names {
            let to = work.path(&format!("run/{folder}/{name}"));
            std::fs::rename(work.path(&format!("run/{name}")), to).unwrap();
        }
    };
    let files = Work::trained().list("run");
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    let unchanged = |work: &Work| {
        // It may be resumed at once: nothing is trained, the results are computed again.
        let ran = work.ok("train --resume run");
        assert!(ran.err.contains("is in place again"), "{}", ran.err);
        let names: Vec<String> = contents(work, "run").into_iter().map(|(name, _)| name).collect();
        let expected: Vec<String> = older.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, expected);
        let model = |files: &[(String, Vec<u8>)]| {
            files.iter().find(|(name, _)| name.ends_with("model.safetensors")).unwrap().1.clone()
        };
        assert!(model(&contents(work, "run")) == model(&older));
    };
    // While its files are moved aside.
    let work = Work::trained();
    aside(&work, ".older-run-moving", &all[..3]);
    unchanged(&work);
    // Before the new run's first checkpoint.
    let work = Work::trained();
    aside(&work, ".older-run", &all);
    work.write("run/config.toml", "the new run's");
    unchanged(&work);
    // While they are moved back.
    let work = Work::trained();
    aside(&work, ".older-run-moving", &all[3..]);
    unchanged(&work);
    // After the new run's first checkpoint: the older run goes.
    let work = Work::trained();
    std::fs::create_dir(work.path("run/.older-run")).unwrap();
    work.write("run/.older-run/config.toml", "the older run's");
    work.ok("train --resume run");
    assert!(!work.exists("run/.older-run"));
    // Readers are told.
    let work = Work::trained();
    aside(&work, ".older-run", &all);
    work.write("run/config.toml", work.read("run/.older-run/config.toml"));
    work.fails("evaluate run", &["stopped in its first epoch", "brings the older one back"]);
}
