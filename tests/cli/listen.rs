//! `explain --listen`.

use genre_gpu::data::PartName;
use genre_gpu::explain::{ExplainedSample, Explanation};

use super::predict::trained;
use super::program::Work;

fn explained(work: &Work, folder: &str) -> Explanation {
    serde_json::from_str(&work.text(&format!("{folder}/explain.json"))).unwrap()
}

fn wav(work: &Work, file: &str) -> Vec<i32> {
    let mut reader = hound::WavReader::open(work.path(file)).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 22_050, 16), "{file}");
    reader.samples::<i16>().map(|x| i32::from(x.unwrap())).collect()
}

/// The three files of a sample hold what they say.
fn check(work: &Work, folder: &str, shown: &ExplainedSample) {
    let heard = shown.sound.as_ref().unwrap();
    let three = [&heard.clip, &heard.kept, &heard.rest];
    for (recording, name) in three.iter().zip(["clip", "kept", "rest"]) {
        assert_eq!(recording.file, format!("sound/{}-{}-{name}.wav", shown.part, shown.index));
        let sum: f32 = recording.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{recording:?}");
    }
    assert_eq!(heard.clip.probabilities, shown.probabilities, "the very sample");
    let [clip, kept, rest] = three.map(|r| wav(work, &format!("{folder}/{}", r.file)));
    let seconds = clip.len() as f64 / 22_050.0;
    assert!((heard.end_seconds - heard.start_seconds - seconds).abs() < 1e-9);
    assert_eq!((kept.len(), rest.len()), (clip.len(), clip.len()));
    // Each is rounded by itself.
    for i in 0..clip.len() {
        assert!((clip[i] - kept[i] - rest[i]).abs() <= 2, "{i}");
    }
    let peak = [&clip, &kept, &rest].into_iter().flatten().map(|x| x.abs()).max().unwrap();
    assert!((29_203..=29_206).contains(&peak), "one gain for all three, to -1 dB: {peak}");
    // The song's own samples, raised by that.
    let mut song = hound::WavReader::open(work.path(&format!("songs/{}", heard.song))).unwrap();
    let song: Vec<f32> = song.samples::<i16>().map(|x| f32::from(x.unwrap())).collect();
    let first = (heard.start_seconds * 22_050.0).round() as usize;
    let gain = 10f32.powf(heard.gain_db / 20.0);
    for (x, song) in clip.iter().zip(&song[first..]) {
        assert!((*x as f32 - song * gain).abs() < 1.0);
    }
}

fn sounds(work: &Work, what: &str) {
    let work_folder = "run/explain";
    let ran = work.ok("explain run --no-checks --listen --threads 1");
    let found = explained(work, work_folder);
    let with: Vec<&ExplainedSample> =
        found.shown.iter().filter(|shown| shown.sound.is_some()).collect();
    // The first six right and wrong of each class, of train alone.
    let asked: usize = (found.parts[0].classes.iter())
        .map(|class| class.right.len().min(6) + class.wrong.len().min(6))
        .sum();
    assert!(
        with.len() == asked && with.iter().all(|shown| shown.part == PartName::Train),
        "{what}"
    );
    with.iter().for_each(|shown| check(work, work_folder, shown));
    let files = work.list("run/explain/sound");
    assert_eq!(files.len(), 3 * asked);
    let told = format!("Sound of {asked} samples in sound: mean probability");
    assert!(ran.out.contains(&told), "{told} in {}", ran.out);

    // Threads change nothing.
    let bytes = |folder: &str| -> Vec<_> {
        files.iter().map(|file| work.read(&format!("{folder}/sound/{file}"))).collect()
    };
    work.ok("explain run --no-checks --listen --threads 3 --out again");
    assert!(bytes("run/explain") == bytes("again"));
    assert_eq!(explained(work, "again").shown, found.shown);

    // Others take their place.
    work.ok("explain run --no-checks --listen --part test --index 3,1 --out again");
    assert_eq!(work.list("again/sound").len(), 6);
    let found = explained(work, "again");
    assert!(found.shown.iter().all(|shown| shown.part == PartName::Test) && found.shown.len() == 2);
    found.shown.iter().for_each(|shown| check(work, "again", shown));
}

#[test]
fn samples_cut_from_the_sound_are_heard() {
    sounds(&trained("sound"), "sound");
}

#[test]
fn samples_cut_from_the_spectrogram_are_heard() {
    sounds(&trained("spectrogram"), "spectrogram");
}

#[test]
fn sound_that_nobody_knows_or_that_has_changed_is_told() {
    let work = Work::trained();
    work.refuses("explain run --listen", &["--listen: expected samples whose sound is known"]);
    assert!(!work.exists("run/explain/explain.json"));

    let work = trained("sound");
    let songs = ["high", "low"].map(|class| format!("songs/{class}"));
    for file in songs.iter().flat_map(|class| (0..8).map(move |i| format!("{class}/{i}.wav"))) {
        let mut bytes = work.read(&file);
        *bytes.last_mut().unwrap() ^= 1;
        work.write(&file, bytes);
    }
    let words = "explain run --no-checks --listen";
    work.fails(words, &[".wav: is not the file that samples were cut from", "prepare and train"]);
    assert!(
        !work.exists("run/explain") && !work.exists("run/.explain-new"),
        "nothing half-written"
    );
    work.ok("explain run --no-checks");
}
