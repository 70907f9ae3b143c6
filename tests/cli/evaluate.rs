//! `genre-gpu evaluate`.

use genre_gpu::train::{ModelFacts, SavedModel};
use serde_json::Value;

use super::data::Set;
use super::program::Work;

fn metrics(work: &Work, file: &str) -> Value {
    serde_json::from_str(&work.text(file)).unwrap()
}

#[test]
fn it_repeats_the_runs_own_figures() {
    let work = Work::trained();
    let ran = work.ok("evaluate run --out again --threads 3");
    let (run, again) = (metrics(&work, "run/metrics.json"), metrics(&work, "again/metrics.json"));
    for key in ["train", "val", "test", "parameters", "epochs", "classes", "model", "data"] {
        assert_eq!(run[key], again[key], "{key}");
        assert!(!run[key].is_null(), "{key}");
    }
    for part in ["train", "val", "test"] {
        for file in [format!("predictions_{part}.csv"), format!("songs_{part}.csv")] {
            let [run, again] = ["run", "again"].map(|run| work.read(&format!("{run}/{file}")));
            assert!(run == again, "{file}");
        }
        let line = format!("{part:<5} loss {:.4}", run[part]["loss"].as_f64().unwrap());
        assert!(ran.out.contains(&line), "{line} in {}", ran.out);
        let share = 100.0 * run[part]["song_accuracy"].as_f64().unwrap();
        let songs = format!("songs: accuracy {share:.2} % of {}", run[part]["songs"]);
        assert!(ran.out.contains(&songs), "{songs} in {}", ran.out);
        for vote in ["song_accuracy_majority", "song_accuracy_product"] {
            assert!(again[part][vote].is_number(), "{vote}");
        }
    }
    let files = ["confusion.png", "metrics.json"].map(String::from);
    let parts = ["test", "train", "val"].map(|part| format!("predictions_{part}.csv"));
    let songs = ["test", "train", "val"].map(|part| format!("songs_{part}.csv"));
    assert_eq!(work.list("again"), [&files[..], &parts[..], &songs[..]].concat());
    image::load_from_memory(&work.read("again/confusion.png")).unwrap();
}

#[test]
fn one_part_alone() {
    let work = Work::trained();
    let ran = work.ok("evaluate run --part val --out val");
    let json: Value = serde_json::from_str(&work.ok("evaluate run --part val --json").out).unwrap();
    assert_eq!(json["val"], metrics(&work, "val/metrics.json")["val"]);
    assert!(ran.out.contains("val   loss ") && !ran.out.contains("test  loss "), "{}", ran.out);
    assert_eq!(
        work.list("val"),
        ["confusion.png", "metrics.json", "predictions_val.csv", "songs_val.csv"]
    );
    let (run, val) = (metrics(&work, "run/metrics.json"), metrics(&work, "val/metrics.json"));
    assert_eq!(run["val"], val["val"]);
    assert!(val.get("test").is_none());
}

#[test]
fn other_arrays() {
    let work = Work::trained();
    Set { samples: [8, 8, 24], ..Set::default() }.write(&work.path("more"));
    work.ok("evaluate run --data more --part test --out more-out");
    assert_eq!(metrics(&work, "more-out/metrics.json")["test"]["samples"], 24);
    std::fs::rename(work.path("more/x_test.npy"), work.path("more/odd.npy")).unwrap();
    work.ok("evaluate run --data more --part test --arrays x_test=odd.npy");

    Set { size: [16, 13], ..Set::default() }.write(&work.path("wide"));
    work.fails("evaluate run --data wide", &["run: expected", "[16, 12, 1]", "[16, 13, 1]"]);
    Set { size: [12, 16], ..Set::default() }.write(&work.path("turned"));
    work.ok("evaluate run --data turned --transpose");
    Set { classes: 5, ..Set::default() }.write(&work.path("five"));
    work.fails("evaluate run --data five", &["y_train.npy", "from 0 to 3"]);
    work.fails("evaluate run --data nowhere", &["nowhere: there is no such"]);
}

#[test]
fn flags_on_the_runs_own_arrays_are_heard() {
    let work = Work::trained();
    work.fails("evaluate run --part test --arrays x_test=none.npy", &["--arrays x_test=none.npy"]);
    work.fails("evaluate run --part test --transpose", &["[16, 12, 1]", "[12, 16, 1]"]);
}

#[test]
fn a_runs_own_figures_are_not_replaced() {
    let work = Work::trained();
    let before = work.read("run/metrics.json");
    work.fails("evaluate run --part test --out run", &["run: holds a run", "--out"]);
    assert!(work.read("run/metrics.json") == before);
    work.write("file", "");
    work.fails("evaluate run --out file", &["file: cannot create the folder"]);
}

#[test]
fn damage_is_named() {
    let work = Work::trained();
    work.fails("evaluate nowhere", &["nowhere: expected a run"]);
    let file = "run/model.safetensors";
    let whole = work.read(file);
    work.write(file, &whole[..whole.len() - 9]);
    work.fails("evaluate run", &[file, "damaged"]);
    std::fs::copy(work.path("run/checkpoint.safetensors"), work.path(file)).unwrap();
    work.fails("evaluate run", &[file, "\"genre_gpu\""]);
    std::fs::remove_file(work.path(file)).unwrap();
    work.fails("evaluate run", &["run: ", "not finished", "--resume run"]);
}

#[test]
fn impossible_facts_of_a_model_are_refused() {
    let work = Work::trained();
    let file = work.path("run/model.safetensors");
    let (whole, graph) = SavedModel::read(&file).unwrap();
    let refuses = |change: &dyn Fn(&mut ModelFacts), told: &str| {
        let mut hostile = whole.clone();
        change(&mut hostile.facts);
        hostile.write(&file, &graph).unwrap();
        for command in ["evaluate", "explain"] {
            work.fails(&format!("{command} run"), &["model.safetensors: ", told]);
        }
    };
    refuses(&|facts| facts.sample_shape = [usize::MAX, 2, 1], "sample_shape: expected [h, w, c]");
    refuses(&|facts| facts.sample_shape = [1 << 32, 1 << 32, 1], "sample_shape: expected");
    refuses(&|facts| facts.sample_shape[1] = 0, "sample_shape: expected");
    refuses(&|facts| facts.scale.factor = 0.0, "a finite factor other than 0, found");
    whole.write(&file, &graph).unwrap();
    work.ok("evaluate run");
}

/// Whatever batches it was trained in: a sample's result is the same in any.
#[test]
fn a_run_of_large_batches_is_evaluated_in_small_ones() {
    let work = Work::with(Set { samples: [600, 16, 300], ..Set::default() });
    work.ok("train --data data --batch-size 100000 --epochs 1 --out run");
    work.ok("evaluate run --out again");
    for part in ["train", "test"] {
        let name = format!("predictions_{part}.csv");
        assert!(work.read(&format!("run/{name}")) == work.read(&format!("again/{name}")), "{name}");
    }
    let loss = |folder: &str| {
        let text = work.text(&format!("{folder}/metrics.json"));
        text.lines().filter(|line| line.contains("\"loss\"")).collect::<String>()
    };
    assert_eq!(loss("run"), loss("again"));
}
