//! The demo corpus, in small: a few songs of each genre.
#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests; helpers are tests too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use genre_gpu::audio::{FrontEnd, LogMel, Reference};
use genre_gpu::data::demo::{self, CUTS_PER_SONG, DemoCorpus, Genre, Recipe, SongRow, song};
use genre_gpu::progress::{Progress, Silent};
use ndarray::{Array1, Array3, Axis};
use ndarray_npy::read_npy;

/// Two songs of each genre for training, one each for validation and test.
const SMALL: Recipe = Recipe { seed: 7, train_songs: 2, val_songs: 1, test_songs: 1 };

/// One song of each genre in each part.
const TINY: Recipe = Recipe { seed: 7, train_songs: 1, val_songs: 1, test_songs: 1 };

/// Keeps what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>, Mutex<u64>);

impl Progress for Notes {
    fn begin(&self, label: &str, total: u64, unit: &'static str) {
        self.0.lock().unwrap().push(format!("{label}: {total} {unit}"));
    }
    fn advance(&self, by: u64) {
        *self.1.lock().unwrap() += by;
    }
    fn end(&self) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.into());
    }
    fn warn(&self, text: &str) {
        self.note(text);
    }
}

impl Notes {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

fn make(cache: &Path, recipe: &Recipe) -> DemoCorpus {
    demo::open_recipe(cache, recipe, &Silent).unwrap()
}

fn arrays(folder: &Path, part: &str) -> (Array3<f32>, Array1<u8>, Array1<i64>) {
    let path = |role: &str| folder.join(format!("{role}_{part}.npy"));
    (read_npy(path("x")).unwrap(), read_npy(path("y")).unwrap(), read_npy(path("song")).unwrap())
}

fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (name(&path), fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn parts_are_balanced_and_share_no_song() {
    let cache = tempfile::tempdir().unwrap();
    let corpus = make(cache.path(), &SMALL);
    assert_eq!(corpus.classes, ["classical", "disco", "metal", "rock"]);
    assert_eq!(corpus.front_end, FrontEnd::bristol_80());
    let mut all = BTreeSet::new();
    for (part, songs_per_genre) in [("train", 2), ("val", 1), ("test", 1)] {
        let (x, y, song) = arrays(&corpus.folder, part);
        let n = 4 * songs_per_genre * CUTS_PER_SONG;
        assert_eq!(x.shape(), [n, 80, 80]);
        assert_eq!((y.len(), song.len()), (n, n));
        assert!(x.iter().all(|v| (-80.0..=0.0).contains(v)), "dB below the song's maximum");
        for cut in x.outer_iter() {
            assert!(cut.iter().any(|&v| v > -45.0), "a cut in which nothing plays");
        }
        for label in 0..4 {
            let count = y.iter().filter(|&&y| y == label).count();
            assert_eq!(count, songs_per_genre * CUTS_PER_SONG);
        }
        let of_song: BTreeMap<i64, u8> = song.iter().copied().zip(y.iter().copied()).collect();
        assert_eq!(of_song.len(), 4 * songs_per_genre);
        for (song, label) in of_song {
            assert!(all.insert(song), "song {song} is in two parts");
            assert_eq!(song / 4, i64::from(label), "four songs of each genre, numbered in order");
        }
    }
    assert_eq!(all, (0..16).collect());
}

#[test]
fn the_default_is_the_courses_split() {
    let whole = Recipe::default();
    assert_eq!((whole.train_songs, whole.val_songs, whole.test_songs), (56, 14, 30));
    assert_eq!(4 * whole.songs_per_genre() * CUTS_PER_SONG, 6000);
}

#[test]
fn the_arrays_are_cut_from_the_songs_that_the_list_names() {
    let cache = tempfile::tempdir().unwrap();
    let corpus = make(cache.path(), &TINY);
    let rows: Vec<SongRow> = csv::Reader::from_path(corpus.folder.join("songs.csv"))
        .unwrap()
        .deserialize()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 12);
    let row = rows.iter().find(|row| row.part == "test" && row.genre == "disco").unwrap();
    let song = song(TINY.seed, Genre::Disco, row.number);
    assert_eq!(row.title, song.title);
    let mut log_mel = LogMel::new(&corpus.front_end).unwrap();
    let whole = log_mel.transform(&song.samples, Reference::Max).unwrap();
    let (x, _, songs) = arrays(&corpus.folder, "test");
    let first = songs.iter().position(|&s| s == row.song).unwrap();
    for (cut, start) in [(first, 0), (first + CUTS_PER_SONG - 1, whole.frames - 80)] {
        let cut = x.index_axis(Axis(0), cut);
        for (got, want) in cut.rows().into_iter().zip(whole.bands()) {
            assert_eq!(got.to_vec(), want[start..start + 80]);
        }
    }
}

#[test]
fn one_thread_and_three_make_the_same_bits() {
    let [one, three] = [1, 3].map(|threads| {
        let cache = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        bytes(&pool.install(|| make(cache.path(), &TINY)).folder)
    });
    assert_eq!(one.len(), 11, "nine arrays, the list of songs, the manifest");
    assert!(one == three);
}

#[test]
fn songs_differ_sound_throughout_and_do_not_clip() {
    let mut seen = BTreeSet::new();
    for (seed, genre, number) in [
        (1, Genre::Classical, 0),
        (1, Genre::Classical, 1),
        (2, Genre::Classical, 0),
        (1, Genre::Disco, 0),
        (1, Genre::Metal, 0),
        (1, Genre::Rock, 0),
    ] {
        let song = song(seed, genre, number);
        let what = format!("{} {number} ({})", genre.as_str(), song.title);
        assert_eq!(song.samples.len(), 14 * 44_100);
        let bits: Vec<u32> = song.samples.iter().map(|x| x.to_bits()).collect();
        assert!(seen.insert(bits), "{what} is like another");
        let grid = |x: &f32| (x * 32_768.0).fract() == 0.0 && x.abs() < 1.0;
        assert!(song.samples.iter().all(grid), "{what}: not 16-bit sound");
        let loudest = song.samples.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
        let at_peak = song.samples.iter().filter(|x| x.abs() == loudest).count();
        assert!(loudest > 0.2 && at_peak < 20, "{what}: {at_peak} samples at {loudest}");
        for (second, samples) in song.samples.chunks(44_100).enumerate() {
            let power = samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32;
            assert!(power > 1e-7, "{what} is silent in second {second}");
        }
    }
}

#[test]
fn disco_has_its_beat_and_classical_has_none() {
    // How strongly the sub-bass pulses at the tempo of the title, over the song.
    let pulse = |genre, number| {
        let song = song(1, genre, number);
        let bpm = song.title.split(", ").nth(1).unwrap();
        let bpm: f64 = bpm.strip_suffix(" bpm").unwrap().parse().unwrap();
        let mut log_mel = LogMel::new(&FrontEnd::bristol_80()).unwrap();
        let whole = log_mel.transform(&song.samples, Reference::Max).unwrap();
        let bass: Vec<f64> = whole.bands().next().unwrap().iter().map(|&v| f64::from(v)).collect();
        let turn = std::f64::consts::TAU * bpm / 60.0 * 512.0 / 44_100.0;
        let (mut re, mut im) = (0.0, 0.0);
        for (t, db) in bass.iter().enumerate() {
            re += db * (turn * t as f64).cos();
            im += db * (turn * t as f64).sin();
        }
        (re * re + im * im).sqrt() / bass.len() as f64
    };
    let mean = |genre| (0..6).map(|number| pulse(genre, number)).sum::<f64>() / 6.0;
    let (disco, classical) = (mean(Genre::Disco), mean(Genre::Classical));
    assert!(disco > 2.0 * classical, "pulse in dB: disco {disco}, classical {classical}");
}

#[test]
fn a_good_folder_is_left_alone() {
    let cache = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let corpus = demo::open_recipe(cache.path(), &TINY, &notes).unwrap();
    let said = notes.text();
    assert!(said.contains("there is none"), "{said}");
    assert!(said.contains("demo corpus (synthesised): 12 songs"), "{said}");
    assert_eq!(*notes.1.lock().unwrap(), 12);
    let made = fs::metadata(corpus.folder.join("x_train.npy")).unwrap().modified().unwrap();
    let notes = Notes::default();
    assert_eq!(demo::open_recipe(cache.path(), &TINY, &notes).unwrap(), corpus);
    assert_eq!(notes.text(), "");
    assert_eq!(fs::metadata(corpus.folder.join("x_train.npy")).unwrap().modified().unwrap(), made);
}

#[test]
fn what_is_damaged_missing_or_stale_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let folder = make(cache.path(), &TINY).folder;
    let good = bytes(&folder);
    let edit = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(folder.join(name)).unwrap();
        change(&mut bytes);
        fs::write(folder.join(name), bytes).unwrap();
    };
    let damages: [(&str, &dyn Fn()); 4] = [
        ("x_val.npy is damaged", &|| edit("x_val.npy", &|bytes| bytes[50_000] ^= 1)),
        ("y_test.npy cannot be read", &|| fs::remove_file(folder.join("y_test.npy")).unwrap()),
        ("demo.toml is damaged", &|| edit("demo.toml", &|bytes| bytes.truncate(40))),
        ("another generator", &|| {
            edit("demo.toml", &|bytes| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                let other = text.replace("seed = 7", "seed = 8");
                assert_ne!(text, other);
                *bytes = other.into_bytes();
            });
        }),
    ];
    // A process that was killed left this.
    fs::create_dir(cache.path().join(".partial-demo-killed")).unwrap();
    for (reason, damage) in damages {
        damage();
        let notes = Notes::default();
        demo::open_recipe(cache.path(), &TINY, &notes).unwrap();
        assert!(notes.text().contains(reason), "expected \"{reason}\" in: {}", notes.text());
        assert!(bytes(&folder) == good, "after \"{reason}\"");
    }
    let mut left: Vec<_> =
        fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["demo", "demo.lock"]);
}

#[test]
fn two_at_once_make_it_once() {
    let cache = tempfile::tempdir().unwrap();
    let notes = [Notes::default(), Notes::default()];
    let both = std::thread::scope(|scope| {
        let threads = [0, 1].map(|i| {
            let (cache, notes) = (cache.path(), &notes[i]);
            scope.spawn(move || demo::open_recipe(cache, &TINY, notes).unwrap())
        });
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(both[0], both[1]);
    let made: u64 = notes.iter().map(|notes| *notes.1.lock().unwrap()).sum();
    assert_eq!(made, 12);
}

#[test]
fn wav_files_hold_the_songs_samples() {
    let folder = tempfile::tempdir().unwrap();
    demo::write_wavs(folder.path(), 7, 1, &Silent).unwrap();
    let mut reader = hound::WavReader::open(folder.path().join("metal.00000.wav")).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 44_100));
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    assert!(samples == song(7, Genre::Metal, 0).samples);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn arrays_are_copied_as_they_are() {
    let cache = tempfile::tempdir().unwrap();
    let corpus = make(cache.path(), &TINY);
    let copy = cache.path().join("for/python");
    demo::write_arrays(&corpus, &copy).unwrap();
    assert!(bytes(&copy) == bytes(&corpus.folder));
}
