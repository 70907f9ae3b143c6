//! Logs that other tools read: TensorBoard's event files and JSON lines.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::bits::assert_same;
use super::program::Work;

const TRAIN: &str = "train --data data --batch-size 10 --momentum 0.9";

/// CRC-32C bit by bit, masked.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// The messages of a file of records; every length and checksum is right.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert_eq!(number(8), checksum(&bytes[..8]));
        let message = &bytes[12..12 + len];
        assert_eq!(number(12 + len), checksum(message));
        found.push(message);
        bytes = &bytes[16 + len..];
    }
    found
}

/// A field of a message: a number, four or eight bytes, or what has a length.
type Fields<'a> = BTreeMap<u64, &'a [u8]>;

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// The fields of a message by number; numbers as their bytes.
fn fields(mut bytes: &[u8]) -> Fields<'_> {
    let mut found = Fields::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let len = match key & 7 {
            0 => {
                let mut rest = bytes;
                varint(&mut rest);
                bytes.len() - rest.len()
            }
            1 => 8,
            5 => 4,
            2 => varint(&mut bytes) as usize,
            other => panic!("wire type {other}"),
        };
        found.insert(key >> 3, &bytes[..len]);
        bytes = &bytes[len..];
    }
    found
}

fn number(fields: &Fields<'_>, field: u64) -> u64 {
    fields.get(&field).map_or(0, |bytes| varint(&mut &**bytes))
}

#[derive(Debug, Default)]
struct Seen {
    scalars: BTreeMap<String, Vec<(u64, f32)>>,
    text: BTreeMap<String, String>,
    /// Step, width, height, PNG.
    images: BTreeMap<String, (u64, u64, u64, Vec<u8>)>,
    starts: usize,
}

/// All event files of a folder in their order.
fn seen(work: &Work, folder: &str) -> Seen {
    let mut seen = Seen::default();
    for name in work.list(folder) {
        assert!(name.starts_with("events.out.tfevents.") && name.ends_with(".v2"), "{name}");
        let bytes = work.read(&format!("{folder}/{name}"));
        for (i, record) in records(&bytes).into_iter().enumerate() {
            let event = fields(record);
            let wall_time = f64::from_le_bytes(event[&1].try_into().unwrap());
            assert!(wall_time > 1.7e9, "{wall_time}");
            if i == 0 {
                assert_eq!(event[&3], b"brain.Event:2");
            } else if let Some(session) = event.get(&7) {
                assert_eq!((number(&fields(session), 1), number(&event, 2)), (1, 0));
                seen.starts += 1;
            } else {
                let value = fields(fields(event[&5])[&1]);
                let tag = String::from_utf8(value[&1].to_vec()).unwrap();
                let step = number(&event, 2);
                if let Some(x) = value.get(&2) {
                    let x = f32::from_le_bytes((*x).try_into().unwrap());
                    seen.scalars.entry(tag).or_default().push((step, x));
                } else if let Some(image) = value.get(&4) {
                    let image = fields(image);
                    let [height, width] = [1, 2].map(|field| number(&image, field));
                    seen.images.insert(tag, (step, width, height, image[&4].to_vec()));
                } else {
                    assert_eq!(fields(fields(value[&9])[&1])[&1], b"text");
                    let text = fields(value[&8])[&8].to_vec();
                    seen.text.insert(tag, String::from_utf8(text).unwrap());
                }
            }
        }
    }
    seen
}

/// The columns of `history.csv`, with epochs from 0.
fn history(work: &Work, run: &str) -> [Vec<(u64, f32)>; 4] {
    let text = work.text(&format!("{run}/history.csv"));
    let rows: Vec<Vec<f32>> = (text.lines().skip(1))
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect();
    [1, 2, 3, 4].map(|column| (0..).zip(rows.iter().map(|row| row[column])).collect())
}

#[test]
fn event_files_have_keras_folders_and_tags_and_change_no_bits() {
    let work = Work::new();
    work.ok(&format!("{TRAIN} --epochs 3 --schedule step:2:0.5 --out plain"));
    let ran = work.ok(&format!(
        "{TRAIN} --epochs 3 --schedule step:2:0.5 --out run --log-dir logs/one --jsonl log.jsonl"
    ));
    assert_eq!(ran.err, "");
    assert_same(&work, "plain", "run");
    assert_eq!(work.list("logs/one"), ["train", "validation"]);
    let [loss, accuracy, val_loss, val_accuracy] = history(&work, "run");
    let (train, val) = (seen(&work, "logs/one/train"), seen(&work, "logs/one/validation"));
    assert_eq!(train.scalars["epoch_loss"], loss);
    assert_eq!(train.scalars["epoch_accuracy"], accuracy);
    assert_eq!(val.scalars["epoch_loss"], val_loss);
    assert_eq!(val.scalars["epoch_accuracy"], val_accuracy);
    assert_eq!(val.scalars.len(), 2);
    assert_eq!(train.scalars["epoch_learning_rate"], [(0, 0.01), (1, 0.01), (2, 0.005)]);
    // Batches are counted from 1, and their losses have the epoch's mean.
    let batches = &train.scalars["batch_loss"];
    let per_epoch = batches.len() / 3;
    let steps: Vec<u64> = batches.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, (1..=batches.len() as u64).collect::<Vec<_>>());
    assert_eq!(train.scalars["batch_accuracy"].len(), batches.len());
    let metrics: Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
    let n = metrics["train"]["samples"].as_u64().unwrap() as usize;
    assert_eq!(per_epoch, n.div_ceil(10));
    for (epoch, (_, want)) in loss.iter().enumerate() {
        let of_epoch = &batches[epoch * per_epoch..(epoch + 1) * per_epoch];
        let sum: f32 = (of_epoch.iter().enumerate())
            .map(|(i, (_, loss))| loss * (n - 10 * i).min(10) as f32)
            .sum();
        assert!((sum / n as f32 - want).abs() < 1e-5, "epoch {epoch}: {sum} {want}");
    }
    let config = &train.text["config"];
    for line in work.text("run/config.toml").lines() {
        assert!(config.contains(&format!("    {line}\n")), "{line} in {config}");
    }
    for (tag, file) in [("curves", "run/curves.png"), ("confusion", "run/confusion.png")] {
        let (step, width, height, png) = &train.images[tag];
        assert!(*png == work.read(file), "{tag}");
        assert!(*step == 2 && *width > 300 && *height > 200, "{tag}: {width} x {height}");
    }
    assert_eq!((train.starts, val.starts), (1, 1));
}

#[test]
fn a_resumed_run_goes_on_in_new_event_files() {
    let work = Work::new();
    work.ok(&format!("{TRAIN} --epochs 2 --out run --log-dir logs --jsonl log.jsonl"));
    let said = work.ok("train --resume run --epochs 4 --log-dir logs --jsonl log.jsonl");
    assert_eq!(said.err, "");
    assert_eq!(work.list("logs/train").len(), 2);
    let (train, val) = (seen(&work, "logs/train"), seen(&work, "logs/validation"));
    let [loss, _, val_loss, _] = history(&work, "run");
    assert_eq!((train.scalars["epoch_loss"].len(), &train.scalars["epoch_loss"]), (4, &loss));
    assert_eq!(val.scalars["epoch_loss"], val_loss);
    assert_eq!((train.starts, val.starts), (1, 1), "the run itself starts once");
    let steps = train.scalars["batch_loss"].iter().map(|(step, _)| *step);
    assert!(steps.eq(1..=train.scalars["batch_loss"].len() as u64));
    let epochs: Vec<u64> =
        lines(&work, "log.jsonl").iter().filter_map(|l| l["epoch"].as_u64()).collect();
    assert_eq!(epochs, [1, 2, 3, 4]);
    let late = work.ok("train --resume run --epochs 5 --log-dir late");
    let told = "late has no event files yet: they begin where the run resumes";
    assert!(late.err.contains(told), "{}", late.err);
    assert_eq!(seen(&work, "late/train").scalars["epoch_loss"].len(), 1);
}

#[test]
fn a_folder_of_another_run_is_not_mixed_with() {
    let work = Work::new();
    work.ok(&format!("{TRAIN} --epochs 3 --out run --log-dir logs"));
    let words = format!("{TRAIN} --epochs 2 --seed 1 --out other --log-dir logs");
    work.fails(
        &words,
        &[
            "logs: holds the event files of another run",
            "rm -r logs/train logs/validation",
            "--overwrite",
        ],
    );
    assert!(!work.exists("other"), "found before anything is made");
    work.ok(&format!("{words} --overwrite"));
    // The first run's one, and two by which it is forgotten.
    assert_eq!(seen(&work, "logs/train").starts, 3);
    assert_eq!(seen(&work, "logs/validation").starts, 3);
    if let Some(read) = tensorboard(&work.path("logs")) {
        let steps = read["train"]["scalars"]["epoch_loss"].as_array().unwrap().len();
        assert_eq!(steps, 2, "TensorBoard forgets the replaced run's three epochs: {read}");
    }
}

/// What the `tensorboard` package reads; none where it is not installed, which is said.
fn tensorboard(folder: &Path) -> Option<Value> {
    let given = std::env::var("GENRE_GPU_TEST_PYTHON").unwrap_or_default();
    let has_it = |python: &&str| {
        let asked = Command::new(python).args(["-c", "import tensorboard"]).output();
        asked.is_ok_and(|ran| ran.status.success())
    };
    let candidates = [given.as_str(), "python3", "python"].into_iter();
    let Some(python) = candidates.filter(|python| !python.is_empty()).find(has_it) else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: no Python with tensorboard (GENRE_GPU_TEST_PYTHON names one)"
        );
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/read_events.py");
    let ran = Command::new(python).arg(script).arg(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).unwrap())
}

#[test]
fn tensorboard_reads_them() {
    let work = Work::new();
    work.ok(&format!("{TRAIN} --epochs 2 --out run --log-dir logs"));
    work.ok("train --resume run --epochs 3 --log-dir logs");
    let Some(read) = tensorboard(&work.path("logs")) else { return };
    for (folder, columns) in [("train", [0, 1]), ("validation", [2, 3])] {
        let own = seen(&work, &format!("logs/{folder}"));
        let scalars = read[folder]["scalars"].as_object().unwrap();
        assert_eq!(scalars.keys().collect::<Vec<_>>(), own.scalars.keys().collect::<Vec<_>>());
        for (tag, column) in ["epoch_loss", "epoch_accuracy"].iter().zip(columns) {
            let got: Vec<(u64, f32)> = (scalars[*tag].as_array().unwrap().iter())
                .map(|pair| (pair[0].as_u64().unwrap(), pair[1].as_f64().unwrap() as f32))
                .collect();
            assert_eq!(got, history(&work, "run")[column], "{folder} {tag}");
        }
    }
    assert_eq!(read["train"]["text"]["config"], seen(&work, "logs/train").text["config"]);
    for (tag, file) in [("curves", "run/curves.png"), ("confusion", "run/confusion.png")] {
        let last = read["train"]["images"][tag].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (last[0].as_u64(), last[3].as_u64()),
            (Some(2), Some(work.read(file).len() as u64))
        );
    }
}

fn lines(work: &Work, file: &str) -> Vec<Value> {
    work.text(file).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn json_lines_tell_the_run_its_epochs_and_its_end() {
    let work = Work::new();
    // As a process leaves it that is killed in the middle of a line.
    work.write("log.jsonl", "{\"run\":\"older\"}\n{\"run\":\"old");
    let ran = work.ok(&format!("{TRAIN} --epochs 2 --out run --jsonl log.jsonl"));
    assert!(ran.out.contains("Epoch"), "text is printed, too");
    let text = work.text("log.jsonl");
    let all: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).skip(1).collect();
    assert_eq!((text.lines().count(), all.len()), (6, 4), "{text}");
    assert!(all.iter().all(|line| line["run"] == "run" && line["time"].is_string()));
    let events: Vec<&str> = all.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["start", "epoch", "epoch", "end"]);
    assert_eq!(all[0]["config"]["batch-size"], 10);
    assert_eq!(all[0]["config"]["learning-rate"], 0.01);
    assert!(all[0]["device"].as_str().unwrap().contains("cpu"), "{}", all[0]);
    for (i, column) in ["loss", "accuracy", "val_loss", "val_accuracy"].iter().enumerate() {
        let got: Vec<(u64, f32)> = (all[1..3].iter())
            .map(|line| {
                (line["epoch"].as_u64().unwrap() - 1, line[*column].as_f64().unwrap() as f32)
            })
            .collect();
        assert_eq!(got, history(&work, "run")[i]);
    }
    assert_eq!((&all[2]["epochs"], &all[2]["learning_rate"]), (&2.into(), &0.01.into()));
    assert!(all[2]["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(all[3]["outcome"], "completed");
    let metrics: Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
    assert_eq!((&all[3]["metrics"], &all[3]["epochs"]), (&metrics, &2.into()));
}

#[test]
fn standard_output_may_have_the_lines() {
    let work = Work::new();
    let ran = work.ok(&format!("{TRAIN} --epochs 1 --out run --jsonl -"));
    let events: Vec<Value> = (ran.out.lines())
        .map(|line| serde_json::from_str::<Value>(line).expect(line)["event"].clone())
        .collect();
    assert_eq!(events, ["start", "epoch", "end"], "nothing else is printed");
    work.refuses(
        &format!("{TRAIN} --out other --jsonl - --json"),
        &["--jsonl: expected a file, because with --json standard output is one document"],
    );
    assert!(!work.exists("other"));
}

#[test]
fn a_run_that_diverges_ends_its_lines_and_leaves_no_event_files() {
    let work = Work::new();
    let words = "train --data data --batch-size 10 --learning-rate 1e30 --out run --log-dir logs --jsonl log";
    work.fails(words, &["loss is not finite at epoch 1"]);
    let all = lines(&work, "log");
    assert_eq!((all.len(), &all[1]["outcome"]), (2, &"failed".into()));
    assert!(all[1]["error"].as_str().unwrap().starts_with("loss is not finite at epoch 1"));
    assert!(!work.exists("logs"), "the same command can be given again");
}

#[test]
fn logs_that_cannot_be_written_fail_before_training() {
    let work = Work::new();
    work.write("file", "");
    for (words, told) in [
        ("--log-dir file", "file"),
        ("--log-dir file/below", "file"),
        ("--jsonl data", "data: cannot write"),
        ("--jsonl nowhere/log.jsonl", "mkdir -p nowhere"),
    ] {
        work.fails(&format!("{TRAIN} --out run {words}"), &[told]);
        assert!(!work.exists("run"), "{words}");
    }
    work.refuses(&format!("{TRAIN} --out run --log-dir -"), &["expected a folder, found -"]);
}

/// A full disk ends the log, not the run.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_log_and_not_the_run() {
    let work = Work::new();
    work.ok(&format!("{TRAIN} --epochs 2 --out plain"));
    let ran = work.ok(&format!("{TRAIN} --epochs 2 --out run --jsonl /dev/full"));
    let told = "warning: /dev/full: cannot write: No space left on device";
    assert!(ran.err.contains(told), "{}", ran.err);
    assert_eq!(ran.err.matches("warning").count(), 1, "told once: {}", ran.err);
    assert!(ran.err.contains("the run goes on without this log"));
    assert_same(&work, "plain", "run");
    // Where nobody may write, a run does not begin.
    std::fs::create_dir(work.path("logs")).unwrap();
    std::os::unix::fs::symlink("/proc/1", work.path("logs/train")).unwrap();
    let ran = work.run(
        &format!("{TRAIN} --epochs 1 --out third --log-dir logs").split(' ').collect::<Vec<_>>(),
    );
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(!work.exists("third"));
}
