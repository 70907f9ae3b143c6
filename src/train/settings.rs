//! The settings of a run, defined once: the fields of [`Settings`] (flags and config files),
//! [`Recipe`] (the `[train]` table of a model file) and [`Config`] (a run's effective settings) come
//! from one table. Layers override each other: defaults < recipe < config file < flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audio::FrontEndSpec;
use crate::backend::Loss;
use crate::data::{DEMO_SOURCE, Fold, GroupBy, ScaleKind, Split};
#[cfg(feature = "gpu")]
use crate::device;
use crate::device::{Device, MOST_THREADS, Options};
use crate::error::{Error, Result};
use crate::files::read_settings;
use crate::models::{Augment, ClassWeights, EarlyStopping, Model, OptimizerName, Schedule};
use crate::random::keras::Shuffle;
use crate::text::{shell, toml_problem};

/// Which weights a run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointSelection {
    /// Those of the last epoch, as Keras's `fit` does.
    #[default]
    Last,
    /// Those of the epoch with the lowest validation loss.
    Best,
}

/// Defines [`Settings`], [`Recipe`] and [`Config`] from one table of rows
///
/// ```text
/// /// Help of the flag.
/// [attributes of the flag] name: Type = default, #[serde attribute in config.toml];
/// ```
///
/// A row without a default stays an `Option` in [`Config`]. Rows under `recipe` may also be set by a
/// model file. The order of rows is that of the keys in `config.toml`.
macro_rules! settings {
    (run { $($first:tt)* } recipe { $($recipe:tt)* } run { $($last:tt)* }) => {
        settings!(@settings $($first)* $($recipe)* $($last)*);
        settings!(@config $($first)* $($recipe)* $($last)*);
        settings!(@recipe $($recipe)*);
    };
    (@settings $($(#[doc = $doc:expr])* [$($flag:tt)*] $name:ident: $type:ty
        $(= $default:expr)? $(, #[$file:meta])?;)*
    ) => {
        /// Settings as given by flags or by a config file: any may be absent.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[cfg_attr(feature = "cli", derive(clap::Args))]
        #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
        pub struct Settings {
            $($(#[doc = $doc])*
            #[cfg_attr(feature = "cli", arg($($flag)*))]
            pub $name: Option<$type>,)*
            /// Names of arrays that differ from the usual ones: `x_train = "mine.npy"`.
            #[cfg_attr(feature = "cli", arg(skip))]
            pub arrays: BTreeMap<String, String>,
        }

        impl Settings {
            /// These settings; those that are absent are taken from `other`.
            #[must_use]
            pub fn or(self, mut other: Self) -> Self {
                // Another device has other adapters and tiles.
                if self.device.is_some() && other.device.is_some() && self.device != other.device {
                    (other.adapter, other.tiles) = (None, None);
                }
                if let Some(optimizer) = self.optimizer {
                    other.keep_only_for(optimizer);
                }
                let mut arrays = other.arrays;
                arrays.extend(self.arrays);
                Self { $($name: self.$name.or(other.$name),)* arrays }
            }

            /// The effective settings: those that are absent are taken from the model's recipe,
            /// then from the defaults.
            ///
            /// # Errors
            /// If a number is outside its range.
            pub fn resolve(self, recipe: Recipe) -> Result<Config> {
                let mut settings = self.or(recipe.into());
                settings.complete();
                let chosen = settings.keep;
                let mut config = Config {
                    $($name: settings!(@value settings.$name, $($default)?),)*
                    arrays: settings.arrays,
                };
                if config.early_stopping != EarlyStopping::None {
                    config.keep = chosen.unwrap_or(CheckpointSelection::Best);
                }
                config.check()?;
                Ok(config)
            }
        }
    };
    (@config $($(#[doc = $doc:expr])* [$($flag:tt)*] $name:ident: $type:ty
        $(= $default:expr)? $(, #[$file:meta])?;)*
    ) => {
        /// Effective settings of a run. Written to the run's `config.toml`, which is itself a
        /// config file.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Config {
            $($(#[doc = $doc])*
            $(#[$file])?
            pub $name: settings!(@type $type, $($default)?),)*
            /// Names of arrays that differ from the usual ones. Last, because TOML wants tables
            /// after values.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub arrays: BTreeMap<String, String>,
        }
    };
    (@recipe $($(#[doc = $doc:expr])* [$($flag:tt)*] $name:ident: $type:ty
        $(= $default:expr)? $(, #[$file:meta])?;)*
    ) => {
        /// Settings that a model file may carry in its table `[train]`.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Recipe {
            $($(#[doc = $doc])*
            pub $name: Option<$type>,)*
        }

        impl From<Recipe> for Settings {
            fn from(recipe: Recipe) -> Self {
                Self { $($name: recipe.$name,)* ..Self::default() }
            }
        }
    };
    (@value $given:expr, ) => { $given };
    (@value $given:expr, $default:expr) => { $given.unwrap_or_else(|| $default) };
    (@type $type:ty, ) => { Option<$type> };
    (@type $type:ty, $default:expr) => { $type };
}

settings! {
    run {
        /// Built-in model (see genre-gpu models) or .toml file [default: p1]
        [long, value_name = "MODEL", conflicts_with = "resume"]
        model: String = "p1".into();

        // The command line has the rows with `skip`, and the names of arrays, from flags that
        // commands that do not train have too.
        /// Where the network runs
        [skip]
        device: Device = Device::default();

        /// Part of the GPU's name, interface, driver or kind
        [skip]
        adapter: String, #[serde(skip_serializing_if = "Option::is_none")];

        /// Folder or npz of the arrays; absent means the demo corpus
        [skip]
        data: PathBuf, #[serde(skip_serializing_if = "Option::is_none")];

        /// Whether the arrays are `[n, frames, mel]`
        [skip]
        transpose: bool = false;

        /// Names of the classes in the order of their labels
        [skip]
        class_names: Vec<String>, #[serde(skip_serializing_if = "Option::is_none")];

        /// How one array of samples without parts is divided
        [skip]
        split: Split, #[serde(skip_serializing_if = "Option::is_none")];

        /// Which fold of the pooled parts is held out, in runs of `compare --folds`
        [skip]
        fold: Fold, #[serde(skip_serializing_if = "Option::is_none")];

        /// Front end of the arrays, for axes in Hz and seconds: see --help
        [long, value_name = "NAME,...", hide_short_help = true]
        front_end: FrontEndSpec, #[serde(skip_serializing_if = "Option::is_none")];

        /// Input scaling [default: standard]
        [
            long, value_name = "SCALE", conflicts_with = "resume",
            value_parser = words::<ScaleKind, 3>(["standard", "minmax", "none"]),
        ]
        scale: ScaleKind = ScaleKind::default();

        /// Seed of keras.utils.set_random_seed [default: 42]
        [long, value_name = "N", conflicts_with = "resume"]
        seed: u32 = 42;

        /// Shuffle each epoch (keras2) or once (keras3) [default: keras2]
        [
            long, value_name = "MODE", conflicts_with = "resume", hide_possible_values = true,
            value_parser = words::<Shuffle, 2>(["keras2", "keras3"]),
        ]
        shuffle: Shuffle = Shuffle::default();
    }
    recipe {
        /// Epochs [default: the model's, p1: 20]
        [long, value_name = "N", value_parser = count]
        epochs: usize = 20;

        /// Batch size [default: the model's, p1: 32]
        [long, value_name = "N", conflicts_with = "resume", value_parser = count]
        batch_size: usize = 32;

        /// Learning rate [default: the model's, p1: 0.01]
        [long, value_name = "RATE", conflicts_with = "resume"]
        learning_rate: f32 = 0.01;

        /// Momentum [default: the model's, p1: 0]
        [long, value_name = "SHARE", conflicts_with = "resume", value_parser = or_none::<f32>]
        momentum: f32 = 0.0;

        /// Use Nesterov momentum (=false: without it)
        [
            long, value_name = "BOOL", conflicts_with = "resume", hide_possible_values = true,
            num_args = 0..=1, require_equals = true, default_missing_value = "true",
        ]
        nesterov: bool = false, #[serde(default)];

        /// sgd, adam or adamw [default: the model's]
        [
            long, value_name = "NAME", conflicts_with = "resume", hide_possible_values = true,
            value_parser = words::<OptimizerName, 3>(["sgd", "adam", "adamw"]),
        ]
        optimizer: OptimizerName = OptimizerName::default(), #[serde(default)];

        /// Share of each weight that a step takes away, times the rate [default: 0; adamw: 0.004]
        [
            long, value_name = "SHARE", conflicts_with = "resume", hide_short_help = true,
            value_parser = or_none::<f64>,
        ]
        weight_decay: f64, #[serde(skip_serializing_if = "Option::is_none")];

        /// Largest norm of all gradients; none (in files 0) is off, as with all such flags
        /// [default: none]
        [
            long, value_name = "NORM", conflicts_with = "resume", hide_short_help = true,
            value_parser = or_none::<f64>,
        ]
        clip_norm: f64, #[serde(skip_serializing_if = "Option::is_none")];

        /// Decay of Adam's first moment [default: 0.9]
        [long, value_name = "SHARE", conflicts_with = "resume", hide_short_help = true]
        beta_1: f64, #[serde(skip_serializing_if = "Option::is_none")];

        /// Decay of Adam's second moment [default: 0.999]
        [long, value_name = "SHARE", conflicts_with = "resume", hide_short_help = true]
        beta_2: f64, #[serde(skip_serializing_if = "Option::is_none")];

        /// Adam's epsilon, beside the root [default: 1e-7]
        [long, value_name = "NUMBER", conflicts_with = "resume", hide_short_help = true]
        epsilon: f64, #[serde(skip_serializing_if = "Option::is_none")];

        /// Learning rate by epoch: constant, cosine, step:N:F or plateau:N:F (every N epochs, or
        /// after N without a lower validation loss, times F) [default: the model's]
        [long, value_name = "SCHEDULE", conflicts_with = "resume"]
        schedule: Schedule = Schedule::default(), #[serde(default)];

        /// Epochs of a linear rise of the rate from 0
        [
            long, value_name = "EPOCHS", conflicts_with = "resume", hide_short_help = true,
            value_parser = or_none::<f32>,
        ]
        warmup: f32 = 0.0, #[serde(default)];

        /// Stop after N epochs without a lower validation loss, keep the best (N:D: lower by over D)
        [long, value_name = "N", conflicts_with = "resume", hide_short_help = true]
        early_stopping: EarlyStopping = EarlyStopping::default(), #[serde(default)];

        /// Share of a label spread over all classes
        [
            long, value_name = "S", conflicts_with = "resume", hide_short_help = true,
            value_parser = or_none::<f32>,
        ]
        label_smoothing: f32 = 0.0, #[serde(default)];

        /// Weights of classes in training: balanced, 1,2,... by label, or rock=2,metal=1.5
        [long, value_name = "LIST", conflicts_with = "resume", hide_short_help = true]
        class_weights: ClassWeights = ClassWeights::default(), #[serde(default)];

        /// Augmentation: none, or a list of bands=SHARE, frames=SHARE (masks), roll (in time),
        /// gain=DB (level) [default: the model's]
        [long, value_name = "LIST", conflicts_with = "resume"]
        augment: Augment = Augment::default(), #[serde(default)];
    }
    run {
        /// CPU threads
        [skip]
        threads: usize = 0;

        /// Keep the last epoch's weights, or those of the best validation loss [default: last]
        [
            long, value_name = "WHICH", conflicts_with = "resume", hide_possible_values = true,
            value_parser = words::<CheckpointSelection, 2>(["last", "best"]),
        ]
        keep: CheckpointSelection = CheckpointSelection::default();

        /// GPU tiles: wide, narrow, small or tune's line
        [long, value_name = "TILES", conflicts_with = "resume", hide_short_help = true]
        tiles: String, #[serde(skip_serializing_if = "Option::is_none")];
    }
}

/// Parses a flag whose values are the words that config files use for `T`.
#[cfg(feature = "cli")]
pub(crate) fn words<T, const N: usize>(
    words: [&'static str; N],
) -> impl clap::builder::TypedValueParser<Value = T>
where
    T: serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
{
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    use serde::de::{IntoDeserializer, value::Error};
    PossibleValuesParser::new(words)
        .try_map(|word| T::deserialize(IntoDeserializer::<Error>::into_deserializer(word)))
}

/// A number that does nothing where it is 0, which is also written `none`, as lists are that do nothing.
#[cfg(feature = "cli")]
pub(crate) fn or_none<T: std::str::FromStr + Default>(
    text: &str,
) -> std::result::Result<T, String> {
    match text {
        "none" => Ok(T::default()),
        _ => text.parse().map_err(|_| "expected a number, or none".into()),
    }
}

/// A number of epochs or samples. The range is that of [`Config::check`], whatever they come from.
#[cfg(feature = "cli")]
pub(crate) fn count(text: &str) -> std::result::Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number from 1 to 4294967295".into())
}

/// The model that a config file names: of one that is not built in, the file of its name beside the config
/// file, if there is one.
fn beside(config: &Path, model: String) -> String {
    if Model::is_built_in(&model) || model.contains(['/', '\\', '.']) {
        return model;
    }
    let file = config.with_file_name(format!("{model}.toml"));
    let file = std::path::absolute(&file).unwrap_or(file);
    if file.is_file() { file.to_string_lossy().into_owned() } else { model }
}

impl Settings {
    /// Reads a config file.
    ///
    /// # Errors
    /// If it cannot be read or a key is unknown.
    pub fn read(path: &Path) -> Result<Self> {
        let mut settings: Self = toml::from_str(&read_settings(path)?)
            .map_err(|e| Error::Config { path: path.to_path_buf(), problem: toml_problem(&e) })?;
        settings.model = settings.model.map(|model| beside(path, model));
        Ok(settings)
    }
}

impl Recipe {
    /// The recipe in a model's file.
    ///
    /// # Errors
    /// If a key is unknown, or no setting that a model may carry.
    pub fn of(model: &Model) -> Result<Self> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            train: Recipe,
        }
        // The whole text, so that the error names the line.
        let file: File = toml::from_str(&model.text)
            .map_err(|e| Error::Model { model: model.name.clone(), problem: toml_problem(&e) })?;
        Ok(file.train)
    }
}

impl Config {
    /// Reads a run's effective configuration.
    ///
    /// # Errors
    /// If it cannot be read or is not one.
    pub fn read(path: &Path) -> Result<Self> {
        let mut config: Self = toml::from_str(&read_settings(path)?)
            .map_err(|e| Error::Run { path: path.to_path_buf(), problem: toml_problem(&e) })?;
        config.check()?;
        config.model = beside(path, config.model);
        Ok(config)
    }

    /// The same with absolute paths.
    #[must_use]
    pub fn anchored(mut self) -> Self {
        let anchor = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        self.data = self.data.map(anchor);
        if let Some(Fold { by: GroupBy::File(path), .. }) = &mut self.fold {
            *path = anchor(std::mem::take(path));
        }
        if Path::new(&self.model).extension().is_some() {
            self.model = anchor(self.model.into()).to_string_lossy().into_owned();
        }
        self
    }

    /// The same with tiles as a run writes them, whatever the order of their parts.
    #[must_use]
    pub(super) fn normal(self) -> Self {
        #[cfg(feature = "gpu")]
        if let Ok(Some(tiles)) = device::tiles(self.tiles.as_deref()) {
            return Self { tiles: Some(tiles.to_string()), ..self };
        }
        self
    }

    /// As `config.toml`.
    pub fn to_toml(&self) -> String {
        let head = match self.data {
            Some(_) => String::new(),
            None => format!("# data: {DEMO_SOURCE}\n"),
        };
        // Plain values and one table of strings, checked: nothing that TOML lacks.
        head + &toml::to_string(self).unwrap_or_default()
    }

    /// The settings that a run keeps from its first step to its last, as text by key. The others may be
    /// changed by --resume, or are bound by the hashes of data and network.
    pub fn binding(&self) -> BTreeMap<String, String> {
        const FREE: [&str; 10] = [
            "model",
            "device",
            "adapter",
            "data",
            "transpose",
            "front-end",
            "epochs",
            "threads",
            "tiles",
            "arrays",
        ];
        let table = self.table();
        let bound = table.into_iter().filter(|(key, _)| !FREE.contains(&key.as_str()));
        bound.map(|(key, value)| (key, value.to_string())).collect()
    }

    /// Its keys and values as `config.toml` has them: 0.005, not the double next to it.
    pub(super) fn table(&self) -> toml::Table {
        // It is what was just written.
        self.to_toml().parse().unwrap_or_default()
    }

    /// Whether validation decides anything in a run. A fold's run then needs a validation part of its
    /// own, since the held-out fold may only be measured.
    pub fn chooses_by_validation(&self) -> bool {
        self.keep == CheckpointSelection::Best || self.schedule.depends_on_losses()
    }

    /// The loss that the settings ask for with these labels of the training set.
    ///
    /// # Errors
    /// If the weights of classes do not fit the classes.
    pub fn loss(&self, labels: &[u32], classes: &[String]) -> Result<Loss> {
        let weights = self.class_weights.weights(labels, classes);
        let class_weights = weights.map_err(|[expected, found]| Error::Mismatch {
            what: "--class-weights",
            expected,
            found,
        })?;
        Ok(Loss { label_smoothing: self.label_smoothing, class_weights })
    }

    /// The flags of `train` that make these settings of others, each behind a space; without the number of
    /// threads, which changes no result.
    pub fn flags_beside(&self, others: &Self) -> String {
        let known = others.table();
        let mut flags = String::new();
        for (key, value) in self.table() {
            if known.get(&key) == Some(&value) || key == "threads" {
                continue;
            }
            let text = match &value {
                toml::Value::Boolean(true) => {
                    flags += &format!(" --{key}");
                    continue;
                }
                // No flag unsets another, and another optimiser leaves Nesterov momentum behind.
                toml::Value::Boolean(false) if key == "nesterov" && !self.optimizer.is_adam() => {
                    flags += " --nesterov=false";
                    continue;
                }
                toml::Value::Boolean(false) => continue,
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(all) => {
                    let words: Vec<&str> = all.iter().filter_map(toml::Value::as_str).collect();
                    words.join(",")
                }
                toml::Value::Table(all) => {
                    let pair = |(name, value): (&String, &toml::Value)| {
                        format!("{name}={}", value.as_str().unwrap_or_default())
                    };
                    all.iter().map(pair).collect::<Vec<_>>().join(",")
                }
                other => other.to_string(),
            };
            flags += &format!(" --{key} {}", shell(&text));
        }
        flags
    }

    /// Options of the device.
    pub fn device_options(&self) -> Options<'_> {
        Options {
            threads: self.threads,
            adapter: self.adapter.as_deref(),
            tiles: self.tiles.as_deref(),
        }
    }

    /// Changes device and adapter. Another device has other adapters and tiles, another adapter other tiles.
    pub fn run_on(&mut self, device: Option<Device>, adapter: Option<String>) {
        if let Some(device) = device.filter(|device| *device != self.device) {
            (self.device, self.adapter, self.tiles) = (device, None, None);
        }
        if let Some(adapter) = adapter.filter(|adapter| self.adapter.as_ref() != Some(adapter)) {
            (self.adapter, self.tiles) = (Some(adapter), None);
        }
    }

    /// Replaces the data, or the names of some arrays.
    pub fn read_from(&mut self, given: Settings) {
        if given.data.is_some() {
            self.data = given.data;
            self.arrays = given.arrays;
            self.transpose = given.transpose.unwrap_or(false);
            self.split = given.split;
            self.fold = None;
            self.front_end = given.front_end;
        } else {
            self.front_end = given.front_end.or(self.front_end.take());
            self.split = given.split.or(self.split);
            self.arrays.extend(given.arrays);
            self.transpose = given.transpose.unwrap_or(self.transpose);
        }
    }

    /// Checks what types do not express.
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
        if self.threads > MOST_THREADS {
            let (expected, found) =
                ("at most 1024, and 0 for one per core", self.threads.to_string());
            return Err(Error::Setting { name: "threads", expected, found });
        }
        // Text is all that config.toml can hold.
        if let Some(path) = self.data.as_ref().filter(|path| path.to_str().is_none()) {
            let (expected, found) = ("a path of valid UTF-8", path.display().to_string());
            return Err(Error::Setting { name: "data", expected, found });
        }
        let names = self.class_names.as_deref().unwrap_or_default();
        let twice = |(i, name): (usize, &String)| name.is_empty() || names[..i].contains(name);
        if names.iter().enumerate().any(twice) {
            let (expected, found) = ("different names", names.join(","));
            return Err(Error::Setting { name: "class-names", expected, found });
        }
        if let (Device::Cpu, Some(adapter)) = (self.device, &self.adapter) {
            let (expected, found) = ("--device gpu with it", format!("{adapter} alone"));
            return Err(Error::Setting { name: "adapter", expected, found });
        }
        if let (Device::Cpu, Some(tiles)) = (self.device, &self.tiles) {
            let (expected, found) = ("--device gpu with it", format!("{tiles} alone"));
            return Err(Error::Setting { name: "tiles", expected, found });
        }
        #[cfg(feature = "gpu")]
        device::tiles(self.tiles.as_deref())?;
        self.check_optimizer()?;
        if self.chooses_by_validation() && self.fold.as_ref().is_some_and(|fold| !fold.validates) {
            let (name, found) = match (self.early_stopping, self.keep) {
                (EarlyStopping::After { .. }, _) => {
                    ("early-stopping", self.early_stopping.to_string())
                }
                (EarlyStopping::None, CheckpointSelection::Best) => ("keep", "best".into()),
                (EarlyStopping::None, CheckpointSelection::Last) => {
                    ("schedule", self.schedule.to_string())
                }
            };
            let expected = "nothing that chooses by validation in a fold without a part for it (those of compare \
                            --folds with such a setting have one)";
            return Err(Error::Setting { name, expected, found });
        }
        if !(0.0..=self.epochs as f32).contains(&self.warmup) {
            let (expected, found) = ("0 to the number of epochs", self.warmup.to_string());
            return Err(Error::Setting { name: "warmup", expected, found });
        }
        let share = self.label_smoothing;
        if !(0.0..1.0).contains(&share) {
            let (expected, found) = ("at least 0 and below 1", share.to_string());
            return Err(Error::Setting { name: "label-smoothing", expected, found });
        }
        if self.early_stopping != EarlyStopping::None && self.keep == CheckpointSelection::Last {
            let expected = "best, which is what early stopping keeps, or early-stopping = none";
            return Err(Error::Setting { name: "keep", expected, found: "last".into() });
        }
        // The demo corpus has arrays, names and a front end of its own.
        let chosen = [
            ("--arrays", !self.arrays.is_empty()),
            ("--class-names", self.class_names.is_some()),
            ("--transpose", self.transpose),
            ("--split", self.split.is_some()),
            ("--front-end", self.front_end.is_some()),
        ];
        if let (None, Some((flag, _))) = (&self.data, chosen.iter().find(|(_, given)| *given)) {
            let (expected, found) = ("a PATH with it", format!("{flag} alone"));
            return Err(Error::Setting { name: "data", expected, found });
        }
        Ok(())
    }
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

    fn recipe(train: &str) -> Result<Recipe> {
        let text = format!("{train}\n[[node]]\nname = \"softmax\"\nop = \"softmax\"\n");
        Recipe::of(&Model::parse("mine", &text).unwrap())
    }

    #[test]
    fn a_recipe_sets_only_what_a_model_may_set() {
        let train = "[train]\nepochs = 3\nbatch_size = 8\nschedule = \"cosine\"";
        let (epochs, batch_size, schedule) = (Some(3), Some(8), Some(Schedule::Cosine));
        let expected = Recipe { epochs, batch_size, schedule, ..Recipe::default() };
        assert_eq!(recipe(train).unwrap(), expected);
        assert_eq!(recipe("").unwrap(), Recipe::default());
        for key in
            ["seed = 1", "device = \"gpu\"", "batch-size = 8", "epoch = 3", "keep = \"best\""]
        {
            let error = recipe(&format!("[train]\n{key}")).unwrap_err().to_string();
            let name = key.split(' ').next().unwrap();
            assert!(error.contains("line 2") && error.contains(name), "{error}");
            assert!(error.contains("expected one of `epochs`, `batch_size`"), "{error}");
        }
        assert!(recipe("train = 3").is_err());
    }

    #[test]
    fn config_toml_has_its_keys_in_the_order_of_the_table() {
        let settings = Settings {
            data: Some("mine.npz".into()),
            class_names: Some(vec!["a".into(), "b".into()]),
            arrays: [("x_train".into(), "x".into())].into(),
            ..Settings::default()
        };
        let config = settings.resolve(Recipe::default()).unwrap();
        let expected = "model = \"p1\"\ndevice = \"cpu\"\ndata = \"mine.npz\"\n\
                        transpose = false\nclass-names = [\"a\", \"b\"]\nscale = \"standard\"\n\
                        seed = 42\nshuffle = \"keras2\"\nepochs = 20\nbatch-size = 32\n\
                        learning-rate = 0.01\nmomentum = 0.0\nnesterov = false\n\
                        optimizer = \"sgd\"\nschedule = \"constant\"\nwarmup = 0.0\nearly-stopping = \"none\"\n\
                        label-smoothing = 0.0\nclass-weights = \"none\"\naugment = \"none\"\nthreads = 0\n\
                        keep = \"last\"\n\n[arrays]\nx_train = \"x\"\n";
        assert_eq!(config.to_toml(), expected);
    }

    #[test]
    fn old_config_files_are_read_and_incomplete_ones_refused() {
        let config = Settings::default().resolve(Recipe::default()).unwrap();
        let without = |keys: &[&str]| {
            let is_kept = |line: &&str| !keys.iter().any(|key| line.starts_with(key));
            let toml = config.to_toml();
            let kept: Vec<&str> = toml.lines().filter(is_kept).collect();
            toml::from_str::<Config>(&kept.join("\n"))
        };
        assert_eq!(
            without(&[
                "nesterov",
                "optimizer",
                "schedule",
                "warmup",
                "early",
                "label",
                "class-w",
                "augment"
            ])
            .unwrap(),
            config
        );
        assert!(without(&["epochs"]).is_err());
    }
}
