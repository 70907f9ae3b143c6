//! The optimiser's settings: Keras's defaults, what does not go together, and the values that devices
//! take.

use super::settings::{Config, Recipe, Settings};
use crate::backend::{Optimizer, Rule};
use crate::error::{Error, Result};
use crate::models::OptimizerName;

/// Keras's defaults of Adam, and of AdamW's weight decay.
const RATE: f32 = 0.001;
const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-7;
const WEIGHT_DECAY: f64 = 0.004;

impl Settings {
    /// Leaves out what was set for another optimiser than `optimizer`.
    pub(super) fn keep_only_for(&mut self, optimizer: OptimizerName) {
        let own = self.optimizer.unwrap_or_default();
        if own.is_adam() != optimizer.is_adam() {
            (self.learning_rate, self.momentum, self.nesterov) = (None, None, None);
            (self.beta_1, self.beta_2, self.epsilon) = (None, None, None);
        }
        if own != optimizer {
            self.weight_decay = None;
        }
    }

    /// Adds Keras's defaults of the optimiser, where they are not the program's.
    pub(super) fn complete(&mut self) {
        let optimizer = self.optimizer.unwrap_or_default();
        if optimizer.is_adam() {
            self.learning_rate.get_or_insert(RATE);
            self.beta_1.get_or_insert(BETA_1);
            self.beta_2.get_or_insert(BETA_2);
            self.epsilon.get_or_insert(EPSILON);
        }
        if optimizer == OptimizerName::AdamW {
            self.weight_decay.get_or_insert(WEIGHT_DECAY);
        }
    }

    /// What of the settings below, which are `whose`, is left out because these name another optimiser,
    /// in a sentence; none where nothing is.
    pub fn left_out(&self, whose: &str, below: &Self) -> Option<String> {
        let optimizer = self.optimizer?;
        let mut kept = below.clone();
        kept.keep_only_for(optimizer);
        let mut all = Vec::new();
        // What these set themselves would have been replaced anyway, and what is 0 has no effect.
        let mut add = |key: &str, own: bool, value: Option<f64>, kept: bool| {
            if let (Some(value), false, false) = (value, own, kept) {
                all.push(format!("{key} {value}"));
            }
        };
        let rate = below.learning_rate.map(short);
        add("learning rate", self.learning_rate.is_some(), rate, kept.learning_rate.is_some());
        let momentum = below.momentum.filter(|momentum| *momentum > 0.0).map(short);
        add("momentum", self.momentum.is_some(), momentum, kept.momentum.is_some());
        add("beta-1", self.beta_1.is_some(), below.beta_1, kept.beta_1.is_some());
        add("beta-2", self.beta_2.is_some(), below.beta_2, kept.beta_2.is_some());
        add("epsilon", self.epsilon.is_some(), below.epsilon, kept.epsilon.is_some());
        let decay = below.weight_decay.filter(|decay| *decay > 0.0);
        add("weight decay", self.weight_decay.is_some(), decay, kept.weight_decay.is_some());
        if all.is_empty() {
            return None;
        }
        let theirs = below.optimizer.unwrap_or_default();
        let (all, theirs, name) = (all.join(", "), theirs.as_str(), optimizer.as_str());
        Some(format!("{whose} {all}: set for {theirs}, not taken with {name}"))
    }

    /// The same for a model's recipe, below which nothing but the defaults sets a rate.
    pub fn left_out_of(&self, recipe: &Recipe) -> Option<String> {
        let left_out = self.left_out("the model's", &recipe.clone().into())?;
        let is_adam = |optimizer: Option<OptimizerName>| optimizer.unwrap_or_default().is_adam();
        let rate = match self.learning_rate {
            None if is_adam(self.optimizer) && !is_adam(recipe.optimizer) => format!(
                "; the learning rate is {RATE}, Keras's default for it (learning-rate sets another)"
            ),
            _ => String::new(),
        };
        Some(left_out + &rate)
    }
}

/// A number as it was written: 0.005, not the double next to it.
fn short(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

impl Config {
    /// The optimiser, with this learning rate.
    pub fn optimizer(&self, learning_rate: f32) -> Optimizer {
        let rule = match self.optimizer.is_adam() {
            true => Rule::Adam {
                beta_1: self.beta_1.unwrap_or(BETA_1),
                beta_2: self.beta_2.unwrap_or(BETA_2),
                epsilon: self.epsilon.unwrap_or(EPSILON),
            },
            false => Rule::Sgd { momentum: self.momentum, nesterov: self.nesterov },
        };
        let weight_decay = self.weight_decay.unwrap_or(0.0);
        // 0 takes back that of a recipe.
        let clip_norm = self.clip_norm.filter(|norm| *norm > 0.0);
        Optimizer { learning_rate, rule, weight_decay, clip_norm }
    }

    /// What of the optimiser is not said by its name and its learning rate, in a few words each.
    pub fn optimizer_details(&self) -> Vec<String> {
        let Optimizer { rule, weight_decay, clip_norm, .. } = self.optimizer(self.learning_rate);
        let mut all = match rule {
            Rule::Sgd { momentum, nesterov } if momentum > 0.0 => {
                let nesterov = if nesterov { "Nesterov " } else { "" };
                vec![format!("{nesterov}momentum {momentum}")]
            }
            Rule::Sgd { .. } => Vec::new(),
            Rule::Adam { beta_1, beta_2, epsilon } => [
                ("beta_1", beta_1, BETA_1),
                ("beta_2", beta_2, BETA_2),
                ("epsilon", epsilon, EPSILON),
            ]
            .into_iter()
            .filter(|(_, value, usual)| value != usual)
            .map(|(name, value, _)| format!("{name} {value}"))
            .collect(),
        };
        all.extend((weight_decay > 0.0).then(|| format!("weight decay {weight_decay}")));
        all.extend(clip_norm.map(|norm| format!("gradients clipped to a norm of {norm}")));
        all
    }

    /// Checks the optimiser's numbers, and that they belong to it.
    pub(super) fn check_optimizer(&self) -> Result<()> {
        let wrong = |name, expected, found| Err(Error::Setting { name, expected, found });
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let found = self.learning_rate.to_string();
            return wrong("learning-rate", "a finite number above 0", found);
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return wrong("momentum", "at least 0 and below 1", self.momentum.to_string());
        }
        let name = self.optimizer.as_str();
        let of_adam = [("beta-1", self.beta_1), ("beta-2", self.beta_2), ("epsilon", self.epsilon)];
        if self.optimizer.is_adam() {
            let expected = "--optimizer sgd with it (the momentum of adam and adamw is --beta-1)";
            if self.momentum != 0.0 {
                return wrong("momentum", expected, format!("{} with {name}", self.momentum));
            }
            if self.nesterov {
                return wrong("nesterov", expected, format!("Nesterov momentum with {name}"));
            }
        } else if let Some((key, Some(value))) = of_adam.into_iter().find(|(_, v)| v.is_some()) {
            let found = format!("{value} with {name}");
            return wrong(key, "--optimizer adam or adamw with it", found);
        }
        for (key, value) in &of_adam[..2] {
            if let Some(value) = value.filter(|value| !(0.0..1.0).contains(value)) {
                return wrong(key, "at least 0 and below 1", value.to_string());
            }
        }
        // As devices have them, in f32. Some GPUs take a subnormal number for 0.
        let is_positive = |value: f64| (value as f32).is_normal() && value > 0.0;
        if let Some(value) = self.epsilon.filter(|value| !is_positive(*value)) {
            return wrong("epsilon", "a number above 0, within 32-bit floats", value.to_string());
        }
        for (key, value) in [("clip-norm", self.clip_norm), ("weight-decay", self.weight_decay)] {
            if let Some(value) = value.filter(|value| *value != 0.0 && !is_positive(*value)) {
                return wrong(key, "a number from 0, within 32-bit floats", value.to_string());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: &str, file: &str, recipe: &str) -> Result<Config> {
        let [flags, file, recipe] = [flags, file, recipe]
            .map(|text| toml::from_str::<Settings>(text).unwrap_or_else(|e| panic!("{text}: {e}")));
        let recipe = Recipe {
            optimizer: recipe.optimizer,
            learning_rate: recipe.learning_rate,
            momentum: recipe.momentum,
            beta_1: recipe.beta_1,
            weight_decay: recipe.weight_decay,
            ..Recipe::default()
        };
        flags.or(file).resolve(recipe)
    }

    #[test]
    fn another_optimiser_leaves_behind_what_was_set_for_the_models() {
        let of_model = "learning-rate = 0.005\nmomentum = 0.9\n";
        let config = resolve("optimizer = \"adam\"", "", of_model).unwrap();
        assert_eq!((config.learning_rate, config.momentum), (0.001, 0.0));
        assert_eq!((config.beta_1, config.beta_2), (Some(0.9), Some(0.999)));
        assert_eq!((config.epsilon, config.weight_decay), (Some(1e-7), None));
        let config = resolve("", "optimizer = \"adamw\"\nlearning-rate = 0.02", of_model).unwrap();
        assert_eq!((config.learning_rate, config.weight_decay), (0.02, Some(0.004)));
        // Flags over the file of an SGD run, which names all that it has.
        let config = resolve("optimizer = \"adam\"", of_model, "").unwrap();
        assert_eq!((config.learning_rate, config.momentum), (0.001, 0.0));
        // The same optimiser, and one with the same rule.
        let of_model = "optimizer = \"adam\"\nlearning-rate = 0.003\nbeta-1 = 0.8";
        for flags in ["", "optimizer = \"adam\"", "optimizer = \"adamw\""] {
            let config = resolve(flags, "", of_model).unwrap();
            assert_eq!((config.learning_rate, config.beta_1), (0.003, Some(0.8)), "{flags}");
        }
        let config = resolve("optimizer = \"sgd\"", "", of_model).unwrap();
        assert_eq!((config.learning_rate, config.beta_1), (0.01, None));
        let config = resolve("optimizer = \"sgd\"", "", "momentum = 0.5").unwrap();
        assert_eq!(config.momentum, 0.5);
    }

    #[test]
    fn what_is_left_behind_is_said() {
        let settings = |text: &str| toml::from_str::<Settings>(text).unwrap();
        let (adam, model) =
            (settings("optimizer = \"adam\""), settings("learning-rate = 0.005\nmomentum = 0.9"));
        let left_out = "learning rate 0.005, momentum 0.9: set for sgd, not taken with adam";
        // A recipe below the file may have a rate for it.
        let of_file = adam.left_out("the config file's", &model).unwrap();
        assert_eq!(of_file, format!("the config file's {left_out}"));
        let recipe =
            Recipe { learning_rate: Some(0.005), momentum: Some(0.9), ..Recipe::default() };
        assert_eq!(
            adam.left_out_of(&recipe).unwrap(),
            format!(
                "the model's {left_out}; the learning rate is 0.001, Keras's default for it (learning-rate \
                 sets another)"
            )
        );
        let with_rate = settings("optimizer = \"adam\"\nlearning-rate = 0.01");
        assert_eq!(with_rate.left_out("the model's", &settings("learning-rate = 0.005")), None);
        assert_eq!(settings("").left_out("the model's", &model), None);
        assert_eq!(settings("optimizer = \"sgd\"").left_out("the model's", &model), None);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (text, key, told) in [
            ("optimizer = \"adam\"\nmomentum = 0.9", "momentum", "--beta-1"),
            ("optimizer = \"adamw\"\nnesterov = true", "nesterov", "--beta-1"),
            ("beta-1 = 0.9", "beta-1", "--optimizer adam"),
            ("epsilon = 1e-8", "epsilon", "--optimizer adam"),
            ("optimizer = \"adam\"\nbeta-1 = 1.0", "beta-1", "below 1"),
            ("optimizer = \"adam\"\nbeta-2 = -0.1", "beta-2", "at least 0"),
            ("optimizer = \"adam\"\nbeta-2 = nan", "beta-2", "at least 0"),
            ("optimizer = \"adam\"\nepsilon = 0.0", "epsilon", "above 0"),
            ("optimizer = \"adam\"\nepsilon = 1e-60", "epsilon", "above 0"),
            ("optimizer = \"adam\"\nepsilon = 1e-40", "epsilon", "above 0"),
            ("clip-norm = -0.5", "clip-norm", "from 0"),
            ("clip-norm = inf", "clip-norm", "from 0"),
            ("clip-norm = 1e-40", "clip-norm", "from 0"),
            ("weight-decay = -0.1", "weight-decay", "from 0"),
            ("weight-decay = nan", "weight-decay", "from 0"),
        ] {
            let error = resolve(text, "", "").unwrap_err();
            let Error::Setting { name, expected, .. } = error else { panic!("{text}") };
            assert!(name == key && expected.contains(told), "{text}: {name}: {expected}");
        }
        for text in [
            "weight-decay = 0.0",
            "clip-norm = 0.0",
            "clip-norm = 1.0\nweight-decay = 1e-4\nmomentum = 0.9",
        ] {
            resolve(text, "", "").unwrap();
        }
    }

    #[test]
    fn the_config_of_a_run_is_one_of_the_same_run() {
        let written = resolve("", "", "").unwrap().to_toml();
        let of_adam = ["beta-1", "beta-2", "epsilon", "weight-decay", "clip-norm"];
        assert!(!of_adam.iter().any(|key| written.contains(key)), "{written}");
        // Also where the model's recipe has another optimiser.
        let config = resolve("", &written, "optimizer = \"adam\"\nlearning-rate = 0.003").unwrap();
        assert_eq!((config.optimizer, config.learning_rate), (OptimizerName::Sgd, 0.01));
        let config = resolve("optimizer = \"adamw\"\nclip-norm = 1.0", "", "").unwrap();
        let written = config.to_toml();
        for line in [
            "optimizer = \"adamw\"",
            "learning-rate = 0.001",
            "beta-1 = 0.9",
            "beta-2 = 0.999",
            "epsilon = 0.0000001",
            "weight-decay = 0.004",
            "clip-norm = 1.0",
        ] {
            assert!(written.lines().any(|found| found == line), "{line}\n{written}");
        }
        assert_eq!(toml::from_str::<Config>(&written).unwrap(), config);
        assert_eq!(
            config.optimizer_details(),
            ["weight decay 0.004", "gradients clipped to a norm of 1"]
        );
    }
}
