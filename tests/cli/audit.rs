//! `genre-gpu audit`, and the line of it that `train` prints.

use ndarray::{Array1, Array3};
use ndarray_npy::{read_npy, write_npy};
use serde_json::Value;

use super::data::Set;
use super::program::Work;

/// Test sample 3 becomes training sample 5, some frames later.
fn leak(work: &Work, later: usize) {
    let train: Array3<f32> = read_npy(work.path("data/x_train.npy")).unwrap();
    let mut test: Array3<f32> = read_npy(work.path("data/x_test.npy")).unwrap();
    for (h, w) in (0..16).flat_map(|h| (later..12).map(move |w| (h, w))) {
        test[[3, h, w - later]] = train[[5, h, w]];
    }
    write_npy(work.path("data/x_test.npy"), &test).unwrap();
}

#[test]
fn a_clean_set_ends_with_0_and_a_leaking_one_with_1() {
    let work = Work::new();
    let json = |work: &Work| -> Value {
        serde_json::from_str(&work.run(&["audit", "data", "--json"]).out).unwrap()
    };
    let ran = work.ok("audit data");
    assert!(ran.out.contains("Verdict: test is clean as far as was checked"), "{}", ran.out);
    let found = json(&work);
    assert_eq!((&found["test"]["samples"], &found["test"]["of_songs"]), (&0.into(), &4.into()));
    let again = work.ok("audit --data data").out;
    assert_eq!(again, ran.out, "the flag means the same");

    leak(&work, 4);
    let ran = work.run(&["audit", "data"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{}", ran.out);
    for part in [
        "test is COMPROMISED: 1 of 16 samples (6.25 %), 1 of 4 songs",
        "test 3 (song 16) and train 5 (song 1)",
    ] {
        assert!(ran.out.contains(part), "{part} in {}", ran.out);
    }
    let json = json(&work);
    let found = &json["evidence"][0];
    assert_eq!(
        (&found["kind"], &found["part"], &found["other"]),
        (&"frames".into(), &"test".into(), &"train".into())
    );
    let example = &found["examples"][0];
    assert_eq!((&example["sample"]["index"], &example["other"]["index"]), (&3.into(), &5.into()));
    assert_eq!(example["shift"], 4);
    assert!(example["frames"].as_u64().unwrap() >= 3, "{example}");
    let quiet = work.run(&["audit", "data", "--quiet"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (Some(1), "", ""));
}

#[test]
fn what_cannot_be_used_is_told() {
    let work = Work::new();
    work.fails("audit nowhere", &["nowhere: there is no such file or folder"]);
    // Ids 0, 1, … of labels 0, 1, … are no numbers of GTZAN's.
    let told = ["--frames", "at most the number of frames of a sample", "13; samples have 12"];
    work.refuses("audit data --frames 13", &told);
    work.refuses("audit data --gtzan", &["--gtzan", "label * 100", "id 1 of class 1"]);
    let mut x: Array3<f32> = read_npy(work.path("data/x_val.npy")).unwrap();
    x[[2, 5, 7]] = f32::NAN;
    write_npy(work.path("data/x_val.npy"), &x).unwrap();
    work.fails("audit data", &["x_val.npy", "NaN in sample 2 at [h, w] = [5, 7]"]);
}

#[test]
fn train_says_it_in_a_line() {
    let work = Work::new();
    let words = "train --data data --epochs 1 --out run --overwrite";
    let ran = work.ok(words);
    let line = "Audit: no sample and no song of the test part occurs in another part\n";
    assert!(ran.out.contains(line), "{}", ran.out);
    leak(&work, 0);
    let ran = work.ok(&format!("{words} --quiet"));
    let line = "genre-gpu: Audit: 1 of 16 test samples occurs in train or val too, equal samples \
                with different labels: 1; genre-gpu audit has details\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", line));

    let work = Work::with(Set { songs: false, ..Set::default() });
    let ran = work.ok(words);
    assert!(ran.out.contains("occurs in another part; songs unknown\n"), "{}", ran.out);
    Set::default().write(&work.path("data"));
    let songs: Array1<i64> = read_npy(work.path("data/song_train.npy")).unwrap();
    write_npy(
        work.path("data/song_test.npy"),
        &songs.iter().take(16).copied().collect::<Array1<i64>>(),
    )
    .unwrap();
    let ran = work.ok(words);
    assert_eq!(ran.err.lines().count(), 1, "once: {}", ran.err);
    assert!(ran.err.contains("4 songs are in both test and train (such as id 0 of class 0)"));
    let ran = work.ok("evaluate run --quiet");
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
}
