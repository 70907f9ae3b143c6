//! Layers of a Keras model as values, in a list where each reads earlier ones only.

use serde_json::{Map, Value};

/// A layer, or an operation of `keras.ops` in its place.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Unique in the model.
    pub(super) name: String,
    /// `Conv2D`, or `Sqrt` of `keras.ops`.
    pub(super) class: String,
    /// Whether it is a layer, which the file of weights counts.
    pub(super) is_layer: bool,
    /// Its settings.
    pub(super) config: Map<String, Value>,
    /// Indices of the layers that it reads.
    pub(super) inputs: Vec<usize>,
}

/// The order of `model.layers` in a functional model with these layers, whose output is the last one's:
/// by the longest way to the output, then by the order of a search from there. Keras finds this order
/// whenever it makes a model, whatever the order in the file (`map_graph` in keras/src/ops/function.py).
pub(super) fn functional_order(layers: &[Layer]) -> Vec<usize> {
    let Some(last) = layers.len().checked_sub(1) else { return Vec::new() };
    // Depth first, by a stack: a hostile file has long chains.
    let (mut seen, mut visits) = (vec![false; layers.len()], Vec::new());
    let mut waiting = vec![last];
    while let Some(index) = waiting.pop() {
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        visits.push(index);
        waiting.extend(layers[index].inputs.iter().rev());
    }
    let mut depth = vec![0usize; layers.len()];
    for index in (0..layers.len()).rev().filter(|index| seen[*index]) {
        for &input in &layers[index].inputs {
            depth[input] = depth[input].max(depth[index] + 1);
        }
    }
    // Stable: equal depths stay in the order of the search.
    visits.sort_by_key(|index| std::cmp::Reverse(depth[*index]));
    visits
}

/// The group of each layer in a file of weights: the class in snake case, numbered from the second of
/// that class on. `order` is that of `model.layers`.
pub(super) fn groups(layers: &[Layer], order: &[usize]) -> Vec<Option<String>> {
    let mut groups = vec![None; layers.len()];
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for &index in order {
        let layer = &layers[index];
        if !layer.is_layer {
            continue;
        }
        let class = snake_case(&layer.class);
        let count = counts.entry(class.clone()).or_default();
        groups[index] = Some(match *count {
            0 => class,
            n => format!("{class}_{n}"),
        });
        *count += 1;
    }
    groups
}

/// `BatchNormalization` as `batch_normalization`, `Conv2D` as `conv2d`, `DepthwiseConv2D` as
/// `depthwise_conv2d`: by the two rules of keras/src/utils/naming.py.
fn snake_case(class: &str) -> String {
    let word: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut text = String::new();
    for (i, &c) in word.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| word[i]);
        let after = word.get(i + 1);
        let starts = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                // A capital before small letters, or behind a small letter.
                after.is_some_and(char::is_ascii_lowercase) || before.is_ascii_lowercase()
            });
        if starts {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, class: &str, inputs: &[usize]) -> Layer {
        let (name, class, inputs) = (name.to_owned(), class.to_owned(), inputs.to_vec());
        Layer { name, class, is_layer: true, config: Map::new(), inputs }
    }

    #[test]
    fn classes_are_named_as_keras_names_them() {
        let names = ["Conv2D", "DepthwiseConv2D", "BatchNormalization", "MaxPooling2D", "Dense"];
        let snakes =
            ["conv2d", "depthwise_conv2d", "batch_normalization", "max_pooling2d", "dense"];
        assert_eq!(names.map(snake_case), snakes);
    }

    #[test]
    fn layers_are_in_the_order_that_keras_gives_them() {
        // a; b reads a; c reads a; d reads c and b: c is found before b.
        let layers = [
            layer("a", "InputLayer", &[]),
            layer("b", "Conv2D", &[0]),
            layer("c", "Conv2D", &[0]),
            layer("d", "Add", &[2, 1]),
        ];
        let order = functional_order(&layers);
        assert_eq!(order, [0, 2, 1, 3]);
        let groups = groups(&layers, &order);
        let groups: Vec<_> = groups.iter().map(|group| group.as_deref().unwrap()).collect();
        assert_eq!(groups, ["input_layer", "conv2d_1", "conv2d", "add"]);
    }
}
