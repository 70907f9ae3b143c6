//! Which elements belong together: under a kernel, under a window, on either side of a move.

use genre_gpu::graph::{Axis, Graph, NodeId, Padding, Shape};

pub fn map(shape: Shape) -> [usize; 3] {
    match shape {
        Shape::Map { h, w, c } => [h, w, c],
        Shape::Flat(n) => [1, 1, n],
    }
}

pub struct Conv {
    x: [usize; 3],
    y: [usize; 3],
    kernel: [usize; 2],
    before: [usize; 2],
}

impl Conv {
    pub fn new(graph: &Graph, id: NodeId, kernel: [usize; 2], padding: Padding) -> Self {
        let before = match padding {
            Padding::Same => [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2],
            Padding::Valid => [0, 0],
        };
        let node = graph.node(id);
        let x = map(graph.node(node.inputs[0]).shape);
        Self { x, y: map(node.shape), kernel, before }
    }

    /// Calls `f(input index, kernel index, output index)` for every product of the sum.
    pub fn products(&self, n: usize, mut f: impl FnMut(usize, usize, usize)) {
        let ([h, w, c_in], [h_out, w_out, c_out]) = (self.x, self.y);
        for s in 0..n {
            for r in 0..h_out {
                for q in 0..w_out {
                    for i in 0..self.kernel[0] {
                        for j in 0..self.kernel[1] {
                            let (row, col) = (r + i, q + j);
                            if row < self.before[0] || col < self.before[1] {
                                continue;
                            }
                            let (row, col) = (row - self.before[0], col - self.before[1]);
                            if row >= h || col >= w {
                                continue;
                            }
                            for c in 0..c_in {
                                for o in 0..c_out {
                                    f(
                                        ((s * h + row) * w + col) * c_in + c,
                                        ((i * self.kernel[1] + j) * c_in + c) * c_out + o,
                                        ((s * h_out + r) * w_out + q) * c_out + o,
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The indices under each window, row by row, for every element of the output.
pub fn windows(n: usize, [h, w, c]: [usize; 3], [k_h, k_w]: [usize; 2]) -> Vec<Vec<usize>> {
    let mut windows = Vec::new();
    for s in 0..n {
        for r in 0..h / k_h {
            for q in 0..w / k_w {
                for ch in 0..c {
                    let mut under = Vec::new();
                    for i in 0..k_h {
                        for j in 0..k_w {
                            under.push(((s * h + r * k_h + i) * w + q * k_w + j) * c + ch);
                        }
                    }
                    windows.push(under);
                }
            }
        }
    }
    windows
}

/// The first maximum.
pub fn winner(x: &[f64], under: &[usize]) -> usize {
    under.iter().copied().reduce(|best, at| if x[at] > x[best] { at } else { best }).unwrap()
}

/// For each element of the output, the one of the input that it is.
pub fn moved(n: usize, [h, w, c]: [usize; 3], axis: Axis) -> Vec<usize> {
    let mut from = Vec::new();
    for s in 0..n {
        let (kept, given) = if axis == Axis::Mel { (w, h) } else { (h, w) };
        for k in 0..kept {
            for g in 0..given {
                let (r, q) = if axis == Axis::Mel { (g, k) } else { (k, g) };
                (0..c).for_each(|ch| from.push(((s * h + r) * w + q) * c + ch));
            }
        }
    }
    from
}

/// For each input of a concat: pairs of (index in the input, index in the output).
pub fn concat_pairs(graph: &Graph, id: NodeId, n: usize) -> Vec<Vec<(usize, usize)>> {
    let node = graph.node(id);
    let [h, w, total] = map(node.shape);
    let mut offset = 0;
    let mut all = Vec::new();
    for input in &node.inputs {
        let [_, _, c] = map(graph.node(*input).shape);
        let mut pairs = Vec::new();
        for position in 0..n * h * w {
            for ch in 0..c {
                pairs.push((position * c + ch, position * total + offset + ch));
            }
        }
        offset += c;
        all.push(pairs);
    }
    all
}
