//! Help, completions, man pages, and the width of what is printed.

use serde_json::Value;

use super::adapter::skipped;
use super::program::{Ran, Work};

const COMMANDS: [&str; 21] = [
    "assignment",
    "train",
    "lr-find",
    "evaluate",
    "explain",
    "export",
    "import",
    "report",
    "predict",
    "compare",
    "models",
    "summary",
    "audit",
    "demo",
    "prepare",
    "adapters",
    "bench",
    "tune",
    "check",
    "completions",
    "man",
];

fn assert_narrow(text: &str, what: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{what}: {line}");
    }
}

#[test]
fn every_help_fits_a_terminal() {
    let work = Work::empty();
    let all = work.ok("--help").out;
    assert_narrow(&all, "--help");
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command} ")), "{command} in {all}");
        let short = work.ok(&format!("{command} -h")).out;
        assert!(short.lines().count() <= 60, "{command} -h: {} lines", short.lines().count());
        let long = work.ok(&format!("{command} --help")).out;
        assert!(long.lines().count() <= 100, "{command} --help");
        assert!(long.contains("Examples:") && !short.contains("Examples:"), "{command}");
        assert!(short.contains("--help has examples."), "{command}");
        for (text, flag) in [(&short, "-h"), (&long, "--help")] {
            assert_narrow(text, &format!("{command} {flag}"));
            for flag in ["--quiet", "--color"] {
                assert!(text.contains(flag), "{command}: {flag}");
            }
        }
        assert_eq!(work.ok(&format!("help {command}")).out, long, "{command}");
    }
    for command in
        ["summary", "models", "evaluate", "compare", "train", "predict", "audit", "bench"]
    {
        assert!(work.ok(&format!("{command} -h")).out.contains("--json "), "{command}");
    }
    for command in [
        "train",
        "evaluate",
        "explain",
        "export",
        "import",
        "compare",
        "assignment",
        "prepare",
        "report",
    ] {
        assert!(work.ok(&format!("{command} -h")).out.contains("-o, --out <"), "{command}");
    }
    assert!(!work.ok("explain -h").out.contains("demo corpus]"), "a run has its own data");
}

#[test]
fn a_training_run_fits_a_terminal_and_begins_soon() {
    let work = Work::new();
    let ran = work.ok("train --data data --epochs 2 --batch-size 16 --out run");
    assert_eq!(ran.err, "");
    assert_narrow(&ran.out, "train");
    let before = ran.out.lines().take_while(|line| !line.starts_with("Epoch")).count();
    assert!(before <= 15, "{before} lines: {}", ran.out);
    let mut lines: Vec<&str> =
        ran.out.lines().filter(|line| line.len() > 20 && !line.starts_with(' ')).collect();
    lines.sort_unstable();
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "printed twice: {}", ran.out);
    assert!(ran.out.ends_with("Next:\n  genre-gpu explain run\n  genre-gpu report run\n"));
    let explained = work.ok("explain run --no-checks").out;
    assert!(explained.ends_with("Next:\n  genre-gpu report run\n"), "{explained}");
    assert_narrow(&work.ok("evaluate run").out, "evaluate");
    let json: Value =
        serde_json::from_str(&work.ok("train --data data --epochs 1 --out other --json").out)
            .unwrap();
    assert_eq!(json["epochs"], 1, "one document");
}

#[test]
fn completions_and_man_pages() {
    let work = Work::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = work.ok(&format!("completions {shell}")).out;
        assert!(script.contains("genre-gpu") && script.contains("data-from"), "{shell}");
    }
    work.refuses("completions cmd", &["[possible values: bash"]);
    // As Bash calls it when TAB is pressed after `genre-gpu train --dev`.
    work.write("complete.sh", work.ok("completions bash").out);
    let pressed = "source ./complete.sh; COMP_WORDS=(genre-gpu train --dev); COMP_CWORD=2; \
                   _genre__gpu genre-gpu --dev train; echo ${COMPREPLY[@]}";
    if let Ok(bash) = work.any_command("bash").args(["-c", pressed]).output() {
        assert_eq!(String::from_utf8(bash.stdout).unwrap().trim(), "--device");
    }
    work.ok("man pages/man1");
    let pages = work.list("pages/man1");
    assert!(
        COMMANDS.iter().all(|name| pages.contains(&format!("genre-gpu-{name}.1"))),
        "{pages:?}"
    );
    assert!(work.text("pages/man1/genre-gpu-train.1").contains("learning"));
}

#[test]
fn the_built_in_models_have_a_line_each() {
    let work = Work::empty();
    let text = work.ok("models").out;
    assert_narrow(&text, "models");
    let list: Value = serde_json::from_str(&work.ok("models --json").out).unwrap();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 13);
    for model in list {
        let name = model["name"].as_str().unwrap();
        assert!(text.contains(&format!("\n{name} ")), "{name}");
        assert!(work.ok(&format!("summary --model {name}")).out.contains("Total params"));
    }
    assert_eq!((&list[0]["name"], &list[0]["parameters"]), (&"p1".into(), &84_382.into()));
}

#[test]
fn quiet_and_colour_are_flags_of_every_command() {
    let work = Work::empty();
    for words in ["models --quiet", "-q summary", "summary -q --input 16x16"] {
        let ran = work.ok(words);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""), "{words}");
    }
    assert!(work.ok("models --json --quiet").out.starts_with('['), "asked for");
    work.refuses("models --color blue", &["--color", "auto, always, never"]);
    // `audit` colours its verdict.
    let work = Work::new();
    assert!(work.ok("audit data --color always").out.contains('\u{1b}'));
    assert!(!work.ok("audit data --color never").out.contains('\u{1b}'));
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_runtime_folder_drivers_are_quiet() {
    if skipped() {
        return;
    }
    let work = Work::empty();
    for words in [&["adapters"][..], &["-q", "adapters", "--json"]] {
        let mut command = work.command(words);
        let ran = Ran::of(&command.env_remove("XDG_RUNTIME_DIR").output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{words:?}");
        assert!(!ran.out.is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_settings_file_without_an_end_is_not_read_to_it() {
    let work = Work::new();
    for words in ["train --config /dev/zero --data data --out run", "summary --model /dev/zero"] {
        work.fails(words, &["/dev/zero: cannot read", "expected a regular file, found a device"]);
    }
    assert!(!work.exists("run"));
}

/// Axes in Hz and seconds for arrays that do not say how they were made.
#[test]
fn a_front_end_is_given_to_arrays_and_kept_by_the_run() {
    let work = Work::new();
    let words = "train --data data --epochs 1 --out run";
    let given = "--front-end librosa-2s,hop=1024,mels=16";
    work.ok(&format!("{words} {given}"));
    assert!(work.text("run/config.toml").contains("front-end = \"librosa-2s,hop=1024,mels=16\""));
    let axes = |run: &str| -> Value {
        work.ok(&format!("explain {run} --no-checks"));
        let json: Value =
            serde_json::from_str(&work.text(&format!("{run}/explain/explain.json"))).unwrap();
        json["axes"].clone()
    };
    let known = axes("run");
    assert_eq!(known["band_hz"].as_array().unwrap().len(), 16);
    assert!((known["frame_seconds"].as_f64().unwrap() - 1024.0 / 22_050.0).abs() < 1e-12);
    // A finished run learns it without training.
    work.ok("train --data data --epochs 1 --out plain");
    assert!(axes("plain")["band_hz"].is_null());
    let weights = || work.read("plain/checkpoint.safetensors");
    let before = weights();
    work.ok(&format!("train --resume plain {given}"));
    assert_eq!(axes("plain"), known);
    assert!(weights() == before, "no weight changes");
    let unfit = ["--front-end", "128 bands", "samples of 16 x 12", "add mels=16"];
    work.refuses("train --data data --out none --front-end librosa-2s", &unfit);
    work.refuses("train --data data --front-end mine", &["librosa-2s or bristol-80"]);
    assert!(!work.exists("none"));
}
