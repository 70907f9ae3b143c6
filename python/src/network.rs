//! A network with its weights.

use std::path::PathBuf;

use genre_gpu::Error;
use genre_gpu::backend::{Backend, DatasetRef, Loss, State};
use genre_gpu::data::{HeldArray, PartName, Scale};
use genre_gpu::device::{self, Device, INFERENCE_SAMPLES, Options};
use genre_gpu::error::Result;
use genre_gpu::explain::Explainer;
use genre_gpu::files::write_output;
use genre_gpu::formats::{self, Format, ImportOptions, Imported};
use genre_gpu::graph::Graph;
use genre_gpu::models::Model;
use genre_gpu::models::summary::LayerTable;
use genre_gpu::plan::Plan;
use genre_gpu::train::results::Results;
use genre_gpu::train::run_folder::RunFolder;
use genre_gpu::train::settings::{Config, Recipe, Settings};
use genre_gpu::train::source;
use genre_gpu::train::{ModelFacts, SavedModel, initial_parameters, store};
use numpy::{IntoPyArray, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Borrowed, Given};
use crate::callbacks::Listener;
use crate::errors::exception;

/// Samples that are scaled and predicted at once: they stay in the cache.
const AT_ONCE: usize = 4 * INFERENCE_SAMPLES;

/// A device by its word.
pub(crate) fn device(word: &str) -> PyResult<Device> {
    match word {
        "cpu" => Ok(Device::Cpu),
        "gpu" => Ok(Device::Gpu),
        _ => Err(PyValueError::new_err(format!("device: expected cpu or gpu, found {word}"))),
    }
}

/// A model by its text, or by its name or file.
pub(crate) fn model(name: &str, text: Option<&str>) -> Result<Model> {
    text.map_or_else(|| Model::open(name), |text| Model::parse(name, text))
}

/// Refuses what is no model.
#[pyfunction]
pub(crate) fn check_model(name: &str, text: Option<&str>) -> PyResult<()> {
    model(name, text).map(drop).map_err(exception)
}

/// A network and its weights, which never change: other weights are another network.
#[pyclass(frozen, module = "genre_gpu._native")]
pub(crate) struct Network {
    saved: SavedModel,
    graph: Graph,
    config: Config,
}

#[pymethods]
impl Network {
    /// A model with the initial weights of a seed.
    #[staticmethod]
    fn initial(
        name: &str,
        text: Option<&str>,
        shape: [usize; 2],
        classes: Vec<String>,
        seed: u32,
    ) -> PyResult<Self> {
        let build = || {
            let model = model(name, text)?;
            let settings =
                Settings { model: Some(name.into()), seed: Some(seed), ..Settings::default() };
            let config = settings.resolve(Recipe::of(&model)?)?;
            let sample_shape = [shape[0], shape[1], 1];
            let graph = model.graph(sample_shape, classes.len())?;
            let facts = ModelFacts {
                version: env!("CARGO_PKG_VERSION").into(),
                name: genre_gpu::models::model_name(name),
                model: model.text.clone(),
                sample_shape,
                classes,
                scale: Scale::NONE,
                front_end: None,
                cutting: None,
                spectra: None,
                typical: None,
                temperatures: None,
                seed,
                epochs: 0,
                data_source: "none".into(),
                data_hash: String::new(),
            };
            let parameters = initial_parameters(&graph, seed);
            Ok(Self { saved: SavedModel { parameters, facts }, graph, config })
        };
        build().map_err(exception)
    }

    /// The final weights of a run.
    #[staticmethod]
    fn of_run(py: Python<'_>, run: PathBuf) -> PyResult<Self> {
        let open = || {
            let folder = RunFolder::open(&run)?;
            folder.check_finished()?;
            let (saved, graph) = folder.read_model()?;
            Ok(Self { saved, graph, config: Config::read(&folder.config())? })
        };
        py.detach(open).map_err(exception)
    }

    /// The same network with other weights: one array for each name of `weights`, in their order.
    fn with_weights(&self, weights: Vec<PyReadonlyArray1<'_, f32>>) -> PyResult<Self> {
        let mut parameters = Vec::with_capacity(self.saved.parameters.len());
        for values in &weights {
            parameters.extend_from_slice(values.as_slice()?);
        }
        if parameters.len() != self.saved.parameters.len() {
            let (want, found) = (self.saved.parameters.len(), parameters.len());
            return Err(PyValueError::new_err(format!("expected {want} weights, found {found}")));
        }
        let saved = SavedModel { parameters, facts: self.saved.facts.clone() };
        Ok(Self { saved, graph: self.graph.clone(), config: self.config.clone() })
    }

    /// Names and arrays of all weights.
    fn weights<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(String, Bound<'py, PyArrayDyn<f32>>)>> {
        let array = |p: &genre_gpu::graph::Parameter| {
            let values = self.saved.parameters[p.range()].to_vec().into_pyarray(py);
            Ok((p.name.clone(), values.reshape(p.shape.clone())?.to_dyn().clone()))
        };
        self.graph.parameters().iter().map(array).collect()
    }

    /// Facts as a dictionary; what is made of parts is JSON.
    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let facts = &self.saved.facts;
        let dict = PyDict::new(py);
        dict.set_item("name", &facts.name)?;
        dict.set_item("model", &facts.model)?;
        dict.set_item("shape", [facts.sample_shape[0], facts.sample_shape[1]])?;
        dict.set_item("classes", &facts.classes)?;
        dict.set_item("scale", (facts.scale.offset, facts.scale.factor))?;
        let front_end = facts.front_end.as_ref().map(serde_json::to_string).transpose();
        let front_end = front_end.map_err(|e| PyValueError::new_err(e.to_string()))?;
        dict.set_item("front_end", front_end)?;
        dict.set_item("seed", facts.seed)?;
        dict.set_item("epochs", facts.epochs)?;
        dict.set_item("data", &facts.data_source)?;
        dict.set_item("parameters", self.graph.parameter_count())?;
        dict.set_item("trainable", self.graph.trainable_count())?;
        let layers: Vec<&str> =
            self.graph.nodes().iter().skip(1).map(|node| node.name.as_str()).collect();
        dict.set_item("layers", layers)?;
        Ok(dict)
    }

    /// The table of layers.
    fn summary(&self) -> String {
        LayerTable(&self.graph).to_string()
    }

    /// Probabilities of samples, `[n, classes]`.
    #[pyo3(signature = (x, device, adapter, threads))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArray1<'py, f32>,
        device: &str,
        adapter: Option<&str>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let device = self::device(device)?;
        let x = x.as_slice()?;
        let options = Options { threads, adapter, tiles: None };
        let probabilities = py.detach(|| self.probabilities(x, device, options))?;
        let classes = self.saved.facts.classes.len();
        let n = probabilities.len() / classes;
        probabilities.into_pyarray(py).reshape([n, classes])
    }

    /// Mean loss with the penalty, and accuracy.
    #[pyo3(signature = (arrays, device, adapter, threads, listener))]
    fn evaluate(
        &self,
        py: Python<'_>,
        arrays: Vec<Given<'_>>,
        device: &str,
        adapter: Option<&str>,
        threads: usize,
        listener: Py<PyAny>,
    ) -> PyResult<(f32, f64)> {
        let device = self::device(device)?;
        let arrays = Borrowed::new(arrays)?;
        let held = arrays.held()?;
        let options = Options { threads, adapter, tiles: None };
        let listener = Listener::new(py, listener)?;
        let results = py.detach(|| self.results(&held, device, options, &listener));
        listener.raised()?;
        let results = results.map_err(exception)?;
        Ok((results.loss, results.confusion.accuracy()))
    }

    /// Maps of one layer for the classes `targets`: a dictionary.
    #[pyo3(signature = (x, targets, method, layer, device, adapter, threads))]
    #[expect(clippy::too_many_arguments, reason = "one for each option of explain")]
    fn maps<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArray1<'py, f32>,
        targets: Vec<u32>,
        method: &str,
        layer: Option<String>,
        device: &str,
        adapter: Option<&str>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let is_grad_cam = match method {
            "grad_cam" => true,
            "hires_cam" => false,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "method: expected grad_cam or hires_cam, found {method}"
                )));
            }
        };
        let device = self::device(device)?;
        let x = x.as_slice()?;
        let options = Options { threads, adapter, tiles: None };
        let made = py.detach(|| {
            let mut scaled = x.to_vec();
            self.saved.facts.scale.apply(&mut scaled);
            let layers: Vec<String> = layer.into_iter().collect();
            let batch = targets.len().clamp(1, INFERENCE_SAMPLES);
            let mut explainer = Explainer::open(&self.graph, &layers, batch, device, options)?;
            explainer.set_parameters(&self.saved.parameters)?;
            let maps = explainer.maps(&scaled, &targets)?;
            Ok((explainer.layers().to_vec(), maps))
        });
        let (layers, made) = made.map_err(exception)?;
        let Some(facts) = layers.first() else {
            return Err(PyValueError::new_err("the network has no layer with bands and frames"));
        };
        let [h, w, _] = facts.shape;
        let mut maps: Vec<f32> = Vec::with_capacity(made.len() * h * w);
        let mut probabilities = Vec::new();
        for sample in &made {
            probabilities.extend_from_slice(&sample.probabilities);
            if let Some(of_layer) = sample.layers.first() {
                maps.extend(if is_grad_cam { &of_layer.grad_cam } else { &of_layer.hires_cam });
            }
        }
        let dict = PyDict::new(py);
        dict.set_item("layer", &facts.name)?;
        dict.set_item("maps", maps.into_pyarray(py).reshape([made.len(), h, w])?)?;
        let classes = self.saved.facts.classes.len();
        let probabilities = probabilities.into_pyarray(py).reshape([made.len(), classes])?;
        dict.set_item("probabilities", probabilities)?;
        for (axis, grid) in [("bands", facts.place.bands), ("frames", facts.place.frames)] {
            dict.set_item(axis, (grid.first, grid.size, grid.count))?;
        }
        Ok(dict)
    }

    /// Writes a run folder of these weights alone.
    fn save(&self, py: Python<'_>, folder: PathBuf, overwrite: bool) -> PyResult<()> {
        py.detach(|| store(&self.saved, &self.graph, &folder, overwrite)).map_err(exception)
    }

    /// Writes a file for another program; its format by its word, or by the file's name.
    fn export(&self, py: Python<'_>, path: PathBuf, format: Option<&str>) -> PyResult<()> {
        let all = Format::ALL.map(Format::as_str).join(", ");
        let format = match format {
            Some(word) => Format::ALL.into_iter().find(|format| format.as_str() == word),
            None => Format::of_name(&path),
        };
        let format = format.ok_or_else(|| {
            let found = format!("{}, {}", format.map_or("none", Format::as_str), path.display());
            PyValueError::new_err(format!(
                "format: expected one of {all}, or a path whose name ends so; found {found}"
            ))
        })?;
        let write = || {
            let bytes = formats::export(&self.saved, &self.graph, format)?;
            write_output(&path, |file| file.write_all(&bytes))
        };
        py.detach(write).map_err(exception)
    }

    /// Reads a file of another program; also what a user should know of it.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "one for each option of import")]
    fn of_file(
        py: Python<'_>,
        path: PathBuf,
        model: Option<(String, Option<String>)>,
        input: Option<[usize; 2]>,
        name: Option<String>,
        classes: Option<Vec<String>>,
        scale: Option<(f32, f32)>,
        front_end: Option<&str>,
    ) -> PyResult<(Self, Vec<String>)> {
        let front_end = front_end.map(str::parse).transpose().map_err(PyValueError::new_err)?;
        let read = || {
            let model =
                model.map(|(name, text)| self::model(&name, text.as_deref())).transpose()?;
            let scale =
                scale.map(|(mean, deviation)| Scale::standard(mean, deviation)).transpose()?;
            let options = ImportOptions { model, input, name, classes, scale, front_end };
            let Imported { saved, graph, notes } = formats::import(&path, &options)?;
            let config = Settings::default().resolve(Recipe::default())?;
            Ok((Self { saved, graph, config }, notes))
        };
        py.detach(read).map_err(exception)
    }
}

impl Network {
    fn open(
        &self,
        samples: usize,
        device: Device,
        options: Options<'_>,
    ) -> Result<Box<dyn Backend>> {
        let batch = samples.clamp(1, INFERENCE_SAMPLES);
        let loss = Loss { label_smoothing: self.config.label_smoothing, ..Loss::default() };
        let plan = Plan::for_inference(self.graph.clone(), batch)?.with_loss(&loss)?;
        let mut backend = device::open(device, plan, options)?;
        backend.set_state(&State::new(self.saved.parameters.clone()))?;
        Ok(backend)
    }

    fn probabilities(&self, x: &[f32], device: Device, options: Options<'_>) -> PyResult<Vec<f32>> {
        let facts = &self.saved.facts;
        let sample: usize = facts.sample_shape.iter().product();
        let n = x.len() / sample;
        let mut backend = self.open(n, device, options).map_err(exception)?;
        let mut all = Vec::with_capacity(n * facts.classes.len());
        let (mut scaled, mut some) = (Vec::new(), Vec::new());
        for x in x.chunks(AT_ONCE * sample) {
            Python::attach(|py| py.check_signals())?;
            if let Some(at) = x.iter().position(|value| !value.is_finite()) {
                let i = all.len() / facts.classes.len() + at / sample;
                let (expected, found) =
                    ("finite values".into(), format!("{} in sample {i}", x[at]));
                let what = "samples to predict";
                return Err(exception(Error::Mismatch { what, expected, found }));
            }
            scaled.clear();
            scaled.extend_from_slice(x);
            facts.scale.apply(&mut scaled);
            // Nobody knows its class; what the backend says of right and wrong is not looked at.
            let y = vec![0; x.len() / sample];
            backend.evaluate(DatasetRef::new(&scaled, &y), &mut some).map_err(exception)?;
            all.extend_from_slice(&some);
        }
        Ok(all)
    }

    fn results(
        &self,
        arrays: &[HeldArray<'_>],
        device: Device,
        options: Options<'_>,
        listener: &Listener,
    ) -> Result<Results> {
        let facts = &self.saved.facts;
        // The arrays are laid out as `predict` takes them, whatever the run's own files were like.
        let config = Config {
            class_names: Some(facts.classes.clone()),
            front_end: None,
            transpose: false,
            split: None,
            fold: None,
            arrays: Default::default(),
            ..self.config.clone()
        };
        let mut data = source::of_arrays(&config, arrays, listener)?.data;
        if data.sample_shape != facts.sample_shape {
            return Err(Error::Mismatch {
                what: "samples",
                expected: format!("shape {:?}, as the model has", facts.sample_shape),
                found: format!("{:?}", data.sample_shape),
            });
        }
        data.apply(&facts.scale);
        let mut backend = self.open(data.test.len(), device, options)?;
        let samples = DatasetRef::new(&data.test.x, &data.test.y);
        Results::of(backend.as_mut(), PartName::Test, &data.test, samples)
    }
}
