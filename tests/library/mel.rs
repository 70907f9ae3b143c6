//! The log-mel spectrogram against librosa's own numbers (tests/fixtures/librosa/make.py).

use std::path::Path;

use genre_gpu::Error;
use genre_gpu::audio::{FrontEnd, LogMel, Reference, mel, power_to_db};
use ndarray::{Array1, Array2};
use ndarray_npy::{ReadableElement, read_npy};

/// Reached: below 2e-5 dB on both presets.
const TOLERANCE_DB: f32 = 1e-4;

fn fixture<T: ReadableElement>(front_end: &FrontEnd, what: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/librosa");
    let array: Array1<T> = read_npy(folder.join(format!("{}.{what}.npy", front_end.name))).unwrap();
    array.into_raw_vec_and_offset().0
}

fn fixture_db(front_end: &FrontEnd, what: &str) -> Array2<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/librosa");
    read_npy(folder.join(format!("{}.{what}.npy", front_end.name))).unwrap()
}

fn compare_with_librosa(front_end: &FrontEnd, reference: Reference, what: &str) {
    let samples: Vec<f32> =
        fixture::<i16>(front_end, "audio").iter().map(|&s| f32::from(s) / 32768.0).collect();
    assert_ne!(samples.len() % front_end.hop_samples, 0, "a length that fits no hop is harder");
    let want = fixture_db(front_end, what);
    let got = LogMel::new(front_end).unwrap().transform(&samples, reference).unwrap();
    assert_eq!([got.n_mels, got.frames], want.shape());
    let (mut worst, mut at) = (0.0, (0, 0));
    for ((position, want), got) in want.indexed_iter().zip(&got.values) {
        let off = (want - got).abs();
        if off > worst || off.is_nan() {
            (worst, at) = (off, position);
        }
    }
    assert!(worst <= TOLERANCE_DB, "{} {what}: {worst:e} dB at {at:?}", front_end.name);
}

#[test]
fn log_mel_agrees_with_librosa() {
    for front_end in FrontEnd::PRESETS.map(|name| FrontEnd::preset(name).unwrap()) {
        compare_with_librosa(&front_end, Reference::Max, "db");
        compare_with_librosa(&front_end, Reference::Fixed(1.0), "db_fixed");
    }
}

#[test]
fn the_mel_matrix_has_the_sums_of_librosas() {
    for front_end in FrontEnd::PRESETS.map(|name| FrontEnd::preset(name).unwrap()) {
        let filters = mel::filters(&front_end);
        let mut columns = vec![0.0; front_end.n_fft / 2 + 1];
        let rows: Vec<f64> = fixture(&front_end, "mel_rows");
        assert_eq!(rows.len(), filters.len());
        for (band, (triangle, want)) in filters.iter().zip(&rows).enumerate() {
            let sum: f64 = triangle.weights.iter().sum();
            assert!((sum - want).abs() < 1e-8, "{} band {band}: {sum} {want}", front_end.name);
            for (i, weight) in triangle.weights.iter().enumerate() {
                columns[triangle.first_bin + i] += weight;
            }
        }
        for (bin, (got, want)) in columns.iter().zip(fixture(&front_end, "mel_columns")).enumerate()
        {
            let want: f64 = want;
            assert!((got - want).abs() < 1e-8, "{} bin {bin}: {got} {want}", front_end.name);
        }
    }
}

#[test]
fn the_first_row_and_the_centres_are_as_published() {
    let front_end = FrontEnd::librosa_2s();
    let filters = mel::filters(&front_end);
    assert_eq!(filters[0].first_bin, 1, "the bin at 0 Hz weighs nothing");
    for (got, want) in filters[0].weights.iter().zip([0.016_182_85, 0.032_365_71, 0.028_990_09]) {
        assert!((got - want).abs() < 1e-8, "{got} {want}");
    }
    let edges = mel::band_edges_hz(&front_end);
    for (band, want) in
        [(0, 25.8), (16, 438.5), (32, 851.2), (64, 2009.2), (96, 4706.5), (127, 10735.6)]
    {
        let centre = edges[band + 1];
        assert!((centre - want).abs() < 0.06, "band {band}: {centre} Hz, expected {want}");
    }
    for hz in [0.0, 440.0, 999.9, 1000.0, 8000.0] {
        assert!((mel::mel_to_hz(mel::hz_to_mel(hz)) - hz).abs() < 1e-9);
    }
}

#[test]
fn two_seconds_have_87_frames_and_a_cut_has_as_many_as_the_front_end_says() {
    assert_eq!(FrontEnd::librosa_2s().frames_of(44_100), 87);
    for front_end in [
        FrontEnd::librosa_2s(),
        FrontEnd::bristol_80(),
        FrontEnd { n_fft: 1023, ..FrontEnd::bristol_80() },
    ] {
        let samples = front_end.cut_samples();
        assert_eq!(front_end.frames_of(samples), front_end.frames);
        assert_eq!(front_end.frames_of(samples - 1), front_end.frames - 1);
        let sound = vec![0.5; samples];
        let got = LogMel::new(&front_end).unwrap().transform(&sound, Reference::Max).unwrap();
        assert_eq!(got.frames, front_end.frames);
        assert_eq!(got.values.len(), front_end.frames * front_end.n_mels);
    }
}

#[test]
fn one_sample_is_enough_and_silence_is_0_db_below_itself() {
    let mut log_mel = LogMel::new(&FrontEnd::bristol_80()).unwrap();
    let click = log_mel.transform(&[1.0], Reference::Max).unwrap();
    assert_eq!(click.frames, 1);
    assert!(click.values.iter().all(|v| v.is_finite()));
    assert!(click.values.contains(&0.0));
    let silence = log_mel.transform(&[0.0; 700], Reference::Max).unwrap();
    assert_eq!(silence.frames, 2);
    assert!(silence.values.iter().all(|&v| v == 0.0), "as librosa has it");
    let silence = log_mel.transform(&[0.0; 700], Reference::Fixed(1.0)).unwrap();
    assert!(silence.values.iter().all(|&v| v == -100.0));
}

#[test]
fn nothing_lies_more_than_80_db_below_the_loudest() {
    assert_eq!(power_to_db(&[1.0, 1e-3, 1e-9], Reference::Max), [0.0, -30.0, -80.0]);
    assert_eq!(power_to_db(&[100.0, 1e-9], Reference::Fixed(1.0)), [20.0, -60.0]);
}

#[test]
fn scratch_from_one_sound_does_not_show_in_the_next() {
    let mut log_mel = LogMel::new(&FrontEnd::bristol_80()).unwrap();
    let sound: Vec<f32> = (0..5000).map(|i| (i as f32 * 0.1).sin()).collect();
    let first = log_mel.transform(&sound, Reference::Max).unwrap();
    log_mel.transform(&[0.3; 999], Reference::Max).unwrap();
    assert_eq!(first, log_mel.transform(&sound, Reference::Max).unwrap());
    assert_eq!(first.bands().len(), 80);
    assert!(first.bands().all(|band| band.len() == first.frames));
}

/// Frames are computed several at once; which ones are beside a frame must not show in it, and the last
/// ones of a sound may be fewer.
#[test]
fn a_frame_has_the_same_bits_alone() {
    for (n_fft, hop_samples) in
        [(512, 160), (1024, 512), (2048, 512), (4096, 5000), (1023, 512), (1000, 250)]
    {
        let front_end = FrontEnd { n_fft, hop_samples, n_mels: 20, ..FrontEnd::librosa_2s() };
        let mut log_mel = LogMel::new(&front_end).unwrap();
        for len in [1, n_fft / 2, 3 * hop_samples, 7 * hop_samples + 1, 23 * hop_samples + 99] {
            let sound: Vec<f32> = (0..len).map(|i| (i as f32 * i as f32 * 1e-4).sin()).collect();
            let whole = log_mel.mel_power(&sound).unwrap();
            let frames = front_end.frames_of(len);
            assert_eq!(whole.len(), 20 * frames);
            for t in 0..frames {
                // The frame begins where samples do, or some zeros before.
                let start = (t * hop_samples) as isize - (n_fft / 2) as isize;
                let (first, lead) = (start.max(0) as usize, (-start).max(0) as usize);
                let alone = match sound.get(first..) {
                    Some(own) if !own.is_empty() => log_mel.mel_power_of(own, lead, 1).unwrap(),
                    _ => vec![0.0; 20],
                };
                let own: Vec<f64> = whole.iter().skip(t).step_by(frames).copied().collect();
                assert_eq!(own, alone, "frame {t} of {frames}, FFTs of {n_fft} by {hop_samples}");
            }
        }
    }
}

#[test]
fn what_is_impossible_is_named() {
    let mut log_mel = LogMel::new(&FrontEnd::bristol_80()).unwrap();
    let empty = log_mel.transform(&[], Reference::Max).unwrap_err();
    assert!(matches!(empty, Error::FrontEnd { .. }), "{empty}");
    let unknown = FrontEnd::preset("bristol-81").unwrap_err().to_string();
    assert!(unknown.contains("bristol-81") && unknown.contains("librosa-2s"), "{unknown}");
    for front_end in [
        FrontEnd { f_max_hz: 22_051.0, ..FrontEnd::bristol_80() },
        FrontEnd { f_min_hz: f64::NAN, ..FrontEnd::bristol_80() },
        FrontEnd { hop_samples: 0, ..FrontEnd::bristol_80() },
        FrontEnd { n_fft: 1, ..FrontEnd::bristol_80() },
    ] {
        assert!(LogMel::new(&front_end).is_err(), "{front_end:?}");
    }
}
