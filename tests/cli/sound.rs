//! What `prepare` and `predict` say of sound files that are odd.

use super::predict::trained;
use super::program::Work;

const RATE: u32 = 22_050;

/// A WAV of 16 bits with these channels.
fn wav(work: &Work, name: &str, channels: u16, samples: &[i16]) {
    let (bits_per_sample, sample_format) = (16, hound::SampleFormat::Int);
    let spec = hound::WavSpec { channels, sample_rate: RATE, bits_per_sample, sample_format };
    let path = work.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
}

/// A second of a tone and of noise, at most as loud as `most`.
fn song(seed: i32, loud: f64, most: f64) -> Vec<i16> {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        f64::from(state >> 16) / 32_768.0
    };
    (0..RATE)
        .map(|i| (loud * ((f64::from(i) * 0.0613).sin() + 0.3 * noise())).clamp(-most, most))
        .map(|x| (x * 32_767.0) as i16)
        .collect()
}

#[test]
fn prepare_remarks_what_a_training_song_should_not_be() {
    let work = Work::empty();
    for (class, seed) in [("a", 10), ("b", 20)] {
        for i in 0..4 {
            wav(&work, &format!("songs/{class}/{i}.wav"), 1, &song(seed + i, 0.4, 1.0));
        }
    }
    wav(&work, "songs/a/silent.wav", 1, &vec![0; RATE as usize]);
    wav(&work, "songs/a/clipped.wav", 1, &song(1, 2.0, 1.0));
    let tone = song(9, 0.4, 1.0);
    let stereo: Vec<i16> = tone.iter().flat_map(|&x| [x, -x]).collect();
    wav(&work, "songs/b/phase.wav", 2, &stereo);
    let words =
        "prepare songs --out arrays --n-fft 512 --hop 256 --mels 256 --frames 12 --segments 2";
    let ran = work.ok(words);
    ran.told(
        words,
        &[
            "a/silent.wav: it is silent: all samples are 0",
            "a/clipped.wav: it is clipped: ",
            "b/phase.wav: its channels are out of phase",
            "of 256 mel bands are narrower than a bin of the FFT",
            "try --mels 153 or --n-fft 1024",
        ],
    );
    assert!(!ran.err.contains("a/0.wav"), "{}", ran.err);
    let list = work.text("arrays/songs.csv");
    for (file, remark) in [("a/silent", "it is silent"), ("a/clipped", "it is clipped")] {
        let mut rows = list.lines().filter(|row| row.contains(file));
        assert!(rows.all(|row| row.contains(remark)), "{list}");
    }
    // librosa warns of the same 39.
    let librosa = "prepare songs --out other --n-fft 512 --mels 256 --frames 12 --segments 1";
    work.ok(librosa).told(
        librosa,
        &["39 of 256 mel bands are narrower than a bin of the FFT and always empty"],
    );
    let usual = work.ok("prepare songs --out usual --frames 12 --segments 1");
    assert!(!usual.err.contains("empty"), "{}", usual.err);
}

/// Headers that lie are no damage, so `--strict` accepts them.
#[test]
fn lengths_that_are_unknown_are_no_damage() {
    let work = Work::empty();
    for class in ["a", "b"] {
        for (i, length) in [0u32, u32::MAX, 0x7fff_f000, 0x8000_0024].into_iter().enumerate() {
            let name = format!("songs/{class}/{i}.wav");
            wav(&work, &name, 1, &song(i as i32, 0.4, 1.0));
            let mut bytes = work.read(&name);
            bytes[40..44].copy_from_slice(&length.to_le_bytes());
            work.write(&name, bytes);
        }
    }
    let ran = work.ok(
        "prepare songs --out arrays --n-fft 512 --hop 256 --mels 16 --frames 12 --segments 2 --strict",
    );
    assert!(!ran.err.contains("promises"), "{}", ran.err);
}

#[test]
fn files_that_are_too_long_are_refused_by_a_limit_that_is_said() {
    let work = trained("sound");
    wav(&work, "long.wav", 1, &song(1, 0.4, 1.0).repeat(61));
    work.fails("predict run long.wav --max-minutes 1", &["longer than 1 minutes", "--max-minutes"]);
    work.ok("predict run long.wav --max-minutes 2 --quiet");
    work.refuses("predict run long.wav --max-minutes 0", &["--max-minutes"]);
}

/// More cuts than one batch holds: the same probabilities as those of its parts.
#[test]
fn a_song_of_many_cuts_is_predicted_batch_by_batch() {
    for what in ["sound", "spectrogram"] {
        let work = trained(what);
        wav(&work, "long.wav", 1, &song(1, 0.4, 1.0).repeat(45));
        let ran = work.ok("predict run long.wav --json");
        let songs: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let cuts = songs[0]["cuts"].as_array().unwrap();
        assert!(cuts.len() > 300, "{what}: {}", cuts.len());
        let few = work.ok("predict run long.wav --json --cuts 256");
        let few: serde_json::Value = serde_json::from_str(&few.out).unwrap();
        assert_eq!(few[0]["cuts"].as_array().unwrap().len(), 256);
        // The first cut is nearly the same either way: its length and its 0 dB depend on how many
        // there are. That batches change no bit is a test of `audio::cut_each`.
        let first = |cuts: &serde_json::Value| cuts["probabilities"]["low"].as_f64().unwrap();
        assert!((first(&few[0]["cuts"][0]) - first(&cuts[0])).abs() < 0.01, "{what}");
        let starts: Vec<f64> = cuts.iter().map(|cut| cut["start_s"].as_f64().unwrap()).collect();
        assert!(starts.is_sorted_by(|a, b| a < b), "{what}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused() {
    let work = trained("sound");
    work.fails("predict run /dev/zero", &["/dev/zero", "expected a regular file, found a device"]);
}
