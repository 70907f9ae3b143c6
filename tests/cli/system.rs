//! A full disk and broken streams, as far as a shell can make them.

use std::path::Path;

use super::program::{Ran, TRAIN, Work};

/// Runs the binary from a shell that has said `before`.
fn shell(work: &Work, before: &str, words: &str) -> Ran {
    let program = env!("CARGO_BIN_EXE_genre-gpu");
    let script = format!("{before}; exec '{program}' {words}");
    Ran::of(&work.any_command("sh").args(["-c", &script]).output().unwrap())
}

/// No file may grow beyond so many blocks (of 512 or 1024 bytes, as the shell has it).
fn full_disk(work: &Work, blocks: u32, words: &str) -> Ran {
    shell(work, &format!("trap '' XFSZ; ulimit -f {blocks}"), words)
}

#[test]
fn a_full_disk_names_the_file_and_leaves_no_part_of_it() {
    let work = Work::new();
    // The checkpoint has some 46,000 bytes, the model half of that.
    let ran = full_disk(&work, 8, &format!("{TRAIN} --epochs 2 --out run"));
    ran.failed("full", &["run/checkpoint.safetensors: cannot write: "]);
    // What fits is there, whole: the one epoch that was trained.
    assert_eq!(work.list("run"), ["config.toml", "history.csv"]);
    assert_eq!(work.text("run/history.csv").lines().count(), 2);
}

#[test]
fn a_full_disk_leaves_the_older_checkpoint_whole() {
    let work = Work::trained();
    let checkpoint = work.read("run/checkpoint.safetensors");
    let files = work.list("run");
    let ran = full_disk(&work, 8, "train --resume run --epochs 3");
    ran.failed("full", &["run/checkpoint.safetensors: cannot write: "]);
    assert!(work.read("run/checkpoint.safetensors") == checkpoint);
    assert_eq!(work.list("run"), files);
    work.ok("train --resume run --epochs 3");
    work.ok(&format!("{TRAIN} --epochs 3 --out whole"));
    super::bits::assert_same(&work, "run", "whole");
}

#[test]
fn nothing_at_all_can_be_written() {
    let work = Work::new();
    let ran = full_disk(&work, 0, &format!("{TRAIN} --epochs 1 --out run"));
    ran.failed("full", &["run/config.toml: cannot write: "]);
    assert!(!work.exists("run"), "the empty folder is removed");
}

#[test]
fn a_path_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let work = Work::new();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff");
    if std::fs::rename(work.path("data"), work.path("").join(odd)).is_err() {
        return; // this file system takes none
    }
    let mut command = work.command(&["train", "--epochs", "1", "--out", "run", "--data"]);
    let ran = Ran::of(&command.arg(odd).output().unwrap());
    assert_eq!(ran.code, Some(2));
    ran.told("odd", &["genre-gpu: --data: expected a path of valid UTF-8"]);
    std::fs::rename(work.path("").join(odd), work.path("data")).unwrap();
    let mut command = work.command(&["train", "--epochs", "1", "--data", "data", "--out"]);
    assert_eq!(Ran::of(&command.arg(odd).output().unwrap()).code, Some(0));
    let ran = Ran::of(&work.command(&["evaluate"]).arg(odd).output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn streams_that_take_nothing_are_no_panic() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let work = Work::new();
    let ran = shell(&work, ":", "summary > /dev/full");
    ran.failed("full output", &["standard output: cannot write: "]);
    // Nowhere to tell it: the exit code must do.
    let ran = shell(&work, ":", "evaluate nowhere 2> /dev/full");
    assert_eq!(ran.code, Some(1));
    // The advice on a dead run goes to standard error.
    let dead = "train --data data --scale none --epochs 3 --learning-rate 0.3 --out run";
    let ran = shell(&work, ":", &format!("{dead} 2> /dev/full"));
    assert_eq!(ran.code, Some(0), "{}", ran.out);
}
