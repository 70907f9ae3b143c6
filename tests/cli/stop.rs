//! Ctrl-C: what it leaves can be resumed to the same bits. `GENRE_GPU_INTERRUPT_AFTER` interrupts
//! a run at a chosen step, so that no test depends on when a signal arrives.

use super::bits::assert_same;
use super::program::{Ran, Work};

/// Steps of an epoch in these tests: 48 samples in batches of 3.
pub const STEPS: u64 = 16;

/// Runs the binary as if Ctrl-C came after it has looked for it `checks` times: once before each
/// epoch and, on the CPU, once after each step.
pub fn interrupt(work: &Work, checks: u64, words: &str) -> Ran {
    interrupt_args(work, checks, &words.split_whitespace().collect::<Vec<_>>())
}

fn interrupt_args(work: &Work, checks: u64, args: &[&str]) -> Ran {
    let mut command = work.command(args);
    command.env("GENRE_GPU_INTERRUPT_AFTER", checks.to_string());
    Ran::of(&command.output().unwrap())
}

/// Starts the binary and sends SIGINT once two epochs' lines have come.
#[cfg(unix)]
fn send_interrupt(work: &Work, words: &str) -> Ran {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    let mut command = work.command(&words.split_whitespace().collect::<Vec<_>>());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while seen.lines().filter(|line| line.starts_with("Epoch")).count() < 2 {
        assert!(lines.read_line(&mut seen).unwrap() > 0, "it ended early: {seen}");
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    lines.read_to_string(&mut seen).unwrap();
    let mut ran = Ran::of(&child.wait_with_output().unwrap());
    ran.out = seen;
    ran
}

/// Epochs that the checkpoint has behind it, and steps of the one after them.
fn position(work: &Work, run: &str) -> (usize, u64) {
    let bytes = work.read(&format!("{run}/checkpoint.safetensors"));
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let text = &header.metadata().as_ref().unwrap()["genre_gpu_checkpoint"];
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    (json["history"].as_array().unwrap().len(), json["step"].as_u64().unwrap())
}

/// What an interrupted run of so many epochs says and leaves.
fn check_interrupted(work: &Work, ran: &Ran, epochs: usize) {
    ran.failed("interrupted", &["genre-gpu train --resume run", &format!("of {epochs}")]);
    let (done, _) = position(work, "run");
    ran.told("the epoch", &[&format!("stopped in epoch {} of", done + 1)]);
    assert!((1..epochs).contains(&done));
    assert_eq!(work.text("run/history.csv").lines().count(), done + 1);
    assert!(work.exists("run/curves.png"));
    assert!(!work.list("run").iter().any(|name| name.starts_with(".partial")));
}

const TRAIN: &str = "train --data data --batch-size 3 --learning-rate 0.001 --momentum 0.9 \
                     --keep best --threads 1";

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    goes_on_to_the_same_bits("");
}

/// Dropout by step, views by epoch, moving figures and a schedule.
#[test]
fn an_interrupted_run_of_varied_samples_goes_on_to_the_same_bits() {
    goes_on_to_the_same_bits(
        "--model varied.toml --augment bands=0.2,frames=0.2,roll,gain=1 --schedule cosine --nesterov",
    );
}

#[test]
fn an_interrupted_run_from_disk_goes_on_to_the_same_bits() {
    goes_on_to_the_same_bits("--data-from disk --augment roll,gain=1");
}

const VARIED: &str = r#"
[[node]]
name = "conv"
op = "conv2d"
filters = 4
kernel = [3, 3]
bias = false

[[node]]
name = "norm"
op = "batch_norm"
activation = "relu"

[[node]]
name = "mean"
op = "avg_pool2d"
window = [2, "all"]

[[node]]
name = "flatten"
op = "flatten"

[[node]]
name = "dropout"
op = "dropout"
rate = 0.3

[[node]]
name = "head"
op = "dense"
units = "classes"

[[node]]
name = "softmax"
op = "softmax"
"#;

fn goes_on_to_the_same_bits(more: &str) {
    let work = Work::new();
    work.write("varied.toml", VARIED);
    let epochs = 6;
    let words = format!("{TRAIN} --epochs {epochs} {more}");
    // Within an epoch, twice in the next, between two epochs, and before a step is made.
    let stops = [
        (2 * (STEPS + 1) + 1 + 5, (2, 5)),
        (1 + (STEPS - 5) + 1 + 1, (3, 1)),
        (1 + 6, (3, 7)),
        (1 + (STEPS - 7), (4, 0)),
        (1, (4, 0)),
        (1 + STEPS - 1, (4, STEPS - 1)),
    ];
    for (i, (checks, at)) in stops.into_iter().enumerate() {
        let start = if i == 0 { format!("{words} --out run") } else { "train --resume run".into() };
        let stopped = interrupt(&work, checks, &start);
        check_interrupted(&work, &stopped, epochs);
        assert_eq!(position(&work, "run"), at, "{checks}");
    }
    work.ok("train --resume run");
    work.ok(&format!("{words} --out whole"));
    assert_same(&work, "run", "whole");
}

/// A signal, wherever it falls.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_that_can_be_resumed_to_the_same_bits() {
    let work = Work::new();
    let epochs = 1_000_000;
    let stopped = send_interrupt(&work, &format!("{TRAIN} --epochs {epochs} --out run"));
    check_interrupted(&work, &stopped, epochs);
    let enough = position(&work, "run").0 + 1;
    work.ok(&format!("train --resume run --epochs {enough}"));
    work.ok(&format!("{TRAIN} --epochs {enough} --out whole"));
    assert_same(&work, "run", "whole");
}

/// What was printed can be given to a shell.
#[test]
fn the_way_on_is_a_command() {
    let work = Work::new();
    let out = "it's here & there";
    let words = "train --data data --epochs 4 --batch-size 3 --cache-dir demo --out";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.push(out);
    let stopped = interrupt_args(&work, 3 * (STEPS + 1), &args);
    let way = stopped.err.lines().nth(1).unwrap().trim();
    assert!(way.ends_with(" --cache-dir demo"), "{way}");
    let script = way.replacen("genre-gpu", env!("CARGO_BIN_EXE_genre-gpu"), 1) + " --epochs 1";
    let ran = Ran::of(&work.any_command("sh").args(["-c", &script]).output().unwrap());
    ran.failed(&script, &["it's here & there/checkpoint.safetensors: ", "beyond epoch 1"]);
}

#[test]
fn a_stopped_run_has_no_weights_to_evaluate_yet() {
    let work = Work::new();
    interrupt(&work, STEPS + 5, "train --data data --epochs 3 --batch-size 3 --out run");
    work.fails("evaluate run", &["run: ", "not finished", "genre-gpu train --resume run"]);
}

#[test]
fn a_wrong_number_of_checks_is_refused() {
    let work = Work::new();
    let mut command = work.command(&["train", "--data", "data", "--out", "run"]);
    let ran = Ran::of(&command.env("GENRE_GPU_INTERRUPT_AFTER", "soon").output().unwrap());
    ran.failed("soon", &["GENRE_GPU_INTERRUPT_AFTER", "soon"]);
    assert!(!work.exists("run"));
}
