//! Flags for the data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::data::{ArrayName, Split};
use crate::error::Result;
use crate::train::run_folder::RunFolder;
use crate::train::settings::{Config, Settings};

/// The data; without --data it is the demo corpus.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Folder of .npy files or .npz [default: demo corpus]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,

    /// Arrays are [n, frames, mel]: swap the last axes
    #[arg(long)]
    transpose: bool,

    /// Class names in the order of the labels
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    class_names: Option<Vec<String>>,

    /// Names of arrays, such as x_train=a.npy,y_val=labels
    #[arg(long, value_name = "LIST", value_parser = arrays)]
    arrays: Option<BTreeMap<String, String>>,

    /// Split one x and y here: song (by song ids), sample; song:7 for another seed
    #[arg(long, value_name = "HOW")]
    split: Option<Split>,

    #[command(flatten)]
    pub(super) cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(super) struct CacheArgs {
    /// Folder of the demo corpus [default: user's cache]
    #[arg(long, value_name = "DIR", env = "GENRE_GPU_CACHE", hide_env = true,
          value_parser = cache_dir())]
    pub(super) cache_dir: Option<PathBuf>,
}

/// Any path but an empty one, which a variable that is set to nothing gives.
fn cache_dir() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|text| match text.is_empty() {
        true => Err("it is empty: give a folder, or unset GENRE_GPU_CACHE"),
        false => Ok(PathBuf::from(text)),
    })
}

/// `x_train=NAME,y_train=NAME`.
fn arrays(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for pair in text.split(',') {
        let (array, name) = pair.split_once('=').unwrap_or((pair, ""));
        if name.is_empty() || ArrayName::of_key(array).is_none() {
            return Err(format!(
                "expected ARRAY=NAME, comma-separated, where ARRAY is x_train, y_train, song_train \
                 or the same with val or test (with --split also x, y, song), found \"{pair}\""
            ));
        }
        if found.insert(array.to_owned(), name.to_owned()).is_some() {
            return Err(format!("{array} is given twice"));
        }
    }
    Ok(found)
}

impl DataArgs {
    /// The path that was given.
    pub(super) fn path(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// Whether the run's own data are used.
    pub(super) fn is_default(&self) -> bool {
        self.data.is_none() && self.arrays.is_none() && self.split.is_none()
    }

    /// A finished run's configuration, with other data where flags name them.
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
        Settings {
            data: self.data.clone(),
            transpose: self.transpose.then_some(true),
            class_names: self.class_names.clone(),
            split: self.split,
            arrays: self.arrays.clone().unwrap_or_default(),
            ..Settings::default()
        }
    }
}
