//! A network that is looked into.

use std::collections::BTreeSet;
use std::fmt;

use super::cam::{grad_cam, hires_cam};
use super::cells::{LayerFacts, ReceptiveSpan};
use super::maps::{Maps, SampleMaps};
use super::probe::{last_poolings, probed};
use crate::backend::{Backend, DatasetRef, State, Tensor};
use crate::device::{self, Device, Options};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Shape};
use crate::plan::Plan;

/// A network opened so that chosen layers' outputs and gradients can be read.
pub struct Explainer {
    backend: Box<dyn Backend>,
    layers: Vec<LayerFacts>,
    /// Where each layer is read.
    probes: Vec<NodeId>,
}

impl fmt::Debug for Explainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explainer").field("layers", &self.layers).finish_non_exhaustive()
    }
}

/// A graph in which chosen layers can be read.
pub(crate) struct Readable {
    /// A copy with an identity behind each layer; its weights lie as before.
    pub(crate) graph: Graph,
    /// The layers.
    pub(crate) layers: Vec<LayerFacts>,
    /// Of each the node whose output and gradient are its own.
    pub(crate) probes: Vec<NodeId>,
}

impl Readable {
    /// `layers` are names of nodes; none means the last pooling layers.
    ///
    /// # Errors
    /// If a layer is not in the graph, or has no positions or no gradient.
    pub(crate) fn new(graph: &Graph, layers: &[String]) -> Result<Self> {
        let nodes = if layers.is_empty() {
            last_poolings(graph)
        } else {
            let mut nodes =
                layers.iter().map(|name| find(graph, name)).collect::<Result<Vec<_>>>()?;
            let mut seen = BTreeSet::new();
            nodes.retain(|id| seen.insert(*id));
            nodes
        };
        let fact = |id: &NodeId| {
            let Shape::Map { h, w, c } = graph.node(*id).shape else { return None };
            let place = ReceptiveSpan::of(graph, *id)?;
            Some(LayerFacts { name: graph.node(*id).name.clone(), shape: [h, w, c], place })
        };
        let layers: Vec<LayerFacts> = nodes.iter().filter_map(fact).collect();
        let (graph, probes) = probed(graph, &nodes)?;
        if layers.is_empty() {
            return Err(Error::Model {
                model: graph.model().into(),
                problem: "it has no layer with bands and frames to explain; name one with --layer"
                    .into(),
            });
        };
        Ok(Self { graph, layers, probes })
    }
}

impl Explainer {
    /// Opens a graph on a device, all weights 0. `layers` are names of nodes; none means the
    /// last pooling layers.
    ///
    /// # Errors
    /// If a layer is not in the graph, has no positions or no gradient, or the device cannot be had.
    pub fn open(
        graph: &Graph,
        layers: &[String],
        batch: usize,
        device: Device,
        options: Options<'_>,
    ) -> Result<Self> {
        let Readable { graph, layers, probes } = Readable::new(graph, layers)?;
        let backend = device::open(device, Plan::new(graph, batch)?, options)?;
        Ok(Self { backend, layers, probes })
    }

    /// Whose maps these are.
    pub fn layers(&self) -> &[LayerFacts] {
        &self.layers
    }

    /// Where it runs.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Replaces all weights (the graph's flat buffer).
    ///
    /// # Errors
    /// If they are not as many as the graph's.
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Result<()> {
        self.backend.set_state(&State::new(parameters.to_vec()))
    }

    /// Probabilities of scaled samples `x` (`[n, h, w, c]`): `[n, classes]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn probabilities(&mut self, x: &[f32]) -> Result<Vec<f32>> {
        // What is right and wrong is not asked.
        let y = vec![0; self.count(x)?];
        let mut probabilities = Vec::new();
        self.backend.evaluate(DatasetRef::new(x, &y), &mut probabilities)?;
        Ok(probabilities)
    }

    /// Probabilities and maps of scaled samples `x`, each for the logit of its own `targets`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn maps(&mut self, x: &[f32], targets: &[u32]) -> Result<Vec<SampleMaps>> {
        self.each_maps(x, targets, &mut |_| ())
    }

    /// The same, telling after each batch how many samples it had.
    ///
    /// # Errors
    /// If the device fails.
    pub fn each_maps(
        &mut self,
        x: &[f32],
        targets: &[u32],
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<SampleMaps>> {
        let n = self.count(x)?;
        let graph = self.backend.plan().graph();
        let (classes, output) = (graph.classes(), graph.output());
        if targets.len() != n || targets.iter().any(|target| *target as usize >= classes) {
            return Err(Error::Mismatch {
                what: "classes to explain",
                expected: format!("{n}, each below {classes}"),
                found: format!("{}", targets.len()),
            });
        }
        let samples = DatasetRef::new(x, targets);
        let order: Vec<u32> = (0..n as u32).collect();
        let mut all = Vec::with_capacity(n);
        for batch in order.chunks(self.backend.plan().batch()) {
            self.backend.logit_gradients(samples, batch)?;
            let mut read = |node, what| self.backend.tensor(node, what);
            let probabilities = read(output, Tensor::Value)?;
            let tensors = (self.probes.iter())
                .map(|probe| Ok([read(*probe, Tensor::Value)?, read(*probe, Tensor::Gradient)?]))
                .collect::<Result<Vec<_>>>()?;
            for (i, row) in probabilities.chunks_exact(classes).enumerate() {
                let of = |([a, g], layer): (&[Vec<f32>; 2], &LayerFacts)| {
                    let [h, w, c] = layer.shape;
                    let here = i * h * w * c..(i + 1) * h * w * c;
                    let (a, g) = (&a[here.clone()], &g[here]);
                    Maps { grad_cam: grad_cam(c, a, g), hires_cam: hires_cam(c, a, g) }
                };
                let layers = tensors.iter().zip(&self.layers).map(of).collect();
                all.push(SampleMaps { probabilities: row.to_vec(), layers });
            }
            done(batch.len());
        }
        Ok(all)
    }

    /// Samples in `x`.
    fn count(&self, x: &[f32]) -> Result<usize> {
        let graph = self.backend.plan().graph();
        let shape = graph.node(graph.input()).shape;
        if x.len().is_multiple_of(shape.len()) {
            return Ok(x.len() / shape.len());
        }
        Err(Error::Mismatch {
            what: "samples",
            expected: format!("a multiple of {} values, {shape} each", shape.len()),
            found: x.len().to_string(),
        })
    }
}

fn find(graph: &Graph, name: &str) -> Result<NodeId> {
    graph.find(name).ok_or_else(|| {
        let maps = |id: &NodeId| matches!(graph.node(*id).shape, Shape::Map { .. });
        let names = graph.ids().skip(1).filter(maps).map(|id| graph.node(id).name.as_str());
        let names: Vec<&str> = names.collect();
        Error::Setting {
            name: "layer",
            expected: "a layer with maps",
            found: format!(
                "{name}, which {} has not; those with maps are {}",
                graph.model(),
                names.join(", ")
            ),
        }
    })
}
