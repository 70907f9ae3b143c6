//! Exit codes and what goes where.

use super::program::Work;

#[test]
fn help_and_version_end_well() {
    let work = Work::empty();
    let version = work.ok("--version");
    let first = concat!("genre-gpu ", env!("CARGO_PKG_VERSION"));
    assert!(version.out.starts_with(&format!("{first} (")), "{}", version.out);
    assert!(version.out.contains("\nvector level ") && version.out.contains(", wgpu 30"));
    assert_eq!(work.ok("-V").out.trim(), first);
    assert_eq!(version.err, "");
    for words in [
        "--help",
        "train --help",
        "evaluate --help",
        "summary --help",
        "demo --help",
        "prepare --help",
        "adapters --help",
        "audit --help",
    ] {
        let ran = work.ok(words);
        assert!(ran.out.contains("Usage: genre-gpu"), "{words}");
        assert!(ran.out.contains("Examples:"), "{words}");
        assert_eq!(ran.err, "", "{words}");
    }
}

#[test]
fn wrong_command_lines_end_with_2() {
    let work = Work::new();
    let cases: [(&str, &[&str]); 23] = [
        ("train --device cuda", &["cuda", "'gpu'"]),
        ("train --device metal", &["metal", "'gpu'"]),
        ("train --optimizer rmsprop", &["[possible values: sgd, adam, adamw]"]),
        ("train --optimiser adam", &["--optimizer sgd, adam or adamw"]),
        ("train --x-train a.npy", &["--x-train", "--arrays x_train=NAME"]),
        ("train --arrays x_trian=a", &["ARRAY=NAME", "x_trian=a"]),
        ("train --model p11", &["model p11", "did you mean \"p1\"?"]),
        ("train --learning-rate x", &["--learning-rate", "expected a number"]),
        ("", &["Usage"]),
        ("fly", &["fly", "--help"]),
        ("train --fly", &["--fly", "--help"]),
        ("train --device tpu", &["tpu", "--device", "[possible values: cpu, gpu]"]),
        ("train --scale db", &["[possible values: standard, minmax, none]"]),
        ("train --shuffle torch", &["[possible values: keras2, keras3]"]),
        ("train --keep all", &["[possible values: last, best]"]),
        ("train --epochs many", &["many", "--epochs", "expected a whole number"]),
        ("train --seed 4294967296", &["4294967296", "--seed"]),
        ("train --seed -1", &["'-1'", "--seed", "not in the range 0 to 4294967295"]),
        ("train --overwrite", &["--out"]),
        ("train --resume run --seed 3", &["--resume", "--seed"]),
        ("train --resume run --overwrite", &["--resume", "--overwrite"]),
        ("summary --input abc", &["abc", "mel bands x frames"]),
        ("summary --input 0x12", &["0x12"]),
    ];
    for (words, told) in cases {
        let ran = work.refuses(words, told);
        // A missing command is answered by the help.
        assert!(words.is_empty() || ran.err.starts_with("genre-gpu: "), "one voice: {}", ran.err);
    }
    work.refuses("evaluate", &["<RUN>"]);
    work.refuses("audit data --data data", &["--data"]);
    work.refuses("audit data --near 2", &["--near", "from 0.5 to 1"]);
    work.refuses("evaluate run --part all", &["[possible values: train, val, test]"]);
    assert_eq!(work.list("."), ["data"], "nothing may be left");
}

#[test]
fn settings_out_of_range_are_usage_errors_too() {
    let work = Work::new();
    for (words, told) in [
        ("--epochs 0", "--epochs: expected 1 to 4294967295, found 0"),
        ("--epochs 18446744073709551615", "found 18446744073709551615"),
        ("--batch-size 0", "--batch-size: expected 1 to 4294967295, found 0"),
        ("--learning-rate 0", "--learning-rate: expected a finite number above 0, found 0"),
        ("--learning-rate nan", "--learning-rate: expected a finite number above 0, found NaN"),
        ("--learning-rate inf", "--learning-rate: expected a finite number above 0, found inf"),
        ("--learning-rate -1", "--learning-rate: expected a finite number above 0, found -1"),
        ("--class-names a,b,a,c", "--class-names: expected different names, found a,b,a,c"),
        ("--class-names a,,b,c", "--class-names: expected different names"),
        ("--adapter x", "--adapter: expected --device gpu with it, found x alone"),
        ("--momentum 1", "--momentum: expected at least 0 and below 1, found 1"),
        (
            "--momentum 0.9 --optimizer adam",
            "--momentum: expected --optimizer sgd with it (the momentum of adam and adamw is --beta-1), found 0.9 with adam",
        ),
        (
            "--beta-2 0.9",
            "--beta-2: expected --optimizer adam or adamw with it, found 0.9 with sgd",
        ),
        ("--optimizer adam --beta-1 1", "--beta-1: expected at least 0 and below 1, found 1"),
        ("--clip-norm -1", "--clip-norm: expected a number from 0, within 32-bit floats, found -1"),
        ("--weight-decay nan", "--weight-decay: expected a number from 0"),
    ] {
        let words = format!("train --data data --out run {words}");
        let ran = work.refuses(&words, &[told]);
        assert!(ran.err.starts_with("genre-gpu: "), "{}", ran.err);
        assert!(!work.exists("run"), "{words}");
    }
}
