//! `genre-gpu audit` on songs that are pieces, GTZAN's names, and bands that say nothing.

use std::collections::BTreeSet;

use ndarray::{Array1, Array3, Axis};
use ndarray_npy::{read_npy, write_npy};

use super::data::Set;
use super::program::Work;

/// A data set in which each sample has its own id, and a songs.csv with a file for each.
fn pieces(file: impl Fn(&str, i64, i64) -> String) -> Work {
    let work = Work::with(Set::default());
    let mut list = String::from("song,file,class\n");
    let mut next = 0;
    for part in ["train", "val", "test"] {
        let y: Array1<i64> = read_npy(work.path(&format!("data/y_{part}.npy"))).unwrap();
        let ids = Array1::from_iter(next..next + y.len() as i64);
        for (id, label) in ids.iter().zip(&y) {
            list.push_str(&format!("{id},{},{label}\n", file(part, *id, *label)));
        }
        next += y.len() as i64;
        write_npy(work.path(&format!("data/song_{part}.npy")), &ids).unwrap();
    }
    work.write("data/songs.csv", list);
    work
}

#[test]
fn pieces_are_counted_as_their_songs() {
    // Four pieces of a song, all of one label and in one part.
    let work =
        pieces(|part, id, label| format!("{part}/{label}/title {label}{part} part {id}.wav"));
    let ran = work.ok("audit data");
    let labels = |part: &str| {
        let y: Array1<i64> = read_npy(work.path(&format!("data/y_{part}.npy"))).unwrap();
        y.iter().copied().collect::<BTreeSet<i64>>().len()
    };
    for part in ["train", "val", "test"] {
        let told = format!("samples, {} songs", labels(part));
        assert!(ran.out.contains(&told), "{told}\n{}", ran.out);
    }
    assert!(ran.out.contains("none is in two parts"), "{}", ran.out);
    assert!(ran.out.contains("are counted as these songs"), "{}", ran.out);

    // Pieces of a song in all parts.
    let work = pieces(|part, id, label| format!("{part}/{label}/Yellow {label} (part {id}).wav"));
    let ran = work.run(&["audit", "data"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.out.contains("in both test and train"), "{}", ran.out);
    assert!(ran.out.contains("test is COMPROMISED: 16 of 16 samples"), "{}", ran.out);
}

#[test]
fn one_gtzan_name_in_two_parts_is_found() {
    let work = pieces(|part, id, _| match (part, id % 16) {
        (_, 0) => "Rock.00007.3.wav".into(),
        ("test", 1) => "x/metal_00013_seg2.au".into(),
        ("val", 1) => "metal.00013.wav".into(),
        _ => format!("{part}/own {id} name.wav"),
    });
    let ran = work.run(&["audit", "data"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    for told in [
        "one song by its name: 1 in both test and train, such as rock.00007",
        "one song by its name: 2 in both test and val, such as metal.00013, rock.00007",
    ] {
        assert!(ran.out.contains(told), "{told}\n{}", ran.out);
    }
    let json: serde_json::Value =
        serde_json::from_str(&work.run(&["audit", "data", "--json"]).out).unwrap();
    assert_eq!(json["gtzan"]["named"], 2);
    assert_eq!(json["gtzan"]["same"][0]["examples"], serde_json::json!(["rock.00007"]));
}

#[test]
fn constant_bands_are_reported() {
    let work = Work::new();
    assert!(!work.ok("audit data").out.contains("throughout each sample"));
    for part in ["train", "val", "test"] {
        let path = work.path(&format!("data/x_{part}.npy"));
        let mut x: Array3<f32> = read_npy(&path).unwrap();
        for (i, mut sample) in x.axis_iter_mut(Axis(0)).enumerate() {
            // The floor may be another one in each sample.
            for band in [3, 7] {
                sample.row_mut(band).fill(-80.0 - i as f32);
            }
        }
        write_npy(&path, &x).unwrap();
    }
    let ran = work.ok("audit data");
    let told = "2 of 16 bands have one value throughout each sample, such as band 3";
    assert!(ran.out.contains(told), "{}", ran.out);
    let json: serde_json::Value = serde_json::from_str(&work.ok("audit data --json").out).unwrap();
    assert_eq!(json["constant_bands"], serde_json::json!([3, 7]));
}

/// Adds a column that says of each file that it is a song of its own.
fn each_a_song(work: &Work) {
    let list = work.text("data/songs.csv").replacen("class\n", "class,song_name\n", 1);
    let (head, rows) = list.split_once('\n').unwrap();
    let rows = rows.lines().map(|row| format!("{row},{}\n", row.split(',').nth(1).unwrap()));
    work.write("data/songs.csv", format!("{head}\n{}", rows.collect::<String>()));
}

#[test]
fn what_is_told_of_gtzans_names_is_in_the_verdict() {
    let work = pieces(|part, id, _| match (part, id % 16) {
        (_, 0) => format!("Rock.00007.{id}.wav"),
        ("test", 1 | 2) => format!("metal.00034.{id}.wav"),
        ("train", 1) => "metal.00094.wav".into(),
        _ => format!("{part}/own {id} name.wav"),
    });
    let count = |part: &str, wanted: &[i64]| {
        let ids: Array1<i64> = read_npy(work.path(&format!("data/song_{part}.npy"))).unwrap();
        ids.iter().filter(|id| wanted.contains(&(**id % 16))).count()
    };
    for own in [false, true] {
        if own {
            each_a_song(&work);
        }
        let ran = work.run(&["audit", "data"]);
        assert_eq!(ran.code, Some(1), "{}", ran.out);
        for told in [
            "one song by its name: 1 in both test and train, such as rock.00007".to_owned(),
            "one recording: metal.00034 in test and metal.00094 in train".to_owned(),
            // All pieces, not one of each name.
            format!("test is COMPROMISED: {} of 16 samples", count("test", &[0, 1, 2])),
            format!("val is COMPROMISED: {} of", count("val", &[0])),
        ] {
            assert!(ran.out.contains(&told), "{told}\n{}", ran.out);
        }
    }
}
