//! What an audit finds in sets with planted faults, and that it finds nothing in others.

use std::sync::Mutex;

use genre_gpu::audit::{Artists, Audit, How, Match, Names, Options, Quick, Sample};
use genre_gpu::data::{Dataset, Part, PartName, Scale};
use genre_gpu::progress::{Progress, Silent};
use genre_gpu::random::streams::Stream;

const H: usize = 24;
const W: usize = 12;
const PER_SONG: usize = 2;

/// Noise between -80 and 0 dB, as long recordings of `[h, frames]`, cut where told.
fn recording(seed: u64, frames: usize) -> Vec<f32> {
    let mut noise = Stream::new(seed, "recording");
    (0..H * frames).map(|_| noise.between(-79.0, 0.0) as f32).collect()
}

fn cut(recording: &[f32], from: usize) -> Vec<f32> {
    let frames = recording.len() / H;
    (0..H * W).map(|i| recording[i / W * frames + from + i % W]).collect()
}

/// Cuts that share nothing; songs are numbered through, two samples each.
fn clean() -> Dataset {
    let mut first = 0;
    let mut part = |n: usize| {
        let x = (0..n).flat_map(|i| cut(&recording(first + i as u64, W), 0)).collect();
        let song = (0..n).map(|i| (first as usize + i) / PER_SONG).map(|id| id as i64).collect();
        first += n as u64;
        Part { x, y: (0..n).map(|i| (i / PER_SONG % 2) as u32).collect(), song: Some(song) }
    };
    let (train, val, test) = (part(12), part(8), part(8));
    Dataset {
        source: "made here".into(),
        sample_shape: [H, W, 1],
        classes: vec!["disco".into(), "metal".into()],
        assumed_classes: false,
        train,
        val,
        test,
        found: Vec::new(),
        hash: String::new(),
        scale: Scale::NONE,
        disk: None,
        song_ids: Default::default(),
        val_is_test: false,
    }
}

fn put(part: &mut Part, index: usize, x: &[f32]) {
    part.x[index * H * W..(index + 1) * H * W].copy_from_slice(x);
}

fn audit(data: &Dataset) -> Audit {
    Audit::of(data, None, &Options::default(), &Silent)
}

/// The only pair of the only kind of evidence.
fn only(audit: &Audit) -> Match {
    let [evidence] = audit.evidence.as_slice() else { panic!("{:?}", audit.evidence) };
    assert_eq!((evidence.pairs, evidence.samples), (1, 1), "{evidence:?}");
    evidence.examples[0]
}

fn place(sample: Sample) -> (PartName, usize) {
    (sample.part, sample.index)
}

#[test]
fn a_clean_set_is_clean() {
    let found = audit(&clean());
    assert!(found.evidence.is_empty() && !found.test_is_compromised(), "{found}");
    assert_eq!((found.val.samples, found.warnings.len()), (0, 0), "{found}");
    assert_eq!((found.parts.len(), found.common_frames), (3, 0));
    let [train, ..] = found.parts.as_slice() else { panic!() };
    assert_eq!((train.samples, train.songs), (12, Some(6)));
    assert_eq!((train.classes[1].samples, train.classes[1].share), (6, 0.5));
    let line = Quick::of(&clean()).line();
    assert_eq!(line, "Audit: no sample and no song of the test part occurs in another part");
    let mut nameless = clean();
    nameless.val.song = None;
    assert!(Quick::of(&nameless).line().ends_with("occurs in another part; songs unknown"));
}

#[test]
fn overlapping_windows_are_found_where_they_are() {
    let mut data = clean();
    let long = recording(99, 20);
    put(&mut data.train, 5, &cut(&long, 0));
    put(&mut data.test, 3, &cut(&long, 7));
    let found = audit(&data);
    let Match { sample, other, how } = only(&found);
    assert_eq!((place(sample), place(other)), ((PartName::Test, 3), (PartName::Train, 5)));
    // Each sample's least value is taken for its floor, which hides no frame here.
    assert_eq!(how, How::Frames { frames: 5, shift: 7 });
    assert!(found.test_is_compromised());
    assert_eq!((found.test.samples, found.test.songs), (1, Some(1)));
    assert_eq!((found.test.of_samples, found.test.of_songs), (8, Some(4)));
    assert!(Quick::of(&data).line().contains("no sample"), "hashes alone cannot see it");
    let strict = Options { frames: 6, ..Options::default() };
    assert!(!Audit::of(&data, None, &strict, &Silent).test_is_compromised());
}

#[test]
fn what_was_not_compared_is_said() {
    let mut data = clean();
    // The same numbers as samples of few bands.
    data.sample_shape = [4, H * W / 4, 1];
    let found = audit(&data);
    assert_eq!(found.frames_not_compared, Some("fewer than 8 bands"));
    let text = found.to_string();
    for told in [
        "frames in a row equal bit by bit: not compared (fewer than 8 bands)",
        "test is clean as far as was checked (frames were not compared)",
    ] {
        assert!(text.contains(told), "{told}\n{text}");
    }
    let wide = Options { frames: W + 1, ..Options::default() };
    let found = Audit::of(&clean(), None, &wide, &Silent);
    assert_eq!(found.frames_not_compared, Some("samples have fewer frames"));
    assert_eq!(audit(&clean()).frames_not_compared, None);
}

#[test]
fn so_are_those_at_another_level_with_a_floor() {
    let mut data = clean();
    let long = recording(99, 20);
    let mut quieter = cut(&long, 4);
    // As a cut that is referred to its own maximum and floored at -75.
    quieter.iter_mut().for_each(|x| *x = (*x - 6.5).max(-75.0));
    put(&mut data.train, 2, &cut(&long, 0));
    put(&mut data.val, 7, &quieter);
    let found = audit(&data);
    let Match { sample, other, how } = only(&found);
    assert_eq!((place(sample), place(other)), ((PartName::Val, 7), (PartName::Train, 2)));
    let How::LevelledFrames { frames: 8, shift: 4, level } = how else { panic!("{how:?}") };
    assert!((level + 6.5).abs() < 1e-3, "{level}");
    assert_eq!((found.val.samples, found.test_is_compromised()), (1, false));
    // Beyond rounding it is other sound.
    let mut noise = Stream::new(5, "noise");
    quieter.iter_mut().for_each(|x| *x += noise.between(-0.1, 0.1) as f32);
    put(&mut data.val, 7, &quieter);
    assert!(audit(&data).evidence.is_empty());
}

#[test]
fn a_near_duplicate_is_found_through_noise() {
    let mut data = clean();
    let mut noise = Stream::new(5, "noise");
    let mut near = data.train.x[4 * H * W..5 * H * W].to_vec();
    near.iter_mut().for_each(|x| *x = 0.5 * *x + noise.between(-0.5, 0.5) as f32);
    put(&mut data.test, 6, &near);
    let Match { sample, other, how } = only(&audit(&data));
    assert_eq!((place(sample), place(other)), ((PartName::Test, 6), (PartName::Train, 4)));
    let How::Near { r } = how else { panic!("{how:?}") };
    assert!((0.999..0.9999).contains(&r), "{r}");
    let strict = Options { near: 0.9999, ..Options::default() };
    assert!(Audit::of(&data, None, &strict, &Silent).evidence.is_empty());
    near.iter_mut().for_each(|x| *x += noise.between(-5.0, 5.0) as f32);
    put(&mut data.test, 6, &near);
    assert!(audit(&data).evidence.is_empty());
}

#[test]
fn equal_samples_and_their_labels() {
    let mut data = clean();
    let copy = data.train.x[..H * W].to_vec();
    put(&mut data.test, 2, &copy);
    put(&mut data.val, 0, &copy);
    put(&mut data.train, 9, &copy);
    // Train 0 and 9, val 0 have label 0; test 2 has 1.
    let found = audit(&data);
    let told: Vec<_> = found.evidence.iter().map(|e| (e.kind, e.part, e.other, e.pairs)).collect();
    let (train, val, test) = (PartName::Train, PartName::Val, PartName::Test);
    let identical = |part, other| ("identical", part, other, 1);
    assert!(told.starts_with(&[identical(test, train)]), "{told:?}");
    for pair in [(test, train), (test, val), (val, train)] {
        assert!(told.contains(&identical(pair.0, pair.1)), "{told:?}");
        assert!(!told.contains(&("near", pair.0, pair.1, 1)), "told once: {told:?}");
    }
    assert_eq!(found.label_conflicts, 1);
    assert_eq!(found.repeated_within, [(train, 1), (val, 0), (test, 0)]);
    let line = Quick::of(&data).line();
    for part in ["1 of 8 test samples occurs in train or val", "1 of 8 val", "different label"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn silence_and_held_tones_are_no_alarm() {
    let mut data = clean();
    let tone = |i: usize| {
        if (i / W).is_multiple_of(3) { -10.0 - (i / W) as f32 } else { -40.0 - (i / W) as f32 }
    };
    for part in [&mut data.train, &mut data.val, &mut data.test] {
        let n = part.y.len();
        put(part, 0, &[-80.0; H * W]);
        // One half silent, another a tone that is held: each beside sound of its own.
        for (index, kind) in [(1, 0), (2, 1), (3, 1)] {
            let mut x = part.x[index * H * W..(index + 1) * H * W].to_vec();
            for (i, x) in x.iter_mut().enumerate().filter(|(i, _)| i % W < W / 2) {
                *x = if kind == 0 { -80.0 } else { tone(i) };
            }
            put(part, index, &x);
        }
        assert!(n > 3);
    }
    let found = audit(&data);
    assert!(found.evidence.is_empty(), "{found}");
    assert!(found.parts.iter().all(|part| (part.constant, &*part.constant_examples) == (1, &[0])));
    assert_eq!(found.warnings.len(), 3, "{:?}", found.warnings);
    assert!(Quick::of(&data).finds_fault());
}

#[test]
fn a_song_in_two_parts() {
    let mut data = clean();
    data.test.song.as_mut().unwrap()[..3].fill(0);
    // Label 0 twice, then label 1: song 0 of training has label 0.
    let found = audit(&data);
    let [shared] = found.shared_songs.as_slice() else { panic!("{:?}", found.shared_songs) };
    assert_eq!((shared.part, shared.other, shared.songs), (PartName::Test, PartName::Train, 1));
    assert_eq!(shared.examples, [(0, 0)]);
    assert_eq!((found.test.samples, found.test.songs), (2, Some(1)));
    assert!(found.test_is_compromised() && found.to_string().contains("COMPROMISED"), "{found}");
    assert!(found.to_string().contains("use ids that are unique over all parts"), "{found}");
}

/// Disco is 0 and metal 1 here, so id 98 is `disco.00098`, 134 `metal.00034`.
#[test]
fn gtzans_repeats_by_name() {
    let mut data = clean();
    let ids = |part: &mut Part, ids: [i64; 2]| {
        let y = part.y.clone();
        part.song = Some(y.iter().map(|&label| ids[label as usize]).collect());
    };
    ids(&mut data.train, [98, 134]);
    ids(&mut data.val, [38, 100]);
    ids(&mut data.test, [78, 194]);
    let names = Names::of_ids(&data).unwrap();
    let found = Audit::of(&data, Some(&names), &Options::default(), &Silent);
    let known = found.gtzan.as_ref().unwrap();
    let told: Vec<_> =
        known.repeats.iter().map(|r| (r.exact, r.name.as_str(), r.other_name.as_str())).collect();
    let repeats = [(true, "metal.00094", "metal.00034"), (false, "disco.00078", "disco.00038")];
    assert_eq!(told, repeats);
    assert_eq!(known.named, 6);
    assert!(known.artists.iter().all(|(.., artists)| *artists == Artists::Unknown));
    // Four samples are metal.00094's; a version of a piece compromises nothing.
    assert_eq!((found.test.samples, found.test.songs), (4, Some(1)), "{found}");

    // Both in training, none elsewhere: nothing to tell.
    ids(&mut data.train, [34, 194]);
    ids(&mut data.test, [35, 136]);
    let names = Names::of_ids(&data).unwrap();
    let found = Audit::of(&data, Some(&names), &Options::default(), &Silent);
    assert!(!found.test_is_compromised(), "{found}");
    data.classes[0] = "polka".into();
    let error = Names::of_ids(&data).unwrap_err().to_string();
    assert!(error.contains("--gtzan") && error.contains("polka"), "{error}");
}

#[test]
fn the_lists_tell_of_artists() {
    let lists = ["train", "valid", "test"].map(|list| {
        let file = format!("{}/data/splits/{list}_filtered.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(file).unwrap();
        let number = |line: &str| line.strip_prefix("disco.").map(|n| n.parse::<i64>().unwrap());
        text.lines().find_map(number).unwrap()
    });
    let mut data = clean();
    for (part, id) in [&mut data.train, &mut data.val, &mut data.test].into_iter().zip(lists) {
        part.y.fill(0);
        part.song = Some(vec![id; part.y.len()]);
    }
    let artists = |data: &Dataset| {
        let names = Names::of_ids(data).unwrap();
        Audit::of(data, Some(&names), &Options::default(), &Silent).gtzan.unwrap().artists
    };
    let disjoint = Artists::DisjointByFaultFilteredLists;
    assert!(artists(&data).iter().all(|(.., found)| *found == disjoint), "{:?}", artists(&data));
    // Of one list, validation and test may share artists.
    data.test.song = data.val.song.clone().map(|ids| vec![ids[0]; data.test.y.len()]);
    let found: Vec<_> = artists(&data).into_iter().map(|(.., found)| found).collect();
    assert_eq!(found, [disjoint, Artists::Unknown, disjoint]);
}

/// Keeps what is noted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _: &str, _: u64, _: &'static str) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn warn(&self, text: &str) {
        panic!("{text}");
    }
}

#[test]
fn names_come_from_the_files_of_songs_csv() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let read = || Names::read(folder.path(), &notes);
    assert!(read().unwrap().is_none());
    let write = |text: &str| std::fs::write(folder.path().join("songs.csv"), text).unwrap();
    write("song,part,genre\n0,train,disco\n");
    assert!(read().unwrap().is_none(), "no files, no names");
    write("song,file,label\n0,mine/best of.wav,0\n");
    assert!(read().unwrap().is_none(), "not GTZAN's");
    write(
        "song,file,label,class,part\n5,disco/disco.00098.wav,0,disco,train\n10,metal.00058.au,1,metal,test\n13,disco.00099.wav,0,disco,test\n",
    );
    let names = read().unwrap().unwrap();
    // Songs 5, 10 and 13 are of train, test and test.
    let data = clean();
    let known = Audit::of(&data, Some(&names), &Options::default(), &Silent).gtzan.unwrap();
    let [repeat] = known.repeats.as_slice() else { panic!("{known:?}") };
    assert_eq!((repeat.exact, repeat.song, repeat.name.as_str()), (true, 13, "disco.00099"));
    // One song of two files, as who knows of the repeat may have it: both names count.
    write("song,file\n0,disco.00098.wav\n0,disco.00099.wav\n10,disco.00099.au\n");
    let names = read().unwrap().unwrap();
    let known = Audit::of(&data, Some(&names), &Options::default(), &Silent).gtzan.unwrap();
    let told: Vec<_> = known.repeats.iter().map(|r| (r.song, r.other_name.as_str())).collect();
    // Songs 0 and 10 share a name, so they are one, called by the lesser id.
    assert_eq!((told.as_slice(), known.named), ([(0, "disco.00098")].as_slice(), 2));
    write("song,file\nsix,disco.00098.wav\n");
    assert!(read().unwrap().is_none(), "ids that are none of the arrays'");
    let noted = notes.0.lock().unwrap().join("\n");
    assert!(noted.contains("songs.csv: ") && noted.contains("\"six\""), "{noted}");
    write("song,file\n6\n");
    assert!(read().is_err());
}
