//! `genre-gpu explain`.

use genre_gpu::data::PartName;
use genre_gpu::explain::{ExplainFolder, Explanation};
use genre_gpu::train::run_folder::RunFolder;
use serde_json::Value;

use super::data::Set;
use super::program::Work;

fn explained(work: &Work, folder: &str) -> Explanation {
    serde_json::from_str(&work.text(&format!("{folder}/explain.json"))).unwrap()
}

#[test]
fn right_and_wrong_are_those_of_the_run() {
    let work = Work::trained();
    let ran = work.ok("explain run");
    assert!(ran.out.contains("Maps of max_pooling2d_2 (2 x 1, 16 channels)"), "{}", ran.out);
    let found = explained(&work, "run/explain");
    let metrics: Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
    assert_eq!(
        found.parts.iter().map(|p| p.part.as_str()).collect::<Vec<_>>(),
        ["train", "val", "test"]
    );
    for part in &found.parts {
        for (truth, class) in part.classes.iter().enumerate() {
            let row = &metrics[part.part.as_str()]["confusion"][truth];
            assert_eq!(row[truth], class.right.len());
            for (label, count) in row.as_array().unwrap().iter().enumerate() {
                let taken = class.wrong.iter().filter(|wrong| wrong.predicted == label as u32);
                assert!(label == truth || *count == taken.count(), "{part:?}");
            }
        }
        // The tables hold the same, line by line.
        let table = work.text(&format!("run/explain/indices_{}.csv", part.part));
        let mut lines = table.lines().skip(1);
        for class in &part.classes {
            let right = class.right.iter().map(|i| format!("{},right,{i}", class.name));
            let wrong = class.wrong.iter().map(|w| format!("{},wrong,{}", class.name, w.index));
            right.chain(wrong).for_each(|want| assert_eq!(lines.next(), Some(want.as_str())));
        }
        assert_eq!(lines.next(), None);
        let predictions = work.text(&format!("run/predictions_{}.csv", part.part));
        let rows: Vec<&str> = predictions.lines().skip(1).collect();
        for line in work.text(&format!("run/explain/wrong_{}.csv", part.part)).lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let row = rows[cells[0].parse::<usize>().unwrap()];
            assert!(row.starts_with(&cells[..4].join(",")), "{line} in {row}");
        }
    }
    let [first, ..] = &found.shown[..] else { panic!() };
    let train = &found.parts[0].classes[0];
    let (right, wrong) = train.first();
    assert_eq!(first.index, right.into_iter().chain(wrong).next().unwrap());
    assert!(found.shown.iter().all(|shown| shown.target == shown.predicted));
    assert!(found.shown.iter().any(|shown| shown.part == PartName::Test));
}

#[test]
fn what_is_shown_can_be_chosen() {
    let work = Work::trained();
    work.ok(
        "explain run --part test --index 5,2 --layer conv2d_1,max_pooling2d --class disco --out at",
    );
    let found = explained(&work, "at");
    let shown: Vec<_> = found.shown.iter().map(|s| (s.part.as_str(), s.index, s.target)).collect();
    assert_eq!(shown, [("test", 5, 1), ("test", 2, 1)]);
    let layers: Vec<_> = found.layers.iter().map(|l| (l.name.as_str(), l.shape)).collect();
    assert_eq!(layers, [("conv2d_1", [8, 6, 8]), ("max_pooling2d", [8, 6, 4])]);
    for shown in &found.shown {
        assert_eq!(shown.picture.values().unwrap().len(), 16 * 12);
        assert_eq!(shown.maps[0].grad_cam.values().unwrap().len(), 8 * 6);
        // In dB again, as the arrays have it.
        assert!(shown.picture.low < -70.0 && shown.picture.high <= 0.0, "{:?}", shown.picture);
    }
    assert!(!work.exists("run/explain"));
}

#[test]
fn threads_change_nothing_and_devices_little() {
    let work = Work::trained();
    let still = |mut found: Explanation| {
        (found.seconds, found.device) = (0.0, String::new());
        found
    };
    work.ok("explain run --threads 1 --out one");
    work.ok("explain run --threads 3 --out three");
    let one = still(explained(&work, "one"));
    assert_eq!(one, still(explained(&work, "three")));
    if std::env::var("GENRE_GPU_TESTS").is_ok_and(|word| word == "skip") {
        return;
    }
    work.ok("explain run --device gpu --out gpu");
    let gpu = explained(&work, "gpu");
    assert!(gpu.device.starts_with("gpu"));
    for (cpu, gpu) in one.shown.iter().zip(&gpu.shown) {
        for (cpu, gpu) in cpu.maps.iter().zip(&gpu.maps) {
            let size = cpu.grad_cam.high - cpu.grad_cam.low;
            let [a, b] = [cpu, gpu].map(|map| map.grad_cam.values().unwrap());
            // Both are rounded to a step of their own range.
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 0.01 * size + 1e-6));
        }
    }
}

#[test]
fn an_explanation_of_other_weights_is_not_taken_for_the_runs() {
    let work = Work::trained();
    let run = RunFolder::open(&work.path("run")).unwrap();
    let folder = ExplainFolder::of(&run);
    let problem = || folder.read(&run).unwrap_err().to_string();
    assert!(problem().contains("is not explained yet; run genre-gpu explain "), "{}", problem());
    work.ok("explain run --quiet");
    assert_eq!(folder.read(&run).unwrap(), explained(&work, "run/explain"));
    let mut model = work.read("run/model.safetensors");
    *model.last_mut().unwrap() ^= 1;
    work.write("run/model.safetensors", model);
    assert!(problem().contains("other weights than the run has now"), "{}", problem());
    work.write("run/explain/explain.json", "{");
    assert!(problem().contains("no explanation of this version"), "{}", problem());
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let work = Work::trained();
    let refused = [
        ("--layer pool9", "found pool9, which p1 has not; those with maps are conv2d, "),
        ("--layer dense", "found dense: its output [50] has no bands and frames"),
        ("--class jazz", "found jazz; its classes are classical, disco, metal, rock"),
        ("--index 48", "found 48, where train has 48 samples"),
        ("--part all", "[possible values: train, val, test]"),
    ];
    for (flags, said) in refused {
        work.refuses(&format!("explain run {flags} --out at"), &[said]);
    }
    assert!(!work.exists("at/explain.json"));
    work.fails("explain data", &["expected a run"]);
}

/// Each class is a row of the mean maps; more than fit a picture go on in others.
#[test]
fn mean_maps_of_many_classes_have_pages() {
    let set = Set { classes: 32, samples: [128, 128, 128], size: [32, 12], songs: false };
    let work = Work::with(set);
    work.ok("train --data data --epochs 1 --batch-size 8 --quiet --out run");
    let words = "explain run --layer max_pooling2d_2 --index 0 --no-checks";
    let ran = work.ok(words);
    assert!(!ran.err.contains("left out"), "{}", ran.err);
    let means = || -> Vec<String> {
        let names = work.list("run/explain").into_iter();
        names.filter(|name| name.starts_with("means_")).collect()
    };
    let pages = ["means_max_pooling2d_2.2.png", "means_max_pooling2d_2.png"];
    assert_eq!(means(), pages);
    // A new explanation leaves no page of an older one.
    work.write("run/explain/means_max_pooling2d_2.9.png", "older");
    work.ok(words);
    assert_eq!(means(), pages);
}
