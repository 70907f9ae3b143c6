//! A full disk at every write, few open files, closed standard streams.

use super::program::{Ran, TRAIN, Work};

/// Runs the binary from a shell that has said `before`.
fn shell(work: &Work, before: &str, words: &str) -> Ran {
    let program = env!("CARGO_BIN_EXE_genre-gpu");
    let script = format!("{before}; exec '{program}' {words}");
    Ran::of(&work.any_command("sh").args(["-c", &script]).output().unwrap())
}

/// Bytes of the blocks that the shell's `ulimit -f` counts.
fn block(work: &Work) -> u64 {
    let script = "trap '' XFSZ; ulimit -f 4; head -c 65536 /dev/zero > probe";
    let _ = work.any_command("sh").args(["-c", script]).output().unwrap();
    let size = work.path("probe").metadata().unwrap().len();
    std::fs::remove_file(work.path("probe")).unwrap();
    size / 4
}

/// Each file of a run fails in its turn; what was written before stays whole, and the run goes on to
/// the same bits.
#[test]
fn a_disk_that_is_full_at_any_file_costs_nothing_but_time() {
    let work = Work::trained();
    let block = block(&work);
    let size = |name: &String| work.path(&format!("run/{name}")).metadata().unwrap().len();
    let mut limits: Vec<u64> =
        work.list("run").iter().map(|name| size(name).div_ceil(block) - 1).collect();
    limits.sort_unstable();
    limits.dedup();
    for blocks in limits {
        let (state, words) = match work.exists("full/checkpoint.safetensors") {
            true => ("resumed", "train --resume full".to_owned()),
            false => ("new", format!("{TRAIN} --epochs 2 --out full --overwrite")),
        };
        let ran = shell(&work, &format!("trap '' XFSZ; ulimit -f {blocks}"), &words);
        ran.failed(&format!("{state} at {blocks}"), &["cannot write"]);
        if work.exists("full") {
            let names = work.list("full");
            assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
        }
    }
    work.ok("train --resume full");
    for name in ["model.safetensors", "weights.json", "predictions_test.csv"] {
        assert!(work.read(&format!("full/{name}")) == work.read(&format!("run/{name}")), "{name}");
    }
}

#[test]
fn closed_streams_and_few_open_files_are_enough() {
    let work = Work::new();
    for (out, before) in [
        ("whole", ":"),
        ("no-input", "exec <&-"),
        ("no-output", "exec >&-"),
        ("no-errors", "exec 2>&-"),
        ("none", "exec <&- >&- 2>&-"),
        ("files", "ulimit -n 16"),
    ] {
        let ran = shell(&work, before, &format!("{TRAIN} --epochs 1 --threads 2 --out {out}"));
        assert_eq!(ran.code, Some(0), "{before}: {}{}", ran.out, ran.err);
        let model = |run: &str| work.read(&format!("{run}/model.safetensors"));
        assert!(model(out) == model("whole"), "{before}");
    }
    assert_eq!(shell(&work, "ulimit -n 16", "evaluate whole").code, Some(0));
    assert_eq!(shell(&work, "exec >&- 2>&-", "evaluate nowhere").code, Some(1));
}
