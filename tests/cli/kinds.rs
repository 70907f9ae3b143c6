//! Arrays as people have them: containers, labels and ids as text, channels, one array to be split,
//! and what the program says of those that it does not read.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use ndarray::{Array1, Array3, Array4, Axis};
use ndarray_npy::{WriteNpyExt, read_npy, write_npy};

use super::data::Set;
use super::npy::npy;
use super::program::{Ran, Work};

const EPOCH: &str = "--epochs 1 --batch-size 8 --out run";

/// Text as numpy's `<U12`.
fn text(words: impl Iterator<Item = String>) -> Vec<u8> {
    let words: Vec<String> = words.collect();
    let mut data = Vec::new();
    for word in &words {
        let letters = word.chars().chain(std::iter::repeat('\0')).take(12);
        data.extend(letters.flat_map(|c| (c as u32).to_le_bytes()));
    }
    npy("<U12", false, &format!("({},)", words.len()), &data)
}

/// An npz of samples and labels, which are called so.
fn write_npz(path: &Path, arrays: &[(String, Array3<f32>, String, Array1<i64>)]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for (x_key, x, y_key, y) in arrays {
        zip.start_file(format!("{x_key}.npy"), options).unwrap();
        let mut bytes = std::io::Cursor::new(Vec::new());
        x.write_npy(&mut bytes).unwrap();
        zip.write_all(bytes.get_ref()).unwrap();
        zip.start_file(format!("{y_key}.npy"), options).unwrap();
        let mut bytes = std::io::Cursor::new(Vec::new());
        y.write_npy(&mut bytes).unwrap();
        zip.write_all(bytes.get_ref()).unwrap();
    }
    zip.finish().unwrap();
}

fn parts() -> [&'static str; 3] {
    ["train", "val", "test"]
}

fn x(work: &Work, part: &str) -> Array3<f32> {
    read_npy(work.path(&format!("data/x_{part}.npy"))).unwrap()
}

fn y(work: &Work, part: &str) -> Array1<i64> {
    read_npy(work.path(&format!("data/y_{part}.npy"))).unwrap()
}

/// The weights of a run on plain arrays, which other containers must give too.
fn weights(work: &Work, words: &str) -> (Ran, Vec<u8>) {
    let ran = work.ok(&format!("{words} {EPOCH} --overwrite"));
    let metrics: serde_json::Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
    (ran, serde_json::to_vec(&metrics["test"]).unwrap())
}

#[test]
fn one_npz_or_folder_for_each_part() {
    let work = Work::with(Set { songs: false, ..Set::default() });
    let (_, plain) = weights(&work, "train --data data");
    for (folder, [x_key, y_key], name) in [
        ("each", ["x", "y"], "{}_data.npz"),
        ("alone", ["features", "target"], "{}.npz"),
        ("unnamed", ["arr_0", "arr_1"], "gtzan-{}.npz"),
    ] {
        std::fs::create_dir(work.path(folder)).unwrap();
        for part in parts() {
            let path = work.path(folder).join(name.replace("{}", part));
            write_npz(&path, &[(x_key.into(), x(&work, part), y_key.into(), y(&work, part))]);
        }
        let (ran, found) = weights(&work, &format!("train --data {folder}"));
        assert!(found == plain, "{folder}");
        assert!(ran.out.contains(&format!(":{x_key}, y_train=")), "{}", ran.out);
    }
    for part in parts() {
        let folder = work.path("folders").join(part);
        std::fs::create_dir_all(&folder).unwrap();
        write_npy(folder.join("data.npy"), &x(&work, part)).unwrap();
        write_npy(folder.join("labels.npy"), &y(&work, part)).unwrap();
    }
    let (ran, found) = weights(&work, "train --data folders");
    assert!(found == plain);
    assert!(ran.out.contains("x_val=val/data.npy"), "{}", ran.out);
}

#[test]
fn channels_that_say_nothing_are_left_out_and_said() {
    let work = Work::with(Set { songs: false, ..Set::default() });
    let (_, plain) = weights(&work, "train --data data");
    let originals = parts().map(|part| x(&work, part));
    type Shape = fn(&Array3<f32>) -> Array4<f32>;
    let kinds: [(&str, Shape); 3] = [
        ("channels first, [48, 1, 16, 12]: read as [48, 16, 12]", |x| {
            x.clone().insert_axis(Axis(1))
        }),
        ("3 equal channels, [48, 16, 12, 3]: read as [48, 16, 12]", |x| {
            ndarray::stack(Axis(3), &[x.view(), x.view(), x.view()]).unwrap()
        }),
        ("channels first, 4 equal channels, [48, 4, 16, 12]", |x| {
            ndarray::stack(Axis(1), &[x.view(), x.view(), x.view(), x.view()]).unwrap()
        }),
    ];
    for (said, shape) in kinds {
        for (part, x) in parts().iter().zip(&originals) {
            write_npy(work.path(&format!("data/x_{part}.npy")), &shape(x).as_standard_layout())
                .unwrap();
        }
        let (ran, found) = weights(&work, "train --data data");
        assert!(found == plain, "{said}");
        assert_eq!(ran.err.matches(said).count(), 1, "{}", ran.err);
    }
    let mut differ = originals[0].clone().insert_axis(Axis(3));
    differ.append(Axis(3), (&originals[0] * 2.0).insert_axis(Axis(3)).view()).unwrap();
    write_npy(work.path("data/x_train.npy"), &differ.as_standard_layout()).unwrap();
    let told = ["channels differ (first in sample 0)", "x[..., :3].mean(axis=-1)"];
    work.fails(&format!("train --data data {EPOCH} --overwrite"), &told);
}

#[test]
fn labels_and_songs_as_text() {
    let work = Work::new();
    let names = ["rock", "blues", "jazz", "disco"];
    for part in parts() {
        let words = y(&work, part).map(|&label| names[label as usize].to_owned());
        work.write(&format!("data/y_{part}.npy"), text(words.into_iter()));
        let songs: Array1<i64> = read_npy(work.path(&format!("data/song_{part}.npy"))).unwrap();
        work.write(
            &format!("data/song_{part}.npy"),
            text(songs.into_iter().map(|id| format!("song {id}"))),
        );
    }
    let words = format!("train --data data {EPOCH}");
    let ran = work.ok(&words);
    ran.told("order", &["alphabetical order, blues, disco, jazz, rock", "20 songs, numbered"]);
    assert!(ran.out.contains("Classes: blues, disco, jazz, rock\n"), "{}", ran.out);
    assert!(ran.out.contains("Audit: no sample and no song of the test part"), "{}", ran.out);
    let ran = work.ok("evaluate run --part test");
    ran.told("names", &["in the order of the class names"]);
    let ran = work.ok(&format!("{words} --overwrite --class-names rock,jazz,blues,disco"));
    assert!(ran.out.contains("Classes: rock, jazz, blues, disco\n"), "{}", ran.out);
    let told =
        ["y_train.npy: ", "class names a,b,c,d", "\"rock\" at index 0", "without --class-names"];
    work.fails(&format!("{words} --overwrite --class-names a,b,c,d"), &told);
    // Numbers in one part, text in another: their order cannot be known.
    write_npy(work.path("data/y_val.npy"), &Array1::from_elem(16, 0i64)).unwrap();
    work.fails(
        &format!("{words} --overwrite"),
        &["y_train.npy: has text, but ", "y_val.npy has numbers"],
    );
}

#[test]
fn whole_numbers_as_text_are_numbers() {
    let work = Work::with(Set { songs: false, ..Set::default() });
    let (_, plain) = weights(&work, "train --data data");
    for part in parts() {
        let words = y(&work, part).map(ToString::to_string);
        work.write(&format!("data/y_{part}.npy"), text(words.into_iter()));
    }
    let (ran, found) = weights(&work, "train --data data");
    assert!(found == plain);
    ran.told("numbers", &["whole numbers as text: read as numbers"]);
}

/// One array of samples with labels and songs, in `one`, made of the training part.
fn one(work: &Work, names: [&str; 3]) {
    std::fs::create_dir_all(work.path("one")).unwrap();
    for (from, to) in ["x", "y", "song"].iter().zip(names) {
        let from = work.path(&format!("data/{from}_train.npy"));
        std::fs::copy(from, work.path(&format!("one/{to}.npy"))).unwrap();
    }
}

#[test]
fn one_array_is_split_here() {
    let work = Work::new();
    one(&work, ["X", "labels", "groups"]);
    let words = format!("train --data one {EPOCH}");
    work.fails(&words, &["X.npy and labels.npy alone; give --split song"]);
    let ran = work.ok(&format!("{words} --split song"));
    ran.told(
        "song",
        &["48 samples split here by song, class by class, seed 42: 16 train, 16 val, 16 test"],
    );
    assert!(!ran.err.contains("too good"), "{}", ran.err);
    assert!(ran.out.contains("Audit: no sample and no song of the test part"), "{}", ran.out);
    assert!(work.text("run/config.toml").contains("split = \"song\""));
    // The parts are those of the run wherever it is used.
    let first = work.text("run/metrics.json");
    let test =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["test"].clone();
    let again = work.ok("evaluate run --part test --json");
    assert_eq!(test(&first)["accuracy"], test(&again.out)["accuracy"]);
    let ran = work.ok(&format!("{words} --split sample:7 --overwrite"));
    ran.told(
        "sample",
        &["by sample, class by class, seed 7", "scores look too good", "in both test and train"],
    );
    work.ok("train --resume run --epochs 2");
    work.refuses(&format!("{words} --split songs --overwrite"), &["song, sample"]);
    work.refuses(&format!("{words} --split song --data-from disk --overwrite"), &["--data-from"]);
    work.refuses(
        &format!("train --data data {EPOCH} --split song --overwrite"),
        &["parts of its own"],
    );
    work.write("one/groups.npy", text((0..48).map(|i| format!("song {}.{}", i / 4, i % 4))));
    let ran = work.ok(&format!("{words} --split song --overwrite"));
    let told =
        ["48 samples split here by song", "48 ids 36 name further pieces of a song, such as"];
    ran.told("pieces", &told);
    write_npy(work.path("one/groups.npy"), &Array1::<i64>::from_iter(0..48)).unwrap();
    let ran = work.ok(&format!("{words} --split song --overwrite"));
    ran.told("numbers", &["every sample has a song id of its own"]);
    std::fs::remove_file(work.path("one/groups.npy")).unwrap();
    work.fails(&format!("{words} --split song --overwrite"), &["needs song ids", "--split sample"]);
    let words = format!("{words} --split sample --overwrite --arrays x=X.npy,y=labels");
    work.ok(&words).told("none", &["scores look too good"]);
}

#[test]
fn training_and_test_alone_lend_validation_a_share() {
    let work = Work::new();
    for role in ["x", "y", "song"] {
        std::fs::remove_file(work.path(&format!("data/{role}_val.npy"))).unwrap();
    }
    let words = format!("train --data data {EPOCH}");
    work.fails(&words, &["no array for x_val", "--split song"]);
    let ran = work.ok(&format!("{words} --split song"));
    ran.told("val", &["48 samples split here by song", "32 train, 16 val;"]);
    assert!(ran.out.contains("test      16 samples"), "{}", ran.out);
}

/// Runs the lines that a message gives, in Python with numpy; false where there is none.
fn mended(work: &Work, err: &str) -> bool {
    let has_numpy = |python: &&str| {
        let numpy = Command::new(python).args(["-c", "import numpy"]).output();
        numpy.is_ok_and(|ran| ran.status.success())
    };
    let given = std::env::var("GENRE_GPU_TEST_PYTHON").unwrap_or_default();
    let Some(python) =
        [given.as_str(), "python3", "python"].into_iter().filter(|p| !p.is_empty()).find(has_numpy)
    else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: no Python with numpy (GENRE_GPU_TEST_PYTHON names one)"
        );
        return false;
    };
    let lines: Vec<&str> = err
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with("help: "))
        .collect();
    assert!(lines[0].starts_with("import "), "{err}");
    let ran =
        Command::new(python).args(["-c", &lines.join("\n")]).current_dir(work.path(".")).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{lines:?}\n{}", String::from_utf8_lossy(&ran.stderr));
    true
}

/// The message, whose lines make arrays that can be read.
fn way_out(work: &Work, data: &str, told: &[&str], then: &str) {
    let ran = work.fails(&format!("train --data {data} {EPOCH}"), told);
    if mended(work, &ran.err) {
        work.ok(&format!("train --data {then} {EPOCH} --overwrite"));
    }
}

#[test]
fn advice_in_numpy_works() {
    let plain = || Work::with(Set { songs: false, ..Set::default() });
    let bytes = |values: &Array3<f32>| -> Vec<u8> {
        values.iter().flat_map(|v| [v.to_le_bytes(), 1f32.to_le_bytes()].concat()).collect()
    };
    let work = plain();
    work.write("data/x_train.npy", npy("<c8", false, "(48, 16, 12)", &bytes(&x(&work, "train"))));
    way_out(&work, "data", &["found complex64", "np.log10", "(this replaces the file)"], "data");
    for value in [f32::NEG_INFINITY, f32::NAN] {
        let work = plain();
        let mut values = x(&work, "train");
        values[[3, 2, 1]] = value;
        write_npy(work.path("data/x_train.npy"), &values).unwrap();
        let told = [&*format!("{value} in sample 3"), "least finite value"];
        way_out(&work, "data", &told, "data");
    }
    // In an archive too.
    let work = plain();
    let mut values = x(&work, "val");
    values[[0, 0, 0]] = f32::NEG_INFINITY;
    let arrays = parts().map(|part| {
        let x = if part == "val" { values.clone() } else { x(&work, part) };
        (format!("x_{part}"), x, format!("y_{part}"), y(&work, part))
    });
    write_npz(&work.path("all.npz"), &arrays);
    way_out(&work, "all.npz", &["all.npz:x_val: ", "a['x_val']"], "all.npz");
}

#[test]
fn pickles_are_named_with_what_to_do() {
    let work = Work::new();
    let object = |shape: &str| npy("|O", false, shape, b"\x80\x04]\x94.");
    work.write("data/y_train.npy", object("(48,)"));
    work.fails(
        &format!("train --data data {EPOCH}"),
        &["pickled", "astype(str)", "allow_pickle=True"],
    );
    work.write("data/x_train.npy", object("(48,)"));
    work.fails(&format!("train --data data {EPOCH}"), &["unequal length", "np.stack"]);
    std::fs::create_dir(work.path("dict")).unwrap();
    work.write("dict/data.npy", object("()"));
    let told = ["dict/data.npy: ", "a dict of arrays", "/dict/data.npz', **d)"];
    work.fails(&format!("train --data dict {EPOCH}"), &told);
}

#[test]
fn other_files_are_told_what_they_are() {
    let work = Work::empty();
    let file = |name: &str| {
        let path = work.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"{}").unwrap();
    };
    let tell = |data: &str, told: &[&str]| {
        work.fails(&format!("train --data {data} {EPOCH}"), told);
    };
    file("songs/rock/a.wav");
    file("songs/rock/b.MP3");
    file("songs/cover.png");
    let prepare = "/songs --out arrays";
    tell("songs", &["found 2 sound files, such as rock/a.wav", prepare, "train --data arrays"]);
    tell("songs/rock/a.wav", &["found a sound file", "genre-gpu prepare FOLDER"]);
    file("pictures/rock/a.png");
    tell("pictures", &["found a picture", "their axes are unknown", "genre-gpu prepare SOUND"]);
    file("h5/data.h5");
    tell("h5", &["found an HDF5 file", "import h5py, numpy as np", "/h5/data.npz"]);
    tell("h5/data.h5", &["found an HDF5 file"]);
    file("json/data.json");
    tell("json", &["found a JSON file", "import json, numpy as np"]);
    file("deep/gtzan/x_train.npy");
    tell("deep", &["arrays only further down, in ", "/deep/gtzan", "/deep/gtzan\n"]);
    tell("deep/gtzan/x_train.npy", &["found one array; give the folder"]);
    file("torch/data.pt");
    tell("torch/data.pt", &["found a PyTorch file", "torch.load"]);
    file("table/features_30_sec.csv");
    tell("table", &["found a table", "spectrograms"]);
}

#[test]
fn json_becomes_arrays_by_the_lines_given() {
    let work = Work::empty();
    let sample = |i: usize| vec![vec![(i % 4) as f64; 16]; 16];
    let x: Vec<_> = (0..40).map(sample).collect();
    let y: Vec<_> = (0..40).map(|i| i % 4).collect();
    let mut x = x;
    (0..40).for_each(|i| x[i][i % 16][0] = i as f64);
    let json = serde_json::json!({ "mfcc": x, "labels": y });
    work.write("data.json", json.to_string());
    way_out(&work, "data.json", &["found a JSON file"], "data.npz --split sample");
    // As a well-known course has it: [n, frames, coefficients], and the names of classes.
    let json = serde_json::json!({ "mapping": ["d", "c", "b", "a"], "labels": y, "mfcc": x });
    work.write("course.json", json.to_string());
    let told = ["mapping has the names of the classes", "--transpose --split sample"];
    let ran = work.fails(&format!("train --data course.json {EPOCH} --overwrite"), &told);
    if mended(&work, &ran.err) {
        let ran = work
            .ok(&format!("train --data course.npz --transpose --split sample {EPOCH} --overwrite"));
        ran.told("names", &["classes are called as course.npz:mapping has it: d, c, b, a"]);
        assert!(ran.out.contains("Classes: d, c, b, a\n"), "{}", ran.out);
    }
}

#[test]
fn more_names_than_labels_or_fewer_are_blamed_on_the_names() {
    let work = Work::trained();
    let words = format!("train --data data {EPOCH} --overwrite");
    let told = ["y_train.npy", "0 to 2, for the 3 classes of --class-names, found 3"];
    work.fails(&format!("{words} --class-names a,b,c"), &told);
    let work = Work::trained();
    let mut labels = y(&work, "test");
    labels[0] = 7;
    write_npy(work.path("data/y_test.npy"), &labels).unwrap();
    work.fails("evaluate run", &["for the 4 classes of the run's model, found 7"]);
}

#[test]
fn what_works_with_the_data_that_are_left_is_said() {
    let work = Work::trained();
    for part in ["train", "val"] {
        for role in ["x", "y", "song"] {
            std::fs::remove_file(work.path(&format!("data/{role}_{part}.npy"))).unwrap();
        }
    }
    for command in ["evaluate run", "explain run --part test"] {
        let told = ["no array for x_train", "genre-gpu evaluate run --part test"];
        work.fails(command, &told);
    }
    work.ok("evaluate run --part test");
    std::fs::rename(work.path("data"), work.path("moved")).unwrap();
    for command in ["evaluate run --part test", "explain run", "train --resume run"] {
        work.fails(command, &["no such file or folder", "if they have moved", "--data PATH"]);
    }
    let told = work.fails("explain run --data moved", &["--data moved --part test"]);
    assert!(told.err.contains("genre-gpu evaluate run"), "{}", told.err);
    work.ok("evaluate run --data moved --part test");
}

#[test]
fn a_model_that_needs_larger_samples_is_left_out_of_the_assignment() {
    let work = Work::with(Set { size: [13, 30], samples: [24, 8, 8], ..Set::default() });
    let ran = work.ok("assignment --data data --epochs 1 --device cpu --out out");
    ran.told(
        "P2",
        &[
            "P2 is left out",
            "at least 18 mel bands x 1 frames, found 13 x 30",
            "prepare SONGS --mels 64 --out arrays64",
        ],
    );
    assert_eq!(work.list("out"), ["p1", "report.html"]);
    assert!(work.ok("summary --model p2").out.contains("Least input: 18 mel bands x 1 frames"));
    let json = work.ok("summary --json").out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["least_input"], serde_json::json!([8, 8]));
    // Too small for P1 as well: nothing is trained.
    let work = Work::with(Set { size: [4, 30], samples: [24, 8, 8], ..Set::default() });
    let told = ["p1 needs at least 8 mel bands x 8 frames, found 4 x 30"];
    work.fails("assignment --data data --epochs 1 --device cpu --out out", &told);
    assert!(!work.exists("out/p1"));
}

#[test]
fn validation_that_says_nothing_raises_no_alarm() {
    let work = Work::with(Set { songs: false, ..Set::default() });
    let (mut x, mut y) = (x(&work, "val"), y(&work, "val"));
    let first = x.index_axis(Axis(0), 0).to_owned();
    x.outer_iter_mut().for_each(|mut sample| sample.assign(&first));
    let label = y[0];
    y.fill(label);
    write_npy(work.path("data/x_val.npy"), &x).unwrap();
    write_npy(work.path("data/y_val.npy"), &y).unwrap();
    let ran = work.ok("train --data data --epochs 4 --out run");
    assert!(!ran.err.contains("not learning"), "{}", ran.err);
}

#[test]
fn names_without_letters_in_the_typeface_are_said() {
    let work = Work::with(Set { songs: false, ..Set::default() });
    let ran = work.ok(&format!("train --data data --class-names 古典,🎸,كلاسيكي,rock {EPOCH}"));
    assert!(ran.out.contains("PNG files show class 0 for 古典, class 1 for 🎸"), "{}", ran.out);
    assert!(!ran.out.contains("class 3 for"), "{}", ran.out);
    let ran = work.ok("explain run --no-checks");
    assert!(ran.out.contains("class 0 for 古典"), "{}", ran.out);
    work.ok("report run --out report.html");
    assert!(work.text("report.html").contains("古典"));
}

#[test]
fn words_of_other_programs_have_a_hint() {
    let work = Work::new();
    for (words, told) in [
        ("train --early-stop 3", "--early-stopping PATIENCE"),
        ("train --patience 3", "--early-stopping PATIENCE"),
        ("train --weight_decay 0.1", "--weight-decay"),
        ("train --l2 0.1", "l2 = 0.001"),
        ("train --gpu", "--device gpu"),
        ("train --lr 0.1", "train has --learning-rate"),
        ("train --num_epochs=3", "train has --epochs"),
        ("train --validation-split 0.2", "--split song or --split sample"),
        ("train --num-workers 2", "--threads"),
        ("evaluate run --fp16", "32-bit"),
        ("prepare songs --out arrays --fmax 8000", "prepare has --f-max"),
        ("prepare songs --out arrays --hop-length=512", "prepare has --hop"),
        ("train --data data --front-end librosa-2s,fmax=8000", "write f-max=8000"),
        ("train --device cuda:0", "'gpu'"),
        ("train --device 0", "'gpu'"),
        ("train --epochs -1", "from 1 to 4294967295"),
        ("train --batch-size x", "from 1 to 4294967295"),
        ("train --data data --threads 4294967296 --out run", "at most 1024"),
    ] {
        work.refuses(words, &[told]);
    }
}
