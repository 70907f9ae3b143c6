//! Files of tensors with one text of metadata, in the safetensors format.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};
use crate::files::{read_regular, write_atomic};

/// Shape and values of tensors, by name.
pub(crate) type NamedTensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Contents of a file: tensors and its metadata.
pub(super) struct Tensors {
    pub(super) tensors: NamedTensors,
    pub(super) metadata: String,
}

/// Writes f32 tensors, and `metadata` under `key`. One key only, because the format does not keep an
/// order of keys, and equal runs write equal bytes.
pub(super) fn write_tensors(
    path: &Path,
    tensors: &[(String, Vec<usize>, &[f32])],
    key: &str,
    metadata: String,
) -> Result<()> {
    let file = tensor_bytes(tensors, key, metadata)
        .map_err(|problem| Error::Weights { path: path.into(), problem })?;
    write_atomic(path, |to| to.write_all(&file))
}

/// What [`write_tensors`] writes.
pub(super) fn tensor_bytes(
    tensors: &[(String, Vec<usize>, &[f32])],
    key: &str,
    metadata: String,
) -> Result<Vec<u8>, String> {
    let bytes: Vec<Vec<u8>> = (tensors.iter())
        .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = (tensors.iter().zip(&bytes))
        .map(|((name, shape, _), bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            Ok((name.as_str(), view.map_err(|e| e.to_string())?))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let metadata = HashMap::from([(key.to_owned(), metadata)]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
}

/// BLAKE3 of a tensor's values, 32 hex characters.
pub(super) fn hash_of(values: &[f32]) -> String {
    let mut hasher = blake3::Hasher::new();
    // A block at a time: the values in the file's byte order.
    for some in values.chunks(1 << 14) {
        let bytes: Vec<u8> = some.iter().flat_map(|value| value.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// BLAKE3 of bytes, 32 hex characters.
pub(super) fn hash_of_text(text: impl AsRef<[u8]>) -> String {
    blake3::hash(text.as_ref()).to_hex()[..32].to_owned()
}

/// The first hash that is not the one that was written; none where none was written.
pub(super) fn difference(
    written: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Option<String> {
    let other = |(name, hash): &(&String, &String)| found.get(*name) != Some(*hash);
    let (name, _) = written.iter().find(other)?;
    Some(format!(
        "damaged: \"{name}\" has changed since it was written; restore the file from a copy, or train \
         again"
    ))
}

/// Reads them back.
pub(super) fn read_tensors(path: &Path, key: &str) -> Result<Tensors> {
    parse_tensors(path, &read_regular(path).map_err(Error::io(path, "read"))?, key)
}

/// Reads them from a file's bytes.
pub(super) fn parse_tensors(path: &Path, bytes: &[u8], key: &str) -> Result<Tensors> {
    let (tensors, metadata) = parse_any_tensors(path, bytes, key)?;
    let metadata = metadata.ok_or_else(|| Error::Weights {
        path: path.into(),
        problem: format!("expected metadata \"{key}\", found none: not a file of this program"),
    })?;
    Ok(Tensors { tensors, metadata })
}

/// Reads the tensors of any program's file, and the metadata under `key` if there are some.
pub(super) fn parse_any_tensors(
    path: &Path,
    bytes: &[u8],
    key: &str,
) -> Result<(NamedTensors, Option<String>)> {
    let fail = |problem: String| Error::Weights { path: path.into(), problem };
    let damaged = |e: safetensors::SafeTensorError| {
        fail(format!("expected a safetensors file, found another or a damaged file ({e})"))
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = header.metadata().as_ref().and_then(|texts| texts.get(key)).cloned();
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut tensors = NamedTensors::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(fail(format!("tensor \"{name}\": expected F32, found {:?}", view.dtype())));
        }
        let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let values: Vec<f32> = view.data().chunks_exact(4).map(value).collect();
        if values.iter().any(|value| !value.is_finite()) {
            let problem = "has values that are not finite: it is damaged, or its run diverged";
            return Err(fail(format!("tensor \"{name}\" {problem}; train it again")));
        }
        tensors.insert(name, (view.shape().to_vec(), values));
    }
    Ok((tensors, metadata))
}
