//! npz files of numpy: an array for each tensor under our name, and `genre_gpu.json`, the facts.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use ndarray::{ArrayViewD, IxDyn};
use ndarray_npy::WriteNpyExt;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::data::npy_values;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::text::shown;
use crate::train::{ModelFacts, NamedTensors, SavedModel};

/// The entry that has the facts; numpy gives it as bytes.
const FACTS: &str = "genre_gpu.json";
/// All entries together are not larger; a few bytes of an archive can claim any size.
const MOST: u64 = 1 << 30;

/// The bytes of a file.
///
/// # Errors
/// If the facts cannot be written as JSON.
pub(super) fn write(saved: &SavedModel, graph: &Graph) -> Result<Vec<u8>> {
    let fail = |problem: String| Error::Weights { path: "model.npz".into(), problem };
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for parameter in graph.parameters() {
        let name = format!("{}.npy", parameter.name);
        archive.start_file(name, options).map_err(|e| fail(e.to_string()))?;
        let values = &saved.parameters[parameter.range()];
        let array = ArrayViewD::from_shape(IxDyn(&parameter.shape), values);
        let array = array.map_err(|e| fail(e.to_string()))?;
        array.write_npy(&mut archive).map_err(|e| fail(e.to_string()))?;
    }
    archive.start_file(FACTS, options).map_err(|e| fail(e.to_string()))?;
    let facts = serde_json::to_vec(&saved.facts).map_err(|e| fail(e.to_string()))?;
    archive.write_all(&facts).map_err(|e| fail(e.to_string()))?;
    Ok(archive.finish().map_err(|e| fail(e.to_string()))?.into_inner())
}

/// The tensors of any npz file, and the facts of one that this program wrote.
///
/// # Errors
/// If it is damaged, or an array is no array of numbers.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(NamedTensors, Option<ModelFacts>)> {
    let fail = |problem: String| Error::Weights { path: path.into(), problem };
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| fail(format!("expected an npz file, found another or a damaged one ({e})")))?;
    let (mut tensors, mut facts) = (NamedTensors::new(), None);
    let mut left = MOST;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| fail(e.to_string()))?;
        let name = entry.name().map_err(|e| fail(e.to_string()))?.into_owned();
        let mut bytes = Vec::new();
        let read = entry.take(left + 1).read_to_end(&mut bytes);
        read.map_err(|e| fail(format!("{} is damaged: {e}", shown(&name))))?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            fail(format!("its entries up to {} have more than {MOST} bytes", shown(&name)))
        })?;
        if name == FACTS {
            let text = String::from_utf8(bytes).map_err(|e| fail(e.to_string()))?;
            facts = Some(ModelFacts::parse(path, &text)?);
            continue;
        }
        let key = name.strip_suffix(".npy").unwrap_or(&name);
        let tensor = npy_values(format!("{}:{}", path.display(), shown(key)), bytes)?;
        if tensor.1.iter().any(|value| !value.is_finite()) {
            return Err(fail(format!("{} has values that are not finite", shown(key))));
        }
        tensors.insert(key.to_owned(), tensor);
    }
    Ok((tensors, facts))
}
