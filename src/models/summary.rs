//! The layer table in Keras's format, and the parameter count in words.

use std::fmt::{self, Write};

use super::model_name;
use crate::graph::{Graph, Node, NodeId, Parameter, Shape};
use crate::text::thousands;

/// The table of layers: name (op), output shape, parameters, and the total.
#[derive(Debug, Clone, Copy)]
pub struct LayerTable<'a>(pub &'a Graph);

impl fmt::Display for LayerTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self.0;
        let rows: Vec<[String; 4]> = graph.ids().map(|id| row(graph, id)).collect();
        let head = ["Layer (type)", "Output shape", "Param #", "Reads"];
        let branches = graph.ids().skip(1).any(|id| !reads_previous(graph, id));
        let width = |i: usize| {
            let cells = rows.iter().map(|r| r[i].chars().count()).chain([head[i].len()]);
            cells.max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..3).map(width).collect();
        let left: usize = widths.iter().map(|width| width + 2).sum();
        // Names that a node reads; more go below.
        let reads = COLUMNS.saturating_sub(left + 2).max(head[3].len()).min(width(3));
        if branches {
            widths.push(reads);
        }
        let line = |cells: &[String; 4]| {
            let mut text = String::new();
            let mut below = String::new();
            for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let (cell, rest) = match i {
                    3 => cell.split_at(fitting(cell, reads)),
                    _ => (cell.as_str(), ""),
                };
                below.push_str(rest.trim_start());
                // Numbers are right-aligned.
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if i == 2 { (pad.as_str(), "") } else { ("", pad.as_str()) };
                let _ = write!(text, " {before}{cell}{after} ");
            }
            // What one line has no room for stands below it.
            let mut rest = below.as_str();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(fitting(rest, reads));
                text = format!("{}\n{} {now}", text.trim_end(), " ".repeat(left));
                rest = later.trim_start();
            }
            text.trim_end().to_owned()
        };
        let rule = |mark: &str| mark.repeat(widths.iter().map(|w| w + 2).sum());
        writeln!(f, "Model: \"{}\"", model_name(graph.model()))?;
        writeln!(f, "{}", rule("─"))?;
        writeln!(f, "{}", line(&head.map(String::from)))?;
        writeln!(f, "{}", rule("═"))?;
        for row in &rows {
            writeln!(f, "{}", line(row))?;
        }
        writeln!(f, "{}", rule("═"))?;
        let (total, trainable) = (graph.parameter_count(), graph.trainable_count());
        let counts =
            [("Total", total), ("Trainable", trainable), ("Non-trainable", total - trainable)];
        counts.into_iter().try_for_each(|(which, count)| {
            let kib = (count * 4) as f64 / 1024.0;
            writeln!(f, " {which} params: {} ({kib:.2} KiB)", thousands(count as u64))
        })
    }
}

/// Columns of a terminal that the table keeps to.
const COLUMNS: usize = 80;

/// How much of a list of names fits so many columns, up to a comma and at least one name.
fn fitting(names: &str, columns: usize) -> usize {
    if names.chars().count() <= columns {
        return names.len();
    }
    let ends: Vec<usize> = names.match_indices(", ").map(|(at, _)| at + 1).collect();
    let fits = |end: &&usize| names.get(..**end).is_some_and(|n| n.chars().count() <= columns);
    ends.iter().rfind(fits).or(ends.first()).copied().unwrap_or(names.len())
}

fn row(graph: &Graph, id: NodeId) -> [String; 4] {
    let node = graph.node(id);
    let shape = match node.shape {
        Shape::Map { h, w, c } => format!("(None, {h}, {w}, {c})"),
        Shape::Flat(n) => format!("(None, {n})"),
    };
    let names: Vec<&str> = node.inputs.iter().map(|i| graph.node(*i).name.as_str()).collect();
    [
        label(node),
        shape,
        thousands(graph.parameters_of(id).map(|p| p.len() as u64).sum()),
        names.join(", "),
    ]
}

fn label(node: &Node) -> String {
    if node.name == node.op.name() {
        node.name.clone()
    } else {
        format!("{} ({})", node.name, node.op.name())
    }
}

fn reads_previous(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).inputs.as_slice(), [one] if one.index() + 1 == id.index())
}

/// The node with the most trainable parameters, and their number.
pub fn heaviest(graph: &Graph) -> Option<(&str, usize)> {
    graph
        .ids()
        .map(|id| {
            let trainable = graph.parameters_of(id).filter(|p| p.role.is_trainable());
            let count: usize = trainable.map(Parameter::len).sum();
            (graph.node(id).name.as_str(), count)
        })
        .filter(|(_, count)| *count > 0)
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// What to expect before training: the number of parameters relative to the training data.
/// `songs` is the number of different songs in the training set, where known.
pub fn capacity(graph: &Graph, samples: usize, songs: Option<usize>) -> String {
    let count = graph.trainable_count();
    let mut text = format!(
        "{} has {} trainable parameters: {:.1} per training sample ({})",
        model_name(graph.model()),
        thousands(count as u64),
        count as f64 / samples as f64,
        thousands(samples as u64)
    );
    if let Some(songs) = songs {
        let _ = write!(
            text,
            " and {:.0} per song ({})",
            count as f64 / songs as f64,
            thousands(songs as u64)
        );
    }
    text.push('.');
    if let Some((name, heavy)) = heaviest(graph) {
        let share = 100.0 * heavy as f64 / count as f64;
        let _ = write!(
            text,
            " {} of them ({share:.1} %) are in the layer {name}.",
            thousands(heavy as u64)
        );
    }
    text.push_str(match count / samples.max(1) {
        0 => " With fewer parameters than samples, overfitting is unlikely but possible.",
        1..10 => " With a few parameters per sample, moderate overfitting is possible.",
        _ => " With many parameters per sample, overfitting is likely.",
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    #[test]
    fn p1_has_the_parameter_counts_of_keras() {
        let model = Model::open("p1").unwrap();
        for (h, w, count) in [(80, 80, 84_382), (128, 87, 132_382), (128, 25, 42_782)] {
            assert_eq!(model.graph([h, w, 1], 4).unwrap().parameter_count(), count);
        }
    }

    #[test]
    fn tables_of_built_in_models_fit_80_columns() {
        for (name, _) in crate::models::built_in() {
            let graph = Model::open(name).unwrap().graph([128, 87, 1], 10).unwrap();
            let text = LayerTable(&graph).to_string();
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        let graph = Model::open("p2").unwrap().graph([80, 80, 1], 4).unwrap();
        let text = LayerTable(&graph).to_string();
        assert!(
            text.contains(" time.max, time.mean,\n") && text.contains(" level.deviation\n"),
            "{text}"
        );
    }

    #[test]
    fn the_table_has_a_row_for_each_node_and_the_total() {
        let graph = Model::open("p1").unwrap().graph([80, 80, 1], 4).unwrap();
        let text = LayerTable(&graph).to_string();
        assert!(
            text.contains(" conv2d_1 (conv2d)             (None, 40, 40, 8)       808\n"),
            "{text}"
        );
        assert!(text.contains("Total params: 84,382"), "{text}");
        assert!(!text.contains("Reads"), "a chain needs no column for what a node reads");
    }
}
