//! `compare`: its runs, its files and what it says.

use std::time::SystemTime;

use serde_json::Value;

use super::bits::assert_same;
use super::data::Set;
use super::program::Work;
use super::stop::{STEPS, interrupt};

pub const SMALL: &str = r#"
rationale = "One dense layer."

[[node]]
name = "flatten"
op = "flatten"

[[node]]
name = "dense"
op = "dense"
units = "classes"

[[node]]
name = "softmax"
op = "softmax"
"#;

const COMPARE: &str =
    "compare --models p1,small.toml --seeds 42,43 --data data --epochs 2 --batch-size 8 --out out";

const RUNS: [&str; 4] =
    ["p1-data-seed42", "p1-data-seed43", "small-data-seed42", "small-data-seed43"];

const FILES: [&str; 5] =
    ["compare.csv", "compare.json", "compare.txt", "compare_data.png", "curves_data.png"];

fn work_with(set: Set) -> Work {
    let work = Work::with(set);
    work.write("small.toml", SMALL);
    work
}

fn work() -> Work {
    // Six songs to validate and 24 to test.
    work_with(Set { samples: [48, 24, 96], ..Set::default() })
}

fn json(work: &Work) -> Value {
    serde_json::from_str(&work.text("out/compare.json")).unwrap()
}

fn changed(work: &Work, run: &str) -> SystemTime {
    let file = work.path(&format!("out/{run}/model.safetensors"));
    std::fs::metadata(file).unwrap().modified().unwrap()
}

/// Without what a clock decides.
fn timeless(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(
            object
                .into_iter()
                .filter(|(key, _)| key != "seconds_per_epoch")
                .map(|(key, value)| (key, timeless(value)))
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.into_iter().map(timeless).collect()),
        other => other,
    }
}

#[test]
fn two_models_and_two_seeds() {
    let work = work();
    let ran = work.ok(COMPARE);
    assert_eq!(ran.err, "");
    assert_eq!(work.list("out"), [&FILES[..], &RUNS[..]].concat());
    for (i, run) in RUNS.iter().enumerate() {
        let (model, seed) = run.split_once("-data-seed").unwrap();
        let line = format!("[{}/4] {model}, data, seed {seed}: songs ", i + 1);
        assert!(ran.out.contains(&line), "{line} in {}", ran.out);
    }
    let text = work.text("out/compare.txt");
    assert!(ran.out.contains(&text), "what is printed is what is written");
    for part in ["24 test songs (96 samples), 6 validation songs", "seeds 42, 43", "McNemar p"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    for picture in ["compare_data.png", "curves_data.png"] {
        image::load_from_memory(&work.read(&format!("out/{picture}"))).unwrap();
    }

    // Each run is what train makes of the same settings.
    work.ok("train --data data --epochs 2 --batch-size 8 --seed 43 --out alone");
    assert_same(&work, "alone", "out/p1-data-seed43");

    let data = &json(&work)["data"][0];
    let models = data["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    let mut song_means = Vec::new();
    for (model, name) in models.iter().zip(["p1", "small"]) {
        assert_eq!(model["model"], name);
        let mut songs = Vec::new();
        for (run, seed) in model["runs"].as_array().unwrap().iter().zip([42, 43]) {
            let path = format!("out/{name}-data-seed{seed}/metrics.json");
            let metrics: Value = serde_json::from_str(&work.text(&path)).unwrap();
            for part in ["val", "test"] {
                let figures = &run["parts"][part];
                assert_eq!(figures["accuracy"], metrics[part]["accuracy"], "{path} {part}");
                let by_song = &figures["songs"]["mean_probability"];
                assert_eq!(by_song, &metrics[part]["song_accuracy"], "{path} {part}");
            }
            assert_eq!(model["parameters"], metrics["parameters"]);
            songs.push(run["parts"]["test"]["songs"]["mean_probability"].as_f64().unwrap());
        }
        let spread = &model["parts"]["test"]["songs"]["mean_probability"];
        let (mean, half) = ((songs[0] + songs[1]) / 2.0, (songs[0] - songs[1]) / 2.0);
        assert!((spread["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
        let deviation = spread["deviation"].as_f64().unwrap();
        assert!((deviation - 2f64.sqrt() * half.abs()).abs() < 1e-12);
        song_means.push(mean);
    }
    assert!(models[0]["parts"]["test"]["against_baseline"].is_null());
    assert!(models[0]["conclusion"].is_null());
    let same = work.ok(&format!("{COMPARE} --json"));
    assert_eq!(serde_json::from_str::<Value>(&same.out).unwrap(), json(&work), "one document");
    let paired = &models[1]["parts"]["test"]["against_baseline"]["songs"];
    let difference = paired["difference"].as_f64().unwrap();
    assert!((difference - (song_means[1] - song_means[0])).abs() < 1e-12);
    let ends: Vec<f64> =
        paired["interval_95"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(ends[0] <= difference && difference <= ends[1], "{ends:?} {difference}");
    assert_eq!(paired["holm_p"], paired["mcnemar_p"], "one comparison needs no correction");
    let conclusion = models[1]["conclusion"].as_str().unwrap();
    assert!(
        conclusion.starts_with("The song accuracy of small (test) is ")
            && conclusion.contains("24 songs")
    );
    assert!(conclusion.contains("no verdict from 2 seeds"), "{conclusion}");
    assert_eq!(work.text("out/compare.csv").lines().count(), 1 + 2 * 2);
}

#[test]
fn what_is_done_is_skipped_and_what_is_missing_is_made() {
    let work = work();
    work.ok(COMPARE);
    let (first, times) = (json(&work), RUNS.map(|run| changed(&work, run)));
    let ran = work.ok(COMPARE);
    assert_eq!(ran.out.matches(", already done").count(), 4, "{}", ran.out);
    assert_eq!(times, RUNS.map(|run| changed(&work, run)), "a run was made again");
    assert_eq!(first, json(&work), "times are the runs' own");

    std::fs::remove_dir_all(work.path("out/small-data-seed42")).unwrap();
    std::fs::remove_file(work.path("out/p1-data-seed43/metrics.json")).unwrap();
    let ran = work.ok(COMPARE);
    assert_eq!(ran.out.matches(", already done").count(), 2, "{}", ran.out);
    assert!(ran.out.contains("p1, data, seed 43: songs ") && ran.out.contains(", resumed"));
    assert_eq!(timeless(first), timeless(json(&work)));

    // More seeds use those that there are.
    let ran = work.ok(&COMPARE.replace("42,43", "42,44"));
    assert_eq!(ran.out.matches(", already done").count(), 2, "{}", ran.out);
}

#[test]
fn runs_of_other_settings_data_or_networks_are_refused() {
    let work = work();
    work.ok(COMPARE);
    let before = RUNS.map(|run| changed(&work, run));
    let longer = COMPARE.replace("--epochs 2", "--epochs 3");
    let out = ["p1-data-seed42: holds a run with other settings", "epochs 2, not 3", "--out"];
    work.fails(&longer, &out);
    work.fails(&COMPARE.replace("size 8", "size 4"), &["batch-size 8, not 4"]);

    work.write(
        "small.toml",
        SMALL.replace(
            "[[node]]\nname = \"dense\"",
            "[[node]]\nname = \"mid\"\nop = \"dense\"\nunits = 5\n\n[[node]]\nname = \"dense\"",
        ),
    );
    work.fails(COMPARE, &["small-data-seed42: holds a run of another network"]);
    work.write("small.toml", SMALL);

    Set { samples: [52, 24, 96], ..Set::default() }.write(&work.path("data"));
    work.fails(COMPARE, &["p1-data-seed42: holds a run on data with hash"]);
    assert_eq!(before, RUNS.map(|run| changed(&work, run)), "a refusal changed a run");
}

/// As a run is left that was made longer and stopped while its last files were written.
#[test]
fn new_weights_never_stand_beside_older_predictions() {
    let work = work();
    let words = "compare --models p1 --seeds 42, --data data --batch-size 8 --out out --epochs";
    work.ok(&format!("{words} 2"));
    let run = "out/p1-data-seed42";
    let (file, weights) =
        (format!("{run}/predictions_val.csv"), format!("{run}/model.safetensors"));
    let (older, before) = (work.read(&file), work.read(&weights));
    std::fs::remove_file(work.path(&file)).unwrap();
    std::fs::create_dir(work.path(&file)).unwrap();
    work.fails(&format!("train --resume {run} --epochs 4"), &["predictions_val.csv"]);
    std::fs::remove_dir(work.path(&file)).unwrap();
    work.write(&file, &older);
    assert!(work.read(&weights) == before, "weights come last");

    let ran = work.ok(&format!("{words} 4"));
    assert!(ran.out.contains(", resumed"), "{}", ran.out);
    assert!(work.read(&file) != older && work.read(&weights) != before);
    work.ok("train --data data --epochs 4 --batch-size 8 --out alone");
    assert_same(&work, "alone", run);
}

#[test]
fn faults_of_the_data_are_told() {
    let work = work();
    let words = "compare --models small.toml --seeds 42, --data data --epochs 1 --out";
    let ran = work.ok(&format!("{words} out"));
    assert!(ran.out.contains("\nAudit: ") && ran.err.is_empty(), "{}\n{}", ran.out, ran.err);
    for array in ["x", "y", "song"] {
        let train = work.read(&format!("data/{array}_train.npy"));
        work.write(&format!("data/{array}_val.npy"), train);
    }
    let ran = work.ok(&format!("{words} faulty --quiet"));
    ran.told("faults", &["Audit: 48 of 48 val samples occur in train too"]);
}

#[test]
fn a_config_file_may_name_the_data_but_not_models_or_seeds() {
    let work = work();
    let words = "compare --models small.toml --seeds 42, --config settings.toml --out";
    work.write("settings.toml", "data = \"data\"\nepochs = 1\n");
    work.ok(&format!("{words} out"));
    assert!(work.exists("out/small-data-seed42"), "{:?}", work.list("out"));
    // Flags go before it.
    Set { samples: [48, 24, 96], ..Set::default() }.write(&work.path("other"));
    work.ok(&format!("{words} others --data other"));
    assert!(work.exists("others/small-other-seed42"), "{:?}", work.list("others"));
    for (key, value, flag) in [("model", "\"p2\"", "--models"), ("seed", "7", "--seeds")] {
        work.write("settings.toml", format!("{key} = {value}\n"));
        let told = [&format!("--config: expected no key \"{key}\": use {flag}"), "settings.toml"];
        work.refuses(&format!("{words} none"), &told);
    }
    assert!(!work.exists("none"));
}

#[test]
fn two_runs_never_share_a_folder() {
    let work = work();
    for model in ["a", "a-b"] {
        work.write(&format!("{model}.toml"), SMALL);
    }
    for data in ["c", "b-c"] {
        std::fs::rename(work.path("data"), work.path(data)).unwrap();
        Set::default().write(&work.path("data"));
    }
    let words = "compare --models a.toml,a-b.toml --data c --data b-c --seeds 42, --out out";
    work.refuses(words, &["a-b on c and a on b-c, both in out", "a-b-c-seed42", "rename"]);
    assert!(!work.exists("out"));
}

#[test]
fn a_run_that_fails_tells_how_to_compare_the_rest() {
    let work = work();
    work.write("settings.toml", "learning-rate = 1e30\n");
    let fails = |words: &str, told: &[&str]| {
        let words = format!("compare --data data --config settings.toml --out out {words}");
        work.fails(&words, told).err.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    fails(
        "--models p1,small.toml --seeds 42,43",
        &[
            "loss is not finite",
            "the same command resumes; to compare the others leave p1 out of --models or 42 out of \
             --seeds",
        ],
    );
    let alone = fails("--models p1 --seeds 42,", &["the same command resumes"]);
    assert!(!alone.contains("the others"), "{alone}");
}

#[test]
fn threads_change_nothing() {
    let work = work();
    work.ok(&format!("{COMPARE} --threads 1"));
    let one = timeless(json(&work));
    std::fs::rename(work.path("out"), work.path("one")).unwrap();
    work.ok(&format!("{COMPARE} --threads 2"));
    assert_eq!(one, timeless(json(&work)));
    for picture in ["compare_data.png", "curves_data.png"] {
        let paths = [format!("one/{picture}"), format!("out/{picture}")];
        assert!(work.read(&paths[0]) == work.read(&paths[1]), "{picture}");
    }
}

#[test]
fn one_seed_has_no_deviation() {
    let work = work();
    let ran = work.ok(&COMPARE.replace("42,43", "43,"));
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("one seed has no standard deviation") && !words.contains('±'),
        "{}",
        ran.out
    );
    assert!(words.contains("does not cover the choice of the seed"), "{}", ran.out);
    let figures = &json(&work)["data"][0]["models"][1]["parts"]["test"];
    assert!(figures["accuracy"]["deviation"].is_null());
    assert!(figures["against_baseline"]["songs"]["interval_95"].is_array());
}

#[test]
fn without_songs_there_is_no_interval() {
    let work = work_with(Set { songs: false, ..Set::default() });
    let ran = work.ok(COMPARE);
    assert!(ran.out.contains("Songs are unknown"), "{}", ran.out);
    assert!(!ran.out.contains("95 % interval") && ran.out.contains(": samples "), "{}", ran.out);
    let figures = &json(&work)["data"][0]["models"][1]["parts"]["test"];
    assert!(figures["songs"].is_null() && figures["against_baseline"]["songs"].is_null());
    assert!(figures["against_baseline"]["accuracy"].is_number());
}

#[test]
fn few_songs_bear_no_conclusion() {
    let work = work_with(Set::default());
    let ran = work.ok(COMPARE);
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("too few for a conclusion"), "{words}");
}

#[test]
fn the_test_part_stays_unseen_while_choosing() {
    let work = work();
    let ran = work.ok(&format!("{COMPARE} --validation-only"));
    let text = work.text("out/compare.txt");
    assert!(text.contains("6 validation songs") && !text.contains("test s"), "{text}");
    assert!(!work.text("out/compare.json").contains("\"test\""));
    assert!(!work.text("out/compare.csv").contains(",test,"));
    // Runs are whole, and the help says so.
    assert!(work.text("out/p1-data-seed42/metrics.json").contains("\"test\""));
    let help = work.ok("compare --help").out;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("the runs' own folders still hold test results"), "{help}");
    let metrics: Value =
        serde_json::from_str(&work.text("out/p1-data-seed42/metrics.json")).unwrap();
    let share = 100.0 * metrics["val"]["song_accuracy"].as_f64().unwrap();
    assert!(ran.out.contains(&format!("p1, data, seed 42: songs {share:.2} %")), "{}", ran.out);
}

#[test]
fn several_data_sets_and_another_baseline() {
    let work = work();
    Set { size: [20, 16], samples: [48, 24, 96], ..Set::default() }.write(&work.path("other"));
    let words = format!("{COMPARE} --data other --baseline small.toml --seeds 42,");
    work.ok(&words.replacen("--seeds 42,43 ", "", 1));
    let all = json(&work);
    let names: Vec<&Value> = all["data"].as_array().unwrap().iter().map(|d| &d["name"]).collect();
    assert_eq!(names, ["data", "other"]);
    for data in all["data"].as_array().unwrap() {
        assert_eq!(data["baseline"], "small");
        assert!(data["models"][1]["conclusion"].is_null());
        assert!(
            data["models"][0]["conclusion"]
                .as_str()
                .unwrap()
                .starts_with("The song accuracy of p1")
        );
    }
    assert!(work.exists("out/compare_other.png") && work.exists("out/curves_other.png"));
}

#[test]
fn usage() {
    let work = work();
    let odd = [
        ("--models p1,p1", "--models: expected models with different names, found p1 twice"),
        ("--models p1 --baseline p9", "--baseline: expected one of --models, found p9"),
        ("--models p1 --data data --data data", "--data: expected data sets"),
        ("--models p1 --seeds 42", "for seed 42 alone write 42,"),
        ("--models p1 --seeds 1,1", "seed 1 is given twice"),
        ("--models p1 --epochs 0", "--epochs: expected 1 to"),
    ];
    for (words, told) in odd {
        work.refuses(&format!("compare {words} --out out"), &[told]);
    }
    work.refuses("compare --out out", &["--models"]);
    work.refuses("compare --models p9 --out out", &["model p9", "built-in"]);
    work.fails("compare --models p1 --data nowhere --out out", &["nowhere: there is no such"]);
    let ran = work.ok(&format!("{COMPARE} --quiet"));
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn an_interrupted_comparison_goes_on_to_the_same_figures() {
    let work = work();
    let words = "compare --models p1,small.toml --seeds 42,43 --data data --epochs 3 \
                 --batch-size 3 --threads 1 --out";
    // In the second epoch of p1's second seed.
    let stopped = interrupt(&work, 4 * (STEPS + 1) + 1 + 5, &format!("{words} out"));
    let way = format!("genre-gpu {words} out");
    stopped.failed("interrupted", &["stopped; 1 of 4 runs are done", "p1,small.toml"]);
    assert!(stopped.err.replace('\'', "").contains(&way), "{}", stopped.err);
    assert!(!work.exists("out/compare.json"), "nothing half-made");
    let ran = work.ok(&format!("{words} out"));
    assert_eq!(ran.out.matches(", already done").count(), 1, "{}", ran.out);
    assert_eq!(ran.out.matches(", resumed").count(), 1, "{}", ran.out);
    let once = timeless(json(&work));
    std::fs::rename(work.path("out"), work.path("stopped")).unwrap();
    work.ok(&format!("{words} out"));
    assert_eq!(once, timeless(json(&work)));
    assert_same(&work, "stopped/p1-data-seed43", "out/p1-data-seed43");
}
