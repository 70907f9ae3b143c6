//! Weights that changed since they were written are not used.

use super::program::{TRAIN, Work};
use genre_gpu::random::streams::Stream;

/// Each of these bits is refused, wherever it is: in values, in facts, in the header.
#[test]
fn any_flipped_bit_of_the_weights_is_found() {
    let work = Work::trained();
    for (file, words) in [
        ("run/model.safetensors", "evaluate run --part val"),
        ("run/checkpoint.safetensors", "train --resume run --epochs 3"),
    ] {
        let whole = work.read(file);
        let mut stream = Stream::new(1, file);
        // Some in the header, most in the values.
        for n in 0..24 {
            let most = if n < 8 { whole.len().min(3000) } else { whole.len() };
            let (at, bit) = (stream.below(most), stream.below(8));
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            work.write(file, &damaged);
            work.fails(words, &[file]);
        }
        work.write(file, &whole);
    }
    work.ok("evaluate run");
}

#[test]
fn the_tensor_that_changed_is_named() {
    let work = Work::trained();
    let mut bytes = work.read("run/model.safetensors");
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    work.write("run/model.safetensors", &bytes);
    work.fails(
        "evaluate run",
        &["model.safetensors: damaged: \"", "has changed since it was written"],
    );
}

#[test]
fn values_that_are_not_finite_are_refused() {
    let work = Work::trained();
    // As an older version's run: without hashes.
    std::fs::remove_file(work.path("run/weights.json")).unwrap();
    work.ok("evaluate run");
    let whole = work.read("run/model.safetensors");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut bytes = whole.clone();
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        work.write("run/model.safetensors", &bytes);
        work.fails("evaluate run", &["not finite"]);
    }
}

#[test]
fn weights_of_another_run_are_refused() {
    let work = Work::trained();
    work.ok(&format!("{TRAIN} --epochs 2 --seed 7 --out other"));
    let other = work.read("other/model.safetensors");
    work.write("run/model.safetensors", &other);
    work.fails("evaluate run", &["model.safetensors: damaged"]);
    std::fs::remove_file(work.path("run/weights.json")).unwrap();
    work.fails("evaluate run", &["seed 42, as config.toml says, found those of p1, seed 7"]);
}

#[test]
fn a_lengthened_run_says_which_weights_it_has() {
    let work = Work::new();
    work.ok("train --data data --batch-size 8 --epochs 2 --out run");
    assert_eq!(work.ok("evaluate run").err, "");
    let mut command = work.command(&["train", "--resume", "run", "--epochs", "9"]);
    // An epoch has six steps, and one check before them.
    let stopped = command.env("GENRE_GPU_INTERRUPT_AFTER", "10").output().unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    let told = "these are the weights of 2 epochs; the run has since been trained to 3 epochs and 2 \
                steps: genre-gpu train --resume run finishes it";
    let ran = work.ok("evaluate run");
    assert!(ran.err.contains(told), "{}", ran.err);
}

/// 280 MB in memory from 70 kB: no recording compresses so.
#[test]
fn an_archive_that_expands_beyond_reason_is_refused() {
    use std::io::Write;
    let work = Work::empty();
    let header = |shape: &str, descr: &str| {
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        let text = format!("{text:<117}\n");
        [b"\x93NUMPY\x01\0".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()]
            .concat()
    };
    let mut zip = zip::ZipWriter::new(std::fs::File::create(work.path("bomb.npz")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for part in ["train", "val", "test"] {
        zip.start_file(format!("x_{part}.npy"), options).unwrap();
        zip.write_all(&header("(70, 1000, 1000)", "|u1")).unwrap();
        (0..70).for_each(|_| zip.write_all(&[0; 1_000_000]).unwrap());
        zip.start_file(format!("y_{part}.npy"), options).unwrap();
        zip.write_all(&header("(70,)", "|u1")).unwrap();
        zip.write_all(&[0; 70]).unwrap();
    }
    zip.finish().unwrap();
    let told = ["bomb.npz:x_", "would take 280000000 in memory", "numpy.save"];
    work.fails("train --data bomb.npz --out run", &told);
}

/// Sizes that a few words claim.
#[test]
fn models_and_data_beyond_the_memory_are_refused_by_name() {
    let work = Work::new();
    // A layer of 3,600 million weights, as many as a kernel may have, and 63 more.
    let layer = |i: usize| {
        format!("[[node]]\nname = \"c{i}\"\nop = \"conv2d\"\nfilters = 20000\nkernel = [3, 3]\n")
    };
    let end = "[[node]]\nname = \"flatten\"\nop = \"flatten\"\n\
               [[node]]\nname = \"head\"\nop = \"dense\"\nunits = \"classes\"\n\
               [[node]]\nname = \"softmax\"\nop = \"softmax\"\n";
    work.write("big.toml", (0..64).map(layer).collect::<String>() + end);
    let ran = work.fails("train --data data --model big.toml --out run", &["big.toml", "memory"]);
    assert!(ran.err.contains("smaller"), "{}", ran.err);
    assert!(!work.exists("run"));
    work.fails(
        "bench --samples 1000000000000 --device cpu",
        &["--samples 1000000000000", "memory"],
    );
    work.ok("summary --model big.toml --input 16x12");
}
