//! `--config`, and the config that a run leaves.

use super::bits::assert_same;
use super::program::Work;

#[test]
fn the_written_config_repeats_the_run() {
    let work = Work::new();
    work.ok("train --data data --epochs 3 --batch-size 7 --momentum 0.3 --learning-rate 0.0123 \
             --scale minmax --shuffle keras3 --keep best --seed 5 --out run \
             --class-names a,b,c,d --arrays x_val=x_val.npy");
    work.ok("train --config run/config.toml --out again");
    assert_same(&work, "run", "again");
    assert_eq!(work.text("run/config.toml"), work.text("again/config.toml"));
}

#[test]
fn flags_go_before_the_file() {
    let work = Work::new();
    work.write("my.toml", "data = \"data\"\nepochs = 3\nbatch-size = 8\nseed = 9\n");
    work.ok("train --config my.toml --epochs 2 --out run");
    let config = work.text("run/config.toml");
    for line in ["epochs = 2", "batch-size = 8", "seed = 9", "learning-rate = 0.01"] {
        assert!(config.lines().any(|found| found == line), "{line} in {config}");
    }
    work.ok("train --data data --epochs 2 --batch-size 8 --seed 9 --out flags");
    assert_same(&work, "run", "flags");
}

#[test]
fn a_wrong_file_is_told_where_it_is_wrong() {
    let work = Work::new();
    for (text, told) in [
        ("epoch = 3\n", "did you mean \"epochs\"?"),
        ("learning_rate = 3\n", "did you mean \"learning-rate\"?"),
        ("momentum = \"x\"\n", "expected a number"),
        ("data = \"data\"\nepochs = \"x\"\n", "line 2"),
        ("epochs = \"x\"\n", "expected a whole number"),
        ("epochs = -3\n", "line 1"),
        ("seed = 4294967296\n", "line 1"),
        ("device = \"tpu\"\n", "expected `cpu` or `gpu`"),
        ("scale = \"db\"\n", "`standard`"),
        ("epochs\n", "line 1"),
    ] {
        work.write("my.toml", text);
        work.refuses("train --config my.toml --data data --out run", &["my.toml: ", told]);
        assert!(!work.exists("run"), "{text}");
    }
    work.write("my.toml", "momentum = 2.0\n");
    work.refuses("train --config my.toml --data data --out run", &["--momentum: expected"]);
    work.fails("train --config none.toml --out run", &["none.toml: cannot read"]);
}
