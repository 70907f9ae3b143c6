//! `assignment`: both runs by one command.

use std::time::SystemTime;

use genre_gpu::gpu::{Kind, adapters};

use super::adapter::skipped;
use super::bits::assert_same;
use super::data::Set;
use super::program::Work;
use super::stop::interrupt;

/// P2 on the CPU, so that nothing depends on the machine.
const WORDS: &str = "assignment --data data --epochs 2 --seed 7 --device cpu --out out";

/// As few bands as P2 takes.
fn work() -> Work {
    Work::with(Set { samples: [48, 16, 16], size: [32, 12], ..Set::default() })
}

/// What a second call leaves as it is; the report is always written.
const FILES: [&str; 4] = [
    "out/p1/model.safetensors",
    "out/p1/explain/explain.json",
    "out/p2/model.safetensors",
    "out/p2/explain/explain.json",
];

fn changed(work: &Work) -> [SystemTime; 4] {
    let modified = |file| std::fs::metadata(work.path(file)).unwrap().modified().unwrap();
    FILES.map(modified)
}

fn percent(work: &Work, run: &str, key: &str) -> String {
    let metrics: serde_json::Value =
        serde_json::from_str(&work.text(&format!("{run}/metrics.json"))).unwrap();
    format!("{:.2} %", 100.0 * metrics["test"][key].as_f64().unwrap())
}

#[test]
fn both_runs_are_those_that_train_makes() {
    let work = work();
    let ran = work.ok(WORDS);
    assert_eq!(ran.err, "");
    assert_eq!(work.list("out"), ["p1", "p2", "report.html"]);
    let page = work.text("out/report.html");
    assert!((1..=6).all(|i| page.contains(&format!("Question {i}"))), "P1 answers the questions");
    assert!(ran.out.ends_with("The report is out/report.html: open it in any browser.\n"));
    for (name, run) in [("P1", "out/p1"), ("P2", "out/p2")] {
        let (samples, songs) =
            (percent(&work, run, "accuracy"), percent(&work, run, "song_accuracy"));
        let line = format!("{name}: test accuracy {samples} (samples), {songs} (songs); ");
        assert!(ran.out.contains(&line), "{line} in {}", ran.out);
    }
    assert!(ran.out.contains("P2 runs on the CPU (--device)."), "{}", ran.out);
    for model in ["p1", "p2"] {
        work.ok(&format!("train --model {model} --data data --epochs 2 --seed 7 --out {model}"));
        assert_same(&work, model, &format!("out/{model}"));
        // And explained as explain does it.
        work.ok(&format!("explain {model}"));
        let explained = |folder: &str| work.read(&format!("{folder}/explain/indices_test.csv"));
        assert!(explained(model) == explained(&format!("out/{model}")));
    }
}

#[test]
fn what_is_done_is_not_done_again() {
    let work = work();
    work.ok(WORDS);
    let before = changed(&work);
    let ran = work.ok(WORDS);
    assert_eq!(ran.out.matches("; already done").count(), 4, "{}", ran.out);
    // Where P2 was begun it stays without a word.
    let ran = work.ok(&WORDS.replace(" --device cpu", ""));
    assert!(ran.out.contains("P2 runs on the CPU, where it was started."), "{}", ran.out);
    assert_eq!(ran.out.matches("; already done").count(), 4, "{}", ran.out);
    assert_eq!(changed(&work), before, "a run was made again");
    assert_eq!(work.ok(&format!("{WORDS} --quiet")).out, "");

    std::fs::remove_file(work.path("out/p2/metrics.json")).unwrap();
    let ran = work.ok(WORDS);
    // Its weights come to the same, so what was explained stands.
    assert_eq!(ran.out.matches("; already done").count(), 3, "{}", ran.out);
    assert!(ran.out.contains(", resumed\n"), "{}", ran.out);

    let told = ["p1: holds a run with other settings (epochs 2, not 3)", "another --out"];
    work.fails(&WORDS.replace("--epochs 2", "--epochs 3"), &told);
    work.fails(&WORDS.replace("--seed 7", "--seed 8"), &["p1: holds", "seed 7, not 8"]);
    Set { samples: [52, 16, 16], size: [32, 12], ..Set::default() }.write(&work.path("data"));
    work.fails(WORDS, &["out/p1: holds a run on data with hash"]);
}

#[test]
fn a_real_gpu_is_taken_where_there_is_one() {
    if skipped() {
        return;
    }
    let work = work();
    let real = adapters().first().is_some_and(|best| best.kind != Kind::Software);
    let (device, said) = if real { ("gpu", "GPU: ") } else { ("cpu", "CPU: the only GPU is ") };
    let ran = work.ok("assignment --data data --epochs 1");
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("P2 runs on the {said}")), "{}", ran.out);
    let run = "runs/assignment-data-seed42";
    let config = |model: &str| work.text(&format!("{run}/{model}/config.toml"));
    assert!(config("p1").contains("device = \"cpu\""), "P1 is on the CPU anywhere");
    assert!(config("p2").contains(&format!("device = \"{device}\"")), "{}", config("p2"));
    assert!(ran.out.contains(&format!("The report is {run}/report.html: ")), "{}", ran.out);
    // Anyone's GPU where it is asked for; P1's settings do not change.
    let ran = work.ok("assignment --data data --epochs 1 --device gpu --out other");
    assert!(ran.out.contains("P2 runs on the GPU (--device)."), "{}", ran.out);
    assert!(work.text("other/p2/config.toml").contains("device = \"gpu\""));
    assert!(work.text("other/p1/config.toml").contains("device = \"cpu\""));
}

#[test]
fn an_interrupted_assignment_goes_on() {
    let work = work();
    let longer = WORDS.replace("--epochs 2", "--epochs 3");
    // Two steps an epoch: in P1's second.
    let ran = interrupt(&work, 3 + 2, &longer);
    ran.failed(&longer, &[&format!("stopped; resume with\n  genre-gpu {longer}")]);
    let ran = work.ok(&longer);
    assert!(ran.out.contains(", resumed\n"), "{}", ran.out);
    work.ok("train --data data --epochs 3 --seed 7 --out alone");
    assert_same(&work, "alone", "out/p1");
}

#[test]
fn wrong_words_leave_nothing() {
    let work = work();
    for (words, told) in [
        ("--epochs 0", "--epochs: expected 1 to"),
        ("--device tpu", "possible values: cpu, gpu"),
        ("--device cpu --adapter llvmpipe", "--adapter: expected --device gpu with it"),
        ("--transpose", "--data: expected a PATH"),
        ("--model p1", "unexpected argument '--model'"),
    ] {
        let data = if words == "--transpose" { "" } else { "--data data" };
        work.refuses(&format!("assignment {data} --out out {words}"), &[told]);
    }
    if !skipped() {
        work.fails("assignment --data data --out out --adapter nobody's", &["no adapter matches"]);
    }
    work.fails("assignment --data nowhere --out out", &["nowhere"]);
    work.fails("assignment --data data --out data/x_train.npy", &["data/x_train.npy"]);
    assert!(!work.exists("out") && !work.exists("runs"), "{:?}", work.list("."));
}
