//! `compare --folds`: the folds, the runs and what is said of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::SMALL;
use super::data::Set;
use super::program::{Ran, Work};
use super::stop::interrupt;

const FOLDS: &str = "compare --models a.toml,b.toml --seeds 42,43 --data data --epochs 1 --batch-size 8 \
                     --folds 3 --group groups.csv --out out";

/// 20 songs of four samples, whose class is their id modulo 4; groups.csv has five groups of four
/// neighbours, each with a song of each class.
fn work() -> Work {
    let work = Work::with(Set { samples: [48, 16, 16], ..Set::default() });
    work.write("a.toml", SMALL);
    let mid = "[[node]]\nname = \"mid\"\nop = \"dense\"\nunits = 6\n\n[[node]]\nname = \"dense\"";
    work.write("groups.csv", format!("song,group\n{}", list(|song| song / 4)));
    work.write("b.toml", SMALL.replace("[[node]]\nname = \"dense\"", mid));
    work
}

/// A line for each song.
fn list(of: fn(i64) -> i64) -> String {
    (0..20).map(|song| format!("{song},g{}\n", of(song))).collect()
}

fn json(work: &Work, out: &str) -> Value {
    let all: Value = serde_json::from_str(&work.text(&format!("{out}/compare.json"))).unwrap();
    all["folds"][0].clone()
}

/// Without what a clock decides.
fn timeless(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.into_iter().filter(|(key, _)| key != "seconds_per_epoch");
            Value::Object(kept.map(|(key, value)| (key, timeless(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(timeless).collect()),
        other => other,
    }
}

/// It must fail, with a usage error where `usage`, and say all of `told`, wherever lines are folded.
fn refuses(work: &Work, words: &str, usage: bool, told: &[&str]) {
    let ran = work.run(&words.split_whitespace().collect::<Vec<_>>());
    assert_eq!(ran.code, Some(if usage { 2 } else { 1 }), "{words}\n{}", ran.err);
    says(&ran, told);
}

fn says(ran: &Ran, told: &[&str]) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let all = words(&format!("{}\n{}", ran.out, ran.err));
    for part in told {
        assert!(all.contains(&words(part)), "no {part:?} in\n{}\n{}", ran.out, ran.err);
    }
}

/// Rows of a run's predictions: song, true class, probabilities.
fn predictions(work: &Work, run: &str) -> Vec<(i64, String, Vec<f64>)> {
    let text = work.text(&format!("{run}/predictions_test.csv"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let probabilities =
            cells[4..].iter().map(|cell| cell.parse::<f32>().unwrap().into()).collect();
        (cells[1].parse().unwrap(), cells[2].to_owned(), probabilities)
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn figures_are_those_of_the_songs_held_out() {
    let work = work();
    let ran = work.ok(FOLDS);
    assert_eq!(ran.err, "");
    for said in [
        "Folds: all parts are pooled for the folds: 20 songs (12 train + 4 val + 4 test), 80 samples; 5 \
         groups by ",
        "[12/12] b, data, fold 3 of 3, seed 43: songs ",
    ] {
        assert!(ran.out.contains(said), "{said} in {}", ran.out);
    }
    let text = work.text("out/compare.txt");
    assert!(
        ran.out.contains(&text) && text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["cross-validation of 3 folds", "20 songs in 5 groups, 2 seeds", "±seed ±fold"] {
        assert!(words.contains(said), "{said} in {words}");
    }
    for file in ["compare_data.png", "logloss_data.png"] {
        image::load_from_memory(&work.read(&format!("out/{file}"))).unwrap();
    }
    assert_eq!(work.text("out/compare.csv").lines().count(), 3);

    // Every song is held out once under each seed, by the mean of its probabilities.
    let report = json(&work, "out");
    let classes = ["classical", "disco", "metal", "rock"];
    let mut by_model = Vec::new();
    for (at, model) in ["a", "b"].into_iter().enumerate() {
        let (mut right, mut loss, mut songs) = (0.0, 0.0, 0);
        for seed in [42, 43] {
            let mut of_song: BTreeMap<i64, (String, Vec<Vec<f64>>)> = BTreeMap::new();
            for fold in 1..=3 {
                let run = format!("out/{model}-data-fold{fold}of3-seed{seed}");
                let own = predictions(&work, &run);
                for (song, class, row) in own {
                    of_song.entry(song).or_insert((class, Vec::new())).1.push(row);
                }
            }
            assert_eq!(of_song.len(), 20);
            for (song, (class, rows)) in of_song {
                assert_eq!(rows.len(), 4, "song {song} is held out once");
                let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / 4.0;
                let means: Vec<f64> = (0..4).map(mean).collect();
                let label = classes.iter().position(|name| *name == class).unwrap();
                let best = means.iter().copied().fold(0.0, f64::max);
                right += f64::from(u8::from(means[label] == best));
                loss -= means[label].ln();
                songs += 1;
            }
        }
        let figures = &report["models"][at];
        let of = |key: &str| figures[key]["mean"].as_f64().unwrap();
        assert!((of("song_accuracy") - right / f64::from(songs)).abs() < 1e-12);
        assert!((of("song_log_loss") - loss / f64::from(songs)).abs() < 1e-9);
        by_model.push(right / f64::from(songs));
    }
    let against = &report["models"][1]["against_baseline"]["accuracy"];
    let difference = against["difference"].as_f64().unwrap();
    assert!((difference - (by_model[1] - by_model[0])).abs() < 1e-12);
    let conclusion = report["models"][1]["conclusion"].as_str().unwrap();
    assert!(conclusion.contains("5 groups are too few for a conclusion"), "{conclusion}");
    assert!(report["chosen"].is_null(), "nothing is chosen from so little");

    // A run keeps what its fold needs, and other commands find its fold.
    let run = "out/a-data-fold2of3-seed43";
    assert!(!work.exists(&format!("{run}/curves.png")));
    assert!(!work.exists(&format!("{run}/predictions_train.csv")));
    let metrics = |path: &str| -> Value { serde_json::from_str(&work.text(path)).unwrap() };
    let own = metrics(&format!("{run}/metrics.json"));
    let evaluated = work.ok(&format!("evaluate {run} --out judged"));
    assert!(!evaluated.out.contains("has changed"), "{}", evaluated.out);
    assert_eq!(metrics("judged/metrics.json")["test"], own["test"]);
    let ran = work.ok(&format!("train --resume {run} --epochs 2"));
    // Songs of the held-out fold are not taken for songs of two parts.
    assert!(!ran.err.contains("are in both"), "{}", ran.err);
    assert!(!ran.out.contains("genre-gpu report"), "a fold's run has no report: {}", ran.out);
    // The command that a report's refusal names makes a run that has one.
    let ran = work.fails(&format!("report {run}"), &["a run on all data", "holds out fold 2 of 3"]);
    let (_, command) = ran.err.trim_end().split_once("\n  genre-gpu ").unwrap();
    work.ok(&format!("{command} --out all"));
    let config = work.text("all/config.toml");
    assert!(!config.contains("fold =") && config.contains("seed = 43\n"), "{config}");
    assert!(config.contains("batch-size = 8\n") && config.contains("a.toml\"\n"), "{config}");
    work.fails("report all", &["all", "the run is not explained yet"]);
    // A comparison is no run.
    let told = ["out: expected a run, found a comparison", "out/a-data-fold1of3-seed42"];
    work.fails("report out", &told);
    work.fails("evaluate out", &told);
    // What chooses by validation has nothing to choose by.
    let config = format!("train --config {run}/config.toml --out no");
    for (flags, name) in [
        ("--keep best", "--keep: "),
        ("--early-stopping 3 --keep best", "--early-stopping: "),
        ("--schedule plateau:1:0.5", "--schedule: "),
    ] {
        work.refuses(&format!("{config} {flags}"), &[name, "chooses by validation"]);
    }
    // The fold is one of its own data.
    let config = format!("train --config {run}/config.toml --epochs 1");
    let ran = work.ok(&format!("{config} --out same"));
    says(&ran, &[", without fold 2 of 3, seed 42, by "]);
    let ran = work.ok(&format!("{config} --data data --out whole"));
    says(&ran, &["the config file's fold, 2 of 3, seed 42, by", "not taken with --data"]);
    assert!(!work.text("whole/config.toml").contains("fold ="));
    refuses(&work, FOLDS, false, &["with other settings", "epochs 2, not 1"]);
}

#[test]
fn nothing_depends_on_the_order_or_on_an_interruption() {
    let work = work();
    work.ok(FOLDS);
    let whole = timeless(json(&work, "out"));
    let ran = work.ok(FOLDS);
    assert_eq!(ran.out.matches(", already done").count(), 12, "{}", ran.out);
    assert_eq!(timeless(json(&work, "out")), whole);

    let words = FOLDS.replace("--out out", "--out again");
    let stopped = interrupt(&work, 60, &words);
    stopped.failed("interrupted", &["stopped; ", " of 12 runs are done; resume with"]);
    let ran = work.ok(&words);
    let skipped = ran.out.matches(", already done").count();
    assert!((1..12).contains(&skipped), "{}", ran.out);
    assert_eq!(timeless(json(&work, "again")), whole);
    for file in ["model.safetensors", "predictions_test.csv", "history.csv"] {
        let [one, two] = ["out", "again"].map(|out| {
            ["b-data-fold1of3-seed42", "b-data-fold3of3-seed43"]
                .map(|run| work.read(&format!("{out}/{run}/{file}")))
        });
        assert!(one == two, "{file}");
    }

    let words = FOLDS.replace("a.toml,b.toml", "b.toml,a.toml").replace("42,43", "43,42");
    work.ok(&format!("{} --baseline a.toml", words.replace("--out out", "--out other")));
    let other = timeless(json(&work, "other"));
    for (one, two) in [(0, 1), (1, 0)] {
        for key in ["song_accuracy", "song_log_loss", "accuracy", "log_loss"] {
            let [a, b] = [&whole["models"][one][key]["mean"], &other["models"][two][key]["mean"]];
            assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-12, "{key}");
        }
    }
}

#[test]
fn what_chooses_by_validation_gets_a_fold_of_its_own() {
    let work = work();
    work.write("best.toml", "keep = \"best\"\n");
    let words = FOLDS
        .replace("a.toml,b.toml", "a.toml")
        .replace("42,43", "42,")
        .replace("groups.csv", "block:4");
    let ran = work.ok(&format!("{words} --config best.toml --repeats 2"));
    assert!(ran.out.contains("the next one validates"), "{}", ran.out);
    let config = work.text("out/a-data-fold3of3-seed42/config.toml");
    assert!(config.contains("fold = \"3 of 3, seed 42, with validation, by block:4\""), "{config}");
    assert!(work.exists("out/a-data-fold3of3-seed42/predictions_val.csv"));
    // Another division is in folders of its own.
    let runs = work.list("out");
    assert_eq!(runs.iter().filter(|run| run.contains("of3-division")).count(), 3, "{runs:?}");
    let val = work.text("out/a-data-fold1of3-seed42/predictions_val.csv");
    let test = work.text("out/a-data-fold1of3-seed42/predictions_test.csv");
    let songs = |text: &str| -> std::collections::BTreeSet<String> {
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect()
    };
    assert!(songs(&val).is_disjoint(&songs(&test)));
    let two = words.replace("--folds 3", "--folds 2").replace("--out out", "--out two");
    refuses(&work, &format!("{two} --config best.toml"), true, &["at least 3 folds", "found 2"]);
    assert!(!work.exists("two/a-data-fold1of2-seed42"));
}

#[test]
fn the_test_part_can_be_left_out_of_the_folds() {
    let work = work();
    let ran = work.ok(&format!("{FOLDS} --validation-only"));
    assert!(ran.out.contains("16 songs (12 train + 4 val), 64 samples"), "{}", ran.out);
    assert!(ran.out.contains("the test part is left out"), "{}", ran.out);
    assert_eq!(json(&work, "out")["songs"], 16);
    // The same folder with the test part is another comparison.
    refuses(&work, FOLDS, false, &["holds a run with other settings", "without test"]);
}

#[test]
fn impossible_folds_are_refused_before_anything_is_trained() {
    let work = work();
    let with = |from: &str, to: &str| FOLDS.replace(from, to);
    let few =
        ["--folds: expected at most as many folds as each class has groups, found 6, and class"];
    refuses(&work, &with("--folds 3", "--folds 6"), true, &few);
    refuses(&work, &with("--folds 3", "--folds 1"), true, &["at least 2 folds"]);
    refuses(&work, &with("groups.csv", "block:20"), true, &["has 1 by block:20"]);
    refuses(&work, &with("groups.csv", "block:0"), true, &["expected block:N"]);
    refuses(&work, &with("--folds 3 ", ""), true, &["--folds <K>"]);
    refuses(&work, &with("groups.csv", "artist"), false, &["songs.csv", "--group FILE"]);
    refuses(&work, &with("groups.csv", "nosuch.csv"), false, &["nosuch.csv: cannot read"]);
    work.write("groups.csv", "song,group\n0,a\n");
    refuses(&work, FOLDS, true, &["groups.csv", "found none for 1, 2, 3, 4, 5 and 14"]);
    work.write("groups.csv", format!("song,group\n{}", list(|song| song / 4)));
    work.ok(FOLDS);
    // The list at another place.
    let was = work.text("groups.csv");
    std::fs::rename(work.path("groups.csv"), work.path("moved.csv")).unwrap();
    let told = [
        "folds were made of the list of groups",
        "/groups.csv, not of",
        "/moved.csv; give --group",
    ];
    refuses(&work, &with("groups.csv", "moved.csv"), false, &told);
    let run = "out/a-data-fold2of3-seed43";
    let told = ["groups.csv: cannot read", "folds were made of this list of groups; bring it back"];
    refuses(&work, &format!("evaluate {run} --out judged"), false, &told);
    refuses(&work, &format!("train --resume {run}"), false, &told);
    // Another list is another division.
    work.write("groups.csv", format!("song,group\n{}", list(|song| song / 4 * 4 + song % 2)));
    let told = [
        "groups.csv, the list of groups of its folds, is not what it was when this run was made",
        "bring it back as it was, or use another --out",
    ];
    refuses(&work, FOLDS, false, &told);
    refuses(&work, &format!("train --resume {run}"), false, &[told[0]]);
    let ran = work.ok(&format!("evaluate {run} --out judged"));
    says(&ran, &["groups.csv, the list of groups of its folds, has changed since the run"]);
    work.write("groups.csv", was);
    work.ok(FOLDS);
    // Two names of one group.
    for other in ["G1", "g  1"] {
        let name =
            move |song: i64| if song == 7 { other.to_owned() } else { format!("g{}", song / 4) };
        let lines = (0..20).map(|song| format!("{song},{}\n", name(song)));
        let text = format!("song,group\n{}", lines.collect::<String>());
        work.write("twice.csv", if other == "G1" { text } else { text.replace(",g1\n", ",g 1\n") });
        let told = ["expected one name for each group", other, "(song 7)", "write them alike"];
        refuses(&work, &with("groups.csv", "twice.csv"), true, &told);
    }
    work.write(
        "data/songs.csv",
        format!("song,artist\n{}", list(|song| song / 4)).replace("7,g1", "7,G1"),
    );
    refuses(&work, &with("groups.csv", "artist"), true, &["songs.csv", "\"g1\"", "\"G1\""]);
    let hint = ["--optimizer", "--config FILE with optimizer"];
    refuses(&work, &format!("{FOLDS} --optimizer adam"), true, &hint);
    let none = Work::with(Set { songs: false, ..Set::default() });
    none.write("a.toml", SMALL);
    none.write("b.toml", SMALL);
    refuses(&none, FOLDS, true, &["--folds: expected song ids", "song_train.npy"]);
    assert!(!none.exists("out"));
}

#[test]
fn doubtful_folds_are_told() {
    let work = work();
    // All samples of training again as validation: the same songs by id, and equal samples.
    for array in ["x", "y", "song"] {
        let train = work.read(&format!("data/{array}_train.npy"));
        work.write(&format!("data/{array}_val.npy"), train);
    }
    let words = FOLDS
        .replace("a.toml,b.toml", "a.toml")
        .replace("42,43", "42,")
        .replace("groups.csv", "block:4");
    let ran = work.ok(&words);
    says(&ran, &["12 song ids occur in several parts, such as 0, and count as one song each"]);
    // Under other ids, equal samples are in two folds.
    let songs = ndarray::Array1::from_shape_fn(48, |i| 100 + 4 * (i as i64 / 4));
    ndarray_npy::write_npy(work.path("data/song_val.npy"), &songs).unwrap();
    let ran = work.ok(&words.replace("--out out", "--out other").replace("block:4", "song"));
    says(&ran, &["samples equal one of another fold (such as of songs "]);
}
