//! A probe is an identity op (a dropout of rate 0) behind a layer. No device fuses it with its
//! neighbours, and its gradient is that of the layer's output, after its ReLU.

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Op, Shape};

/// A copy of the graph with a probe behind each of `nodes`; the layout of the weights does not
/// change. Returns the ids of the probes in the order of `nodes`.
///
/// # Errors
/// If a node has no positions, or nothing before it learns, so that it has no gradient.
pub(super) fn probed(graph: &Graph, nodes: &[NodeId]) -> Result<(Graph, Vec<NodeId>)> {
    let shape = graph.node(graph.input()).shape;
    let mut result = Graph::new(graph.model(), shape);
    // Where each old node's output is to be read.
    let mut now = vec![result.input()];
    let mut probes = vec![None; nodes.len()];
    for id in graph.ids().skip(1) {
        let node = graph.node(id);
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| now[input.index()]).collect();
        let mut at = result.push(&node.name, node.op, &inputs)?;
        if let Some(k) = nodes.iter().position(|wanted| *wanted == id) {
            check(graph, id)?;
            at = result.push(&format!("{} (read)", node.name), Op::Dropout { rate: 0.0 }, &[at])?;
            probes[k] = Some(at);
        }
        now.push(at);
    }
    let probes: Option<Vec<NodeId>> = probes.into_iter().collect();
    let probes = probes.ok_or_else(|| Error::Setting {
        name: "layer",
        expected: "layers that differ, without the input",
        found: "the input, or a layer twice".into(),
    })?;
    Ok((result, probes))
}

fn check(graph: &Graph, id: NodeId) -> Result<()> {
    let node = graph.node(id);
    let problem = if !matches!(node.shape, Shape::Map { .. }) {
        format!("its output {} has no bands and frames, so it has no map", node.shape)
    } else if !graph.learns(id) {
        "nothing before it learns, so it has no gradient; name a layer further on".into()
    } else {
        return Ok(());
    };
    let (expected, found) = ("a layer with maps", format!("{}: {problem}", node.name));
    Err(Error::Setting { name: "layer", expected, found })
}

/// The layers that are explained where none is named: of each way from the input to the output
/// the last pooling, and where those tell of one axis only, the last layer that still has both.
pub(super) fn last_poolings(graph: &Graph) -> Vec<NodeId> {
    let eligible = |id: &NodeId| check(graph, *id).is_ok();
    let mut found: Vec<NodeId> = graph
        .ids()
        .filter(|id| is_pooling(graph, *id) && eligible(id) && ends_unpooled(graph, *id))
        .collect();
    let both = |id: &NodeId| match graph.node(*id).shape {
        Shape::Map { h, w, .. } => h > 1 && w > 1,
        Shape::Flat(_) => false,
    };
    if !found.iter().any(both) {
        let last = |id: &NodeId| !readers(graph, *id).any(|reader| both(&reader));
        found.extend(graph.ids().filter(|id| both(id) && eligible(id) && last(id)));
    }
    found
}

/// The nodes that take the output of `id`.
fn readers(graph: &Graph, id: NodeId) -> impl Iterator<Item = NodeId> {
    graph.ids().filter(move |reader| graph.node(*reader).inputs.contains(&id))
}

fn is_pooling(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).op, Op::MaxPool2d { .. } | Op::AvgPool2d { .. } | Op::StdPool2d { .. })
}

/// Whether some way from the node to the output meets no further pooling.
fn ends_unpooled(graph: &Graph, id: NodeId) -> bool {
    id == graph.output()
        || readers(graph, id)
            .any(|reader| !is_pooling(graph, reader) && ends_unpooled(graph, reader))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    fn graph(model: &str) -> Graph {
        Model::open(model).unwrap().graph([80, 25, 1], 4).unwrap()
    }

    fn names(graph: &Graph, ids: &[NodeId]) -> Vec<String> {
        ids.iter().map(|id| graph.node(*id).name.clone()).collect()
    }

    #[test]
    fn the_last_pooling_of_each_way_is_explained() {
        let p1 = graph("p1");
        assert_eq!(names(&p1, &last_poolings(&p1)), ["max_pooling2d_2"]);
        let p2 = graph("p2");
        assert_eq!(names(&p2, &last_poolings(&p2)), ["band.pool2", "time.norm", "frequency.norm"]);
    }

    #[test]
    fn weights_stay_where_they_are() {
        for model in ["p1", "p2", "p2-bands"] {
            let graph = graph(model);
            let (probed, probes) = probed(&graph, &last_poolings(&graph)).unwrap();
            let places = |g: &Graph| -> Vec<_> {
                g.parameters().iter().map(|p| (p.name.clone(), p.range())).collect()
            };
            assert_eq!(places(&probed), places(&graph));
            assert_eq!(probed.nodes().len(), graph.nodes().len() + probes.len());
            for probe in probes {
                let below = probed.node(probed.node(probe).inputs[0]).name.clone();
                assert_eq!(probed.node(probe).name, format!("{below} (read)"));
            }
        }
    }

    #[test]
    fn a_layer_without_map_or_gradient_is_refused() {
        let p2 = graph("p2");
        let problem =
            |node: &str| probed(&p2, &[p2.find(node).unwrap()]).map(drop).unwrap_err().to_string();
        assert!(problem("head.dense").contains("[32] has no bands and frames"));
        assert!(problem("level.max").contains("nothing before it learns"));
    }
}
