//! A graph as layers of Keras.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::layers::Layer;
use crate::data::{Scale, ScaleKind};
use crate::graph::{Activation, Axis, Function, Graph, NodeId, Op, Padding, Shape};

/// The name of the input.
const INPUT: &str = "spectrogram";
/// Where Keras keeps the operation that it has no layer for.
const OPERATIONS: &str = "keras.src.ops.numpy";

/// A model as layers; the last is its output.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) layers: Vec<Layer>,
    /// The extents of each layer's output, without the batch.
    shapes: Vec<Vec<usize>>,
    /// The layer that has a node's variables.
    pub(super) of_node: Vec<usize>,
    /// The layer whose output is a node's.
    outputs: Vec<usize>,
    names: HashSet<String>,
}

/// The number as it was written in decimals: 0.01, not the double next to the f32.
fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn extents(shape: Shape) -> Vec<usize> {
    match shape {
        Shape::Map { h, w, c } => vec![h, w, c],
        Shape::Flat(n) => vec![n],
    }
}

fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::Linear => "linear",
        Activation::Relu => "relu",
    }
}

/// A name that Keras takes on every backend: TensorFlow's has a rule for scopes.
pub(super) fn keras_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let text: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    match text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => text,
        false => format!("layer{text}"),
    }
}

/// The layers of a graph behind the scale of its inputs.
pub(super) fn layers(graph: &Graph, scale: &Scale) -> Written {
    let mut model = Written {
        layers: Vec::new(),
        shapes: Vec::new(),
        of_node: Vec::new(),
        outputs: Vec::new(),
        names: HashSet::new(),
    };
    // Before all other names, so that nodes keep theirs.
    let names: Vec<String> = graph
        .nodes()
        .iter()
        .map(|node| if node.op == Op::Input { INPUT } else { node.name.as_str() })
        .map(|name| model.unused(&keras_name(name)))
        .collect();
    for (id, name) in graph.ids().zip(names) {
        model.node(graph, id, name, scale);
    }
    model
}

impl Written {
    fn unused(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            name = format!("{wanted}_{count}");
            count += 1;
        }
        name
    }

    /// Appends a layer of the graph's name, or of one made for it.
    fn push(
        &mut self,
        name: String,
        class: &str,
        inputs: &[usize],
        shape: &[usize],
        settings: Value,
    ) -> usize {
        let is_layer = class != "Sqrt";
        let mut config = Map::new();
        config.insert("name".into(), json!(name));
        if is_layer {
            if class != "InputLayer" {
                config.insert("trainable".into(), json!(true));
            }
            config.insert("dtype".into(), json!("float32"));
        }
        if let Value::Object(settings) = settings {
            config.extend(settings);
        }
        self.layers.push(Layer {
            name,
            class: class.into(),
            is_layer,
            config,
            inputs: inputs.to_vec(),
        });
        self.shapes.push(shape.to_vec());
        self.layers.len() - 1
    }

    fn node(&mut self, graph: &Graph, id: NodeId, name: String, scale: &Scale) {
        let node = graph.node(id);
        let shape = extents(node.shape);
        let inputs: Vec<usize> = node.inputs.iter().map(|id| self.outputs[id.index()]).collect();
        let input = node.inputs.first().map_or(node.shape, |input| graph.node(*input).shape);
        let one = |model: &mut Self, class: &str, settings: Value| {
            model.push(name.clone(), class, &inputs, &shape, settings)
        };
        let (own, output) = match node.op {
            Op::Input => {
                let mut batch = vec![Value::Null];
                batch.extend(shape.iter().map(|n| json!(n)));
                let input = one(self, "InputLayer", json!({ "batch_shape": batch }));
                (input, self.scale(input, &shape, scale))
            }
            Op::Conv2d { filters, kernel, strides, padding, bias, activation } => {
                let mut settings = convolution(kernel, strides, padding, bias, activation);
                settings["filters"] = json!(filters);
                settings["groups"] = json!(1);
                let own = one(self, "Conv2D", settings);
                (own, own)
            }
            Op::DepthwiseConv2d { kernel, multiplier, strides, padding, bias, activation } => {
                let mut settings = convolution(kernel, strides, padding, bias, activation);
                settings["depth_multiplier"] = json!(multiplier);
                let own = one(self, "DepthwiseConv2D", settings);
                (own, own)
            }
            Op::MaxPool2d { window } => both(one(self, "MaxPooling2D", pool(window))),
            Op::AvgPool2d { window } => both(one(self, "AveragePooling2D", pool(window))),
            Op::StdPool2d { window, epsilon } => {
                both(self.std_pool(name, inputs[0], input.as_map(), window, epsilon))
            }
            Op::BatchNorm { momentum, epsilon, activation } => {
                let settings = json!({
                    "axis": -1, "momentum": number(momentum), "epsilon": number(epsilon),
                    "center": true, "scale": true,
                });
                let own = one(self, "BatchNormalization", settings);
                let output = match activation {
                    Activation::Linear => own,
                    Activation::Relu => {
                        let name = self.unused(&format!("{name}.relu"));
                        let settings = json!({ "activation": "relu" });
                        self.push(name, "Activation", &[own], &shape, settings)
                    }
                };
                (own, output)
            }
            Op::Activation { function: Function::LeakyRelu { slope } } => {
                both(one(self, "LeakyReLU", json!({ "negative_slope": number(slope) })))
            }
            Op::Activation { function } => {
                both(one(self, "Activation", json!({ "activation": function.name() })))
            }
            Op::Dropout { rate } => both(one(self, "Dropout", json!({ "rate": number(rate) }))),
            Op::Crop { bands } => {
                let above = input.as_map()[0] - bands;
                let cropping = json!([[0, above], [0, 0]]);
                let settings = json!({ "cropping": cropping, "data_format": "channels_last" });
                both(one(self, "Cropping2D", settings))
            }
            Op::AxisToChannels { axis } => {
                let [h, w, c] = input.as_map();
                let from = match axis {
                    // Bands beside channels, in their order.
                    Axis::Mel => {
                        let turned = self.unused(&format!("{name}.turned"));
                        let settings = json!({ "dims": [2, 1, 3] });
                        self.push(turned, "Permute", &inputs, &[w, h, c], settings)
                    }
                    Axis::Time => inputs[0],
                };
                let settings = json!({ "target_shape": shape });
                both(self.push(name, "Reshape", &[from], &shape, settings))
            }
            Op::Flatten => both(one(self, "Flatten", json!({ "data_format": "channels_last" }))),
            Op::Concat => both(one(self, "Concatenate", json!({ "axis": -1 }))),
            Op::Add => both(one(self, "Add", json!({}))),
            Op::Dense { units, bias, activation, l2 } => {
                let penalty = match l2 {
                    0.0 => Value::Null,
                    l2 => json!({
                        "module": "keras.regularizers", "class_name": "L2",
                        "config": { "l2": number(l2) }, "registered_name": null,
                    }),
                };
                let settings = json!({
                    "units": units, "activation": activation_name(activation), "use_bias": bias,
                    "kernel_regularizer": penalty,
                });
                both(one(self, "Dense", settings))
            }
            Op::Softmax => both(one(self, "Softmax", json!({ "axis": -1 }))),
        };
        self.of_node.push(own);
        self.outputs.push(output);
    }

    /// `x · factor - offset · factor`, the second number exact as a double.
    fn scale(&mut self, input: usize, shape: &[usize], scale: &Scale) -> usize {
        match scale.kind {
            ScaleKind::None => input,
            ScaleKind::Standard | ScaleKind::MinMax => {
                let factor = f64::from(scale.factor);
                let settings =
                    json!({ "scale": factor, "offset": -f64::from(scale.offset) * factor });
                let name = self.unused("scale");
                self.push(name, "Rescaling", &[input], shape, settings)
            }
        }
    }

    /// `√(mean((x - mean(x))²) + epsilon)` over windows.
    fn std_pool(
        &mut self,
        name: String,
        input: usize,
        [h, w, c]: [usize; 3],
        window: [usize; 2],
        epsilon: f32,
    ) -> usize {
        let (rows, columns) = (h / window[0], w / window[1]);
        let (used_h, used_w) = (rows * window[0], columns * window[1]);
        let (within, pooled) = ([used_h, used_w, c], [rows, columns, c]);
        let part = |model: &mut Self, word: &str| model.unused(&format!("{name}.{word}"));
        let mut x = input;
        if [used_h, used_w] != [h, w] {
            let cropping = json!([[0, h - used_h], [0, w - used_w]]);
            let settings = json!({ "cropping": cropping, "data_format": "channels_last" });
            let name = part(self, "whole");
            x = self.push(name, "Cropping2D", &[x], &within, settings);
        }
        let mean_name = part(self, "mean");
        let mut mean = self.push(mean_name, "AveragePooling2D", &[x], &pooled, pool(window));
        // One value along an axis goes with all others; several are repeated.
        let repeats = [(rows, window[0]), (columns, window[1])]
            .map(|(count, size)| if count == 1 { 1 } else { size });
        if repeats != [1, 1] {
            let shape = [rows * repeats[0], columns * repeats[1], c];
            let settings = json!({
                "size": repeats, "data_format": "channels_last", "interpolation": "nearest",
            });
            let name = part(self, "repeated");
            mean = self.push(name, "UpSampling2D", &[mean], &shape, settings);
        }
        let apart_name = part(self, "apart");
        let apart = self.push(apart_name, "Subtract", &[x, mean], &within, json!({}));
        let squares_name = part(self, "squares");
        let squares = self.push(squares_name, "Multiply", &[apart, apart], &within, json!({}));
        let variance_name = part(self, "variance");
        let variance =
            self.push(variance_name, "AveragePooling2D", &[squares], &pooled, pool(window));
        let settings = json!({ "scale": 1.0, "offset": number(epsilon) });
        let epsilon_name = part(self, "epsilon");
        let sum = self.push(epsilon_name, "Rescaling", &[variance], &pooled, settings);
        self.push(name, "Sqrt", &[sum], &pooled, json!({}))
    }

    /// `config.json`.
    pub(super) fn config(&self, name: &str) -> Value {
        let tensor = |index: usize| {
            let mut shape = vec![Value::Null];
            shape.extend(self.shapes[index].iter().map(|n| json!(n)));
            json!({
                "class_name": "__keras_tensor__",
                "config": {
                    "shape": shape, "dtype": "float32",
                    "keras_history": [self.layers[index].name, 0, 0],
                },
            })
        };
        let layer = |layer: &Layer| {
            let inputs: Vec<Value> = layer.inputs.iter().map(|index| tensor(*index)).collect();
            let merges = ["Add", "Concatenate", "Multiply", "Subtract"];
            let nodes = match &inputs[..] {
                [] => json!([]),
                all if merges.contains(&layer.class.as_str()) => {
                    json!([{ "args": [all], "kwargs": {} }])
                }
                all => json!([{ "args": all, "kwargs": {} }]),
            };
            let (module, registered) = match layer.is_layer {
                true => ("keras.layers", Value::Null),
                false => (OPERATIONS, json!(layer.class)),
            };
            json!({
                "module": module, "class_name": layer.class, "config": layer.config,
                "registered_name": registered, "name": layer.name, "inbound_nodes": nodes,
            })
        };
        let name_of =
            |layer: Option<&Layer>| layer.map_or("", |layer| layer.name.as_str()).to_owned();
        json!({
            "module": "keras.src.models.functional", "class_name": "Functional",
            "config": {
                "name": keras_name(name), "trainable": true,
                "layers": self.layers.iter().map(layer).collect::<Vec<_>>(),
                "input_layers": [name_of(self.layers.first()), 0, 0],
                "output_layers": [name_of(self.layers.last()), 0, 0],
            },
            "registered_name": "Functional",
            "build_config": { "input_shape": null },
        })
    }
}

/// A node that is one layer.
fn both(layer: usize) -> (usize, usize) {
    (layer, layer)
}

fn convolution(
    kernel: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    bias: bool,
    activation: Activation,
) -> Value {
    let padding = match padding {
        Padding::Same => "same",
        Padding::Valid => "valid",
    };
    json!({
        "kernel_size": kernel, "strides": strides, "padding": padding,
        "data_format": "channels_last", "dilation_rate": [1, 1],
        "activation": activation_name(activation), "use_bias": bias,
    })
}

fn pool(window: [usize; 2]) -> Value {
    json!({
        "pool_size": window, "strides": window, "padding": "valid", "data_format": "channels_last",
    })
}
