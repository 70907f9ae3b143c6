//! ONNX files: operator set 18, which ONNX Runtime 1.14 and later have, with the facts of the model as
//! metadata. Only files that this program wrote are read: their tensors have our names.
//!
//! ```text
//! proto.rs   the format's messages
//! layout.rs  how tensors lie there
//! write.rs   graph -> nodes
//! ```

mod layout;
mod proto;
mod write;

use std::path::Path;

use prost::Message;

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::models::Model;
use crate::train::{ModelFacts, NamedTensors, SavedModel};

use layout::Layout;

/// The metadata that has all facts, as JSON.
const FACTS: &str = "genre_gpu";
/// Types of elements.
const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// The bytes of a file.
///
/// # Errors
/// If the facts cannot be written as JSON.
pub(super) fn write(saved: &SavedModel, graph: &Graph) -> Result<Vec<u8>> {
    Ok(write::model(saved, graph)?.encode_to_vec())
}

/// The facts and tensors of a file's bytes.
///
/// # Errors
/// If it is not a file that this program wrote, or a tensor has been changed by another.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(ModelFacts, NamedTensors)> {
    let fail = |problem: String| Error::Weights { path: path.into(), problem };
    let model = proto::Model::decode(bytes).map_err(|e| {
        fail(format!("expected an ONNX file, found another or a damaged one ({e})"))
    })?;
    let facts = model.metadata_props.iter().find(|property| property.key == FACTS);
    let facts = facts.ok_or_else(|| {
        let producer = match model.producer_name.as_str() {
            "" => "another program".to_owned(),
            name => crate::text::shown(name),
        };
        fail(format!(
            "an ONNX file by {producer}; only those of genre-gpu export are read: import the model from \
             Keras (.keras), or its weights from .npz or .safetensors with --model"
        ))
    })?;
    let facts = ModelFacts::parse(path, &facts.value)?;
    let of_file =
        Model::parse(&facts.name, &facts.model)?.graph(facts.sample_shape, facts.classes.len())?;
    let orders = layout::orders(&of_file);
    let initializers = model.graph.unwrap_or_default().initializer;
    let mut tensors = NamedTensors::new();
    for parameter in of_file.parameters() {
        let name = &parameter.name;
        let found = initializers.iter().find(|tensor| tensor.name == *name);
        let found = found.ok_or_else(|| {
            fail(format!(
                "tensor \"{name}\" is missing: another program has changed the file (optimised or \
                 quantised it); import the one that genre-gpu export wrote"
            ))
        })?;
        let layout = Layout::of(&of_file, &orders, parameter);
        let dims = &found.dims;
        let same = dims.len() == layout.shape.len()
            && dims.iter().zip(&layout.shape).all(|(a, b)| usize::try_from(*a) == Ok(*b));
        if !same {
            let want = &layout.shape;
            return Err(fail(format!(
                "tensor \"{name}\": expected shape {want:?}, found {dims:?}"
            )));
        }
        if found.data_type != FLOAT || found.data_location != 0 {
            return Err(fail(format!("tensor \"{name}\": expected f32 values in the file itself")));
        }
        let values: Vec<f32> = match &found.raw_data[..] {
            [] => found.float_data.clone(),
            raw => raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        };
        if values.len() != parameter.len() {
            let (want, found) = (parameter.len(), values.len());
            return Err(fail(format!("tensor \"{name}\": expected {want} values, found {found}")));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(fail(format!("tensor \"{name}\" has values that are not finite")));
        }
        tensors.insert(name.clone(), (parameter.shape.clone(), layout.in_ours(&values)));
    }
    Ok((facts, tensors))
}
