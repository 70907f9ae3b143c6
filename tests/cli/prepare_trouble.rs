//! `genre-gpu prepare` on folders that were begun before, damaged files and odd names.

use super::prepare::{SMALL, songs, tone, wav};
#[cfg(target_os = "linux")]
use super::program::Ran;

#[test]
fn arrays_of_two_starts_are_never_taken_for_one() {
    let work = songs();
    let words = format!("prepare songs --out out {SMALL}");
    work.ok(&words);
    // What the place of an array is taken by stops the next start among its arrays.
    std::fs::remove_file(work.path("out/x_val.npy")).unwrap();
    std::fs::create_dir_all(work.path("out/x_val.npy/full")).unwrap();
    work.fails(&words, &["x_val.npy: cannot write"]);
    assert!(!work.exists("out/prepare.json"), "the arrays beside it are not whole");
    for words in ["train --data out --epochs 1", "audit out"] {
        work.fails(words, &["out: prepare was interrupted here", "run it again"]);
    }
    std::fs::remove_dir_all(work.path("out/x_val.npy")).unwrap();
    work.ok(&words);
    work.ok("audit out");

    let record = work.text("out/prepare.json").replace("\"n_fft\": 512", "\"n_fft\": 1");
    work.write("out/prepare.json", record);
    work.fails("audit out", &["prepare.json: cannot be read", "n_fft from 2", "found 1"]);
}

#[test]
fn a_file_that_breaks_off_is_told_and_with_strict_an_error() {
    let work = songs();
    let mut cut_off = work.read("songs/low/4.au");
    cut_off.truncate(cut_off.len() * 9 / 10);
    work.write("songs/low/4.au", cut_off);
    let words = format!("prepare songs --out out {SMALL}");
    work.fails(&format!("{words} --strict"), &["1 of 10 files", "low/4.au (its header promises"]);
    let ran = work.ok(&words);
    ran.told("damage", &["low/4.au: its header promises", "s of it are used"]);
}

/// Other systems have no such names.
#[cfg(target_os = "linux")]
#[test]
fn names_that_cannot_be_written_down_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let work = songs();
    let words = format!("prepare songs --out out {SMALL}");
    // Shown, both are the same.
    let names = [b"a\xff.wav", b"a\xfe.wav"].map(|name| OsStr::from_bytes(name));
    for name in names {
        std::fs::copy(work.path("songs/low/0.wav"), work.path("songs/low").join(name)).unwrap();
    }
    work.fails(&words, &["low/a\u{fffd}.wav: its name is not UTF-8", "rename it"]);
    assert!(!work.exists("out"));
    for name in names {
        std::fs::remove_file(work.path("songs/low").join(name)).unwrap();
    }
    let folder = work.path("").join(OsStr::from_bytes(b"mus\xefque"));
    std::fs::rename(work.path("songs"), &folder).unwrap();
    let mut command = work.command(&["prepare"]);
    let ran = Ran::of(&command.arg(&folder).args(["--out", "out"]).output().unwrap());
    ran.failed("folder", &["mus\u{fffd}que: its name is not UTF-8", "rename it"]);
    assert!(!work.exists("out"));
}

#[test]
fn many_faults_are_told_in_the_order_of_songs_and_then_counted() {
    let work = songs();
    let bytes = work.read("songs/low/4.au");
    for i in 10..24 {
        // Another length each, so that no file is another's copy.
        work.write(&format!("songs/low/{i}.au"), &bytes[..bytes.len() * 9 / 10 + 2 * i]);
    }
    let ran = work.ok(&format!("prepare songs --out out {SMALL} --threads 3"));
    let told: Vec<&str> = ran.err.lines().filter(|line| line.contains("of it are used")).collect();
    assert_eq!(told.len(), 10, "{}", ran.err);
    let names = (10..20).map(|i| format!("low/{i}.au: its header promises"));
    assert!(told.iter().zip(names).all(|(line, name)| line.contains(&name)), "{}", ran.err);
    ran.told("counted", &["4 more files are damaged", "songs.csv says which"]);
    assert_eq!(work.text("out/songs.csv").matches("its header promises").count(), 14);
}

#[test]
fn a_lower_limit_of_minutes_holds_for_kept_cuts() {
    let work = songs();
    let minute = tone(300.0, 1000, 0).repeat(61_000 / 600 + 1);
    wav(&work.path("songs/low/long.wav"), 1000, 1, &minute);
    work.write("songs/low/broken.wav", b"no sound");
    let words = format!("prepare songs --out out {SMALL}");
    work.fails(&format!("{words} --strict"), &["low/broken.wav"]);
    let ran = work.ok(&format!("{words} --max-minutes 1"));
    ran.told("long", &["low/long.wav is skipped: is longer than 1 minutes"]);
}
