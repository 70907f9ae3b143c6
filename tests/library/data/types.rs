//! Element types, orders, shapes and containers.

use genre_gpu::data::{DataOptions, Dataset};
use genre_gpu::progress::Silent;

use super::files::{Files, f32s, load, load_x, npy, ramp, tuple};

/// Each element as `bytes` encodes it, little- and then big-endian.
fn both_ends<const N: usize>(kind: &str, values: &[f32], bytes: impl Fn(f32) -> [u8; N]) {
    let want: Vec<f32> = values.to_vec();
    let n = values.len() / 2;
    let shape = tuple(&[n, 2, 1]);
    let little: Vec<u8> = values.iter().flat_map(|&v| bytes(v)).collect();
    let big: Vec<u8> = values.iter().flat_map(|&v| bytes(v).into_iter().rev()).collect();
    let mark = if N == 1 { ["|", "|"] } else { ["<", ">"] };
    for (mark, data) in mark.into_iter().zip([little, big]) {
        let data = load_x(npy(&format!("{mark}{kind}"), false, &shape, &data), n, false).unwrap();
        assert_eq!(data.train.x, want, "{mark}{kind}");
    }
}

#[test]
fn every_number_type_in_both_byte_orders() {
    let signed = [-128.0, -1.0, 0.0, 1.0, 126.0, 127.0];
    both_ends("i1", &signed, |v| (v as i8).to_le_bytes());
    both_ends("i2", &signed, |v| (v as i16).to_le_bytes());
    both_ends("i4", &signed, |v| (v as i32).to_le_bytes());
    both_ends("i8", &signed, |v| (v as i64).to_le_bytes());
    let unsigned = [0.0, 1.0, 2.0, 127.0, 128.0, 255.0];
    both_ends("u1", &unsigned, |v| (v as u8).to_le_bytes());
    both_ends("u2", &unsigned, |v| (v as u16).to_le_bytes());
    both_ends("u4", &unsigned, |v| (v as u32).to_le_bytes());
    both_ends("u8", &unsigned, |v| (v as u64).to_le_bytes());
    let large = [0.0, 1.0, 32_768.0, 65_535.0];
    both_ends("u2", &large, |v| (v as u16).to_le_bytes());
    both_ends("u8", &[0.0, 1.0, 2.0, 18_446_744_073_709_551_616.0], |v| (v as u64).to_le_bytes());
    let floats = [-80.0, -0.5, 0.0, 1.25, 1000.0, -65_504.0];
    both_ends("f2", &floats, |v| half::f16::from_f32(v).to_le_bytes());
    both_ends("f4", &floats, f32::to_le_bytes);
    both_ends("f8", &floats, |v| f64::from(v).to_le_bytes());
}

/// Value of sample n at mel h and frame w, distinct for each.
fn value(n: usize, h: usize, w: usize) -> f32 {
    (n * 10_000 + h * 100 + w) as f32
}

#[test]
fn orders_and_transposition_at_odd_sizes() {
    for (n, h, w) in [(3, 7, 5), (2, 1, 4), (5, 3, 1), (2, 5, 5), (11, 37, 53)] {
        let mut want = Vec::new();
        for s in 0..n {
            for i in 0..h {
                want.extend((0..w).map(|j| value(s, i, j)));
            }
        }
        for (fortran, transpose) in [(false, false), (false, true), (true, false), (true, true)] {
            // The file's axes: samples, a, b.
            let [a_size, b_size] = if transpose { [w, h] } else { [h, w] };
            let at = |s, a, b| if transpose { value(s, b, a) } else { value(s, a, b) };
            let mut data = Vec::new();
            if fortran {
                for b in 0..b_size {
                    for a in 0..a_size {
                        (0..n).for_each(|s| data.extend(at(s, a, b).to_le_bytes()));
                    }
                }
            } else {
                for s in 0..n {
                    for a in 0..a_size {
                        (0..b_size).for_each(|b| data.extend(at(s, a, b).to_le_bytes()));
                    }
                }
            }
            for shape in [tuple(&[n, a_size, b_size]), tuple(&[n, a_size, b_size, 1])] {
                let bytes = npy("<f4", fortran, &shape, &data);
                let data = load_x(bytes, n, transpose).unwrap();
                assert_eq!(data.sample_shape, [h, w, 1]);
                assert_eq!(data.train.x, want, "{shape} fortran {fortran} transpose {transpose}");
            }
        }
    }
}

/// More elements than fit the reader's buffer.
#[test]
fn arrays_larger_than_the_buffer() {
    let values: Vec<f32> = (0..3 * 160 * 200).map(|i| i as f32).collect();
    let data: Vec<u8> = values.iter().flat_map(|&v| f64::from(v).to_be_bytes()).collect();
    let loaded = load_x(npy(">f8", false, "(3, 160, 200)", &data), 3, false).unwrap();
    assert_eq!(loaded.train.x, values);
}

#[test]
fn the_hash_knows_numbers_and_not_containers() {
    let mut files = Files::good();
    let hash = files.load().unwrap().hash;
    assert_eq!(hash.len(), 32);
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let (folder, path) = files.npz(method);
        assert_eq!(load(&path).unwrap().hash, hash);
        // A folder that holds one npz stands for it.
        assert_eq!(load(folder.path()).unwrap().hash, hash);
    }
    let wide: Vec<u8> = ramp(4).iter().flat_map(|&v| f64::from(v).to_be_bytes()).collect();
    files.set("x_train.npy", npy(">f8", false, "(4, 3, 5, 1)", &wide));
    files.set("y_train.npy", npy("|u1", false, "(4, 1)", &[0, 1, 2, 1]));
    assert_eq!(files.load().unwrap().hash, hash);

    let mut other = ramp(4);
    other[59] = 7.5;
    for (name, bytes) in [
        ("x_train.npy", f32s(&[4, 3, 5], &other)),
        ("y_test.npy", npy("|u1", false, "(2,)", &[0, 2])),
        ("song_train.npy", npy("|u1", false, "(4,)", &[0, 1, 2, 1])),
    ] {
        assert_ne!(Files::with(name, bytes).load().unwrap().hash, hash, "{name}");
    }
    // The same numbers in other parts.
    let mut parts = Files::with("x_val.npy", f32s(&[2, 3, 5], &other[15..45]));
    let first = parts.load().unwrap().hash;
    parts.rename("x_val.npy", "kept");
    parts.rename("x_test.npy", "x_val.npy");
    parts.rename("kept", "x_test.npy");
    assert_ne!(parts.load().unwrap().hash, first);
}

#[test]
fn facts_are_a_line_for_each_part() {
    let mut files = Files::with("song_train.npy", super::files::i64s(&[3, 4, 5, 4]));
    let text = files.load().unwrap().describe();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "usual names are not listed: {text}");
    let column = lines[0].find("samples").unwrap();
    for (line, words) in lines.iter().zip([
        "train|4 samples|3 songs|3x5 float32|1+2+1 by class",
        "val|2 samples|3x5 float32|by class",
        "test|2 samples|3x5 float32|by class",
    ]) {
        assert!(words.split('|').all(|word| line.contains(word)), "{line}: {words}");
        assert_eq!(line.find("samples"), Some(column), "{text}");
    }
    files.rename("y_val.npy", "val_labels.npy");
    let text = files.load().unwrap().describe();
    assert!(text.contains("y_val=val_labels.npy") && !text.contains("x_train="), "{text}");
}

#[test]
fn a_dataset_gives_its_parts() {
    use genre_gpu::data::PartName;
    let folder = Files::good().folder();
    let data = Dataset::load(&DataOptions::new(folder.path()), &Silent).unwrap();
    assert_eq!(data.source, folder.path().display().to_string());
    assert_eq!(data.part(PartName::Train).len(), 4);
    assert_eq!(data.part(PartName::Val).x, data.val.x);
    assert_eq!(data.part(PartName::Test).song, None);
}
