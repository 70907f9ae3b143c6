//! What a run leaves, and that its files agree with each other.

use serde_json::Value;

use super::data::{PER_SONG, Set};
use super::program::Work;

const FILES: [&str; 10] = [
    "checkpoint.safetensors",
    "config.toml",
    "confusion.png",
    "curves.png",
    "history.csv",
    "metrics.json",
    "model.safetensors",
    "predictions_test.csv",
    "predictions_train.csv",
    "predictions_val.csv",
];

fn metrics(work: &Work) -> Value {
    serde_json::from_str(&work.text("run/metrics.json")).unwrap()
}

/// Sample by sample: song, true, predicted, probabilities.
fn predictions(work: &Work, part: &str) -> Vec<(String, String, String, Vec<f64>)> {
    let text = work.text(&format!("run/predictions_{part}.csv"));
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> = csv.headers().unwrap().iter().map(String::from).collect();
    let classes = ["p_classical", "p_disco", "p_metal", "p_rock"];
    assert_eq!(head, [&["index", "song", "true", "predicted"][..], &classes[..]].concat());
    let mut rows = Vec::new();
    for (i, row) in csv.records().enumerate() {
        let row = row.unwrap();
        assert_eq!(row[0], i.to_string());
        let p: Vec<f64> = row.iter().skip(4).map(|p| p.parse().unwrap()).collect();
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{part} {i}: {p:?}");
        rows.push((row[1].into(), row[2].into(), row[3].into(), p));
    }
    rows
}

#[test]
fn a_run_leaves_these_files_and_no_others() {
    let work = Work::new();
    work.ok("train --data data --out run --epochs 3 --batch-size 8");
    let mut files: Vec<&str> = FILES.to_vec();
    files.extend(["songs_test.csv", "songs_train.csv", "songs_val.csv", "summary.txt"]);
    files.push("weights.json");
    assert_eq!(work.list("run"), files);
    assert_eq!(work.list("."), ["data", "run"]);
    for name in ["curves.png", "confusion.png"] {
        let picture = image::load_from_memory(&work.read(&format!("run/{name}"))).unwrap();
        assert!(picture.width() >= 400 && picture.height() >= 300, "{name}");
    }
    let summary = work.text("run/summary.txt");
    for part in ["P1 on data", "Total params: 5,982", "per training sample", "Test set:"] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
}

#[test]
fn the_history_has_kerass_columns_and_a_row_for_each_epoch() {
    let work = Work::new();
    let ran = work.ok("train --data data --out run --epochs 4 --batch-size 8");
    let text = work.text("run/history.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("epoch,loss,accuracy,val_loss,val_accuracy"));
    for (epoch, line) in lines.by_ref().take(4).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells.len(), cells[0]), (5, (epoch + 1).to_string().as_str()));
        let values: Vec<f32> = cells[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!(values.iter().all(|v| v.is_finite()), "{line}");
        // The line that was printed is the same epoch.
        let printed = format!(
            "loss {:.4}  acc {:.4}  val_loss {:.4}  val_acc {:.4}",
            values[0], values[1], values[2], values[3]
        );
        assert!(ran.out.contains(&printed), "{printed} in {}", ran.out);
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn the_metrics_are_those_of_the_predictions() {
    let work = Work::new();
    work.ok("train --data data --out run --epochs 3 --batch-size 8 --momentum 0.5");
    let all = metrics(&work);
    assert_eq!(all["epochs"], 3);
    // 16x12 behind three poolings is 2x1x16, and the other layers are as ever.
    assert_eq!(all["parameters"], 104 + 808 + 3216 + (32 * 50 + 50) + 204);
    assert!(all["seconds_per_epoch"].as_f64().unwrap() > 0.0);
    assert_eq!(all["classes"].as_array().unwrap().len(), 4);
    let mut first_song = 0;
    for (part, n) in ["train", "val", "test"].into_iter().zip(Set::default().samples) {
        let rows = predictions(&work, part);
        assert_eq!(rows.len(), n);
        let classes = ["classical", "disco", "metal", "rock"];
        let class = |name: &str| classes.iter().position(|class| *class == name).unwrap();
        let mut confusion = [[0u64; 4]; 4];
        for (i, (song, truth, predicted, p)) in rows.iter().enumerate() {
            assert_eq!(*song, (first_song + i / PER_SONG).to_string());
            assert_eq!(class(truth), i / PER_SONG % 4);
            assert!(p.iter().all(|v| *v <= p[class(predicted)]), "{part} {i}");
            confusion[class(truth)][class(predicted)] += 1;
        }
        let right = (0..4).map(|c| confusion[c][c]).sum::<u64>() as f64 / n as f64;
        let said = &all[part];
        assert_eq!(said["confusion"], serde_json::json!(confusion), "{part}");
        assert_eq!(said["accuracy"].as_f64(), Some(right), "{part}");
        assert_eq!(said["samples"], n);
        assert_eq!(said["songs"], n / PER_SONG);
        first_song += n / PER_SONG;
        // Four samples of a song vote with their mean probability.
        let vote = |song: &[(String, String, String, Vec<f64>)]| {
            let sum = |c: usize| song.iter().map(|row| row.3[c]).sum::<f64>();
            let top = (0..4).max_by(|&a, &b| sum(a).total_cmp(&sum(b))).unwrap();
            classes[top] == song[0].1
        };
        let right = rows.chunks(PER_SONG).filter(|song| vote(song)).count();
        let share = right as f64 / (n / PER_SONG) as f64;
        assert_eq!(said["song_accuracy"].as_f64(), Some(share), "{part}");
        songs_agree(&work, part, &rows, said);
        let entropy = |row: &(String, String, String, Vec<f64>)| -row.3[class(&row.1)].ln();
        let cross = rows.iter().map(entropy).sum::<f64>() / n as f64;
        let loss = said["loss"].as_f64().unwrap();
        // The penalty comes on top.
        assert!(loss > cross && loss < cross + 2.0, "{part}: {loss} {cross}");
    }
}

type Rows = [(String, String, String, Vec<f64>)];

/// `songs_*.csv` beside the predictions of the samples, and the accuracies beside its votes.
fn songs_agree(work: &Work, part: &str, rows: &Rows, said: &Value) {
    let text = work.text(&format!("run/songs_{part}.csv"));
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> = csv.headers().unwrap().iter().map(String::from).collect();
    let votes = ["song", "true", "mean", "majority", "product", "segments"];
    let classes = ["classical", "disco", "metal", "rock"];
    assert_eq!(
        head,
        [&votes[..], &classes.map(|c| format!("p_{c}")).each_ref().map(|c| &**c)].concat()
    );
    let songs: Vec<csv::StringRecord> = csv.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(songs.len(), rows.len() / PER_SONG, "{part}");
    let mut right = [0; 3];
    for (song, rows) in songs.iter().zip(rows.chunks(PER_SONG)) {
        assert_eq!((&song[0], &song[1], &song[5]), (&*rows[0].0, &*rows[0].1, "4"), "{part}");
        let means = (0..4).map(|c| rows.iter().map(|row| row.3[c]).sum::<f64>() / 4.0);
        let log = |c: usize| rows.iter().map(|row| row.3[c].max(1e-7).ln()).sum::<f64>();
        let best = |of: &dyn Fn(usize) -> f64| {
            classes[(0..4).rev().max_by(|&a, &b| of(a).total_cmp(&of(b))).unwrap()]
        };
        for (c, mean) in means.enumerate() {
            assert!((song[6 + c].parse::<f64>().unwrap() - mean).abs() < 1e-6, "{part} {song:?}");
        }
        assert_eq!(&song[2], best(&|c| rows.iter().map(|row| row.3[c]).sum()), "{part}");
        assert_eq!(&song[4], best(&log), "{part}");
        let count = |class: &str| rows.iter().filter(|row| row.2 == class).count();
        assert!(classes.iter().all(|class| count(class) <= count(&song[3])), "{part} {song:?}");
        for (right, vote) in right.iter_mut().zip(2..5) {
            *right += usize::from(song[vote] == song[1]);
        }
    }
    let keys = ["song_accuracy", "song_accuracy_majority", "song_accuracy_product"];
    for (key, right) in keys.into_iter().zip(right) {
        assert_eq!(said[key].as_f64(), Some(right as f64 / songs.len() as f64), "{part} {key}");
    }
}

#[test]
fn without_songs_nothing_is_said_of_them() {
    let work = Work::with(Set { songs: false, ..Set::default() });
    work.ok("train --data data --out run --epochs 1");
    let all = metrics(&work);
    for part in ["train", "val", "test"] {
        let accuracies = ["song_accuracy", "song_accuracy_majority", "song_accuracy_product"];
        for key in [&accuracies[..], &["song_interval_95", "songs", "song_confusion"]].concat() {
            assert!(all[part][key].is_null(), "{part} {key}");
            assert!(all[part].as_object().unwrap().contains_key(key), "{part} {key}");
        }
        assert!(predictions(&work, part).iter().all(|row| row.0.is_empty()));
        assert!(!work.exists(&format!("run/songs_{part}.csv")), "{part}");
    }
}

#[test]
fn it_learns_what_is_there_to_learn() {
    let work = Work::new();
    let words = "--epochs 25 --batch-size 8 --learning-rate 0.02 --momentum 0.9";
    work.ok(&format!("train --data data --out run {words}"));
    assert_eq!(metrics(&work)["test"]["accuracy"], 1.0);
}
