//! Damaged files, through every reader in this process: an error or a value, never a panic, and
//! little memory. `GENRE_GPU_MUTATIONS=50` makes fifty times as many cases, 10⁶.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::program::Work;
use genre_gpu::audio::decode;
use genre_gpu::data::{DataOptions, Dataset, PartName};
use genre_gpu::models::Model;
use genre_gpu::progress::Silent;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::SavedModel;
use genre_gpu::train::checkpoint::Checkpoint;
use genre_gpu::train::run_folder::RunFolder;
use genre_gpu::train::settings::{Config, Settings};

/// Beyond the memory of the undamaged files.
const MOST_MEMORY: u64 = 256 << 20;

/// A whole file, and what reads it. The result does not matter.
struct Reader {
    file: PathBuf,
    cases: u64,
    read: Box<dyn Fn(&Path)>,
}

impl Reader {
    fn new(file: PathBuf, cases: u64, read: impl Fn(&Path) + 'static) -> Self {
        Self { file, cases, read: Box::new(read) }
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

/// `.snd`, 16-bit, mono.
fn au() -> Vec<u8> {
    let samples: Vec<u8> =
        (0..4000i16).flat_map(|i| (i.wrapping_mul(97) / 4).to_be_bytes()).collect();
    let mut bytes = b".snd".to_vec();
    for word in [24, samples.len() as u32, 3, 22_050, 1] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(samples);
    bytes
}

/// AIFF of 16 bits, mono.
fn aiff() -> Vec<u8> {
    let samples: Vec<u8> =
        (0..4000i16).flat_map(|i| (i.wrapping_mul(97) / 4).to_be_bytes()).collect();
    let mut bytes = b"FORM".to_vec();
    bytes.extend((46 + samples.len() as u32).to_be_bytes());
    bytes.extend(b"AIFFCOMM\0\0\0\x12\0\x01\0\0\x0f\xa0\0\x10");
    // 22,050 Hz in 80 bits.
    bytes.extend(b"\x40\x0d\xac\x44\0\0\0\0\0\0SSND");
    bytes.extend((8 + samples.len() as u32).to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(samples);
    bytes
}

/// WAV of IMA's ADPCM in 16 blocks of 256 bytes, mono.
fn adpcm() -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x14\0\0\0\x11\0\x01\0".to_vec();
    bytes.extend([22_050u32, 11_100].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend([256u16, 4, 2, 505].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(b"data\0\x10\0\0");
    for block in 0..16u8 {
        bytes.extend([block, 0, 2 * block, 0]);
        bytes.extend((0..252u8).map(|i| i.wrapping_mul(37)));
    }
    bytes
}

/// The arrays of a folder as an npz.
fn npz(folder: &Path) -> Vec<u8> {
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

fn load(path: &Path) {
    let _ = Dataset::load(&DataOptions::new(path), &Silent);
}

fn readers(work: &Work) -> Vec<Reader> {
    let run = work.path("run");
    let file = |name: &str| work.path(&format!("run/{name}"));
    // Without its hashes, which would find any damage at once.
    std::fs::copy(file("model.safetensors"), work.path("bare.safetensors")).unwrap();
    std::fs::copy("tests/fixtures/models/two_branches.toml", work.path("model.toml")).unwrap();
    std::fs::copy(file("config.toml"), work.path("settings.toml")).unwrap();
    work.write("all.npz", npz(&work.path("data")));
    let of_run = |read: fn(&RunFolder)| {
        let folder = RunFolder::open(&run).unwrap();
        move |_: &Path| read(&folder)
    };
    let mut readers = vec![
        Reader::new(file("config.toml"), 2000, |path| drop(Config::read(path))),
        Reader::new(work.path("settings.toml"), 1500, |path| drop(Settings::read(path))),
        Reader::new(work.path("model.toml"), 2500, |path| {
            let model = Model::open(path.to_str().unwrap());
            let _ = model.and_then(|model| model.graph([16, 12, 1], 4));
        }),
        Reader::new(work.path("bare.safetensors"), 2000, |path| drop(SavedModel::read(path))),
        Reader::new(file("model.safetensors"), 1000, of_run(|run| drop(run.read_model()))),
        Reader::new(file("weights.json"), 1000, of_run(|run| drop(run.read_model()))),
        Reader::new(file("checkpoint.safetensors"), 2000, |path| drop(Checkpoint::read(path))),
        Reader::new(file("metrics.json"), 2000, of_run(|run| drop(run.read_metrics()))),
        Reader::new(
            file("predictions_val.csv"),
            1500,
            of_run(|run| {
                let classes = ["classical", "disco", "metal", "rock"].map(String::from);
                let _ = run.read_predictions(PartName::Val, &classes);
            }),
        ),
        Reader::new(work.path("all.npz"), 1500, load),
    ];
    for name in ["x_train.npy", "y_train.npy", "song_val.npy", "x_test.npy"] {
        let folder = work.path("data");
        readers.push(Reader::new(folder.join(name), 500, move |_| load(&folder)));
    }
    let sound = |path: &Path| drop(decode(path, std::fs::read(path).unwrap()));
    for name in ["tones.wav", "tones.mp3", "tones.ogg", "tones.flac", "tones.m4a", "tones.alac.m4a"]
    {
        std::fs::copy(Path::new("tests/fixtures/audio").join(name), work.path(name)).unwrap();
        readers.push(Reader::new(work.path(name), 110, sound));
    }
    for (name, cases, bytes) in
        [("tones.au", 110, au()), ("tones.aiff", 110, aiff()), ("tones.adpcm.wav", 120, adpcm())]
    {
        assert!(decode(Path::new(name), bytes.clone()).unwrap().samples.len() > 3999, "{name}");
        std::fs::write(work.path(name), bytes).unwrap();
        readers.push(Reader::new(work.path(name), cases, sound));
    }
    readers
}

#[test]
fn no_damage_makes_a_reader_panic_or_take_much_memory() {
    let times = std::env::var("GENRE_GPU_MUTATIONS").map_or(1, |times| times.parse().unwrap());
    let work = Work::trained();
    let readers = readers(&work);
    let mut cases = 0;
    for Reader { file, read, .. } in &readers {
        read(file);
    }
    let before = peak();
    for reader in &readers {
        let name = reader.file.file_name().unwrap().to_str().unwrap();
        let whole = std::fs::read(&reader.file).unwrap();
        let mut stream = Stream::new(14, name);
        for case in 0..reader.cases * times {
            std::fs::write(&reader.file, damage(&whole, &mut stream)).unwrap();
            let read = catch_unwind(AssertUnwindSafe(|| (reader.read)(&reader.file)));
            assert!(read.is_ok(), "{name}: a panic in case {case}");
            cases += 1;
        }
        std::fs::write(&reader.file, whole).unwrap();
        if let (Some(before), Some(now)) = (before, peak()) {
            let most = (now - before) >> 20;
            assert!(now - before < MOST_MEMORY, "{name}: {most} MB beyond the whole files");
        }
    }
    assert_eq!(cases, 20_000 * times);
}
