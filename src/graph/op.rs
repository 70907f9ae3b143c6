//! What nodes do, and the one rule of shapes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The shape of one sample at a node, without the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A map of `h` mel bands (0 lowest), `w` frames and `c` channels, channels last.
    Map {
        /// Rows: mel bands at the input.
        h: usize,
        /// Columns: frames at the input.
        w: usize,
        /// Channels.
        c: usize,
    },
    /// A vector of features.
    Flat(usize),
}

impl Shape {
    /// Number of elements per sample.
    pub fn len(self) -> usize {
        match self {
            Self::Map { h, w, c } => h * w * c,
            Self::Flat(n) => n,
        }
    }

    /// True if a sample has no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map { h, w, c } => write!(f, "[{h}, {w}, {c}]"),
            Self::Flat(n) => write!(f, "[{n}]"),
        }
    }
}

/// How a convolution treats the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros around the input, so that the output is as large: `(k - 1) / 2`
    /// before and the rest after, as Keras does.
    Same,
    /// No padding: the output is `k - 1` smaller.
    Valid,
}

/// What follows a layer's sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The sum itself.
    #[default]
    Linear,
    /// `max(0, x)`, with derivative 0 at 0 as Keras has it.
    Relu,
}

/// What a node does. A closed list: every backend matches all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// The samples.
    Input,
    /// 2-D cross-correlation, stride 1. Kernel `[k_h, k_w, c_in, c_out]`.
    Conv2d {
        /// Output channels.
        filters: usize,
        /// `[k_h, k_w]`.
        kernel: [usize; 2],
        /// Border rule.
        padding: Padding,
        /// Whether a bias is added.
        bias: bool,
        /// What follows the sum.
        activation: Activation,
    },
    /// Maximum over windows, stride = window; a rest at the border is dropped.
    MaxPool2d {
        /// `[rows, columns]` of a window.
        window: [usize; 2],
    },
    /// A map as a vector, in h, w, c order.
    Flatten,
    /// Joins maps of equal h and w along channels, or vectors end to end.
    Concat,
    /// `y = x W + b`. Kernel `[in, out]`.
    Dense {
        /// Output features.
        units: usize,
        /// Whether a bias is added.
        bias: bool,
        /// What follows the sum.
        activation: Activation,
        /// Penalty `l2 · Σ w²` on the kernel, added to the loss once per batch.
        l2: f32,
    },
    /// Softmax over the classes, with the cross-entropy taken from the logits.
    /// Always the last node.
    Softmax,
}

impl Op {
    /// The op's name in model files, kernels and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv2d { .. } => "conv2d",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::Flatten => "flatten",
            Self::Concat => "concat",
            Self::Dense { .. } => "dense",
            Self::Softmax => "softmax",
        }
    }

    /// The shape that this op makes of its inputs', or what is wrong with them.
    pub(super) fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let one = || match inputs {
            [shape] => Ok(*shape),
            _ => Err(format!("{} takes one input, found {}", self.name(), inputs.len())),
        };
        let map = || match one()? {
            Shape::Map { h, w, c } => Ok((h, w, c)),
            Shape::Flat(n) => Err(format!("expected a map [h, w, c] as input, found [{n}]")),
        };
        match *self {
            Self::Input => Err("only the first node is the input".into()),
            Self::Conv2d { filters, kernel: [k_h, k_w], padding, .. } => {
                let (h, w, _) = map()?;
                if filters == 0 || k_h == 0 || k_w == 0 {
                    return Err("filters and kernel must be at least 1".into());
                }
                match padding {
                    Padding::Same => Ok(Shape::Map { h, w, c: filters }),
                    Padding::Valid if k_h > h || k_w > w => {
                        Err(format!("kernel [{k_h}, {k_w}] is larger than its input {}", inputs[0]))
                    }
                    Padding::Valid => Ok(Shape::Map { h: h + 1 - k_h, w: w + 1 - k_w, c: filters }),
                }
            }
            Self::MaxPool2d { window: [k_h, k_w] } => {
                let (h, w, c) = map()?;
                if k_h == 0 || k_w == 0 {
                    return Err("the window must be at least [1, 1]".into());
                }
                if k_h > h || k_w > w {
                    return Err(format!(
                        "window [{k_h}, {k_w}] is larger than its input {}",
                        inputs[0]
                    ));
                }
                Ok(Shape::Map { h: h / k_h, w: w / k_w, c })
            }
            Self::Flatten => one().map(|shape| Shape::Flat(shape.len())),
            Self::Concat => concat_output(inputs),
            Self::Dense { units, l2, .. } => match one()? {
                Shape::Flat(_) if units == 0 => Err("units must be at least 1".into()),
                Shape::Flat(_) if !(l2.is_finite() && l2 >= 0.0) => {
                    Err(format!("l2 must be 0 or more, found {l2}"))
                }
                Shape::Flat(_) => Ok(Shape::Flat(units)),
                shape => {
                    Err(format!("expected a vector as input, found {shape}; flatten it first"))
                }
            },
            Self::Softmax => match one()? {
                Shape::Flat(n) if n >= 2 => Ok(Shape::Flat(n)),
                shape => Err(format!("expected a vector of two or more logits, found {shape}")),
            },
        }
    }
}

fn concat_output(inputs: &[Shape]) -> Result<Shape, String> {
    let [first, rest @ ..] = inputs else {
        return Err("concat takes two or more inputs, found none".into());
    };
    if rest.is_empty() {
        return Err("concat takes two or more inputs, found 1".into());
    }
    rest.iter().try_fold(*first, |joined, shape| match (joined, *shape) {
        (Shape::Map { h, w, c }, Shape::Map { h: h2, w: w2, c: c2 }) if h == h2 && w == w2 => {
            Ok(Shape::Map { h, w, c: c + c2 })
        }
        (Shape::Flat(a), Shape::Flat(b)) => Ok(Shape::Flat(a + b)),
        _ => {
            Err(format!("expected inputs that agree with {first} but for channels, found {shape}"))
        }
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::graph) const MAP: Shape = Shape::Map { h: 3, w: 5, c: 2 };

    pub(in crate::graph) fn conv(kernel: [usize; 2], padding: Padding) -> Op {
        Op::Conv2d { filters: 4, kernel, padding, bias: true, activation: Activation::Relu }
    }

    #[test]
    fn shapes_follow_keras() {
        let shape = |op: Op| op.output(&[MAP]);
        assert_eq!(shape(conv([5, 5], Padding::Same)), Ok(Shape::Map { h: 3, w: 5, c: 4 }));
        assert_eq!(shape(conv([3, 2], Padding::Valid)), Ok(Shape::Map { h: 1, w: 4, c: 4 }));
        assert_eq!(shape(Op::MaxPool2d { window: [2, 2] }), Ok(Shape::Map { h: 1, w: 2, c: 2 }));
        assert_eq!(shape(Op::Flatten), Ok(Shape::Flat(30)));
        assert_eq!(Op::Concat.output(&[MAP, MAP]), Ok(Shape::Map { h: 3, w: 5, c: 4 }));
    }
}
