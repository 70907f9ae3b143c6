//! `prepare` on the demo corpus's WAV files makes the very arrays that the corpus has.

use genre_gpu::audio::{CutFrom, Cutting, ZeroDb};
use genre_gpu::prepare::{Options, SplitKind, prepare};

use super::*;

#[test]
fn the_wavs_become_the_very_arrays() {
    let work = tempfile::tempdir().unwrap();
    let corpus = make(work.path(), &TINY);
    let songs = work.path().join("songs");
    demo::write_wavs(&songs, TINY.seed, TINY.songs_per_genre(), &Silent).unwrap();
    let list = work.path().join("list.csv");
    let rows = csv::Reader::from_path(corpus.folder.join("songs.csv")).unwrap().into_deserialize();
    let mut lines = String::from("file,label,part\n");
    for row in rows {
        let SongRow { genre, number, part, .. } = row.unwrap();
        lines.push_str(&format!("demo.{genre}.{number:05}.wav,{genre},{part}\n"));
    }
    fs::write(&list, lines).unwrap();
    let out = work.path().join("out");
    let options = Options {
        audio: songs,
        list: Some(list),
        classes: None,
        front_end: FrontEnd::bristol_80(),
        cutting: Cutting {
            segments: CUTS_PER_SONG,
            from: CutFrom::Spectrogram,
            zero_db: ZeroDb::Song,
        },
        song_from: None,
        split: Some(SplitKind::Csv),
        parts: None,
        seed: 42,
        strict: true,
        most_minutes: 60,
        threads: 0,
        out: out.clone(),
    };
    let summary = prepare(&options, &Silent).unwrap();
    assert_eq!((summary.classes, summary.files), (corpus.classes.clone(), 12));
    for part in ["train", "val", "test"] {
        let (want, labels, _) = arrays(&corpus.folder, part);
        let got: Array3<f32> = read_npy(out.join(format!("x_{part}.npy"))).unwrap();
        assert!(got == want, "{part}");
        let y: Array1<i64> = read_npy(out.join(format!("y_{part}.npy"))).unwrap();
        assert_eq!(y, labels.mapv(i64::from));
    }
}
