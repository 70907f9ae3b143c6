//! The folder that keeps the corpus, and copies of it.

use std::fs;
use std::path::Path;

use genre_gpu::Error;
use genre_gpu::data::PartName;
use genre_gpu::demo::{self, Recipe};
use genre_gpu::progress::{Progress, Silent};
use genre_gpu::train::settings::Settings;
use genre_gpu::train::source;

use super::{Notes, TINY, bytes, make};

#[test]
fn a_good_folder_is_left_alone() {
    let cache = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let corpus = demo::open_recipe(cache.path(), &TINY, &notes).unwrap();
    let said = notes.text();
    assert!(said.contains("not yet in"), "{said}");
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
        ("another generator, seed or size", &|| {
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
    assert_eq!(left, ["demo-2-7", "demo.lock"]);
}

#[test]
fn a_cache_that_cannot_be_written_is_named_with_its_fault() {
    let cache = tempfile::tempdir().unwrap();
    let refused = |cache: &Path| {
        let error = demo::open_recipe(cache, &TINY, &Silent).unwrap_err();
        assert!(matches!(error, Error::DemoCache { .. }), "{error}");
        error.to_string()
    };
    // The cache is a file.
    let file = cache.path().join("file");
    fs::write(&file, "").unwrap();
    let error = refused(&file);
    assert!(error.contains("create the folder") && error.contains("--cache-dir"), "{error}");

    // The corpus is damaged, and the lock cannot be had.
    let folder = make(cache.path(), &TINY).folder;
    fs::write(folder.join("y_val.npy"), "").unwrap();
    let lock = cache.path().join("demo.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = refused(cache.path());
    assert!(error.contains("y_val.npy is damaged") && error.contains("demo.lock"), "{error}");

    // A file where the corpus should be gives way.
    fs::remove_dir(&lock).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    make(cache.path(), &TINY);
    assert!(folder.is_dir());
}

#[test]
fn seeds_leave_each_other_alone() {
    let cache = tempfile::tempdir().unwrap();
    let other = Recipe { seed: 8, ..TINY };
    let (one, two) = (make(cache.path(), &TINY), make(cache.path(), &other));
    assert_ne!(one.folder, two.folder);
    let notes = Notes::default();
    demo::open_recipe(cache.path(), &TINY, &notes).unwrap();
    assert_eq!(notes.text(), "");
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
fn arrays_are_copied_as_they_are() {
    let cache = tempfile::tempdir().unwrap();
    let corpus = make(cache.path(), &TINY);
    let copy = cache.path().join("for/python");
    demo::write_arrays(&corpus, &copy).unwrap();
    assert!(bytes(&copy) == bytes(&corpus.folder));

    // A copy is still the demo corpus, unless something in it was changed.
    let settings = Settings { data: Some(copy.clone()), ..Settings::default() };
    let config = settings.resolve(genre_gpu::train::settings::Recipe::default()).unwrap();
    let load =
        |progress: &dyn Progress| source::load(&config, None, &PartName::ALL, progress).unwrap();
    let notes = Notes::default();
    let copied = load(&notes);
    assert_eq!(copied.data.source, demo::SOURCE);
    assert_eq!(copied.data.classes, corpus.classes);
    assert_eq!(copied.front_end, Some(corpus.front_end));
    assert!(!notes.text().contains("demo.toml"), "{}", notes.text());
    // Found by what was loaded, then told by file.
    let good = fs::read(copy.join("x_val.npy")).unwrap();
    let mut bytes = good.clone();
    bytes[40_000] ^= 1;
    fs::write(copy.join("x_val.npy"), bytes).unwrap();
    let notes = Notes::default();
    assert_eq!(load(&notes).front_end, None);
    assert!(notes.text().contains("x_val.npy is damaged"), "{}", notes.text());
    fs::write(copy.join("x_val.npy"), good).unwrap();
    assert_eq!(load(&Notes::default()).data.source, demo::SOURCE);
    // The songs of another version's copy are others than this version makes.
    assert!(load(&Notes::default()).recordings.is_some());
    let toml = fs::read_to_string(copy.join("demo.toml")).unwrap();
    fs::write(copy.join("demo.toml"), toml.replace("generator = 2", "generator = 1")).unwrap();
    let other = load(&Notes::default());
    assert_eq!((other.data.source.as_str(), other.recordings), (demo::SOURCE, None));
    // Older manifests have no data hash: file by file.
    let older: String = toml
        .lines()
        .filter(|line| !line.starts_with("data_hash"))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_ne!(older.lines().count(), toml.lines().count());
    fs::write(copy.join("demo.toml"), older).unwrap();
    assert_eq!(load(&Notes::default()).data.source, demo::SOURCE);
    fs::copy(copy.join("y_test.npy"), copy.join("y_val.npy")).unwrap();
    fs::write(copy.join("songs.csv"), "").unwrap();
    let changed = load(&notes);
    assert_eq!((changed.data.source, changed.front_end), (copy.display().to_string(), None));
    assert!(notes.text().contains("songs.csv is damaged"), "{}", notes.text());
}
