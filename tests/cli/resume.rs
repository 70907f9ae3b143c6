//! `--resume`: more epochs, and what it refuses.

use super::bits::assert_same;
use super::data::Set;
use super::program::{TRAIN, Work};
use genre_gpu::train::checkpoint::Checkpoint;

#[test]
fn two_epochs_and_two_more_are_four() {
    let plain = "train --data data --batch-size 10";
    for words in [TRAIN.to_owned(), format!("{TRAIN} --shuffle keras3"), plain.to_owned()] {
        let work = Work::new();
        work.ok(&format!("{words} --epochs 2 --out run"));
        work.ok("train --resume run --epochs 4 --threads 3");
        work.ok(&format!("{words} --epochs 4 --out whole"));
        assert_same(&work, "run", "whole");
        assert!(work.text("run/config.toml").contains("epochs = 4"));
    }
}

#[test]
fn a_finished_run_says_how_to_extend_it() {
    let work = Work::trained();
    let files = work.list("run");
    let before: Vec<Vec<u8>> = files.iter().map(|f| work.read(&format!("run/{f}"))).collect();
    let ran = work.ok("train --resume run");
    assert!(ran.out.contains("All 2 epochs are done"), "{}", ran.out);
    assert!(ran.out.contains("raise --epochs") && !ran.out.contains("Epoch "), "{}", ran.out);
    work.fails("train --resume run --epochs 1", &["run/", "beyond epoch 1", "--epochs 2 or more"]);
    work.refuses("train --resume run --epochs 0", &["--epochs: expected 1 to 4294967295, found 0"]);
    let after: Vec<Vec<u8>> = files.iter().map(|f| work.read(&format!("run/{f}"))).collect();
    assert!(before == after, "there was nothing to change");
    work.ok("train --resume run --epochs 3");
}

#[test]
fn a_run_whose_last_files_are_missing_is_completed() {
    let work = Work::trained();
    work.ok(&format!("{TRAIN} --epochs 2 --out whole"));
    for file in ["model.safetensors", "metrics.json", "predictions_val.csv", "history.csv"] {
        std::fs::remove_file(work.path(&format!("run/{file}"))).unwrap();
    }
    work.ok("train --resume run");
    assert_same(&work, "run", "whole");
}

#[test]
fn other_data_are_refused_with_both_hashes() {
    let work = Work::trained();
    let set = Set { samples: [44, 16, 16], ..Set::default() };
    set.write(&work.path("other"));
    let config = work.text("run/config.toml");
    let ran = work.fails("train --resume run --epochs 3 --data other", &["hash", "--data"]);
    let hashes = |word: &str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let told: Vec<&str> =
        ran.err.split(|c: char| !c.is_alphanumeric()).filter(|w| hashes(w)).collect();
    assert!(told.len() == 2 && told[0] != told[1], "{}", ran.err);
    assert_eq!(work.text("run/config.toml"), config, "a refusal changed the run");

    set.write(&work.path("data"));
    work.fails("train --resume run --epochs 3", &["hash", "data has"]);
}

#[test]
fn data_of_another_shape_are_other_data() {
    let work = Work::trained();
    work.fails("train --resume run --epochs 3 --transpose", &["hash", "--data"]);
    Set { size: [32, 12], ..Set::default() }.write(&work.path("data"));
    work.fails("train --resume run --epochs 3", &["hash", "--data"]);
}

#[test]
fn data_may_have_moved() {
    let work = Work::trained();
    std::fs::rename(work.path("data"), work.path("moved")).unwrap();
    work.fails("train --resume run --epochs 3", &["data: there is no such file or folder"]);
    work.ok("train --resume run --epochs 3 --data moved");
    assert!(work.text("run/config.toml").contains("data = \"moved\""));
}

#[test]
fn what_is_no_run_is_named() {
    let work = Work::trained();
    work.fails("train --resume nowhere", &["nowhere: expected a run", "config.toml"]);
    work.fails("train --resume data", &["data: expected a run", "config.toml"]);
    std::fs::remove_file(work.path("run/checkpoint.safetensors")).unwrap();
    work.fails(
        "train --resume run --epochs 3",
        &["run: ", "checkpoint.safetensors", "--overwrite"],
    );
    work.write("run/config.toml", "epochs = \"two\"\n");
    work.fails("train --resume run --epochs 3", &["run/config.toml: ", "line 1"]);
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let work = Work::trained();
    let file = "run/checkpoint.safetensors";
    let whole = work.read(file);
    let noise: Vec<u8> =
        (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cut = whole[..whole.len() / 2].to_vec();
    for bytes in [cut, noise, Vec::new(), whole[..4].to_vec()] {
        work.write(file, bytes);
        work.fails("train --resume run --epochs 3", &[file, "damaged"]);
    }
    std::fs::copy(work.path("run/model.safetensors"), work.path(file)).unwrap();
    work.fails("train --resume run --epochs 3", &[file, "genre_gpu_checkpoint"]);
    work.write(file, whole);
    work.ok("train --resume run --epochs 3");
}

#[test]
fn a_position_beyond_the_epoch_is_refused() {
    let work = Work::trained();
    let file = work.path("run/checkpoint.safetensors");
    let whole = Checkpoint::read(&file).unwrap();
    let refuses = |change: &dyn Fn(&mut Checkpoint), told: &str| {
        let mut hostile = whole.clone();
        change(&mut hostile);
        hostile.write(&file).unwrap();
        work.fails("train --resume run --epochs 3", &["checkpoint.safetensors: damaged", told]);
    };
    refuses(&|c| c.position.step = usize::MAX, "steps in an epoch");
    refuses(&|c| c.position.step = usize::MAX / 2 + 1, "steps in an epoch");
    refuses(&|c| c.position.step = 1, "expected metrics of");
    refuses(&|c| c.position.metrics.samples = u64::MAX, "expected metrics of 0 samples");
    refuses(&|c| c.position.metrics.correct = u64::MAX, "expected metrics of 0 samples");
    whole.write(&file).unwrap();
    work.ok("train --resume run --epochs 3");
}
