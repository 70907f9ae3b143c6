//! Folds: no song and no group in two of them, classes in equal shares, the same for everyone.

use std::collections::{BTreeMap, BTreeSet};

use genre_gpu::data::{
    DataOptions, Dataset, Division, Fold, GroupBy, Part, PartName, Pool, Scale, ScaleKind,
};
use genre_gpu::progress::Silent;
use genre_gpu::random::streams::Stream;

/// Songs as (id, class, samples) in train, val and test.
fn dataset(parts: [&[(i64, u32, usize)]; 3], classes: usize) -> Dataset {
    let [train, val, test] = parts.map(|songs| {
        let of = |value: &dyn Fn(&(i64, u32, usize)) -> i64| -> Vec<i64> {
            songs.iter().flat_map(|song| vec![value(song); song.2]).collect()
        };
        let y = of(&|song| song.1.into()).into_iter().map(|y| y as u32).collect();
        Part { x: Vec::new(), y, song: Some(of(&|song| song.0)) }
    });
    Dataset {
        source: "made here".into(),
        sample_shape: [1, 1, 1],
        classes: (0..classes).map(|class| format!("class{class}")).collect(),
        assumed_classes: false,
        train,
        val,
        test,
        found: Vec::new(),
        scale: Scale::NONE,
        disk: None,
        hash: "of the data".into(),
        song_ids: BTreeMap::new(),
        val_is_test: false,
    }
}

/// The songs and classes of the samples of a fold that are held out, and of all others.
fn held_out(pool: &Pool<'_>, division: &Division, number: usize) -> [Vec<(i64, u32)>; 2] {
    let [train, _, test] = pool.rows(number, division, false);
    let songs = pool.part.song.as_deref().unwrap();
    [test, train].map(|rows| rows.iter().map(|row| (songs[*row], pool.part.y[*row])).collect())
}

#[test]
fn folds_by_hand() {
    // Six songs of each of two classes in three blocks of ten ids, over all parts; two samples each.
    let songs: Vec<(i64, u32, usize)> =
        (0..12).map(|i| (i64::from(i % 6) * 5 + i64::from(i / 6) * 100, i as u32 / 6, 2)).collect();
    let data = dataset([&songs[..6], &songs[6..9], &songs[9..]], 2);
    let pool = Pool::new(&data, &GroupBy::Block(10), true).unwrap();
    assert_eq!((pool.songs(), pool.groups(), pool.part.len()), (12, 6, 24));
    let said = pool.describe();
    assert!(said.contains("12 songs (6 train + 3 val + 3 test), 24 samples; 6 groups"), "{said}");
    let division = pool.divide(3, 42).unwrap();
    assert_eq!(pool.songs_by_fold(&division), [4, 4, 4]);
    let mut blocks = BTreeSet::new();
    for number in 1..=3 {
        let [test, train] = held_out(&pool, &division, number);
        let ids: BTreeSet<i64> = test.iter().map(|(id, _)| *id).collect();
        // One block of each class, whole: ids 0 and 5, 10 and 15, or 20 and 25, of one class and
        // of the other.
        let ids: Vec<i64> = ids.into_iter().collect();
        assert!(ids[0] % 10 == 0 && ids[1] == ids[0] + 5 && ids[3] == ids[2] + 5, "{ids:?}");
        assert!(ids[1] < 100 && ids[2] >= 100, "{ids:?}");
        assert_eq!((test.len(), train.len()), (8, 16));
        blocks.insert(ids[0]);
    }
    assert_eq!(blocks.len(), 3);
    let alone = Pool::new(&data, &GroupBy::Block(10), false).unwrap();
    assert_eq!((alone.songs(), alone.part.len()), (9, 18));
    assert!(alone.describe().contains("the test part is left out"));
}

#[test]
fn no_group_is_in_two_folds_whatever_the_songs() {
    for seed in 0..40 {
        let mut stream = Stream::new(seed, "songs");
        let classes = 2 + stream.below(3);
        let ids = 30 + stream.below(60);
        // Some ids have samples of two classes, and some are in two parts.
        let mut songs = Vec::new();
        for id in 0..ids as i64 {
            songs.push((id, stream.below(classes) as u32, 1 + stream.below(4)));
            if stream.chance(0.1) {
                songs.push((id, stream.below(classes) as u32, 1));
            }
        }
        stream.shuffle(&mut songs);
        let (a, b) = (songs.len() / 2, songs.len() / 2 + songs.len() / 5);
        let data = dataset([&songs[..a], &songs[a..b], &songs[b..]], classes);
        let by = [GroupBy::Song, GroupBy::Block(3)][stream.below(2)].clone();
        let folds = 2 + stream.below(3);
        let pool = Pool::new(&data, &by, true).unwrap();
        let Ok(division) = pool.divide(folds, seed) else { continue };
        assert_eq!(division, pool.divide(folds, seed).unwrap());
        let mut seen = vec![0; pool.part.len()];
        let song = pool.part.song.as_deref().unwrap();
        for number in 1..=folds {
            for validates in [false, true].into_iter().filter(|v| !v || folds > 2) {
                let rows = pool.rows(number, &division, validates);
                let of = |rows: &Vec<usize>| -> BTreeSet<(i64, usize)> {
                    rows.iter().map(|row| (song[*row], pool.group[*row])).collect()
                };
                let [train, val, test] = [0, 1, 2].map(|part| of(&rows[part]));
                let groups = |of: &BTreeSet<(i64, usize)>| -> BTreeSet<usize> {
                    of.iter().map(|(_, group)| *group).collect()
                };
                let ids = |of: &BTreeSet<(i64, usize)>| -> BTreeSet<i64> {
                    of.iter().map(|(id, _)| *id).collect()
                };
                assert!(groups(&train).is_disjoint(&groups(&test)), "{seed}");
                assert!(ids(&train).is_disjoint(&ids(&test)) && !train.is_empty(), "{seed}");
                if validates {
                    assert!(groups(&val).is_disjoint(&groups(&test)), "{seed}");
                    assert!(groups(&val).is_disjoint(&groups(&train)), "{seed}");
                    assert_eq!(rows.iter().map(Vec::len).sum::<usize>(), pool.part.len());
                } else {
                    assert_eq!(rows[1], rows[2]);
                    rows[2].iter().for_each(|row| seen[*row] += 1);
                    let classes_there: BTreeSet<u32> =
                        rows[2].iter().map(|row| pool.part.y[*row]).collect();
                    let all: BTreeSet<u32> = pool.part.y.iter().copied().collect();
                    assert_eq!(classes_there, all, "each fold has every class");
                }
            }
        }
        assert!(seen.iter().all(|count| *count == 1), "each sample is held out once");
    }
}

/// Blocks of 20 neighbours of four classes, of unlike sizes, five of each.
#[test]
fn unlike_groups_make_folds_of_like_sizes() {
    let sizes = [[11, 4, 16, 17, 20], [19, 18, 16, 8, 3], [15, 6, 13, 14, 16], [14, 8, 11, 20, 15]];
    let mut songs = Vec::new();
    for (class, sizes) in (0..).zip(sizes) {
        for (block, size) in (0..).zip(sizes) {
            songs.extend(
                (0..size).map(|i| (i64::from(100 * class + 20 * block + i), class as u32, 1)),
            );
        }
    }
    let data = dataset([&songs, &[], &[]], 4);
    let pool = Pool::new(&data, &GroupBy::Block(20), true).unwrap();
    let divisions = pool.divisions(5, 42, 4).unwrap();
    for division in &divisions {
        let songs = pool.songs_by_fold(division);
        assert!(songs.iter().all(|songs| (45..=60).contains(songs)), "{songs:?}");
        for number in 1..=5 {
            let [test, _] = held_out(&pool, division, number);
            let blocks: BTreeSet<i64> = test.iter().map(|(id, _)| id / 20).collect();
            let classes: BTreeSet<i64> = blocks.iter().map(|block| block / 5).collect();
            assert_eq!((blocks.len(), classes.len()), (4, 4), "a block of each class");
        }
    }
    let folds = |division: &Division| -> BTreeSet<Vec<usize>> {
        let of = |fold| (0..20).filter(|group| division.fold(*group) == fold).collect();
        (0..5).map(of).collect()
    };
    let all: BTreeSet<_> = divisions.iter().map(folds).collect();
    assert_eq!(all.len(), 4, "repeats are different divisions");
}

#[test]
fn songs_alone_are_divided_evenly_in_each_class() {
    let songs: Vec<(i64, u32, usize)> = (0..47).map(|i| (i, (i % 3) as u32, 2)).collect();
    let data = dataset([&songs, &[], &[]], 3);
    let pool = Pool::new(&data, &GroupBy::Song, true).unwrap();
    for seed in 0..20 {
        let division = pool.divide(5, seed).unwrap();
        for number in 1..=5 {
            let [test, _] = held_out(&pool, &division, number);
            for class in 0..3 {
                let count = test.iter().filter(|(_, y)| *y == class).count() / 2;
                assert!((3..=4).contains(&count), "{count} of class {class}");
            }
        }
    }
}

#[test]
fn impossible_folds_are_refused() {
    let songs: Vec<(i64, u32, usize)> = (0..12).map(|i| (i, u32::from(i > 8), 1)).collect();
    let data = dataset([&songs, &[], &[]], 2);
    let pool = Pool::new(&data, &GroupBy::Song, true).unwrap();
    let error = pool.divide(4, 42).unwrap_err().to_string();
    let told = "--folds: expected at most as many folds as each class has groups, found 4, and class \
                class1 has 3 by song; give --folds 3, or other groups";
    assert_eq!(error, told);
    assert!(pool.divide(3, 42).is_ok());
    assert!(pool.divide(1, 42).unwrap_err().to_string().contains("at least 2 folds, found 1"));
    // Two folds of two groups can be divided in two ways only.
    let songs = [(0, 0, 1), (1, 0, 1), (2, 1, 1), (3, 1, 1)];
    let data = dataset([&songs, &[], &[]], 2);
    let pool = Pool::new(&data, &GroupBy::Song, true).unwrap();
    assert_eq!(pool.divisions(2, 42, 2).unwrap().len(), 2);
    let error = pool.divisions(2, 42, 3).unwrap_err().to_string();
    assert!(error.contains("--repeats") && error.contains("these groups have 2"), "{error}");
    let without = Dataset { train: Part { song: None, ..data.train.clone() }, ..data.clone() };
    let error = Pool::new(&without, &GroupBy::Song, true).unwrap_err().to_string();
    assert!(error.contains("expected song ids") && error.contains("song_train.npy"), "{error}");
    let division = pool.divide(2, 42).unwrap();
    let error = pool.fold(1, &division, true, false).unwrap_err().to_string();
    assert!(error.contains("at least 3 folds"), "{error}");
}

#[test]
fn a_list_must_have_each_song_once() {
    let songs: Vec<(i64, u32, usize)> = (0..6).map(|i| (i, (i % 2) as u32, 2)).collect();
    let data = dataset([&songs[..4], &[], &songs[4..]], 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("groups.csv");
    let by = GroupBy::File(path.clone());
    let read = |text: &str, with_test| {
        std::fs::write(&path, text).unwrap();
        Pool::new(&data, &by, with_test).map(|pool| pool.groups()).map_err(|e| e.to_string())
    };
    let whole = "song,group\n0,a\n1,a\n2,b\n3,b\n4,c\n5,c\n";
    assert_eq!(read(whole, true), Ok(3));
    assert_eq!(read(&whole.replace(',', ";"), true), Ok(3));
    assert_eq!(read(&whole.replace(',', "\t").replace("group", "Artist"), true), Ok(3));
    // Listed songs of the test part are not looked at.
    assert_eq!(read(whole, false), Ok(2));
    for (text, told) in [
        (
            whole.replace("5,c\n", ""),
            "expected a group for each of the 6 songs of made here, found none for 5",
        ),
        (format!("{whole}9,d\n"), "expected songs of made here, found 9, which it does not have"),
        (format!("{whole}0,b\n"), "line 8: expected one group for song 0, found a and b"),
        (whole.replace("3,b", "x,b"), "line 5: expected a song's number, found x"),
        (whole.replace("3,b", "3,"), "line 5: expected a group for song 3, found none"),
        (whole.replace("group", "class"), "expected a first line with the columns song and group"),
    ] {
        let error = read(&text, true).unwrap_err();
        assert!(error.contains(told) && error.contains("groups.csv"), "{error}");
    }
    // Names instead of numbers, where the arrays have names.
    let named =
        Dataset { song_ids: (0..6).map(|i| (format!("s{i}"), i)).collect(), ..data.clone() };
    std::fs::write(&path, whole.replace('\n', "\ns").trim_end_matches('s')).unwrap();
    assert_eq!(Pool::new(&named, &by, true).unwrap().groups(), 3);
    std::fs::write(&path, whole).unwrap();
    let error = Pool::new(&named, &by, true).unwrap_err().to_string();
    assert!(error.contains("line 2: expected a song id of the arrays, found 0"), "{error}");
}

#[test]
fn a_fold_is_a_setting() {
    for text in [
        "1 of 5, seed 42, by song",
        "2 of 3, seed 7, without test, by block:20",
        "3 of 3, seed 7, without test, with validation, by /some, where/by it, by.csv",
        "3 of 3, seed 7, with validation, by artist",
    ] {
        assert_eq!(text.parse::<Fold>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "1 of 5",
        "6 of 5, seed 42, by song",
        "0 of 5, seed 42, by song",
        "1 of 5, seed 42, by block:0",
    ] {
        assert!(text.parse::<Fold>().unwrap_err().contains("expected a fold such as"), "{text}");
    }
    assert!("block:x".parse::<GroupBy>().unwrap_err().contains("block:N"));
    assert_eq!("block".parse::<GroupBy>().unwrap(), GroupBy::Block(20));
}

/// The scale is that of the fold's training songs, and a fold from a run's settings is the same data.
#[test]
fn a_fold_has_its_own_samples_scale_and_hash() {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = Stream::new(3, "noise");
    for (part, from, n) in [("train", 0, 24), ("val", 24, 12), ("test", 36, 12)] {
        let x = ndarray::Array3::from_shape_fn((n, 3, 2), |_| noise.between(-80.0, 0.0) as f32);
        let y = ndarray::Array1::from_shape_fn(n, |i| (i % 2) as i64);
        let song = ndarray::Array1::from_shape_fn(n, |i| ((from + i) / 4 * 2 + i % 2) as i64);
        for (name, array) in [("y", &y), ("song", &song)] {
            ndarray_npy::write_npy(folder.path().join(format!("{name}_{part}.npy")), array)
                .unwrap();
        }
        ndarray_npy::write_npy(folder.path().join(format!("x_{part}.npy")), &x).unwrap();
    }
    let data = Dataset::load(&DataOptions::new(folder.path()), &Silent).unwrap();
    let pool = Pool::new(&data, &GroupBy::Song, true).unwrap();
    let division = pool.divide(3, 42).unwrap();
    let all: Vec<f32> = [&data.train, &data.val, &data.test].map(|part| part.x.clone()).concat();
    let mut hashes = BTreeSet::new();
    for number in 1..=3 {
        for validates in [false, true] {
            let own = pool.fold(number, &division, validates, true).unwrap();
            let rows = pool.rows(number, &division, validates);
            for (name, rows) in PartName::ALL.into_iter().zip(&rows) {
                let want: Vec<f32> =
                    rows.iter().flat_map(|row| all[row * 6..row * 6 + 6].to_vec()).collect();
                assert_eq!(own.part(name).x, want);
                assert!(own.part_hash(name).is_some());
            }
            let train = &own.train.x;
            let mean = train.iter().map(|x| f64::from(*x)).sum::<f64>() / train.len() as f64;
            let scale = own.fit(ScaleKind::Standard).unwrap();
            assert!((f64::from(scale.offset) - mean).abs() < 1e-4);
            let outline = pool.fold(number, &division, validates, false).unwrap();
            assert!(outline.hash == own.hash && outline.test.y == own.test.y);
            assert!(hashes.insert(own.hash.clone()), "another fold is other data");
            assert_eq!(own.val_is_test, !validates);
            let text = if validates { ", with validation" } else { "" };
            let fold = format!("{number} of 3, seed 42{text}, by song").parse().unwrap();
            let again = data.clone().into_fold(&fold).unwrap();
            assert!(again.hash == own.hash && again.train.x == own.train.x);
            let test = again.only(&[PartName::Test]);
            assert!(test.train.is_empty() && test.test.x == own.test.x);
        }
    }
    assert!(pool.equal_across(&division).is_none() && pool.in_several_parts().is_none());
}
