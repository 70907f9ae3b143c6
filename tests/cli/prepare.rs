//! Folders of sound become arrays that `train` takes.

use std::path::Path;

use genre_gpu::random::streams::Stream;
use ndarray::{Array1, Array3, Axis};
use ndarray_npy::read_npy;

use super::program::Work;

/// A small front end: cuts of 12 frames, 2,816 samples at 22,050 Hz.
pub const SMALL: &str = "--n-fft 512 --hop 256 --mels 16 --frames 12 --segments 3";
const PARTS: [&str; 3] = ["train", "val", "test"];

/// A tone and noise, about 0.6 s.
pub(super) fn tone(hz: f64, rate_hz: u32, seed: u64) -> Vec<i16> {
    let mut noise = Stream::new(seed, "noise");
    let n = rate_hz as usize * 6 / 10 + seed as usize;
    let phase = |k: usize| std::f64::consts::TAU * hz * k as f64 / f64::from(rate_hz);
    (0..n).map(|k| ((0.4 * phase(k).sin() + 0.02 * noise.normal()) * 32_767.0) as i16).collect()
}

pub(super) fn wav(path: &Path, rate_hz: u32, channels: u16, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for &sample in samples {
        (0..channels).for_each(|_| writer.write_sample(sample).unwrap());
    }
    writer.finalize().unwrap();
}

fn au(path: &Path, rate_hz: u32, samples: &[i16]) {
    let mut bytes = b".snd".to_vec();
    for word in [28, samples.len() as u32 * 2, 3, rate_hz, 1, 0] {
        bytes.extend(word.to_be_bytes());
    }
    samples.iter().for_each(|sample| bytes.extend(sample.to_be_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// Two classes of five songs: WAV at two rates, stereo, AU.
pub fn songs() -> Work {
    let work = Work::empty();
    for (class, hz) in [("low", 300.0), ("high", 4000.0)] {
        std::fs::create_dir_all(work.path(&format!("songs/{class}"))).unwrap();
        let path = |name: &str| work.path(&format!("songs/{class}/{name}"));
        wav(&path("0.wav"), 22_050, 1, &tone(hz, 22_050, 1));
        wav(&path("1.wav"), 44_100, 1, &tone(hz, 44_100, 2));
        wav(&path("2.WAV"), 22_050, 2, &tone(hz, 22_050, 3));
        au(&path("3.au"), 22_050, &tone(hz, 22_050, 4));
        au(&path("4.au"), 44_100, &tone(hz, 44_100, 5));
    }
    work
}

fn x(work: &Work, out: &str, part: &str) -> Array3<f32> {
    read_npy(work.path(&format!("{out}/x_{part}.npy"))).unwrap()
}

fn ints(work: &Work, out: &str, name: &str) -> Vec<i64> {
    let array: Array1<i64> = read_npy(work.path(&format!("{out}/{name}.npy"))).unwrap();
    array.to_vec()
}

fn same(work: &Work, one: &str, other: &str) {
    assert_eq!(work.list(one), work.list(other));
    for name in work.list(one) {
        assert_eq!(
            work.read(&format!("{one}/{name}")),
            work.read(&format!("{other}/{name}")),
            "{name}"
        );
    }
}

#[test]
fn a_folder_for_each_class_becomes_arrays_that_train_takes() {
    let work = songs();
    let ran = work.ok(&format!("prepare songs --out out {SMALL}"));
    for told in
        ["10 files", "genre-gpu train --data out", "high            2 (6)", "times real time"]
    {
        assert!(ran.out.contains(told), "{told}\n{}", ran.out);
    }
    let mut all = Vec::new();
    for (part, n) in PARTS.into_iter().zip([4, 2, 4]) {
        let (x, y, song) = (
            x(&work, "out", part),
            ints(&work, "out", &format!("y_{part}")),
            ints(&work, "out", &format!("song_{part}")),
        );
        assert_eq!(x.shape(), [n * 3, 16, 12], "{part}");
        for ((cut, y), song) in x.outer_iter().zip(y).zip(song) {
            assert_eq!(song / 1000, y);
            // "high" comes first: the tone's band is the loudest throughout.
            let means: Vec<f32> = cut.rows().into_iter().map(|row| row.sum() / 12.0).collect();
            let loudest = (0..16).max_by(|&a, &b| means[a].total_cmp(&means[b])).unwrap();
            assert_eq!(loudest > 6, y == 0, "{song}: {means:?}");
            all.push(song);
        }
        assert!(x.iter().all(|v| (-80.0..=0.0).contains(v)));
    }
    all.sort_unstable();
    let ids = [0, 1, 2, 3, 4, 1000, 1001, 1002, 1003, 1004];
    assert_eq!(all, ids.map(|id| [id; 3]).concat());
    let names = ["prepare.json", "song_test.npy", "song_train.npy", "song_val.npy", "songs.csv"];
    assert_eq!(work.list("out")[..5], names.map(String::from), "nothing else is left");

    let ran = work.ok("train --data out --epochs 1 --out run");
    assert!(ran.out.contains("Classes: high, low\n"), "{}", ran.out);
    let model = String::from_utf8_lossy(&work.read("run/model.safetensors")).into_owned();
    assert!(model.contains(r#"\"n_fft\":512"#), "the model knows its front end");
}

#[test]
fn other_rates_channels_and_containers_give_the_same_spectrograms() {
    let work = Work::empty();
    let seconds = |rate_hz: u32| -> Vec<i16> {
        let phase = |k: usize| std::f64::consts::TAU * 700.0 * k as f64 / f64::from(rate_hz);
        (0..rate_hz as usize).map(|k| (9000.0 * phase(k).sin()) as i16).collect()
    };
    for class in ["a", "b"] {
        std::fs::create_dir_all(work.path(&format!("songs/{class}"))).unwrap();
        let path = |name: &str| work.path(&format!("songs/{class}/{name}"));
        wav(&path("0.wav"), 22_050, 1, &seconds(22_050));
        wav(&path("1.wav"), 44_100, 1, &seconds(44_100));
        wav(&path("2.wav"), 22_050, 2, &seconds(22_050));
        au(&path("3.au"), 22_050, &seconds(22_050));
        au(&path("4.au"), 48_000, &seconds(48_000));
    }
    work.ok(&format!("prepare songs --out out {SMALL} --threads 2 --quiet"));
    let mut cuts: Vec<(i64, Array3<f32>)> = Vec::new();
    for part in PARTS {
        let x = x(&work, "out", part);
        for (i, song) in
            ints(&work, "out", &format!("song_{part}")).into_iter().enumerate().step_by(3)
        {
            cuts.push((song, x.select(Axis(0), &[i, i + 1, i + 2])));
        }
    }
    let of = |id: i64| &cuts.iter().find(|(song, _)| *song == id).unwrap().1;
    assert_eq!(of(0), of(2), "stereo");
    assert_eq!(of(0), of(3), "AU");
    for id in [1, 4] {
        // Where the tone is; 60 dB below it rounding to 16 bits differs. At the song's ends,
        // where the tone begins and ends at once, filters ring.
        for ((at, want), got) in of(0).indexed_iter().zip(of(id)) {
            let tolerance = if at.0 == 1 { 0.02 } else { 0.5 };
            assert!(*want <= -40.0 || (want - got).abs() < tolerance, "{id} {at:?}: {want} {got}");
        }
    }
}

#[test]
fn the_whole_chain_agrees_with_librosa() {
    let work = Work::empty();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    for class in ["a", "b"] {
        std::fs::create_dir_all(work.path(&format!("songs/{class}"))).unwrap();
        for copy in 0..3 {
            let to = work.path(&format!("songs/{class}/{copy}.wav"));
            std::fs::copy(fixtures.join("tones.wav"), to).unwrap();
        }
    }
    let ran = work.ok("prepare songs --out out --segments 2 --frames 11 --reference cut");
    ran.told("copies", &["the same file several times: a/0.wav"]);
    let want: Array3<f32> = read_npy(fixtures.join("tones.cuts.npy")).unwrap();
    let got = x(&work, "out", "train");
    let got = got.select(Axis(0), &[0, 1]);
    assert_eq!(got.shape(), want.shape());
    let worst = got.iter().zip(&want).map(|(got, want)| (got - want).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "{worst} dB");
}

#[test]
fn the_number_of_threads_changes_no_bit_and_the_seed_does() {
    let work = songs();
    work.ok(&format!("prepare songs --out one {SMALL} --threads 1"));
    work.ok(&format!("prepare songs --out three {SMALL} --threads 3"));
    same(&work, "one", "three");
    work.ok(&format!("prepare songs --out other {SMALL} --seed 7"));
    assert_ne!(work.read("one/song_train.npy"), work.read("other/song_train.npy"));
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_with_strict_an_error() {
    let work = songs();
    work.write("songs/low/broken.wav", b"RIFF of no kind".repeat(40));
    wav(&work.path("songs/low/short.wav"), 22_050, 1, &tone(300.0, 22_050, 9)[..4000]);
    let words = format!("prepare songs --out out {SMALL}");
    work.fails(
        &format!("{words} --strict"),
        &["2 of 12 files", "low/broken.wav", "--strict", "no arrays were written"],
    );
    assert_eq!(work.list("out"), [".prepare"]);
    work.fails(
        "train --data out --epochs 1",
        &["out: prepare was interrupted here", "run it again"],
    );

    let ran = work.ok(&words);
    assert!(ran.out.contains("Files skipped: 2; songs.csv says why."), "{}", ran.out);
    let told =
        ["low/broken.wav is skipped: ", "low/short.wav is skipped: 0.18 s are too short: 3 cuts"];
    ran.told("skipped", &told);
    let rows = work.text("out/songs.csv");
    assert!(rows.contains("low/short.wav,1,low,,,,,0,0.18 s are too short"), "{rows}");
    let record = work.text("out/prepare.json");
    assert!(record.contains(r#""low/broken.wav": "#), "{record}");
}

#[test]
fn a_second_start_goes_on_where_the_first_stopped() {
    let work = songs();
    work.ok(&format!("prepare songs --out whole {SMALL}"));
    work.write("songs/low/broken.wav", b"no sound");
    let words = format!("prepare songs --out out {SMALL}");
    work.fails(&format!("{words} --strict"), &["low/broken.wav"]);
    std::fs::remove_file(work.path("songs/low/broken.wav")).unwrap();
    let kept: Vec<String> =
        work.list("out/.prepare").into_iter().filter(|name| name.ends_with(".cuts")).collect();
    assert_eq!(kept.len(), 10);

    // One is cut off, as by a full disk; in two a value is changed, in one of them with its hash, which
    // shows that it is used.
    let path = |i: usize| format!("out/.prepare/{}", kept[i]);
    let mut cut_off = work.read(&path(0));
    cut_off.truncate(cut_off.len() - 4);
    work.write(&path(0), cut_off);
    for (i, hashed) in [(1, true), (2, false)] {
        let mut changed = work.read(&path(i));
        let last = changed.len() - 4;
        changed[last..].copy_from_slice(&12_345.0f32.to_le_bytes());
        if hashed {
            let hash = blake3::hash(&changed[65..]).to_hex();
            changed[..64].copy_from_slice(hash.as_bytes());
        }
        work.write(&path(i), changed);
    }
    work.write("out/.genre-gpu-partial-a1B2c3", b"half");
    work.write("out/.prepare/.genre-gpu-partial-a1B2c3", b"half");
    work.ok(&words);
    let count =
        |out: &str, part: &str| x(&work, out, part).iter().filter(|v| **v == 12_345.0).count();
    assert_eq!(PARTS.map(|part| count("out", part)).iter().sum::<usize>(), 1);
    assert!(!work.exists("out/.prepare") && !work.exists("out/.genre-gpu-partial-a1B2c3"));

    // What is finished is made again, from the files themselves.
    work.ok(&words);
    same(&work, "whole", "out");
    work.fails(
        &format!("{words} --reference cut"),
        &["zero_db: \"song\" there, \"cut\" here", "--out"],
    );
    same(&work, "whole", "out");
    work.write("songs/note.txt", b"mine");
    work.fails(&format!("prepare songs --out songs {SMALL}"), &["new or empty folder, found high"]);
}

#[test]
fn labels_that_are_numbers_are_in_their_order() {
    let work = songs();
    std::fs::rename(work.path("songs/low"), work.path("songs/2")).unwrap();
    std::fs::rename(work.path("songs/high"), work.path("songs/10")).unwrap();
    work.ok(&format!("prepare songs --out out {SMALL}"));
    let record: serde_json::Value = serde_json::from_str(&work.text("out/prepare.json")).unwrap();
    assert_eq!(record["settings"]["classes"], serde_json::json!(["2", "10"]));
}

#[test]
fn parts_are_as_the_split_says() {
    let work = songs();
    let mut list = String::from("file,part\n");
    for (i, part) in ["test", "train", "valid", "train"].into_iter().enumerate() {
        let file = ["0.wav", "1.wav", "2.WAV", "3.au"][i];
        list.push_str(&format!("low/{file},{part}\nhigh/{file},{part}\n"));
    }
    work.write("parts.csv", &list);
    let ran = work.ok(&format!("prepare songs --out out {SMALL} --split-csv parts.csv"));
    assert!(ran.out.contains("the split does not list them: 2."), "{}", ran.out);
    assert_eq!(ints(&work, "out", "song_test"), [[0; 3], [1000; 3]].concat());
    assert_eq!(ints(&work, "out", "song_train").len(), 12);

    work.write(
        "labels.csv",
        "File,Genre,Song\nlow/0.wav,x,a\nlow/1.wav,x,a\nlow/2.WAV,x,b\n\
        low/3.au,x,c\nhigh/0.wav,y,d\nhigh/1.wav,y,e\nhigh/3.au,y,f\n",
    );
    work.ok(&format!("prepare songs --out listed {SMALL} --csv labels.csv --genres y,x"));
    let of_x: Vec<Vec<i64>> =
        PARTS.map(|part| ints(&work, "listed", &format!("song_{part}"))).into();
    let count =
        |id: i64| of_x.iter().map(|ids| ids.iter().filter(|other| **other == id).count()).max();
    assert_eq!(count(1000), Some(6), "both files of song a are in one part");

    let ran = work.ok(&format!("prepare songs --out segments {SMALL} --split segment"));
    ran.told("leakage", &["--split segment", "scores look too good"]);
    assert_eq!(PARTS.map(|part| ints(&work, "segments", &format!("y_{part}")).len()), [16, 4, 10]);
}

#[test]
fn the_published_split_knows_its_songs() {
    let work = songs();
    work.fails(
        &format!("prepare songs --out out {SMALL} --split fault-filtered"),
        &["classical, disco, metal, rock only, found high", "--genres"],
    );
    // One song of each part, and one that no list names (GTZAN's end at 00099).
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/splits");
    for genre in ["metal", "rock"] {
        std::fs::create_dir_all(work.path(&format!("gtzan/genres_original/{genre}"))).unwrap();
        for part in ["train", "valid", "test"] {
            let list = std::fs::read_to_string(data.join(format!("{part}_filtered.txt"))).unwrap();
            let name = list.lines().find(|line| line.starts_with(genre)).unwrap();
            let path = work.path(&format!("gtzan/genres_original/{genre}/{name}.au"));
            au(&path, 22_050, &tone(500.0, 22_050, name.len() as u64));
        }
    }
    au(&work.path("gtzan/genres_original/metal/metal.00100.au"), 22_050, &tone(9.0, 22_050, 1));
    let ran = work.ok(&format!("prepare gtzan --out out {SMALL} --split fault-filtered"));
    ran.told("few", &["only 6 of the split's"]);
    assert!(ran.out.contains("the split does not list them: 1."), "{}", ran.out);
    for part in PARTS {
        assert_eq!(ints(&work, "out", &format!("y_{part}")), [0, 0, 0, 1, 1, 1], "{part}");
    }
}

#[test]
fn what_cannot_be_prepared_is_said() {
    let work = songs();
    std::fs::create_dir_all(work.path("empty/rock")).unwrap();
    std::fs::create_dir_all(work.path("few/rock")).unwrap();
    std::fs::create_dir_all(work.path("few/jazz")).unwrap();
    for file in ["rock/0.au", "rock/1.au", "rock/2.au", "jazz/0.au"] {
        au(&work.path(&format!("few/{file}")), 22_050, &tone(500.0, 22_050, 1));
    }
    work.write("no_label.csv", "file\nlow/0.wav\n");
    work.write("no_file.csv", "file,label\nlow/0.wav,a\nlow/9.wav,b\n");
    work.write("no_part.csv", "file,part\nlow/0.wav,middle\n");
    work.write("outside.csv", "file,label\n../songs/low/0.wav,a\nlow/1.wav,b\n");
    let absolute = work.path("elsewhere/low/0.wav").display().to_string();
    work.write("absolute.csv", format!("file,label\n{absolute},a\nlow/1.wav,b\n"));
    for (words, told) in [
        ("prepare nowhere --out out", vec!["nowhere"]),
        ("prepare empty --out out", vec!["no audio was found", ".wav", "--csv"]),
        (
            "prepare songs/low --out out",
            vec!["5 songs are in no folder of a class", "genre-gpu prepare songs --out out"],
        ),
        ("prepare songs --out out --genres low", vec!["two classes", "only low"]),
        ("prepare songs --out out --genres low,jazz", vec!["jazz", "found high, low"]),
        ("prepare few --out out", vec!["class jazz: expected at least 3 songs", "found 1"]),
        ("prepare songs --out out --csv no_label.csv", vec!["columns file, label, found file"]),
        ("prepare songs --out out --csv no_file.csv", vec!["line 3", "low/9.wav"]),
        (
            "prepare songs --out out --csv outside.csv",
            vec!["line 2", "../songs/low/0.wav leads out of the folder of audio", "within songs"],
        ),
        ("prepare songs --out out --csv absolute.csv", vec!["leads out of the folder of audio"]),
        ("prepare songs --out out --split-csv no_part.csv", vec!["line 2", "middle"]),
        (
            "prepare songs --out out",
            vec!["none of 10 files can be used", "too short", "--segments 1 --frames 26"],
        ),
    ] {
        work.fails(words, &told);
        assert!(!work.exists("out/x_train.npy"), "{words}");
    }
    work.refuses("prepare songs --out out --split csv", &["--split", "--split-csv FILE"]);
    work.refuses("prepare songs --out out --split song --split-csv no_part.csv", &["found song"]);
    work.refuses("prepare songs --out out --segments 0", &["--segments"]);
    for (flags, told) in [
        ("--f-max 20000", "half the --sample-rate"),
        ("--f-min 3 --f-max 2", "0 <= --f-min < --f-max"),
        ("--mels 1000000", "from 1 to 65536"),
        ("--mels 0", "from 1 to 65536"),
        ("--mels 65536 --frames 65536", "at most 16777216"),
        ("--hop 1048576 --frames 65536 --mels 16", "at most 268435456 samples"),
        ("--frames 0", "from 1 to 65536"),
        ("--hop 18446744073709551615", "from 1 to 1048576"),
        ("--hop 0", "from 1 to 1048576"),
        ("--n-fft 1", "from 2 to 1048576"),
        ("--sample-rate 0", "1 to 768000"),
        ("--song-from (", "--song-from"),
    ] {
        work.refuses(&format!("prepare songs --out out {flags}"), &[told]);
        assert!(!work.exists("out"), "{flags}");
    }
    work.refuses("prepare songs", &["--out"]);
}
