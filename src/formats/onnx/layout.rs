//! How tensors lie in an ONNX file. There maps are `[n, c, h, w]`, so kernels have other axes, and a map
//! that becomes a vector has its elements in another order; the rows of what reads it follow.

use crate::graph::{Graph, Node, NodeId, Op, Parameter, Role, Shape};

/// A tensor of ours, seen as one of four axes, and where these lie in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    /// The tensor's own extents, as four.
    dims: [usize; 4],
    /// Which of them come first, second, … in the file.
    axes: [usize; 4],
    /// The extents in the file.
    pub(super) shape: Vec<usize>,
}

/// The map `[h, w, c]` whose elements a vector has in the order c, h, w; none if its order is ours.
pub(super) type Order = Option<[usize; 3]>;

/// The order of each node's elements. Maps have none.
pub(super) fn orders(graph: &Graph) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for node in graph.nodes() {
        let of_input = || node.inputs.first().and_then(|id| orders.get(id.index()).copied()?);
        let order = match node.op {
            Op::Flatten => match node.inputs.first().map(|id| graph.node(*id).shape) {
                // With one channel or one position both orders are the same.
                Some(Shape::Map { h, w, c }) => (c > 1 && h * w > 1).then_some([h, w, c]),
                Some(Shape::Flat(_)) | None => of_input(),
            },
            Op::Activation { .. } | Op::Dropout { .. } | Op::BatchNorm { .. } => of_input(),
            Op::Input
            | Op::Conv2d { .. }
            | Op::DepthwiseConv2d { .. }
            | Op::MaxPool2d { .. }
            | Op::AvgPool2d { .. }
            | Op::StdPool2d { .. }
            | Op::Crop { .. }
            | Op::AxisToChannels { .. }
            | Op::Concat
            | Op::Add
            | Op::Dense { .. }
            | Op::Softmax => None,
        };
        orders.push(order);
    }
    orders
}

impl Layout {
    /// That of a parameter.
    pub(super) fn of(graph: &Graph, orders: &[Order], parameter: &Parameter) -> Self {
        let node: &Node = graph.node(parameter.node);
        let order = |id: &NodeId| orders.get(id.index()).copied().flatten();
        let kernel = match parameter.shape[..] {
            [a, b, c, d] if parameter.role == Role::Kernel => Some([a, b, c, d]),
            _ => None,
        };
        match node.op {
            Op::Conv2d { .. } => kernel.map_or_else(
                || Self::same(parameter),
                |[k_h, k_w, c_in, c_out]| Self {
                    dims: [k_h, k_w, c_in, c_out],
                    axes: [3, 2, 0, 1],
                    shape: vec![c_out, c_in, k_h, k_w],
                },
            ),
            Op::DepthwiseConv2d { .. } => kernel.map_or_else(
                || Self::same(parameter),
                |[k_h, k_w, c, multiplier]| Self {
                    dims: [k_h, k_w, c, multiplier],
                    axes: [2, 3, 0, 1],
                    shape: vec![c * multiplier, 1, k_h, k_w],
                },
            ),
            Op::BatchNorm { .. } => Self::rows(parameter, node.inputs.first().and_then(order)),
            Op::Dense { .. } if parameter.role == Role::Kernel => {
                Self::rows(parameter, node.inputs.first().and_then(order))
            }
            Op::Dense { .. }
            | Op::Input
            | Op::MaxPool2d { .. }
            | Op::AvgPool2d { .. }
            | Op::StdPool2d { .. }
            | Op::Activation { .. }
            | Op::Dropout { .. }
            | Op::Crop { .. }
            | Op::AxisToChannels { .. }
            | Op::Flatten
            | Op::Concat
            | Op::Add
            | Op::Softmax => Self::same(parameter),
        }
    }

    /// Rows in the order of the vector that they go with.
    fn rows(parameter: &Parameter, order: Order) -> Self {
        let Some([h, w, c]) = order else { return Self::same(parameter) };
        Self {
            dims: [h, w, c, parameter.len() / (h * w * c)],
            axes: [2, 0, 1, 3],
            shape: parameter.shape.clone(),
        }
    }

    fn same(parameter: &Parameter) -> Self {
        let shape = parameter.shape.clone();
        Self { dims: [1, 1, 1, parameter.len()], axes: [0, 1, 2, 3], shape }
    }

    /// Our values as they lie in the file.
    pub(super) fn in_file(&self, values: &[f32]) -> Vec<f32> {
        self.sources().map(|from| values[from]).collect()
    }

    /// The file's values as they lie in ours; as many as the layout has.
    pub(super) fn in_ours(&self, values: &[f32]) -> Vec<f32> {
        let mut ours = vec![0.0; values.len()];
        for (to, value) in self.sources().zip(values) {
            ours[to] = *value;
        }
        ours
    }

    /// The place in ours of each element of the file.
    fn sources(&self) -> impl Iterator<Item = usize> {
        let [_, b, c, d] = self.dims;
        let strides = [b * c * d, c * d, d, 1];
        let [extents, steps] = [self.dims, strides].map(|of| self.axes.map(|axis| of[axis]));
        let count: usize = extents.iter().product();
        (0..count).map(move |mut index| {
            let mut at = 0;
            for (extent, step) in extents.iter().zip(steps).rev() {
                at += index % extent * step;
                index /= extent;
            }
            at
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    #[test]
    fn a_tensor_comes_back_from_the_file_as_it_was() {
        let text = r#"
            node = [
                {name = "a", op = "depthwise_conv2d", kernel = [3, 2], multiplier = 2},
                {name = "b", op = "conv2d", kernel = [1, 3], filters = 4},
                {name = "flat", op = "flatten"},
                {name = "norm", op = "batch_norm"},
                {name = "head", op = "dense", units = "classes"},
                {name = "softmax", op = "softmax"},
            ]"#;
        let graph = Model::parse("all", text).unwrap().graph([5, 4, 3], 2).unwrap();
        let orders = orders(&graph);
        for parameter in graph.parameters() {
            let layout = Layout::of(&graph, &orders, parameter);
            let values: Vec<f32> = (0..parameter.len()).map(|i| i as f32).collect();
            let file = layout.in_file(&values);
            assert_eq!(layout.in_ours(&file), values, "{}", parameter.name);
            let vector = ["a/bias", "b/bias", "head/bias"].contains(&parameter.name.as_str());
            assert_eq!(file == values, vector, "{}", parameter.name);
        }
        // [3, 2, 3, 2]: the second file row is the second filter of the first channel.
        let depthwise = Layout::of(&graph, &orders, &graph.parameters()[0]);
        let values: Vec<f32> = (0..36).map(|i| i as f32).collect();
        assert_eq!(depthwise.in_file(&values)[6..12], [1.0, 7.0, 13.0, 19.0, 25.0, 31.0]);
    }
}
