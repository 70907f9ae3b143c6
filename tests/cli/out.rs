//! `--out`: where a run may go, and what it must not harm.

use super::program::Work;

const TRAIN: &str = "train --data data --epochs 1 --batch-size 16";

#[test]
fn a_run_is_not_overwritten_unasked() {
    let work = Work::trained();
    let model = work.read("run/model.safetensors");
    work.fails(&format!("{TRAIN} --out run"), &["run: holds", "--overwrite", "--resume"]);
    assert!(work.read("run/model.safetensors") == model);
    work.write("run/note.txt", "mine");
    work.ok(&format!("{TRAIN} --out run --seed 1 --overwrite"));
    assert!(work.read("run/model.safetensors") != model);
    assert_eq!(work.text("run/note.txt"), "mine", "only a run's files are replaced");
}

#[test]
fn files_that_a_run_would_replace_are_not_lost_unasked() {
    let work = Work::new();
    std::fs::create_dir(work.path("mine")).unwrap();
    work.write("mine/summary.txt", "a year's work");
    work.fails(&format!("{TRAIN} --out mine"), &["mine: holds", "summary.txt", "--overwrite"]);
    assert_eq!(work.text("mine/summary.txt"), "a year's work");
}

#[test]
fn bad_data_leave_the_older_run_whole() {
    let work = Work::trained();
    let files = work.list("run");
    let before: Vec<Vec<u8>> = files.iter().map(|f| work.read(&format!("run/{f}"))).collect();
    work.fails("train --data nowhere --out run --overwrite", &["nowhere: there is no such"]);
    let after: Vec<Vec<u8>> = files.iter().map(|f| work.read(&format!("run/{f}"))).collect();
    assert!(before == after && files == work.list("run"));
}

#[test]
fn bad_data_leave_no_folder() {
    let work = Work::new();
    work.fails("train --data nowhere --out run", &["nowhere: there is no such"]);
    work.fails("train --data nowhere --out deep/down/run", &["nowhere: there is no such"]);
    work.fails("train --data data --model nowhere.toml --out run", &["nowhere.toml: cannot read"]);
    // A run that diverges in its first epoch leaves nothing to resume, and so nothing.
    let diverges = "--learning-rate 1e30 --out deep/down/run";
    work.fails(&format!("train --data data {diverges}"), &["loss is not finite"]);
    assert!(!work.exists("run"));
    assert!(!work.exists("deep"), "no parent is left either");
}

#[test]
fn places_that_take_no_files_are_named() {
    let work = Work::new();
    work.write("file", "in the way");
    work.fails(&format!("{TRAIN} --out file"), &["file: cannot create the folder"]);
    work.fails(&format!("{TRAIN} --out file/run"), &["file/run: cannot create the folder"]);
    assert_eq!(work.text("file"), "in the way");
    if cfg!(target_os = "linux") {
        work.fails(&format!("{TRAIN} --out /proc/nope"), &["/proc/nope: cannot"]);
    }
}

#[test]
fn without_out_each_run_gets_a_folder_of_its_own() {
    let work = Work::new();
    work.ok(TRAIN);
    work.ok(TRAIN);
    work.ok(&format!("{TRAIN} --seed 7"));
    assert_eq!(work.list("runs"), ["p1-data-seed42", "p1-data-seed42-2", "p1-data-seed7"]);
}
