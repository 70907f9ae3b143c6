//! Lists and folders that can be understood in two ways, and data that are no sound.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array3;
use ndarray_npy::{read_npy, write_npy};

use super::prepare::SMALL;
use super::program::{Ran, Work};
use super::songs::{column, files};

/// Twelve songs, and a list of them whose lines follow the heading; `{i}` is the number.
fn listed(heading: &str, line: impl Fn(usize) -> String) -> Work {
    let work = files(&(0..12).map(|i| format!("songs/{i}.wav")).collect::<Vec<_>>());
    let lines: Vec<String> = (0..12).map(line).collect();
    work.write("list.csv", format!("{heading}\n{}\n", lines.join("\n")));
    work
}

const WORDS: &str = "prepare songs --csv list.csv --out out";

#[track_caller]
fn ok(work: &Work) -> Ran {
    work.ok(&format!("{WORDS} {SMALL}"))
}

/// The class of an even number and that of an odd one.
fn class(i: usize) -> &'static str {
    ["rock", "jazz"][i % 2]
}

#[test]
fn the_column_of_names_is_the_class_and_it_is_said() {
    for (heading, numbers_first) in
        [("file,label,genre", true), ("file,label,class", false), ("file,class,category", true)]
    {
        let work = listed(heading, |i| match numbers_first {
            true => format!("{i}.wav,{},{}", i % 2, class(i)),
            false => format!("{i}.wav,{},{}", class(i), i % 2),
        });
        let names: Vec<&str> = heading.split(',').skip(1).collect();
        let (taken, other) =
            (names[usize::from(numbers_first)], names[usize::from(!numbers_first)]);
        let told = format!("the labels are those of the column {taken}; {other} is not used");
        ok(&work).told(heading, &[&told]);
        let classes: BTreeSet<String> = column(&work, "out", "class").into_values().collect();
        assert_eq!(classes.into_iter().collect::<Vec<_>>(), ["jazz", "rock"], "{heading}");
    }
    let work = listed("file,label,genre", |i| format!("{i}.wav,{},indie{}", class(i), i % 3));
    ok(&work).told("two of names", &["column label; genre is not used"]);
}

#[test]
fn a_song_of_two_classes_is_in_one_part() {
    let work = listed("file,label,song", |i| format!("{i}.wav,{},s{}", class(i), i / 2));
    ok(&work).told("songs", &["6 songs have files of several classes", "kept in one part"]);
    let mut parts: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (file, part) in column(&work, "out", "part") {
        let i: usize = file.trim_end_matches(".wav").parse().unwrap();
        parts.entry(i / 2).or_default().insert(part);
    }
    assert!(parts.values().all(|parts| parts.len() == 1), "{parts:?}");
    let used: BTreeSet<&String> = parts.values().flatten().collect();
    assert_eq!(used.len(), 3, "{parts:?}");
    let part = |i: usize| ["train", "train", "val", "test"][i / 3];
    let given = listed("file,label,song,part", |i| {
        format!("{i}.wav,{},s{},{}", class(i), i.div_ceil(2), part(i))
    });
    ok(&given).told("given", &["files of several classes in several parts", "such as s"]);
}

#[test]
fn files_without_a_part_beside_one_part_are_counted() {
    let work = listed("file,label,split", |i| {
        format!("{i}.wav,{},{}", class(i), if i < 6 { "train" } else { "" })
    });
    let words = format!("{WORDS} {SMALL}");
    work.fails(&words, &["6 of 12 files are in train", "the other 6 have no part"]);
    let ran = work.ok(&format!("{words} --split song"));
    ran.told("drawn", &["6 of 12 files are in one part by the list's part column, train"]);
}

#[test]
fn absolute_paths_other_delimiters_and_encodings() {
    let work = files(&(0..12).map(|i| format!("songs/{i}.wav")).collect::<Vec<_>>());
    let folder = work.path("songs").display().to_string();
    let rows = |delimiter: char, folder: &str| {
        let line = |i: usize| format!("{folder}{i}.wav{delimiter}{}\n", class(i));
        format!("file{delimiter}label\n{}", (0..12).map(line).collect::<String>())
    };
    work.write("list.csv", rows(',', &format!("{folder}/")));
    ok(&work);
    let absolute = work.text("out/songs.csv");
    for (delimiter, name) in [(';', "semicolons"), ('\t', "tabs")] {
        std::fs::remove_dir_all(work.path("out")).unwrap();
        work.write("list.csv", rows(delimiter, ""));
        ok(&work).told(name, &[&format!("its columns are separated by {name}")]);
        assert_eq!(work.text("out/songs.csv"), absolute, "{name}");
    }
    let text = rows(',', "");
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    work.write("list.csv", wide);
    work.fails(WORDS, &["the text is UTF-16", "iconv -f UTF-16 -t UTF-8 list.csv"]);
    let mut latin = text.into_bytes();
    latin.extend(b"caf\xe9.wav,rock\n");
    work.write("list.csv", latin);
    work.fails(WORDS, &["line 14 is not UTF-8", "iconv -f WINDOWS-1252"]);
}

#[test]
fn folders_with_the_same_folders_in_them_are_not_taken_for_classes() {
    for above in [vec!["entrenamiento", "validacion", "prueba"], vec!["fold1", "fold2"]] {
        let inner = above.iter().flat_map(|part| {
            ["techno", "trance"].iter().flat_map(move |class| {
                (0..2).map(move |i| format!("songs/{part}/{class}/{part} {class}{i}.wav"))
            })
        });
        let work = files(&inner.collect::<Vec<_>>());
        let told =
            ["have the same folders in them, techno, trance", "train, val and test", "--csv"];
        work.fails(&format!("prepare songs --out out {SMALL}"), &told);
        assert!(!work.exists("out"));
    }
    // Discs of records are no classes.
    let discs = ["techno", "trance"].iter().flat_map(|class| {
        ["CD1", "CD2"].iter().flat_map(move |disc| {
            (0..3).map(move |i| format!("songs/{class}/{disc}/{class}{disc}{i}a.wav"))
        })
    });
    let work = files(&discs.collect::<Vec<_>>());
    work.ok(&format!("prepare songs --out out {SMALL}"));
    for inner in ["data", "a/b"] {
        let paths = ["rock", "jazz"].map(|class| format!("songs/{inner}/{class}/{class}.wav"));
        let work = files(&paths);
        let told = ["expected at least two classes", &format!("give songs/{inner}")];
        work.fails(&format!("prepare songs --out out {SMALL}"), &told);
    }
}

#[test]
fn finite_values_beyond_float32_are_not_called_silence() {
    let work = Work::new();
    let x: Array3<f32> = read_npy(work.path("data/x_train.npy")).unwrap();
    write_npy(work.path("data/x_train.npy"), &x.mapv(|v| f64::from(v) * 1e300 - 1e300)).unwrap();
    let ran =
        work.fails("train --data data", &["finite in the file, but beyond the range of float32"]);
    assert!(!ran.err.contains("silence") && !ran.err.contains("np.save"), "{}", ran.err);
}

#[test]
fn parts_on_different_scales_are_warned_of() {
    let work = Work::new();
    let train: Array3<f32> = read_npy(work.path("data/x_train.npy")).unwrap();
    let (least, most) = train.iter().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    assert!(!work.ok("audit data").out.contains("different scales"));
    let scaled = train.mapv(|v| (v - least) / (most - least) + most + 1.0);
    write_npy(work.path("data/x_train.npy"), &scaled).unwrap();
    for part in ["val", "test"] {
        let told = format!("values of {part} are ");
        assert!(work.run(&["audit", "data"]).out.contains(&told), "{part}");
        let ran = work.ok(&format!("train --data data --epochs 1 --out {part}"));
        ran.told(part, &[&told, "different scales"]);
    }
}

#[cfg(unix)]
#[test]
fn a_limit_of_file_sizes_is_an_error_that_names_the_file() {
    let work = Work::new();
    let script = format!(
        "ulimit -f 8; exec '{}' train --data data --epochs 1 --out run",
        env!("CARGO_BIN_EXE_genre-gpu")
    );
    let ran = Ran::of(&work.any_command("sh").args(["-c", &script]).output().unwrap());
    ran.failed("the limit", &["run", "File too large"]);
}
