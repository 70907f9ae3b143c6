//! Models as text: a TOML file has a rationale, a training recipe and a list of nodes. With an input
//! shape and a number of classes it becomes a [`Graph`].
//!
//! A node reads the node before it unless `input` names another (or, for
//! `concat`, several):
//!
//! ```toml
//! rationale = "A single wide filter over time."
//!
//! [train]              # optional: defaults that flags override
//! epochs = 10
//!
//! [[node]]
//! name = "rhythm"
//! op = "conv2d"
//! filters = 8
//! kernel = [3, 9]      # mel bands, frames
//! activation = "relu"
//!
//! [[node]]
//! name = "flatten"
//! op = "flatten"
//!
//! [[node]]
//! name = "head"
//! op = "dense"
//! units = "classes"
//!
//! [[node]]
//! name = "softmax"
//! op = "softmax"
//! ```
//!
//! The ops and their keys (those with a value are optional):
//!
//! | op | keys |
//! |---|---|
//! | `conv2d` | `filters`, `kernel`, `strides = [1, 1]`, `padding = "same"`, `bias = true`, `activation = "linear"` |
//! | `depthwise_conv2d` | `kernel`, `multiplier = 1` (filters of each channel), the rest as `conv2d` |
//! | `max_pool2d`, `avg_pool2d` | `window = [mel, frames]`, each a number or `"all"` |
//! | `std_pool2d` | `window` as there, `epsilon = 0.001`: the standard deviation `√(variance + epsilon)` |
//! | `batch_norm` | `momentum = 0.99`, `epsilon = 0.001`, `activation = "linear"` |
//! | `activation` | `function`, `"elu"`, `"gelu"`, `"leaky_relu"` with its `slope`, `"sigmoid"` or `"tanh"` |
//! | `dropout` | `rate` |
//! | `crop` | `lowest`, the share of the mel bands that is kept, from the lowest |
//! | `axis_to_channels` | `axis`, `"mel"` or `"time"`: becomes channels, so that a convolution runs along the other |
//! | `flatten`, `concat`, `add`, `softmax` | |
//! | `dense` | `units`, a number or `"classes"`, `bias = true`, `activation = "linear"`, `l2 = 0.0` |
//!
//! `[train]` may set `epochs`, `batch_size`, `learning_rate`, `momentum`, `nesterov`, `optimizer`
//! ([`OptimizerName`]), `beta_1`, `beta_2`, `epsilon`, `weight_decay`, `clip_norm`, `schedule`
//! ([`Schedule`]), `warmup`, `early_stopping` ([`EarlyStopping`]), `label_smoothing`,
//! `class_weights` ([`ClassWeights`]) and `augment` ([`Augment`]).

mod augment;
mod built_in;
mod class_weights;
mod early_stopping;
mod number;
mod optimizer;
mod schedule;
mod spec;
pub mod summary;
mod write;

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::files::read_settings;
use crate::graph::{Graph, Op, Shape};
use crate::text::{did_you_mean, toml_problem};

pub use augment::Augment;
use built_in::BUILT_IN;
pub use built_in::built_in;
pub use class_weights::ClassWeights;
pub use early_stopping::{EarlyStopping, Patience};
pub use optimizer::OptimizerName;
pub use schedule::Schedule;
use spec::NodeSpec;

/// `p1`, or `mine` for `models/mine.toml`.
pub fn model_name(model: &str) -> String {
    let path = Path::new(model);
    match (path.extension(), path.file_stem()) {
        (Some(_), Some(stem)) => stem.to_string_lossy().into_owned(),
        _ => model.to_owned(),
    }
}

/// A model as read, before its input shape is known.
#[derive(Debug, Clone)]
pub struct Model {
    /// A built-in's name, or the path of its file.
    pub name: String,
    /// The text of its file, which is stored with the weights.
    pub text: String,
    /// The reasons for its design.
    pub rationale: String,
    nodes: Vec<NodeSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rationale: String,
    // Settings for training, which `train` reads from the text.
    #[serde(default, rename = "train")]
    _train: serde::de::IgnoredAny,
    node: Vec<toml::Table>,
}

/// Inputs up to this size are tried for the least that fits.
const MOST_LEAST: usize = 256;

impl Model {
    /// Whether a built-in model has this name.
    pub fn is_built_in(name: &str) -> bool {
        BUILT_IN.iter().any(|(known, ..)| *known == name)
    }

    /// A built-in by its name, or any model file by its path.
    ///
    /// # Errors
    /// If there is no such model, or the file is not a model.
    pub fn open(name: &str) -> Result<Self> {
        if let Some((_, text, _)) = BUILT_IN.iter().find(|(known, ..)| *known == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if path.extension().is_none() && !path.exists() {
            let known: Vec<&str> = BUILT_IN.iter().map(|(known, ..)| *known).collect();
            return Err(Error::UnknownModel {
                model: name.into(),
                hint: did_you_mean(name, known.iter().copied()),
                known: known.join(", "),
            });
        }
        Self::parse(name, &read_settings(path)?)
    }

    /// Reads a model from its text; `name` is used in messages.
    ///
    /// # Errors
    /// If the text is not TOML, or a key is unknown or missing.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let fail = |problem: String| Error::Model { model: name.into(), problem };
        let file: File = toml::from_str(text).map_err(|e| fail(toml_problem(&e)))?;
        let nodes = file
            .node
            .into_iter()
            .enumerate()
            .map(|(i, table)| {
                NodeSpec::read(table).map_err(|e| fail(format!("node {}: {e}", i + 1)))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            name: name.into(),
            text: text.into(),
            rationale: file.rationale.trim().into(),
            nodes,
        })
    }

    /// A model file's text for a graph. Its head follows the number of classes; what else a file may leave
    /// to the input's size (`"all"`) is written as numbers.
    ///
    /// # Errors
    /// If a file cannot say it, such as a name without a letter.
    pub fn of_graph(name: &str, graph: &Graph, rationale: &str) -> Result<Self> {
        Self::parse(name, &write::text(graph, rationale))
    }

    /// The graph for samples of shape `[h, w, c]` and a number of classes.
    ///
    /// # Errors
    /// If a node does not fit its input, or the last is not a softmax over the classes.
    pub fn graph(&self, size: [usize; 3], classes: usize) -> Result<Graph> {
        self.build(size, classes).map_err(|error| {
            let Error::Node { model, node, mut problem } = error else { return error };
            if let Some([h, w]) =
                self.least_input(classes).filter(|[h, w]| size[0] < *h || size[1] < *w)
            {
                problem.push_str(&format!(
                    "; {model} needs at least {h} mel bands x {w} frames, found {} x {}",
                    size[0], size[1]
                ));
            }
            Error::Node { model, node, problem }
        })
    }

    /// The fewest mel bands and frames that its nodes fit; none if it fits no size up to
    /// 256.
    pub fn least_input(&self, classes: usize) -> Option<[usize; 2]> {
        let fits = |h, w| self.build([h, w, 1], classes).is_ok();
        let both = (1..=MOST_LEAST).find(|&n| fits(n, n))?;
        let h = (1..=both).find(|&h| fits(h, both))?;
        let w = (1..=both).find(|&w| fits(h, w))?;
        Some([h, w])
    }

    fn build(&self, [h, w, c]: [usize; 3], classes: usize) -> Result<Graph> {
        let mut graph = Graph::new(&self.name, Shape::Map { h, w, c });
        let mut previous = graph.input();
        for node in &self.nodes {
            let inputs = match &node.inputs {
                None => vec![previous],
                Some(names) => names
                    .iter()
                    .map(|name| {
                        graph.find(name).ok_or_else(|| Error::Node {
                            model: self.name.clone(),
                            node: node.name.clone(),
                            problem: format!("its input \"{name}\" is not an earlier node"),
                        })
                    })
                    .collect::<Result<_>>()?,
            };
            let first = inputs.first().map_or(previous, |first| *first);
            let op = node.op.resolve(classes, graph.node(first).shape);
            previous = graph.push(&node.name, op, &inputs)?;
        }
        self.check_end(&graph, classes)?;
        Ok(graph)
    }

    fn check_end(&self, graph: &Graph, classes: usize) -> Result<()> {
        let last = graph.node(graph.output());
        let fail = |problem| {
            Err(Error::Node { model: self.name.clone(), node: last.name.clone(), problem })
        };
        if last.op != Op::Softmax {
            return fail(format!("the last node must be a softmax, found {}", last.op.name()));
        }
        if graph.classes() != classes {
            return fail(format!(
                "expected {classes} logits, one for each class, found {}; write units = \"classes\"",
                graph.classes()
            ));
        }
        let unused = graph.ids().find(|id| {
            *id != graph.output() && !graph.nodes().iter().any(|node| node.inputs.contains(id))
        });
        if let Some(id) = unused {
            return Err(Error::Node {
                model: self.name.clone(),
                node: graph.node(id).name.clone(),
                problem: "no later node reads it".into(),
            });
        }
        Ok(())
    }
}
