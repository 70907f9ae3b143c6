//! What of a run goes into the page: its facts, its graph, a recording that evaluates and explains.

use serde::Serialize;

use super::store::{ByKind, Floats, Store};
use crate::audio::{CutFrom, FrontEnd, ZeroDb};
use crate::error::Result;
use crate::explain::{LayerFacts, Readable};
use crate::gpu::{Recording, Tiles};
use crate::graph::{Graph, Op};
use crate::plan::Plan;
use crate::predict::SoundRule;
use crate::train::{ModelFacts, SavedModel};

/// Most samples in a step of evaluation: 15 s of sound with the demo's front end.
const BATCH: usize = 16;

/// A trained model: `Model` of `web/types.d.ts`.
#[derive(Serialize)]
pub(super) struct ModelText {
    title: String,
    facts: ModelFacts,
    front_end: FrontEnd,
    cutting: CuttingText,
    graph: GraphText,
    layers: Vec<LayerText>,
    recordings: ByKind,
    weights: Floats,
}

#[derive(Serialize)]
struct CuttingText {
    from: CutFrom,
    zero_db: ZeroDb,
}

/// A graph that a script walks.
#[derive(Serialize)]
pub(super) struct GraphText {
    nodes: Vec<NodeText>,
    parameters: Vec<ParameterText>,
}

#[derive(Serialize)]
struct NodeText {
    name: String,
    op: Op,
    inputs: Vec<usize>,
    shape: Vec<usize>,
}

#[derive(Serialize)]
struct ParameterText {
    name: String,
    shape: Vec<usize>,
    offset: usize,
}

#[derive(Serialize)]
struct LayerText {
    #[serde(flatten)]
    facts: LayerFacts,
    /// Which of the recording's tensors are its own.
    probe: usize,
}

impl GraphText {
    pub(super) fn of(graph: &Graph) -> Self {
        let node = |id| {
            let node = graph.node(id);
            NodeText {
                name: node.name.clone(),
                op: node.op,
                inputs: node.inputs.iter().map(|input| input.index()).collect(),
                shape: match node.shape {
                    crate::graph::Shape::Map { h, w, c } => vec![h, w, c],
                    crate::graph::Shape::Flat(len) => vec![len],
                },
            }
        };
        let parameters = graph.parameters().iter().map(|p| ParameterText {
            name: p.name.clone(),
            shape: p.shape.clone(),
            offset: p.offset,
        });
        Self { nodes: graph.ids().map(node).collect(), parameters: parameters.collect() }
    }
}

impl ModelText {
    /// Puts what is large into `store`.
    ///
    /// # Errors
    /// If the model has no maps, or it cannot be recorded.
    pub(super) fn new(
        SavedModel { parameters, facts }: SavedModel,
        graph: &Graph,
        title: String,
        SoundRule { front_end, from, zero_db }: SoundRule,
        store: &mut Store,
    ) -> Result<Self> {
        let readable = Readable::new(graph, &[])?;
        let layers = readable.layers.into_iter().zip(&readable.probes);
        let layers = layers.map(|(facts, probe)| LayerText { facts, probe: probe.index() });
        let plan = Plan::new(readable.graph, BATCH)?;
        let record = |tiles: &Tiles| Recording::new(plan.clone(), BATCH, tiles);
        Ok(Self {
            title,
            // What the page does not use.
            facts: ModelFacts { spectra: None, ..facts },
            front_end,
            cutting: CuttingText { from, zero_db },
            graph: GraphText::of(graph),
            layers: layers.collect(),
            recordings: store.add_by_kind(&record)?,
            weights: store.floats.add(&parameters),
        })
    }

    /// Its title.
    pub(super) fn title(&self) -> &str {
        &self.title
    }
}
