//! The run's data are changed, moved or removed meanwhile: an error that says so, or the bits of the
//! data that the run began with; never other data in silence.

use super::program::{TRAIN, Work};
use super::writers::contents;
use genre_gpu::data::{DataFrom, DataOptions, Dataset, PartName};
use genre_gpu::progress::Silent;

/// The value of a sample far into the file of a part, as bytes; another one is put in their place.
fn change(work: &Work, file: &str) {
    let mut bytes = work.read(file);
    let at = bytes.len() - 4;
    let value = f32::from_le_bytes(bytes[at..].try_into().unwrap());
    bytes[at..].copy_from_slice(&(value + 1.0).to_le_bytes());
    work.write(file, bytes);
}

/// As an npz, `x_train.npy` and so on in it.
fn pack(work: &Work) {
    work.write("data.npz", super::mutation::npz(&work.path("data")));
}

fn same(work: &Work, run: &str, whole: &str) {
    for name in ["model.safetensors", "predictions_test.csv", "songs_test.csv"] {
        let read = |run: &str| work.read(&format!("{run}/{name}"));
        assert!(read(run) == read(whole), "{run}/{name}");
    }
}

#[test]
fn changed_data_are_told_before_a_run_goes_on_or_is_used() {
    for data in ["data", "data.npz"] {
        let work = Work::new();
        pack(&work);
        let train = TRAIN.replace("--data data", &format!("--data {data}"));
        work.ok(&format!("{train} --epochs 2 --out run"));
        let before = contents(&work, "run");

        change(&work, "data/x_test.npy");
        pack(&work);
        work.fails("train --resume run --epochs 3", &["hash", data, "--data"]);
        assert!(contents(&work, "run") == before, "{data}: a refusal changed the run");
        for words in ["evaluate run", "explain run --no-checks --index 0 --out maps"] {
            let ran = work.ok(words);
            ran.told(words, &["has changed since the run: its hash is", data]);
        }

        // Only the part that is looked at has to be the run's.
        let ran = work.ok("evaluate run --part test");
        ran.told(data, &["the test part of ", data, " has changed since the run: its hash is"]);
        let ran = work.ok("evaluate run --part train --part val");
        assert!(!ran.err.contains("changed"), "{}", ran.err);

        // Labels and songs are data too.
        for (file, at_end) in [("y_val.npy", 8), ("song_train.npy", 8)] {
            let whole = work.read(&format!("data/{file}"));
            let mut bytes = whole.clone();
            let last = bytes.len() - at_end;
            bytes[last] = u8::from(bytes[last] == 0);
            work.write(&format!("data/{file}"), bytes);
            pack(&work);
            work.fails("train --resume run --epochs 3", &["hash"]);
            let part = if file.contains("val") { "val" } else { "train" };
            let ran = work.ok(&format!("evaluate run --part {part}"));
            ran.told(file, &["has changed since the run"]);
            work.write(&format!("data/{file}"), whole);
        }
    }
}

/// Maps of other data are not put into a report as the run's own; those that were made before are
/// still the run's.
#[test]
fn a_report_is_of_the_data_that_the_run_began_with() {
    let work = Work::trained();
    work.ok("explain run --no-checks --quiet");
    change(&work, "data/x_test.npy");
    work.ok("report run --out before.html");
    work.ok("explain run --no-checks --quiet");
    work.fails("report run", &["of other data", "genre-gpu explain run"]);
}

#[test]
fn moved_and_removed_data_are_named_with_the_way_out() {
    for data in ["data", "data.npz"] {
        let work = Work::new();
        pack(&work);
        let train = TRAIN.replace("--data data", &format!("--data {data}"));
        work.ok(&format!("{train} --epochs 2 --out run"));
        work.ok(&format!("{train} --epochs 3 --out whole"));
        let before = contents(&work, "run");
        std::fs::create_dir(work.path("new")).unwrap();
        std::fs::rename(work.path(data), work.path(&format!("new/{data}"))).unwrap();
        for words in ["train --resume run --epochs 3", "evaluate run", "explain run --quiet"] {
            work.fails(words, &[data, "there is no such file or folder", "--data"]);
        }
        assert!(contents(&work, "run") == before, "{data}");
        work.ok(&format!("evaluate run --data new/{data}"));
        work.ok(&format!("train --resume run --epochs 3 --data new/{data}"));
        same(&work, "run", "whole");
    }
    // One file of a folder.
    let work = Work::trained();
    let x = work.read("data/x_test.npy");
    std::fs::remove_file(work.path("data/x_test.npy")).unwrap();
    for words in ["train --resume run --epochs 3", "evaluate run", "explain run"] {
        work.fails(words, &["x_test"]);
    }
    work.write("data/x_test.npy", &x[..x.len() / 2]);
    work.fails("train --resume run --epochs 3", &["x_test.npy"]);
    work.write("data/x_test.npy", x);
    work.ok("train --resume run --epochs 3");
}

/// From memory all is read before the first step. From disk the file that was opened is read: one that
/// is put in its place, or removed, changes nothing; one that is written to is refused.
#[test]
fn samples_on_disk_are_those_that_were_opened() {
    let work = Work::new();
    let open = || {
        let options = DataOptions { from: DataFrom::Disk, ..DataOptions::new(work.path("data")) };
        Dataset::load(&options, &Silent).unwrap()
    };
    let read = |data: &Dataset| {
        let mut to = vec![0.0; data.sample_len()];
        data.read(PartName::Train, &[47], &mut to).map(|()| to)
    };
    let data = open();
    let whole = read(&data).unwrap();
    // Another file in its place, as editors and downloads put it.
    let bytes = work.read("data/x_train.npy");
    if cfg!(unix) {
        work.write("data/new.npy", vec![0; bytes.len()]);
        std::fs::rename(work.path("data/new.npy"), work.path("data/x_train.npy")).unwrap();
        data.check_unchanged().unwrap();
        assert_eq!(read(&data).unwrap(), whole);
        std::fs::remove_file(work.path("data/x_train.npy")).unwrap();
        data.check_unchanged().unwrap();
        assert_eq!(read(&data).unwrap(), whole);
        work.write("data/x_train.npy", &bytes);
    }
    for changed in [vec![0; bytes.len()], bytes[..bytes.len() / 2].to_vec(), Vec::new()] {
        work.write("data/x_train.npy", &bytes);
        // A time of its own, whatever the clock's steps are.
        let file = std::fs::File::options().write(true).open(work.path("data/x_train.npy"));
        file.unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let data = open();
        work.write("data/x_train.npy", &changed);
        let told = data.check_unchanged().unwrap_err().to_string();
        assert!(told.contains("x_train.npy: the file has changed since it was opened"), "{told}");
    }
}
