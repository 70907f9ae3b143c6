//! What was silent: edited runs, samples that a run was trained on, folders that look like parts, equal
//! files, and types that are converted.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array1, Array3};
use ndarray_npy::{read_npy, write_npy};

use super::npy::npy;
use super::program::{TRAIN, Work};
use super::songs::{column, files, ok};

const EPOCH: &str = "--epochs 1 --batch-size 8 --out run";

#[test]
fn an_edited_run_is_refused_by_all_that_read_it() {
    let work = Work::trained();
    work.ok("explain run --no-checks");
    let config = work.text("run/config.toml");
    for (line, other) in [
        ("learning-rate = 0.005", "learning-rate = 0.05"),
        ("scale = \"standard\"", "scale = \"minmax\""),
        ("batch-size = 8", "batch-size = 4"),
        ("shuffle = \"keras2\"", "shuffle = \"keras3\""),
        ("keep = \"best\"", "keep = \"best\"\nclass-names = [\"a\", \"b\", \"c\", \"d\"]"),
    ] {
        let edited = config.replacen(line, other, 1);
        assert!(edited != config, "{line}\n{config}");
        work.write("run/config.toml", &edited);
        for command in [
            "evaluate run",
            "explain run --no-checks",
            "report run",
            "train --resume run --epochs 3",
        ] {
            work.fails(command, &["the run was trained with"]);
        }
    }
    work.write("run/config.toml", &config);
    assert!(TRAIN.contains("keep best"));
    // What does not bind a run may change.
    work.write("run/config.toml", config.replacen("threads = 0", "threads = 1", 1));
    let ran = work.ok("evaluate run");
    assert_eq!(ran.err, "");
    work.ok("report run --out report.html");
}

/// One x, y and song, of all parts of `data`.
fn one(work: &Work) {
    std::fs::create_dir_all(work.path("one")).unwrap();
    let all = |role: &str| {
        ["train", "val", "test"].map(|part| work.path(&format!("data/{role}_{part}.npy")))
    };
    let x: Vec<Array3<f32>> = all("x").iter().map(|path| read_npy(path).unwrap()).collect();
    let views: Vec<_> = x.iter().map(|x| x.view()).collect();
    let x = ndarray::concatenate(ndarray::Axis(0), &views).unwrap();
    write_npy(work.path("one/x.npy"), &x).unwrap();
    for role in ["y", "song"] {
        let y: Vec<Array1<i64>> = all(role).iter().map(|path| read_npy(path).unwrap()).collect();
        let y: Array1<i64> = y.into_iter().flatten().collect();
        write_npy(work.path(&format!("one/{role}.npy")), &y).unwrap();
    }
}

#[test]
fn samples_that_a_run_was_trained_on_are_reported() {
    let work = Work::new();
    one(&work);
    work.ok(&format!("train --data one --split song {EPOCH}"));
    let ran = work.ok("evaluate run");
    assert!(!ran.err.contains("trained on"), "{}", ran.err);
    let ran = work.ok("evaluate run --split song:7");
    let split = "its own split is --split song, not song:7: leave --split out";
    ran.told("split", &["the run was trained on ", "test samples and ", "too good", split]);
    work.ok("evaluate run --split sample --part test").told("sample", &["the run was trained on "]);
    // Elsewhere, under other names.
    std::fs::create_dir(work.path("copy")).unwrap();
    for role in ["x", "y"] {
        let one = work.path(&format!("one/{role}.npy"));
        std::fs::copy(one, work.path(&format!("copy/{role}_test.npy"))).unwrap();
    }
    let ran = work.ok("evaluate run --data copy --part test");
    ran.told("copy", &["of these 80 test samples, so scores look too good"]);
    // Others are no reason to worry; without the run's data nothing is known.
    super::data::Set { samples: [16, 16, 20], ..Default::default() }.write(&work.path("other"));
    std::fs::rename(work.path("one"), work.path("moved")).unwrap();
    let ran = work.ok("evaluate run --data other --part test");
    ran.told("unknown", &["whether the run was trained on these samples is unknown"]);
    let ran = work.ok("evaluate run --data moved --split song");
    assert!(!ran.err.contains("trained on"), "{}", ran.err);
    // A run goes on with its own split, wherever its data lie now.
    work.ok("train --resume run --data moved --epochs 2 --quiet");
}

/// What the run's metrics say of a part needs no other part of its data.
#[test]
fn one_part_of_a_run_is_evaluated_without_reading_the_others() {
    let work = Work::trained();
    std::fs::remove_file(work.path("data/x_train.npy")).unwrap();
    let ran = work.ok("evaluate run --data data --part test");
    assert_eq!(ran.err, "");
}

#[test]
fn groups_of_equal_files_are_reported_apart() {
    let paths: Vec<String> = (0..6)
        .flat_map(|i| ["jazz", "rock"].map(|class| format!("songs/{class}/{i}.wav")))
        .collect();
    let work = files(&paths);
    for i in 0..2 {
        let [from, to] =
            ["jazz/", "rock/other"].map(|name| work.path(&format!("songs/{name}{i}.wav")));
        std::fs::copy(from, to).unwrap();
    }
    let ran = ok(&work, &["--out", "out"]);
    let line = ran.err.lines().find(|line| line.contains("the same file several times")).unwrap();
    assert!(line.contains("and 1 more group of equal files"), "{line}");
    assert_eq!(line.matches(".wav").count(), 2, "{line}");
}

#[test]
fn folders_that_are_plainly_parts_are_the_split() {
    for (names, parts) in [
        (["Train_set", "valset", "holdout"], "Train_set is train, valset is val, holdout is test"),
        (["01-train", "02-eval", "03-test"], "01-train is train, 02-eval is val, 03-test is test"),
        (
            ["training_data", "x_dev", "testing"],
            "training_data is train, x_dev is val, testing is test",
        ),
        (
            ["gtzan_train", "gtzan_valid", "gtzan_unseen"],
            "gtzan_valid is val, gtzan_unseen is test",
        ),
    ] {
        let paths: Vec<String> = names
            .iter()
            .flat_map(|part| {
                ["jazz", "rock"].map(|class| format!("songs/{part}/{class}/{part}.wav"))
            })
            .collect();
        let work = files(&paths);
        let ran = ok(&work, &["--out", "out"]);
        ran.told("parts", &[parts, "--split song draws them"]);
        let record = work.text("out/prepare.json");
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["settings"]["classes"], serde_json::json!(["jazz", "rock"]), "{names:?}");
    }
}

#[test]
fn classes_are_no_parts_and_what_only_looks_like_one_is_said() {
    let folders = |names: &[&str]| -> Vec<String> {
        let of =
            |name: &&str| (0..3).map(|i| format!("songs/{name}/take/{name} {i}x.wav")).collect();
        names.iter().flat_map(|name: &&str| -> Vec<String> { of(name) }).collect()
    };
    let classes = |work: &Work| -> serde_json::Value {
        let record = work.text("out/prepare.json");
        serde_json::from_str::<serde_json::Value>(&record).unwrap()["settings"]["classes"].clone()
    };
    for names in
        [["techno", "trance"], ["car", "train"], ["noise", "test tone"], ["devil", "evaluna"]]
    {
        let work = files(&folders(&names));
        let ran = ok(&work, &["--out", "out"]);
        assert!(!ran.err.contains("used as classes") && !ran.err.contains(" is t"), "{}", ran.err);
        assert_eq!(classes(&work), serde_json::json!(names));
    }
    for names in [["test-other", "train-clean"], ["eval v2 b", "training a"]] {
        let work = files(&folders(&names));
        let ran = ok(&work, &["--out", "out"]);
        ran.told("said", &["are used as classes", "call them train, val and test", "--csv FILE"]);
        assert_eq!(classes(&work), serde_json::json!(names));
    }
}

#[test]
fn equal_files_are_in_one_part() {
    for copied in [["0.wav", "copy of 0.wav"], ["3.wav", "zz.WAV"]] {
        let paths: Vec<String> = (0..5)
            .flat_map(|i| ["jazz", "rock"].map(|class| format!("songs/{class}/{i}.wav")))
            .collect();
        let work = files(&paths);
        for class in ["jazz", "rock"] {
            let [from, to] = copied.map(|name| work.path(&format!("songs/{class}/{name}")));
            std::fs::copy(from, to).unwrap();
        }
        for seed in ["1", "2", "3", "4"] {
            let ran = ok(&work, &["--out", seed, "--seed", seed]);
            let told = [
                "4 files are 2 recordings, byte by byte, and equal files are in one part: ",
                "; and 1 more group of equal files",
            ];
            ran.told("copies", &told);
            let parts = column(&work, seed, "part");
            for class in ["jazz", "rock"] {
                let [one, other] = copied.map(|name| &parts[&format!("{class}/{name}")]);
                assert_eq!(one, other, "{seed}");
            }
            work.ok(&format!("audit {seed}"));
        }
    }
}

#[test]
fn text_ids_of_pieces_are_songs_and_the_audit_finds_them() {
    let work = Work::new();
    let id = |i: usize| format!("rock.{:05}_{}", i / 4, i % 4);
    let text = |ids: &[String]| {
        let letters = |id: &String| -> Vec<u8> {
            let chars = id.chars().chain(std::iter::repeat('\0')).take(16);
            chars.flat_map(|c| (c as u32).to_le_bytes()).collect()
        };
        let data: Vec<u8> = ids.iter().flat_map(letters).collect();
        npy("<U16", false, &format!("({},)", ids.len()), &data)
    };
    // The pieces of a song are in all parts.
    for (part, n) in [("train", 48), ("val", 16), ("test", 16)] {
        let ids: Vec<String> = (0..n).map(id).collect();
        work.write(&format!("data/song_{part}.npy"), text(&ids));
    }
    let ran = work.run(&["audit", "data"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    ran.told(
        "pieces",
        &["of 48 ids 36 name further pieces of a song", "rock.00000_0 and rock.00000_1"],
    );
    assert!(ran.out.contains("COMPROMISED"), "{}", ran.out);
    let names: Vec<String> = (0..48).map(|i| format!("Song {} (part {})", i / 4, i % 4)).collect();
    work.write("data/song_train.npy", text(&names));
    work.run(&["audit", "data"]).told("words", &["further pieces of a song"]);
}

#[test]
fn classes_in_messages_have_names() {
    let work = Work::new();
    one(&work);
    let y: Array1<i64> = (0..80).map(|i| i64::from(i > 2) + i64::from(i > 40)).collect();
    write_npy(work.path("one/y.npy"), &y).unwrap();
    let words = format!("train --data one --split song {EPOCH} --class-names blues,jazz,rock");
    work.fails(&words, &["class 0 (blues) has 1 songs"]);
    for (part, label) in [("train", 0), ("val", 2)] {
        let y: Array1<i64> = read_npy(work.path(&format!("data/y_{part}.npy"))).unwrap();
        let y = y.mapv(|class| if part == "train" { class % 2 } else { label });
        write_npy(work.path(&format!("data/y_{part}.npy")), &y).unwrap();
    }
    let words = format!("train --data data {EPOCH} --class-names blues,jazz,rock,metal");
    work.fails(
        &words,
        &["16 samples are of class 2 (rock), of which the training labels have none"],
    );
}

#[test]
fn training_arrays_alone_are_told_how_to_split_them() {
    let work = Work::new();
    for part in ["val", "test"] {
        for role in ["x", "y", "song"] {
            std::fs::remove_file(work.path(&format!("data/{role}_{part}.npy"))).unwrap();
        }
    }
    let words = format!("train --data data {EPOCH}");
    let told =
        ["no array for x_val", "--split sample to divide the training arrays into all three"];
    work.fails(&words, &told);
    work.ok(&format!("{words} --split song"));
    let words = "compare --models p1 --data data --seeds 1, --epochs 1 --batch-size 8 --out study";
    work.fails(words, &["--split"]);
    work.ok(&format!("{words} --split song"));
    assert!(work.text("study/p1-data-seed1/config.toml").contains("split = \"song\""));
}

#[test]
fn a_run_is_evaluated_on_sound_by_prepare() {
    let work = Work::trained();
    std::fs::create_dir_all(work.path("wavs/rock")).unwrap();
    work.write("wavs/rock/a.wav", b"RIFF");
    let told =
        ["genre-gpu prepare ", "genre-gpu evaluate run --data arrays", "genre-gpu predict run"];
    let ran = work.fails("evaluate run --data wavs", &told);
    assert!(!ran.err.contains("genre-gpu train"), "{}", ran.err);
}

/// A file of samples in which `each` value of `data/x_train.npy` is written as `descr`.
fn as_type(work: &Work, part: &str, descr: &str, each: impl Fn(f32) -> Vec<u8>) {
    let x: Array3<f32> = read_npy(work.path(&format!("data/x_{part}.npy"))).unwrap();
    let shape = format!("{:?}", x.dim());
    let data: Vec<u8> = x.iter().flat_map(|&value| each(value)).collect();
    work.write(&format!("data/x_{part}.npy"), npy(descr, false, &shape, &data));
}

#[test]
fn conversions_are_told_once() {
    let told = |descr: &str, each: &dyn Fn(f32) -> Vec<u8>| {
        let work = Work::new();
        for part in ["train", "val", "test"] {
            as_type(&work, part, descr, each);
        }
        let ran = work.ok(&format!("train --data data {EPOCH}"));
        let lines: Vec<String> =
            ran.err.lines().filter(|line| line.contains("x_")).map(str::to_owned).collect();
        lines
    };
    let is = |lines: &[String], wanted: &str| {
        assert!(lines.len() == 1 && lines[0].ends_with(wanted), "{lines:?}");
    };
    assert!(told("<f4", &|v| v.to_le_bytes().to_vec()).is_empty());
    assert!(told("<f8", &|v| f64::from(v).to_le_bytes().to_vec()).is_empty());
    is(
        &told("<f8", &|v| (f64::from(v) / 3.0).to_le_bytes().to_vec()),
        "x_train.npy: float64: read as float32, rounded",
    );
    is(&told(">f4", &|v| v.to_be_bytes().to_vec()), "float32: read in this machine's order");
    is(
        &told("<i2", &|v| (v as i16).to_le_bytes().to_vec()),
        "int16: whole numbers, read as float32",
    );
    is(&told("|u1", &|v| vec![-v as u8]), "uint8: whole numbers, read as float32");
    is(
        &told("<i8", &|v| (v as i64 + (1 << 30)).to_le_bytes().to_vec()),
        "read as float32, rounded",
    );
}

#[test]
fn labels_that_are_converted_are_told() {
    let told = |descr: &str, classes: i64, column: bool, each: &dyn Fn(i64) -> Vec<u8>| {
        let work = Work::new();
        for part in ["train", "val", "test"] {
            let y: Array1<i64> = read_npy(work.path(&format!("data/y_{part}.npy"))).unwrap();
            let shape =
                if column { format!("({}, 1)", y.len()) } else { format!("({},)", y.len()) };
            let data: Vec<u8> = y.iter().flat_map(|&label| each(label % classes)).collect();
            work.write(&format!("data/y_{part}.npy"), npy(descr, false, &shape, &data));
        }
        let ran = work.ok(&format!("train --data data {EPOCH}"));
        ran.err.lines().filter(|line| line.contains("y_")).map(str::to_owned).collect::<Vec<_>>()
    };
    let is = |lines: &[String], wanted: &str| {
        assert!(lines.len() == 1 && lines[0].ends_with(wanted), "{lines:?}");
    };
    assert!(told("<i4", 4, false, &|l| (l as i32).to_le_bytes().to_vec()).is_empty());
    is(
        &told("<f8", 4, false, &|l| (l as f64).to_le_bytes().to_vec()),
        "y_train.npy: float64: read as whole numbers",
    );
    is(&told("|b1", 2, false, &|l| vec![l as u8]), "bool: False is read as 0, True as 1");
    is(&told("<i8", 4, true, &|l| l.to_le_bytes().to_vec()), "[48, 1]: read as [48]");
    is(
        &told("<f4", 4, true, &|l| (l as f32).to_le_bytes().to_vec()),
        "float32: read as whole numbers; [48, 1]: read as [48]",
    );
}

#[test]
fn ids_with_several_labels_are_in_one_part() {
    let work = Work::new();
    one(&work);
    let song: Array1<i64> = (0..80).map(|i| i % 10).collect();
    write_npy(work.path("one/song.npy"), &song).unwrap();
    let ran = work.ok(&format!("train --data one --split song {EPOCH}"));
    ran.told(
        "ids",
        &["song ids with several labels, such as 0 (of classes", "are each in one part"],
    );
    assert!(!ran.err.contains("of its own"), "{}", ran.err);
    let mut parts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for part in ["train", "val", "test"] {
        let text = work.text(&format!("run/songs_{part}.csv"));
        for line in text.lines().skip(1) {
            let song = line.split(',').next().unwrap().to_owned();
            parts.entry(song).or_default().insert(part.to_owned());
        }
    }
    assert!(parts.values().all(|parts| parts.len() == 1), "{parts:?}");
}
