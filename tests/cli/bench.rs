//! `genre-gpu bench`, on a tiny shape and as briefly as it can. Times are never judged.

use std::collections::BTreeSet;

use genre_gpu::backend::{Backend, DatasetRef};
use genre_gpu::gpu::{Gpu, GpuOptions, KernelVariant};
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use serde_json::Value;

use super::adapter::skipped;
use super::program::Work;

const TINY: &str = "bench --input 12x20 --batch-size 4 --samples 10 --steps 3 --seconds 0.05";

/// Runs it and reads its JSON; the table must be readable at 100 columns.
fn measured(flags: &str) -> Value {
    let work = Work::empty();
    let ran = work.ok(&format!("{TINY} {flags}"));
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
    // The text is folded, anywhere.
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("÷ floor") && words.contains("Measured by genre-gpu"), "{words}");
    let json = work.ok(&format!("{TINY} {flags} --json --quiet"));
    serde_json::from_str(&json.out).unwrap()
}

fn positive(value: &Value) {
    assert!(value.as_f64().is_some_and(|v| v > 0.0 && v.is_finite()), "{value}");
}

/// Every time and rate must be more than nothing.
fn check(device: &Value) {
    for rate in ["flop_per_second", "bytes_per_second"] {
        positive(&device["rates"][rate]);
    }
    positive(&device["set_up"]["first_step_seconds"]);
    for kernel in device["kernels"].as_array().unwrap() {
        for figure in ["median", "least", "lower_quartile", "upper_quartile", "count"] {
            positive(&kernel["seconds"][figure]);
        }
        for figure in ["bytes_per_second", "floor_seconds", "times_floor"] {
            positive(&kernel[figure]);
        }
    }
    let step = &device["step"];
    positive(&step["seconds"]["median"]);
    for figure in [
        "steps",
        "epoch_seconds_per_step",
        "samples_per_second",
        "dense_flop_per_second",
        "kernels_seconds",
    ] {
        positive(&step[figure]);
    }
}

fn names(device: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let kernels = device["kernels"].as_array().unwrap();
    kernels.iter().map(|kernel| (text(&kernel["kernel"]), text(&kernel["node"]))).collect()
}

#[test]
fn the_cpu_layer_by_layer() {
    let report = measured("--device cpu --threads 2");
    let devices = report["devices"].as_array().unwrap();
    let [cpu] = &devices[..] else { panic!("{report}") };
    assert_eq!((&cpu["device"], &cpu["threads"]), (&"cpu".into(), &2.into()));
    check(cpu);
    let names = names(cpu);
    for (op, nodes) in [
        ("conv2d_max_pool2d", &["conv2d", "conv2d_1", "conv2d_2"][..]),
        ("dense", &["dense", "dense_1"]),
        ("softmax", &["softmax"]),
    ] {
        for node in nodes {
            for way in ["forward", "backward"] {
                let name = (format!("{op}_{way}"), (*node).to_owned());
                assert!(names.contains(&name), "no {name:?} in {names:?}");
            }
        }
    }
    for (kernel, node) in [
        ("gather", "all"),
        ("penalty", "all"),
        ("conv2d_update", "conv2d_1"),
        ("dense_update", "dense"),
    ] {
        assert!(names.contains(&(kernel.to_owned(), node.to_owned())), "{names:?}");
    }
    assert!(names.iter().all(|(_, node)| !node.starts_with("max_pooling")), "{names:?}");
}

#[test]
fn the_gpu_dispatch_by_dispatch() {
    if skipped() {
        return;
    }
    for (word, form, tiles) in
        [("plain", KernelVariant::Plain, "wide"), ("fused", KernelVariant::Fused, "narrow")]
    {
        let report = measured(&format!("--device gpu --kernels {word} --tiles {tiles}"));
        let devices = report["devices"].as_array().unwrap();
        let [device] = &devices[..] else { panic!("{report}") };
        assert_eq!((&device["device"], &device["kernels_form"]), (&"gpu".into(), &word.into()));
        check(device);
        assert_eq!(device["tiles"], tiles);
        for seconds in ["open_seconds", "record_seconds", "upload_seconds"] {
            positive(&device["set_up"][seconds]);
        }
        let step = &device["step"];
        assert!(step["submits_per_step"].as_f64().unwrap() <= 1.0, "{step}");
        assert_eq!(step["allocations_after_first_step"], 0, "{step}");

        let graph = Model::open("p1").unwrap().graph([12, 20, 1], 4).unwrap();
        let tiles = tiles.parse().unwrap();
        let options = GpuOptions { variant: form, tiles: Some(&tiles), ..GpuOptions::default() };
        let mut gpu = Gpu::new(Plan::new(graph, 4).unwrap(), options).unwrap();
        gpu.prepare(DatasetRef::new(&[0.0; 4 * 12 * 20], &[0, 1, 2, 3])).unwrap();
        let dispatches = gpu.dispatches();
        assert_eq!(step["dispatches"], dispatches.len());
        assert!(dispatches.len() <= 30, "of P1: {} dispatches", dispatches.len());
        let wanted =
            dispatches.iter().map(|(kernel, node, _)| (kernel.name.into(), (*node).into()));
        assert_eq!(names(device), wanted.collect::<BTreeSet<_>>());
    }
}

#[test]
fn gpus_that_are_not_at_hand_are_predicted_without_one() {
    let work = Work::empty();
    let call = "bench --gpus --input 12x20 --batch-size 4 --samples 10";
    let report: Value = serde_json::from_str(&work.ok(&format!("{call} --json")).out).unwrap();
    let gpus = report["gpus"].as_array().unwrap();
    let tiles: BTreeSet<&str> = gpus.iter().map(|gpu| gpu["tiles"].as_str().unwrap()).collect();
    assert_eq!(tiles, BTreeSet::from(["narrow", "small"]), "those that each kind of GPU is given");
    for gpu in gpus {
        let (profile, prediction) = (&gpu["profile"], &gpu["prediction"]);
        let dispatches = prediction["dispatches"].as_array().unwrap();
        assert_eq!(profile["dispatches"].as_array().unwrap().len(), dispatches.len());
        let of = |value: &Value| value.as_f64().unwrap();
        let launch = of(&prediction["hardware"]["launch"]);
        let sum: f64 = dispatches.iter().map(|one| of(&one["seconds"]) + launch).sum();
        assert!((of(&prediction["step_seconds"]) / sum - 1.0).abs() < 1e-12);
        // Three steps of four samples.
        assert!((of(&prediction["epoch_seconds"]) / sum - 3.0).abs() < 1e-12);
    }
    let table = work.ok(&format!("{call} --tiles wide --kernels plain")).out;
    for said in ["H100, wide tiles", "plain kernels", "conv2d_forward", "registers", "epoch ms"] {
        assert!(table.contains(said), "{said}: {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
}

#[test]
fn what_cannot_be_is_told() {
    let work = Work::empty();
    work.refuses("bench --steps 0", &["at least 1"]);
    work.refuses("bench --seconds nan", &["seconds above 0"]);
    work.refuses("bench --kernels fast", &["[possible values: plain, tiled, fused, sparse]"]);
    work.refuses("bench --gpus --device gpu", &["--gpus", "cannot be used with", "--device"]);
    work.refuses("bench --device tpu", &["[possible values: cpu, gpu, both]"]);
    work.refuses("bench --model p9", &["model p9: expected a built-in model (p1"]);
    assert!(work.ok("bench --help").out.contains("Examples:"));
    if !skipped() {
        work.fails(&format!("{TINY} --adapter nobodys"), &["no adapter matches", "nobodys"]);
    }
}
