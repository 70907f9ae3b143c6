//! Uses that are unusual but right, and numbers at their ends.

use super::bits::assert_same;
use super::data::Set;
use super::program::Work;

#[test]
fn paths_with_spaces_and_letters_of_the_world() {
    let work = Work::with(Set::default());
    std::fs::rename(work.path("data"), work.path("Müsik データ")).unwrap();
    std::fs::create_dir(work.path("unter wegs")).unwrap();
    let (data, out) = ("./Müsik データ", "unter wegs/../unter wegs/l'été 1");
    let ran = work.run(&["train", "--data", data, "--epochs", "1", "--out", out]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("l'été 1"));
    let ran = work.run(&["evaluate", out]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let ran = work.run(&["train", "--resume", out, "--epochs", "2"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(work.list("unter wegs/l'été 1").len(), 15);
}

#[test]
fn batches_of_one_and_of_more_than_all() {
    let work = Work::new();
    let words = "train --data data --epochs 2";
    work.ok(&format!("{words} --batch-size 1 --out one"));
    work.ok(&format!("{words} --batch-size 48 --out all"));
    for size in ["49", "4294967295"] {
        work.ok(&format!("{words} --batch-size {size} --out over --overwrite"));
        assert_same(&work, "all", "over");
        assert!(work.text("over/config.toml").contains(&format!("batch-size = {size}\n")));
    }
    assert!(work.read("one/history.csv") != work.read("all/history.csv"));
}

#[test]
fn a_single_point_a_sample() {
    let work = Work::with(Set { size: [1, 1], classes: 2, ..Set::default() });
    let dense = "[[node]]\nname = \"flatten\"\nop = \"flatten\"\n[[node]]\nname = \"head\"\n\
                 op = \"dense\"\nunits = \"classes\"\n[[node]]\nname = \"softmax\"\nop = \"softmax\"\n";
    work.write("dense.toml", dense);
    // All samples lie in class 0's band, so there is a spread to scale but nothing to learn.
    work.ok("train --data data --model dense.toml --epochs 1 --out run");
    assert!(work.text("run/metrics.json").contains("\"parameters\": 4"));
}

#[test]
fn two_classes_and_ten() {
    for classes in [2, 10] {
        let set = Set { classes, samples: [80, 40, 40], size: [20, 12], songs: true };
        let work = Work::with(set);
        work.ok("train --data data --epochs 1 --out run");
        let metrics: serde_json::Value =
            serde_json::from_str(&work.text("run/metrics.json")).unwrap();
        assert_eq!(metrics["classes"].as_array().unwrap().len(), classes);
        let confusion = metrics["test"]["confusion"].as_array().unwrap();
        assert!(confusion.len() == classes && confusion[0].as_array().unwrap().len() == classes);
        let head = work.text("run/predictions_test.csv");
        assert_eq!(head.lines().next().unwrap().split(',').count(), 4 + classes);
        work.ok("evaluate run");
    }
}

#[test]
fn parts_of_one_sample() {
    let work = Work::with(Set { samples: [48, 1, 1], ..Set::default() });
    let ran = work.ok("train --data data --epochs 1 --out run");
    assert!(ran.out.contains("of 1 samples"), "{}", ran.out);
}

#[test]
fn seeds_at_their_ends() {
    let work = Work::new();
    let words = "train --data data --epochs 1 --out";
    work.ok(&format!("{words} least --seed 0"));
    work.ok(&format!("{words} most --seed 4294967295"));
    work.ok(&format!("{words} again --seed 4294967295"));
    assert_same(&work, "most", "again");
    assert!(work.read("least/history.csv") != work.read("most/history.csv"));
}

#[test]
fn threads_beyond_reason() {
    let work = Work::new();
    work.ok("train --data data --epochs 1 --out zero --threads 0");
    work.ok("train --data data --epochs 1 --out many --threads 64");
    assert_same(&work, "zero", "many");
    for threads in ["100000", "18446744073709551615"] {
        let words = format!("--threads {threads}");
        work.refuses(
            &format!("train --data data --epochs 1 --out run {words}"),
            &[threads, "--threads"],
        );
        assert!(!work.exists("run"));
        work.refuses(&format!("evaluate zero {words}"), &[threads, "--threads"]);
    }
}

/// A document stays valid where a name has characters that text for people shows as escapes.
#[test]
fn json_is_json_whatever_the_names() {
    let work = Work::new();
    let name = "a\u{202e}b";
    let classes = format!("{name},two,three,four");
    let args =
        ["train", "--data", "data", "--epochs", "1", "--out", "run", "--class-names", &classes];
    assert_eq!(work.run(&args).code, Some(0));
    let ran = work.ok("evaluate run --json");
    let metrics: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(metrics["classes"][0], name);
    assert!(!ran.out.contains('\u{202e}'), "{:?}", ran.out);
}
