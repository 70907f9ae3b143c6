//! A graph as the nodes of an ONNX file.

use std::collections::HashSet;

use serde_json::json;

use super::layout::{Layout, Order, orders};
use super::proto::{
    Attribute, Dimension, Extent, Graph as OnnxGraph, Model, Node as OnnxNode, OperatorSet,
    Property, Tensor, TensorShape, TensorType, ValueInfo, ValueType,
};
use super::{FACTS, FLOAT, INT64};
use crate::data::ScaleKind;
use crate::error::{Error, Result};
use crate::graph::{Activation, Axis, Function, Graph, NodeId, Op, Padding, Shape};
use crate::train::SavedModel;

const IR_VERSION: i64 = 8;
const OPERATORS: i64 = 18;

/// Names of the file's input and output.
const INPUT: &str = "spectrogram";
const OUTPUT: &str = "probabilities";

/// The whole file.
pub(super) fn model(saved: &SavedModel, graph: &Graph) -> Result<Model> {
    let facts = &saved.facts;
    let json = |value: serde_json::Result<String>| {
        value.map_err(|e| Error::Weights { path: "model.onnx".into(), problem: e.to_string() })
    };
    let mut metadata = vec![
        ("class_names", json(serde_json::to_string(&facts.classes))?),
        ("scale", json(serde_json::to_string(&facts.scale))?),
    ];
    if let Some(front_end) = &facts.front_end {
        metadata.push(("front_end", json(serde_json::to_string(front_end))?));
    }
    metadata.push((FACTS, json(serde_json::to_string(facts))?));

    let mut file = Writer::new(saved, graph);
    file.input();
    for id in graph.ids().skip(1) {
        file.node(id);
    }
    let [h, w, c] = facts.sample_shape;
    let inputs = format!(
        "Spectrograms [n, mel bands (0 lowest), frames, channels] in the unit of the arrays that the model \
         was trained on, not scaled: {} is in the graph.",
        json!({ "offset": facts.scale.offset, "factor": facts.scale.factor })
    );
    let outputs = format!("Probabilities of {}.", facts.classes.join(", "));
    Ok(Model {
        ir_version: IR_VERSION,
        producer_name: "genre-gpu".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: format!("{}, trained on {}", facts.name, facts.data_source),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPERATORS }],
        metadata_props: metadata
            .into_iter()
            .map(|(key, value)| Property { key: key.into(), value })
            .collect(),
        graph: Some(OnnxGraph {
            node: file.nodes,
            name: facts.name.clone(),
            initializer: file.initializers,
            input: vec![value_info(INPUT, &[h, w, c], inputs)],
            output: vec![value_info(OUTPUT, &[graph.classes()], outputs)],
        }),
    })
}

/// A tensor of any number of samples.
fn value_info(name: &str, shape: &[usize], doc_string: String) -> ValueInfo {
    let batch = Dimension { extent: Some(Extent::Parameter("n".into())) };
    let fixed = shape.iter().map(|n| Dimension { extent: Some(Extent::Value(*n as i64)) });
    let dim = std::iter::once(batch).chain(fixed).collect();
    let tensor = TensorType { element: FLOAT, shape: Some(TensorShape { dim }) };
    let kind = Some(ValueType { tensor: Some(tensor) });
    ValueInfo { name: name.into(), kind, doc_string }
}

fn number(name: &str, value: f32) -> Attribute {
    Attribute { name: name.into(), f: value, kind: 1, ..Attribute::default() }
}

fn whole(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), i: value, kind: 2, ..Attribute::default() }
}

fn list(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|n| *n as i64).collect();
    Attribute { name: name.into(), ints, kind: 7, ..Attribute::default() }
}

/// The file's nodes and constants so far.
struct Writer<'a> {
    saved: &'a SavedModel,
    graph: &'a Graph,
    orders: Vec<Order>,
    nodes: Vec<OnnxNode>,
    initializers: Vec<Tensor>,
    /// Of tensors.
    names: HashSet<String>,
    /// The name of each node's tensor: the node's own, if no other tensor has it.
    outputs: Vec<String>,
    /// The tensor of each node, `[n, c, h, w]` or `[n, features]` in the node's [`Order`].
    values: Vec<String>,
}

impl<'a> Writer<'a> {
    fn new(saved: &'a SavedModel, graph: &'a Graph) -> Self {
        let parameters = graph.parameters().iter().map(|parameter| parameter.name.clone());
        let mut file = Self {
            saved,
            graph,
            orders: orders(graph),
            nodes: Vec::new(),
            initializers: Vec::new(),
            names: parameters.chain([INPUT.into(), OUTPUT.into()]).collect(),
            outputs: Vec::new(),
            values: Vec::new(),
        };
        // Before all other names, so that nodes keep theirs.
        for id in graph.ids() {
            let output = match id == graph.output() {
                true => OUTPUT.to_owned(),
                false => file.unused(&graph.node(id).name),
            };
            file.outputs.push(output);
        }
        file
    }

    /// A name that no tensor has.
    fn unused(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// Appends an operator whose output has this name.
    fn push_as(&mut self, output: &str, op: &str, inputs: &[&str], attribute: Vec<Attribute>) {
        self.nodes.push(OnnxNode {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: op.to_owned(),
            attribute,
        });
    }

    /// Appends an operator; its output's name is made of `base` and the operator's.
    fn push(&mut self, base: &str, op: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        let output = self.unused(&format!("{base}/{}", op.to_lowercase()));
        self.push_as(&output, op, inputs, attribute);
        output
    }

    /// A constant of whole numbers.
    fn whole_numbers(&mut self, values: &[i64]) -> String {
        let text: Vec<String> = values.iter().map(ToString::to_string).collect();
        let label = format!("[{}]", text.join(","));
        let raw_data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let same = |tensor: &&Tensor| tensor.data_type == INT64 && tensor.raw_data == raw_data;
        if let Some(known) = self.initializers.iter().find(same) {
            return known.name.clone();
        }
        let name = self.unused(&label);
        let dims = vec![values.len() as i64];
        let tensor =
            Tensor { dims, data_type: INT64, name: name.clone(), raw_data, ..Tensor::default() };
        self.initializers.push(tensor);
        name
    }

    /// A constant number.
    fn scalar(&mut self, label: &str, value: f32) -> String {
        let name = self.unused(label);
        self.tensor(&name, &[], &[value]);
        name
    }

    fn tensor(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.initializers.push(Tensor {
            dims: shape.iter().map(|n| *n as i64).collect(),
            data_type: FLOAT,
            name: name.into(),
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..Tensor::default()
        });
    }

    /// The parameters of a node as constants, and their names.
    fn parameters(&mut self, id: NodeId) -> Vec<String> {
        let (graph, saved) = (self.graph, self.saved);
        let mut names = Vec::new();
        for parameter in graph.parameters_of(id) {
            let layout = Layout::of(graph, &self.orders, parameter);
            let values = layout.in_file(&saved.parameters[parameter.range()]);
            self.tensor(&parameter.name, &layout.shape, &values);
            names.push(parameter.name.clone());
        }
        names
    }

    fn reshape(&mut self, base: &str, x: &str, to: &[i64]) -> String {
        let to = self.whole_numbers(to);
        self.push(base, "Reshape", &[x, &to], Vec::new())
    }

    fn transpose(&mut self, base: &str, x: &str, axes: [usize; 4]) -> String {
        self.push(base, "Transpose", &[x], vec![list("perm", &axes)])
    }

    /// The samples: scaled, with channels first.
    fn input(&mut self) {
        let scale = self.saved.facts.scale;
        let [h, w, c] = self.saved.facts.sample_shape;
        let x = match c {
            1 => self.reshape(INPUT, INPUT, &[0, 1, h as i64, w as i64]),
            _ => self.transpose(INPUT, INPUT, [0, 3, 1, 2]),
        };
        // As this program scales: first the difference, so that the bits are the same.
        let x = match scale.kind {
            ScaleKind::None => x,
            ScaleKind::Standard | ScaleKind::MinMax => {
                let offset = self.scalar("scale/offset", scale.offset);
                let x = self.push("scale", "Sub", &[&x, &offset], Vec::new());
                let factor = self.scalar("scale/factor", scale.factor);
                self.push("scale", "Mul", &[&x, &factor], Vec::new())
            }
        };
        self.values.push(x);
    }

    fn node(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        let base = node.name.as_str();
        let shape = |id: &NodeId| graph.node(*id).shape;
        let inputs: Vec<String> =
            node.inputs.iter().map(|id| self.values[id.index()].clone()).collect();
        let (x, input) = (inputs[0].as_str(), shape(&node.inputs[0]));
        let name = self.outputs[id.index()].clone();
        let name = name.as_str();
        match node.op {
            // The first node alone, which `input` writes.
            Op::Input => {}
            Op::Conv2d { kernel, strides, padding, activation, .. } => {
                self.convolution(id, x, (kernel, strides, padding, 1), activation, name);
            }
            Op::DepthwiseConv2d { kernel, strides, padding, activation, .. } => {
                let group = input.channels();
                self.convolution(id, x, (kernel, strides, padding, group), activation, name);
            }
            Op::MaxPool2d { window } => self.pool(name, x, input, window, ["MaxPool", "ReduceMax"]),
            Op::AvgPool2d { window } => {
                self.pool(name, x, input, window, ["AveragePool", "ReduceMean"]);
            }
            Op::StdPool2d { window, epsilon } => self.std_pool(name, x, input, window, epsilon),
            Op::BatchNorm { epsilon, activation, .. } => {
                let parameters = self.parameters(id);
                let all: Vec<&str> =
                    std::iter::once(x).chain(parameters.iter().map(String::as_str)).collect();
                let attributes = vec![number("epsilon", epsilon)];
                self.activated(name, "BatchNormalization", &all, attributes, activation);
            }
            Op::Activation { function } => self.function(name, x, function),
            // Nothing happens: the input's tensor is the node's.
            Op::Dropout { .. } => return self.values.push(x.to_owned()),
            Op::Crop { bands } => {
                let [starts, ends, axes] =
                    [[0], [bands as i64], [2]].map(|n| self.whole_numbers(&n));
                self.push_as(name, "Slice", &[x, &starts, &ends, &axes], Vec::new());
            }
            Op::AxisToChannels { axis } => {
                let [h, w, c] = input.as_map();
                let (axes, to) = match axis {
                    Axis::Mel => ([0, 2, 1, 3], [0, (h * c) as i64, 1, w as i64]),
                    Axis::Time => ([0, 3, 1, 2], [0, (w * c) as i64, h as i64, 1]),
                };
                // Bands of one channel are in that order already.
                let x = match (axis, c) {
                    (Axis::Mel, 1) => x.to_owned(),
                    (Axis::Mel | Axis::Time, _) => self.transpose(base, x, axes),
                };
                let to = self.whole_numbers(&to);
                self.push_as(name, "Reshape", &[&x, &to], Vec::new());
            }
            Op::Flatten => {
                let to = self.whole_numbers(&[0, -1]);
                self.push_as(name, "Reshape", &[x, &to], Vec::new());
            }
            Op::Concat => {
                let all = self.all_in_our_order(&node.inputs, &inputs);
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                self.push_as(name, "Concat", &all, vec![whole("axis", 1)]);
            }
            Op::Add => {
                let all = self.all_in_our_order(&node.inputs, &inputs);
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                self.push_as(name, "Add", &all, Vec::new());
            }
            Op::Dense { bias, activation, .. } => {
                let parameters = self.parameters(id);
                let all: Vec<&str> =
                    std::iter::once(x).chain(parameters.iter().map(String::as_str)).collect();
                let op = if bias { "Gemm" } else { "MatMul" };
                self.activated(name, op, &all, Vec::new(), activation);
            }
            Op::Softmax => {
                let x = self.in_our_order(node.inputs[0], x);
                self.push_as(name, "Softmax", &[&x], vec![whole("axis", 1)]);
            }
        }
        self.values.push(name.to_owned());
    }

    /// The tensors of nodes, vectors in the order h, w, c.
    fn all_in_our_order(&mut self, ids: &[NodeId], tensors: &[String]) -> Vec<String> {
        ids.iter().zip(tensors).map(|(id, x)| self.in_our_order(*id, x)).collect()
    }

    /// A vector's elements in the order h, w, c.
    fn in_our_order(&mut self, id: NodeId, x: &str) -> String {
        let Some([h, w, c]) = self.orders[id.index()] else { return x.to_owned() };
        let base = self.graph.node(id).name.as_str();
        let x = self.reshape(base, x, &[0, c as i64, h as i64, w as i64]);
        let x = self.transpose(base, &x, [0, 2, 3, 1]);
        self.reshape(base, &x, &[0, -1])
    }

    /// Appends an operator, and the activation behind it.
    fn activated(
        &mut self,
        name: &str,
        op: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
        activation: Activation,
    ) {
        match activation {
            Activation::Linear => self.push_as(name, op, inputs, attributes),
            Activation::Relu => {
                let x = self.push(name, op, inputs, attributes);
                self.push_as(name, "Relu", &[&x], Vec::new());
            }
        }
    }

    fn convolution(
        &mut self,
        id: NodeId,
        x: &str,
        (kernel, strides, padding, group): ([usize; 2], [usize; 2], Padding, usize),
        activation: Activation,
        name: &str,
    ) {
        let node = self.graph.node(id);
        let [h, w, _] = self.graph.node(node.inputs[0]).shape.as_map();
        let along = |n, axis: usize| padding.along(n, kernel[axis], strides[axis]);
        let border = |n, axis| along(n, axis).map_or([0, 0], |b| [b.before, b.after]);
        let ([top, bottom], [left, right]) = (border(h, 0), border(w, 1));
        let attributes = vec![
            list("kernel_shape", &kernel),
            list("strides", &strides),
            list("pads", &[top, left, bottom, right]),
            whole("group", group as i64),
        ];
        let parameters = self.parameters(id);
        let all: Vec<&str> =
            std::iter::once(x).chain(parameters.iter().map(String::as_str)).collect();
        self.activated(name, "Conv", &all, attributes, activation);
    }

    /// A pooling, as a reduction where windows are whole axes: that is a third faster in ONNX Runtime.
    fn pool(
        &mut self,
        name: &str,
        x: &str,
        input: Shape,
        window: [usize; 2],
        [pool, reduce]: [&str; 2],
    ) {
        match whole_axes(input, window) {
            Some(axes) => {
                let axes = self.whole_numbers(&axes);
                self.push_as(name, reduce, &[x, &axes], vec![whole("keepdims", 1)]);
            }
            None => {
                let attributes = vec![list("kernel_shape", &window), list("strides", &window)];
                self.push_as(name, pool, &[x], attributes);
            }
        }
    }

    fn std_pool(&mut self, name: &str, x: &str, input: Shape, window: [usize; 2], epsilon: f32) {
        let [h, w, c] = input.as_map();
        let [k_h, k_w] = window;
        let (rows, columns) = (h / k_h, w / k_w);
        // Windows become axes of their own; what is left over at the border is cut off.
        let (x, axes, keep) = match whole_axes(input, window) {
            Some(axes) => (x.to_owned(), axes, 1),
            None => {
                let mut x = x.to_owned();
                if [rows * k_h, columns * k_w] != [h, w] {
                    let ends = [(rows * k_h) as i64, (columns * k_w) as i64];
                    let [starts, ends, axes] =
                        [[0, 0], ends, [2, 3]].map(|n| self.whole_numbers(&n));
                    x = self.push(name, "Slice", &[&x, &starts, &ends, &axes], Vec::new());
                }
                let to = [c, rows, k_h, columns, k_w].map(|n| n as i64);
                let to: Vec<i64> = std::iter::once(0).chain(to).collect();
                (self.reshape(name, &x, &to), vec![3, 5], 0)
            }
        };
        let axes = self.whole_numbers(&axes);
        let mean = self.push(name, "ReduceMean", &[&x, &axes], vec![whole("keepdims", 1)]);
        let apart = self.push(name, "Sub", &[&x, &mean], Vec::new());
        let squares = self.push(name, "Mul", &[&apart, &apart], Vec::new());
        let keep = vec![whole("keepdims", keep)];
        let variance = self.push(name, "ReduceMean", &[&squares, &axes], keep);
        let epsilon = self.scalar(&format!("{name}/epsilon"), epsilon);
        let sum = self.push(name, "Add", &[&variance, &epsilon], Vec::new());
        self.push_as(name, "Sqrt", &[&sum], Vec::new());
    }

    fn function(&mut self, name: &str, x: &str, function: Function) {
        match function {
            Function::Elu => self.push_as(name, "Elu", &[x], vec![number("alpha", 1.0)]),
            Function::LeakyRelu { slope } => {
                self.push_as(name, "LeakyRelu", &[x], vec![number("alpha", slope)]);
            }
            Function::Sigmoid => self.push_as(name, "Sigmoid", &[x], Vec::new()),
            Function::Tanh => self.push_as(name, "Tanh", &[x], Vec::new()),
            // An operator of its own only from set 20 on; runtimes know this form and fuse it.
            Function::Gelu => {
                let root = self.scalar(&format!("{name}/root"), std::f32::consts::SQRT_2);
                let y = self.push(name, "Div", &[x, &root], Vec::new());
                let y = self.push(name, "Erf", &[&y], Vec::new());
                let one = self.scalar(&format!("{name}/one"), 1.0);
                let y = self.push(name, "Add", &[&y, &one], Vec::new());
                let y = self.push(name, "Mul", &[x, &y], Vec::new());
                let half = self.scalar(&format!("{name}/half"), 0.5);
                self.push_as(name, "Mul", &[&y, &half], Vec::new());
            }
        }
    }
}

/// The axes of `[n, c, h, w]` that windows cover as a whole, if they have one element along the other.
fn whole_axes(input: Shape, [k_h, k_w]: [usize; 2]) -> Option<Vec<i64>> {
    let [h, w, _] = input.as_map();
    let along = |k: usize, n: usize, axis: i64| match k {
        k if k == n => Some(Some(axis)),
        1 => Some(None),
        _ => None,
    };
    let axes: Vec<i64> = [along(k_h, h, 2)?, along(k_w, w, 3)?].into_iter().flatten().collect();
    (!axes.is_empty()).then_some(axes)
}
