//! `compare --at-once`: seeds that a GPU trains at once have the bits that they have one after another.

use super::adapter::skipped;
use super::bits::assert_same;
use super::program::Work;
use super::stop::interrupt;

/// Dropout by step, views by epoch, moving figures, a rate that falls.
const VARIED: &str = r#"
[[node]]
name = "conv"
op = "conv2d"
filters = 4
kernel = [3, 3]
bias = false

[[node]]
name = "norm"
op = "batch_norm"
activation = "relu"

[[node]]
name = "pool"
op = "max_pool2d"
window = [2, 2]

[[node]]
name = "flatten"
op = "flatten"

[[node]]
name = "dropout"
op = "dropout"
rate = 0.3

[[node]]
name = "head"
op = "dense"
units = "classes"

[[node]]
name = "softmax"
op = "softmax"
"#;

const CONFIG: &str = "
momentum = 0.9
nesterov = true
keep = \"best\"
schedule = \"cosine\"
augment = \"bands=0.2,frames=0.2,roll,gain=1\"
";

/// A name of their own for these tests: models, seeds and folder follow.
const COMPARE: &str = "compare --data data --config c.toml --epochs 3 --batch-size 8 --device gpu";

fn work() -> Work {
    let work = Work::new();
    work.write("varied.toml", VARIED);
    work.write("c.toml", CONFIG);
    work
}

fn assert_equal(work: &Work, one: &str, other: &str, runs: &[&str]) {
    for run in runs {
        assert_same(work, &format!("{one}/{run}"), &format!("{other}/{run}"));
    }
}

const VARIED_RUNS: [&str; 3] = ["varied-data-seed42", "varied-data-seed43", "varied-data-seed44"];

fn position(work: &Work, run: &str) -> (usize, u64) {
    let bytes = work.read(&format!("{run}/checkpoint.safetensors"));
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let text = &header.metadata().as_ref().unwrap()["genre_gpu_checkpoint"];
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    (json["history"].as_array().unwrap().len(), json["step"].as_u64().unwrap())
}

#[test]
fn seeds_at_once_are_what_they_are_one_after_another() {
    if skipped() {
        return;
    }
    let work = work();
    let words = format!("{COMPARE} --models varied.toml,p1 --seeds 3");
    work.ok(&format!("{words} --out one --at-once 1"));
    // Three; two and one.
    for most in ["3", "2"] {
        let ran = work.ok(&format!("{words} --out at-once-{most} --at-once {most}"));
        for (i, run) in VARIED_RUNS.iter().enumerate() {
            let (_, seed) = run.split_once("-data-seed").unwrap();
            let line = format!("[{}/6] varied, data, seed {seed}: ", i + 1);
            assert!(ran.out.contains(&line), "{line} in {}", ran.out);
        }
        let p1 = ["p1-data-seed42", "p1-data-seed43", "p1-data-seed44"];
        assert_equal(&work, "one", &format!("at-once-{most}"), &VARIED_RUNS);
        assert_equal(&work, "one", &format!("at-once-{most}"), &p1);
    }
    work.refuses(&format!("{words} --out no --at-once 0"), &["--at-once", "auto", "from 1"]);
}

/// Each seed stops at an epoch of its own; rates by plateau are each seed's own, too.
#[test]
fn seeds_that_stop_early_are_what_they_are_alone() {
    if skipped() {
        return;
    }
    let work = work();
    let more = "label-smoothing = 0.1\nclass-weights = \"1,2,0.5,1\"\nwarmup = 0.7\n";
    for (name, own) in [
        ("early", "early-stopping = 1\nschedule = \"cosine\"\n"),
        ("plateau", "schedule = \"plateau:1:0.5\"\n"),
    ] {
        work.write("c.toml", format!("learning-rate = 0.2\nmomentum = 0.9\n{more}{own}"));
        let words = format!("{COMPARE} --models varied.toml --seeds 3 --epochs 5");
        let words = words.replace("--epochs 3 ", "");
        work.ok(&format!("{words} --out {name}-one --at-once 1"));
        work.ok(&format!("{words} --out {name} --at-once 3"));
        assert_equal(&work, &format!("{name}-one"), name, &VARIED_RUNS);
    }
}

/// All stop after the same step and go on together; one that is at another step goes on alone.
#[test]
fn interrupted_seeds_go_on_to_the_same_bits() {
    if skipped() {
        return;
    }
    let work = work();
    let words = format!("{COMPARE} --models varied.toml --seeds 3");
    work.ok(&format!("{words} --out whole --at-once 1"));
    // On a GPU checks are after submissions, of which an epoch has a few.
    for (i, checks) in [2, 3, 4].into_iter().enumerate() {
        let stopped = interrupt(&work, checks, &format!("{words} --out out --at-once 3"));
        stopped.failed("interrupted", &["stopped; 0 of 3 runs are done", "--at-once 3"]);
        let at = VARIED_RUNS.map(|run| position(&work, &format!("out/{run}")));
        assert_eq!(at, [at[0]; 3], "interruption {}", i + 1);
    }
    work.ok(&format!("{words} --out out --at-once 3"));
    assert_equal(&work, "whole", "out", &VARIED_RUNS);

    let first = format!("{COMPARE} --models varied.toml --seeds 42, --out other");
    interrupt(&work, 3, &first);
    let ran = work.ok(&format!("{words} --out other --at-once 3"));
    assert!(ran.out.contains("seed 42: ") && ran.out.contains("resumed"), "{}", ran.out);
    assert_equal(&work, "whole", "other", &VARIED_RUNS);
}

/// A run that cannot write its folder; those that train with it are completed before its error ends
/// the comparison.
#[test]
fn a_run_that_fails_leaves_the_others_complete() {
    if skipped() {
        return;
    }
    let work = work();
    let words = format!("{COMPARE} --models varied.toml --seeds 3");
    work.ok(&format!("{words} --out whole --at-once 1"));
    std::fs::create_dir(work.path("out")).unwrap();
    work.write("out/varied-data-seed43", "in the way");
    let wanted = ["varied-data-seed43", "finished runs are kept"];
    work.fails(&format!("{words} --out out --at-once 3"), &wanted);
    assert_equal(&work, "whole", "out", &[VARIED_RUNS[0], VARIED_RUNS[2]]);
    std::fs::remove_file(work.path("out/varied-data-seed43")).unwrap();
    let ran = work.ok(&format!("{words} --out out --at-once 3"));
    assert_eq!(ran.out.matches("already done").count(), 2, "{}", ran.out);
    assert_equal(&work, "whole", "out", &VARIED_RUNS);
}
