//! `--device gpu`, on whatever adapter there is.

use serde_json::Value;

use super::adapter::skipped;
use super::bits::assert_same;
use super::data::Set;
use super::program::{Ran, Work};

const TRAIN: &str =
    "train --data data --epochs 2 --batch-size 8 --momentum 0.9 --learning-rate 0.005";

/// The adapter that `--device gpu` takes, as `adapters --json` has it.
fn best(work: &Work) -> Value {
    let list: Value = serde_json::from_str(&work.ok("adapters --json").out).unwrap();
    assert_eq!(list[0]["chosen"], true);
    let others = list.as_array().unwrap().iter().skip(1);
    assert!(others.into_iter().all(|other| other["chosen"] == false));
    list[0].clone()
}

fn numbers(work: &Work, run: &str) -> Vec<f64> {
    let text = work.text(&format!("{run}/history.csv"));
    let cells = text.lines().skip(1).flat_map(|line| line.split(',').skip(1));
    cells.map(|cell| cell.parse().unwrap()).collect()
}

fn assert_near(a: &Value, b: &Value, part: &str) {
    let (a, b) = (a[part]["loss"].as_f64().unwrap(), b[part]["loss"].as_f64().unwrap());
    assert!((a - b).abs() < 1e-3 * b.abs(), "{part}: {a} {b}");
}

fn metrics(work: &Work, run: &str) -> Value {
    serde_json::from_str(&work.text(&format!("{run}/metrics.json"))).unwrap()
}

#[test]
fn the_list_says_what_there_is_and_which_one_is_taken() {
    if skipped() {
        return;
    }
    let work = Work::empty();
    let best = best(&work);
    let ran = work.ok("adapters");
    for key in ["name", "backend", "kind", "driver"] {
        assert!(ran.out.contains(best[key].as_str().unwrap()), "{key}: {}", ran.out);
    }
    assert!(ran.out.contains(&format!("--device gpu uses {}", best["name"].as_str().unwrap())));
    for key in
        ["max_buffer_bytes", "max_binding_bytes", "max_workgroup_size", "max_workgroup_bytes"]
    {
        assert!(best[key].as_u64().unwrap() > 0, "{key}");
    }
    assert!(best["timestamps"].is_boolean());
}

/// Linux finds its drivers by these variables.
#[cfg(target_os = "linux")]
#[test]
fn without_an_adapter_the_way_to_one_is_told() {
    let work = Work::new();
    let train = "train --data data --device gpu --out run";
    for words in ["adapters", "adapters --json", train] {
        let mut command = work.command(&words.split(' ').collect::<Vec<_>>());
        // Newer loaders know the first, older ones only the second.
        command.env("VK_DRIVER_FILES", "/nonexistent").env("VK_ICD_FILENAMES", "/nonexistent");
        let ran = Ran::of(&command.output().unwrap());
        ran.failed(words, &["no GPU adapter", "mesa-vulkan-drivers", "--device cpu"]);
        assert_eq!(ran.out, "", "{words}");
    }
    assert_eq!(work.list("."), ["data"], "nothing may be left");
}

#[test]
fn a_run_on_the_gpu_leaves_what_one_on_the_cpu_leaves() {
    if skipped() {
        return;
    }
    let work = Work::new();
    let best = best(&work);
    let ran = work.ok(&format!("{TRAIN} --device gpu --out gpu"));
    work.ok(&format!("{TRAIN} --device cpu --out cpu"));
    assert_eq!(work.list("gpu"), work.list("cpu"));
    let (gpu, cpu) = (numbers(&work, "gpu"), numbers(&work, "cpu"));
    assert_eq!(gpu.len(), 8);
    for (g, c) in gpu.chunks(2).zip(cpu.chunks(2)) {
        assert!((g[0] - c[0]).abs() < 1e-3 * c[0], "{gpu:?}\n{cpu:?}");
    }
    let (on_gpu, on_cpu) = (metrics(&work, "gpu"), metrics(&work, "cpu"));
    for part in ["train", "val", "test"] {
        assert_near(&on_gpu, &on_cpu, part);
    }
    // Which adapter it was, by which driver, is told and kept.
    let device = on_gpu["device"].as_str().unwrap();
    for key in ["name", "driver"] {
        assert!(device.contains(best[key].as_str().unwrap()), "{key}: {device}");
    }
    assert!(ran.out.contains(&format!("Device: {device}")), "{}", ran.out);
    assert!(work.text("gpu/config.toml").contains("device = \"gpu\""));

    // The same again is the same, to the bit; what is in the way is told, quiet or not.
    let again = work.ok(&format!("{TRAIN} --device gpu --out again --quiet"));
    assert_same(&work, "gpu", "again");
    let loud = if best["kind"] == "software" { 1 } else { 0 };
    // The first use of a GPU is checked, which is said once.
    let checked = "passed the check of its first use";
    assert_eq!(ran.err.matches(checked).count(), 1, "{}", ran.err);
    for (ran, lines) in [(&ran, loud + 1), (&again, loud)] {
        assert_eq!(
            ran.err.matches("software GPU (CPU emulation); --device cpu").count(),
            loud,
            "{}",
            ran.err
        );
        assert_eq!(ran.err.lines().count(), lines, "{}", ran.err);
    }
    assert_eq!(again.out, "");
}

#[test]
fn an_evaluation_agrees_across_devices() {
    if skipped() {
        return;
    }
    let work = Work::trained();
    work.ok("evaluate run --device gpu --out again");
    let (cpu, gpu) = (metrics(&work, "run"), metrics(&work, "again"));
    assert!(gpu["device"].as_str().unwrap().starts_with("gpu, "));
    for part in ["train", "val", "test"] {
        assert_near(&gpu, &cpu, part);
    }
    work.fails("evaluate run --device gpu --adapter nosuch", &["--adapter \"nosuch\""]);
    work.refuses("evaluate run --adapter nosuch", &["--adapter: expected --device gpu"]);
}

#[test]
fn an_adapter_is_kept_by_its_run_and_by_no_other_device() {
    if skipped() {
        return;
    }
    let work = Work::new();
    let kind = best(&work)["kind"].as_str().unwrap().to_owned();
    work.write("my.toml", format!("device = \"gpu\"\nadapter = \"{kind}\"\n"));
    work.ok("train --config my.toml --data data --epochs 1 --out run");
    assert!(work.text("run/config.toml").contains(&format!("adapter = \"{kind}\"")));
    work.ok("evaluate run --part test --out gpu");
    work.ok("evaluate run --part test --out cpu --device cpu");
    assert!(metrics(&work, "gpu")["device"].as_str().unwrap().starts_with("gpu"));
    assert!(metrics(&work, "cpu")["device"].as_str().unwrap().starts_with("cpu"));
    let config = work.text("run/config.toml");
    work.fails("train --resume run --epochs 2 --adapter nosuch", &["no adapter matches"]);
    assert_eq!(work.text("run/config.toml"), config, "what is refused leaves the run as it was");
}

#[test]
fn an_adapter_that_is_not_there_is_told_before_anything_is_done() {
    if skipped() {
        return;
    }
    let work = Work::new();
    let name = best(&work)["name"].as_str().unwrap().to_owned();
    let words = "train --data nowhere --device gpu --adapter nosuch --out run";
    let ran = work.fails(words, &["no adapter matches --adapter \"nosuch\"", &name]);
    assert_eq!(ran.out, "");
    work.refuses(
        "train --data data --adapter nosuch",
        &["--adapter: expected --device gpu with it, found nosuch alone"],
    );
    assert_eq!(work.list("."), ["data"], "nothing may be left");
}

#[test]
fn what_does_not_fit_is_told_before_the_first_epoch() {
    if skipped() {
        return;
    }
    let work = Work::new();
    let most = best(&work)["max_binding_bytes"].as_u64().unwrap();
    // One filter more than fits for the 48 samples of 16x12.
    let filters = most / (48 * 16 * 12 * 4) + 1;
    let wide = format!(
        "[[node]]\nname = \"wide\"\nop = \"conv2d\"\nfilters = {filters}\nkernel = [1, 1]\n\n\
         [[node]]\nname = \"pool\"\nop = \"max_pool2d\"\nwindow = [16, 12]\n\n\
         [[node]]\nname = \"flatten\"\nop = \"flatten\"\n\n\
         [[node]]\nname = \"head\"\nop = \"dense\"\nunits = \"classes\"\n\n\
         [[node]]\nname = \"softmax\"\nop = \"softmax\"\n"
    );
    work.write("wide.toml", wide);
    let words = "train --data data --model wide.toml --device gpu --batch-size 100 --out run";
    let ran = work.fails(
        words,
        &[
            "wide.toml, node \"wide\", output for a batch of 48: ",
            &format!("takes at most {most}"),
            "--batch-size 47, the largest that fits",
        ],
    );
    assert!(!ran.out.contains("Epoch") && !work.exists("run"), "{}", ran.out);
}

#[test]
fn a_run_stopped_on_the_gpu_goes_on_to_the_same_bits() {
    if skipped() {
        return;
    }
    let work = Work::with(Set { samples: [320, 16, 16], ..Set::default() });
    let words = "train --data data --epochs 4 --batch-size 3 --learning-rate 0.001 --momentum 0.9 \
                 --keep best --device gpu";
    // It looks for Ctrl-C before each epoch, after each submission and after the last: this is
    // within the first epoch or, if that is one submission, before the second.
    let stopped = super::stop::interrupt(&work, 4, &format!("{words} --out run"));
    assert_eq!(stopped.code, Some(1), "{}", stopped.err);
    stopped.told("the way on", &["genre-gpu train --resume run", "of 4; resume"]);
    work.ok("train --resume run");
    work.ok(&format!("{words} --out whole"));
    assert_same(&work, "run", "whole");
}

#[test]
fn a_run_that_changes_its_device_is_told() {
    if skipped() {
        return;
    }
    let work = Work::trained();
    let ran = work.ok("train --resume run --epochs 3 --device gpu");
    for told in ["this run was trained on cpu, ", " up to here and resumes on gpu, "] {
        assert!(ran.err.contains(told), "{}", ran.err);
    }
    // From there on it is the GPU's run, which no longer changes.
    let ran = work.ok("train --resume run --epochs 4");
    assert!(!ran.err.contains("up to here"), "{}", ran.err);
    // Whoever lost that GPU can go on without it.
    let ran = work.ok("train --resume run --epochs 5 --device cpu");
    assert!(ran.err.contains("resumes on cpu"), "{}", ran.err);
}

#[test]
fn a_gpu_is_checked_against_the_reference() {
    if skipped() {
        return;
    }
    let work = Work::empty();
    let best = best(&work);
    let report: Value = serde_json::from_str(&work.ok("check --brief --json").out).unwrap();
    assert_eq!((&report["passed"], &report["adapter"]["name"]), (&true.into(), &best["name"]));
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let whole = ["P1: training steps", "P2: training steps", "optimiser, momentum"];
    assert!(names.windows(3).any(|three| three == whole), "{names:?}");
    for check in report["checks"].as_array().unwrap() {
        assert!(check["comparisons"].as_u64().unwrap() > 5 && check["failed"] == 0, "{check}");
    }
    let ran = work.ok("check --brief");
    assert!(ran.out.contains(best["driver"].as_str().unwrap()), "{}", ran.out);
    assert!(ran.out.contains("Passed in "), "{}", ran.out);
    work.fails("check --adapter nosuch", &["nosuch", "found"]);
}

/// What is remembered of a GPU holds for its driver and these kernels, and a damaged list for nothing.
#[test]
fn the_first_use_of_a_gpu_is_checked_once() {
    if skipped() {
        return;
    }
    let work = Work::new();
    let driver = best(&work)["driver"].as_str().unwrap().to_owned();
    let train = |run: &str| work.ok(&format!("{TRAIN} --device gpu --out {run}")).err;
    let checked = "passed the check of its first use";
    assert!(train("a").contains(checked));
    assert!(!train("b").contains(checked));
    let list = "cache/genre-gpu/checked-gpus.txt";
    let known = work.text(list);
    assert!(known.lines().count() == 1 && known.contains(&driver), "{known}");
    work.write(list, known.replace(&driver, "another driver"));
    assert!(train("c").contains(checked));
    assert_eq!(work.text(list).lines().count(), 2);
    work.write(list, b"\xff\xfe\0");
    assert!(train("d").contains(checked));
    assert!(!train("e").contains(checked));
}

/// Without any GPU.
#[test]
fn a_run_is_exported_for_webgpu() {
    let work = Work::trained();
    work.ok("export --webgpu run");
    let text = work.text("webgpu.json");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["format"], "genre-gpu recording 1");
    assert!(document["passes"]["train"].as_array().unwrap().is_empty());
    assert!(!document["passes"]["evaluate"].as_array().unwrap().is_empty());
    for key in ["class_names", "scale", "weights", "kernels", "buffers", "roles"] {
        assert!(!document[key].is_null(), "{key}");
    }
    let ran = work.ok("export --webgpu run --out -");
    assert_eq!(ran.out, text);
    work.ok("export --webgpu run --train --batch-size 8 --samples 20 --out train.json");
    let document: Value = serde_json::from_str(&work.text("train.json")).unwrap();
    assert!(!document["passes"]["train"].as_array().unwrap().is_empty());
    assert_eq!((&document["samples"], &document["batch_size"]), (&20.into(), &8.into()));

    // With the loss of the run.
    work.ok(
        "train --data data --epochs 1 --label-smoothing 0.25 --class-weights balanced --out smooth",
    );
    for (flags, weighted) in [("", false), ("--train", true)] {
        work.ok(&format!("export --webgpu smooth {flags} --out smooth.json"));
        let document: Value = serde_json::from_str(&work.text("smooth.json")).unwrap();
        let all = document["dispatches"].as_array().unwrap();
        let one = all.iter().find(|one| !one["constants"]["label_smoothing"].is_null()).unwrap();
        assert_eq!(one["constants"]["label_smoothing"], 0.25);
        assert_eq!(!one["constants"]["is_weighted"].is_null(), weighted);
    }

    work.fails("export --webgpu run --samples 4000000000", &["WebGPU", "fewer --samples"]);
    work.fails("export --webgpu run --out nosuch/a.json", &["no folder nosuch", "mkdir"]);
    work.fails("export --webgpu nosuch", &["nosuch"]);
    work.refuses("export run", &["--format", "webgpu"]);
}

/// Other tiles are other orders of summation: a run has those that were chosen for its GPU, and can be
/// had again.
#[test]
fn tiles_that_were_tuned_are_taken_by_new_runs_and_kept() {
    if skipped() {
        return;
    }
    let work = Work::new();
    let size = "--input 16x12 --batch-size 8";
    let tuned: Value = serde_json::from_str(&work.ok(&format!("tune {size} --json")).out).unwrap();
    let list = "cache/genre-gpu/tuned-gpus.txt";
    let (known, tiles) = (work.text(list), tuned["tiles"].as_str().unwrap());
    assert!(known.lines().count() == 1 && known.trim_end().ends_with(tiles), "{known}");
    assert!(!tuned["rows"].as_array().unwrap().is_empty());
    let seconds = &tuned["step_seconds"];
    assert!(seconds.is_null() || seconds[0].as_f64().unwrap() > 0.0, "{seconds}");

    // As if others had been the fastest.
    let (key, _) = known.trim_end().rsplit_once('\t').unwrap();
    work.write(list, format!("{key}\tsmall; conv2d backward narrow\n"));
    work.ok(&format!("{TRAIN} --device gpu --out tuned"));
    let kept = "tiles = \"small; conv2d backward narrow\"";
    assert!(work.text("tuned/config.toml").contains(kept), "{}", work.text("tuned/config.toml"));
    // Not for another batch size.
    work.ok("train --data data --epochs 1 --batch-size 9 --device gpu --out other");
    assert!(!work.text("other/config.toml").contains("conv2d"));

    // The run goes on with what it began with, whatever is known now, and is the same again.
    work.write(list, "");
    work.ok("train --data data --epochs 1 --batch-size 8 --device gpu --tiles small --out small");
    work.ok("train --resume small --epochs 2");
    assert!(work.text("small/config.toml").contains("tiles = \"small\""));
    work.ok("train --config tuned/config.toml --out again");
    assert_same(&work, "tuned", "again");

    work.refuses("train --data data --tiles small --out no", &["--tiles: expected --device gpu"]);
    let words = "train --data data --device gpu --tiles broad --out no";
    work.refuses(words, &["--tiles", "\"broad\" is none of wide, narrow, small"]);
    assert!(!work.exists("no"));
}
