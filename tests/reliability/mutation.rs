//! Damaged files, through every reader in this process: an error or a value, never a panic, and
//! little memory. `GENRE_GPU_MUTATIONS=50` makes fifty times as many cases, 10⁶.

use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::program::Work;
use super::sounds::{adpcm, aiff, au, rf64, sum_pages};
use genre_gpu::audio::{Pieces, read_samples};
use genre_gpu::audit::Names;
use genre_gpu::data::{DataOptions, Dataset, PartName};
use genre_gpu::demo::recognise_unverified;
use genre_gpu::explain::ExplainFolder;
use genre_gpu::models::Model;
use genre_gpu::prepare::{self, Options, SplitKind};
use genre_gpu::progress::Silent;
use genre_gpu::random::streams::Stream;
use genre_gpu::report::Notes;
use genre_gpu::train::SavedModel;
use genre_gpu::train::checkpoint::Checkpoint;
use genre_gpu::train::recordings::Recordings;
use genre_gpu::train::run_folder::RunFolder;
use genre_gpu::train::settings::{Config, Settings};

/// Beyond the memory of the undamaged files.
const MOST_MEMORY: u64 = 256 << 20;

/// What was read, as text, or why not.
type Read = Result<String, String>;

/// A whole file, and what reads it.
struct Reader {
    file: PathBuf,
    cases: u64,
    /// It has a hash: what is read of it is what was written, or nothing.
    sealed: bool,
    read: Box<dyn Fn(&Path) -> Read>,
}

impl Reader {
    fn new<T, E: ToString>(
        file: PathBuf,
        cases: u64,
        read: impl Fn(&Path) -> Result<T, E> + 'static,
    ) -> Self {
        let read = move |path: &Path| match read(path) {
            Ok(_) => Ok(String::new()),
            Err(e) => Err(e.to_string()),
        };
        Self { file, cases, sealed: false, read: Box::new(read) }
    }

    fn sealed<T: std::fmt::Debug>(
        file: PathBuf,
        cases: u64,
        read: impl Fn(&Path) -> genre_gpu::Result<T> + 'static,
    ) -> Self {
        let read = move |path: &Path| match read(path) {
            Ok(value) => Ok(format!("{value:?}")),
            Err(e) => Err(e.to_string()),
        };
        Self { file, cases, sealed: true, read: Box::new(read) }
    }
}

/// What goes wrong with files: changed bits and bytes, cuts, insertions, repetitions, extreme numbers.
fn damage(whole: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=stream.below(4) {
        // Headers have more to break than what follows.
        let within = if stream.below(2) == 0 { bytes.len().min(256) } else { bytes.len() };
        let at = stream.below(within.max(1));
        let len = 1 + stream.below(16);
        let range = at..(at + len).min(bytes.len());
        match stream.below(9) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << stream.below(8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = stream.below(256) as u8;
                }
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(range)),
            5 => {
                let again = bytes[range].to_vec();
                drop(bytes.splice(at..at, again));
            }
            6 => {
                let noise: Vec<u8> = (0..len).map(|_| stream.below(256) as u8).collect();
                drop(bytes.splice(at.min(bytes.len())..at.min(bytes.len()), noise));
            }
            7 => {
                let extreme: [&[u8]; 6] = [
                    &[0xff; 8],
                    &[0; 8],
                    &[0xff, 0xff, 0xff, 0x7f],
                    &[0, 0, 0, 0x80],
                    b"99999999999999999999",
                    b"-1",
                ];
                let extreme = extreme[stream.below(extreme.len())];
                let end = (at + extreme.len()).min(bytes.len());
                drop(bytes.splice(at.min(end)..end, extreme.iter().copied()));
            }
            _ => {
                // A number in text becomes another.
                let digit = (at..bytes.len()).find(|&i| bytes[i].is_ascii_digit());
                if let Some(first) = digit {
                    let end = (first..bytes.len()).find(|&i| !bytes[i].is_ascii_digit());
                    let other = ["0", "1e308", "4294967296", "18446744073709551615", "nan"];
                    let other = other[stream.below(other.len())].bytes();
                    drop(bytes.splice(first..end.unwrap_or(bytes.len()), other));
                }
            }
        }
    }
    bytes
}

/// The most memory that this process has had, in bytes, where the system says it.
fn peak() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

/// The arrays of a folder as an npz.
pub fn npz(folder: &Path) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&std::fs::read(path).unwrap()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn load(path: &Path) -> genre_gpu::Result<Dataset> {
    Dataset::load(&DataOptions::new(path), &Silent)
}

/// The files of a run and of its explanation.
fn of_run(work: &Work) -> Vec<Reader> {
    let run = work.path("run");
    let file = |name: &str| work.path(&format!("run/{name}"));
    // Without its hashes, which would find any damage at once.
    std::fs::copy(file("model.safetensors"), work.path("bare.safetensors")).unwrap();
    std::fs::copy("tests/fixtures/models/two_branches.toml", work.path("model.toml")).unwrap();
    std::fs::copy(file("config.toml"), work.path("settings.toml")).unwrap();
    work.ok("explain run --no-checks --quiet");
    work.write("notes.md", "# 1\n\nSome *words*, `code`\n\n- [a](b)\n\n# P2\n\n| a | b |\n");
    // A method of the run's folder.
    fn of<T>(
        run: &Path,
        read: fn(&RunFolder) -> genre_gpu::Result<T>,
    ) -> impl Fn(&Path) -> genre_gpu::Result<T> + use<T> {
        let folder = RunFolder::open(run).unwrap();
        move |_| read(&folder)
    }
    let predictions = |run: &RunFolder| {
        let classes = ["classical", "disco", "metal", "rock"].map(String::from);
        run.read_predictions(PartName::Val, &classes)
    };
    vec![
        Reader::new(file("config.toml"), 1500, Config::read),
        Reader::new(work.path("settings.toml"), 1200, Settings::read),
        Reader::new(work.path("model.toml"), 2300, |path| {
            let model = Model::open(path.to_str().unwrap());
            model.and_then(|model| model.graph([16, 12, 1], 4))
        }),
        Reader::new(work.path("bare.safetensors"), 2000, SavedModel::read),
        Reader::sealed(file("model.safetensors"), 1000, of(&run, RunFolder::read_model)),
        Reader::sealed(file("weights.json"), 1000, of(&run, RunFolder::read_model)),
        Reader::sealed(file("checkpoint.safetensors"), 1800, Checkpoint::read),
        Reader::new(file("metrics.json"), 1500, of(&run, RunFolder::read_metrics)),
        Reader::new(file("predictions_val.csv"), 1200, of(&run, predictions)),
        Reader::new(
            file("explain/explain.json"),
            500,
            of(&run, |run| ExplainFolder::of(run).read(run)),
        ),
        Reader::new(work.path("notes.md"), 300, Notes::read),
    ]
}

/// That of a copy of the demo corpus with these songs.
fn manifest(songs: &str) -> String {
    format!(
        r#"source = "demo corpus (synthesised)"
generator = 1
classes = ["classical", "disco", "metal", "rock"]
data_hash = "b1d0a561be7a3e44988ff5089528cbf3"

[recipe]
seed = 42
train_songs = 56
val_songs = 14
test_songs = 30

[front_end]
name = "bristol-80"
sample_rate_hz = 44100
n_fft = 1024
hop_samples = 512
n_mels = 80
f_min_hz = 0.0
f_max_hz = 22050.0
frames = 80

[blake3]
"songs.csv" = "{}"
"#,
        blake3::hash(songs.as_bytes())
    )
}

/// What `prepare` reads and writes besides sound and arrays.
fn of_prepare(work: &Work) -> Vec<Reader> {
    let tones = Path::new("tests/fixtures/audio/tones.wav");
    let mut list = "file,label,part,song\n".to_owned();
    for (i, part) in ["train", "train", "val", "test"].into_iter().enumerate() {
        for class in ["a", "b"] {
            std::fs::create_dir_all(work.path(&format!("songs/{class}"))).unwrap();
            std::fs::copy(tones, work.path(&format!("songs/{class}/{i}.wav"))).unwrap();
            list += &format!("{class}/{i}.wav,{class},{part},{class}{i}\n");
        }
    }
    work.write("list.csv", &list);
    work.write("parts.csv", list.replace("label", "class"));
    work.ok("prepare songs --csv list.csv --out prepared --segments 2 --frames 11 --quiet");
    let folder = work.path("prepared");
    let record = prepare::read(&folder).unwrap().unwrap();
    let options = Options {
        audio: work.path("songs"),
        list: Some(work.path("list.csv")),
        classes: None,
        front_end: record.settings.front_end.clone(),
        cutting: record.settings.cutting,
        song_from: None,
        split: None,
        parts: None,
        seed: 42,
        strict: false,
        most_minutes: 1,
        threads: 1,
        out: work.path("again"),
    };
    let by_parts = Options {
        list: None,
        split: Some(SplitKind::Csv),
        parts: Some(work.path("parts.csv")),
        ..options.clone()
    };
    // Into a new folder each time, so that what a list says is carried out.
    let anew = |options: Options| {
        move |_: &Path| {
            let _ = std::fs::remove_dir_all(&options.out);
            prepare::prepare(&options, &Silent)
        }
    };
    let songs = folder.join("songs.csv");
    std::fs::create_dir(work.path("copy")).unwrap();
    work.write("copy/demo.toml", manifest("song,part,genre,number,title\n"));
    work.write("copy/songs.csv", "song,part,genre,number,title\n");
    let (copy, named) = (work.path("copy"), folder.clone());
    let recordings = Recordings::Files { folder: folder.clone(), record: Box::new(record) };
    vec![
        Reader::new(folder.join("prepare.json"), 900, move |_| prepare::read(&folder)),
        Reader::new(songs.clone(), 500, move |_| recordings.tracks()),
        Reader::new(songs, 500, move |_| Names::read(&named, &Silent)),
        Reader::new(work.path("list.csv"), 200, anew(options)),
        Reader::new(work.path("parts.csv"), 200, anew(by_parts)),
        Reader::new(work.path("copy/demo.toml"), 300, move |_| {
            recognise_unverified(&copy).ok_or("no copy of the corpus")
        }),
    ]
}

fn of_data(work: &Work) -> Vec<Reader> {
    work.write("all.npz", npz(&work.path("data")));
    let mut readers = vec![Reader::new(work.path("all.npz"), 1000, load)];
    for name in ["x_train.npy", "y_train.npy", "song_val.npy", "x_test.npy"] {
        let folder = work.path("data");
        readers.push(Reader::new(folder.join(name), 200, move |_| load(&folder)));
    }
    readers
}

/// As `prepare` and `predict` read sound.
fn sound(path: &Path) -> genre_gpu::Result<usize> {
    let (samples, _) = read_samples(path, &mut File::open(path).unwrap(), 22_050, 1)?;
    Ok(samples.count())
}

fn of_sound(work: &Work) -> Vec<Reader> {
    const FIXTURES: [&str; 7] = [
        "tones.wav",
        "tones.mp3",
        "tones.mp2",
        "tones.ogg",
        "tones.flac",
        "tones.m4a",
        "tones.alac.m4a",
    ];
    for name in FIXTURES {
        std::fs::copy(Path::new("tests/fixtures/audio").join(name), work.path(name)).unwrap();
    }
    let flac = std::fs::read("tests/fixtures/audio/tones.flac").unwrap();
    let made = [
        ("joined.flac", flac.repeat(2)),
        ("tones.au", au()),
        ("tones.aiff", aiff(b"")),
        ("tones.aifc", aiff(b"sowt\0\0")),
        ("tones.rf64", rf64()),
        ("tones.ima.wav", adpcm(0x11)),
        ("tones.ms.wav", adpcm(2)),
    ];
    for (name, bytes) in &made {
        work.write(name, bytes);
    }
    std::fs::copy(work.path("tones.ogg"), work.path("summed.ogg")).unwrap();
    let names = FIXTURES.into_iter().chain(made.iter().map(|(name, _)| *name));
    let read = |name| {
        assert!(sound(&work.path(name)).unwrap() > 3999, "{name}");
        Reader::new(work.path(name), 86, sound)
    };
    names.map(read).chain([Reader::new(work.path("summed.ogg"), 96, sound)]).collect()
}

#[test]
fn no_damage_makes_a_reader_panic_or_take_much_memory() {
    let times = std::env::var("GENRE_GPU_MUTATIONS").map_or(1, |times| times.parse().unwrap());
    let work = Work::trained();
    let readers = [of_data(&work), of_run(&work), of_prepare(&work), of_sound(&work)];
    let readers = readers.into_iter().flatten().collect::<Vec<_>>();
    let wholes: Vec<Read> = readers.iter().map(|reader| (reader.read)(&reader.file)).collect();
    for (reader, whole) in readers.iter().zip(&wholes) {
        assert!(whole.is_ok(), "{}: {whole:?}", reader.file.display());
    }
    let before = peak();
    let mut cases = 0;
    for (reader, undamaged) in readers.iter().zip(wholes) {
        let name = reader.file.file_name().unwrap().to_str().unwrap();
        let whole = std::fs::read(&reader.file).unwrap();
        let mut stream = Stream::new(14, name);
        let (mut refused, mut slowest) = (0, Duration::ZERO);
        for case in 0..reader.cases * times {
            let mut damaged = damage(&whole, &mut stream);
            if name == "summed.ogg" {
                sum_pages(&mut damaged);
            }
            // Some file systems wait for the disk where a file is made shorter.
            std::fs::remove_file(&reader.file).unwrap();
            std::fs::write(&reader.file, damaged).unwrap();
            let begin = Instant::now();
            let read = catch_unwind(AssertUnwindSafe(|| (reader.read)(&reader.file)));
            slowest = slowest.max(begin.elapsed());
            let Ok(read) = read else { panic!("{name}: a panic in case {case}") };
            refused += u64::from(read.is_err());
            let unseen = reader.sealed && read.is_ok() && read != undamaged;
            assert!(!unseen, "{name}: unseen damage in case {case}");
            cases += 1;
        }
        std::fs::write(&reader.file, whole).unwrap();
        // Nothing stays of it.
        assert_eq!((reader.read)(&reader.file), undamaged, "{name}");
        let grown = before.zip(peak()).map_or(0, |(before, now)| now - before);
        assert!(grown < MOST_MEMORY, "{name}: {} MB beyond the whole files", grown >> 20);
        let (all, slowest) = (reader.cases * times, slowest.as_millis());
        println!(
            "{name}: {all} damaged, {refused} refused, slowest {slowest} ms, {} MB more",
            grown >> 20
        );
    }
    assert_eq!(cases, 20_000 * times);
}
