//! `genre-gpu report`.

use std::sync::OnceLock;

use serde_json::Value;

use super::data::Set;
use super::program::{TRAIN, Work};

/// With a run that is explained, once for all tests: a report reads no more than this file of it.
fn explained() -> Work {
    static FOUND: OnceLock<Vec<u8>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let work = Work::trained();
        work.ok("explain run --quiet");
        work.read("run/explain/explain.json")
    });
    let work = Work::trained();
    std::fs::create_dir(work.path("run/explain")).unwrap();
    work.write("run/explain/explain.json", found);
    work
}

/// Text that stood between tags.
fn unescaped(text: &str) -> String {
    let marks = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    marks.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// What stands between two marks, the first time.
fn between<'a>(html: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = html.split_once(begin).unwrap_or_else(|| panic!("no {begin}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} after {begin}")).0
}

/// Without what the script is given.
fn without_data(html: &str) -> String {
    html.replace(between(html, "id=\"data\">", "</script>"), "")
}

fn data(html: &str) -> Value {
    serde_json::from_str(between(html, "id=\"data\">", "</script>")).unwrap()
}

#[test]
fn questions_stand_in_order_with_the_runs_own_figures() {
    let work = explained();
    let ran = work.ok("report run");
    assert!(ran.out.contains("report.html"), "{}", ran.out);
    let html = work.text("report.html").replace('\u{a0}', " ");
    let heads: Vec<&str> =
        html.split("\n<h2>").skip(2).map(|rest| rest.split_once("</h2>").unwrap().0).collect();
    let questions = (1..=6).map(|n| format!("Question {n}"));
    let want: Vec<String> = std::iter::once("Set-up and data".into())
        .chain(questions)
        .chain(["Songs and segments".into(), "Time and device".into()])
        .collect();
    assert_eq!(heads, want);

    let metrics: Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
    let section = |n: usize| between(&html, &format!("<h2>Question {n}</h2>"), "<section id=");
    let parameters = metrics["parameters"].as_u64().unwrap();
    let parameters = format!("{},{:03}", parameters / 1000, parameters % 1000);
    assert!(section(1).contains(&format!("p1 has {parameters} trainable parameters")));
    for (part, word) in [("train", "Training"), ("val", "Validation"), ("test", "Test")] {
        let share = 100.0 * metrics[part]["accuracy"].as_f64().unwrap();
        let said = format!("{word} accuracy is {share:.2} %");
        assert!(section(2).contains(&said), "{said}");
    }
    // Of each matrix the counts, row by row: training and test, by sample and by song.
    let cells: Vec<u64> = section(3)
        .split("<td class=")
        .skip(1)
        .map(|cell| {
            let count = cell.split_once("<small>").unwrap().0.rsplit('>').next().unwrap();
            count.replace(',', "").parse().unwrap()
        })
        .collect();
    let flat = |part: &str, key: &str| -> Vec<u64> {
        let rows = metrics[part][key].as_array().unwrap().clone();
        let row = |row: Value| row.as_array().unwrap().clone();
        rows.into_iter().flat_map(row).map(|count| count.as_u64().unwrap()).collect()
    };
    let [train, test] = ["train", "test"].map(|part| flat(part, "confusion"));
    let [train_songs, test_songs] = ["train", "test"].map(|part| flat(part, "song_confusion"));
    assert_eq!(cells, [train, test, train_songs, test_songs].concat());
    // The indices, class by class, and the audit's line.
    let explanation: Value = serde_json::from_str(&work.text("run/explain/explain.json")).unwrap();
    for class in explanation["parts"][0]["classes"].as_array().unwrap() {
        let right: Vec<String> =
            class["right"].as_array().unwrap().iter().map(ToString::to_string).collect();
        assert!(section(4).contains(&format!("<p class=\"indices\">{}</p>", right.join(", "))));
        for wrong in class["wrong"].as_array().unwrap() {
            assert!(section(4).contains(&format!("<th scope=\"row\">{}</th>", wrong["index"])));
        }
    }
    assert!(html.contains("Audit: no sample and no song of the test part occurs in another part"));
    let (given, found) = (data(&work.text("report.html")), explanation);
    for key in ["truth", "index", "part", "maps"] {
        let values = |all: &Value| -> Vec<Value> {
            all.as_array().unwrap().iter().map(|shown| shown[key].clone()).collect()
        };
        assert_eq!(values(&given["runs"][0]["shown"]), values(&found["shown"]), "{key}");
    }
}

#[test]
fn nothing_of_it_comes_from_elsewhere() {
    let work = explained();
    work.ok("report run --out there.html --quiet");
    let html = work.text("there.html");
    let namespace = "http://www.w3.org/2000/svg";
    let rest = html.replace(namespace, "").to_lowercase();
    for mark in ["http:", "https:", "//www", "@import", "url(", "<iframe", "<object", "<embed"] {
        assert!(!rest.contains(mark), "{mark}");
    }
    for name in ["src=\"", "href=\""] {
        for target in html.split(name).skip(1) {
            assert!(target.starts_with("data:") || target.starts_with('#'), "{name}{target:.40}");
        }
    }
    assert!(html.contains("default-src 'none'"), "the browser is told so too");
}

#[test]
fn names_cannot_become_elements() {
    let work = Work::new();
    let evil = "<b>&\"'</script><!--,two,three,four";
    let mut args: Vec<&str> = TRAIN.split(' ').collect();
    args.extend(["--epochs", "1", "--out", "run<i>", "--class-names", evil]);
    let ran = work.run(&args);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    work.ok("explain run<i> --quiet --no-checks");
    work.ok("report run<i>");
    let html = work.text("report.html");
    for mark in ["<b>", "<i>\"", "run<i>", "<!--"] {
        assert!(!html.contains(mark), "{mark}");
    }
    // Those of the data and of the program itself.
    assert_eq!(html.matches("</script>").count(), 2);
    let name = evil.split(',').next().unwrap();
    assert!(unescaped(&without_data(&html)).contains(name));
    assert_eq!(data(&html)["runs"][0]["classes"][0], name);
}

#[test]
fn the_page_says_how_to_make_the_run_again() {
    let work = explained();
    work.ok("report run");
    let html = work.text("report.html");
    work.write("p1-run.toml", unescaped(between(&html, "class=\"toml\">", "</pre>")));
    let command = unescaped(between(&html, "<pre tabindex=\"0\">", "\n"));
    assert_eq!(command, "genre-gpu train --config p1-run.toml --out run");
    let words = command.strip_prefix("genre-gpu ").unwrap().replace("--out run", "--out again");
    work.ok(&words);
    assert!(work.read("run/model.safetensors") == work.read("again/model.safetensors"));
}

#[test]
fn a_further_run_is_held_against_the_first() {
    // P2 pools bands twice by four.
    let work = Work::with(Set { size: [32, 12], ..Set::default() });
    work.ok(&format!("{TRAIN} --epochs 2 --out run"));
    work.ok("explain run --quiet --no-checks");
    work.ok(&format!("{TRAIN} --model p2 --epochs 2 --seed 7 --out other"));
    work.ok("explain other --quiet --no-checks");
    work.ok("report run other");
    let html = work.text("report.html").replace('\u{a0}', " ");
    let section = between(&html, "<h2>P2</h2>", "<section id=\"songs\">");
    assert!(section.contains("time first, then frequency"), "its rationale");
    for node in ["time.conv", "level.mean", "softmax"] {
        assert!(section.contains(&format!(">{node}</text>")), "{node} is drawn");
    }
    assert!(section.contains("one seed says little") && section.contains("with seeds 42 and 7"));
    // By hand: the difference of the song accuracies.
    let share = |run: &str| {
        let metrics: Value =
            serde_json::from_str(&work.text(&format!("{run}/metrics.json"))).unwrap();
        metrics["test"]["song_accuracy"].as_f64().unwrap()
    };
    let difference = format!("{:+.1} points", 100.0 * (share("other") - share("run")));
    assert!(section.contains(&difference), "{difference}");
    assert!(section.contains("McNemar p"));

    Set { samples: [48, 16, 24], size: [32, 12], ..Set::default() }.write(&work.path("more"));
    work.ok("train --data more --model p2 --epochs 1 --out third");
    work.ok("explain third --quiet --no-checks");
    work.ok("report run third");
    let html = work.text("report.html");
    assert!(html.contains("are of different data") && !html.contains("one seed says little"));
}

#[test]
fn what_is_missing_or_of_other_weights_is_told_and_nothing_is_written() {
    let work = Work::trained();
    work.fails("report run", &["explain.json", "not explained yet", "genre-gpu explain run"]);
    work.fails("report nowhere", &["nowhere: expected a run"]);
    work.refuses("report", &["RUN"]);
    work.ok("explain run --quiet --no-checks");
    work.fails("report run --out no/such/folder.html", &["no/such/folder.html"]);
    let explanation = work.text("run/explain/explain.json");

    // One map of a wrong size, a label that is no class.
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&explanation).unwrap();
        change(&mut value);
        work.write("run/explain/explain.json", value.to_string());
    };
    broken(&|value| value["shown"][0]["maps"][0]["grad_cam"]["bytes"] = "AAAA".into());
    work.fails(
        "report run",
        &["explain.json: train sample", "expected", "cells", "genre-gpu explain run"],
    );
    broken(&|value| value["shown"][0]["predicted"] = 9.into());
    work.fails("report run", &["expected 4 classes"]);
    broken(&|value| value["parts"][0]["classes"] = Value::Array(Vec::new()));
    work.fails("report run", &["part train: expected 4 classes"]);
    work.write("run/explain/explain.json", "{");
    work.fails("report run", &["explain.json", "genre-gpu explain run"]);
    work.write("run/explain/explain.json", &explanation);

    work.ok("train --resume run --epochs 3");
    work.fails("report run", &["other weights", "genre-gpu explain run"]);
    work.ok("explain run --quiet --no-checks");
    work.write("run/config.toml", work.text("run/config.toml").replace("epochs = 3", "epochs = 4"));
    work.fails("report run", &["history of 4 epochs, found 3", "--resume run"]);
    work.write("run/config.toml", work.text("run/config.toml").replace("epochs = 4", "epochs = 3"));
    std::fs::remove_file(work.path("run/metrics.json")).unwrap();
    work.fails("report run", &["run/metrics.json"]);
    assert!(!work.exists("report.html"));
}

#[test]
fn trust_is_answered_from_its_figures_or_said_to_be_unmeasured() {
    let work = explained();
    work.ok("report run");
    let html = work.text("report.html").replace('\u{a0}', " ");
    let section = between(&html, "<h2>Question 6</h2>", "<section id=");
    let explanation: Value = serde_json::from_str(&work.text("run/explain/explain.json")).unwrap();
    let trust = &explanation["trust"][0];
    assert!(section.contains(&format!("At {}", trust["layer"].as_str().unwrap())));
    let stages = trust["randomisation"]["stages"].as_array().unwrap();
    let rows: Vec<&str> = between(section, "<tbody>", "</tbody>").matches("<tr>").collect();
    assert_eq!(rows.len(), stages.len());
    for stage in stages {
        let rho = &stage["similarity"]["heatmap"]["rho"]["spread"]["mean"];
        let said = rho.as_f64().map_or("–".into(), |mean| format!("{mean:.2}"));
        assert!(section.contains(&said), "{said}");
    }
    work.ok("explain run --quiet --no-checks");
    work.ok("report run");
    let html = work.text("report.html");
    let section = between(&html, "<h2>Question 6</h2>", "<section id=");
    assert!(section.contains("not measured") && !section.contains("<table"));
}

#[test]
fn recordings_can_be_played_from_the_page() {
    let work = explained();
    let mut value: Value = serde_json::from_str(&work.text("run/explain/explain.json")).unwrap();
    let recording =
        |name: &str| serde_json::json!({ "file": name, "probabilities": [0.5, 0.25, 0.25, 0.0] });
    let sound = |file: &str| {
        serde_json::json!({
            "song": "a", "start_seconds": 0.0, "end_seconds": 1.0, "sample_rate_hz": 8000,
            "layer": "max_pooling2d_2", "gain_db": 0.0,
            "clip": recording(file), "kept": recording(file), "rest": recording(file),
        })
    };
    value["shown"][0]["sound"] = sound("a.wav");
    work.write("run/explain/explain.json", value.to_string());
    work.fails("report run", &["explain/a.wav: cannot read"]);
    work.write("run/explain/a.wav", b"RIFF");
    work.ok("report run");
    let audio = &data(&work.text("report.html"))["runs"][0]["shown"][0]["audio"];
    assert_eq!(audio.as_array().unwrap().len(), 3);
    assert_eq!(audio[0]["source"], "data:audio/wav;base64,UklGRg==");
    value["shown"][0]["sound"] = sound("../../data/x_train.npy");
    work.write("run/explain/explain.json", value.to_string());
    work.fails("report run", &["explain.json", "does not lie in its folder"]);
}

#[test]
fn songs_need_not_be_known() {
    let work = Work::with(Set { songs: false, ..Set::default() });
    work.ok(&format!("{TRAIN} --epochs 1 --out run"));
    work.ok("explain run --quiet --no-checks");
    work.ok("report run");
    let html = work.text("report.html");
    assert!(html.contains("songs are unknown") && !html.contains("set by song"));
}
