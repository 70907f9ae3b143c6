//! Flags that say which data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::train::run_folder::RunFolder;
use crate::train::settings::{Config, Settings};

/// Which data; without --data it is the demo corpus.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Folder of .npy files or an .npz with the three parts
    ///
    /// Arrays are found by the names that people use (X_train, train_labels, y_val,
    /// song_test, …). Samples are [n, mel, frames] or [n, mel, frames, 1]; labels are
    /// integers or one-hot. Without this flag, the demo corpus (synthesised) is used.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,

    /// The arrays are [n, frames, mel]: swap their last two axes
    #[arg(long)]
    transpose: bool,

    /// Names of the classes in the order of their labels
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    class_names: Option<Vec<String>>,

    /// The array of training samples, where its name differs: a file or npz key
    #[arg(long, value_name = "NAME")]
    x_train: Option<String>,
    /// Likewise for training labels
    #[arg(long, value_name = "NAME")]
    y_train: Option<String>,
    /// Likewise for the songs that training samples were cut from
    #[arg(long, value_name = "NAME")]
    song_train: Option<String>,
    /// Likewise for validation samples
    #[arg(long, value_name = "NAME")]
    x_val: Option<String>,
    /// Likewise for validation labels
    #[arg(long, value_name = "NAME")]
    y_val: Option<String>,
    /// Likewise for validation songs
    #[arg(long, value_name = "NAME")]
    song_val: Option<String>,
    /// Likewise for test samples
    #[arg(long, value_name = "NAME")]
    x_test: Option<String>,
    /// Likewise for test labels
    #[arg(long, value_name = "NAME")]
    y_test: Option<String>,
    /// Likewise for test songs
    #[arg(long, value_name = "NAME")]
    song_test: Option<String>,

    /// Folder that keeps the demo corpus [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(super) cache_dir: Option<PathBuf>,
}

impl DataArgs {
    /// Whether the run's own data are meant.
    pub(super) fn is_default(&self) -> bool {
        let Settings { data, arrays, .. } = self.settings();
        data.is_none() && arrays.is_empty()
    }

    /// A finished run's configuration, with these data where others than its own are meant.
    ///
    /// # Errors
    /// If the run's file cannot be read.
    pub(super) fn config_of(&self, run: &RunFolder) -> Result<Config> {
        let mut config = Config::read(&run.config())?;
        let given = self.settings();
        // Those of the arrays, or of the model; never those that the run was given for others.
        config.class_names.clone_from(&given.class_names);
        config.read_from(given);
        Ok(config)
    }

    pub(super) fn settings(&self) -> Settings {
        let arrays = [
            ("x_train", &self.x_train),
            ("y_train", &self.y_train),
            ("song_train", &self.song_train),
            ("x_val", &self.x_val),
            ("y_val", &self.y_val),
            ("song_val", &self.song_val),
            ("x_test", &self.x_test),
            ("y_test", &self.y_test),
            ("song_test", &self.song_test),
        ];
        let given = |(key, name): (&str, &Option<String>)| Some((key.into(), name.clone()?));
        Settings {
            data: self.data.clone(),
            transpose: self.transpose.then_some(true),
            class_names: self.class_names.clone(),
            arrays: arrays.into_iter().filter_map(given).collect::<BTreeMap<_, _>>(),
            ..Settings::default()
        }
    }
}
