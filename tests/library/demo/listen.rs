//! The sound behind samples: of the demo corpus and of files that `prepare` was given.

use genre_gpu::audio::{CutFrom, Cutting, ZeroDb};
use genre_gpu::data::{PartName, Scale, ScaleKind};
use genre_gpu::explain::listen::Listener;
use genre_gpu::prepare::{Options, SplitKind, prepare};
use genre_gpu::train::settings::{Recipe, Settings};
use genre_gpu::train::source::{self, Source};

use super::*;

fn load(folder: &Path) -> Source {
    let settings = Settings { data: Some(folder.into()), ..Settings::default() };
    let config = settings.resolve(Recipe::default()).unwrap();
    let mut source = source::load(&config, None, &PartName::ALL, &Silent).unwrap();
    let scale = Scale::fit(ScaleKind::Standard, &source.data.train.x).unwrap();
    source.data.apply(&scale);
    source
}

/// Every sample of a part comes out of its own sound again, bit for bit; the names of the songs
/// and where their cuts begin come back.
fn heard(data: &Source, part: PartName) -> Vec<(String, usize)> {
    let listener = Listener::open(data).unwrap().unwrap();
    let mut log_mel = LogMel::new(listener.front_end()).unwrap();
    // Backwards: the order asked for is not that of the songs.
    let picks: Vec<_> = (0..data.data.part(part).len()).rev().map(|i| (part, i)).collect();
    let clips = listener.clips(&picks, &Silent).unwrap();
    let size = data.data.sample_shape.iter().product::<usize>();
    for ((_, i), clip) in picks.iter().zip(&clips) {
        let mut sample = clip.sample(&clip.samples, &mut log_mel).unwrap();
        listener.scale().apply(&mut sample);
        assert!(sample == data.data.part(part).x[i * size..][..size], "{part} {i}");
    }
    clips.into_iter().rev().map(|clip| (clip.song, clip.span.start)).collect()
}

#[test]
fn samples_of_the_corpus_are_heard_again() {
    let work = tempfile::tempdir().unwrap();
    let corpus = make(work.path(), &TINY);
    let copy = work.path().join("copy");
    demo::write_arrays(&corpus, &copy).unwrap();
    let heard = heard(&load(&copy), PartName::Val);
    assert_eq!(heard.len(), 4 * CUTS_PER_SONG);
    for (cuts, genre) in heard.chunks(CUTS_PER_SONG).zip(Genre::ALL) {
        let (name, first) = &cuts[0];
        assert!(name.starts_with(&format!("demo.{}.0000", genre.as_str())), "{name}");
        assert_eq!(*first, 0);
        assert!(cuts.iter().all(|(song, _)| song == name));
        assert!(cuts.windows(2).all(|pair| pair[0].1 < pair[1].1), "{cuts:?}");
    }
}

/// Arrays of the corpus's WAV files, cut from the sound at another rate; cuts of a song are in
/// several parts, and two files are one song.
fn prepared(work: &Path) -> Source {
    let songs = work.join("songs");
    demo::write_wavs(&songs, TINY.seed, 3, &Silent).unwrap();
    let list = work.join("list.csv");
    let mut lines = String::from("file,label,song\n");
    for genre in ["metal", "rock"] {
        for (number, song) in [(0, "a"), (1, "a"), (2, "b")] {
            lines.push_str(&format!("demo.{genre}.{number:05}.wav,{genre},{song}\n"));
        }
    }
    fs::write(&list, lines).unwrap();
    let out = work.join("out");
    let options = Options {
        audio: songs,
        list: Some(list),
        classes: None,
        front_end: FrontEnd::librosa_2s(),
        cutting: Cutting { segments: 5, from: CutFrom::Sound, zero_db: ZeroDb::Song },
        song_from: None,
        split: Some(SplitKind::Segment),
        parts: None,
        seed: 42,
        strict: true,
        most_minutes: 60,
        threads: 0,
        out: out.clone(),
    };
    prepare(&options, &Silent).unwrap();
    load(&out)
}

#[test]
fn samples_of_prepared_files_are_heard_again() {
    let work = tempfile::tempdir().unwrap();
    let data = prepared(work.path());
    let mut all: Vec<_> = PartName::ALL.into_iter().flat_map(|part| heard(&data, part)).collect();
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((all.len(), count), (6 * 5, 6 * 5), "each cut of each file once");
    let files: BTreeSet<&str> = all.iter().map(|(song, _)| song.as_str()).collect();
    let want = ["metal", "rock"]
        .map(|genre| [0, 1, 2].map(|number| format!("demo.{genre}.{number:05}.wav")));
    assert_eq!(files, want.iter().flatten().map(String::as_str).collect());
}

#[test]
fn sound_that_is_gone_or_changed_is_told() {
    let work = tempfile::tempdir().unwrap();
    let data = prepared(work.path());
    let listener = Listener::open(&data).unwrap().unwrap();
    let told = |pick| listener.clips(&[pick], &Silent).unwrap_err().to_string();
    assert!(told((PartName::Val, 1000)).contains("index 1000"));

    let file = work.path().join("songs/demo.metal.00000.wav");
    let (bytes, index) = (fs::read(&file).unwrap(), (PartName::Train, 0));
    let mut changed = bytes.clone();
    changed[5000] ^= 1;
    fs::write(&file, changed).unwrap();
    let problem = told(index);
    for part in ["demo.metal.00000.wav: is not the file", "expected BLAKE3 ", "found "] {
        assert!(problem.contains(part), "{problem}");
    }
    fs::remove_file(&file).unwrap();
    let problem = told(index);
    assert!(problem.contains("demo.metal.00000.wav: cannot read: No such file"), "{problem}");
    fs::write(&file, bytes).unwrap();
    assert_eq!(listener.clips(&[index], &Silent).unwrap().len(), 1);

    // Arrays that are not of these files any more.
    let mut other = load(&work.path().join("out"));
    other.data.train.x[70] += 0.1;
    let listener = Listener::open(&other).unwrap().unwrap();
    let problem = listener.clips(&[index], &Silent).unwrap_err().to_string();
    assert!(problem.contains("a cut that gives sample 0 of train"), "{problem}");

    // Nobody knows how these were made.
    fs::remove_file(work.path().join("out/prepare.json")).unwrap();
    assert!(Listener::open(&load(&work.path().join("out"))).unwrap().is_none());
}
