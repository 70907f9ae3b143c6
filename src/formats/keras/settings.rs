//! The settings of a layer, as far as there is an operation for them.

use serde_json::Value;

use super::layers::Layer;
use crate::graph::{Function, Padding};
use crate::text::shown;

/// What an activation does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Act {
    Linear,
    Relu,
    Softmax,
    Function(Function),
}

const ACTIVATIONS: &str = "linear, relu, elu, gelu, leaky_relu, sigmoid, tanh, softmax";

/// An error that names the layer.
pub(super) fn fail(layer: &Layer, problem: impl std::fmt::Display) -> String {
    format!("layer \"{}\" ({}): {problem}", shown(&layer.name), shown(&layer.class))
}

/// A value of JSON, cut to a length for messages.
fn cut(value: &Value) -> String {
    shown(&value.to_string()).chars().take(80).collect()
}

impl Layer {
    /// A setting; one that is absent is null.
    pub(super) fn get(&self, key: &str) -> &Value {
        self.config.get(key).unwrap_or(&Value::Null)
    }

    fn wrong(&self, key: &str, expected: &str) -> String {
        fail(self, format!("{key}: expected {expected}, found {}", cut(self.get(key))))
    }

    /// A whole number, 1 or more.
    pub(super) fn count(&self, key: &str) -> Result<usize, String> {
        let count = self.get(key).as_u64().and_then(|n| usize::try_from(n).ok());
        count.filter(|n| *n > 0).ok_or_else(|| self.wrong(key, "a whole number, 1 or more"))
    }

    /// Two of them, or one for both.
    pub(super) fn pair(&self, key: &str) -> Result<[usize; 2], String> {
        let wrong = || self.wrong(key, "two whole numbers, 1 or more");
        let whole = |value: &Value| {
            let n = value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
            n.ok_or_else(wrong)
        };
        match self.get(key) {
            Value::Array(both) => match &both[..] {
                [a, b] => Ok([whole(a)?, whole(b)?]),
                _ => Err(wrong()),
            },
            one => whole(one).map(|n| [n, n]),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<f64, String> {
        let value = self.get(key).as_f64().filter(|value| value.is_finite());
        value.ok_or_else(|| self.wrong(key, "a number"))
    }

    /// True or false; one that is absent has Keras's default.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, String> {
        match self.get(key) {
            Value::Null => Ok(default),
            value => value.as_bool().ok_or_else(|| self.wrong(key, "true or false")),
        }
    }

    /// Refuses a setting that is given with another value than these words.
    pub(super) fn only(&self, key: &str, allowed: &[Value]) -> Result<(), String> {
        let value = self.get(key);
        if value.is_null() || allowed.contains(value) {
            return Ok(());
        }
        let words: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        Err(self.wrong(key, &words.join(" or ")))
    }

    pub(super) fn padding(&self) -> Result<Padding, String> {
        match self.get("padding").as_str() {
            None | Some("valid") => Ok(Padding::Valid),
            Some("same") => Ok(Padding::Same),
            Some(_) => Err(self.wrong("padding", "\"valid\" or \"same\"")),
        }
    }

    /// What the setting `activation` says.
    pub(super) fn activation(&self) -> Result<Act, String> {
        activation(self.get("activation")).map_err(|problem| fail(self, problem))
    }

    /// What a layer does that is nothing but an activation; none if it is another.
    pub(super) fn as_activation(&self) -> Option<Result<Act, String>> {
        let act = match self.class.as_str() {
            "Activation" => self.activation(),
            "ELU" | "LeakyReLU" | "ReLU" | "Softmax" => {
                of_class(&self.class, &Value::Object(self.config.clone()))
                    .map_err(|problem| fail(self, problem))
            }
            _ => return None,
        };
        Some(act)
    }

    /// The penalty of a dense kernel.
    pub(super) fn l2(&self) -> Result<Option<f32>, String> {
        let penalty = self.get("kernel_regularizer");
        let [l1, l2] = ["l1", "l2"].map(|key| penalty["config"][key].as_f64().unwrap_or(0.0));
        match penalty["class_name"].as_str() {
            None if penalty.is_null() => Ok(Some(0.0)),
            Some("L2" | "L1L2") if l1 == 0.0 && l2.is_finite() && l2 >= 0.0 => Ok(Some(l2 as f32)),
            _ => Ok(None),
        }
    }
}

fn activation(value: &Value) -> Result<Act, String> {
    match value {
        Value::Null => Ok(Act::Linear),
        Value::String(word) => of_word(word),
        Value::Object(all) => match (value["class_name"].as_str(), &value["config"]) {
            (Some("function"), Value::String(word)) => of_word(word),
            (Some(class), config) => of_class(class, config),
            (None, _) => Err(format!("activation: expected one of {ACTIVATIONS}, found {all:?}")),
        },
        other => Err(format!("activation: expected one of {ACTIVATIONS}, found {}", cut(other))),
    }
}

fn of_word(word: &str) -> Result<Act, String> {
    Ok(match word {
        "linear" => Act::Linear,
        "relu" => Act::Relu,
        "softmax" => Act::Softmax,
        "elu" => Act::Function(Function::Elu),
        "gelu" => Act::Function(Function::Gelu),
        // Its default there.
        "leaky_relu" => Act::Function(Function::LeakyRelu { slope: 0.2 }),
        "sigmoid" => Act::Function(Function::Sigmoid),
        "tanh" => Act::Function(Function::Tanh),
        other => {
            let other = shown(other);
            return Err(format!("activation: expected one of {ACTIVATIONS}, found {other}"));
        }
    })
}

fn of_class(class: &str, config: &Value) -> Result<Act, String> {
    let of = |key: &str, default: f64| config[key].as_f64().unwrap_or(default);
    let leaky = |slope: f64| Act::Function(Function::LeakyRelu { slope: slope as f32 });
    match class {
        "ReLU" if !config["max_value"].is_null() || of("threshold", 0.0) != 0.0 => {
            Err("max_value and threshold are not supported".into())
        }
        "ReLU" => Ok(match of("negative_slope", 0.0) {
            0.0 => Act::Relu,
            slope => leaky(slope),
        }),
        "LeakyReLU" => Ok(leaky(of("negative_slope", of("alpha", 0.3)))),
        "ELU" if of("alpha", 1.0) != 1.0 => Err("alpha: expected 1".into()),
        "ELU" => Ok(Act::Function(Function::Elu)),
        "Softmax" => match &config["axis"] {
            axis if axis.is_null() || *axis == -1 || *axis == 1 => Ok(Act::Softmax),
            axis => Err(format!("axis: expected -1, found {}", cut(axis))),
        },
        other => Err(format!("activation: expected one of {ACTIVATIONS}, found {}", shown(other))),
    }
}
