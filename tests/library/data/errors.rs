//! Files that are damaged, or not what they should be.

use std::path::Path;

use genre_gpu::error::DataProblem;

use super::files::{Files, f32s, load, npy, problem, ramp, with_header};

/// The problem with these bytes as validation samples.
fn with_x(bytes: Vec<u8>) -> DataProblem {
    let (name, found) = Files::with("x_val.npy", bytes).problem();
    assert_eq!(name, "x_val.npy");
    found
}

#[test]
fn paths() {
    let (_, found) = problem(load(Path::new("nowhere/to/be/found")));
    assert!(matches!(found, DataProblem::NoSuchPath), "{found}");
    let folder = Files::good().folder();
    let (name, found) = problem(load(&folder.path().join("x_train.npy")));
    assert_eq!(name, "x_train.npy");
    assert!(matches!(found, DataProblem::OneArray), "{found}");
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    let (_, found) = problem(load(&folder.path().join("notes.txt")));
    assert!(matches!(found, DataProblem::NeitherFolderNorNpz), "{found}");
}

#[test]
fn several_npz_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_keep, npz) = Files::good().npz(zip::CompressionMethod::Stored);
    for name in ["a.npz", "b.npz"] {
        std::fs::copy(&npz, folder.path().join(name)).unwrap();
    }
    let (_, found) = problem(load(folder.path()));
    assert!(matches!(found, DataProblem::SeveralNpz { found } if found == ["a.npz", "b.npz"]));
}

#[test]
fn corrupt_archives() {
    let (folder, path) = Files::good().npz(zip::CompressionMethod::Stored);
    let bytes = std::fs::read(&path).unwrap();

    let cut = folder.path().join("cut.npz");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let (name, found) = problem(load(&cut));
    assert_eq!(name, "cut.npz");
    assert!(matches!(found, DataProblem::Npz { .. }), "{found}");

    // One bit of x_train's numbers: only the checksum can tell.
    let ramp: Vec<u8> = ramp(4).iter().flat_map(|v| v.to_le_bytes()).collect();
    let at = bytes.windows(ramp.len()).position(|window| window == ramp).unwrap();
    let mut flipped = bytes;
    flipped[at + 100] ^= 1;
    let flip = folder.path().join("flip.npz");
    std::fs::write(&flip, &flipped).unwrap();
    let (name, found) = problem(load(&flip));
    assert_eq!(name, "flip.npz:x_train");
    assert!(matches!(found, DataProblem::Unreadable { .. }), "{found}");
}

/// An archive's directory that claims more than its bytes can hold must fail before it is believed.
#[test]
fn an_entry_that_claims_too_much() {
    let huge = npy("<f4", false, "(250000000000, 1, 1)", &[]);
    let claimed = 1_000_000_000_000u64 + huge.len() as u64;
    assert!(matches!(
        with_x(huge.clone()),
        DataProblem::Length { expected, found } if expected == claimed && found == huge.len() as u64
    ));

    let (_folder, path) = Files::good().npz(zip::CompressionMethod::Deflated);
    let mut bytes = std::fs::read(&path).unwrap();
    // Central directory entries: the uncompressed size stands at byte 24, the name at byte 46.
    let name = b"x_train.npy";
    let at = bytes.windows(name.len()).rposition(|window| window == name).unwrap() - 46;
    assert_eq!(bytes[at..at + 4], *b"PK\x01\x02");
    bytes[at + 24..at + 28].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let (name, found) = problem(load(&path));
    assert_eq!(name, "data.npz:x_train");
    assert!(matches!(found, DataProblem::Npz { .. }), "{found}");
}

#[test]
fn files_that_are_not_npy() {
    assert!(matches!(with_x(Vec::new()), DataProblem::EmptyFile));
    let found = with_x(b"1.0,2.0,3.0\n".to_vec());
    assert!(matches!(&found, DataProblem::NotNpy { found } if found == b"1.0,2.0,"));
    assert!(found.to_string().contains("1.0,2.0,"), "{found}");
    assert!(matches!(with_x(b"\x93NUM".to_vec()), DataProblem::NotNpy { .. }));
}

#[test]
fn truncated_at_every_length() {
    let whole = f32s(&[2, 3, 5], &ramp(2));
    for length in 8..whole.len() {
        let found = with_x(whole[..length].to_vec());
        let DataProblem::Length { expected, found } = found else { panic!("{length}: {found}") };
        assert_eq!(found, length as u64);
        assert!(expected > found, "{length}");
        // Once the header is whole, the message tells the whole size.
        assert!(length < whole.len() - 120 || expected == whole.len() as u64, "{length}");
    }
    let longer = [whole.clone(), vec![0]].concat();
    assert!(matches!(
        with_x(longer),
        DataProblem::Length { expected, found } if expected + 1 == found
    ));
}

#[test]
fn headers_that_lie() {
    for shape in [
        "(18446744073709551615, 2, 2)",
        "(4294967296, 4294967296, 1)",
        "(4611686018427387904, 1, 1)",
    ] {
        let found = with_x(npy("<f4", false, shape, &[]));
        assert!(matches!(found, DataProblem::ImpossibleShape { .. }), "{shape}: {found}");
    }
    for text in [
        "{'descr': '<f4', 'fortran_order': False, }",
        "{'descr': '<f4', 'shape': (2, 3, 5), }",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 3, 5), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3, 5), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 99999999999999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3",
        "{'fortran_order': False, 'shape': (2, 3, 5), }",
        "{'descr': <f4, 'fortran_order': False, 'shape': (2, 3, 5), }",
        "",
        "((((((((((((((((((((((((((",
        "\u{fffd}'descr':'",
    ] {
        let found = with_x(with_header(text, &[0; 120]));
        assert!(matches!(found, DataProblem::Header { .. }), "{text}: {found}");
    }
    let mut version9 = f32s(&[2, 3, 5], &ramp(2));
    version9[6] = 9;
    assert!(matches!(with_x(version9), DataProblem::Header { .. }));
    let long = [b"\x93NUMPY\x02\x00".as_slice(), &u32::MAX.to_le_bytes(), &[b' '; 100]].concat();
    assert!(matches!(with_x(long), DataProblem::Header { .. }));
}

#[test]
fn unsupported_types() {
    for (descr, bytes) in [("<M8[ns]", 8), ("|V4", 4), ("<f16", 16), ("<i3", 3), ("<c32", 32)] {
        let found = with_x(npy(descr, false, "(2, 3, 5)", &vec![0; 30 * bytes]));
        assert!(matches!(&found, DataProblem::Dtype { found } if found.contains(descr)), "{found}");
    }
    for (descr, bytes, shown) in
        [("<U5", 20, "text of 5 characters"), ("|S3", 3, "text of 3 characters")]
    {
        let found = with_x(npy(descr, false, "(2, 3, 5)", &vec![0; 30 * bytes]));
        assert!(matches!(&found, DataProblem::Text { found } if found == shown), "{found}");
    }
    let found = with_x(npy("<c16", false, "(2, 3, 5)", &[0; 30 * 16]));
    assert!(
        matches!(&found, DataProblem::Complex { found, .. } if found == "complex128"),
        "{found}"
    );
    let found = with_x(npy("|O", false, "(2,)", b"\x80\x04."));
    assert!(
        matches!(&found, DataProblem::Pickled { shape, labels: false } if *shape == [2]),
        "{found}"
    );
}

#[test]
fn shapes() {
    let found = with_x(f32s(&[30], &ramp(2)));
    assert!(found.to_string().contains("[n, h, w] or [n, h, w, 1], found [30]"), "{found}");
    for shape in [vec![], vec![2, 15], vec![2, 15, 5, 7], vec![2, 3, 5, 1, 1]] {
        let values = vec![0.5; shape.iter().product()];
        let found = with_x(f32s(&shape, &values));
        assert!(matches!(&found, DataProblem::SampleShape { found } if *found == shape), "{found}");
    }
    assert!(matches!(with_x(f32s(&[0, 3, 5], &[])), DataProblem::NoSamples { .. }));
    assert!(matches!(with_x(f32s(&[2, 0, 5], &[])), DataProblem::ZeroSize { .. }));
    assert!(matches!(with_x(f32s(&[2, 3, 0, 1], &[])), DataProblem::ZeroSize { .. }));

    let found = with_x(f32s(&[2, 5, 3], &ramp(2)));
    assert!(found.to_string().contains("x_train.npy"), "{found}");
    assert!(
        matches!(found, DataProblem::ShapesDiffer { expected: [3, 5], found: [5, 3], .. }),
        "{found}"
    );
}

#[test]
fn values_that_are_not_finite() {
    let mut values = ramp(2);
    values[15 + 2 * 5 + 3] = f32::NAN;
    values[29] = f32::NEG_INFINITY;
    let found = with_x(f32s(&[2, 3, 5], &values));
    assert!(
        matches!(found, DataProblem::NotFinite { count: 2, sample: 1, h: 2, w: 3, value, beyond: false } if value.is_nan()),
        "{found}"
    );
    values = ramp(2);
    values[0] = f32::INFINITY;
    let found = with_x(f32s(&[2, 3, 5], &values));
    assert!(
        matches!(
            found,
            DataProblem::NotFinite {
                count: 1,
                sample: 0,
                h: 0,
                w: 0,
                value: f32::INFINITY,
                beyond: false
            }
        ),
        "{found}"
    );
    // Finite in the file, but not as the f32 that the network takes.
    let wide: Vec<u8> = (0..30).flat_map(|i| (f64::from(i) * 1e38).to_le_bytes()).collect();
    let found = with_x(npy("<f8", false, "(2, 3, 5)", &wide));
    assert!(
        matches!(
            found,
            DataProblem::NotFinite { count: 26, sample: 0, h: 0, w: 4, beyond: true, .. }
        ),
        "{found}"
    );
}
