//! One node of a model file.

use serde::Deserialize;

use crate::graph::{Activation, Axis, Op, Padding, Shape};
use crate::text::toml_problem;

/// A node as written: its name, inputs and operation.
#[derive(Debug, Clone)]
pub(super) struct NodeSpec {
    pub(super) name: String,
    /// None for the preceding node.
    pub(super) inputs: Option<Vec<String>>,
    pub(super) op: OpSpec,
}

/// The operation of a node; sizes may depend on the number of classes.
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
        window: [Extent; 2],
    },
    AvgPool2d {
        window: [Extent; 2],
    },
    StdPool2d {
        window: [Extent; 2],
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
    BatchNorm {
        #[serde(default = "momentum")]
        momentum: f32,
        #[serde(default = "epsilon")]
        epsilon: f32,
        #[serde(default)]
        activation: Activation,
    },
    Dropout {
        rate: f32,
    },
    Crop {
        lowest: Share,
    },
    AxisToChannels {
        axis: Axis,
    },
    // With braces serde refuses unknown keys here too.
    Flatten {},
    Concat {},
    Add {},
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

/// Keras's defaults.
fn momentum() -> f32 {
    0.99
}

fn epsilon() -> f32 {
    1e-3
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

/// `2` or `"all"`: the whole axis.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "expected a whole number or \"all\"")]
pub(super) enum Extent {
    Count(usize),
    Word(All),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum All {
    All,
}

/// The share of the bands that is kept: more than 0, at most 1.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f32")]
pub(super) struct Share(f32);

impl TryFrom<f32> for Share {
    type Error = String;

    fn try_from(share: f32) -> Result<Self, String> {
        let is_valid = share > 0.0 && share <= 1.0;
        is_valid.then_some(Self(share)).ok_or_else(|| {
            format!("lowest must be a share of the bands, more than 0 and at most 1, found {share}")
        })
    }
}

impl Share {
    /// The number of the input's bands, at least one.
    fn bands(self, input: Shape) -> usize {
        let h = match input {
            Shape::Map { h, .. } => h,
            // `Graph::push` refuses it.
            Shape::Flat(_) => 1,
        };
        ((f64::from(self.0) * h as f64).round() as usize).max(1)
    }
}

/// The size of the window over an input of that shape.
fn window([rows, columns]: [Extent; 2], input: Shape) -> [usize; 2] {
    let [h, w] = match input {
        Shape::Map { h, w, .. } => [h, w],
        // `Graph::push` refuses it.
        Shape::Flat(_) => [1, 1],
    };
    [(rows, h), (columns, w)].map(|(extent, whole)| match extent {
        Extent::Count(n) => n,
        Extent::Word(All::All) => whole,
    })
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected input = \"a name\" or a list of names")]
enum Inputs {
    One(String),
    Several(Vec<String>),
}

impl NodeSpec {
    /// Reads `name` and `input`; the other keys are those of the op.
    pub(super) fn read(mut table: toml::Table) -> Result<Self, String> {
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) if !name.is_empty() => name,
            Some(other) => return Err(format!("name must be a word, found {other}")),
            None => return Err("it has no name".into()),
        };
        let in_node = |problem: &dyn std::fmt::Display| format!("\"{name}\": {problem}");
        let inputs = match table.remove("input") {
            None => None,
            Some(value) => Some(match value.try_into().map_err(|e| in_node(&e))? {
                Inputs::One(one) => vec![one],
                Inputs::Several(several) => several,
            }),
        };
        let has_activation = table.contains_key("activation");
        let op = toml::Value::Table(table).try_into().map_err(|e| {
            let problem = toml_problem(&e);
            let hint = match has_activation && problem.contains("key `activation`") {
                true => "; conv2d, dense and batch_norm have an activation",
                false => "",
            };
            in_node(&format!("{problem}{hint}"))
        })?;
        Ok(Self { name, inputs, op })
    }
}

impl OpSpec {
    /// The op for a number of classes and the shape of the (first) input.
    pub(super) fn resolve(self, classes: usize, input: Shape) -> Op {
        match self {
            Self::Conv2d { filters, kernel, padding, bias, activation } => {
                Op::Conv2d { filters, kernel, padding, bias, activation }
            }
            Self::MaxPool2d { window: size } => Op::MaxPool2d { window: window(size, input) },
            Self::AvgPool2d { window: size } => Op::AvgPool2d { window: window(size, input) },
            Self::StdPool2d { window: size, epsilon } => {
                Op::StdPool2d { window: window(size, input), epsilon }
            }
            Self::BatchNorm { momentum, epsilon, activation } => {
                Op::BatchNorm { momentum, epsilon, activation }
            }
            Self::Dropout { rate } => Op::Dropout { rate },
            Self::Crop { lowest } => Op::Crop { bands: lowest.bands(input) },
            Self::AxisToChannels { axis } => Op::AxisToChannels { axis },
            Self::Flatten {} => Op::Flatten,
            Self::Concat {} => Op::Concat,
            Self::Add {} => Op::Add,
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
