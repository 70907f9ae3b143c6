//! One node of a model file.

use serde::Deserialize;

use crate::graph::{Activation, Axis, Function, Op, Padding, Shape};
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
        #[serde(default = "one")]
        strides: [usize; 2],
        #[serde(default = "same")]
        padding: Padding,
        #[serde(default = "yes")]
        bias: bool,
        #[serde(default)]
        activation: Activation,
    },
    DepthwiseConv2d {
        kernel: [usize; 2],
        #[serde(default = "single")]
        multiplier: usize,
        #[serde(default = "one")]
        strides: [usize; 2],
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
    Activation {
        function: FunctionName,
        slope: Option<f32>,
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

fn single() -> usize {
    1
}

fn one() -> [usize; 2] {
    [1, 1]
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

/// The name of a [`Function`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FunctionName {
    Elu,
    Gelu,
    LeakyRelu,
    Sigmoid,
    Tanh,
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
        if let Some(problem) = function_of_a_layer(&name, &table) {
            return Err(in_node(&problem));
        }
        let has_activation = table.contains_key("activation");
        let op: OpSpec = toml::Value::Table(table).try_into().map_err(|e| {
            let problem = toml_problem(&e);
            let hint = match has_activation && problem.contains("key `activation`") {
                true => "; conv2d, depthwise_conv2d, dense and batch_norm have an activation",
                false => "",
            };
            in_node(&format!("{problem}{hint}"))
        })?;
        op.check().map_err(|problem| in_node(&problem))?;
        Ok(Self { name, inputs, op })
    }
}

/// What to write instead of `activation = "gelu"` in a convolution, a dense layer or a batch norm.
fn function_of_a_layer(name: &str, table: &toml::Table) -> Option<String> {
    let op = table.get("op").and_then(toml::Value::as_str)?;
    if !["conv2d", "depthwise_conv2d", "dense", "batch_norm"].contains(&op) {
        return None;
    }
    let wanted = table.get("activation")?;
    let function = FunctionName::deserialize(wanted.clone()).ok()?;
    // What the same words have in Keras.
    let slope = if matches!(function, FunctionName::LeakyRelu) { ", slope = 0.2" } else { "" };
    let function = wanted.as_str()?;
    Some(format!(
        "activation is \"linear\" or \"relu\" here; {function} is a node of its own: remove \
         activation = \"{function}\", write behind this node [[node]], \
         name = \"{name}.{function}\", op = \"activation\", function = \"{function}\"{slope} (one key \
         on each line), and read \"{name}.{function}\" where a later node says input = \"{name}\""
    ))
}

impl OpSpec {
    /// What the types of its keys leave open.
    fn check(self) -> Result<(), String> {
        match self {
            Self::Activation { function: FunctionName::LeakyRelu, slope: None } => Err(
                "leaky_relu needs its slope below 0, such as slope = 0.3 (Keras has 0.3 in the \
                     layer LeakyReLU, 0.2 in activation = \"leaky_relu\")"
                    .into(),
            ),
            Self::Activation { function: FunctionName::LeakyRelu, .. } => Ok(()),
            Self::Activation { slope: Some(_), .. } => {
                Err("slope is of function = \"leaky_relu\" alone; remove it".into())
            }
            _ => Ok(()),
        }
    }

    /// The op for a number of classes and the shape of the (first) input.
    pub(super) fn resolve(self, classes: usize, input: Shape) -> Op {
        match self {
            Self::Conv2d { filters, kernel, strides, padding, bias, activation } => {
                Op::Conv2d { filters, kernel, strides, padding, bias, activation }
            }
            Self::DepthwiseConv2d { kernel, multiplier, strides, padding, bias, activation } => {
                Op::DepthwiseConv2d { kernel, multiplier, strides, padding, bias, activation }
            }
            Self::MaxPool2d { window: size } => Op::MaxPool2d { window: window(size, input) },
            Self::AvgPool2d { window: size } => Op::AvgPool2d { window: window(size, input) },
            Self::StdPool2d { window: size, epsilon } => {
                Op::StdPool2d { window: window(size, input), epsilon }
            }
            Self::BatchNorm { momentum, epsilon, activation } => {
                Op::BatchNorm { momentum, epsilon, activation }
            }
            Self::Activation { function, slope } => Op::Activation {
                function: match function {
                    FunctionName::Elu => Function::Elu,
                    FunctionName::Gelu => Function::Gelu,
                    // `check` refuses a leaky ReLU without its slope.
                    FunctionName::LeakyRelu => {
                        Function::LeakyRelu { slope: slope.unwrap_or(f32::NAN) }
                    }
                    FunctionName::Sigmoid => Function::Sigmoid,
                    FunctionName::Tanh => Function::Tanh,
                },
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NodeSpec, String> {
        NodeSpec::read(toml::from_str(text).unwrap())
    }

    #[test]
    fn an_activation_that_no_layer_computes_is_told_as_a_node() {
        let layer = "name = \"conv\"\nop = \"conv2d\"\nfilters = 4\nkernel = [3, 3]\n";
        let error = read(&format!("{layer}activation = \"leaky_relu\"")).unwrap_err();
        assert!(
            error.starts_with("\"conv\": activation is \"linear\" or \"relu\" here; leaky_relu is"),
            "{error}"
        );
        // What it says to write.
        let lines = error.split_once("[[node]], ").unwrap().1.split_once(" (one key").unwrap().0;
        let node = read(&lines.replace(", ", "\n")).unwrap();
        let function = Function::LeakyRelu { slope: 0.2 };
        assert_eq!(node.name, "conv.leaky_relu");
        assert_eq!(node.op.resolve(4, Shape::Flat(1)), Op::Activation { function });
        // Without the key such a node would have no function.
        let error = read("name = \"f\"\nop = \"activation\"\nactivation = \"gelu\"").unwrap_err();
        assert!(error.contains("unknown key `activation`, expected `function`"), "{error}");
        let error = read("name = \"f\"\nop = \"flatten\"\nactivation = \"gelu\"").unwrap_err();
        assert!(!error.contains("is \"linear\" or \"relu\" here"), "{error}");
        let error = read(&format!("{layer}activation = \"swish\"")).unwrap_err();
        assert!(error.contains("unknown variant `swish`"), "{error}");
    }

    #[test]
    fn a_slope_is_of_a_leaky_relu_and_has_no_default() {
        let of = |keys: &str| read(&format!("name = \"f\"\nop = \"activation\"\n{keys}"));
        assert!(of("function = \"leaky_relu\"\nslope = 0.01").is_ok());
        assert!(of("function = \"gelu\"").is_ok());
        let error = of("function = \"leaky_relu\"").unwrap_err();
        assert!(error.contains("leaky_relu needs its slope"), "{error}");
        let error = of("function = \"gelu\"\nslope = 0.1").unwrap_err();
        assert!(error.contains("remove it"), "{error}");
        let error = of("function = \"relu\"").unwrap_err();
        assert!(error.contains("expected one of `elu`, `gelu`"), "{error}");
    }
}
