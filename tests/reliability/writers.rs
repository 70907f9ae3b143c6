//! One writer for each folder. This process holds the lock, so that no test depends on which of two
//! processes is faster.

use super::program::{TRAIN, Work};
use genre_gpu::files::FolderLock;

const LOCK: &str = ".genre-gpu.lock";

/// All files below a folder with their bytes, the lock aside.
pub fn contents(work: &Work, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for name in work.list(folder) {
        let path = format!("{folder}/{name}");
        match work.path(&path).is_dir() {
            true => found.extend(contents(work, &path)),
            false if name == LOCK => {}
            false => found.push((path.clone(), work.read(&path))),
        }
    }
    found
}

/// While this process holds `folder`, `words` are refused, and nothing in it changes.
fn refused(work: &Work, folder: &str, words: &str) {
    let lock = FolderLock::acquire(&work.path(folder)).unwrap();
    let before = contents(work, folder);
    let process = format!("is in use by process {} since 20", std::process::id());
    // Data that are not there show that nothing was loaded before.
    let ran = work.fails(words, &[&format!("{folder}: {process}"), "use another folder"]);
    assert_eq!(ran.out, "");
    assert!(contents(work, folder) == before, "{words}");
    drop(lock);
    assert!(!work.exists(&format!("{folder}/{LOCK}")));
}

#[test]
fn a_second_writer_is_refused_before_anything_is_loaded() {
    let work = Work::trained();
    refused(&work, "run", "train --data nowhere --out run");
    refused(&work, "run", "train --data nowhere --out run --overwrite");
    refused(&work, "run", "train --resume run --epochs 3 --data nowhere");
    refused(&work, "new", "train --data nowhere --out new");
    refused(&work, "study", "compare --models p1 --seeds 1 --data nowhere --out study");
    refused(&work, "both", "assignment --data nowhere --out both");
    refused(&work, "run/explain", "explain run --data nowhere");
    refused(&work, "maps", "explain run --data nowhere --out maps");
    assert_eq!(work.list(""), ["data", "run"], "nothing is left");
}

#[test]
fn prepare_has_its_folder_alone() {
    let work = Work::empty();
    for (class, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)] {
        let folder = work.path(&format!("songs/{class}"));
        std::fs::create_dir_all(&folder).unwrap();
        let song = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/audio/tones.wav");
        std::fs::copy(song, folder.join(format!("{number}.wav"))).unwrap();
    }
    let words = "prepare songs --out arrays --segments 2 --frames 11";
    refused(&work, "arrays", words);
    work.ok(words);
}

#[test]
fn a_run_inside_a_study_is_locked_by_itself() {
    let work = Work::new();
    let words = "compare --models p1 --seeds 1, --data data --epochs 1 --batch-size 16 --out study";
    let run = work.path("study/p1-data-seed1");
    let lock = FolderLock::acquire(&run).unwrap();
    let ran = work.fails(words, &["p1-data-seed1: is in use by process"]);
    assert!(ran.err.contains("the same command resumes"), "{}", ran.err);
    drop(lock);
    work.ok(words);
}

#[test]
fn what_a_killed_process_left_is_no_hindrance() {
    let work = Work::new();
    for folder in ["run", "runs/p1-data-seed42"] {
        std::fs::create_dir_all(work.path(folder)).unwrap();
        work.write(&format!("{folder}/{LOCK}"), "1\n1\n");
        work.write(&format!("{folder}/.genre-gpu-partial-aB3xYz"), "half a checkpoint");
    }
    work.ok("train --data data --epochs 1 --batch-size 16 --out run");
    assert!(!work.list("run").iter().any(|name| name.starts_with('.')), "{:?}", work.list("run"));
    std::fs::remove_file(work.path("runs/p1-data-seed42/.genre-gpu-partial-aB3xYz")).unwrap();
    work.ok("train --data data --epochs 1 --batch-size 16");
    assert_eq!(work.list("runs"), ["p1-data-seed42"], "a folder with a lock alone is unused");
}

#[test]
fn readers_need_no_lock() {
    let work = Work::trained();
    let _lock = FolderLock::acquire(&work.path("run")).unwrap();
    let ran = work.ok("evaluate run");
    assert_eq!(ran.err, "");
}

#[test]
fn two_processes_share_a_corpus_cache() {
    // A corpus of one song would do, but the program makes only the whole one: the waiting is tested.
    let work = Work::empty();
    std::fs::create_dir(work.path("demo")).unwrap();
    let lock = std::fs::File::create(work.path("demo/demo.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = work.command(&["demo", "--cache-dir", "demo"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut lines, &mut told).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told.contains("waiting for another process that is generating it"), "{told}");
}

#[test]
fn settings_that_were_edited_are_refused() {
    let work = Work::trained();
    let config = work.text("run/config.toml");
    let checkpoint = work.read("run/checkpoint.safetensors");
    for (line, other, told) in [
        ("seed = 42", "seed = 43", "seed = 42"),
        ("learning-rate = 0.005", "learning-rate = 0.05", "learning-rate = 0.00"),
        ("scale = \"standard\"", "scale = \"none\"", "scale = \"standard\""),
        ("keep = \"best\"", "keep = \"last\"", "keep = \"best\""),
        ("batch-size = 8", "batch-size = 4", "batch-size = 8"),
        ("momentum = 0.", "momentum = 0.0", "momentum = 0."),
    ] {
        let edited = config.replacen(line, other, 1);
        assert!(edited != config, "{line}\n{config}");
        work.write("run/config.toml", &edited);
        work.fails("train --resume run --epochs 3", &["trained with", told, "start a new run"]);
        assert!(work.text("run/config.toml") == edited);
    }
    work.write("run/config.toml", config);
    assert!(work.read("run/checkpoint.safetensors") == checkpoint);
    work.ok("train --resume run --epochs 3 --threads 1");
    assert!(TRAIN.contains("keep best"));
}
