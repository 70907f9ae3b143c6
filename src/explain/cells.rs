//! A layer that is explained, and the bands and frames that each cell of its output covers.

use serde::{Deserialize, Serialize};

use crate::graph::{Axis, Border, Graph, NodeId, Op, Padding, Shape};

/// The cells of a layer along one axis: cell `i` covers the input from `first + i · size` to
/// `first + (i + 1) · size`. Its receptive field is wider by the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CellGrid {
    /// Begin of the first cell, in bands or frames of the input.
    pub first: f64,
    /// Length of each cell, in bands or frames of the input.
    pub size: f64,
    /// Number of cells.
    pub count: usize,
}

/// The rectangle of the input that a layer's cells cover.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReceptiveSpan {
    /// Along mel bands.
    pub bands: CellGrid,
    /// Along frames.
    pub frames: CellGrid,
}

/// A layer that is explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// The node's name.
    pub name: String,
    /// `[h, w, c]` of its output.
    pub shape: [usize; 3],
    /// Where its cells lie on the input.
    pub place: ReceptiveSpan,
}

impl CellGrid {
    /// One cell for each of `count` elements.
    fn all(count: usize) -> Self {
        Self { first: 0.0, size: 1.0, count }
    }

    /// After a convolution of `kernel` taps at every `stride`-th cell: the middle of a cell is that of
    /// the taps. Where an odd kernel pads at stride 1, cells stay where they are.
    fn convolved(self, kernel: usize, stride: usize, padding: Padding) -> Self {
        let Some(Border { out, before, .. }) = padding.along(self.count, kernel, stride) else {
            return Self { count: 0, ..self };
        };
        // A stride beyond the input leaves one cell, which is not larger than the input.
        let stride = stride.min(self.count) as f64;
        let middle = (kernel as f64 - 1.0) / 2.0 - before as f64 + 0.5;
        Self {
            first: self.first + self.size * (middle - stride / 2.0),
            size: self.size * stride,
            count: out,
        }
    }

    fn pooled(self, window: usize) -> Self {
        Self { size: self.size * window as f64, count: self.count / window, ..self }
    }

    /// One cell that covers all of them.
    fn joined(self) -> Self {
        Self { size: self.size * self.count as f64, count: 1, ..self }
    }
}

impl ReceptiveSpan {
    /// The span of a node's cells; none for vectors, which have no positions.
    pub fn of(graph: &Graph, id: NodeId) -> Option<Self> {
        let node = graph.node(id);
        let Shape::Map { h, w, .. } = node.shape else { return None };
        let below = || node.inputs.first().and_then(|input| Self::of(graph, *input));
        match node.op {
            Op::Input => Some(Self { bands: CellGrid::all(h), frames: CellGrid::all(w) }),
            Op::Conv2d { kernel: [k_h, k_w], strides: [s_h, s_w], padding, .. }
            | Op::DepthwiseConv2d { kernel: [k_h, k_w], strides: [s_h, s_w], padding, .. } => {
                below().map(|place| Self {
                    bands: place.bands.convolved(k_h, s_h, padding),
                    frames: place.frames.convolved(k_w, s_w, padding),
                })
            }
            Op::MaxPool2d { window: [k_h, k_w] }
            | Op::AvgPool2d { window: [k_h, k_w] }
            | Op::StdPool2d { window: [k_h, k_w], .. } => below().map(|place| Self {
                bands: place.bands.pooled(k_h),
                frames: place.frames.pooled(k_w),
            }),
            Op::Crop { bands } => below()
                .map(|place| Self { bands: CellGrid { count: bands, ..place.bands }, ..place }),
            Op::AxisToChannels { axis } => below().map(|place| match axis {
                Axis::Mel => Self { bands: place.bands.joined(), ..place },
                Axis::Time => Self { frames: place.frames.joined(), ..place },
            }),
            Op::BatchNorm { .. }
            | Op::Activation { .. }
            | Op::Dropout { .. }
            | Op::Concat
            | Op::Add => below(),
            Op::Flatten | Op::Dense { .. } | Op::Softmax => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    fn place(model: &str, shape: [usize; 3], node: &str) -> Option<ReceptiveSpan> {
        let graph = Model::open(model).unwrap().graph(shape, 4).unwrap();
        ReceptiveSpan::of(&graph, graph.find(node).unwrap())
    }

    #[test]
    fn pools_make_cells_of_windows() {
        let cells = |size, count| CellGrid { first: 0.0, size, count };
        let want = ReceptiveSpan { bands: cells(8.0, 10), frames: cells(8.0, 3) };
        assert_eq!(place("p1", [80, 25, 1], "max_pooling2d_2"), Some(want));
        assert_eq!(place("p1", [80, 25, 1], "flatten"), None);
    }

    #[test]
    fn what_is_pooled_over_all_frames_is_one_cell_of_all() {
        let cells = |size, count| CellGrid { first: 0.0, size, count };
        let want = ReceptiveSpan { bands: cells(16.0, 7), frames: cells(25.0, 1) };
        assert_eq!(place("p2", [128, 25, 1], "band.pool2"), Some(want));
        let want = ReceptiveSpan { bands: cells(1.0, 112), frames: cells(1.0, 25) };
        for node in ["time.norm", "frequency.norm"] {
            assert_eq!(place("p2", [128, 25, 1], node), Some(want), "{node}");
        }
    }

    #[test]
    fn a_valid_kernel_leaves_a_border() {
        let got = CellGrid::all(10).convolved(5, 1, Padding::Valid).pooled(2);
        assert_eq!(got, CellGrid { first: 2.0, size: 2.0, count: 3 });
        let got = CellGrid::all(10).convolved(2, 2, Padding::Valid);
        assert_eq!(got, CellGrid { first: 0.0, size: 2.0, count: 5 }, "as a pooling");
        // Taps 0 to 2, 2 to 4, …, of which the last is padding.
        let got = CellGrid::all(10).convolved(3, 2, Padding::Same);
        assert_eq!(got, CellGrid { first: 0.5, size: 2.0, count: 5 });
    }
}
