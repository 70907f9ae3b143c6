//! `model.weights.h5`: HDF5 with the variables of each layer as `layers/GROUP/vars/0`, `1`, ….

use std::collections::BTreeMap;
use std::path::Path;

use hdf5_pure::{AttrValue, DType, File, FileBuilder, Group};

use crate::error::{Error, Result};
use crate::panics::quiet_catch_unwind;

/// Beside Keras's groups, which do not look at it: the facts of the model as bytes of JSON.
const FACTS: &str = "genre_gpu";
/// What Keras 2 wrote in the place of `layers`.
const LAYERS_OF_2_13: &str = "_layer_checkpoint_dependencies";

/// The variables of a layer, in Keras's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Variables {
    /// The layer's name; files of older versions have none.
    pub(super) name: Option<String>,
    /// Shape and values.
    pub(super) values: Vec<(Vec<usize>, Vec<f32>)>,
}

/// The contents of a file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Weights {
    /// JSON of the facts, if this program wrote the file.
    pub(super) facts: Option<String>,
    /// By group; layers without variables are left out.
    pub(super) layers: BTreeMap<String, Variables>,
}

/// The bytes of a file.
///
/// # Errors
/// If the values do not fit their shapes.
pub(super) fn write(weights: &Weights) -> Result<Vec<u8>> {
    let mut file = FileBuilder::new();
    let mut layers = file.create_group("layers");
    for (group, Variables { name, values }) in &weights.layers {
        let mut layer = layers.create_group(group);
        let mut vars = layer.create_group("vars");
        if let Some(name) = name {
            vars.set_attr("name", AttrValue::VarLenString(name.clone()));
        }
        for (i, (shape, values)) in values.iter().enumerate() {
            let shape: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
            vars.create_dataset(&i.to_string()).with_f32_data(values).with_shape(&shape);
        }
        layer.add_group(vars.finish());
        layers.add_group(layer.finish());
    }
    file.add_group(layers.finish());
    if let Some(facts) = &weights.facts {
        file.create_dataset(FACTS).with_u8_data(facts.as_bytes());
    }
    file.finish()
        .map_err(|e| Error::Weights { path: "model.weights.h5".into(), problem: e.to_string() })
}

/// Reads a file's bytes; `path` names it in errors.
///
/// # Errors
/// If it is damaged, or another kind of HDF5 file.
pub(super) fn read(path: &Path, bytes: Vec<u8>) -> Result<Weights> {
    let parsed = quiet_catch_unwind(|| parse(bytes)).unwrap_or_else(|panic| Err(damaged(panic)));
    parsed.map_err(|problem| Error::Weights { path: path.into(), problem })
}

fn damaged(e: impl std::fmt::Display) -> String {
    format!("expected a file of Keras's weights (HDF5), found another or a damaged one ({e})")
}

fn parse(bytes: Vec<u8>) -> Result<Weights, String> {
    let most = bytes.len();
    let file = File::from_bytes(bytes).map_err(damaged)?;
    let end = file.superblock().eof_address;
    if end > most as u64 {
        return Err(damaged(format!("{end} bytes were written, {most} are there")));
    }
    // What all arrays together may have: names of one array, of which a file can have many, count each.
    let mut left = most;
    let root = file.root();
    let mut facts = None;
    let names = root.datasets().map_err(damaged)?;
    if names.iter().any(|name| name == FACTS) {
        let dataset = root.dataset(FACTS).map_err(damaged)?;
        count(&dataset.shape().map_err(damaged)?, left)?;
        let bytes = dataset.read_u8().map_err(damaged)?;
        facts = Some(String::from_utf8(bytes).map_err(damaged)?);
    }
    let groups = root.groups().map_err(damaged)?;
    let has = |name: &str| groups.iter().any(|group| group == name);
    if !has("layers") {
        let attributes = root.attrs().map_err(damaged)?;
        if has(LAYERS_OF_2_13) {
            return Err(
                "Keras 2 wrote this file; load its weights in Keras 3 and save them again: \
                        model.load_weights(FILE); model.save_weights(\"model.weights.h5\")"
                    .into(),
            );
        }
        if has("model_weights") || attributes.contains_key("model_config") {
            return Err("a whole model in Keras's older HDF5 format; convert it in Python: \
                        keras.saving.load_model(FILE, compile=False).save(\"model.keras\")"
                .into());
        }
        if attributes.contains_key("layer_names") {
            return Err(
                "weights in the HDF5 format of Keras 2; load them in Keras 3 and save them again: \
                        model.load_weights(FILE); model.save_weights(\"model.weights.h5\")"
                    .into(),
            );
        }
        return Err("an HDF5 file without the group \"layers\", which weights of Keras 3 \
                    (model.save_weights(\"model.weights.h5\")) have"
            .into());
    }
    let all = root.group("layers").map_err(damaged)?;
    let mut layers = BTreeMap::new();
    for group in all.groups().map_err(damaged)? {
        let layer = all.group(&group).map_err(damaged)?;
        if layer.groups().map_err(damaged)?.iter().any(|name| name == "layers") {
            return Err(format!(
                "layer group \"{}\" is a model within the model, which is not read; build the model of \
                 its layers alone",
                crate::text::shown(&group)
            ));
        }
        let variables = variables(&layer, &mut left).map_err(|problem| {
            format!("layer group \"{}\": {problem}", crate::text::shown(&group))
        })?;
        if !variables.values.is_empty() {
            layers.insert(group, variables);
        }
    }
    Ok(Weights { facts, layers })
}

/// `vars/0`, `1`, … of a layer's group, which take their elements from those that are left.
fn variables(layer: &Group, left: &mut usize) -> Result<Variables, String> {
    if !layer.groups().map_err(damaged)?.iter().any(|name| name == "vars") {
        return Ok(Variables::default());
    }
    let vars = layer.group("vars").map_err(damaged)?;
    let attributes = vars.attrs().map_err(damaged)?;
    let name = attributes.get("name").and_then(AttrValue::as_str).map(str::to_owned);
    let mut values = Vec::new();
    let known = vars.datasets().map_err(damaged)?;
    for i in 0..known.len() {
        let variable = i.to_string();
        if !known.contains(&variable) {
            return Err(format!("expected variables 0 to {}, found no {i}", known.len() - 1));
        }
        let dataset = vars.dataset(&variable).map_err(damaged)?;
        let shape = count(&dataset.shape().map_err(damaged)?, *left)?;
        *left -= shape.iter().product::<usize>();
        let kind = dataset.dtype().map_err(damaged)?;
        if !matches!(kind, DType::F32 | DType::F64) {
            return Err(format!("variable {i}: expected f32 or f64, found {kind}"));
        }
        let found = dataset.read_f32().map_err(damaged)?;
        if found.len() != shape.iter().product::<usize>() {
            return Err(damaged(format!("variable {i} has {} values", found.len())));
        }
        if found.iter().any(|value| !value.is_finite()) {
            return Err(format!("variable {i} has values that are not finite"));
        }
        values.push((shape, found));
    }
    Ok(Variables { name, values })
}

/// A shape, if a file of `most` bytes can hold its elements: Keras compresses nothing.
fn count(shape: &[u64], most: usize) -> Result<Vec<usize>, String> {
    let elements = shape.iter().try_fold(1u64, |all, n| all.checked_mul(*n));
    if elements.is_none_or(|elements| elements > most as u64) {
        return Err(damaged(format!("an array claims the shape {shape:?}")));
    }
    shape.iter().map(|n| usize::try_from(*n).map_err(damaged)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let mut layers = BTreeMap::new();
        for i in 0..40 {
            let values = vec![(vec![2, 3], vec![i as f32 + 0.1; 6]), (vec![3], vec![-1.0; 3])];
            layers.insert(format!("dense_{i}"), Variables { name: Some(format!("é {i}")), values });
        }
        // Longer than what an HDF5 attribute can hold.
        Weights { facts: Some("x".repeat(100_000)), layers }
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = write(&weights()).unwrap();
        assert_eq!(read(Path::new("w.h5"), bytes).unwrap(), weights());
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_panic() {
        let bytes = write(&Weights { facts: None, ..weights() }).unwrap();
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        };
        let mut errors = 0;
        for i in 0..2000 {
            let mut damaged = bytes.clone();
            match i % 4 {
                0 => damaged.truncate(random() % bytes.len()),
                _ => damaged[random() % bytes.len()] = random() as u8,
            }
            errors += usize::from(read(Path::new("w.h5"), damaged).is_err());
        }
        assert!(errors >= 400, "{errors} errors");
        let error = read(Path::new("w.h5"), b"RIFF".to_vec()).unwrap_err().to_string();
        assert!(error.starts_with("w.h5: expected a file of Keras's weights"), "{error}");
    }
}
