//! Layers of Keras as a graph.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::layers::Layer;
use super::settings::{Act, fail};
use crate::data::{Scale, ScaleKind};
use crate::error::{Error, Result as CrateResult};
use crate::graph::{Activation, Axis, Function, Graph, NodeId, Op, Padding, Shape};

/// What is read.
const SUPPORTED: &str = "Activation, Add, AveragePooling2D, BatchNormalization, Concatenate, Conv2D, \
    Cropping2D (of the highest bands), Dense, DepthwiseConv2D, Dropout, ELU, Flatten, \
    GlobalAveragePooling2D, GlobalMaxPooling2D, LeakyReLU, MaxPooling2D, Permute with Reshape (an axis to \
    channels), ReLU, Rescaling (at the input), Reshape, Softmax";

/// A model that was read.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) graph: Graph,
    /// That of a Rescaling at the input.
    pub(super) scale: Option<Scale>,
    /// The layer that has a node's variables.
    pub(super) of_node: Vec<Option<usize>>,
    /// What was left out or added.
    pub(super) notes: Vec<String>,
}

/// The output of a layer.
#[derive(Debug, Clone, Copy)]
enum Output {
    Node(NodeId),
    /// The node's map with mel bands and frames exchanged.
    Turned(NodeId),
}

/// Makes the graph. `size` is given for an input whose extents are free.
pub(super) fn graph(
    name: &str,
    layers: &[Layer],
    size: Option<[usize; 2]>,
) -> Result<Built, String> {
    let mut readers = vec![Vec::new(); layers.len()];
    for (index, layer) in layers.iter().enumerate() {
        for &input in &layer.inputs {
            let of_input: &mut Vec<usize> = &mut readers[input];
            if of_input.last() != Some(&index) {
                of_input.push(index);
            }
        }
    }
    let first = layers.first().ok_or("the model has no layers")?;
    if first.class != "InputLayer" {
        return Err(fail(first, "expected the Input as the first layer"));
    }
    let [h, w, c] = input_shape(first, size)?;
    let mut builder = Builder {
        layers,
        deviations: (0..layers.len())
            .map(|index| Deviation::find(layers, &readers, index))
            .collect(),
        readers,
        graph: Graph::new(name, Shape::Map { h, w, c }),
        names: HashSet::from(["input".to_owned()]),
        outputs: Vec::new(),
        of_node: vec![None],
        scale: None,
        folded: HashSet::new(),
        notes: Vec::new(),
    };
    builder.outputs.push(Some(Output::Node(builder.graph.input())));
    let absorbed: HashSet<usize> =
        builder.deviations.iter().flatten().flat_map(|found| found.parts.clone()).collect();
    for index in 1..layers.len() {
        let output = match absorbed.contains(&index) {
            true => None,
            false => Some(builder.layer(index)?),
        };
        builder.outputs.push(output);
    }
    builder.end()?;
    let Builder { graph, of_node, scale, notes, .. } = builder;
    Ok(Built { graph, scale: scale.map(scale_of).transpose()?, of_node, notes })
}

fn input_shape(input: &Layer, size: Option<[usize; 2]>) -> Result<[usize; 3], String> {
    let shape = ["batch_shape", "batch_input_shape"].map(|key| input.get(key).as_array());
    let shape = shape.into_iter().flatten().next().ok_or_else(|| fail(input, "has no shape"))?;
    let extent =
        |i: usize| shape.get(i).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let free = || {
        let shape = Value::Array(shape.clone());
        fail(
            input,
            format!(
                "expected a shape [null, mel bands, frames, 1], found {shape}; where it is null, --input \
                     HxW says the size"
            ),
        )
    };
    let channels = match shape.len() {
        3 => Some(1),
        4 => extent(3),
        _ => None,
    };
    let [h, w] = match (extent(1), extent(2), size) {
        (Some(h), Some(w), _) => [h, w],
        (h, w, Some([given_h, given_w])) => [h.unwrap_or(given_h), w.unwrap_or(given_w)],
        _ => return Err(free()),
    };
    Ok([h, w, channels.ok_or_else(free)?])
}

/// The scale whose effect is `x · factor + offset`.
fn scale_of((factor, offset): (f64, f64)) -> Result<Scale, String> {
    if (factor, offset) == (1.0, 0.0) {
        return Ok(Scale::NONE);
    }
    let scale = Scale {
        kind: ScaleKind::Standard,
        offset: (-offset / factor) as f32,
        factor: factor as f32,
    };
    match scale.offset.is_finite() && scale.factor.is_normal() {
        true => Ok(scale),
        false => Err(format!("the Rescaling by {factor} and {offset} is beyond f32")),
    }
}

/// The layers that a standard deviation was written as.
struct Deviation {
    source: usize,
    window: [usize; 2],
    epsilon: f64,
    /// All layers between the source and the root.
    parts: Vec<usize>,
}

impl Deviation {
    /// That whose root is this layer.
    fn find(layers: &[Layer], readers: &[Vec<usize>], root: usize) -> Option<Self> {
        let is = |index: usize, class: &str| {
            let layer = layers.get(index)?;
            (layer.class == class).then_some(layer)
        };
        let only = |layer: &Layer| match layer.inputs[..] {
            [one] => Some(one),
            _ => None,
        };
        let pool = |index: usize| {
            let layer = is(index, "AveragePooling2D")?;
            let window = layer.pair("pool_size").ok()?;
            let plain = layer.get("strides").is_null() || layer.pair("strides").ok()? == window;
            let valid = layer.padding() == Ok(Padding::Valid);
            (plain && valid).then_some((window, only(layer)?))
        };
        let sum = only(is(root, "Sqrt")?)?;
        let rescaling = is(sum, "Rescaling")?;
        let epsilon = rescaling.number("offset").ok()?;
        if rescaling.number("scale") != Ok(1.0) {
            return None;
        }
        let variance = only(rescaling)?;
        let (window, squares) = pool(variance)?;
        let apart = match is(squares, "Multiply")?.inputs[..] {
            [a, b] if a == b => a,
            _ => return None,
        };
        let [x, mean_or_repeated] = is(apart, "Subtract")?.inputs[..] else { return None };
        let mut parts = vec![sum, variance, squares, apart, mean_or_repeated];
        let mut mean = mean_or_repeated;
        if let Some(repeated) = is(mean, "UpSampling2D") {
            let size = repeated.pair("size").ok()?;
            let plain = repeated.get("interpolation").is_null()
                || *repeated.get("interpolation") == json!("nearest");
            let whole = (0..2).all(|axis| size[axis] == window[axis] || size[axis] == 1);
            if !plain || !whole {
                return None;
            }
            mean = only(repeated)?;
            parts.push(mean);
        }
        if pool(mean)? != (window, x) {
            return None;
        }
        // The rest at the border, which was cut off; another crop is a layer of its own.
        let mut source = x;
        if let Some(crop) = is(x, "Cropping2D")
            && crop.name.starts_with(&format!("{}.whole", layers[root].name))
        {
            source = only(crop)?;
            parts.push(x);
        }
        let inside = |reader: &usize| *reader == root || parts.contains(reader);
        parts.iter().all(|part| readers[*part].iter().all(inside)).then_some(Self {
            source,
            window,
            epsilon,
            parts,
        })
    }
}

struct Builder<'a> {
    layers: &'a [Layer],
    /// Of each layer, without repetition.
    readers: Vec<Vec<usize>>,
    deviations: Vec<Option<Deviation>>,
    graph: Graph,
    names: HashSet<String>,
    /// Of each layer so far; none inside a standard deviation.
    outputs: Vec<Option<Output>>,
    of_node: Vec<Option<usize>>,
    /// Factor and offset at the input.
    scale: Option<(f64, f64)>,
    /// ReLUs that belong to the node before them.
    folded: HashSet<usize>,
    notes: Vec<String>,
}

/// What a layer gives, whatever its graph says.
type Made = Result<Output, String>;

impl Builder<'_> {
    fn unused(&mut self, wanted: &str) -> String {
        let wanted = if wanted.is_empty() { "layer" } else { wanted };
        let mut name = wanted.to_owned();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            name = format!("{wanted}_{count}");
            count += 1;
        }
        name
    }

    /// Appends a node for a layer.
    fn push(&mut self, layer: usize, name: &str, op: Op, inputs: &[NodeId]) -> Made {
        let name = self.unused(name);
        let pushed: CrateResult<NodeId> = self.graph.push(&name, op, inputs);
        let id = pushed.map_err(|error| match error {
            Error::Node { problem, .. } => fail(&self.layers[layer], problem),
            other => other.to_string(),
        })?;
        self.of_node.push(None);
        Ok(Output::Node(id))
    }

    /// The nodes that a layer reads.
    fn inputs(&self, index: usize) -> Result<Vec<NodeId>, String> {
        let layer = &self.layers[index];
        let node = |input: &usize| match self.outputs.get(*input) {
            Some(Some(Output::Node(id))) => Ok(*id),
            Some(Some(Output::Turned(_))) => Err(fail(
                &self.layers[*input],
                "a Permute is read only with dims [2, 1, 3] before a Reshape to one row (an axis to channels)",
            )),
            _ => Err(self.unsupported(&self.layers[*input])),
        };
        layer.inputs.iter().map(node).collect()
    }

    fn input(&self, index: usize) -> Result<NodeId, String> {
        match self.inputs(index)?[..] {
            [one] => Ok(one),
            ref several => Err(fail(
                &self.layers[index],
                format!("expected one input, found {}", several.len()),
            )),
        }
    }

    /// Whether what a layer reads is, in Keras, an input `[mel bands, frames]` without an axis of channels:
    /// its last axis are the frames.
    fn lacks_channels(&self, index: usize) -> bool {
        let mut layer = &self.layers[index];
        while let Some(input) = layer.inputs.first() {
            layer = &self.layers[*input];
            if ["Reshape", "ExpandDims"].contains(&layer.class.as_str()) {
                return false;
            }
        }
        let shape = ["batch_shape", "batch_input_shape"].map(|key| layer.get(key).as_array());
        shape.into_iter().flatten().next().is_some_and(|shape| shape.len() == 3)
    }

    fn unsupported(&self, layer: &Layer) -> String {
        fail(layer, format!("there is no operation for it; supported are {SUPPORTED}"))
    }

    /// A layer with variables and an activation: the node of the layer, with the ReLU that follows it,
    /// then a node for another activation.
    fn activated(&mut self, index: usize, act: Act, op: impl FnOnce(Activation) -> Op) -> Made {
        let input = self.input(index)?;
        let name = self.layers[index].name.clone();
        let relu = match act {
            Act::Relu => true,
            Act::Linear => self.fold_relu(index),
            Act::Softmax | Act::Function(_) => false,
        };
        let activation = if relu { Activation::Relu } else { Activation::Linear };
        let made = self.push(index, &name, op(activation), &[input])?;
        if let Some(of_last) = self.of_node.last_mut() {
            *of_last = Some(index);
        }
        match (act, made) {
            (Act::Softmax | Act::Function(_), Output::Node(id)) => {
                let name = match act {
                    Act::Function(function) => format!("{name}.{}", function.name()),
                    _ => "softmax".into(),
                };
                self.act(index, &name, act, id)
            }
            _ => Ok(made),
        }
    }

    /// Whether the one layer that reads this one is a ReLU; then it becomes part of this one.
    fn fold_relu(&mut self, index: usize) -> bool {
        let [reader] = self.readers[index][..] else { return false };
        let layer = &self.layers[reader];
        let is_relu = layer.as_activation() == Some(Ok(Act::Relu));
        if is_relu && layer.inputs.len() == 1 {
            self.folded.insert(reader);
        }
        is_relu
    }

    /// A node of an activation.
    fn act(&mut self, index: usize, name: &str, act: Act, input: NodeId) -> Made {
        let op = match act {
            Act::Linear => return Ok(Output::Node(input)),
            // As a node of its own.
            Act::Relu => Op::Activation { function: Function::LeakyRelu { slope: 0.0 } },
            Act::Softmax => Op::Softmax,
            Act::Function(function) => Op::Activation { function },
        };
        self.push(index, name, op, &[input])
    }

    fn layer(&mut self, index: usize) -> Made {
        let layers = self.layers;
        let layer = &layers[index];
        let name = layer.name.as_str();
        layer.only("data_format", &[json!("channels_last")])?;
        self.check_type(layer)?;
        if let Some(Deviation { source, window, epsilon, .. }) = &self.deviations[index] {
            let (window, epsilon) = (*window, *epsilon as f32);
            let Some(Some(Output::Node(source))) = self.outputs.get(*source).copied() else {
                return Err(self.unsupported(layer));
            };
            return self.push(index, name, Op::StdPool2d { window, epsilon }, &[source]);
        }
        if let Some(act) = layer.as_activation() {
            let input = self.input(index)?;
            return match self.folded.contains(&index) {
                true => Ok(Output::Node(input)),
                false => self.act(index, name, act?, input),
            };
        }
        match layer.class.as_str() {
            "InputLayer" => Err(fail(layer, "expected one input")),
            "Conv2D" => {
                layer.only("dilation_rate", &[json!([1, 1]), json!(1)])?;
                layer.only("groups", &[json!(1)])?;
                self.note_penalties(layer, &["kernel_regularizer"]);
                let (filters, kernel) = (layer.count("filters")?, layer.pair("kernel_size")?);
                let (strides, padding) = (layer.pair("strides")?, layer.padding()?);
                let bias = layer.flag("use_bias", true)?;
                self.activated(index, layer.activation()?, |activation| Op::Conv2d {
                    filters,
                    kernel,
                    strides,
                    padding,
                    bias,
                    activation,
                })
            }
            "DepthwiseConv2D" => {
                layer.only("dilation_rate", &[json!([1, 1]), json!(1)])?;
                self.note_penalties(layer, &["depthwise_regularizer", "kernel_regularizer"]);
                let (multiplier, kernel) =
                    (layer.count("depth_multiplier")?, layer.pair("kernel_size")?);
                let (strides, padding) = (layer.pair("strides")?, layer.padding()?);
                let bias = layer.flag("use_bias", true)?;
                self.activated(index, layer.activation()?, |activation| Op::DepthwiseConv2d {
                    kernel,
                    multiplier,
                    strides,
                    padding,
                    bias,
                    activation,
                })
            }
            "Dense" => {
                let units = layer.count("units")?;
                let bias = layer.flag("use_bias", true)?;
                let l2 = layer.l2()?;
                self.note_penalties(
                    layer,
                    if l2.is_some() { &[] } else { &["kernel_regularizer"] },
                );
                let l2 = l2.unwrap_or(0.0);
                self.activated(index, layer.activation()?, |activation| Op::Dense {
                    units,
                    bias,
                    activation,
                    l2,
                })
            }
            "BatchNormalization" => {
                let rank = match self.graph.node(self.input(index)?).shape {
                    Shape::Map { .. } => 3,
                    Shape::Flat(_) => 1,
                };
                layer.only("axis", &[json!(-1), json!(rank), json!([-1]), json!([rank])])?;
                layer.only("renorm", &[json!(false)])?;
                let momentum = layer.number("momentum")? as f32;
                let epsilon = layer.number("epsilon")? as f32;
                self.activated(index, Act::Linear, |activation| Op::BatchNorm {
                    momentum,
                    epsilon,
                    activation,
                })
            }
            "MaxPooling2D" | "AveragePooling2D" => {
                let input = self.input(index)?;
                let window = self.window(layer, input)?;
                let op = match layer.class.as_str() {
                    "MaxPooling2D" => Op::MaxPool2d { window },
                    _ => Op::AvgPool2d { window },
                };
                self.push(index, name, op, &[input])
            }
            "GlobalMaxPooling2D" | "GlobalAveragePooling2D" => {
                let input = self.input(index)?;
                let [h, w, _] = self.graph.node(input).shape.as_map();
                let op = match layer.class.as_str() {
                    "GlobalMaxPooling2D" => Op::MaxPool2d { window: [h, w] },
                    _ => Op::AvgPool2d { window: [h, w] },
                };
                match (self.push(index, name, op, &[input])?, layer.flag("keepdims", false)?) {
                    (Output::Node(id), false) => {
                        self.push(index, &format!("{name}.flatten"), Op::Flatten, &[id])
                    }
                    (made, _) => Ok(made),
                }
            }
            "Dropout" => {
                layer.only("noise_shape", &[Value::Null])?;
                let (input, rate) = (self.input(index)?, layer.number("rate")? as f32);
                self.push(index, name, Op::Dropout { rate }, &[input])
            }
            "Flatten" => {
                let input = self.input(index)?;
                self.push(index, name, Op::Flatten, &[input])
            }
            "Concatenate" => {
                let inputs = self.inputs(index)?;
                let rank = match inputs.first().map(|id| self.graph.node(*id).shape) {
                    Some(Shape::Map { .. }) => 3,
                    _ => 1,
                };
                layer.only("axis", &[json!(-1), json!(rank)])?;
                if rank == 3 && self.lacks_channels(index) {
                    return Err(fail(
                        layer,
                        "joins frames of an input [mel bands, frames], for which there is no operation; \
                         put a Reshape to [mel bands, frames, 1] before it to join channels",
                    ));
                }
                self.push(index, name, Op::Concat, &inputs)
            }
            "Add" => {
                let inputs = self.inputs(index)?;
                self.sum(index, &inputs)
            }
            "Cropping2D" => self.crop(index),
            "Rescaling" => self.rescale(index),
            "Permute" => match (layer.get("dims"), self.input(index)?) {
                (dims, id) if *dims == json!([2, 1, 3]) => Ok(Output::Turned(id)),
                _ => Err(fail(
                    layer,
                    "expected dims [2, 1, 3] before a Reshape (an axis to channels)",
                )),
            },
            "Reshape" | "ExpandDims" => self.reshape(index),
            _ => Err(self.unsupported(layer)),
        }
    }

    /// Refuses numbers that are not those of 32 bits.
    fn check_type(&self, layer: &Layer) -> Result<(), String> {
        let policy = layer.get("dtype");
        let name = policy.as_str().or_else(|| policy["config"]["name"].as_str());
        match name {
            None | Some("float32" | "float64" | "mixed_float16" | "mixed_bfloat16") => Ok(()),
            Some(other) => Err(fail(
                layer,
                format!("dtype: expected float32, found {}", crate::text::shown(other)),
            )),
        }
    }

    /// Notes that penalties of the loss are left out.
    fn note_penalties(&mut self, layer: &Layer, keys: &[&str]) {
        let all = keys.iter().chain(&["bias_regularizer", "activity_regularizer"]);
        for key in all.filter(|key| !layer.get(key).is_null()) {
            self.notes.push(format!(
                "layer \"{}\": its {key} is left out, which only the L2 of dense kernels is not; \
                 probabilities are the same, a loss with penalties is not",
                crate::text::shown(&layer.name)
            ));
        }
    }

    /// The window of a pooling without overlaps.
    fn window(&self, layer: &Layer, input: NodeId) -> Result<[usize; 2], String> {
        let window = layer.pair("pool_size")?;
        let strides =
            if layer.get("strides").is_null() { window } else { layer.pair("strides")? };
        if strides != window {
            let problem =
                format!("strides: expected those of the window {window:?}, found {strides:?}");
            return Err(fail(layer, problem));
        }
        let [h, w, _] = self.graph.node(input).shape.as_map();
        if layer.padding()? == Padding::Same && (h % window[0] != 0 || w % window[1] != 0) {
            let problem = format!(
                "padding \"same\": windows {window:?} leave a rest of the input [{h}, {w}], which is \
                 dropped here, as with \"valid\""
            );
            return Err(fail(layer, problem));
        }
        Ok(window)
    }

    /// A sum of two or more, pair by pair.
    fn sum(&mut self, index: usize, inputs: &[NodeId]) -> Made {
        let name = self.layers[index].name.clone();
        match inputs {
            [first, between @ .., last] if inputs.len() > 1 => {
                let mut sum = *first;
                for (i, next) in between.iter().enumerate() {
                    let part = format!("{name}.{}", i + 1);
                    match self.push(index, &part, Op::Add, &[sum, *next])? {
                        Output::Node(id) | Output::Turned(id) => sum = id,
                    }
                }
                self.push(index, &name, Op::Add, &[sum, *last])
            }
            _ => Err(fail(&self.layers[index], "expected two inputs or more")),
        }
    }

    fn crop(&mut self, index: usize) -> Made {
        let layer = &self.layers[index];
        let input = self.input(index)?;
        let side = |i: usize, j: usize| {
            let cropping = layer.get("cropping");
            cropping[i][j].as_u64().or_else(|| cropping[i].as_u64()).or_else(|| cropping.as_u64())
        };
        let [h, ..] = self.graph.node(input).shape.as_map();
        let bands = match [side(0, 0), side(0, 1), side(1, 0), side(1, 1)] {
            [Some(0), Some(above), Some(0), Some(0)] => {
                h.checked_sub(usize::try_from(above).unwrap_or(usize::MAX))
            }
            _ => {
                let found = layer.get("cropping");
                let problem = format!(
                    "expected [[0, n], [0, 0]], which leaves out the highest bands, found {found}"
                );
                return Err(fail(layer, problem));
            }
        };
        let bands = bands.filter(|bands| *bands > 0);
        let bands = bands.ok_or_else(|| fail(layer, format!("crops all of {h} bands")))?;
        let name = layer.name.clone();
        self.push(index, &name, Op::Crop { bands }, &[input])
    }

    /// At the input alone: its factor and offset.
    fn rescale(&mut self, index: usize) -> Made {
        let layer = &self.layers[index];
        let input = self.input(index)?;
        // Also by a way of layers that do nothing, whose output is the input.
        let (mut before, mut read_by_others) = (&layer.inputs, false);
        while let [input] = before[..] {
            read_by_others |= self.readers[input].len() > 1;
            before = &self.layers[input].inputs;
        }
        if input != self.graph.input() || read_by_others || self.graph.nodes().len() > 1 {
            return Err(fail(
                layer,
                "a Rescaling is read at the input only, where all layers see it",
            ));
        }
        let (factor, offset) = (layer.number("scale")?, layer.number("offset")?);
        if factor == 0.0 {
            return Err(fail(layer, "scale: expected a number other than 0"));
        }
        let (inner_factor, inner_offset) = self.scale.unwrap_or((1.0, 0.0));
        self.scale = Some((inner_factor * factor, inner_offset * factor + offset));
        Ok(Output::Node(input))
    }

    /// An axis to channels, a vector, or nothing.
    fn reshape(&mut self, index: usize) -> Made {
        let layer = &self.layers[index];
        let name = layer.name.clone();
        let [from] = layer.inputs[..] else { return Err(self.unsupported(layer)) };
        let (id, turned) = match self.outputs.get(from).copied().flatten() {
            Some(Output::Node(id)) => (id, false),
            Some(Output::Turned(id)) => (id, true),
            None => return Err(self.unsupported(layer)),
        };
        let shape = self.graph.node(id).shape;
        if layer.class == "ExpandDims" {
            // The axis of channels, which maps have here from the start.
            let is_input = id == self.graph.input() && shape.channels() == 1 && !turned;
            let axis = layer.get("axis");
            return match is_input && (*axis == -1 || *axis == 3) {
                true => Ok(Output::Node(id)),
                false => Err(fail(layer, "expected axis -1 at an input [mel bands, frames]")),
            };
        }
        let target = layer.get("target_shape").as_array().map_or(&[][..], Vec::as_slice);
        let target: Option<Vec<i64>> = target.iter().map(Value::as_i64).collect();
        let mut target = target.unwrap_or_default();
        let known: i64 = target.iter().filter(|n| **n > 0).product();
        if let Some(free) = target.iter_mut().find(|n| **n == -1) {
            *free = shape.len() as i64 / known.max(1);
        }
        let [h, w, c] = shape.as_map();
        let is = |wanted: &[usize]| {
            target.len() == wanted.len()
                && target.iter().zip(wanted).all(|(a, b)| usize::try_from(*a) == Ok(*b))
        };
        let op = match shape {
            _ if turned && is(&[1, w, h * c]) => Op::AxisToChannels { axis: Axis::Mel },
            _ if turned => {
                let problem = format!("expected the target [1, {w}, {}] behind its Permute", h * c);
                return Err(fail(layer, problem));
            }
            Shape::Map { .. } if id == self.graph.input() && is(&[h, w, c]) => {
                return Ok(Output::Node(id));
            }
            Shape::Map { .. } if is(&[h, 1, w * c]) => Op::AxisToChannels { axis: Axis::Time },
            Shape::Map { .. } if is(&[h, w, c]) => return Ok(Output::Node(id)),
            Shape::Map { .. } if is(&[shape.len()]) => Op::Flatten,
            Shape::Flat(n) if is(&[n]) => return Ok(Output::Node(id)),
            Shape::Map { .. } | Shape::Flat(_) => {
                let problem = format!(
                    "expected a target that is the input's shape {shape}, a vector or one axis made channels"
                );
                return Err(fail(layer, problem));
            }
        };
        self.push(index, &name, op, &[id])
    }

    /// The model ends in a softmax; behind logits one is added.
    fn end(&mut self) -> Result<(), String> {
        let output = self.graph.output();
        let last = self.layers.len() - 1;
        let op = self.graph.node(output).op;
        if op == Op::Softmax {
            return Ok(());
        }
        if !matches!(op, Op::Dense { activation: Activation::Linear, .. }) {
            return Err(fail(
                &self.layers[last],
                "expected a softmax over the classes at the end, or a Dense layer of their logits",
            ));
        }
        let name = self.graph.node(output).name.clone();
        self.notes.push(format!(
            "the model ends in the logits of \"{}\": a softmax was added",
            crate::text::shown(&name)
        ));
        self.push(last, "softmax", Op::Softmax, &[output]).map(|_| ())
    }
}
