//! `genre-gpu prepare`: pieces of songs, folders of parts, and advice that works.

use std::collections::BTreeMap;

use super::prepare::{SMALL, tone, wav};
use super::program::{Ran, Work};

/// Files of sound, each another tone.
pub fn files(paths: &[String]) -> Work {
    let work = Work::empty();
    for (i, path) in paths.iter().enumerate() {
        let path = work.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        wav(&path, 22_050, 1, &tone(200.0 + 17.0 * i as f64, 22_050, i as u64));
    }
    work
}

/// `class/name` for each name and both classes.
pub fn both(names: &[&str]) -> Vec<String> {
    ["jazz", "rock"]
        .iter()
        .flat_map(|c| names.iter().map(move |n| format!("songs/{c}/{n}")))
        .collect()
}

/// A column of songs.csv by file.
pub fn column(work: &Work, out: &str, name: &str) -> BTreeMap<String, String> {
    let text = work.text(&format!("{out}/songs.csv"));
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let head = csv.headers().unwrap().clone();
    let at = |name: &str| head.iter().position(|found| found == name).unwrap();
    let (file, of) = (at("file"), at(name));
    csv.records().map(|row| row.unwrap()).map(|r| (r[file].to_owned(), r[of].to_owned())).collect()
}

fn prepare(work: &Work, flags: &[&str]) -> Ran {
    let words: Vec<&str> = ["prepare", "songs"].into_iter().chain(SMALL.split(' ')).collect();
    work.run(&[&words[..], flags].concat())
}

#[track_caller]
pub fn ok(work: &Work, flags: &[&str]) -> Ran {
    let ran = prepare(work, flags);
    assert_eq!(ran.code, Some(0), "{flags:?}\n{}\n{}", ran.out, ran.err);
    ran
}

#[test]
fn pieces_of_a_song_are_in_one_part_and_it_is_said() {
    for names in [
        [
            "rock.00000.0.wav",
            "rock.00000.1.wav",
            "rock.00001.0.wav",
            "rock.00001.1.wav",
            "rock.00002.0.wav",
        ],
        [
            "A day (part 1).wav",
            "A day (Part 2).WAV",
            "Sparks_seg1.wav",
            "Sparks_seg2.wav",
            "Yes - 1 of 2.wav",
        ],
        ["song1_0.wav", "song1_1.wav", "song2_0.wav", "song2_1.wav", "song3_0.wav"],
    ] {
        // GTZAN's names are those of the class.
        let paths: Vec<String> =
            both(&names).iter().map(|path| path.replace("jazz/rock.", "jazz/jazz.")).collect();
        let work = files(&paths);
        let ran = ok(&work, &["--out", "out"]);
        ran.told("pieces", &["8 of 10 files are pieces of 4 songs by their names", "--song-from"]);
        let (songs, parts) = (column(&work, "out", "song"), column(&work, "out", "part"));
        let mut of_song: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (file, song) in &songs {
            of_song.entry(song).or_default().push(&parts[file]);
        }
        assert_eq!(of_song.len(), 6, "{songs:?}");
        assert!(of_song.values().all(|parts| parts.iter().all(|part| *part == parts[0])));
        let audit = work.ok("audit out");
        assert!(
            audit.out.contains("val   6 samples, 2 songs")
                || audit.out.contains("12 samples, 2 songs")
        );

        // Decided otherwise.
        let ran = ok(&work, &["--out", "each", "--song-from", "(.*)"]);
        assert!(!ran.err.contains("pieces"), "{}", ran.err);
        let songs = column(&work, "each", "song");
        assert_eq!(songs.values().collect::<std::collections::BTreeSet<_>>().len(), 10);
    }
}

#[test]
fn songs_by_an_expression() {
    let names = ["x-1-a.wav", "x-2-a.wav", "x-1-b.wav", "x-2-c.wav", "x-3-c.wav"];
    let work = files(&both(&names));
    let ran = ok(&work, &["--out", "out", "--song-from", "^x-[0-9]+-(.*)$"]);
    ran.told("pieces", &["8 of 10 files are pieces of 4 songs by --song-from"]);
    let ran = ok(&work, &["--out", "some", "--song-from", "rock/x-[0-9]-([a-z])$"]);
    ran.told("unmatched", &["--song-from matches 5 of 10 files", "such as jazz/"]);
    assert!(work.text("some/prepare.json").contains("\"song_from\": \"rock/x"));
    let ran = prepare(&work, &["--out", "some"]);
    ran.failed("another expression", &["song_from"]);
}

#[test]
fn numbers_that_may_count_pieces_are_told_and_the_advice_works() {
    let names: Vec<String> = ["Ann", "Bob", "Cid"]
        .iter()
        .flat_map(|n| (1..3).map(move |i| format!("{n}_{i}.wav")))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let work = files(&both(&names));
    let ran = ok(&work, &["--out", "out"]);
    ran.told("unsure", &["jazz/Ann_1.wav and jazz/Ann_2.wav may be", "'(.*)'"]);
    let (_, rest) = ran.err.split_once("--song-from '").unwrap();
    let advice = rest.split('\'').next().unwrap();
    let ran = ok(&work, &["--out", "pieces", "--song-from", advice]);
    ran.told("pieces", &["12 of 12 files are pieces of 6 songs"]);
    let ran = ok(&work, &["--out", "each", "--song-from", "(.*)"]);
    assert!(!ran.err.contains("may be"), "{}", ran.err);
}

#[test]
fn a_song_more_or_less_leaves_the_others_where_they_were() {
    let names: Vec<String> = (0..12).map(|i| format!("{i:03}.wav")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let work = files(&both(&names));
    ok(&work, &["--out", "all"]);
    let before = column(&work, "all", "part");
    work.write("songs/rock/005.wav", b"no sound");
    let ran = ok(&work, &["--out", "less"]);
    ran.told("skipped", &["rock/005.wav is skipped"]);
    let after = column(&work, "less", "part");
    let moved = before
        .iter()
        .filter(|(file, part)| file.as_str() != "rock/005.wav" && after[*file] != **part);
    assert!(moved.count() <= 2, "{before:?} {after:?}");
    let of = |part: &str| after.values().filter(|of| *of == part).count();
    assert_eq!(
        (of("train"), of("val"), of("test")),
        (12, 4, 7),
        "11 are 6, 2 and 3; 12 are 6, 2 and 4"
    );
}

#[test]
fn folders_of_parts_are_the_split() {
    let paths: Vec<String> = ["TRAIN", "Valid", "test"]
        .iter()
        .flat_map(|part| ["jazz", "rock"].map(|class| format!("{part}/{class}")))
        .flat_map(|folder| (0..2).map(move |i| format!("songs/{folder}/{i}.wav")))
        .collect();
    let work = files(&paths);
    let ran = ok(&work, &["--out", "out"]);
    assert!(
        ran.out.contains("jazz            2 (6)           2 (6)           2 (6)"),
        "{}",
        ran.out
    );
    assert_eq!(ran.err.lines().count(), 1, "0.wav of one part is not that of another: {}", ran.err);
    ran.told("parts", &["TRAIN is train, Valid is val, test is test; --split song draws them"]);
    work.ok("audit out");
    for (file, part) in column(&work, "out", "part") {
        assert!(file.to_lowercase().starts_with(&part), "{file} {part}");
    }
    let ran = ok(&work, &["--out", "drawn", "--split", "song"]);
    ran.told("ignored", &["the folders' parts (train, val, test) are ignored with --split song"]);
    assert!(!ran.err.contains("TRAIN is train"), "{}", ran.err);

    // Two parts.
    std::fs::remove_dir_all(work.path("songs/Valid")).unwrap();
    let ran = ok(&work, &["--out", "two"]);
    ran.told("drawn", &["there is no validation part: 20 % of the training songs"]);
    let parts = column(&work, "two", "part");
    let count = |of: &str| parts.values().filter(|part| *part == of).count();
    assert_eq!((count("train"), count("val"), count("test")), (2, 2, 4));

    // One part is none.
    std::fs::remove_dir_all(work.path("songs/test")).unwrap();
    for class in ["jazz", "rock"] {
        let from = work.path(&format!("songs/TRAIN/{class}"));
        std::fs::copy(from.join("0.wav"), from.join("2.wav")).unwrap();
    }
    let ran = ok(&work, &["--out", "one"]);
    ran.told("one", &["all songs are in one part by the folders' parts"]);
    let classes: serde_json::Value = serde_json::from_str(&work.text("one/prepare.json")).unwrap();
    assert_eq!(classes["settings"]["classes"], serde_json::json!(["jazz", "rock"]));
}

#[test]
fn parts_within_classes_and_songs_in_two_parts() {
    let paths: Vec<String> = ["jazz", "rock"]
        .iter()
        .flat_map(|class| ["training", "dev", "Evaluation"].map(|part| format!("{class}/{part}")))
        .flat_map(|folder| (0..2).map(move |i| format!("songs/{folder}/{i}.wav")))
        .collect();
    let work = files(&paths);
    let ran = ok(&work, &["--out", "out"]);
    assert!(
        ran.out.contains("rock            2 (6)           2 (6)           2 (6)"),
        "{}",
        ran.out
    );

    // Pieces of one song in two parts stay as they are, and are told.
    for (part, piece) in [("training", 1), ("Evaluation", 2)] {
        let to = work.path(&format!("songs/rock/{part}/Yellow_part{piece}.wav"));
        wav(&to, 22_050, 1, &tone(900.0 + f64::from(piece), 22_050, 77));
    }
    let ran = ok(&work, &["--out", "leak"]);
    ran.told(
        "leak",
        &["1 songs are in several parts, by their names", "Yellow_part", "--split song"],
    );
    let audit = work.run(&["audit", "leak"]);
    assert_eq!(audit.code, Some(1), "{}", audit.out);
    assert!(audit.out.contains("1 in both test and train"), "{}", audit.out);
    ok(&work, &["--out", "drawn", "--split", "song"]);
    assert!(work.run(&["audit", "drawn"]).out.contains("none is in two parts"));
}

#[test]
fn a_flat_folder_has_classes_by_gtzans_names_or_a_way_out() {
    let paths: Vec<String> = ["rock", "Jazz", "hip hop"]
        .iter()
        .flat_map(|class| (0..3).map(move |i| format!("songs/{class}.{i:05}.wav")))
        .collect();
    let work = files(&paths);
    let ran = ok(&work, &["--out", "out"]);
    ran.told("flat", &["9 files are in no folder of a class", "(hip hop, jazz, rock)"]);

    let work = files(&["songs/Yellow.wav".into(), "songs/Sparks.wav".into()]);
    prepare(&work, &["--out", "out"])
        .failed("flat", &["2 songs are in no folder of a class", "--csv FILE"]);
    work.write("songs/list.csv", "filename,genre\nYellow.wav,a\nSparks.wav,b\n");
    let ran = prepare(&work, &["--out", "out"]);
    ran.failed("list", &["genre-gpu prepare songs --out out --csv songs/list.csv"]);
}

#[test]
fn a_list_has_parts_and_songs() {
    let names = ["0.wav", "1.wav", "2.wav", "3.wav"];
    let work = files(&both(&names));
    let mut list = String::from("path,class,split,song_id\n");
    for class in ["jazz", "rock"] {
        for (name, part, song) in
            [("0", "train", "x"), ("1", "train", "x"), ("2", "validation", "y"), ("3", "TEST", "z")]
        {
            list.push_str(&format!("{class}/{name}.wav,{class},{part},{song}\n"));
        }
    }
    work.write("list.csv", list);
    let ran = ok(&work, &["--out", "out", "--csv", "list.csv"]);
    assert!(
        ran.out.contains("jazz            1 (6)           1 (3)           1 (3)"),
        "{}",
        ran.out
    );
    let ran = ok(&work, &["--out", "drawn", "--csv", "list.csv", "--split", "song"]);
    ran.told("ignored", &["the list's part column (train, val, test) are ignored"]);
}

/// Each way that a message names is tried.
#[test]
fn the_ways_out_of_an_empty_part_work() {
    let ways = |ran: &Ran| -> Vec<Vec<String>> {
        let (_, ways) = ran.err.split_once("; try ").unwrap_or_else(|| panic!("{}", ran.err));
        let flags =
            ways.split(", or ").filter_map(|way| Some(way.trim()[way.find("--")?..].to_owned()));
        let words =
            |way: String| way.split(" (").next().unwrap().split(' ').map(str::to_owned).collect();
        let known = |way: Vec<String>| -> Vec<String> {
            way.into_iter()
                .take_while(|word| word.starts_with("--") || !word.contains("if"))
                .collect()
        };
        flags.map(words).map(known).collect()
    };
    let long = |work: &Work, path: &str, seconds: usize| {
        std::fs::create_dir_all(work.path(path).parent().unwrap()).unwrap();
        wav(&work.path(path), 22_050, 1, &tone(440.0, 22_050, 3).repeat(seconds * 5 / 3));
    };
    let run = |work: &Work, out: &str, flags: &[&str]| {
        work.run(&[&["prepare", "songs", "--mels", "16", "--out", out], flags].concat())
    };
    // Too short for a cut; for 15 cuts; of one class; two songs of a third class.
    for (seconds, classes, count) in [(1, 2, 1), (9, 2, 1), (0, 3, 2)] {
        let work = files(&[]);
        for class in 0..classes {
            for song in 0..4 {
                let seconds = if seconds == 0 { 20 } else { seconds };
                if class < 2 || song < 2 {
                    long(&work, &format!("songs/{class}/{song}.wav"), seconds);
                } else {
                    work.write(&format!("songs/{class}/{song}.wav"), b"none");
                }
            }
        }
        let ran = run(&work, "out", &[]);
        ran.failed("empty", &["; try "]);
        assert!(ran.err.lines().count() <= 2, "{}", ran.err);
        let ways = ways(&ran);
        assert!(ways.len() >= count, "{}", ran.err);
        for (i, way) in ways.iter().enumerate() {
            let flags: Vec<&str> = way.iter().map(String::as_str).collect();
            let ran = run(&work, &format!("out{i}"), &flags);
            assert_eq!(ran.code, Some(0), "{flags:?}\n{}", ran.err);
        }
        // In the same folder, too, which is not taken for an interrupted one.
        let flags: Vec<&str> = ways[0].iter().map(String::as_str).collect();
        assert_eq!(run(&work, "out", &flags).code, Some(0));
    }
}

#[test]
fn a_start_without_any_cut_leaves_nothing() {
    let work = files(&both(&["0.wav", "1.wav", "2.wav"]));
    work.fails(
        "prepare songs --out out",
        &["none of 6 files can be used", "--segments 1 --frames"],
    );
    assert!(!work.exists("out"));
}

#[test]
fn empty_mel_bands_are_told_and_the_advice_works() {
    let work = files(&both(&["0.wav", "1.wav", "2.wav"]));
    let flags = |more: &[&'static str]| {
        [&["prepare", "songs", "--segments", "1", "--frames", "12", "--out"][..], more].concat()
    };
    let ran = work.run(&flags(&["out", "--n-fft", "512", "--mels", "256"]));
    ran.told("empty", &["39 of 256 mel bands", "--mels 153 or --n-fft 1024"]);
    for more in
        [["a", "--n-fft", "512", "--mels", "153"], ["b", "--n-fft", "1024", "--mels", "256"]]
    {
        assert_eq!(work.run(&flags(&more)).err, "");
    }
}

#[test]
fn names_cannot_control_a_terminal_or_a_spreadsheet() {
    let work = files(&both(&["=1+1.wav", "@b.wav", "-c.wav", "a\u{1b}[31m.wav"]));
    work.write("songs/rock/\u{1b}[2Jbad.wav", b"none");
    let ran = ok(&work, &["--out", "out"]);
    assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'), "{ran:?}");
    ran.told("shown", &[r"rock/\u{1b}[2Jbad.wav is skipped"]);

    // Without folders names begin with what spreadsheets take for formulas.
    let work = files(
        &[
            "songs/=a.wav",
            "songs/+b.wav",
            "songs/@c.wav",
            "songs/-d.wav",
            "songs/'=e.wav",
            "songs/f.wav",
        ]
        .map(String::from),
    );
    let rows = ["=a", "+b", "@c", "-d", "'=e", "f"];
    let row = |(i, name): (usize, &&str)| format!("{name}.wav,{}\n", ["x", "=y"][i % 2]);
    work.write(
        "list.csv",
        format!("file,label\n{}", rows.iter().enumerate().map(row).collect::<String>()),
    );
    ok(&work, &["--out", "out", "--csv", "list.csv"]);
    let mut csv = csv::Reader::from_path(work.path("out/songs.csv")).unwrap();
    for row in csv.records() {
        assert!(!row.unwrap().iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])));
    }
    // The list is read back.
    ok(&work, &["--out", "again", "--csv", "out/songs.csv", "--split", "song"]);
    let classes = |out: &str| -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(&work.text(&format!("{out}/prepare.json")))
            .unwrap()["settings"]["classes"]
            .clone()
    };
    assert_eq!(classes("again"), serde_json::json!(["=y", "x"]));
    assert_eq!(classes("out"), classes("again"));
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_not_followed_where_they_lead_outside() {
    let work = files(&both(&["0.wav", "1.wav", "2.wav"]));
    std::fs::create_dir_all(work.path("mine")).unwrap();
    std::fs::create_dir_all(work.path("out")).unwrap();
    work.write("mine/.partial-note", b"mine");
    std::os::unix::fs::symlink(work.path("mine"), work.path("out/.prepare")).unwrap();
    prepare(&work, &["--out", "out"]).failed("link", &["out/.prepare: is a link", "remove it"]);
    assert_eq!(work.list("mine"), [".partial-note"]);
    std::fs::remove_file(work.path("out/.prepare")).unwrap();

    std::os::unix::fs::symlink("/dev/zero", work.path("songs/rock/zero.wav")).unwrap();
    std::os::unix::fs::symlink("nowhere", work.path("songs/rock/gone.wav")).unwrap();
    let ran = ok(&work, &["--out", "out"]);
    ran.told("irregular", &["2 files that are named as sound are no regular files"]);
}
