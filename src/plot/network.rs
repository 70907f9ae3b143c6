//! A network's nodes from the input down, each below all that it reads.

use super::drawing::{Anchor, Drawing, Look, Shape, Step, Text};
use super::font;
use super::style::{Colour, NOTE, TICK};
use crate::graph::{Activation, Function, Graph, Node, NodeId, Op, Padding, Parameter};
use crate::text::thousands;

const BOX: (f64, f64) = (164.0, 58.0);
/// Between boxes of one row.
const GAP: f64 = 16.0;
/// Between rows.
const DROP: f64 = 26.0;
/// What an edge takes where it passes a row.
const PASS: f64 = 14.0;

/// What stands in a row: a node, or an edge on its way past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Node(NodeId),
    Edge(NodeId, NodeId),
}

/// A box for each node with its name, operation, output and parameters, and lines between them.
pub fn network(graph: &Graph) -> Drawing {
    let ranks = ranks(graph);
    let rows = rows(graph, &ranks);
    let width_of = |item: &Item| if matches!(item, Item::Node(_)) { BOX.0 } else { PASS };
    let extent = |row: &Vec<Item>| row.iter().map(|i| width_of(i) + GAP).sum::<f64>() - GAP;
    let width = rows.iter().map(extent).fold(0.0, f64::max) + 4.0;
    let height = rows.len() as f64 * (BOX.1 + DROP) - DROP + 4.0;
    // Middle of each item, row by row.
    let places: Vec<Vec<(Item, f64)>> = rows
        .iter()
        .map(|row| {
            let mut x = (width - extent(row)) / 2.0;
            let place = |item: &Item| {
                let middle = x + width_of(item) / 2.0;
                x += width_of(item) + GAP;
                (*item, middle)
            };
            row.iter().map(place).collect()
        })
        .collect();
    let x_of = |rank: usize, item: Item| {
        places[rank].iter().find(|(other, _)| *other == item).map_or(0.0, |(_, x)| *x)
    };
    let top = |rank: usize| 2.0 + rank as f64 * (BOX.1 + DROP);
    let mut drawing = Drawing::new((width, height), "network", &said(graph));
    for to in graph.ids() {
        for from in &graph.node(to).inputs {
            let (first, last) = (ranks[from.index()], ranks[to.index()]);
            let mut at = (x_of(first, Item::Node(*from)), top(first) + BOX.1);
            let mut steps = vec![Step::Move(at)];
            for rank in first + 1..=last {
                let item = if rank == last { Item::Node(to) } else { Item::Edge(*from, to) };
                let (x, y) = (x_of(rank, item), top(rank));
                let half = (at.1 + y) / 2.0;
                steps.push(Step::Curve((at.0, half), (x, half), (x, y)));
                at = (x, y + BOX.1);
                if rank < last {
                    steps.push(Step::Line(at));
                }
            }
            drawing.add(Shape::Path(steps), Look::stroke(Colour::Faint, 1.4));
        }
    }
    for (rank, row) in places.iter().enumerate() {
        for (item, x) in row {
            if let Item::Node(id) = item {
                draw(&mut drawing, graph, *id, (*x, top(rank)));
            }
        }
    }
    drawing
}

fn draw(drawing: &mut Drawing, graph: &Graph, id: NodeId, (x, y): (f64, f64)) {
    let node = graph.node(id);
    let count: usize = graph.parameters_of(id).map(Parameter::len).sum();
    // What learns has a thick blue edge.
    let edge = if count > 0 { (Colour::Series(0), 2.0) } else { (Colour::Grid, 1.2) };
    let look = Look { fill: Some(Colour::Wash), stroke: Some(edge), ..Look::default() };
    drawing.add(Shape::Rect((x - BOX.0 / 2.0, y), BOX, 6.0), look);
    let parameters = match count {
        0 => String::new(),
        n => format!(" · {} par.", thousands(n as u64)),
    };
    let shape = format!("{}{parameters}", node.shape);
    let lines = [
        (17.0, short(&node.name), TICK, Colour::Ink),
        (33.0, what(node), TICK, Colour::Ink),
        (49.0, shape, NOTE, Colour::Faint),
    ];
    for (down, text, size, colour) in lines {
        // Cut here rather than on the page, whose letters may be wider.
        let text = font::shorten(&text, size, BOX.0 - 8.0);
        let (anchor, upwards, bold) = (Anchor::Middle, false, down < 20.0);
        let text = Text { at: (x, y + down), text, size, anchor, upwards, bold };
        drawing.add(Shape::Text(text), Look::fill(colour));
    }
}

/// A name that fits the box.
fn short(name: &str) -> String {
    const MOST: usize = 20;
    match name.chars().count() {
        0..=MOST => name.to_owned(),
        _ => name.chars().take(MOST - 1).chain(['…']).collect(),
    }
}

/// What a node does, in few letters.
pub fn what(node: &Node) -> String {
    let relu = |activation: Activation| match activation {
        Activation::Relu => ", ReLU",
        Activation::Linear => "",
    };
    let every = |strides: [usize; 2]| match strides {
        [1, 1] => String::new(),
        [rows, columns] => format!(", strides {rows}×{columns}"),
    };
    match node.op {
        Op::Input => "bands × frames × 1".into(),
        Op::Conv2d { filters, kernel: [h, w], strides, padding, activation, .. } => {
            let valid = if padding == Padding::Valid { ", valid" } else { "" };
            format!("{filters} filters {h}×{w}{}{valid}{}", every(strides), relu(activation))
        }
        Op::DepthwiseConv2d {
            kernel: [h, w], multiplier, strides, padding, activation, ..
        } => {
            let valid = if padding == Padding::Valid { ", valid" } else { "" };
            let each = if multiplier == 1 { String::new() } else { format!(", {multiplier} each") };
            format!("depthwise {h}×{w}{each}{}{valid}{}", every(strides), relu(activation))
        }
        Op::MaxPool2d { window: [h, w] } => format!("maximum of {h}×{w}"),
        Op::AvgPool2d { window: [h, w] } => format!("mean of {h}×{w}"),
        Op::StdPool2d { window: [h, w], .. } => format!("deviation of {h}×{w}"),
        Op::BatchNorm { activation, .. } => format!("batch norm{}", relu(activation)),
        Op::Activation { function } => match function {
            Function::Elu => "ELU".into(),
            Function::Gelu => "GELU".into(),
            Function::LeakyRelu { slope } => format!("leaky ReLU, slope {slope}"),
            Function::Sigmoid => "sigmoid".into(),
            Function::Tanh => "tanh".into(),
        },
        Op::Dropout { rate } => format!("dropout {:.0} %", 100.0 * rate),
        Op::Crop { bands } => format!("lowest {bands} bands"),
        Op::AxisToChannels { .. } => "axis to channels".into(),
        Op::Flatten => "flatten".into(),
        Op::Concat => "join".into(),
        Op::Add => "sum".into(),
        Op::Dense { units, activation, l2, .. } => {
            let penalty = if l2 > 0.0 { format!(", L2 {l2}") } else { String::new() };
            format!("dense {units}{}{penalty}", relu(activation))
        }
        Op::Softmax => "softmax".into(),
    }
}

/// The drawing in words.
fn said(graph: &Graph) -> String {
    let node = |id: NodeId| {
        let node = graph.node(id);
        let reads: Vec<&str> =
            node.inputs.iter().map(|input| graph.node(*input).name.as_str()).collect();
        let reads =
            if reads.is_empty() { String::new() } else { format!(" of {}", reads.join(", ")) };
        format!("{}: {}{reads}, {}", node.name, what(node), node.shape)
    };
    format!("The network's nodes: {}.", graph.ids().map(node).collect::<Vec<_>>().join("; "))
}

/// The row of each node: as far down as those that read it allow, so that short branches end
/// beside long ones.
fn ranks(graph: &Graph) -> Vec<usize> {
    let mut depth = vec![0; graph.nodes().len()];
    for id in graph.ids() {
        let above = graph.node(id).inputs.iter().map(|input| depth[input.index()] + 1).max();
        depth[id.index()] = above.unwrap_or(0);
    }
    let last = depth.iter().copied().max().unwrap_or(0);
    let mut ranks = vec![last; depth.len()];
    for id in graph.ids().rev() {
        for input in &graph.node(id).inputs {
            ranks[input.index()] = ranks[input.index()].min(ranks[id.index()] - 1);
        }
    }
    ranks
}

/// Each row's items from left to right: as those that they read stand.
fn rows(graph: &Graph, ranks: &[usize]) -> Vec<Vec<Item>> {
    let count = ranks.iter().max().map_or(0, |last| last + 1);
    let mut rows: Vec<Vec<Item>> = vec![Vec::new(); count];
    for id in graph.ids() {
        rows[ranks[id.index()]].push(Item::Node(id));
        for input in &graph.node(id).inputs {
            for row in &mut rows[ranks[input.index()] + 1..ranks[id.index()]] {
                row.push(Item::Edge(*input, id));
            }
        }
    }
    for rank in 1..count {
        let (above, below) = rows.split_at_mut(rank);
        let above = &above[rank - 1];
        // Twice the mean place of what an item hangs from.
        let place = |item: &Item| -> usize {
            let of = |from: NodeId, to: NodeId| {
                let hangs = |other: &Item| [Item::Node(from), Item::Edge(from, to)].contains(other);
                above.iter().position(hangs).unwrap_or(0)
            };
            match item {
                Item::Node(id) => {
                    let inputs = &graph.node(*id).inputs;
                    let sum: usize = inputs.iter().map(|input| of(*input, *id)).sum();
                    2 * sum / inputs.len().max(1)
                }
                Item::Edge(from, to) => 2 * of(*from, *to),
            }
        };
        below[0].sort_by_key(place);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    #[test]
    fn every_node_stands_below_what_it_reads() {
        for name in ["p1", "p2", "p2-timbre"] {
            let graph = Model::open(name).unwrap().graph([80, 80, 1], 4).unwrap();
            let ranks = ranks(&graph);
            for id in graph.ids() {
                for input in &graph.node(id).inputs {
                    assert!(ranks[input.index()] < ranks[id.index()], "{name}");
                }
            }
            let svg = network(&graph).svg();
            let edges: usize = graph.nodes().iter().map(|node| node.inputs.len()).sum();
            assert_eq!(svg.matches("<path").count(), edges, "{name}");
            assert_eq!(svg.matches("<rect").count(), graph.nodes().len(), "{name}");
        }
    }

    /// P2's summaries of a band stand side by side, though three of them hang from the crop.
    #[test]
    fn short_branches_end_beside_long_ones() {
        let graph = Model::open("p2").unwrap().graph([80, 80, 1], 4).unwrap();
        let ranks = ranks(&graph);
        let rank = |name: &str| ranks[graph.find(name).unwrap().index()];
        for name in ["frequency.max", "level.max", "level.deviation"] {
            assert_eq!(rank(name), rank("time.max"), "{name}");
        }
        assert_eq!(rank("profile"), rank("time.max") + 1);
    }

    #[test]
    fn sizes_are_the_graphs() {
        let graph = Model::open("p1").unwrap().graph([80, 80, 1], 4).unwrap();
        let svg = network(&graph).svg();
        for text in ["8 filters 5×5, ReLU", "[40, 40, 4]", "80,050 par.", "dense 50, ReLU, L2 0.01"]
        {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }
}
