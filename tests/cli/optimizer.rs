//! `--optimizer`, and what goes with it.

use genre_gpu::train::checkpoint::Checkpoint;

use super::adapter::skipped;
use super::bits::assert_same;
use super::program::Work;

const ADAM: &str = "train --data data --batch-size 10 --optimizer adam";
const ADAMW: &str = "train --data data --batch-size 10 --optimizer adamw --clip-norm 0.5 \
                     --learning-rate 0.003 --beta-2 0.99";

/// Adam's rate depends on the number of the step, and both moments go on where they were.
fn resumes(device: &str) {
    for words in [ADAM, ADAMW] {
        let work = Work::new();
        let words = format!("{words} {device}");
        work.ok(&format!("{words} --epochs 1 --out run"));
        work.ok("train --resume run --epochs 3 --threads 3");
        work.ok(&format!("{words} --epochs 3 --out whole"));
        assert_same(&work, "run", "whole");
        let state = Checkpoint::read(&work.path("run/checkpoint.safetensors")).unwrap().state;
        assert_eq!(state.second_moment.len(), state.parameters.len());
        assert!(state.second_moment.iter().any(|v| *v > 0.0));
    }
}

#[test]
fn a_resumed_run_is_the_whole_run() {
    resumes("");
}

#[test]
fn a_resumed_run_on_a_gpu_is_the_whole_run() {
    if !skipped() {
        resumes("--device gpu");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let work = Work::new();
    for (out, threads) in [("one", 1), ("five", 5)] {
        work.ok(&format!("{ADAMW} --epochs 2 --out {out} --threads {threads}"));
        assert_same(&work, "one", out);
    }
}

#[test]
fn the_rate_of_another_optimiser_is_left_and_that_is_said() {
    let work = Work::new();
    let ran = work.ok(&format!("{ADAM} --epochs 1 --out run"));
    let said = "the model's learning rate 0.01: set for sgd, not taken with adam; the \
                learning rate is 0.001, Keras's default for it";
    assert!(ran.err.split_whitespace().collect::<Vec<_>>().join(" ").contains(said), "{}", ran.err);
    assert!(ran.out.contains("Adam, learning rate 0.001"), "{}", ran.out);
    let config = work.text("run/config.toml");
    for line in
        ["optimizer = \"adam\"", "learning-rate = 0.001", "beta-1 = 0.9", "epsilon = 0.0000001"]
    {
        assert!(config.lines().any(|found| found == line), "{line}\n{config}");
    }
    // A rate beside it is taken as it is, and nothing is said.
    let ran = work.ok(&format!("{ADAMW} --epochs 1 --out other"));
    assert!(!ran.err.contains("left") && !ran.err.contains("not taken"), "{}", ran.err);
    let told = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let setup = "AdamW, learning rate 0.003, beta_2 0.99, weight decay 0.004, gradients clipped to a \
                 norm of 0.5, seed 42";
    assert!(told.contains(setup), "{told}");
    // The config of a run is one of the same run.
    work.ok("train --config other/config.toml --out again");
    assert_same(&work, "other", "again");
}

#[test]
fn a_model_file_may_name_it() {
    let work = Work::new();
    let model = "[train]\noptimizer = \"adamw\"\nlearning_rate = 0.02\nbeta_1 = 0.8\nclip_norm = 2.0\n\
                 [[node]]\nname = \"flat\"\nop = \"flatten\"\n[[node]]\nname = \"out\"\n\
                 op = \"dense\"\nunits = \"classes\"\n[[node]]\nname = \"softmax\"\nop = \"softmax\"\n";
    work.write("mine.toml", model);
    let ran = work.ok("train --data data --model mine.toml --epochs 1 --out run");
    let told = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("AdamW, learning rate 0.02, beta_1 0.8, weight decay 0.004"), "{told}");
    let config = work.text("run/config.toml");
    assert!(config.contains("beta-1 = 0.8\n") && config.contains("clip-norm = 2.0\n"), "{config}");
    let ran = work.ok("train --data data --model mine.toml --optimizer sgd --epochs 1 --out sgd");
    assert!(ran.err.contains("learning rate 0.02, beta-1 0.8"), "{}", ran.err);
    assert!(ran.out.contains("SGD, learning rate 0.01"), "{}", ran.out);
}

#[test]
fn a_runs_optimiser_may_not_change() {
    let work = Work::trained();
    let config = work.text("run/config.toml");
    work.write("run/config.toml", format!("weight-decay = 0.1\n{config}"));
    work.fails("train --resume run --epochs 3", &["without weight-decay", "weight-decay = 0.1"]);
    work.write("run/config.toml", config);
    work.ok("train --resume run --epochs 3");
    work.refuses("train --resume run --epochs 4 --optimizer adam", &["--resume", "--optimizer"]);
}

#[test]
fn the_report_names_it() {
    let work = Work::new();
    work.ok(&format!("{ADAMW} --epochs 1 --out run"));
    work.ok("explain run");
    work.ok("report run");
    let html = work.text("report.html").replace('\u{a0}', " ");
    for part in ["AdamW, learning rate 0.003 (constant)", "AdamW steps at a learning rate of 0.003"]
    {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("SGD"), "it was another");
}

/// Seeds that a GPU trains at once are what they are one after another.
#[test]
fn seeds_at_once_have_the_bits_of_each_alone() {
    if skipped() {
        return;
    }
    let work = Work::new();
    work.write("c.toml", "optimizer = \"adamw\"\nclip-norm = 0.5\nlearning-rate = 0.003\n");
    let compare = "compare --data data --config c.toml --epochs 2 --batch-size 8 --device gpu \
                   --models p1 --seeds 2";
    work.ok(&format!("{compare} --out together --at-once 2"));
    work.ok(&format!("{compare} --out apart --at-once 1"));
    for run in ["p1-data-seed42", "p1-data-seed43"] {
        assert_same(&work, &format!("together/{run}"), &format!("apart/{run}"));
    }
}
