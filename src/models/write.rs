//! A graph as the text of a model file: the inverse of reading one.

use std::fmt::Write;

use crate::graph::{Activation, Axis, Function, Graph, Node, NodeId, Op, Padding, Shape};

/// The text of a model file that gives this very graph for the same input and number of classes.
pub(super) fn text(graph: &Graph, rationale: &str) -> String {
    let mut text = String::new();
    if !rationale.is_empty() {
        line(&mut text, "rationale", &quoted(rationale));
    }
    let mut previous = graph.input();
    for id in graph.ids().skip(1) {
        let node = graph.node(id);
        text.push_str(if text.is_empty() { "[[node]]\n" } else { "\n[[node]]\n" });
        line(&mut text, "name", &quoted(&node.name));
        line(&mut text, "op", &quoted(node.op.name()));
        keys(&mut text, graph, id);
        if node.inputs != [previous] {
            let names: Vec<String> =
                node.inputs.iter().map(|id| quoted(&graph.node(*id).name)).collect();
            match &names[..] {
                [one] => line(&mut text, "input", one),
                several => line(&mut text, "input", &format!("[{}]", several.join(", "))),
            }
        }
        previous = id;
    }
    text
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{key} = {value}");
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// With a point or an exponent, as TOML wants floats.
fn number(value: f32) -> String {
    format!("{value:?}")
}

fn pair([a, b]: [usize; 2]) -> String {
    format!("[{a}, {b}]")
}

/// The keys of a node's operation; those that have their default are left out.
fn keys(text: &mut String, graph: &Graph, id: NodeId) {
    let node = graph.node(id);
    let input = node.inputs.first().map_or(node.shape, |input| graph.node(*input).shape);
    match node.op {
        Op::Conv2d { filters, kernel, strides, padding, bias, activation } => {
            line(text, "filters", &filters.to_string());
            convolution(text, kernel, strides, padding, bias, activation);
        }
        Op::DepthwiseConv2d { kernel, multiplier, strides, padding, bias, activation } => {
            if multiplier != 1 {
                line(text, "multiplier", &multiplier.to_string());
            }
            convolution(text, kernel, strides, padding, bias, activation);
        }
        Op::MaxPool2d { window } | Op::AvgPool2d { window } => line(text, "window", &pair(window)),
        Op::StdPool2d { window, epsilon } => {
            line(text, "window", &pair(window));
            line(text, "epsilon", &number(epsilon));
        }
        Op::BatchNorm { momentum, epsilon, activation } => {
            line(text, "momentum", &number(momentum));
            line(text, "epsilon", &number(epsilon));
            activate(text, activation);
        }
        Op::Activation { function } => {
            line(text, "function", &quoted(function.name()));
            if let Function::LeakyRelu { slope } = function {
                line(text, "slope", &number(slope));
            }
        }
        Op::Dropout { rate } => line(text, "rate", &number(rate)),
        // The share that is rounded to these bands.
        Op::Crop { bands } => {
            line(text, "lowest", &number((bands as f64 / input.as_map()[0] as f64) as f32));
        }
        Op::AxisToChannels { axis } => line(
            text,
            "axis",
            match axis {
                Axis::Mel => "\"mel\"",
                Axis::Time => "\"time\"",
            },
        ),
        Op::Dense { units, bias, activation, l2 } => {
            line(text, "units", &units_of(graph, id, units));
            biased(text, bias);
            activate(text, activation);
            if l2 != 0.0 {
                line(text, "l2", &number(l2));
            }
        }
        Op::Input | Op::Flatten | Op::Concat | Op::Add | Op::Softmax => {}
    }
}

fn convolution(
    text: &mut String,
    kernel: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    bias: bool,
    activation: Activation,
) {
    line(text, "kernel", &pair(kernel));
    if strides != [1, 1] {
        line(text, "strides", &pair(strides));
    }
    if padding == Padding::Valid {
        line(text, "padding", "\"valid\"");
    }
    biased(text, bias);
    activate(text, activation);
}

fn biased(text: &mut String, bias: bool) {
    if !bias {
        line(text, "bias", "false");
    }
}

fn activate(text: &mut String, activation: Activation) {
    if activation == Activation::Relu {
        line(text, "activation", "\"relu\"");
    }
}

/// The layer before the softmax follows the number of classes.
fn units_of(graph: &Graph, id: NodeId, units: usize) -> String {
    let last: &Node = graph.node(graph.output());
    let is_logits = last.op == Op::Softmax && last.inputs == [id];
    match is_logits && last.shape == Shape::Flat(units) {
        true => "\"classes\"".into(),
        false => units.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::Graph;
    use crate::models::{Model, built_in};

    fn same(graph: &Graph, input: [usize; 3], classes: usize) {
        let again = Model::of_graph("again", graph, "Why: \"so\"\nand so.").unwrap();
        assert_eq!(again.rationale, "Why: \"so\"\nand so.");
        let again = again.graph(input, classes).unwrap();
        assert_eq!(again.hash(), graph.hash(), "{}", super::text(graph, ""));
    }

    #[test]
    fn the_text_of_each_built_in_gives_its_graph() {
        for (name, _) in built_in() {
            for input in [[80, 80, 1], [37, 29, 1]] {
                same(&Model::open(name).unwrap().graph(input, 5).unwrap(), input, 5);
            }
        }
    }

    #[test]
    fn all_operations_and_odd_names_are_written() {
        let text = r#"
            node = [
                {name = "low \"bands\"", op = "crop", lowest = 0.3},
                {name = "a", op = "depthwise_conv2d", kernel = [3, 2], multiplier = 2, strides = [1, 2], padding = "valid", bias = false, activation = "relu"},
                {name = "b", op = "batch_norm", momentum = 1e-7, epsilon = 0.1},
                {name = "c", op = "conv2d", kernel = [1, 1], filters = 4, input = "a"},
                {name = "sum", op = "add", input = ["b", "c"]},
                {name = "é", op = "activation", function = "leaky_relu", slope = 0.3},
                {name = "f", op = "activation", function = "gelu"},
                {name = "std", op = "std_pool2d", window = [1, 2], epsilon = 1e-5},
                {name = "time", op = "axis_to_channels", axis = "time"},
                {name = "flat", op = "flatten"},
                {name = "drop", op = "dropout", rate = 0.25},
                {name = "d", op = "dense", units = 3, l2 = 0.001, bias = false},
                {name = "e", op = "dense", units = 3},
                {name = "softmax", op = "softmax"},
            ]"#;
        let graph = Model::parse("all", text).unwrap().graph([17, 9, 2], 3).unwrap();
        same(&graph, [17, 9, 2], 3);
    }
}
