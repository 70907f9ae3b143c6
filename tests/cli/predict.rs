//! What genre is this song?

use std::path::Path;

use genre_gpu::random::streams::Stream;
use safetensors::SafeTensors;
use serde_json::Value;

use super::program::{Ran, Work};

const CLASSES: [&str; 2] = ["high", "low"];
/// Of each song, as prepare cuts it and as many as fit end to end.
const CUTS: usize = 4;

/// Noise, and a tone where there is one.
fn sound(tone_hz: Option<f64>, noise: f64, samples: usize, seed: u64) -> Vec<i16> {
    let mut stream = Stream::new(seed, "noise");
    let phase = |k: usize, hz: f64| std::f64::consts::TAU * hz * k as f64 / 22_050.0;
    let tone = |k| tone_hz.map_or(0.0, |hz| 0.4 * f64::sin(phase(k, hz)));
    let value = |k| (tone(k) + noise * stream.normal()).clamp(-1.0, 1.0);
    (0..samples).map(value).map(|x| (x * 32_767.0) as i16).collect()
}

fn wav(path: &Path, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
}

/// `run` after two epochs on `arrays`, which come from eight songs of each class, cut from `what`.
pub fn trained(what: &str) -> Work {
    let work = Work::empty();
    for (class, hz) in CLASSES.iter().zip([4000.0, 300.0]) {
        std::fs::create_dir_all(work.path(&format!("songs/{class}"))).unwrap();
        for i in 0..8 {
            // Tone and level differ a little from song to song.
            let tone = hz * (1.0 + 0.02 * i as f64);
            let samples = sound(Some(tone), 0.01 + 0.004 * i as f64, 12_500 + 11 * i, i as u64);
            wav(&work.path(&format!("songs/{class}/{i}.wav")), &samples);
        }
    }
    work.ok(&format!(
        "prepare songs --out arrays --n-fft 512 --hop 256 --mels 16 --frames 12 --segments {CUTS} \
         --cut-from {what}"
    ));
    work.ok("train --data arrays --epochs 2 --batch-size 8 --out run");
    work
}

fn songs(ran: &Ran) -> Vec<Value> {
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.out))
}

/// Probabilities as text, by song and cut, as the run's files have them.
fn predictions(work: &Work, part: &str) -> Vec<(usize, Vec<f64>)> {
    let text = work.text(&format!("run/predictions_{part}.csv"));
    let row = |row: csv::StringRecord| {
        let number = |i: usize| row[i].parse::<f64>().unwrap();
        (number(1) as usize, vec![number(4), number(5)])
    };
    csv::Reader::from_reader(text.as_bytes()).records().map(|r| row(r.unwrap())).collect()
}

/// Predicts all songs and compares each cut with what training said of it.
fn same_as_the_run(what: &str) {
    let work = trained(what);
    let mut looked_at = 0;
    for part in ["train", "val", "test"] {
        let rows = predictions(&work, part);
        for cuts in rows.chunks(CUTS) {
            let (class, number) = (cuts[0].0 / 1000, cuts[0].0 % 1000);
            let file = format!("songs/{}/{number}.wav", CLASSES[class]);
            let song = songs(&work.ok(&format!("predict run {file} --json"))).remove(0);
            let got: Vec<Vec<f64>> = (song["cuts"].as_array().unwrap().iter())
                .map(|cut| CLASSES.map(|c| cut["uncalibrated"][c].as_f64().unwrap()).to_vec())
                .collect();
            let want: Vec<Vec<f64>> = cuts.iter().map(|(_, row)| row.clone()).collect();
            assert_eq!(got, want, "{file}, {what}");
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 16);
}

#[test]
fn a_songs_cuts_have_the_very_probabilities_that_they_had_in_training() {
    same_as_the_run("sound");
}

#[test]
fn likewise_where_the_spectrogram_is_cut() {
    same_as_the_run("spectrogram");
}

#[test]
fn several_songs_as_text_and_as_json() {
    let work = trained("sound");
    work.write("broken.wav", b"RIFF of no kind".repeat(40));
    wav(&work.path("short.wav"), &sound(None, 0.1, 2000, 1));
    wav(&work.path("noise.wav"), &sound(None, 0.001, 40_000, 1));
    let words =
        "predict run songs/low/1.wav broken.wav noise.wav nowhere.mp3 short.wav songs/high/2.wav";
    let text = work.fails(
        words,
        &[
            "genre-gpu: broken.wav: not a readable audio file",
            "genre-gpu: nowhere.mp3: cannot read",
        ],
    );
    let short = "short.wav: unsure: unlike the training songs (0.09 s are too short for one cut of \
                 0.13 s; nearest: ";
    assert!(text.out.contains(short), "{}", text.out);
    assert!(!text.out.contains('\u{1b}'), "no escape codes in a pipe: {:?}", text.out);
    for told in ["h high  l low", "\n  0:00 ", " 0:01\n", "\nnoise.wav: ", "4 of 4 cuts are"] {
        assert!(text.out.contains(told), "no {told:?} in\n{}", text.out);
    }
    // Fourteen cuts of noise, one letter each.
    let strip = text.out.lines().skip_while(|line| !line.starts_with("noise.wav")).nth(1).unwrap();
    let cells = strip.split_whitespace().nth(1).unwrap();
    assert!(cells.len() == 14 && cells.chars().all(|c| "hl".contains(c)), "{strip}");

    let json = work.fails(&format!("{words} --json --threads 1"), &["broken.wav", "nowhere.mp3"]);
    let files = songs(&json);
    let paths: Vec<&str> = files.iter().map(|song| song["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "songs/low/1.wav",
            "broken.wav",
            "noise.wav",
            "nowhere.mp3",
            "short.wav",
            "songs/high/2.wav"
        ],
        "the order given"
    );
    let (failed, all): (Vec<Value>, Vec<Value>) =
        files.into_iter().partition(|song| song["error"].is_string());
    assert_eq!((failed.len(), all.len()), (2, 4));
    let again = work.run(&format!("{words} --json --threads 3").split(' ').collect::<Vec<_>>());
    assert!(again.out == json.out, "the number of threads shows");
    for (song, samples) in all.iter().zip([12_511.0, 40_000.0, 2000.0, 12_522.0]) {
        assert_eq!(song["seconds"].as_f64().unwrap(), samples / 22_050.0);
        assert_eq!(song["sample_rate_hz"], 22_050);
        let cuts = song["cuts"].as_array().unwrap();
        let of = |value: &Value, class: &str| value["probabilities"][class].as_f64().unwrap();
        for class in CLASSES {
            let raw = |value: &Value| value["uncalibrated"][class].as_f64().unwrap();
            let mean = cuts.iter().map(raw).sum::<f64>() / cuts.len() as f64;
            // JSON shortens what are 32-bit floats.
            assert!((mean - raw(song)).abs() < 1e-7, "{mean} {song}");
        }
        for (value, unit) in cuts.iter().map(|cut| (cut, "cuts")).chain([(song, "song")]) {
            assert_calibrated(value, song["temperature"][unit].as_f64().unwrap());
        }
        let likely = if of(song, "high") >= of(song, "low") { "high" } else { "low" };
        assert_eq!((&song["nearest"], &song["votes"]["mean"]), (&likely.into(), &likely.into()));
        let votes = CLASSES.map(|class| song["votes"]["cuts"][class].as_u64().unwrap());
        assert_eq!(votes[0] + votes[1], cuts.len() as u64);
        // A class is claimed, or there is a reason not to.
        let unsure = song["unsure"].as_bool().unwrap();
        assert_eq!(unsure, ["noise.wav", "short.wav"].contains(&song["path"].as_str().unwrap()));
        let shown = match song["reason"].as_str() {
            Some(why) => format!("unsure: unlike the training songs ({why}; nearest: {likely})"),
            None => format!("{likely} {:.0} % (", 100.0 * of(song, likely)),
        };
        assert_eq!(unsure, song["reason"].is_string());
        assert_eq!(song["verdict"], if unsure { Value::Null } else { likely.into() });
        let line = format!("{}: {shown}", song["path"].as_str().unwrap());
        assert!(text.out.contains(&line), "{line} in\n{}", text.out);
        let mut end = 0.0;
        for cut in cuts {
            let [from, to] = ["start_s", "end_s"].map(|key| cut[key].as_f64().unwrap());
            assert!(end <= from && from < to && to <= samples / 22_050.0, "{cut}");
            end = to;
        }
    }

    let quiet = work.ok("predict run songs/low/1.wav noise.wav --quiet");
    assert_eq!((quiet.out.lines().count(), quiet.err.as_str()), (2, ""), "{}", quiet.out);
    let none = work.fails("predict run broken.wav", &["broken.wav"]);
    assert_eq!(none.out, "", "no heading where there is no song");
    let two = songs(&work.ok("predict run songs/low/1.wav noise.wav --cuts 3 --json"));
    assert!(two.iter().all(|song| song["cuts"].as_array().unwrap().len() == 3));
    work.refuses("predict run", &["FILE"]);
    work.refuses("predict run noise.wav --cuts 0", &["--cuts"]);
    work.fails("predict arrays noise.wav", &["expected a run"]);
}

#[test]
fn colours_are_for_those_who_want_them() {
    let work = trained("sound");
    let coloured = |key: &str, value: &str| {
        let mut command = work.command(&["predict", "run", "songs/low/1.wav"]);
        for key in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(key);
        }
        let ran = Ran::of(&command.env(key, value).output().unwrap());
        (ran.out.contains("\u{1b}["), ran.out)
    };
    let (colours, plain) = coloured("NO_COLOR", "1");
    assert!(!colours && plain.contains("h high  l low"), "{plain}");
    let (colours, painted) = coloured("CLICOLOR_FORCE", "1");
    assert!(colours);
    assert_eq!(console::strip_ansi_codes(&painted), plain);
}

#[test]
fn how_far_a_song_lies_from_the_training_set() {
    let work = trained("sound");
    wav(&work.path("noise.wav"), &sound(None, 0.02, 20_000, 1));
    // The middle song of those that the training part has: as near as the others.
    let id = predictions(&work, "train").into_iter().map(|(id, _)| id).find(|id| id % 1000 > 2);
    let id = id.unwrap();
    let near = format!("songs/{}/{}.wav", CLASSES[id / 1000], id % 1000);
    let all = songs(&work.ok(&format!("predict run {near} noise.wav --json")));
    let of = |song: &Value, key: &str| song["distance"][key].as_f64().unwrap();
    assert!(of(&all[0], "farther") > 0.0 && of(&all[0], "distance") < 2.0, "{}", all[0]);
    assert_eq!(of(&all[1], "farther"), 0.0, "{}", all[1]);
    assert!(of(&all[1], "distance") > 2.0 * of(&all[0], "distance"));
    assert_eq!(all[0]["distance"]["of"], "songs");
    let text = work.ok("predict run noise.wav").out;
    assert!(text.contains("farther from the training songs' than all of them"), "{text}");
    assert!(text.contains("a prediction is an extrapolation"), "{text}");
    for (file, why) in not_music(&work) {
        for flag in ["", " --quiet"] {
            let text = work.ok(&format!("predict run {file}{flag}")).out;
            let unsure = format!("{file}: unsure: unlike the training songs ({why}");
            assert!(text.contains(&unsure) && !text.contains(" % ("), "{text}");
        }
        let song = songs(&work.ok(&format!("predict run {file} --json"))).remove(0);
        assert!(song["verdict"].is_null() && song["unsure"] == true, "{song}");
        assert!(song["reason"].as_str().unwrap().starts_with(why), "{song}");
    }
}

/// Files of which no class should be claimed, and why.
fn not_music(work: &Work) -> [(&'static str, &'static str); 5] {
    let tone = sound(Some(440.0), 0.0, 20_000, 1);
    let stereo: Vec<i16> = tone.iter().flat_map(|&x| [x, -x]).collect();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(work.path("phase.wav"), spec).unwrap();
    stereo.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    wav(&work.path("silence.wav"), &vec![0; 20_000]);
    wav(&work.path("dither.wav"), &(0..20_000).map(|i| i % 3 - 1).collect::<Vec<i16>>());
    wav(&work.path("tone.wav"), &tone);
    wav(&work.path("noise.wav"), &sound(None, 0.02, 20_000, 1));
    [
        ("silence.wav", "it is silent: all samples are 0"),
        ("dither.wav", "it is silent: its peak is -90 dBFS"),
        ("phase.wav", "its channels are out of phase"),
        ("tone.wav", "it"),
        ("noise.wav", "it"),
    ]
}

/// Takes keys out of what the run's model file says of itself, as older versions left it.
fn forget(work: &Work, keys: &[&str]) {
    let bytes = work.read("run/model.safetensors");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let facts = &metadata.metadata().as_ref().unwrap()["genre_gpu"];
    let mut facts: Value = serde_json::from_str(facts).unwrap();
    keys.iter().for_each(|key| drop(facts.as_object_mut().unwrap().remove(*key).unwrap()));
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let about = [("genre_gpu".to_owned(), facts.to_string())].into();
    work.write(
        "run/model.safetensors",
        safetensors::serialize(tensors.tensors(), Some(about)).unwrap(),
    );
    // Nor had older runs hashes of their weights.
    std::fs::remove_file(work.path("run/weights.json")).unwrap();
}

/// softmax(logits / T) of two classes: the difference of logits is divided by T.
fn assert_calibrated(value: &Value, temperature: f64) {
    let difference = |key: &str| {
        let [a, b] = CLASSES.map(|class| value[key][class].as_f64().unwrap().ln());
        a - b
    };
    let (before, after) = (difference("uncalibrated"), difference("probabilities"));
    assert!((before - after * temperature).abs() < 1e-4 * (1.0 + before.abs()), "{value}");
}

/// The run's own temperatures, and none in an older run, which says so.
#[test]
fn a_songs_probabilities_are_calibrated_by_the_runs_temperatures() {
    let work = trained("sound");
    let metrics: Value = serde_json::from_slice(&work.read("run/metrics.json")).unwrap();
    let found = &metrics["temperatures"];
    assert_eq!(found["songs"]["segments"], CUTS as f64);
    let song =
        |words: &str| songs(&work.ok(&format!("predict run songs/low/1.wav {words}"))).remove(0);
    let all = song("--json");
    assert_eq!(all["temperature"]["song"], found["songs"]["value"]);
    assert_eq!(all["temperature"]["cuts"], found["segments"]["value"]);
    // A single cut is a segment.
    let one = song("--json --cuts 1");
    assert_eq!(one["temperature"]["song"], found["segments"]["value"]);
    assert_eq!(one["probabilities"], one["cuts"][0]["probabilities"]);
    forget(&work, &["temperatures"]);
    let ran = work.ok("predict run songs/low/1.wav --json");
    let said = "so probabilities are not calibrated (temperature 1); if its data and its model are still the \
                same, genre-gpu train --resume run adds that";
    ran.told("an older run", &[said]);
    let old = &songs(&ran)[0];
    assert_eq!((&old["temperature"], &old["probabilities"]), (&Value::Null, &all["uncalibrated"]));
    let told = work.ok("evaluate run").out;
    assert!(told.contains("Calibration: none, the run is from an older version"), "{told}");
    work.ok("train --resume run --quiet");
    assert_eq!(song("--json"), all);
    let told = work.ok("evaluate run --part test").out;
    for part in [
        "Calibration: temperature scaling: T = ",
        "\n  samples: log loss ",
        "\n  songs:   log loss ",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn an_older_run_still_has_its_verdicts() {
    let work = trained("sound");
    let want = songs(&work.ok("predict run songs/low/1.wav --json"));
    forget(&work, &["cutting", "spectra", "typical_songs"]);
    let ran = work.ok("predict run songs/low/1.wav --json");
    ran.told("cutting", &["how the training songs were cut is unknown", "from the sound"]);
    let got = songs(&ran);
    assert!(got[0]["distance"].is_null() && got[0]["typicality"].is_null());
    // Without figures of the training songs what is silent is still known for it.
    for (file, why) in &not_music(&work)[..3] {
        let text = work.ok(&format!("predict run {file} --quiet")).out;
        assert!(
            text.contains(&format!("{file}: unsure: unlike the training songs ({why}")),
            "{text}"
        );
    }
    assert_eq!(got[0]["cuts"], want[0]["cuts"]);
    ran.told("distance", &["genre-gpu train --resume run adds that"]);
    // It does: the figures are made again, and nothing is trained.
    work.ok("train --resume run --quiet");
    let again = work.ok("predict run songs/low/1.wav --json");
    assert_eq!((songs(&again), again.err.as_str()), (want.clone(), ""));

    forget(&work, &["cutting", "spectra", "typical_songs", "front_end"]);
    work.fails(
        "predict run songs/low/1.wav",
        &["16 bands x 12 frames", "prepare.json", "--front-end librosa-2s,mels=16"],
    );
    work.refuses(
        "predict run songs/low/1.wav --front-end bristol-80",
        &["bristol-80: 80 bands, but samples of 16 x 12", "add mels=16"],
    );
    let given = "--front-end librosa-2s,n-fft=512,hop=256,mels=16";
    let got = songs(&work.ok(&format!("predict run songs/low/1.wav {given} --json")));
    assert_eq!(got[0]["cuts"], want[0]["cuts"]);
    work.refuses("predict run songs/low/1.wav --front-end mel", &["librosa-2s or bristol-80"]);
}

#[test]
fn a_preset_makes_up_for_a_front_end_that_the_model_does_not_know() {
    let work = Work::empty();
    for class in CLASSES {
        std::fs::create_dir_all(work.path(&format!("songs/{class}"))).unwrap();
        for i in 0..4 {
            let hz = if class == "low" { 200.0 } else { 5000.0 };
            let samples = sound(Some(hz), 0.02, 90_000, i);
            wav(&work.path(&format!("songs/{class}/{i}.wav")), &samples);
        }
    }
    work.ok("prepare songs --out arrays --segments 2");
    let known = work.path("arrays/prepare.json");
    work.ok("train --data arrays --epochs 1 --out known");
    std::fs::remove_file(known).unwrap();
    work.ok("train --data arrays --epochs 1 --out run --class-names high,low");
    let file = "songs/low/1.wav";
    work.fails(&format!("predict run {file}"), &["prepare.json", "such as --front-end librosa-2s"]);
    let got = songs(&work.ok(&format!("predict run {file} --front-end librosa-2s --json")));
    let want = songs(&work.ok(&format!("predict known {file} --json")));
    assert_eq!(got, want);
    assert_eq!(got[0]["cuts"].as_array().unwrap().len(), 2);
    work.fails(
        &format!("predict known {file} --front-end librosa-2s"),
        &["front end is known (librosa-2s)", "leave out --front-end"],
    );
}

/// Each file has its entry, in the order given.
#[test]
fn a_file_that_cannot_be_used_is_in_the_json_too() {
    let work = trained("sound");
    work.write("no.wav", "hello");
    let ran =
        work.run(&["predict", "run", "songs/low/1.wav", "no.wav", "songs/high/1.wav", "--json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let files = songs(&ran);
    assert_eq!(files[0]["path"], "songs/low/1.wav");
    assert_eq!(files[1]["path"], "no.wav");
    assert!(files[1]["error"].as_str().unwrap().contains("not a readable audio file"));
    assert!(files[2]["error"].is_null() && !files[2]["probabilities"].is_null());
}
