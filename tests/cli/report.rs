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

/// Indices again from `0–3, 7`.
fn expanded(text: &str) -> Vec<u64> {
    let run = |run: &str| {
        let (first, last) = run.split_once('–').unwrap_or((run, run));
        first.parse::<u64>().unwrap()..=last.parse().unwrap()
    };
    text.split(", ").filter(|run| !run.is_empty()).flat_map(run).collect()
}

/// What stands between two marks, every time.
fn all_between<'a>(html: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    html.split(begin).skip(1).map(|rest| rest.split_once(end).unwrap().0).collect()
}

#[test]
fn questions_stand_in_order_with_the_runs_own_metrics() {
    let work = explained();
    let ran = work.ok("report run");
    assert!(ran.out.contains("report.html"), "{}", ran.out);
    let html = work.text("report.html").replace('\u{a0}', " ");
    let heads: Vec<&str> =
        html.split("\n<h2>").skip(2).map(|rest| rest.split_once("</h2>").unwrap().0).collect();
    let heads: Vec<&str> = heads.iter().map(|head| head.split(':').next().unwrap()).collect();
    let questions = (1..=6).map(|n| format!("Question {n}"));
    let want: Vec<String> = std::iter::once("Set-up and data".into())
        .chain(questions)
        .chain(["Appendix".into()])
        .collect();
    assert_eq!(heads, want);

    let set_up = between(&html, "<h2>Set-up and data</h2>", "<section id=");
    for part in [
        "sparse categorical cross-entropy + L2 penalty 0.01",
        "<td class=\"word\">accuracy</td>",
        "SGD, learning rate 0.005",
        "momentum 0.9",
        "tf.keras.utils.set_random_seed",
        "enable_op_determinism",
    ] {
        assert!(set_up.contains(part), "{part}");
    }
    let metrics: Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
    let section = |n: usize| between(&html, &format!("<h2>Question {n}:"), "<section id=");
    let parameters = metrics["parameters"].as_u64().unwrap();
    let parameters = format!("{},{:03}", parameters / 1000, parameters % 1000);
    let answer = between(section(1), "<h3>Before training</h3>", "<figure");
    assert!(answer.contains(&parameters), "{parameters} in {answer}");
    assert!(section(1).contains("<h3>What happened</h3>"));
    for (part, word) in [("train", "training"), ("val", "validation"), ("test", "test")] {
        let share = 100.0 * metrics[part]["accuracy"].as_f64().unwrap();
        let row = between(section(3), &format!("<th scope=\"row\">{word}</th>"), "</tr>");
        assert!(row.contains(&format!("<td>{share:.2} %</td>")), "{share} in {row}");
    }
    // Of each matrix the counts, row by row: training and test, by sample and by song.
    let cells: Vec<u64> = section(4)
        .split("<td class=")
        .skip(1)
        .filter(|cell| !cell.starts_with("\"word\""))
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
    assert!(section(4).contains("test precision") && section(4).contains("calibration error"));
    assert!(section(4).contains("Temperature scaling of P1") && section(4).contains("test with T"));
    assert!(
        section(3).contains("Temperature scaling, fitted on the validation set, changes no class.")
    );
    // The indices, class by class, and the audit's line.
    let explanation: Value = serde_json::from_str(&work.text("run/explain/explain.json")).unwrap();
    let genres = all_between(section(5), "<section class=\"genre\">", "</section>");
    let classes = explanation["parts"][0]["classes"].as_array().unwrap();
    assert_eq!(genres.len(), classes.len());
    for (class, genre) in classes.iter().zip(genres) {
        let of = |kind: &str| -> Vec<u64> {
            let begin = format!("<span class=\"{kind}\">");
            let mut found: Vec<u64> =
                all_between(genre, &begin, "</span>").into_iter().flat_map(expanded).collect();
            found.sort_unstable();
            found
        };
        let (right, wrong) =
            (class["right"].as_array().unwrap(), class["wrong"].as_array().unwrap());
        let want: Vec<u64> = right.iter().map(|index| index.as_u64().unwrap()).collect();
        assert_eq!(of("right"), want);
        let want: Vec<u64> = wrong.iter().map(|w| w["index"].as_u64().unwrap()).collect();
        assert_eq!(of("wrong"), want);
        // Six of each at most, each with its spectrogram and a map, without any script.
        // Before one of each song.
        let first =
            genre.split("<details").next().unwrap().matches("<figure class=\"sample\"").count();
        assert_eq!(first, right.len().min(6) + wrong.len().min(6));
        for figure in all_between(genre, "<figure class=\"sample\"", "</figure>") {
            assert!(figure.matches("<img src=\"data:image/png;base64,").count() >= 2, "{figure}");
        }
    }
    assert!(html.contains("Audit: no sample and no song of the test part occurs in another part"));
    let (given, found) = (data(&work.text("report.html")), explanation);
    for key in ["truth", "index", "part", "predicted"] {
        let values = |all: &Value| -> Vec<Value> {
            all.as_array().unwrap().iter().map(|shown| shown[key].clone()).collect()
        };
        assert_eq!(values(&given["runs"][0]["shown"]), values(&found["shown"]), "{key}");
    }
}

#[test]
fn authors_titles_and_notes_are_put_in_as_text() {
    let work = explained();
    work.write("notes.md", "# 2\nThe *gap* is <b>mine</b>.\n\n# P2\nTime first.\n");
    let title = "My <run>";
    let args = ["report", "run", "--title", title, "--author", "12345", "--notes", "notes.md"];
    assert_eq!(work.run(&args).code, Some(0));
    let html = work.text("report.html");
    assert!(html.contains("<h1>My &#60;run&#62;</h1>") && html.contains(">12345</p>"));
    let section = between(&html, "<h2>Question 2:", "<section id=");
    let own = between(section, "<div class=\"own\">", "</div>");
    assert!(own.contains("The <em>gap</em> is &lt;b&gt;mine&lt;/b&gt;."), "{own}");
    assert_eq!(html.matches("<div class=\"own\">").count(), 1, "P2 is not in this report");

    work.write("notes.md", "# 1\nA.\n\n# 7\nB.\n");
    std::fs::remove_file(work.path("report.html")).unwrap();
    let parts = ["notes.md: line 4", "# 1, # 2", "found \"# 7\""];
    work.fails("report run --notes notes.md", &parts);
    work.fails("report run --notes none.md", &["none.md: cannot read"]);
    work.fails("assignment --notes notes.md --out never", &["notes.md: line 4"]);
    assert!(!work.exists("report.html") && !work.exists("never"));
}

/// nbformat 4.5: https://nbformat.readthedocs.io/en/latest/format_description.html
#[test]
fn a_notebook_has_the_same_answers_and_cells_that_make_the_run_again() {
    let work = explained();
    work.write("notes.md", "# 3\nMy *own* words.\n");
    let ran = work.ok("report run --format ipynb --author 12345 --notes notes.md");
    assert!(ran.out.contains("report.ipynb"), "{}", ran.out);
    let book: Value = serde_json::from_str(&work.text("report.ipynb")).unwrap();
    assert_eq!((&book["nbformat"], &book["nbformat_minor"]), (&4.into(), &5.into()));
    assert_eq!(book["metadata"]["kernelspec"]["name"], "python3");
    let cells = book["cells"].as_array().unwrap();
    let source = |cell: &Value| -> String {
        cell["source"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
    };
    let mut ids = std::collections::BTreeSet::new();
    let mut pictures = 0;
    for cell in cells {
        let id = cell["id"].as_str().unwrap();
        assert!(ids.insert(id) && (1..=64).contains(&id.len()), "{id}");
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{id}");
        assert!(cell["metadata"].is_object());
        match cell["cell_type"].as_str().unwrap() {
            "code" => {
                assert!(cell["outputs"].as_array().unwrap().is_empty());
                assert!(cell["execution_count"].is_null());
            }
            "markdown" => {
                let text = source(cell);
                for name in all_between(&text, "(attachment:", ")") {
                    let png = cell["attachments"][name]["image/png"].as_str().unwrap();
                    assert!(png.starts_with("iVBORw0KGgo"), "{name}");
                    pictures += 1;
                }
            }
            other => panic!("{other}"),
        }
    }
    let text: String = cells.iter().map(source).collect::<Vec<_>>().join("\n");
    // Curves; by layer mean maps; spectrograms and by layer maps of each of four classes.
    let layers = text.matches("(attachment:means-").count();
    assert!(layers >= 1);
    assert_eq!(pictures, 1 + layers + 4 * (1 + layers));
    let mut rest = text.as_str();
    for n in 1..=6 {
        let head = format!("## Question {n}: ");
        rest = rest.split_once(&head).unwrap_or_else(|| panic!("no {head}")).1;
    }
    assert!(text.contains("12345") && text.contains("My *own* words."));
    assert!(!text.contains("<em>") && !text.contains("<p>"));
    work.ok("report run --quiet");
    let html = work.text("report.html");
    let answer =
        between(between(&html, "<h2>Question 3:", "<section id="), "<p class=\"answer\">", "</p>");
    let plain = |text: &str| text.replace('\\', "").replace('\u{a0}', " ");
    assert!(plain(&text).contains(&plain(&unescaped(answer))), "{answer}");

    // The cells make the run again.
    let code = code_cells(&book);
    execute(&work, &code);
    assert!(work.read("run/model.safetensors") == work.read("again/p1/model.safetensors"));
    let last = "!\"{sys.executable}\" -m genre_gpu report again/p1 --format ipynb --author 12345 \
                --notes notes.md --out again/report.ipynb";
    assert!(code.iter().any(|cell| cell == last), "{code:?}");
    for drawn in ["plot.curves(model_1);", "plot.matrices(model_1);", "plot.indices(model_1, data)"]
    {
        assert!(code.iter().any(|cell| cell == drawn), "{drawn}");
    }
}

/// What a notebook's code cells hold.
fn code_cells(book: &Value) -> Vec<String> {
    let cells = book["cells"].as_array().unwrap();
    let source = |cell: &Value| -> String {
        cell["source"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
    };
    cells.iter().filter(|cell| cell["cell_type"] == "code").map(source).collect()
}

/// Does what a notebook does with these cells; none may replace a file.
fn execute(work: &Work, cells: &[String]) {
    for cell in cells {
        if let Some(rest) = cell.strip_prefix("%%writefile ") {
            let (name, text) = rest.split_once('\n').unwrap();
            assert!(!name.contains([' ', '"', '\'']) && !work.exists(name), "{name}");
            work.write(name, format!("{text}\n"));
        } else if let Some(line) = cell.strip_prefix("!\"{sys.executable}\" -m genre_gpu ") {
            work.ok(line);
        } else if cell.starts_with("import os") {
            assert!(cell.ends_with("os.mkdir(\"again\")"));
            std::fs::create_dir(work.path("again")).unwrap();
        } else if cell.contains("genre_gpu.train(") {
            let config = between(cell, "genre_gpu.train(\"", "\"");
            let ran =
                work.run(&["train", "--config", config, "--out", between(cell, "run=\"", "\"")]);
            assert_eq!(ran.code, Some(0), "{}", ran.err);
        } else {
            // What they draw is tested where Python is: python/tests/test_notebook.py.
            let known = ["plot.", "model_"];
            assert!(known.iter().any(|start| cell.starts_with(start)), "{cell}");
        }
    }
}

#[test]
fn a_notebook_leaves_the_authors_model_and_runs_as_they_are() {
    let work = Work::new();
    std::fs::create_dir(work.path("my models")).unwrap();
    let text = include_str!("../../src/models/p1.toml");
    work.write("my models/a model.toml", text);
    let words: Vec<&str> = TRAIN.split(' ').collect();
    for seed in ["42", "43"] {
        let (out, model) = (format!("run {seed}"), "my models/a model.toml");
        let more = ["--model", model, "--epochs", "1", "--seed", seed, "--out", &out];
        let ran = work.run(&[&words[..], &more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let ran = work.run(&["explain", &out, "--quiet", "--no-checks"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    let args = ["report", "run 42", "run 43", "--out", "a book.ipynb", "--format", "ipynb"];
    assert_eq!(work.run(&args).code, Some(0));
    let files = ["my models/a model.toml", "run 42/explain/explain.json", "a book.ipynb"];
    let before = files.map(|name| work.read(name));
    let book: Value = serde_json::from_str(&work.text("a book.ipynb")).unwrap();
    assert!(work.text("a book.ipynb").contains("a model (seed 43)"), "two runs, two names");
    execute(&work, &code_cells(&book));
    assert!(before == files.map(|name| work.read(name)));
    for seed in ["42", "43"] {
        // Behind a header with the model's path.
        let weights = |folder: &str| {
            let bytes = work.read(&format!("{folder}/model.safetensors"));
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
            bytes[8 + header as usize..].to_vec()
        };
        assert!(weights(&format!("again/a-model-seed-{seed}")) == weights(&format!("run {seed}")));
        assert!(work.exists(&format!("again/a-model-seed-{seed}/explain/explain.json")));
    }

    // The page's command has all that it was made with.
    work.write("my notes.md", "# 1\nMine.\n");
    let args = ["report", "run 42", "--title", "", "--author", "A B", "--notes", "my notes.md"];
    assert_eq!(work.run(&args).code, Some(0));
    let command = "genre-gpu report 'run 42' --title '' --author 'A B' --notes 'my notes.md'</pre>";
    assert!(unescaped(&work.text("report.html")).contains(command));
}

#[test]
fn nothing_of_it_comes_from_elsewhere() {
    let work = explained();
    work.ok("report run --out there.html --quiet");
    let html = work.text("there.html");
    let namespace = "http://www.w3.org/2000/svg";
    // The player lies in this file, and its address is none of elsewhere.
    let rest = html.replace(namespace, "").replace("createObjectURL(", "").to_lowercase();
    for mark in ["http:", "https:", "//www", "@import", "url(", "<iframe", "<object", "<embed"] {
        assert!(!rest.contains(mark), "{mark}");
    }
    for name in ["src=\"", "href=\""] {
        for target in html.split(name).skip(1) {
            assert!(target.starts_with("data:") || target.starts_with('#'), "{name}{target:.40}");
        }
    }
    assert!(html.contains("default-src 'none'"), "the browser is told so too");
    // The policy names the page's own script and rules by their hashes, so no attribute has any.
    assert!(!html.contains("unsafe-inline") && !html.contains(" style=\""));
    for policy in ["style-src 'sha256-", "script-src 'sha256-"] {
        assert_eq!(html.matches(policy).count(), 1, "{policy}");
    }
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
    let command = unescaped(between(&html, "class=\"commands\">", "\n"));
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
    let section = between(&html, "<h2>P2</h2>", "<section id=\"appendix\">");
    assert!(section.contains("treats the two axes differently"), "its rationale");
    for node in ["time.conv", "frequency.conv", "level.mean", "softmax"] {
        assert!(section.contains(&format!(">{node}</text>")), "{node} is drawn");
    }
    assert!(section.contains("trained once (with seeds 42 and 7)"), "{section}");
    // By hand: the difference of the song accuracies.
    let share = |run: &str| {
        let metrics: Value =
            serde_json::from_str(&work.text(&format!("{run}/metrics.json"))).unwrap();
        metrics["test"]["song_accuracy"].as_f64().unwrap()
    };
    let difference = format!("{:+.1} points", 100.0 * (share("other") - share("run")));
    let difference = difference.replace("+0.0", "0.0").replace("-0.0", "0.0");
    assert!(section.contains(&difference), "{difference}");
    assert!(section.contains("McNemar p"));
    // Under P1's curves alone: P2 has no penalty.
    assert_eq!(html.matches("Losses include the L2 penalty.</figcaption>").count(), 1);

    Set { samples: [48, 16, 24], size: [32, 12], ..Set::default() }.write(&work.path("more"));
    work.ok("train --data more --model p2 --epochs 1 --out third");
    work.ok("explain third --quiet --no-checks");
    work.ok("report run third");
    let html = work.text("report.html");
    assert!(html.contains("are of different data") && !html.contains("trained once ("));
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
    let mean = |value: &mut Value, change: &dyn Fn(&mut Value)| {
        let mut share = serde_json::json!({
            "zone": "highest_bands", "span": [1, 2], "flat": 0.1, "heat": 0.5, "interval_95": null
        });
        change(&mut share);
        value["means"][0]["maps"]["grad_cam"]["right"]["heat"] = vec![share].into();
    };
    let spans = [vec![5, 5], vec![5, 3], vec![0, 1000], vec![1000, 2000]];
    for span in spans {
        broken(&|value| mean(value, &|share| share["span"] = span.clone().into()));
        work.fails("report run", &["mean map of 0", "expected a span within", "explain run"]);
    }
    broken(&|value| mean(value, &|share| share["span"] = Value::Null));
    work.fails("report run", &["mean map of 0", "expected a span within"]);
    broken(&|value| value["means"][0]["label"] = 9.into());
    work.fails("report run", &["mean map of 9", "expected 4 classes"]);
    let confused = serde_json::json!([{
        "predicted": 9, "n": 1, "map": { "high": 1.0, "low": 0.0, "bytes": "" }
    }]);
    broken(&|value| value["means"][0]["maps"]["grad_cam"]["confused"] = confused.clone());
    work.fails("report run", &["mean map of 0", "expected 4 classes"]);
    broken(&|value| value["textures"][0]["label"] = 9.into());
    work.fails("report run", &["textures: expected"]);
    broken(&|value| value["textures"][0]["bands"] = vec![1.0].into());
    work.fails("report run", &["textures: expected"]);
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
fn trust_is_answered_from_its_numbers_or_said_to_be_unmeasured() {
    let work = explained();
    work.ok("report run");
    let html = work.text("report.html").replace('\u{a0}', " ");
    let section = between(&html, "<h2>Question 6:", "<section id=");
    let explanation: Value = serde_json::from_str(&work.text("run/explain/explain.json")).unwrap();
    let trust = &explanation["trust"][0];
    let layer = trust["layer"].as_str().unwrap();
    assert!(section.contains(&format!("Checks of Grad-CAM at {layer}")));
    let stages = trust["randomisation"]["stages"].as_array().unwrap();
    let table = between(section, &format!("Rank correlation of maps at {layer}"), "</table>");
    assert_eq!(between(table, "<tbody>", "</tbody>").matches("<tr>").count(), stages.len());
    for stage in stages {
        let rho = &stage["similarity"]["heatmap"]["rho"]["spread"]["mean"];
        let said = rho.as_f64().map_or("–".into(), |mean| format!("{mean:.2}"));
        let said = if said == "-0.00" { "0.00".into() } else { said.replace('-', "−") };
        assert!(table.contains(&said), "{said}");
    }
    assert!(!html.contains("-0.00 "), "nothing is minus nothing");
    work.ok("explain run --quiet --no-checks");
    work.ok("report run");
    let html = work.text("report.html");
    let section = between(&html, "<h2>Question 6:", "<section id=");
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
