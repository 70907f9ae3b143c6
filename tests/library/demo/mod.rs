//! The demo corpus, in small: a few songs of each genre.

mod cache;
mod listen;
mod prepared;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use genre_gpu::audio::{FrontEnd, LogMel, Reference};
use genre_gpu::demo::{self, CUTS_PER_SONG, DemoCorpus, Genre, Recipe, SongRow, song};
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

/// The longest run of one value near the loudest: sound that was cut off stays there.
fn flattest(samples: &[f32]) -> usize {
    let loudest = samples.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
    let runs = samples.chunk_by(|a, b| a == b).filter(|run| run[0].abs() > 0.9 * loudest);
    runs.map(<[f32]>::len).max().unwrap()
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32
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
        let flattest = flattest(&song.samples);
        assert!(flattest < 4, "{what}: {flattest} samples at one extreme value");
        let cut_off: Vec<f32> = song.samples.iter().map(|x| x.clamp(-0.1, 0.1)).collect();
        assert!(self::flattest(&cut_off) > 8, "{what}: what is cut off must show");
        for (second, samples) in song.samples.chunks(44_100).enumerate() {
            let db = 10.0 * (power(samples) / power(&song.samples)).log10();
            // Reached: -10 dB.
            assert!(db > -30.0, "{what}: second {second} is at {db} dB of the whole song");
        }
    }
}

#[test]
fn disco_pulses_at_its_tempo_more_than_classical() {
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

/// Permissions mean nothing to a superuser; a file in the way stops anyone.
#[test]
fn wav_files_hold_the_songs_samples() {
    let folder = tempfile::tempdir().unwrap();
    demo::write_wavs(folder.path(), 7, 1, &Silent).unwrap();
    let mut reader = hound::WavReader::open(folder.path().join("demo.metal.00000.wav")).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 44_100));
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    assert!(samples == song(7, Genre::Metal, 0).samples);
    let list = fs::read_to_string(folder.path().join("songs.csv")).unwrap();
    let title = song(7, Genre::Metal, 0).title;
    assert!(list.starts_with("file,genre,title\ndemo.classical.00000.wav,classical,"), "{list}");
    assert!(list.contains(&format!("demo.metal.00000.wav,metal,\"{title}\"")), "{list}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
}
