//! `--model`: a file of one's own.

use super::bits::assert_same;
use super::program::Work;

const BRANCHES: &str = r#"
rationale = "One branch looks along frequency, one along time."

[train]
epochs = 2
batch_size = 8

[[node]]
name = "timbre"
op = "conv2d"
filters = 3
kernel = [5, 1]
activation = "relu"
input = "input"

[[node]]
name = "rhythm"
op = "conv2d"
filters = 2
kernel = [1, 5]
activation = "relu"
input = "input"

[[node]]
name = "both"
op = "concat"
input = ["timbre", "rhythm"]

[[node]]
name = "pool"
op = "max_pool2d"
window = [2, 2]

[[node]]
name = "flatten"
op = "flatten"

[[node]]
name = "head"
op = "dense"
units = "classes"

[[node]]
name = "softmax"
op = "softmax"
"#;

#[test]
fn two_branches_end_to_end() {
    let work = Work::new();
    work.write("two.toml", BRANCHES);
    let summary = work.ok("summary --model two.toml --input 16x12");
    // 3·(5+1) + 2·(5+1) + 8·6·5·4 + 4
    assert!(summary.out.contains("One branch") && summary.out.contains("994"), "{}", summary.out);
    for (out, threads) in [("one", 1), ("three", 3)] {
        work.ok(&format!("train --data data --model two.toml --out {out} --threads {threads}"));
    }
    assert_same(&work, "one", "three");
    assert_eq!(work.text("one/history.csv").lines().count(), 3, "the recipe's epochs");
    work.ok("train --data data --model two.toml --out more --epochs 3");
    work.ok("train --resume one --epochs 3");
    assert_same(&work, "one", "more");
    // The weights carry their model.
    std::fs::remove_file(work.path("two.toml")).unwrap();
    work.ok("evaluate one");
    work.fails("train --resume one --epochs 4", &["two.toml: cannot read"]);
}

#[test]
fn a_model_that_changed_is_not_gone_on_with() {
    let work = Work::new();
    work.write("two.toml", BRANCHES);
    work.ok("train --data data --model two.toml --out run");
    // As many weights as before, but another network.
    work.write("two.toml", BRANCHES.replacen("\"relu\"", "\"linear\"", 1));
    let ran = work.fails("train --resume run --epochs 3", &["run", "model", "two.toml"]);
    assert!(ran.err.contains("changed"), "{}", ran.err);
    work.write("two.toml", BRANCHES.replacen("filters = 3", "filters = 4", 1));
    work.fails("train --resume run --epochs 3", &["run", "model"]);
    work.write("two.toml", BRANCHES);
    work.ok("train --resume run --epochs 3");
}

#[test]
fn a_broken_model_names_file_and_node() {
    let work = Work::new();
    let cases: [(&str, &str, &[&str]); 11] = [
        (
            "op = \"concat\"",
            "op = \"concat\"\nactivation = \"relu\"",
            &[
                "\"both\"",
                "unknown key `activation`",
                "depthwise_conv2d, dense and batch_norm have",
            ],
        ),
        ("op = \"concat\"", "op = \"stack\"", &["model m.toml", "both", "stack"]),
        ("[\"timbre\", \"rhythm\"]", "[\"timbre\", \"bass\"]", &["node \"both\"", "\"bass\""]),
        ("window = [2, 2]", "window = [2, 20]", &["node \"pool\"", "[2, 20]"]),
        ("window = [2, 2]", "window = [0, 2]", &["node \"pool\""]),
        ("filters = 2", "filters = 0", &["node \"rhythm\""]),
        ("filters = 2", "filters = 2\nstride = 2", &["\"rhythm\"", "stride"]),
        ("filters = 2", "filters = 99999999999999", &["node \"rhythm\"", "4294967295 elements"]),
        ("\"classes\"", "18446744073709551", &["node \"head\"", "more than 4294967295"]),
        ("units = \"classes\"", "units = 5", &["expected 4 logits", "found 5"]),
        ("[[node]]\nname = \"softmax\"\nop = \"softmax\"", "", &["node \"head\"", "softmax"]),
    ];
    for (from, to, told) in cases {
        let text = BRANCHES.replacen(from, to, 1);
        assert_ne!(text, BRANCHES, "{from}");
        work.write("m.toml", text);
        let ran = work.fails("train --data data --model m.toml --out run", told);
        assert!(ran.err.contains("m.toml"), "{}", ran.err);
        assert!(!work.exists("run"), "{to}");
    }
    work.write("m.toml", "[[node]\n");
    work.fails("train --data data --model m.toml --out run", &["m.toml", "line 1"]);
}
