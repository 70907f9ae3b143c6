//! Which array is which.

use std::collections::HashMap;

use genre_gpu::Error;
use genre_gpu::data::{ArrayName, DataOptions, Dataset, PartName, Role};
use genre_gpu::error::DataProblem;
use genre_gpu::progress::Silent;
use genre_gpu::train::settings::{Recipe, Settings};
use genre_gpu::train::source;

use super::files::{Files, Notes, f32s, i64s, load, problem, ramp};

#[test]
fn names_people_use() {
    let cases = [
        (
            "x_train X_train train_x Xtrain trainX X-Train x.train x_tr xtr",
            Role::X,
            PartName::Train,
        ),
        ("training_data train_images train_data train_spectrograms", Role::X, PartName::Train),
        ("gtzan_x_train_2s train mel_train data/X_train", Role::X, PartName::Train),
        (
            "x_val val_x validation_data valid_images dev_spectrograms X_valid",
            Role::X,
            PartName::Val,
        ),
        ("x_test test_x testing_data eval_images test_data Test", Role::X, PartName::Test),
        ("y_train train_y train_labels training_labels labels_train", Role::Y, PartName::Train),
        ("train_data_labels trainLabels song_labels_train Y_TRAIN", Role::Y, PartName::Train),
        ("y_dev labels_validation val_genres y_cv cv_gt", Role::Y, PartName::Val),
        ("y_test test_targets labels-eval", Role::Y, PartName::Test),
        ("song_train group_train train_track_ids train_groups", Role::Song, PartName::Train),
        ("songs_val", Role::Song, PartName::Val),
    ];
    for (stems, role, part) in cases {
        for stem in stems.split(' ') {
            assert_eq!(ArrayName::of(stem), Some(ArrayName { role, part }), "{stem}");
        }
    }
}

#[test]
fn names_that_say_too_little_or_too_much() {
    for stem in
        ["x", "labels", "", "history", "train_history", "train_test_x", "text", "mean", "___"]
    {
        assert_eq!(ArrayName::of(stem), None, "{stem}");
    }
}

#[test]
fn a_folder_with_other_names() {
    let mut files = Files::good();
    files.rename("x_train.npy", "Training_Data.NPY");
    files.rename("y_val.npy", "dev_labels.npy");
    files.rename("x_test.npy", "eval_spectrograms.npy");
    files.set("notes.txt", b"x_train".to_vec());
    files.set("history.npy", i64s(&[1]));
    files.set("group_train.npy", i64s(&[5, 5, 6, 6]));
    let data = files.load().unwrap();
    assert_eq!(data.train.x, ramp(4));
    assert_eq!(data.train.song, Some(vec![5, 5, 6, 6]));
    assert_eq!(data.test.x, ramp(2));
    assert_eq!(data.val.y, [0, 1]);
}

/// File names may vary; the keys of a config's `[arrays]` are one word for each array.
#[test]
fn keys_of_a_config_are_the_nine_names() {
    let folder = Files::good().folder();
    let load = |key: &str| {
        let settings = Settings {
            data: Some(folder.path().to_path_buf()),
            arrays: [(key.to_owned(), "x_train.npy".to_owned())].into(),
            ..Settings::default()
        };
        let config = settings.resolve(Recipe::default()).unwrap();
        source::load(&config, None, &PartName::ALL, &Silent)
    };
    assert_eq!(load("x_train").unwrap().data.train.x, ramp(4));
    for key in ["X_train", "train_x", "x_train_old", "x"] {
        let error = load(key).unwrap_err();
        assert!(matches!(error, Error::Setting { name: "arrays", .. }), "{error}");
    }
}

#[test]
fn two_candidates_are_named_with_the_flag() {
    let mut files = Files::good();
    files.rename("x_train.npy", "train_x.npy");
    files.set("train_images.npy", f32s(&[4, 3, 5], &ramp(4)));
    let folder = files.folder();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("train_images.npy, train_x.npy"), "{error}");
    assert!(error.contains("--arrays x_train=NAME"), "{error}");
    let (_, found) = files.problem();
    assert!(matches!(found, DataProblem::Ambiguous { array, .. } if array == "x_train"));

    // The flag decides, and with or without the extension.
    for name in ["train_x.npy", "train_x"] {
        let mut options = DataOptions::new(folder.path());
        let x_train = ArrayName { role: Role::X, part: PartName::Train };
        options.explicit.insert(x_train, name.to_owned());
        let data = Dataset::load(&options, &Silent).unwrap();
        assert!(data.found[0].place.ends_with("/train_x.npy"), "{:?}", data.found[0]);
    }
}

#[test]
fn the_plain_name_wins() {
    for plain in ["x_train.npy", "X_train.npy"] {
        let mut files = Files::good();
        files.rename("x_train.npy", plain);
        for other in ["x_train_mean.npy", "x_train_old.npy", "train_images.npy"] {
            files.set(other, f32s(&[1, 3, 5], &ramp(1)));
        }
        let (notes, folder) = (Notes::default(), files.folder());
        let data = Dataset::load(&DataOptions::new(folder.path()), &notes).unwrap();
        assert_eq!(data.train.x, ramp(4));
        let notes = notes.0.into_inner().unwrap().join("\n");
        assert!(notes.contains("x_train_old.npy") && notes.contains(plain), "{notes}");
    }
}

#[test]
fn one_array_may_serve_two_parts() {
    let folder = Files::good().folder();
    let array = |role, part| ArrayName { role, part };
    let mut options = DataOptions::new(folder.path());
    for (role, file) in [(Role::X, "./x_test.npy"), (Role::Y, "y_test")] {
        options.explicit.insert(array(role, PartName::Val), file.to_owned());
    }
    let notes = Notes::default();
    let data = Dataset::load(&options, &notes).unwrap();
    assert_eq!((data.val.x, data.val.y), (data.test.x, data.test.y));
    let notes = notes.0.into_inner().unwrap();
    for both in ["both x_val and x_test", "both y_val and y_test"] {
        assert!(notes.iter().any(|note| note.contains(both)), "{notes:?}");
    }

    // A flag's array still makes no other array ambiguous.
    let mut files = Files::good();
    files.rename("x_train.npy", "train_x.npy");
    files.set("train_images.npy", f32s(&[2, 3, 5], &ramp(2)));
    let folder = files.folder();
    let mut options = DataOptions::new(folder.path());
    options.explicit.insert(array(Role::X, PartName::Val), "./train_images.npy".to_owned());
    assert_eq!(Dataset::load(&options, &Silent).unwrap().train.x, ramp(4));
}

#[test]
fn explicit_arrays_by_path_and_by_key() {
    let mut files = Files::good();
    files.rename("x_val.npy", "odd.npy");
    let elsewhere = Files::good().folder();
    let x_val = ArrayName { role: Role::X, part: PartName::Val };
    let load_with = |path: &std::path::Path, name: String| {
        let explicit = HashMap::from([(x_val, name)]);
        Dataset::load(&DataOptions { explicit, ..DataOptions::new(path) }, &Silent)
    };
    let folder = files.folder();
    let (_keep, npz) = files.npz(zip::CompressionMethod::Stored);
    let outside = elsewhere.path().join("x_val.npy").display().to_string();
    for (path, name) in [
        (folder.path(), "odd.npy".to_owned()),
        (folder.path(), outside),
        (&npz, "odd".to_owned()),
        (&npz, "odd.npy".to_owned()),
    ] {
        assert_eq!(load_with(path, name).unwrap().val.x, ramp(2));
    }
    for path in [folder.path(), &npz] {
        let (_, found) = problem(load_with(path, "nowhere".to_owned()));
        let DataProblem::NoSuchArray { array, named, found } = found else { panic!("{found:?}") };
        assert_eq!((array.as_str(), named.as_str()), ("x_val", "nowhere"));
        assert_eq!(found.len(), 6);
    }
}

#[test]
fn a_missing_array_lists_what_is_there() {
    let mut files = Files::good();
    files.0.remove("y_val.npy");
    let folder = files.folder();
    let error = load(folder.path()).unwrap_err();
    let text = error.to_string();
    for word in ["y_val", "val_labels", "--arrays y_val=NAME", "x_train.npy", "y_test.npy"] {
        assert!(text.contains(word), "{text}");
    }
    let (name, found) = problem(Err(error));
    assert_eq!(name, folder.path().file_name().unwrap().to_str().unwrap());
    assert!(
        matches!(found, DataProblem::Missing { array, found, .. } if array == "y_val" && found.len() == 5)
    );

    let (_, found) = problem(load(tempfile::tempdir().unwrap().path()));
    assert!(matches!(found, DataProblem::Missing { found, .. } if found.is_empty()));

    // Other arrays hide an npz, which is then named.
    files.0.clear();
    files.set("mean.npy", f32s(&[1], &[0.0]));
    files.set("gtzan.npz", Vec::new());
    let error = files.load().unwrap_err().to_string();
    assert!(error.contains("gtzan.npz: to read"), "{error}");
}

#[test]
fn a_part_that_is_not_asked_for_may_be_missing() {
    let mut files = Files::good();
    for name in ["x_train.npy", "y_train.npy", "x_val.npy"] {
        files.0.remove(name);
    }
    let folder = files.folder();
    let options = DataOptions { parts: vec![PartName::Test], ..DataOptions::new(folder.path()) };
    let data = Dataset::load(&options, &Silent).unwrap();
    assert_eq!(data.test.y, [0, 1]);
    assert!(data.train.is_empty() && data.val.x.is_empty());
}
