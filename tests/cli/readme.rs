//! Every command of README.md works as printed, one after another, after the install line.

use std::path::Path;

use super::data::Set;
use super::prepare::{tone, wav};
use super::program::Work;

/// Commands of the `sh` blocks, without comments.
fn commands(readme: &str) -> Vec<String> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in readme.lines() {
        if line.starts_with("```") {
            in_block = line == "```sh";
            continue;
        }
        let command = line.split('#').next().unwrap_or_default().trim();
        if in_block && !command.is_empty() {
            found.push(command.to_owned());
        }
    }
    found
}

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The inputs that the README speaks of: arrays in `course`, songs of two classes, a song.
fn inputs() -> Work {
    let work = Work::empty();
    Set { size: [40, 24], ..Set::default() }.write(&work.path("course"));
    for (class, hz) in [("classical", 300.0), ("disco", 4000.0)] {
        std::fs::create_dir_all(work.path(&format!("songs/{class}"))).unwrap();
        for song in 0..6 {
            let samples: Vec<i16> =
                (0..28).flat_map(|part| tone(hz, 22_050, 28 * song + part)).collect();
            wav(&work.path(&format!("songs/{class}/{song}.wav")), 22_050, 1, &samples);
        }
    }
    wav(&work.path("song.wav"), 22_050, 1, &tone(300.0, 22_050, 999).repeat(28));
    work
}

#[test]
fn every_command_of_the_readme_works_as_printed() {
    let work = inputs();
    let readme = readme();
    let mut run = 0;
    for command in commands(&readme) {
        let Some(words) = command.strip_prefix("genre-gpu ") else {
            // What sets up a machine is run by continuous integration itself.
            let set_up =
                ["cargo run --release -- assignment", "tests/run", "git clone", "cargo install"];
            assert!(set_up.iter().any(|known| command.starts_with(known)), "{command}");
            continue;
        };
        // The demo corpus takes minutes: there the course's arrays take its place, for one epoch.
        let starts_on_demo = ["assignment", "train --out"].iter().any(|it| words.starts_with(it));
        let words = match words {
            _ if starts_on_demo => format!("{words} --data course --epochs 1"),
            // All forms of the kernels take minutes on a software adapter; tests/ops has them.
            "check" => "check --brief".into(),
            _ => words.to_owned(),
        };
        work.ok(&words);
        run += 1;
    }
    assert!(run >= 15, "only {run} commands were found");
    assert!(work.exists("first/report.html"));
}

#[test]
fn the_readme_is_short_and_begins_with_the_two_commands() {
    let readme = readme();
    let lines = readme.lines().count();
    assert!(lines <= 200, "{lines} lines");
    let first = commands(&readme);
    assert_eq!(first[..2], ["cargo run --release -- assignment", "tests/run"]);
}
