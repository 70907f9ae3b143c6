//! What a run is told to do: flags over a config file over the model's recipe
//! over defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::ScaleKind;
use crate::demo;
use crate::device::{Device, Options};
use crate::error::{Error, Result};
use crate::models::{Augment, Recipe, Schedule};
use crate::random::keras::Shuffle;

/// Which weights a run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those of the last epoch, as Keras's `fit` does.
    #[default]
    Last,
    /// Those of the epoch with the lowest validation loss.
    Best,
}

/// What was said, by flags or in a config file: anything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// A built-in model or a path to one.
    pub model: Option<String>,
    /// Where steps run.
    pub device: Option<Device>,
    /// Part of the GPU's name.
    pub adapter: Option<String>,
    /// Folder or npz; none means the demo corpus.
    pub data: Option<PathBuf>,
    /// The arrays are `[n, time, mel]`.
    pub transpose: Option<bool>,
    /// The classes' names, by label.
    pub class_names: Option<Vec<String>>,
    /// Arrays chosen by hand: `x_train = "mine.npy"`.
    pub arrays: BTreeMap<String, String>,
    /// How inputs are scaled.
    pub scale: Option<ScaleKind>,
    /// Seed of weights and orders.
    pub seed: Option<u32>,
    /// Whose order of samples.
    pub shuffle: Option<Shuffle>,
    /// Passes over the training set.
    pub epochs: Option<usize>,
    /// Samples per step.
    pub batch_size: Option<usize>,
    /// Step size.
    pub learning_rate: Option<f32>,
    /// Share of the velocity that is kept.
    pub momentum: Option<f32>,
    /// Whether weights go where the velocity would take them next.
    pub nesterov: Option<bool>,
    /// How the step size goes from epoch to epoch.
    pub schedule: Option<Schedule>,
    /// How training samples are varied.
    pub augment: Option<Augment>,
    /// CPU threads; 0 or none means one for each core.
    pub threads: Option<usize>,
    /// Which weights to end with.
    pub keep: Option<Keep>,
}

/// What a run does: every choice made. Written to the run's `config.toml`,
/// which is itself a config file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A built-in model or a path to one.
    pub model: String,
    /// Where steps run.
    pub device: Device,
    /// Part of the GPU's name, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Folder or npz; none means the demo corpus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// The arrays are `[n, time, mel]`.
    pub transpose: bool,
    /// The classes' names, by label, where they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    /// How inputs are scaled.
    pub scale: ScaleKind,
    /// Seed of weights and orders.
    pub seed: u32,
    /// Whose order of samples.
    pub shuffle: Shuffle,
    /// Passes over the training set.
    pub epochs: usize,
    /// Samples per step.
    pub batch_size: usize,
    /// Step size.
    pub learning_rate: f32,
    /// Share of the velocity that is kept.
    pub momentum: f32,
    /// Whether weights go where the velocity would take them next.
    #[serde(default)]
    pub nesterov: bool,
    /// How the step size goes from epoch to epoch.
    #[serde(default)]
    pub schedule: Schedule,
    /// How training samples are varied.
    #[serde(default)]
    pub augment: Augment,
    /// CPU threads; 0 means one for each core. Changes no result.
    pub threads: usize,
    /// Which weights to end with.
    pub keep: Keep,
    /// Arrays chosen by hand. Last, because TOML wants tables after values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arrays: BTreeMap<String, String>,
}

impl Settings {
    /// Reads a config file.
    ///
    /// # Errors
    /// If it cannot be read or a key is unknown.
    pub fn read(path: &Path) -> Result<Self> {
        read_toml(path)
    }

    /// These settings, and where they say nothing those.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut arrays = other.arrays;
        // Another device has other adapters.
        let moved = self.device.is_some_and(|device| other.device.is_some_and(|o| o != device));
        let adapter = if moved { None } else { other.adapter };
        arrays.extend(self.arrays);
        Self {
            model: self.model.or(other.model),
            device: self.device.or(other.device),
            adapter: self.adapter.or(adapter),
            data: self.data.or(other.data),
            transpose: self.transpose.or(other.transpose),
            class_names: self.class_names.or(other.class_names),
            arrays,
            scale: self.scale.or(other.scale),
            seed: self.seed.or(other.seed),
            shuffle: self.shuffle.or(other.shuffle),
            epochs: self.epochs.or(other.epochs),
            batch_size: self.batch_size.or(other.batch_size),
            learning_rate: self.learning_rate.or(other.learning_rate),
            momentum: self.momentum.or(other.momentum),
            nesterov: self.nesterov.or(other.nesterov),
            schedule: self.schedule.or(other.schedule),
            augment: self.augment.or(other.augment),
            threads: self.threads.or(other.threads),
            keep: self.keep.or(other.keep),
        }
    }

    /// Decides what is still open, by the model's recipe, then by the assignment's choices.
    ///
    /// # Errors
    /// If a number is outside its range.
    pub fn resolve(self, recipe: Recipe) -> Result<Config> {
        let config = Config {
            model: self.model.unwrap_or_else(|| "p1".into()),
            device: self.device.unwrap_or_default(),
            adapter: self.adapter,
            data: self.data,
            transpose: self.transpose.unwrap_or(false),
            class_names: self.class_names,
            scale: self.scale.unwrap_or_default(),
            seed: self.seed.unwrap_or(42),
            shuffle: self.shuffle.unwrap_or_default(),
            epochs: self.epochs.or(recipe.epochs).unwrap_or(20),
            batch_size: self.batch_size.or(recipe.batch_size).unwrap_or(32),
            learning_rate: self.learning_rate.or(recipe.learning_rate).unwrap_or(0.01),
            momentum: self.momentum.or(recipe.momentum).unwrap_or(0.0),
            nesterov: self.nesterov.or(recipe.nesterov).unwrap_or(false),
            schedule: self.schedule.or(recipe.schedule).unwrap_or_default(),
            augment: self.augment.or(recipe.augment).unwrap_or_default(),
            threads: self.threads.unwrap_or(0),
            keep: self.keep.unwrap_or_default(),
            arrays: self.arrays,
        };
        config.check()?;
        Ok(config)
    }
}

impl Config {
    /// Reads a run's effective configuration.
    ///
    /// # Errors
    /// If it cannot be read or is not one.
    pub fn read(path: &Path) -> Result<Self> {
        let config: Self = read_toml(path)?;
        config.check()?;
        Ok(config)
    }

    /// The same with paths that hold from any folder.
    #[must_use]
    pub fn anchored(mut self) -> Self {
        let anchor = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        self.data = self.data.map(anchor);
        if Path::new(&self.model).extension().is_some() {
            self.model = anchor(self.model.into()).to_string_lossy().into_owned();
        }
        self
    }

    /// As `config.toml`.
    pub fn to_toml(&self) -> String {
        let head = match self.data {
            Some(_) => String::new(),
            None => format!("# data: {}\n", demo::SOURCE),
        };
        // Plain values and one table of strings, checked: nothing that TOML lacks.
        head + &toml::to_string(self).unwrap_or_default()
    }

    /// What the device is told.
    pub fn device_options(&self) -> Options<'_> {
        Options { threads: self.threads, adapter: self.adapter.as_deref() }
    }

    /// Runs elsewhere than the run did. Another device has other adapters.
    pub fn run_on(&mut self, device: Option<Device>, adapter: Option<String>) {
        if let Some(device) = device.filter(|device| *device != self.device) {
            (self.device, self.adapter) = (device, None);
        }
        self.adapter = adapter.or(self.adapter.take());
    }

    /// Takes the data from elsewhere, or only some of its arrays.
    pub fn read_from(&mut self, given: Settings) {
        if given.data.is_some() {
            self.data = given.data;
            self.arrays = given.arrays;
            self.transpose = given.transpose.unwrap_or(false);
        } else {
            self.arrays.extend(given.arrays);
            self.transpose = given.transpose.unwrap_or(self.transpose);
        }
    }

    /// Looks at what types cannot say.
    ///
    /// # Errors
    /// If a number is outside its range, or arrays are chosen without data.
    pub fn check(&self) -> Result<()> {
        // TOML's integers end at 63 bits.
        let counts = [("epochs", self.epochs), ("batch-size", self.batch_size)];
        let sane = |value: &usize| (1..=u32::MAX as usize).contains(value);
        if let Some((name, value)) = counts.into_iter().find(|(_, value)| !sane(value)) {
            let found = value.to_string();
            return Err(Error::Setting { name, expected: "1 to 4294967295", found });
        }
        // Text is all that config.toml can hold.
        if let Some(path) = self.data.as_ref().filter(|path| path.to_str().is_none()) {
            let (expected, found) = ("a path of valid UTF-8", path.display().to_string());
            return Err(Error::Setting { name: "data", expected, found });
        }
        let names = self.class_names.as_deref().unwrap_or_default();
        let twice = |(i, name): (usize, &String)| name.is_empty() || names[..i].contains(name);
        if names.iter().enumerate().any(twice) {
            let (expected, found) = ("names, each another", names.join(","));
            return Err(Error::Setting { name: "class-names", expected, found });
        }
        if let (Device::Cpu, Some(adapter)) = (self.device, &self.adapter) {
            let (expected, found) = ("--device gpu to go with it", format!("{adapter} alone"));
            return Err(Error::Setting { name: "adapter", expected, found });
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let found = self.learning_rate.to_string();
            return Err(Error::Setting { name: "learning-rate", expected: "more than 0", found });
        }
        if !(0.0..1.0).contains(&self.momentum) {
            let (expected, found) = ("at least 0 and below 1", self.momentum.to_string());
            return Err(Error::Setting { name: "momentum", expected, found });
        }
        // The demo corpus has arrays and names of its own.
        let chosen = match (&self.data, self.arrays.keys().next(), &self.class_names) {
            (Some(_), ..) => None,
            (None, Some(array), _) => Some(format!("--{}", array.replace('_', "-"))),
            (None, None, Some(_)) => Some("--class-names".into()),
            (None, None, None) => self.transpose.then(|| "--transpose".into()),
        };
        if let Some(chosen) = chosen {
            let (expected, found) = ("a PATH to go with it", format!("{chosen} alone"));
            return Err(Error::Setting { name: "data", expected, found });
        }
        Ok(())
    }
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
    toml::from_str(&text)
        .map_err(|e| Error::Config { path: path.to_path_buf(), problem: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_the_file_before_the_recipe_before_the_defaults() {
        let flags = Settings { epochs: Some(3), ..Settings::default() };
        let file = Settings { epochs: Some(4), batch_size: Some(8), ..Settings::default() };
        let recipe = Recipe { batch_size: Some(16), momentum: Some(0.5), ..Recipe::default() };
        let config = flags.or(file).resolve(recipe).unwrap();
        assert_eq!((config.epochs, config.batch_size), (3, 8));
        assert_eq!((config.momentum, config.learning_rate, config.seed), (0.5, 0.01, 42));
    }

    #[test]
    fn another_device_leaves_the_files_adapter_behind() {
        let file = Settings {
            device: Some(Device::Gpu),
            adapter: Some("nvidia".into()),
            ..Settings::default()
        };
        let flags = Settings { device: Some(Device::Cpu), ..Settings::default() };
        let config = flags.or(file.clone()).resolve(Recipe::default()).unwrap();
        assert_eq!((config.device, config.adapter), (Device::Cpu, None));
        let config = Settings::default().or(file).resolve(Recipe::default()).unwrap();
        assert_eq!(config.adapter.as_deref(), Some("nvidia"));
    }

    #[test]
    fn the_effective_configuration_is_itself_a_config_file() {
        let arrays = BTreeMap::from([("x_train".to_owned(), "mine.npy".to_owned())]);
        let data = Some("arrays.npz".into());
        let settings = Settings { arrays, data, learning_rate: Some(0.3), ..Settings::default() };
        let config = settings.resolve(Recipe::default()).unwrap();
        let read: Settings = toml::from_str(&config.to_toml()).unwrap();
        assert_eq!(read.resolve(Recipe::default()).unwrap(), config);
        assert_eq!(toml::from_str::<Config>(&config.to_toml()).unwrap(), config);
    }

    #[test]
    fn numbers_out_of_range_and_arrays_without_data_are_refused() {
        for settings in [
            Settings { epochs: Some(0), ..Settings::default() },
            Settings { batch_size: Some(0), ..Settings::default() },
            Settings { learning_rate: Some(f32::NAN), ..Settings::default() },
            Settings { learning_rate: Some(-0.1), ..Settings::default() },
            Settings { momentum: Some(1.0), ..Settings::default() },
            Settings { transpose: Some(true), ..Settings::default() },
            Settings {
                arrays: [("x_train".into(), "mine.npy".into())].into(),
                ..Settings::default()
            },
        ] {
            let error = settings.clone().resolve(Recipe::default());
            assert!(matches!(error, Err(Error::Setting { .. })), "{settings:?}");
        }
    }
}
