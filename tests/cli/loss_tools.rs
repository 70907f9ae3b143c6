//! Label smoothing, weights of classes, plateau and warm-up schedules, early stopping.

use serde_json::Value;

use super::bits::assert_same;
use super::program::Work;

const WORDS: &str = "train --data data --batch-size 7 --momentum 0.9 --learning-rate 0.005";

/// Nothing improves by 100: every run stops.
const STOPS: &str = "--early-stopping 2:100";

#[test]
fn a_run_that_stops_early_is_complete_and_keeps_the_best_epoch() {
    let work = Work::new();
    let ran = work.ok(&format!("{WORDS} --epochs 6 {STOPS} --out run"));
    let told = "Training stopped early, after epoch 3 of 6: in the 2 epochs after epoch 1";
    let text = ran.out.replace("\n", " ");
    assert!(text.contains(told) && text.contains("early stopping 2:100"), "{}", ran.out);
    assert_eq!(work.text("run/history.csv").lines().count(), 4);
    assert!(work.text("run/summary.txt").replace('\n', " ").contains(told));
    let metrics: Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
    assert_eq!(metrics["epochs"], 1, "the weights are those of the first epoch");
    let reason = metrics["stopped_early"].as_str().unwrap();
    assert!(reason.starts_with("training stopped early, after epoch 3 of 6"), "{reason}");
    let config = work.text("run/config.toml");
    assert!(
        config.contains("early-stopping = \"2:100\"\n") && config.contains("keep = \"best\"\n")
    );

    // The weights are those of a run of one epoch.
    work.ok(&format!("{WORDS} --epochs 1 --out one"));
    let weights = |run: &str| work.read(&format!("{run}/predictions_test.csv"));
    assert!(weights("run") == weights("one"));

    let again = work.ok("train --resume run");
    assert!(again.err.contains("only the results are computed again"), "{}", again.err);
    let problem = ["run: training stopped early", "more epochs would not be trained", "none"];
    work.fails("train --resume run --epochs 9", &problem);
    assert_eq!(work.text("run/config.toml"), config, "a refusal changed the run");
    // As many epochs as there are, or more of those that were planned, change nothing.
    for epochs in [3, 5] {
        let again = work.ok(&format!("train --resume run --epochs {epochs}"));
        let told = "after epoch 3 of 6: in the 2 epochs after epoch 1 the validation loss did not fall by \
                            more than 100 below its";
        let unchanged = format!("--epochs {epochs} changes nothing of that");
        assert!(again.err.contains(told) && again.err.contains(&unchanged), "{}", again.err);
        let metrics: Value = serde_json::from_str(&work.text("run/metrics.json")).unwrap();
        assert_eq!(metrics["stopped_early"], reason, "{epochs}");
        assert_eq!(work.text("run/config.toml"), config, "{epochs}");
    }
    work.ok("evaluate run");
    work.ok("explain run --no-checks");
    work.ok("report run");
    let page = work.text("report.html");
    assert!(page.contains("3 of 6") && page.contains("after epoch 3 of 6"), "the report tells it");
}

#[test]
fn a_resumed_run_stops_where_a_whole_one_does() {
    let work = Work::new();
    work.ok(&format!("{WORDS} --epochs 2 {STOPS} --out run"));
    work.ok("train --resume run --epochs 6");
    work.ok(&format!("{WORDS} --epochs 6 {STOPS} --out whole"));
    assert_same(&work, "run", "whole");
    // One that never stops keeps the lowest validation loss.
    work.ok(&format!("{WORDS} --epochs 3 --early-stopping 9 --out through"));
    work.ok(&format!("{WORDS} --epochs 3 --keep best --out best"));
    assert_same(&work, "through", "best");
    let metrics: Value = serde_json::from_str(&work.text("through/metrics.json")).unwrap();
    assert!(metrics.get("stopped_early").is_none());
}

#[test]
fn a_comparison_skips_runs_that_stopped_early() {
    let work = Work::new();
    work.write("stops.toml", "early-stopping = \"1:100\"\n");
    let words =
        "compare --models p1 --seeds 2 --data data --epochs 4 --config stops.toml --out study";
    work.ok(words);
    let again = work.ok(words);
    assert_eq!(again.out.matches("already done").count(), 2, "{}", again.out);
    assert_eq!(work.text("study/p1-data-seed42/history.csv").lines().count(), 3);
}

#[test]
fn losses_and_schedules_go_on_to_the_same_bits() {
    let work = Work::new();
    let words = format!(
        "{WORDS} --schedule plateau:1:0.5 --warmup 1.3 --label-smoothing 0.1 --class-weights balanced"
    );
    work.ok(&format!("{words} --epochs 3 --out run"));
    work.ok("train --resume run --epochs 5");
    let ran = work.ok(&format!("{words} --epochs 5 --out whole"));
    assert_same(&work, "run", "whole");
    let told =
        "schedule plateau:1:0.5, warm-up epochs 1.3, label smoothing 0.1, class weights balanced";
    assert!(ran.out.replace("\n", " ").contains(told), "{}", ran.out);
    for (out, flags) in [
        ("rate", "--schedule plateau:1:0.5 --label-smoothing 0.1 --class-weights balanced"),
        ("hard", "--schedule plateau:1:0.5 --warmup 1.3 --class-weights balanced"),
        (
            "weighted",
            "--schedule plateau:1:0.5 --warmup 1.3 --label-smoothing 0.1 --class-weights b=3",
        ),
    ] {
        work.ok(&format!("{WORDS} --epochs 5 {flags} --class-names a,b,c,d --out {out}"));
        assert!(
            work.read("whole/history.csv") != work.read(&format!("{out}/history.csv")),
            "{out}"
        );
    }
}

#[test]
fn a_model_may_carry_them() {
    let work = Work::new();
    let nodes = "[[node]]\nname = \"flat\"\nop = \"flatten\"\n[[node]]\nname = \"head\"\nop = \"dense\"\n\
                 units = \"classes\"\n[[node]]\nname = \"softmax\"\nop = \"softmax\"\n";
    let train = "[train]\nepochs = 3\nbatch_size = 7\nlearning_rate = 0.001\nearly_stopping = 2\n\
                 class_weights = \"1,2,1,0.5\"\nlabel_smoothing = 0.2\nwarmup = 0.5\n\
                 schedule = \"plateau:2:0.1\"\n";
    work.write("carries.toml", format!("{train}{nodes}"));
    work.write("bare.toml", nodes);
    work.ok("train --data data --model carries.toml --out carries");
    work.ok("train --data data --model bare.toml --epochs 3 --batch-size 7 --learning-rate 0.001 \
         --early-stopping 2 --class-weights 1,2,1,0.5 --label-smoothing 0.2 --warmup 0.5 \
         --schedule plateau:2:0.1 --out bare");
    assert_eq!(work.text("carries/history.csv"), work.text("bare/history.csv"));
    work.ok("train --data data --model carries.toml --early-stopping none --keep last --out off");
    assert!(work.text("off/config.toml").contains("early-stopping = \"none\""));
}

/// What a recipe turns on, a flag turns off: `none`, or false.
#[test]
fn a_flag_turns_off_what_a_recipe_turns_on() {
    let work = Work::new();
    let nodes = "[[node]]\nname = \"flat\"\nop = \"flatten\"\n[[node]]\nname = \"head\"\nop = \"dense\"\n\
                 units = \"classes\"\n[[node]]\nname = \"softmax\"\nop = \"softmax\"\n";
    let train = "[train]\nepochs = 3\nbatch_size = 7\nlearning_rate = 0.01\n";
    let on = [
        ("momentum = 0.9", "--momentum none"),
        ("weight_decay = 0.1", "--weight-decay none"),
        ("clip_norm = 0.01", "--clip-norm none"),
        ("warmup = 2", "--warmup none"),
        ("label_smoothing = 0.3", "--label-smoothing none"),
        ("early_stopping = \"1:100\"", "--early-stopping none"),
        ("class_weights = \"1,2,1,0.5\"", "--class-weights none"),
        ("augment = \"roll\"", "--augment none"),
        ("schedule = \"cosine\"", "--schedule constant"),
    ];
    let keys: Vec<&str> = on.iter().map(|(key, _)| *key).collect();
    let flags: Vec<&str> = on.iter().map(|(_, flag)| *flag).collect();
    let nesterov = "[train]\nmomentum = 0.9\nnesterov = true\n";
    for (file, text) in [
        ("plain.toml", format!("{train}{nodes}")),
        ("aided.toml", format!("{train}{}\n{nodes}", keys.join("\n"))),
        ("nesterov.toml", format!("{nesterov}{nodes}")),
    ] {
        work.write(file, text);
    }
    work.ok("train --data data --model plain.toml --out plain");
    work.ok(&format!("train --data data --model aided.toml {} --out off", flags.join(" ")));
    assert_eq!(work.text("plain/history.csv"), work.text("off/history.csv"));
    // The run's config, over the same model, is one of the same run.
    work.ok("train --config off/config.toml --out again");
    assert_eq!(work.text("plain/history.csv"), work.text("again/history.csv"));
    work.ok("train --data data --model nesterov.toml --nesterov=false --epochs 1 --out without");
    assert!(work.text("without/config.toml").contains("nesterov = false\n"));
    work.ok("train --data data --model nesterov.toml --epochs 1 --out with");
    assert!(work.text("with/config.toml").contains("nesterov = true\n"));
    work.refuses(
        "train --data data --clip-norm off --out no",
        &["--clip-norm", "a number, or none"],
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let work = Work::new();
    let words = "train --data data --epochs 2 --out run";
    for (flags, told) in [
        ("--label-smoothing 1", "--label-smoothing: expected at least 0 and below 1"),
        ("--warmup 3", "--warmup: expected 0 to the number of epochs"),
        ("--warmup nan", "--warmup: expected"),
        ("--early-stopping 0", "PATIENCE:MIN_DELTA"),
        ("--early-stopping 3 --keep last", "--keep: expected best"),
        ("--schedule plateau:0:1", "plateau:PATIENCE:FACTOR"),
        ("--class-weights even", "expected none, balanced"),
    ] {
        work.refuses(&format!("{words} {flags}"), &[told]);
        assert!(!work.exists("run"), "{flags}");
    }
    for (flags, told) in [
        ("--class-weights 1,2", "a number for each of the 4 classes"),
        ("--class-weights polka=2", "names of classes"),
    ] {
        work.fails(&format!("{words} {flags}"), &["--class-weights", told]);
        assert!(!work.exists("run/config.toml"), "{flags}");
    }
    work.ok("train --data data --epochs 1 --early-stopping 3 --out run");
    work.write("run/config.toml", work.text("run/config.toml").replace("\"3\"", "\"4\""));
    work.fails("train --resume run --epochs 2", &["early-stopping = \"3\"", "config.toml"]);
}
