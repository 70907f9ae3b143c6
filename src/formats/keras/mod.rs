//! Files of Keras 3: `.keras` (an archive of the layers and their weights) and `.weights.h5` (weights
//! alone).
//!
//! ```text
//! layers.rs    layers as values; their order and the names of their groups in Keras
//! write.rs     a graph -> layers
//! parse.rs     config.json -> layers
//! settings.rs  the settings of a layer
//! read.rs      layers -> a graph
//! h5.rs        variables of layers, as HDF5
//! ```

mod h5;
mod layers;
mod parse;
mod read;
mod settings;
mod write;

use std::io::{Cursor, Read, Write};
use std::path::Path;

use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::data::Scale;
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Op, Parameter, Role};
use crate::text::shown;
use crate::train::{ModelFacts, NamedTensors, SavedModel};
use h5::{Variables, Weights};
use layers::{Layer, functional_order, groups};

/// Entries of an archive.
const METADATA: &str = "metadata.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";

/// The version whose format is written, in an archive's metadata.
const KERAS_VERSION: &str = "3.15.1";
/// Of archives: Python's earliest, so that equal models are equal files.
const DATE: &str = "1980-01-01@00:00:00";

/// No entry is larger; a few bytes of an archive can claim any size.
const MOST_JSON: u64 = 1 << 26;
const MOST_WEIGHTS: u64 = 1 << 30;

/// A model of a `.keras` file.
#[derive(Debug)]
pub(super) struct KerasModel {
    /// Its layers as a graph.
    pub(super) graph: Graph,
    /// That of a Rescaling at its input.
    pub(super) scale: Option<Scale>,
    /// Its weights under our names.
    pub(super) tensors: NamedTensors,
    /// What this program knew of the model, if it wrote the file.
    pub(super) facts: Option<ModelFacts>,
    /// What was left out or added.
    pub(super) notes: Vec<String>,
}

/// The bytes of a `.keras` file.
///
/// # Errors
/// If the facts cannot be written as JSON.
pub(super) fn write(saved: &SavedModel, graph: &Graph) -> Result<Vec<u8>> {
    let fail = |problem: String| Error::Weights { path: "model.keras".into(), problem };
    let model = write::layers(graph, &saved.facts.scale);
    let metadata = json!({ "keras_version": KERAS_VERSION, "date_saved": DATE }).to_string();
    let config = model.config(&saved.facts.name).to_string();
    let entries = [
        (METADATA, metadata.into_bytes()),
        (CONFIG, config.into_bytes()),
        (WEIGHTS, write_weights(saved, graph)?),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // Stored, as Keras does.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in entries {
        archive.start_file(name, options).map_err(|e| fail(e.to_string()))?;
        archive.write_all(&bytes).map_err(|e| fail(e.to_string()))?;
    }
    Ok(archive.finish().map_err(|e| fail(e.to_string()))?.into_inner())
}

/// The bytes of a `.weights.h5` file.
///
/// # Errors
/// If the facts cannot be written as JSON.
pub(super) fn write_weights(saved: &SavedModel, graph: &Graph) -> Result<Vec<u8>> {
    let fail =
        |e: serde_json::Error| Error::Weights { path: WEIGHTS.into(), problem: e.to_string() };
    let mut weights = Weights {
        facts: Some(serde_json::to_string(&saved.facts).map_err(fail)?),
        ..Weights::default()
    };
    for (id, group, layer) in places(graph) {
        let of_node = graph.parameters_of(id);
        let values = of_node.map(|p| (p.shape.clone(), saved.parameters[p.range()].to_vec()));
        let variables = Variables { name: Some(layer), values: values.collect() };
        weights.layers.insert(group, variables);
    }
    h5::write(&weights)
}

/// The nodes with parameters, the groups of their layers in the model that this program writes, and these
/// layers' names.
fn places(graph: &Graph) -> Vec<(NodeId, String, String)> {
    let model = write::layers(graph, &Scale::NONE);
    let groups = groups(&model.layers, &functional_order(&model.layers));
    let with_parameters = graph.ids().filter(|id| graph.parameters_of(*id).next().is_some());
    with_parameters
        .filter_map(|id| {
            let layer = *model.of_node.get(id.index())?;
            Some((id, groups.get(layer)?.clone()?, model.layers[layer].name.clone()))
        })
        .collect()
}

/// Reads a `.keras` file; `name` is the model's and `size` that of an input whose extents are free.
///
/// # Errors
/// If it is damaged, or a layer has no operation.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    name: &str,
    size: Option<[usize; 2]>,
) -> Result<KerasModel> {
    let fail = |problem: String| Error::Weights { path: path.into(), problem };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| {
        let hint = match bytes.starts_with(b"\x89HDF") {
            true => "; this is HDF5: a whole model of Keras 2 is converted in Python by \
                     keras.saving.load_model(FILE, compile=False).save(\"model.keras\"), weights alone are \
                     named .weights.h5",
            false => "",
        };
        fail(format!("expected a .keras file (a zip archive), found another or a damaged one ({e}){hint}"))
    })?;
    let mut entry = |name: &str, most: u64| -> Result<Vec<u8>> {
        let found = archive.by_name(name);
        let file = found.map_err(|e| fail(format!("expected {name} in it: {e}")))?;
        let mut bytes = Vec::new();
        let read = file.take(most + 1).read_to_end(&mut bytes);
        read.map_err(|e| fail(format!("{name} is damaged: {e}")))?;
        match bytes.len() as u64 > most {
            true => Err(fail(format!("{name} has more than {most} bytes"))),
            false => Ok(bytes),
        }
    };
    let metadata: serde_json::Value =
        serde_json::from_slice(&entry(METADATA, MOST_JSON)?).unwrap_or_default();
    if let Some(version) = metadata["keras_version"].as_str().filter(|v| v.starts_with("2.")) {
        return Err(fail(format!(
            "Keras {} wrote it; load it in Keras 3 and save it again: \
             keras.saving.load_model(FILE, compile=False).save(\"model.keras\")",
            shown(version)
        )));
    }
    let parse::Parsed { layers, order } =
        parse::layers(&entry(CONFIG, MOST_JSON)?).map_err(fail)?;
    let built = read::graph(name, &layers, size).map_err(fail)?;
    let weights = h5::read(path, entry(WEIGHTS, MOST_WEIGHTS)?)?;
    let facts = weights.facts.as_deref().map(|text| ModelFacts::parse(path, text)).transpose()?;
    let places = match named(&layers, &built.of_node, &weights) {
        Some(places) => places,
        None => counted(&layers, &order, &built.of_node),
    };
    let tensors = tensors(&built.graph, &layers, &built.of_node, &places, weights).map_err(fail)?;
    Ok(KerasModel { graph: built.graph, scale: built.scale, tensors, facts, notes: built.notes })
}

/// The group of each node's layer by the layers' names in the file; none if one is missing.
fn named(layers: &[Layer], of_node: &[Option<usize>], weights: &Weights) -> Option<Vec<String>> {
    let find = |name: &str| {
        let of_name = |(_, layer): &(&String, &Variables)| layer.name.as_deref() == Some(name);
        weights.layers.iter().find(of_name).map(|(group, _)| group.clone())
    };
    of_node
        .iter()
        .map(|layer| match layer {
            None => Some(String::new()),
            Some(layer) => find(&layers.get(*layer)?.name),
        })
        .collect()
}

/// Likewise by counting the layers of a class.
fn counted(layers: &[Layer], order: &[usize], of_node: &[Option<usize>]) -> Vec<String> {
    let groups = groups(layers, order);
    let of_layer = |layer: &Option<usize>| groups.get((*layer)?).cloned().flatten();
    of_node.iter().map(|layer| of_layer(layer).unwrap_or_default()).collect()
}

/// The variables of all nodes under our names.
fn tensors(
    graph: &Graph,
    layers: &[Layer],
    of_node: &[Option<usize>],
    places: &[String],
    mut weights: Weights,
) -> Result<NamedTensors, String> {
    let mut tensors = NamedTensors::new();
    for (id, place) in graph.ids().zip(places) {
        let layer = of_node.get(id.index()).copied().flatten().and_then(|i| layers.get(i));
        let flag = |key: &str| layer.is_none_or(|layer| layer.flag(key, true) != Ok(false));
        let stored: Vec<&Parameter> = graph
            .parameters_of(id)
            .filter(|p| match p.role {
                Role::Gamma => flag("scale"),
                Role::Beta => flag("center"),
                Role::Kernel | Role::Bias | Role::MovingMean | Role::MovingVariance => true,
            })
            .collect();
        if stored.is_empty() {
            continue;
        }
        let node = shown(&graph.node(id).name);
        let found = weights.layers.remove(place).ok_or_else(|| {
            format!("expected the weights of layer \"{node}\" in the group \"{place}\", found none")
        })?;
        if found.values.len() != stored.len() {
            let is_norm = matches!(graph.node(id).op, Op::BatchNorm { .. });
            let hint = match is_norm && found.values.len() < stored.len() {
                true => {
                    "; without scale or center it can be read from a .keras file, which says which"
                }
                false => "",
            };
            return Err(format!(
                "layer \"{node}\": expected {} arrays of weights, found {}{hint}",
                stored.len(),
                found.values.len()
            ));
        }
        // Not what the layers claim: few bytes can claim any number of channels.
        let held = found.values.first().map_or(0, |(_, values)| values.len());
        for (parameter, value) in stored.iter().zip(found.values) {
            tensors.insert(parameter.name.clone(), value);
        }
        // A batch norm without one of them has what does nothing.
        for absent in graph.parameters_of(id) {
            let neutral = if absent.role == Role::Gamma { 1.0 } else { 0.0 };
            let value = || (absent.shape.clone(), vec![neutral; held.min(absent.len())]);
            tensors.entry(absent.name.clone()).or_insert_with(value);
        }
    }
    Ok(tensors)
}

/// Reads a `.weights.h5` file: the facts, if this program wrote it, and what `tensors_of` makes named
/// tensors of.
///
/// # Errors
/// If it is damaged, or another kind of HDF5 file.
pub(super) fn read_weights(
    path: &Path,
    bytes: Vec<u8>,
) -> Result<(Option<ModelFacts>, WeightsFile)> {
    let weights = h5::read(path, bytes)?;
    let facts = weights.facts.as_deref().map(|text| ModelFacts::parse(path, text)).transpose()?;
    Ok((facts, WeightsFile(weights)))
}

/// Weights by layer of Keras.
#[derive(Debug)]
pub(super) struct WeightsFile(Weights);

impl WeightsFile {
    /// The weights under our names, for the Keras model of this graph: by the layers' names if the file has
    /// them all, else by counting the layers of a class.
    ///
    /// # Errors
    /// If a layer's weights are missing.
    pub(super) fn tensors_of(self, path: &Path, graph: &Graph) -> Result<NamedTensors> {
        let model = write::layers(graph, &Scale::NONE);
        let of_node: Vec<Option<usize>> = graph
            .ids()
            .zip(&model.of_node)
            .map(|(id, layer)| graph.parameters_of(id).next().is_some().then_some(*layer))
            .collect();
        let order = functional_order(&model.layers);
        let places = named(&model.layers, &of_node, &self.0)
            .unwrap_or_else(|| counted(&model.layers, &order, &of_node));
        let known: Vec<&String> = self.0.layers.keys().collect();
        if let Some(other) = known.iter().find(|group| !places.contains(group)) {
            return Err(Error::Weights {
                path: path.into(),
                problem: format!(
                    "its layer \"{}\" belongs to no node of {}; is it another model's?",
                    shown(other),
                    shown(graph.model())
                ),
            });
        }
        tensors(graph, &model.layers, &of_node, &places, self.0)
            .map_err(|problem| Error::Weights { path: path.into(), problem })
    }
}

/// Whether two graphs compute the same, whatever their nodes are called: Keras allows fewer names.
pub(super) fn same_but_for_names(a: &Graph, b: &Graph) -> bool {
    let alike = |id: NodeId| {
        let [a, b] = [a, b].map(|graph| graph.node(id));
        a.op == b.op && a.inputs == b.inputs && a.shape == b.shape
    };
    a.nodes().len() == b.nodes().len() && a.ids().all(alike)
}
