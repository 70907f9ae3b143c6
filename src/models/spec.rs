//! One node of a model file.

use serde::Deserialize;

use crate::graph::{Activation, Op, Padding};

/// A node as written: its name, what it reads, what it does.
#[derive(Debug, Clone)]
pub(super) struct NodeSpec {
    pub(super) name: String,
    /// `None`: the node before it.
    pub(super) inputs: Option<Vec<String>>,
    pub(super) op: OpSpec,
}

/// What a node does, with sizes that may depend on the number of classes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum OpSpec {
    Conv2d {
        filters: usize,
        kernel: [usize; 2],
        #[serde(default = "same")]
        padding: Padding,
        #[serde(default = "yes")]
        bias: bool,
        #[serde(default)]
        activation: Activation,
    },
    MaxPool2d {
        window: [usize; 2],
    },
    // Braces, so that unknown keys are refused here too.
    Flatten {},
    Concat {},
    Dense {
        units: Units,
        #[serde(default = "yes")]
        bias: bool,
        #[serde(default)]
        activation: Activation,
        #[serde(default)]
        l2: f32,
    },
    Softmax {},
}

fn same() -> Padding {
    Padding::Same
}

fn yes() -> bool {
    true
}

/// `units = 50` or `units = "classes"`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "expected units = a number or \"classes\"")]
pub(super) enum Units {
    Count(usize),
    Word(Word),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    Classes,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected input = \"a name\" or a list of names")]
enum Inputs {
    One(String),
    Several(Vec<String>),
}

impl NodeSpec {
    /// Takes `name` and `input` out of the table; the rest is the op's.
    pub(super) fn read(mut table: toml::Table) -> Result<Self, String> {
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) if !name.is_empty() => name,
            Some(other) => return Err(format!("name must be a word, found {other}")),
            None => return Err("it has no name".into()),
        };
        let within = |problem: &dyn std::fmt::Display| format!("\"{name}\": {problem}");
        let inputs = match table.remove("input") {
            None => None,
            Some(value) => Some(match value.try_into().map_err(|e| within(&e))? {
                Inputs::One(one) => vec![one],
                Inputs::Several(several) => several,
            }),
        };
        let op = toml::Value::Table(table).try_into().map_err(|e| within(&e))?;
        Ok(Self { name, inputs, op })
    }
}

impl OpSpec {
    pub(super) fn resolve(self, classes: usize) -> Op {
        match self {
            Self::Conv2d { filters, kernel, padding, bias, activation } => {
                Op::Conv2d { filters, kernel, padding, bias, activation }
            }
            Self::MaxPool2d { window } => Op::MaxPool2d { window },
            Self::Flatten {} => Op::Flatten,
            Self::Concat {} => Op::Concat,
            Self::Dense { units, bias, activation, l2 } => {
                let units = match units {
                    Units::Count(n) => n,
                    Units::Word(Word::Classes) => classes,
                };
                Op::Dense { units, bias, activation, l2 }
            }
            Self::Softmax {} => Op::Softmax,
        }
    }
}
