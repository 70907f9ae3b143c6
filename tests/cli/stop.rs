//! Ctrl-C: what it leaves can be gone on from to the same bits.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use super::bits::assert_same;
use super::data::Set;
use super::program::{Ran, Work};

/// Starts the binary and sends SIGINT once two epochs' lines have come.
pub fn interrupt(work: &Work, words: &str) -> Ran {
    interrupt_args(work, &words.split_whitespace().collect::<Vec<_>>())
}

/// Starts the binary and sends SIGINT once `ready` says so.
pub fn interrupt_at(work: &Work, words: &str, ready: impl Fn() -> bool) -> Ran {
    let mut command = work.command(&words.split_whitespace().collect::<Vec<_>>());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !ready() {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    Ran::of(&child.wait_with_output().unwrap())
}

fn interrupt_args(work: &Work, args: &[&str]) -> Ran {
    let mut command = work.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    // Two epochs, so that more than one is behind it wherever the signal falls.
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

/// Steps that the checkpoint's open epoch has behind it, and epochs done.
fn position(work: &Work, run: &str) -> (u64, usize) {
    let bytes = work.read(&format!("{run}/checkpoint.safetensors"));
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let text = &header.metadata().as_ref().unwrap()["genre_gpu_checkpoint"];
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    (json["step"].as_u64().unwrap(), json["history"].as_array().unwrap().len())
}

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
    let work = Work::with(Set { samples: [480, 16, 16], ..Set::default() });
    work.write("varied.toml", VARIED);
    let epochs = 80;
    let words = format!(
        "train --data data --epochs {epochs} --batch-size 3 --learning-rate 0.001 --momentum 0.9 \
         --keep best --threads 1 {more}"
    );
    let ran = interrupt(&work, &format!("{words} --out run"));
    let mut in_an_epoch = false;
    let mut stops = 0;
    let mut ran = Some(ran);
    while let Some(stopped) = ran.take() {
        stops += 1;
        stopped.failed("interrupted", &["genre-gpu train --resume run", &format!("of {epochs}")]);
        let (step, done) = position(&work, "run");
        stopped.told("the epoch", &[&format!("stopped in epoch {} of", done + 1)]);
        assert!((1..epochs).contains(&done));
        assert_eq!(work.text("run/history.csv").lines().count(), done + 1);
        assert!(work.exists("run/curves.png"));
        assert!(!work.list("run").iter().any(|name| name.starts_with(".partial")));
        in_an_epoch |= step > 0;
        if stops < 3 || (!in_an_epoch && stops < 10) {
            ran = Some(interrupt(&work, "train --resume run"));
        }
    }
    assert!(in_an_epoch, "no stop fell into an epoch");
    work.ok("train --resume run");
    work.ok(&format!("{words} --out whole"));
    assert_same(&work, "run", "whole");
}

/// What was printed can be given to a shell.
#[test]
fn the_way_on_is_a_command() {
    let work = Work::with(Set { samples: [480, 16, 16], ..Set::default() });
    let out = "it's here & there";
    let words = "train --data data --epochs 500 --batch-size 3 --cache-dir demo --out";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.push(out);
    let stopped = interrupt_args(&work, &args);
    let way = stopped.err.lines().nth(1).unwrap().trim();
    assert!(way.ends_with(" --cache-dir demo"), "{way}");
    let script = way.replacen("genre-gpu", env!("CARGO_BIN_EXE_genre-gpu"), 1) + " --epochs 1";
    let ran = Ran::of(&work.any_command("sh").args(["-c", &script]).output().unwrap());
    ran.failed(&script, &["it's here & there/checkpoint.safetensors: ", "beyond epoch 1"]);
}

#[test]
fn a_stopped_run_has_no_weights_to_evaluate_yet() {
    let work = Work::with(Set { samples: [480, 16, 16], ..Set::default() });
    interrupt(&work, "train --data data --epochs 500 --batch-size 3 --out run");
    work.fails("evaluate run", &["run: ", "not finished", "genre-gpu train --resume run"]);
}
