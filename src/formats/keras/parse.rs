//! `config.json` as layers.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::layers::{Layer, functional_order};
use crate::text::shown;

/// A model's layers, the input first and the output last.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) layers: Vec<Layer>,
    /// The order of `model.layers`, in which the file of weights counts them.
    pub(super) order: Vec<usize>,
}

/// Reads the layers of a `Sequential` or functional model.
pub(super) fn layers(text: &[u8]) -> Result<Parsed, String> {
    let model: Value =
        serde_json::from_slice(text).map_err(|e| format!("config.json is damaged: {e}"))?;
    let class = model["class_name"].as_str().unwrap_or_default();
    let config = &model["config"];
    match class {
        "Sequential" => sequential(config),
        "Functional" | "Model" => functional(config),
        other => Err(format!(
            "the model is a {}; only Sequential and functional models have their layers in the file",
            if other.is_empty() { "model without a class".to_owned() } else { shown(other) }
        )),
    }
}

/// More layers than any model of these operations has; names are compared with each other.
const MOST_LAYERS: usize = 10_000;

fn list(config: &Value) -> Result<&Vec<Value>, String> {
    let list = config["layers"].as_array().ok_or("config.json has no list of layers")?;
    match list.len() > MOST_LAYERS {
        true => Err(format!("has {} layers, at most {MOST_LAYERS} are read", list.len())),
        false => Ok(list),
    }
}

/// Class, name and settings of a layer that Keras itself has.
fn layer(value: &Value) -> Result<Layer, String> {
    let word = |key: &str| value[key].as_str().unwrap_or_default();
    let config = value["config"].as_object().cloned().unwrap_or_default();
    let own = config.get("name").and_then(Value::as_str).unwrap_or_default();
    let name = match word("name") {
        "" => own,
        name => name,
    };
    let (class, module) = (word("class_name"), word("module"));
    if !module.split('.').any(|part| part == "keras") {
        return Err(format!(
            "layer \"{}\" is a {} of {}: only Keras's own layers are read",
            shown(name),
            shown(class),
            if module.is_empty() { "unknown origin".to_owned() } else { shown(module) },
        ));
    }
    let is_layer = !module.starts_with("keras.src.ops") && !module.starts_with("keras.ops");
    let (name, class) = (name.to_owned(), class.to_owned());
    Ok(Layer { name, class, is_layer, config, inputs: Vec::new() })
}

fn sequential(config: &Value) -> Result<Parsed, String> {
    let mut layers: Vec<Layer> = list(config)?.iter().map(layer).collect::<Result<_, _>>()?;
    if layers.first().is_some_and(|first| first.class != "InputLayer") {
        // Built by its first call.
        let first = layers.first().map(|layer| layer.config.clone()).unwrap_or_default();
        let shape = [&config["build_input_shape"], &first_shape(&first)]
            .into_iter()
            .find(|shape| shape.is_array())
            .cloned()
            .ok_or(
                "the model has no Input, and has never been called: its input's shape is unknown",
            )?;
        let settings = Map::from_iter([("batch_shape".to_owned(), shape)]);
        layers.insert(
            0,
            Layer {
                name: "input".into(),
                class: "InputLayer".into(),
                is_layer: true,
                config: settings,
                inputs: Vec::new(),
            },
        );
    }
    for (index, layer) in layers.iter_mut().enumerate().skip(1) {
        layer.inputs = vec![index - 1];
    }
    let order = (0..layers.len()).collect();
    Ok(Parsed { layers, order })
}

/// The input's shape in a first layer's own settings.
fn first_shape(config: &Map<String, Value>) -> Value {
    let found = ["batch_shape", "batch_input_shape"].iter().find_map(|key| config.get(*key));
    found.cloned().unwrap_or(json!(null))
}

fn functional(config: &Value) -> Result<Parsed, String> {
    let ends = |key: &str| ends(&config[key]);
    let ([input], [output]) = (&ends("input_layers")[..], &ends("output_layers")[..]) else {
        return Err(format!(
            "expected one input and one output, found {} and {}",
            ends("input_layers").len(),
            ends("output_layers").len()
        ));
    };
    let (mut layers, mut known) = (Vec::<Layer>::new(), HashMap::new());
    for value in list(config)? {
        let mut layer = layer(value)?;
        let nodes = value["inbound_nodes"].as_array().map_or(&[][..], Vec::as_slice);
        if nodes.len() > 1 {
            return Err(format!(
                "layer \"{}\" is called {} times; layers with shared weights are not read",
                shown(&layer.name),
                nodes.len()
            ));
        }
        let mut names = Vec::new();
        for node in nodes {
            tensors(&node["args"], &mut names);
            tensors(&node["kwargs"], &mut names);
        }
        for name in names {
            let index = known.get(name).copied().ok_or_else(|| {
                format!(
                    "layer \"{}\" reads \"{}\", which is no earlier layer",
                    shown(&layer.name),
                    shown(name)
                )
            })?;
            layer.inputs.push(index);
        }
        if known.insert(layer.name.clone(), layers.len()).is_some() {
            return Err(format!("two layers are named \"{}\"", shown(&layer.name)));
        }
        layers.push(layer);
    }
    let is = |layer: Option<&Layer>, name: &str| layer.is_some_and(|layer| layer.name == name);
    if !is(layers.first(), input) || !is(layers.last(), output) {
        return Err(format!(
            "expected the input \"{}\" as the first layer and the output \"{}\" as the last",
            shown(input),
            shown(output)
        ));
    }
    let order = functional_order(&layers);
    Ok(Parsed { layers, order })
}

/// Names in `["name", 0, 0]` or a list of those.
fn ends(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => match all.first() {
            Some(Value::String(name)) => vec![name.clone()],
            _ => all.iter().flat_map(ends).collect(),
        },
        Value::Object(all) => all.values().flat_map(ends).collect(),
        _ => Vec::new(),
    }
}

/// Names of the layers whose tensors are among the arguments of a call.
fn tensors<'a>(value: &'a Value, names: &mut Vec<&'a str>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| tensors(value, names)),
        Value::Object(all) => match value["config"]["keras_history"][0].as_str() {
            Some(name) => names.push(name),
            None => all.values().for_each(|value| tensors(value, names)),
        },
        _ => {}
    }
}
